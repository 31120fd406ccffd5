# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ActiveContractsService of ledger API v1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.daml import contracts
from sandbox.daml.contracts import Contract
from sandbox.node.acs_export import fill_shared, rows
from sandbox.node.event_filter import EventFilter, Visible
from sandbox.node.ledger_errors import invalid_argument, missing_field
from sandbox.node.services.service import Service
from sandbox.state import ledger
from sandbox.state.ledger import Active
from sandbox.v0 import offsets
from sandbox.v0.node import Node
from sandbox.wire.errors import CantonError


class ActiveContractsService(Service[Node]):
    SERVICE = "com.daml.ledger.api.v1.ActiveContractsService"

    def GetActiveContracts(self, request: Any, context: Any) -> Iterator[Any]:
        """Contracts, and behind them one answer with nothing but the offset at which they were read."""
        self._check_ledger_id(request.ledger_id)
        if not request.HasField("filter"):
            raise missing_field("filter")
        if not request.filter.filters_by_party:
            raise invalid_argument("filtersByParty cannot be empty")
        wanted = EventFilter(request.filter)
        offset = self._offset(request.active_at_offset)
        response = self._node.messages.cls("v1.GetActiveContractsResponse")
        for active, contract in rows(self._node, offset):
            visible = wanted.visible(contract)
            if visible is not None:
                answer = response(workflow_id=active.workflow_id)
                _fill_event(answer.active_contracts.add(), active, contract, visible, request.verbose)
                yield answer
        yield response(offset=offsets.text(offset))

    def _check_ledger_id(self, given: str) -> None:
        own = self._node.uid.partition("::")[0]
        if given not in ("", own):
            raise CantonError("LEDGER_ID_MISMATCH", f"Ledger ID '{given}' not found. Actual Ledger ID is '{own}'.")

    def _offset(self, given: str) -> int:
        """The ledger end when none is given."""
        with self._node.db.read() as db:
            end = ledger.ledger_end(db, self._node.name)
            pruned = ledger.pruned_to(db, self._node.name)
        if not given:
            return end
        offset = offsets.number(given)
        if offset is None:
            raise CantonError(
                "NON_HEXADECIMAL_OFFSET", f"Offset in active_at_offset not specified in hexadecimal: {given}"
            )
        if offset > end:
            raise CantonError(
                "OFFSET_AFTER_LEDGER_END",
                f"active_at_offset offset ({given}) is after ledger end ({offsets.text(end)})",
                retry=1,
            )
        if offset < pruned:
            raise CantonError(
                "PARTICIPANT_PRUNED_DATA_ACCESSED",
                f"Active contracts request at offset {given} precedes pruned offset {offsets.text(pruned)}",
                {"earliest_offset": offsets.text(pruned)},
            )
        return offset


def _fill_event(event: Any, active: Active, contract: Contract, visible: Visible, verbose: bool) -> None:
    fill_shared(event, contract, visible.witnesses, visible.with_blob)
    event.event_id = f"#{offsets.text(active.created_offset)}:{active.node_id}"
    if contract.package_name:
        event.package_name.value = contract.package_name
    event.agreement_text.SetInParent()
    if verbose:
        event.create_arguments.record_id.CopyFrom(event.template_id)
    _fill_record(event.create_arguments, contracts.create_argument(contract.blob), verbose)


def _fill_record(target: Any, record: Any, verbose: bool) -> None:
    """`verbose` adds labels; the names of the fields are in no blob, so they are numbered."""
    for number, field in enumerate(record.fields, 1):
        entry = target.fields.add(label=f"_{number}" if verbose else "")
        kind = field.value.WhichOneof("sum")
        if kind == "record":
            entry.value.record.SetInParent()
            _fill_record(entry.value.record, field.value.record, verbose)
        elif kind:
            setattr(entry.value, kind, getattr(field.value, kind))
