# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""InspectionService of Canton 2."""

from __future__ import annotations

from typing import Any

import grpc

from sandbox.daml import contracts
from sandbox.node.services.service import Service
from sandbox.state import connections, ledger
from sandbox.v0 import offsets
from sandbox.v0.node import Node
from sandbox.wire.errors import BareError


class InspectionService(Service[Node]):
    """LookupTransactionDomain and LookupOffsetByTime are not played: UNIMPLEMENTED. The numbers in flight are knobs, for
    nothing is ever in flight here."""

    SERVICE = "com.digitalasset.canton.participant.admin.v0.InspectionService"

    def LookupContractDomain(self, request: Any, context: Any) -> Any:
        """contract id -> alias of the domain on which it is active; others are left out."""
        response = self._cls("LookupContractDomain.Response")()
        with self._node.db.read() as db:
            for text in request.contract_id:
                contract_id = contracts.parse_contract_id(text)
                found = ledger.status(db, self._node.name, contract_id) if contract_id else None
                if found and found[0] == "active":
                    response.results[text] = self._node.view.alias_of(found[2]) or ""
        return response

    def LookupOffsetByIndex(self, request: Any, context: Any) -> Any:
        """The offset of the n-th event; the first one has index 1."""
        with self._node.db.read() as db:
            end = ledger.ledger_end(db, self._node.name)
        if not 1 <= request.index <= end:
            raise BareError(grpc.StatusCode.INVALID_ARGUMENT, f"Index {request.index} is not between 1 and {end}")
        return self._cls("LookupOffsetByIndex.Response")(offset=offsets.text(request.index))

    def CountInFlight(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            if request.domain_id not in connections.known(db, self._node.name):
                raise BareError(grpc.StatusCode.INVALID_ARGUMENT, f"Not connected to {request.domain_id}")
        return self._cls("CountInFlight.Response")(
            pending_submissions=self._node.knob("pending_submissions", 0),
            pending_transactions=self._node.knob("pending_transactions", 0),
        )
