# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ParticipantRepairService: contracts out of, into and away from a participant
(docs/canton/contracts.md#export, docs/canton/contracts.md#import)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import grpc

from sandbox.daml.acs_stream import SnapshotReader, write_snapshot
from sandbox.node.acs_import import ImportRefused
from sandbox.node.services.repair import RepairService, check_uid, invalid_repair, refuse_changes
from sandbox.state import connections, ledger
from sandbox.v30 import acs_export
from sandbox.v30.acs_import import AcsImport
from sandbox.v30.node import Node
from sandbox.wire import ids
from sandbox.wire.errors import BareError, CantonError, field_not_set, proto_failure

_STILL_CONNECTED = "There are still synchronizers connected. Please disconnect all synchronizers."
_IMPORT_ARGUMENTS = {
    "workflow_id_prefix": "Workflow ID prefix",
    "contract_import_mode": "Contract import mode",
    "excluded_stakeholder_ids": "Excluded stakeholders",
    "representative_package_id_override": "Representative package id override",
}


class ParticipantRepairService(RepairService[Node]):
    SERVICE = "com.digitalasset.canton.admin.participant.v30.ParticipantRepairService"
    WORD = "Synchronizer"
    ALIAS = "synchronizer_alias"

    # --- export

    def ExportAcs(self, request: Any, context: Any) -> Iterator[Any]:
        selection = self._selection(request)
        records = acs_export.records(self._node, selection)
        yield from self._send(write_snapshot(records, self._chunk_bytes()))

    def _selection(self, request: Any) -> acs_export.Selection:
        for party in request.party_ids:
            check_uid(party, "party_ids")
        for party in request.excluded_stakeholder_ids:
            check_uid(party, "excluded_stakeholder_ids")
        renames = {}
        for source, target in request.contract_synchronizer_renames.items():
            check_uid(source, "source synchronizer id")
            check_uid(target.target_synchronizer_id, "target synchronizer id")
            renames[source] = target.target_synchronizer_id
        if request.synchronizer_id:
            check_uid(request.synchronizer_id, "filter_synchronizer_id")
            if request.synchronizer_id not in self._known_synchronizers():
                raise invalid_repair(f"Filter synchronizer id Some({ids.short(request.synchronizer_id)}) is unknown")
        self._check_offset(request.ledger_offset)
        return acs_export.Selection(
            parties=frozenset(request.party_ids),
            excluded=frozenset(request.excluded_stakeholder_ids),
            synchronizer_id=request.synchronizer_id,
            renames=renames,
            offset=request.ledger_offset,
        )

    def _check_offset(self, offset: int) -> None:
        if offset <= 0:
            raise invalid_repair(
                f"Invariant violation in field `ledger_offset`: Expecting positive value for offset, found {offset}."
            )
        with self._node.db.read() as db:
            end = ledger.ledger_end(db, self._node.name)
            pruned = ledger.pruned_to(db, self._node.name)
        if offset > end:
            raise invalid_repair(
                f"Ledger offset Offset({offset}) needs to be smaller or equal to the ledger end Offset({end})"
            )
        if offset < pruned:
            raise invalid_repair(f"Ledger offset Offset({offset}) is before the pruning offset Offset({pruned})")

    # --- import

    def ImportAcs(self, requests: Iterator[Any], context: Any) -> Any:
        response = self._cls("ImportAcsResponse")
        if self._node.release.buffered_import:
            first = next(requests, None)
            if first is None:
                raise BareError(grpc.StatusCode.UNKNOWN, "The import ACS request fields are not set")
            return response(contract_id_mappings=self._import_buffered(first, requests, _IMPORT_ARGUMENTS))
        first = next(requests, None)
        if first is not None:
            arguments = self._import_arguments(first)
            self._check_importable(first.synchronizer_id)
            self._import(arguments, requests)
        return response()

    def _import(self, first: Any, rest: Iterator[Any]) -> None:
        """Read all of a snapshot, then let it take effect."""
        reader = SnapshotReader(self._snapshot_chunks(first, rest))
        with AcsImport(self._node, first) as work:
            self._read_all(reader, work)
            try:
                self._commit(work)
            except ImportRefused as error:
                raise CantonError(self.IMPORT_ERROR, str(error)) from error

    def _commit(self, work: AcsImport) -> None:
        """All or nothing, unless it is to break off after some batches, which then stay."""
        batches = self._node.knob("import_abort_after_batches")
        if batches is None:
            with self._node.db.write() as db:
                self._refuse_connected(db)
                work.commit(db)
            return
        left = int(batches)

        def check(db: sqlite3.Connection, _synchronizer_id: str) -> None:
            nonlocal left
            self._refuse_connected(db)
            if not left:
                raise BareError(grpc.StatusCode.UNAVAILABLE, "Connection closed by the sandbox while importing")
            left -= 1

        # the knob is for 3.5; 3.4 does it so anyway
        work.commit_batches(check)

    def _import_buffered(self, first: Any, rest: Iterator[Any], repeated: dict[str, str]) -> dict[str, str]:
        """3.4: nothing happens before the upload is complete, and every message repeats the arguments. Returns the
        contract ids that were replaced."""

        def check(first: Any, request: Any) -> None:
            """Each must set the mode and repeat what the first one said."""
            if not request.contract_import_mode:
                raise BareError(grpc.StatusCode.UNKNOWN, "FieldNotSet(contract_import_mode)")
            refuse_changes(first, request, repeated)

        snapshot = b"".join(self._snapshot_chunks(first, rest, check))
        with AcsImport(self._node, first) as work:
            self._read_all(SnapshotReader([snapshot]), work)
            try:
                work.commit_batches(self._check_batch)
            except ImportRefused as error:
                raise CantonError(self.IMPORT_ERROR, str(error)) from error
            return work.recomputed

    def _check_batch(self, db: sqlite3.Connection, synchronizer_id: str) -> None:
        if synchronizer_id not in {ids.logical(psid) for psid in connections.known(db, self._node.name)}:
            raise CantonError(
                self.IMPORT_ERROR, f"Not able to find synchronizer alias for {ids.short(synchronizer_id)}"
            )
        self._refuse_connected(db)
        self._refuse_memory(synchronizer_id)

    def _import_arguments(self, first: Any) -> Any:
        """Only the first message is read for arguments; mode and synchronizer come before everything else."""
        if not first.HasField("synchronizer_id") or not first.synchronizer_id:
            raise field_not_set("synchronizer_id")
        if not first.HasField("contract_import_mode") or not first.contract_import_mode:
            raise field_not_set("contract_import_mode")
        if not ids.is_uid(first.synchronizer_id):
            raise proto_failure(f"StringConversionError(Invalid synchronizer id {first.synchronizer_id})")
        return first

    def _check_importable(self, synchronizer_id: str) -> None:
        self._refuse_memory(synchronizer_id)
        with self._node.db.read() as db:
            self._refuse_connected(db)
        if synchronizer_id not in self._known_synchronizers():
            raise CantonError(self.IMPORT_ERROR, f"Could not find {ids.short(synchronizer_id)}")

    def _refuse_connected(self, db: sqlite3.Connection) -> None:
        obstacle = self._obstacle(db, "")
        if obstacle:
            raise CantonError(self.IMPORT_ERROR, obstacle)

    def _obstacle(self, db: sqlite3.Connection, synchronizer_id: str) -> str:
        """No matter which synchronizer."""
        return _STILL_CONNECTED if connections.connected(db, self._node.name) else ""
