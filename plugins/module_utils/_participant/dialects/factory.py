# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dialect that a node speaks, by the services that it lists."""

from __future__ import annotations

import typing as t

from ..._api.endpoint import Endpoint
from ..._errors import NotOffered
from ..model.interface import Participant

if t.TYPE_CHECKING:
    from ..._api.channel import Api
    from ..._api.description import KeptDescriptions

CANTON = "com.digitalasset.canton."


def open_participant(admin: Endpoint, ledger: Endpoint | None) -> Participant:
    """The participant behind these endpoints, in the dialect that its admin API speaks: it describes itself.

    Only that dialect is loaded, as every task pays for what it imports.
    """
    from ..._api.channel import Api
    from ..._api.description import KeptDescriptions

    kept = KeptDescriptions(admin.description_cache) if admin.description_cache else None
    api = Api(admin, kept)
    ledger_api = Api(ledger, kept) if ledger else None
    found = _speaker(api, ledger_api)
    if kept is not None and not _is_of(kept, found):
        for each in (api, ledger_api):
            if each is not None:
                each.describe_again()
        found = _speaker(api, ledger_api)
    return found


def _speaker(api: Api, ledger_api: Api | None) -> Participant:
    if is_canton_2(api.services):
        from .v0 import V0

        return V0(api, ledger_api)
    from .v30 import V30

    return V30(api, ledger_api)


def _is_of(kept: KeptDescriptions, participant: Participant) -> bool:
    """Whether what is kept is of this node as it is now: one of Canton 3 that is initialised, which reports its whole release."""
    try:
        found = participant.identity()
    except NotOffered:
        return kept.confirm("")
    whole = participant.major > 2 and found.initialized and found.version
    return kept.confirm(f"{found.uid} {found.version}" if whole else "")


def is_canton_2(services: t.Iterable[str]) -> bool:
    """Whether a node that lists these services is one of Canton 2."""
    versions = {name.split(".")[-2] for name in services if name.startswith(CANTON)}
    return "v0" in versions and "v30" not in versions
