# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ParticipantRepairService of Canton 2: contracts out of, into and away from a participant
(docs/canton/canton-2.md#export-and-import).

Download, Upload, MigrateDomain, PurgeDeactivatedDomain, IgnoreEvents and UnignoreEvents are not played: UNIMPLEMENTED.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from typing import Any

from sandbox.daml.acs_stream import SnapshotReader, write_snapshot
from sandbox.node.acs_import import ImportRefused
from sandbox.node.services.repair import RepairService, check_uid, invalid_repair, refuse_changes
from sandbox.state import connections, ledger
from sandbox.v0.acs_export import Selection, records
from sandbox.v0.acs_import import AcsImport
from sandbox.v0.node import Node
from sandbox.wire import ids
from sandbox.wire.errors import CantonError

_DIRTY = "dirty_requests"
_IMPORT_ARGUMENTS = {"workflow_id_prefix": "Workflow ID prefix", "onboarded_parties": "Onboarded parties"}


class ParticipantRepairService(RepairService[Node]):
    SERVICE = "com.digitalasset.canton.participant.admin.v0.ParticipantRepairService"
    WORD = "Domain"
    ALIAS = "domain"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        node.on_connected.append(self._forget_dirty_requests)

    def _forget_dirty_requests(self, _alias: str, _domain_id: str) -> None:
        """A reconnect processes again what was under way."""
        if self._node.knob(_DIRTY, False):
            self._node.db.set_knob(self._node.name, _DIRTY, False)

    # --- export

    def ExportAcs(self, request: Any, context: Any) -> Iterator[Any]:
        """Nothing is sent before the whole snapshot lies in a temporary file."""
        selection = self._export_selection(request)
        with self._node.db.read() as db:
            offset = ledger.ledger_end(db, self._node.name)
        chunk_bytes = self._chunk_bytes()
        with tempfile.TemporaryFile() as file:
            for chunk in write_snapshot(records(self._node, selection, offset)):
                file.write(chunk)
            file.seek(0)
            yield from self._send(iter(lambda: file.read(chunk_bytes), b""))

    def _export_selection(self, request: Any) -> Selection:
        for party in request.parties:
            check_uid(party, "parties")
        until = request.timestamp.ToMicroseconds() if request.HasField("timestamp") else None
        self._check_timestamp(until)
        if getattr(request, "parties_offboarding", False):
            self._check_offboarding(request.filter_domain_id)
        return Selection(
            parties=frozenset(request.parties),
            prefix=request.filter_domain_id,
            renames={source: self._target(source, to) for source, to in request.contract_domain_renames.items()},
            until=until,
        )

    def _target(self, source: str, target: Any) -> tuple[str, int]:
        """The domain under which contracts go out, and the protocol version in whose form."""
        check_uid(source, "source domain id")
        check_uid(target.domain_id, "target domain id")
        given, known = target.protocol_version, None
        if target.domain_id in self._known_synchronizers():
            known = self._node.view.domain_protocol_version(target.domain_id)
        if known is not None and known != given:
            raise invalid_repair(
                f"Inconsistent protocol versions for domain {ids.short(target.domain_id)}: it has {known}, but "
                f"{given} was asked for"
            )
        if known is None and given not in self._node.release.protocol_versions:
            raise invalid_repair(f"Protocol version {given} is not supported")
        return target.domain_id, given

    def _check_timestamp(self, until: int | None) -> None:
        if until is None:
            return
        with self._node.db.read() as db:
            pruned = ledger.pruned_to(db, self._node.name)
        if until > ids.now():
            raise CantonError(
                "INVALID_ACS_SNAPSHOT_TIMESTAMP", f"The snapshot at {until} is not available yet: try again later"
            )
        if pruned:
            raise CantonError("UNAVAILABLE_ACS_SNAPSHOT", f"The snapshot at {until} has been pruned")

    def _check_offboarding(self, prefix: str) -> None:
        connected = set(self._node.connected().values())
        for domain_id in sorted(self._known_synchronizers() - connected):
            if domain_id.startswith(prefix):
                raise invalid_repair(
                    f"Parties offboarding on domain {ids.short(domain_id)} needs its topology: the participant is not "
                    "connected to it"
                )

    # --- import

    def ImportAcs(self, requests: Iterator[Any], context: Any) -> Any:
        """Nothing happens before the upload is complete; then batch by batch, each domain for itself."""
        first = next(requests, None) or self._cls("ImportAcsRequest")()
        snapshot = b"".join(self._snapshot_chunks(first, requests, self._refuse_changes))
        with AcsImport(self._node, first) as work:
            self._read_all(SnapshotReader([snapshot]), work)
            try:
                work.commit_batches(self._check_batch)
            except ImportRefused as error:
                raise CantonError("IMPORT_ACS_ERROR", str(error)) from error
        return self._cls("ImportAcsResponse")()

    def _refuse_changes(self, first: Any, request: Any) -> None:
        fields = request.DESCRIPTOR.fields_by_name
        refuse_changes(first, request, {field: name for field, name in _IMPORT_ARGUMENTS.items() if field in fields})

    def _check_batch(self, db: sqlite3.Connection, synchronizer_id: str) -> None:
        if synchronizer_id not in connections.known(db, self._node.name):
            raise CantonError("IMPORT_ACS_ERROR", f"Not able to find domain alias for {ids.short(synchronizer_id)}")
        obstacle = self._obstacle(db, synchronizer_id)
        if obstacle:
            raise CantonError("IMPORT_ACS_ERROR", obstacle)
        self._refuse_memory(synchronizer_id)

    def _obstacle(self, db: sqlite3.Connection, synchronizer_id: str) -> str:
        if synchronizer_id in connections.connected(db, self._node.name).values():
            return f"Participant is still connected to domain {ids.short(synchronizer_id)}"
        if self._node.knob(_DIRTY, False):
            return (
                "Cannot apply a repair command as events have been published up to an offset that the command would be "
                f"assigned. Reconnect to the domain {ids.short(synchronizer_id)} to reprocess the dirty requests."
            )
        return ""
