# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ParticipantRepairService: contracts out of, into and away from a participant (admin-api-3 C8)."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import grpc

from sandbox import acs_export, connections, contracts, ids
from sandbox.acs_import import AcsImport, ImportRefused
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
_TRUNCATED = (
    "BufferException(com.google.protobuf.InvalidProtocolBufferException: While parsing a protocol message, the input "
    "ended unexpectedly in the middle of a field.  This could mean either that the input has been truncated or that "
    "an embedded message misreported its own length.)"
)


def invalid_repair(cause: str) -> CantonError:
    return CantonError("INVALID_ARGUMENT_REPAIR", cause)


def _check_uid(text: str, field: str) -> None:
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


class ParticipantRepairService:
    SERVICE = "com.digitalasset.canton.admin.participant.v30.ParticipantRepairService"

    def __init__(self, node: Node) -> None:
        self._node = node

    def _cls(self, name: str) -> Any:
        return self._node.messages.cls(f"admin.participant.v30.{name}")

    def _known_synchronizers(self) -> set[str]:
        with self._node.db.read() as db:
            return {ids.logical(psid) for psid in connections.known(db, self._node.name)}

    # --- export

    def ExportAcs(self, request: Any, context: Any) -> Iterator[Any]:
        selection = self._selection(request)
        response = self._cls("ExportAcsResponse")
        records = acs_export.records(self._node, selection)
        chunk_bytes = int(self._node.knob("export_chunk_bytes", CHUNK_BYTES))
        pause = float(self._node.knob("export_chunk_ms", 0)) / 1000
        breaks_after = self._node.knob("export_abort_after_chunks")
        for number, chunk in enumerate(write_snapshot(records, chunk_bytes)):
            if breaks_after is not None and number >= int(breaks_after):
                raise BareError(grpc.StatusCode.UNAVAILABLE, "Connection closed by the sandbox while exporting")
            time.sleep(pause)
            yield response(chunk=chunk)

    def _selection(self, request: Any) -> acs_export.Selection:
        for party in request.party_ids:
            _check_uid(party, "party_ids")
        for party in request.excluded_stakeholder_ids:
            _check_uid(party, "excluded_stakeholder_ids")
        renames = {}
        for source, target in request.contract_synchronizer_renames.items():
            _check_uid(source, "source synchronizer id")
            _check_uid(target.target_synchronizer_id, "target synchronizer id")
            renames[source] = target.target_synchronizer_id
        if request.synchronizer_id:
            _check_uid(request.synchronizer_id, "filter_synchronizer_id")
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
        first = next(requests, None)
        if first is None:
            return self._cls("ImportAcsResponse")()
        arguments = self._import_arguments(first)
        self._check_importable(first.synchronizer_id)
        reader = SnapshotReader(self._snapshot_chunks(first, requests))
        with AcsImport(self._node, arguments) as work:
            self._read_all(reader, work)
            with self._node.db.write() as db:
                self._refuse_connected(db)
                try:
                    work.commit(db)
                except ImportRefused as error:
                    raise CantonError("IMPORT_ACS_ERROR", str(error)) from error
        return self._cls("ImportAcsResponse")()

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
        if self._node.config["storage"] == "memory":
            raise CantonError(
                "IMPORT_ACS_ERROR",
                f"{ids.short(synchronizer_id)} is in memory which is not supported by repair. Use db persistence.",
            )
        with self._node.db.read() as db:
            self._refuse_connected(db)
        if synchronizer_id not in self._known_synchronizers():
            raise CantonError("IMPORT_ACS_ERROR", f"Could not find {ids.short(synchronizer_id)}")

    def _refuse_connected(self, db: sqlite3.Connection) -> None:
        if connections.connected(db, self._node.name):
            raise CantonError("IMPORT_ACS_ERROR", _STILL_CONNECTED)

    def _snapshot_chunks(self, first: Any, rest: Iterator[Any]) -> Iterator[bytes]:
        pause = float(self._node.knob("import_ms_per_chunk", 0)) / 1000
        breaks_after = self._node.knob("import_abort_after_bytes")
        received = 0
        for request in itertools.chain([first], rest):
            received += len(request.acs_snapshot)
            if breaks_after is not None and received > int(breaks_after):
                raise BareError(grpc.StatusCode.UNAVAILABLE, "Connection closed by the sandbox while importing")
            time.sleep(pause)
            yield request.acs_snapshot

    def _read_all(self, reader: SnapshotReader, work: AcsImport) -> None:
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

    def _read_records(self, reader: SnapshotReader, work: AcsImport) -> None:
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
            raise CantonError("IMPORT_ACS_ERROR", str(error)) from error

    # --- purge

    def PurgeContracts(self, request: Any, context: Any) -> Any:
        alias = request.synchronizer_alias
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
                raise self._purge_error(alias, f"Could not find Synchronizer '{alias}'")
            if connections.connected(db, self._node.name):
                raise self._purge_error(alias, _STILL_CONNECTED)
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
                    request.synchronizer_alias,
                    f"Contract ContractId({contract_id.hex()}) cannot be purged: {state} contract. "
                    "Set ignoreAlreadyPurged = true to skip non-existing contracts.",
                )
        return list(dict.fromkeys(present))

    def _purge_error(self, alias: str, cause: str) -> CantonError:
        return CantonError("CONTRACT_PURGE_ERROR", cause, {"synchronizerAlias": f"Synchronizer '{alias}'"})
