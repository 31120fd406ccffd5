# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PartyNameManagementService: names of parties, local to their participant."""

from __future__ import annotations

from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.state import party_records
from sandbox.v0.node import Node
from sandbox.wire.errors import BareError


class PartyNameManagementService(Service[Node]):
    SERVICE = "com.digitalasset.canton.participant.admin.v0.PartyNameManagementService"

    def setPartyDisplayName(self, request: Any, context: Any) -> Any:
        if request.party_id not in self._node.view.known_parties():
            raise BareError(grpc.StatusCode.INVALID_ARGUMENT, f"party {request.party_id} is unknown")
        with self._node.db.write() as db:
            party_records.set_display_name(db, self._node.name, request.party_id, request.display_name)
        return self._cls("SetPartyDisplayNameResponse")()
