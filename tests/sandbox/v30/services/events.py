# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EventQueryService of the ledger API: what happened to one contract."""

from __future__ import annotations

from typing import Any

from sandbox.daml import contracts
from sandbox.node import event_filter
from sandbox.node.ledger_errors import invalid_field
from sandbox.node.services.service import Service
from sandbox.state import ledger
from sandbox.v30 import acs_export
from sandbox.v30.node import Node
from sandbox.wire.errors import CantonError


class EventQueryService(Service[Node]):
    SERVICE = "com.daml.ledger.api.v2.EventQueryService"

    def GetEventsByContractId(self, request: Any, context: Any) -> Any:
        contract_id = contracts.parse_contract_id(request.contract_id)
        if contract_id is None:
            raise invalid_field("contract_id", f'cannot parse ContractId "{request.contract_id}"')
        wanted = event_filter.required(request.event_format, request.HasField("event_format"))
        with self._node.db.read() as db:
            newest = ledger.newest(db, self._node.name, contract_id)
        contract = contracts.parse_blob(newest[0].blob) if newest else None
        visible = wanted.visible(contract) if contract else None
        if newest is None or contract is None or visible is None:
            raise CantonError("CONTRACT_EVENTS_NOT_FOUND", "Contract events not found, or not visible.")
        active, ended_offset = newest
        response = self._node.messages.cls("v2.GetEventsByContractIdResponse")()
        event = response.created.created_event
        acs_export.fill_event(event, active, contract, visible.witnesses, visible.with_blob)
        response.created.synchronizer_id = active.synchronizer_id
        if ended_offset is not None:
            archived = response.archived.archived_event
            archived.offset = ended_offset
            archived.contract_id = request.contract_id
            archived.template_id.CopyFrom(event.template_id)
            archived.witness_parties.extend(event.witness_parties)
            archived.package_name = event.package_name
            response.archived.synchronizer_id = active.synchronizer_id
        return response
