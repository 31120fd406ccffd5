# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and snapshots of Canton 3 for the tests of the sandbox."""

from __future__ import annotations

from typing import Any

from sandbox.daml.acs_stream import SnapshotReader, write_snapshot
from sandbox.wire.client import Participant
from sandbox.wire.definitions import messages
from sandbox.wire.release import release

REPAIR = "admin.participant.v30.ParticipantRepairService"
STATE = "v2.StateService"
VALIDATION, ACCEPT = "CONTRACT_IMPORT_MODE_VALIDATION", "CONTRACT_IMPORT_MODE_ACCEPT"


def ledger_end(participant: Participant) -> int:
    return int(participant.ledger(f"{STATE}/GetLedgerEnd").get("offset", 0))


def active(participant: Participant, *parties: str) -> list[dict[str, Any]]:
    """The active contracts, of the given parties or of any."""
    wildcard: dict[str, Any] = {"cumulative": [{"wildcard_filter": {}}]}
    wanted = {"filters_by_party": dict.fromkeys(parties, wildcard)} if parties else {"filters_for_any_party": wildcard}
    request = {"active_at_offset": ledger_end(participant), "event_format": wanted}
    return list(participant.ledger(f"{STATE}/GetActiveContracts", request))


def active_ids(participant: Participant, *parties: str) -> list[str]:
    return [each["active_contract"]["created_event"]["contract_id"] for each in active(participant, *parties)]


def records(snapshot: bytes) -> list[Any]:
    """The ActiveContract messages of a snapshot."""
    wire = messages(release("3.5"))
    outer, inner = wire.cls("admin.participant.v30.ActiveContract"), wire.cls("v2.ActiveContract")
    return [
        inner.FromString(outer.FromString(wire.unwrap(each)).active_contract) for each in SnapshotReader([snapshot])
    ]


def packed(entries: list[Any]) -> bytes:
    wire = messages(release("3.5"))
    outer = wire.cls("admin.participant.v30.ActiveContract")
    wrapped = [wire.wrap(outer(active_contract=each.SerializeToString()).SerializeToString()) for each in entries]
    return b"".join(write_snapshot(wrapped))
