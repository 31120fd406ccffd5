# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a participant and the port each belongs to.

``EARLY`` ones answer as soon as the process runs, the other admin services and the ledger API when the node is
initialised (docs/canton/identity-and-start.md#a-starting-node-returns-unimplemented).
"""

from __future__ import annotations

from typing import Any

from sandbox.node.services.health import HealthService
from sandbox.node.services.service import load
from sandbox.wire.release import Release

_EARLY = [
    "apiinfo.ApiInfoService",
    "status.ParticipantStatusService",
    "vault.VaultService",
    "identity.IdentityInitializationService",
    "topology_write.TopologyManagerWriteService",
    "topology_read.TopologyManagerReadService",
    "aggregation.TopologyAggregationService",
]
_LATE = [
    "connectivity.SynchronizerConnectivityService",
    "inspection.ParticipantInspectionService",
    "pruning.PruningService",
    "limits.ResourceManagementService",
    "synchronizer_time.SynchronizerTimeService",
    "packages.PackageService",
    "repair.ParticipantRepairService",
    "party_management.PartyManagementService",
    "ping.PingService",
]
_LEDGER = [
    "ledger_state.StateService",
    "ledger_admin.UserManagementService",
    "ledger_admin.PartyManagementService",
    "ledger_admin.IdentityProviderConfigService",
    "ledger_packages.LedgerPackageService",
    "ledger_packages.PackageManagementService",
    "events.EventQueryService",
    "version.VersionService",
]


def early(_line: Release) -> list[Any]:
    return [HealthService, *load(__name__, _EARLY)]


def late(_line: Release) -> list[Any]:
    return load(__name__, _LATE)


def ledger(_line: Release) -> list[Any]:
    return [HealthService, *load(__name__, _LEDGER)]
