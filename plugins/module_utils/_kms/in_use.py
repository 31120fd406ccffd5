# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a participant lists a key of a KMS: asked before the key is deleted, or loses a name by which a node may know it."""

from __future__ import annotations

import typing as t
from functools import partial

from ansible_collections.ledgerops.canton.plugins.module_utils import _connection
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import Key

if t.TYPE_CHECKING:
    from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Key as NodeKey
    from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.interface import Participant


class Keys(t.Protocol):
    def identify(self, name: str) -> str | None: ...


Open = t.Callable[[], "Participant"]


def asked(params: t.Mapping[str, t.Any]) -> list[Open]:
    """The participants of ``in_use_by``, opened when they are asked; none with ``force``. gRPC is wanted only if there are some."""
    if not params["in_use_by"] or params["force"]:
        return []
    _connection.check_dependencies()
    return [
        partial(_connection.participant_of, options, f"participant {number} of in_use_by")
        for number, options in enumerate(params["in_use_by"], 1)
    ]


def refuse_while_listed(keys: Keys, key: Key, participants: t.Iterable[Open], what: str) -> None:
    """Raise CantonError when one of the participants lists the key, or can't be asked. ``what`` ends "Key X ..."."""
    users = [user for user in (_user(keys, key, each) for each in participants) if user]
    if users:
        raise CantonError(
            f"Key {key.arn} {what}, since it is in use by {', '.join(users)}",
            error_id="key_in_use",
            hint="Give these participants other keys first, or retire them. Set force to true only if they never run "
            "again: what only this key signs or decrypts is lost with it.",
            details={"arn": key.arn, "participants": users},
        )


def refuse_while_named(participants: t.Iterable[Open], alias: str) -> None:
    """Raise CantonError when one of the participants has registered a key under this alias."""
    users = []
    for each in participants:
        uid, listed = _ask(each, f"has registered {alias}")
        if any(_own_name(name) == alias for item in listed for name in _names(item)):
            users.append(uid)
    if users:
        raise CantonError(
            f"{alias} can't be moved or removed: {', '.join(users)} knows a key by it",
            error_id="alias_in_use",
            hint="Such a node doesn't notice: it keeps the old public key and fails at its next signature. Register the "
            "key's ARN with it first; force does it all the same.",
            details={"participants": users},
        )


def _user(keys: Keys, key: Key, open_participant: Open) -> str | None:
    uid, listed = _ask(open_participant, f"lists key {key.arn}")
    return uid if any(_is_same(keys, key, item) for item in listed) else None


def _ask(open_participant: Open, whether: str) -> tuple[str, list[NodeKey]]:
    try:
        participant = open_participant()
        return participant.identity().uid, participant.own_keys()
    except CantonError as exc:
        raise CantonError(
            f"Whether a participant {whether} can't be known: {exc.message}",
            error_id="in_use_unknown",
            hint=f"{exc.hint} Or take the participant out of in_use_by, or set force to true, if it is no more.".strip(),
            retryable=exc.retryable,
            details=exc.details,
        ) from exc


def _is_same(keys: Keys, key: Key, listed: NodeKey) -> bool:
    """By the public key, whatever name the node has for it; else by id, ARN or alias, in every region of the key."""
    if key.public_key_der and listed.der == key.public_key_der:
        return True
    return any(_names_it(keys, key, name) for name in _names(listed))


def _names_it(keys: Keys, key: Key, name: str) -> bool:
    own = _own_name(name)
    if own == key.key_id or own in (key.aliases or ()):
        return True
    # aliases may not be listed to everybody, but each leads to its key
    return own.startswith("alias/") and own == name and keys.identify(name) == key.arn


def _names(listed: NodeKey) -> list[str]:
    return [name for name in (listed.kms_key_id, listed.wrapper_key_id) if name]


def _own_name(name: str) -> str:
    """An id or alias without what an ARN has in front."""
    return name.split(":", 5)[-1].removeprefix("key/") if name.startswith("arn:") else name
