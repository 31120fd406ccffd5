# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a participant of Canton 2 and the port each belongs to, as in ``sandbox/v30/services``."""

from __future__ import annotations

from typing import Any

from sandbox.node.services.health import HealthService
from sandbox.node.services.service import load
from sandbox.wire.release import Release

_EARLY = [
    "status.StatusService",
    "vault.VaultService",
    "identity.InitializationService",
    "topology_write.TopologyManagerWriteService",
    "topology_read.TopologyManagerReadService",
    "aggregation.TopologyAggregationService",
]
_LATE = [
    "connectivity.DomainConnectivityService",
    "packages.PackageService",
    "repair.ParticipantRepairService",
    "inspection.InspectionService",
    "party_names.PartyNameManagementService",
    "ping.PingService",
    "limits.ResourceManagementService",
]
_LEDGER = [
    "ledger_state.ActiveContractsService",
    "ledger_admin.UserManagementService",
    "ledger_admin.PartyManagementService",
    "ledger_admin.IdentityProviderConfigService",
    "ledger_packages.PackageManagementService",
]
# Not in 2.8 (docs/canton/canton-2.md#28-and-210).
_SINCE_2_10 = ["status.ParticipantStatusService"]


def early(line: Release) -> list[Any]:
    return [HealthService, *load(__name__, _EARLY + (_SINCE_2_10 if line.name != "2.8" else []))]


def late(_line: Release) -> list[Any]:
    return load(__name__, _LATE)


def ledger(_line: Release) -> list[Any]:
    return [HealthService, *load(__name__, _LEDGER)]
