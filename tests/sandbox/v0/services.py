# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a participant of Canton 2 and the port each belongs to, as ``sandbox/services/__init__.py`` has them."""

from __future__ import annotations

from typing import Any

from sandbox import services
from sandbox.release import Release

_EARLY = [
    "sandbox.services.health.HealthService",
    "sandbox.v0.status.StatusService",
    "sandbox.v0.vault_service.VaultService",
    "sandbox.v0.identity.InitializationService",
    "sandbox.v0.topology_write.TopologyManagerWriteService",
    "sandbox.v0.topology_read.TopologyManagerReadService",
    "sandbox.v0.aggregation.TopologyAggregationService",
]
_LATE = [
    "sandbox.v0.connectivity.DomainConnectivityService",
    "sandbox.v0.packages.PackageService",
    "sandbox.v0.repair.ParticipantRepairService",
    "sandbox.v0.small_services.InspectionService",
    "sandbox.v0.small_services.PartyNameManagementService",
    "sandbox.v0.small_services.PingService",
    "sandbox.v0.small_services.ResourceManagementService",
]
_LEDGER = [
    "sandbox.services.health.HealthService",
    "sandbox.v0.ledger.ActiveContractsService",
    "sandbox.v0.ledger.UserManagementService",
    "sandbox.v0.ledger.PartyManagementService",
    "sandbox.v0.ledger.IdentityProviderConfigService",
    "sandbox.v0.ledger.PackageManagementService",
]
# Not in 2.8 (docs/canton/canton-2.md#28-and-210).
_SINCE_2_10 = [
    "sandbox.v0.status.ParticipantStatusService",
]


def early(line: Release) -> list[Any]:
    return services.load(_EARLY + (_SINCE_2_10 if line.name != "2.8" else []))


def late(line: Release) -> list[Any]:
    return services.load(_LATE)


def ledger(line: Release) -> list[Any]:
    return services.load(_LEDGER)
