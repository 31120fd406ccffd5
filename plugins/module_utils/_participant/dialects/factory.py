# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dialect that a node speaks, by the services that it lists."""

from __future__ import annotations

from ..._api.endpoint import Endpoint
from ..model.interface import Participant


def open_participant(admin: Endpoint, ledger: Endpoint | None) -> Participant:
    """The participant behind these endpoints, in the dialect that its admin API speaks: it describes itself."""
    from ..._api.channel import Api
    from .v0 import V0
    from .v30 import V30

    api = Api(admin)
    ledger_api = Api(ledger) if ledger else None
    return V0(api, ledger_api) if V0.is_spoken_by(api.services) else V30(api, ledger_api)
