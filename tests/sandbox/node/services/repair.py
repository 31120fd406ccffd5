# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ParticipantRepairService: contracts out of, into and away from a participant
(docs/canton/contracts.md#export, docs/canton/contracts.md#import, docs/canton/contracts.md#purge)."""

from __future__ import annotations

import itertools
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc

from sandbox.daml import contracts
from sandbox.daml.acs_stream import CHUNK_BYTES, NotGzip, RecordCut, SnapshotAltered, SnapshotCut, SnapshotReader
from sandbox.node.acs_import import AcsImport, ImportRefused
from sandbox.node.services.service import N, Service
from sandbox.state import connections, ledger
from sandbox.wire import ids
from sandbox.wire.errors import BareError, CantonError, proto_failure

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


class RepairService(Service[N], ABC):
    # How errors name what a participant connects to, and the field that holds its alias in a request to purge.
    WORD: str
    ALIAS: str
    IMPORT_ERROR = "IMPORT_ACS_ERROR"
    EXPORTED = "ExportAcsResponse"

    def _known_synchronizers(self) -> set[str]:
        with self._node.db.read() as db:
            return {ids.logical(psid) for psid in connections.known(db, self._node.name)}

    # --- export

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

    # --- import

    def _refuse_memory(self, synchronizer_id: str) -> None:
        if self._node.config["storage"] == "memory":
            raise CantonError(
                self.IMPORT_ERROR,
                f"{ids.short(synchronizer_id)} is in memory which is not supported by repair. Use db persistence.",
            )

    @abstractmethod
    def _obstacle(self, db: sqlite3.Connection, synchronizer_id: str) -> str:
        """Why nothing can be repaired on a synchronizer now; empty when it can."""

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
                ledger.end(db, self._node.name, present, "purged")
        return self._cls("PurgeContractsResponse")()

    def _purgeable(self, db: sqlite3.Connection, request: Any, wanted: list[bytes], synchronizer: str) -> list[bytes]:
        present = []
        for contract_id in wanted:
            found = ledger.status(db, self._node.name, contract_id)
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
