# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EventQueryService of the ledger API: what happened to one contract."""

from __future__ import annotations

from typing import Any

from sandbox import acs_export, contracts, event_filter
from sandbox.errors import CantonError
from sandbox.node import Node
from sandbox.services.ledger_errors import invalid_field


class EventQueryService:
    SERVICE = "com.daml.ledger.api.v2.EventQueryService"

    def __init__(self, node: Node) -> None:
        self._node = node

    def GetEventsByContractId(self, request: Any, context: Any) -> Any:
        contract_id = contracts.parse_contract_id(request.contract_id)
        if contract_id is None:
            raise invalid_field("contract_id", f'cannot parse ContractId "{request.contract_id}"')
        wanted = event_filter.required(request.event_format, request.HasField("event_format"))
        with self._node.db.read() as db:
            newest = contracts.newest(db, self._node.name, contract_id)
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
