# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a participant and the port each belongs to.

``EARLY`` ones answer as soon as the process runs, the other admin services and the ledger API when the node is
initialised (docs/canton/identity-and-start.md#a-starting-node-returns-unimplemented).
"""

from __future__ import annotations

import importlib
from typing import Any

from sandbox.release import Release

_EARLY = [
    "health.HealthService",
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
    "health.HealthService",
    "ledger_state.StateService",
    "users.UserManagementService",
    "parties.LedgerPartyManagementService",
    "idp.IdentityProviderConfigService",
    "ledger_packages.LedgerPackageService",
    "ledger_packages.PackageManagementService",
    "events.EventQueryService",
    "version.VersionService",
]


def load(names: list[str]) -> list[Any]:
    """The classes of these names, each with its module."""
    loaded = []
    for name in names:
        module, _unused, cls = name.rpartition(".")
        loaded.append(getattr(importlib.import_module(module), cls))
    return loaded


def _own(names: list[str]) -> list[Any]:
    return load([f"{__name__}.{name}" for name in names])


def early(line: Release) -> list[Any]:
    return _own(_EARLY)


def late(line: Release) -> list[Any]:
    return _own(_LATE)


def ledger(line: Release) -> list[Any]:
    return _own(_LEDGER)
