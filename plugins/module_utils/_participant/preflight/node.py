# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every way of migrating asks of a node itself, and of its operator (docs/canton/migration.md#before-the-start)."""

from __future__ import annotations

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Identity
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.interface import Reader
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.findings import Findings


def check_node(findings: Findings, participant: Reader, identity: Identity) -> bool:
    label = participant.label
    if not identity.initialized:
        waiting = f" and waits for: {identity.waiting_for.replace('_', ' ')}" if identity.waiting_for else ""
        findings.error(
            "not_initialized",
            f"The {label} is not initialised{waiting}",
            "Initialise it and connect it once, then run again.",
        )
        return False
    if not identity.active:
        findings.error(
            "passive_replica", f"The {label} answers as a passive replica", "Name the active replica as its endpoint."
        )
        return False
    if participant.in_memory():
        findings.error(
            "storage_in_memory",
            f"The {label} keeps its data in memory, and Canton exports and imports contracts only with a database",
            "Run it with persistent storage (PostgreSQL).",
        )
    if not participant.has_ledger:
        findings.error(
            "ledger_endpoint_missing", f"The {label} has no ledger_endpoint", "Set host and port of its ledger API."
        )
        return False
    return True


def check_backup(findings: Findings) -> None:
    """No API tells it, and there is no undo without one (docs/canton/migration.md#backups)."""
    if not findings.request.backup_confirmed:
        findings.error(
            "backup_not_confirmed",
            "Nobody has confirmed that the databases of source and target are backed up",
            "Back up both, then set backup_confirmed to true. It may stay set.",
        )


def check_pruning(findings: Findings) -> None:
    cron = findings.source.pruning_schedule()
    if cron is None:
        findings.warn(
            "pruning_not_visible",
            "The API of Canton 2 does not tell whether the source prunes on a schedule",
            "Clear the pruning schedule of the source for the time of the migration, if it has one.",
        )
    elif cron:
        findings.error(
            "pruning_scheduled",
            f"The source prunes on a schedule ({cron}); the offset of the export must not be pruned",
            "Clear the pruning schedule of the source for the time of the migration.",
        )
