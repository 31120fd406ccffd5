# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a participant and the port each belongs to.

``EARLY`` ones answer as soon as the process runs, the other admin services and the ledger API when the node is
initialised (recordings, "A node that is starting").
"""

from __future__ import annotations

import importlib
from typing import Any

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


def _load(names: list[str]) -> list[Any]:
    loaded = []
    for name in names:
        module, _unused, cls = name.partition(".")
        loaded.append(getattr(importlib.import_module(f"sandbox.services.{module}"), cls))
    return loaded


def early() -> list[Any]:
    return _load(_EARLY)


def late() -> list[Any]:
    return _load(_LATE)


def ledger() -> list[Any]:
    return _load(_LEDGER)
