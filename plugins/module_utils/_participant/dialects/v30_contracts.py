# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Canton 3: active contracts, and snapshots of them."""

from __future__ import annotations

import typing as t

from ..._api.wrapper import readable, unwrap_active_contract
from ..._errors import EventsUnknown
from ..model.entities import ActiveContract, Offset
from .node import active_contract
from .v30_messages import LEDGER, PARTICIPANT, REPAIR, SLOW_SECONDS, Node, snapshot_requests


class Contracts(Node):
    def ledger_end(self) -> Offset:
        return int(self.ledger.fresh(LEDGER + "StateService/GetLedgerEnd").offset)

    def active_contracts(self, parties: t.Iterable[str], offset: Offset) -> t.Iterator[ActiveContract]:
        wildcard: dict[str, t.Any] = {"cumulative": [{"wildcard_filter": {}}]}
        filters = dict.fromkeys(parties, wildcard)
        if not filters or not offset:
            return
        answers = self.ledger.stream(
            LEDGER + "StateService/GetActiveContracts",
            active_at_offset=offset,
            event_format={"filters_by_party": filters, "verbose": False},
        )
        for answer in answers:
            kind = answer.WhichOneof("contract_entry")
            if kind == "active_contract":
                entry = answer.active_contract
                counter = int(entry.reassignment_counter)
                yield active_contract(entry.created_event, entry.synchronizer_id, reassignments=counter)
            elif kind == "incomplete_unassigned":
                yield active_contract(answer.incomplete_unassigned.created_event, "", incomplete=True)
            elif kind == "incomplete_assigned":
                event = answer.incomplete_assigned.assigned_event
                yield active_contract(event.created_event, event.target, incomplete=True)

    def was_archived(self, contract_id: str, parties: t.Iterable[str]) -> bool | None:
        """See docs/canton/ledger-api.md#events-of-a-contract."""
        wildcard: dict[str, t.Any] = {"cumulative": [{"wildcard_filter": {}}]}
        try:
            answer = self.ledger.read(
                LEDGER + "EventQueryService/GetEventsByContractId",
                contract_id=contract_id,
                event_format={"filters_by_party": dict.fromkeys(parties, wildcard), "verbose": False},
            )
        except EventsUnknown:
            return False
        return bool(answer.HasField("archived"))

    def read_record(self, record: bytes) -> ActiveContract:
        """See docs/canton/contracts.md#snapshot."""
        inner = unwrap_active_contract(record)
        with readable("A contract record"):
            entry = self.ledger.message(LEDGER + "ActiveContract").FromString(inner)
        return active_contract(entry.created_event, entry.synchronizer_id)

    def export_contracts(
        self, parties: t.Sequence[str], offset: Offset, renames: t.Mapping[str, str], protocol_version: int | None
    ) -> t.Iterator[bytes]:
        """A synchronizer that stays what it is needs no rename (docs/canton/contracts.md#export)."""
        renamed = {old: {"target_synchronizer_id": new} for old, new in renames.items() if old != new}
        chunks = self.admin.stream(
            REPAIR + "ExportAcs", party_ids=list(parties), ledger_offset=offset, contract_synchronizer_renames=renamed
        )
        for answer in chunks:
            yield answer.chunk

    def import_contracts(
        self, chunks: t.Iterable[bytes], synchronizer: str, workflow_prefix: str, parties: t.Sequence[str]
    ) -> None:
        """Validation mode; 3.5 reads the arguments of the first message, 3.4 wants them in each
        (docs/canton/contracts.md#import, docs/canton/canton-3-4.md#arguments-of-an-import)."""
        arguments: dict[str, t.Any] = {
            "workflow_id_prefix": workflow_prefix,
            "contract_import_mode": "CONTRACT_IMPORT_MODE_VALIDATION",
        }
        if self.admin.has_field(PARTICIPANT + "ImportAcsRequest", "synchronizer_id"):
            first, later = {**arguments, "synchronizer_id": synchronizer}, {}
        else:
            first = later = arguments
        self.admin.upload(REPAIR + "ImportAcs", snapshot_requests(chunks, first, later))

    def purge_contracts(self, alias: str, contract_ids: t.Sequence[str], parties: t.Sequence[str]) -> None:
        """See docs/canton/contracts.md#purge."""
        self.admin.repeatable(
            REPAIR + "PurgeContracts",
            deadline=SLOW_SECONDS,
            synchronizer_alias=alias,
            contract_ids=list(contract_ids),
            ignore_already_purged=True,
        )

    def in_flight(self, synchronizer: str) -> int | None:
        """See docs/canton/synchronizers.md#work-in-flight."""
        answer = self.admin.fresh(
            PARTICIPANT + "ParticipantInspectionService/CountInFlight", synchronizer_id=synchronizer
        )
        return int(answer.pending_submissions + answer.pending_transactions)

    def pruning_schedule(self) -> str | None:
        answer = self.admin.read(PARTICIPANT + "PruningService/GetSchedule")
        return str(answer.schedule.cron) if answer.HasField("schedule") else ""
