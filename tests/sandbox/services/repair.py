# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ParticipantRepairService: contracts out of, into and away from a participant
(docs/canton/contracts.md#export, docs/canton/contracts.md#import, docs/canton/contracts.md#purge)."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc

from sandbox import acs_export, connections, contracts, ids
from sandbox.acs_import import AcsImport, ImportRefused, Staging
from sandbox.acs_stream import (
    CHUNK_BYTES,
    NotGzip,
    RecordCut,
    SnapshotAltered,
    SnapshotCut,
    SnapshotReader,
    write_snapshot,
)
from sandbox.errors import BareError, CantonError, field_not_set, proto_failure
from sandbox.node import Node

_STILL_CONNECTED = "There are still synchronizers connected. Please disconnect all synchronizers."
_IMPORT_ARGUMENTS = {
    "workflow_id_prefix": "Workflow ID prefix",
    "contract_import_mode": "Contract import mode",
    "excluded_stakeholder_ids": "Excluded stakeholders",
    "representative_package_id_override": "Representative package id override",
}
_TRUNCATED = (
    "BufferException(com.google.protobuf.InvalidProtocolBufferException: While parsing a protocol message, the input "
    "ended unexpectedly in the middle of a field.  This could mean either that the input has been truncated or that "
    "an embedded message misreported its own length.)"
)


def invalid_repair(cause: str) -> CantonError:
    return CantonError("INVALID_ARGUMENT_REPAIR", cause)


def check_uid(text: str, field: str) -> None:
    """The texts are recorded for a missing namespace and for a physical id where a logical one is due."""
    identifier, delimiter, namespace = text.partition("::")
    if not delimiter:
        raise invalid_repair(
            f"Unable to convert field `{field}`: Invalid unique identifier `{text}` with missing namespace."
        )
    if "::" in namespace or not identifier:
        raise invalid_repair(
            f"Unable to convert field `{field}`: Fingerprint decoding of `{text}` failed with: "
            "StringConversionError(String contains reserved delimiter `::`.,None)"
        )


def refuse_changes(first: Any, request: Any, arguments: dict[str, str]) -> None:
    """Each of the fields has to be as it was in the first message; ``arguments`` says how errors name them."""
    for field, name in arguments.items():
        before, after = getattr(first, field), getattr(request, field)
        if before != after:
            raise BareError(grpc.StatusCode.UNKNOWN, f"{name} cannot be changed from {before} to {after}")


class ParticipantRepairService:
    SERVICE = "com.digitalasset.canton.admin.participant.v30.ParticipantRepairService"
    PACKAGE = "admin.participant.v30"
    # How errors name what a participant connects to, and the field that holds its alias in a request to purge.
    WORD = "Synchronizer"
    ALIAS = "synchronizer_alias"
    IMPORT_ERROR = "IMPORT_ACS_ERROR"
    EXPORTED = "ExportAcsResponse"

    def __init__(self, node: Node) -> None:
        self._node = node

    def _cls(self, name: str) -> Any:
        return self._node.messages.cls(f"{self.PACKAGE}.{name}")

    def _known_synchronizers(self) -> set[str]:
        with self._node.db.read() as db:
            return {ids.logical(psid) for psid in connections.known(db, self._node.name)}

    # --- export

    def ExportAcs(self, request: Any, context: Any) -> Iterator[Any]:
        selection = self._selection(request)
        records = acs_export.records(self._node, selection)
        yield from self._send(write_snapshot(records, self._chunk_bytes()))

    def _chunk_bytes(self) -> int:
        return int(self._node.knob("export_chunk_bytes", CHUNK_BYTES))

    def _send(self, chunks: Iterable[bytes]) -> Iterator[Any]:
        """The chunks as the answers of an export."""
        response = self._cls(self.EXPORTED)
        pause = float(self._node.knob("export_chunk_ms", 0)) / 1000
        breaks_after = self._node.knob("export_abort_after_chunks")
        for number, chunk in enumerate(chunks):
            if breaks_after is not None and number >= int(breaks_after):
                raise BareError(grpc.StatusCode.UNAVAILABLE, "Connection closed by the sandbox while exporting")
            time.sleep(pause)
            yield response(chunk=chunk)

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
            end = contracts.ledger_end(db, self._node.name)
            pruned = contracts.pruned_to(db, self._node.name)
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

    def _refuse_memory(self, synchronizer_id: str) -> None:
        if self._node.config["storage"] == "memory":
            raise CantonError(
                self.IMPORT_ERROR,
                f"{ids.short(synchronizer_id)} is in memory which is not supported by repair. Use db persistence.",
            )

    def _refuse_connected(self, db: sqlite3.Connection) -> None:
        obstacle = self._obstacle(db, "")
        if obstacle:
            raise CantonError(self.IMPORT_ERROR, obstacle)

    def _obstacle(self, db: sqlite3.Connection, synchronizer_id: str) -> str:
        """Why nothing can be repaired on a synchronizer now; empty when it can. 3.x: no matter which one."""
        return _STILL_CONNECTED if connections.connected(db, self._node.name) else ""

    def _snapshot_chunks(
        self, first: Any, rest: Iterator[Any], check: Callable[[Any, Any], None] | None = None
    ) -> Iterator[bytes]:
        """The pieces of the snapshot as they arrive; `check` compares each message with the first."""
        pause = float(self._node.knob("import_ms_per_chunk", 0)) / 1000
        breaks_after = self._node.knob("import_abort_after_bytes")
        received = 0
        for request in itertools.chain([first], rest):
            if check:
                check(first, request)
            received += len(request.acs_snapshot)
            if breaks_after is not None and received > int(breaks_after):
                raise BareError(grpc.StatusCode.UNAVAILABLE, "Connection closed by the sandbox while importing")
            time.sleep(pause)
            yield request.acs_snapshot

    def _read_all(self, reader: SnapshotReader, work: Staging) -> None:
        try:
            self._read_records(reader, work)
        except NotGzip:
            raise BareError(grpc.StatusCode.UNKNOWN, "Input is not in the .gz format") from None
        except SnapshotCut:
            raise proto_failure("OtherError(null)") from None
        except SnapshotAltered:
            raise proto_failure("OtherError(Gzip-compressed data is corrupt)") from None
        except RecordCut:
            raise proto_failure(_TRUNCATED) from None

    def _read_records(self, reader: SnapshotReader, work: Staging) -> None:
        try:
            for record in reader:
                work.take(record)
        except RecordCut:
            reader.drain()
            raise
        except ImportRefused as error:
            # A damaged snapshot may still inflate to something: the damage is the better reason.
            reader.drain()
            if error.unreadable:
                raise proto_failure(str(error)) from error
            raise CantonError(self.IMPORT_ERROR, str(error)) from error

    # --- purge

    def PurgeContracts(self, request: Any, context: Any) -> Any:
        alias = getattr(request, self.ALIAS)
        if not request.contract_ids:
            raise invalid_repair("Missing contract ids to purge")
        contract_ids = []
        for text in request.contract_ids:
            parsed = contracts.parse_contract_id(text)
            if parsed is None:
                raise invalid_repair(f'cannot parse ContractId "{text}"')
            contract_ids.append(parsed)
        with self._node.db.write() as db:
            connection = connections.find(db, self._node.name, alias)
            if connection is None or not connection.psid:
                raise self._purge_error(alias, f"Could not find {self.WORD} '{alias}'")
            obstacle = self._obstacle(db, ids.logical(connection.psid))
            if obstacle:
                raise self._purge_error(alias, obstacle)
            present = self._purgeable(db, request, contract_ids, ids.logical(connection.psid))
            if present:
                contracts.end(db, self._node.name, present, "purged")
        return self._cls("PurgeContractsResponse")()

    def _purgeable(self, db: sqlite3.Connection, request: Any, wanted: list[bytes], synchronizer: str) -> list[bytes]:
        present = []
        for contract_id in wanted:
            found = contracts.status(db, self._node.name, contract_id)
            state = found[0] if found and found[2] == synchronizer else "missing"
            if state == "active":
                present.append(contract_id)
            elif not request.ignore_already_purged:
                raise self._purge_error(
                    getattr(request, self.ALIAS),
                    f"Contract ContractId({contract_id.hex()}) cannot be purged: {state} contract. "
                    "Set ignoreAlreadyPurged = true to skip non-existing contracts.",
                )
        return list(dict.fromkeys(present))

    def _purge_error(self, alias: str, cause: str) -> CantonError:
        return CantonError("CONTRACT_PURGE_ERROR", cause, {f"{self.WORD.lower()}Alias": f"{self.WORD} '{alias}'"})
