# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dialect that a node speaks, by the services that it lists."""

from __future__ import annotations

import typing as t

from ..._api.endpoint import Endpoint
from ..model.interface import Participant

CANTON = "com.digitalasset.canton."


def open_participant(admin: Endpoint, ledger: Endpoint | None) -> Participant:
    """The participant behind these endpoints, in the dialect that its admin API speaks: it describes itself.

    Only that dialect is loaded, as every task pays for what it imports.
    """
    from ..._api.channel import Api

    api = Api(admin)
    ledger_api = Api(ledger) if ledger else None
    if is_canton_2(api.services):
        from .v0 import V0

        return V0(api, ledger_api)
    from .v30 import V30

    return V30(api, ledger_api)


def is_canton_2(services: t.Iterable[str]) -> bool:
    """Whether a node that lists these services is one of Canton 2."""
    versions = {name.split(".")[-2] for name in services if name.startswith(CANTON)}
    return "v0" in versions and "v30" not in versions
