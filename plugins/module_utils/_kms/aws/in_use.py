# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""By which names a participant may know a key of AWS KMS, and what of a change would harm one that does."""

from __future__ import annotations

from .. import in_use
from ..model import Params, View
from .keys import AwsKeys
from .model import PENDING_STATES, AwsKey


def refuse_in_use(keys: AwsKeys, key: AwsKey, before: View, after: View, alias: str | None, params: Params) -> None:
    """Raise CantonError when the change takes a key, or ``alias``, away from a participant of ``in_use_by``."""
    participants = in_use.participants_of(params)
    if not participants:
        return
    ending = [
        region
        for region, state in after.get("replicas", {}).items()
        if state in PENDING_STATES and before["replicas"].get(region) not in PENDING_STATES
    ]
    what = ""
    if after["state"] in PENDING_STATES and before["state"] not in PENDING_STATES:
        what = "can't be deleted"
    elif ending:
        what = f"can't be deleted in {', '.join(ending)}"
    if what:
        in_use.refuse_while_listed(key, participants, lambda name: _names_key(keys, key, name), what)
    if alias:
        in_use.refuse_while_named(participants, alias, lambda name: own_name(name) == alias)


def _names_key(keys: AwsKeys, key: AwsKey, name: str) -> bool:
    """Id, ARN or alias, in every region of the key."""
    own = own_name(name)
    if own == key.key_id or own in (key.aliases or ()):
        return True
    # aliases may not be listed to everybody, but each resolves to its key
    return own.startswith("alias/") and own == name and keys.identify(name) == key.full_name


def own_name(name: str) -> str:
    """An id or alias without what an ARN has in front."""
    return name.split(":", 5)[-1].removeprefix("key/") if name.startswith("arn:") else name
