# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a participant refuses to write to the topology although it is well signed
(docs/canton/topology.md#mappings-that-a-participant-refuses)."""

from __future__ import annotations

import sqlite3
from typing import Any

from sandbox.node.core import Core
from sandbox.state import ledger, package_store, stores
from sandbox.v30 import mappings
from sandbox.v30.mappings import ADD, DTC, OTK, PTP, REMOVE, VTP
from sandbox.v30.topology import TopologyState
from sandbox.wire import ids
from sandbox.wire.errors import CantonError

FORCE_ALIEN_MEMBER = 1
FORCE_UNKNOWN_PACKAGE = 4
FORCE_ACTIVE_CONTRACTS = 6
FORCE_UNVALIDATED_KEYS = 7
FORCE_THRESHOLD = 14


def check(
    connection: sqlite3.Connection,
    core: Core,
    topology: TopologyState,
    store: str,
    operation: int,
    mapping: Any,
    force: set[int],
) -> None:
    """Raises when this node would not write this mapping."""
    code = mappings.code(mapping)
    if code in (OTK, VTP) and FORCE_ALIEN_MEMBER not in force:
        _check_own(core, mapping)
    if code == VTP and operation == ADD and FORCE_UNKNOWN_PACKAGE not in force:
        _check_packages(connection, core, mapping.vetted_packages)
    if code == PTP:
        _check_party(connection, core, topology, store, operation, mapping, force)


def _check_own(core: Core, mapping: Any) -> None:
    member = "::".join(ids.split(mappings.subject(mapping)))
    if member != core.uid:
        raise CantonError(
            "TOPOLOGY_DANGEROUS_COMMAND_REQUIRES_FORCE_ALIEN_MEMBER",
            f"Performing this operation for the member {ids.short(member)}, which is not this node, is dangerous."
            " Set the force flag AlienMember if you really know what you are doing.",
            {"member": ids.short(member), "topologyMapping": mappings.kind(mapping)},
        )


def _check_packages(connection: sqlite3.Connection, core: Core, vetted: Any) -> None:
    if vetted.participant_uid != core.uid:
        return
    missing = {package.package_id for package in vetted.packages} - package_store.package_ids(connection, core.name)
    if missing:
        listed = ", ".join(sorted(missing))
        raise CantonError(
            "TOPOLOGY_CANNOT_VET_DUE_TO_MISSING_PACKAGES",
            "Package vetting failed due to packages not existing on the local node",
            {"packages": f"Set({listed})"},
        )


def _check_party(
    connection: sqlite3.Connection,
    core: Core,
    topology: TopologyState,
    store: str,
    operation: int,
    mapping: Any,
    force: set[int],
) -> None:
    party = mapping.party_to_participant
    psid = stores.psid_of(store)
    confirming = [host for host in party.participants if host.permission in (1, 2)]
    if operation == ADD and FORCE_THRESHOLD not in force and party.threshold > max(1, len(confirming)):
        raise CantonError(
            "TOPOLOGY_CONFIRMING_THRESHOLD_CANNOT_BE_REACHED",
            f"Tried to set a confirming threshold ({party.threshold}) above the number of hosting nodes"
            f" ({len(confirming)}) for party {ids.short(party.party)}",
        )
    if psid is None:
        return
    members = {row.item.participant_uid for row in topology.heads(connection, store, DTC)}
    if operation == ADD:
        _check_members(party, members)
    if FORCE_ACTIVE_CONTRACTS not in force:
        _check_contracts(connection, core, topology, store, psid, operation, mapping)


def _check_members(party: Any, members: set[str]) -> None:
    if party.party in members:
        raise CantonError(
            "TOPOLOGY_PARTY_ID_CONFLICT_WITH_ADMIN_PARTY",
            f"Tried to allocate party {ids.short(party.party)} with the same UID as an already existing admin party",
            {"partyId": ids.short(party.party)},
        )
    unknown = [host.participant_uid for host in party.participants if host.participant_uid not in members]
    if unknown:
        listed = ", ".join(f"PAR::{ids.short(uid)}" for uid in unknown)
        raise CantonError("TOPOLOGY_UNKNOWN_MEMBERS", f"Members {listed} are unknown.", {"members": listed})


def _check_contracts(
    connection: sqlite3.Connection,
    core: Core,
    topology: TopologyState,
    store: str,
    psid: str,
    operation: int,
    mapping: Any,
) -> None:
    """A node that stops hosting a party must not have active contracts of it
    (docs/canton/topology.md#mappings-that-a-participant-refuses)."""
    head = topology.head(connection, store, mappings.unique_key(mapping))
    if head is None or head.transaction.operation == REMOVE:
        return
    hosted = any(host.participant_uid == core.uid for host in head.item.participants)
    party = mapping.party_to_participant
    stays = operation == ADD and any(host.participant_uid == core.uid for host in party.participants)
    if not hosted or stays:
        return
    active = ledger.active_parties(connection, core.name, ids.logical(psid))
    if not any(party.party in stakeholders for stakeholders in active):
        return
    name, synchronizer = ids.short(party.party), ids.short(ids.logical(psid))
    raise CantonError(
        "TOPOLOGY_DISABLE_PARTY_WITH_ACTIVE_CONTRACTS",
        f"Disable party {name} failed because there are active contracts on synchronizer {synchronizer}, on which the"
        " party is a stakeholder. It may also have other contracts on other synchronizers. Set the"
        " ForceFlag.DisablePartyWithActiveContracts if you really know what you are doing.",
        {"synchronizerId": synchronizer, "partyId": name, "psid": ids.short(psid)},
    )
