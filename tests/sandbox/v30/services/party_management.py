# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PartyManagementService of the admin API: a party's contracts to another participant of the same synchronizer
(docs/canton/party-replication.md#export-of-a-party, docs/canton/party-replication.md#import-of-a-party)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import grpc

from sandbox.daml.acs_stream import write_snapshot
from sandbox.state import connections, transactions
from sandbox.v30 import acs_export
from sandbox.v30.node import Node
from sandbox.v30.onboarding import Clearance, host_of, is_onboarding, rows_of
from sandbox.v30.services.repair import ParticipantRepairService
from sandbox.v30.topology import Row
from sandbox.wire import ids
from sandbox.wire.errors import BareError, CantonError, field_not_set

_WAIT_SECONDS = 120.0
_POLL_SECONDS = 0.05
_IMPORT_ARGUMENTS = {
    "workflow_id_prefix": "Workflow ID prefix",
    "contract_import_mode": "Contract import mode",
    "representative_package_id_override": "Representative package id override",
}


def _invalid(cause: str) -> CantonError:
    return CantonError("INVALID_ARGUMENT_PARTY_MANAGEMENT_ERROR", cause)


def _uid(text: str, field: str) -> str:
    if not ids.is_uid(text):
        raise _invalid(f"Unable to convert field `{field}`: Invalid unique identifier `{text}`")
    return text


class PartyManagementService(ParticipantRepairService):
    """Exports and imports as the repair service does, with other errors and other conditions."""

    SERVICE = "com.digitalasset.canton.admin.participant.v30.PartyManagementService"
    IMPORT_ERROR = "IO_STREAM_PARTY_MANAGEMENT_ERROR"
    EXPORTED = "ExportPartyAcsResponse"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._clearance = Clearance(node)
        # 3.4 knows the flag, but neither demands it nor reads a party from an import.
        self._strict = not node.release.buffered_import

    def _psid(self, synchronizer_id: str) -> str:
        with self._node.db.read() as db:
            known = connections.known(db, self._node.name)
        found = [psid for psid in known if ids.logical(psid) == synchronizer_id]
        if not found:
            raise _invalid(f"Unknown synchronizer {ids.short(synchronizer_id)}")
        return found[-1]

    # --- export

    def ExportPartyAcs(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        party = _uid(request.party_id, "party_id")
        target = _uid(request.target_participant_uid, "target_participant_uid")
        psid = self._psid(_uid(request.synchronizer_id, "synchronizer_id"))
        if target == self._node.uid:
            raise _invalid("The target participant is the one that exports")
        if request.begin_offset_exclusive < 0:
            raise _invalid(f"begin_offset_exclusive is negative: {request.begin_offset_exclusive}")
        offset, row = self._activation(psid, party, target, request)
        selection = acs_export.Selection(
            parties=frozenset({party}),
            excluded=frozenset(self._hosted(psid, target, int(row.row["valid_from"])) - {party, target}),
            synchronizer_id=ids.logical(psid),
            offset=offset,
        )
        yield from self._send(write_snapshot(acs_export.records(self._node, selection), self._chunk_bytes()))

    def _activation(self, psid: str, party: str, target: str, request: Any) -> tuple[int, Row]:
        """The first event after the given offset that brings the party to the target, once it is in effect."""
        deadline = time.monotonic() + _seconds(request)
        while True:
            found = self._events(psid, party, target, request.begin_offset_exclusive)
            for offset, row in found:
                if row.row["valid_from"] <= ids.now() and (is_onboarding(row, target) or not self._strict):
                    return offset, row
            if any(not is_onboarding(row, target) for _unused, row in found):
                raise CantonError(
                    "PARTY_ACS_EXPORT_MISSING_TARGET_ONBOARDING_MAPPING",
                    f"Aborted ACS export for party {ids.short(party)}: the mapping of target participant"
                    f" {ids.short(target)} lacks the onboarding flag.",
                    {"partyId": ids.short(party), "targetParticipant": ids.short(target)},
                )
            if time.monotonic() > deadline:
                raise CantonError(
                    "EFFECTIVE_PARTY_TO_PARTICIPANT_MAPPING_NOT_FOUND",
                    f"Found no effective party-to-participant mapping of party {ids.short(party)} for participant"
                    f" {ids.short(target)} after offset {request.begin_offset_exclusive} in time",
                    {"partyId": ids.short(party), "targetParticipant": ids.short(target)},
                )
            time.sleep(_POLL_SECONDS)

    def _events(self, psid: str, party: str, target: str, after: int) -> list[tuple[int, Row]]:
        with self._node.db.read() as db:
            events = transactions.topology_events(db, self._node.name, psid, after)
            found = [(offset, self._node.topology.by_id(db, number)) for offset, number in events]
        return [
            (offset, row)
            for offset, row in found
            if row.transaction.mapping.WhichOneof("mapping") == "party_to_participant"
            and row.item.party == party
            and host_of(row, target) is not None
        ]

    def _hosted(self, psid: str, uid: str, at: int) -> set[str]:
        hosting = self._node.view.hosting(psid, at)
        return {party for party, found in hosting.items() if uid in found.hosts or uid in found.onboarding}

    # --- import

    def ImportPartyAcs(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
        first = next(requests, None)
        if self._node.release.buffered_import:
            if first is None:
                raise BareError(grpc.StatusCode.UNKNOWN, "The import ACS request fields are not set")
            self._import_buffered(first, requests, _IMPORT_ARGUMENTS)
        elif first is not None:
            self._check_arguments(first)
            self._check_importable(first.synchronizer_id)
            if first.party_id:
                self._check_onboarding(self._psid(first.synchronizer_id), _uid(first.party_id, "party_id"))
            self._import(first, requests)
            if first.party_id:
                self._clearance.remember(self._psid(first.synchronizer_id), first.party_id)
        return self._cls("ImportPartyAcsResponse")()

    @staticmethod
    def _check_arguments(first: Any) -> None:
        _uid(first.synchronizer_id, "synchronizer_id")
        if not first.contract_import_mode:
            raise field_not_set("contract_import_mode")

    def _check_onboarding(self, psid: str, party: str) -> None:
        """What the node itself knows counts; a proposal will do."""
        with self._node.db.read() as db:
            effective = [row for row in rows_of(self._node, db, psid, party) if row.row["valid_until"] is None]
            rows = [*effective[-1:], *rows_of(self._node, db, psid, party, proposals=True)]
        if not any(is_onboarding(row, self._node.uid) for row in rows):
            raise CantonError(
                "PARTY_ACS_IMPORT_MISSING_ONBOARDING_MAPPING",
                f"Aborted ACS import for party {ids.short(party)}: missing party-to-participant mapping or required"
                " onboarding flag for this participant.",
                {"partyId": ids.short(party)},
            )

    # --- the onboarding flag

    def ClearPartyOnboardingFlag(self, request: Any, context: grpc.ServicerContext) -> Any:
        party = _uid(request.party_id, "party_id")
        psid = self._psid(_uid(request.synchronizer_id, "synchronizer_id"))
        if psid not in self._node.connected().values():
            raise CantonError(
                "INVALID_STATE_PARTY_MANAGEMENT_ERROR",
                f"Not connected to synchronizer {ids.short(request.synchronizer_id)}",
            )
        self._clearance.wait(psid, party, _seconds(request))
        try:
            due = self._clearance.earliest(psid, party)
        except LookupError:
            raise CantonError(
                "PARTY_ONBOARDING_CLEARANCE_MISSING_MAPPING",
                f"Aborted clearing the onboarding flag of party {ids.short(party)}: this participant does not host it.",
                {"partyId": ids.short(party)},
            ) from None
        response = self._cls("ClearPartyOnboardingFlagResponse")(onboarded=due is None)
        if due is not None:
            response.earliest_retry_timestamp.FromMicroseconds(due)
            self._clearance.start(psid, party)
        return response


def _seconds(request: Any) -> float:
    if not request.HasField("wait_for_activation_timeout"):
        return _WAIT_SECONDS
    return float(request.wait_for_activation_timeout.ToMilliseconds()) / 1000
