# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of a node itself that all methods have in common, and of the operator's statements (docs/canton/migration.md#before-the-start)."""

from __future__ import annotations

from ..model.entities import Identity
from ..model.interface import Reader
from .findings import Findings


def check_node(findings: Findings, participant: Reader, identity: Identity) -> bool:
    label = participant.label
    if not identity.initialized:
        waiting = f" and waits for: {identity.waiting_for.replace('_', ' ')}" if identity.waiting_for else ""
        findings.error(
            "not_initialized",
            f"The {label} is not initialised{waiting}",
            "Initialise it and connect it to its synchronizer once, then run again.",
        )
        return False
    if not identity.active:
        findings.error("passive_replica", f"The {label} is a passive replica", "Set endpoint to the active replica.")
        return False
    if participant.in_memory():
        findings.error(
            "storage_in_memory",
            f"The {label} keeps its data in memory, but Canton exports and imports contracts only with a database",
            "Run it with persistent storage (PostgreSQL).",
        )
    if not participant.has_ledger:
        findings.error(
            "ledger_endpoint_missing",
            f"The {label} has no ledger_endpoint",
            "Set ledger_endpoint to host:port of its ledger API.",
        )
        return False
    return True


def check_backup(findings: Findings) -> None:
    """No API reports backups, and without one nothing can be undone (docs/canton/migration.md#backups)."""
    if not findings.request.backup_confirmed:
        findings.error(
            "backup_not_confirmed",
            "The backups of the source's and the target's databases are not confirmed",
            "Back up both databases, then set backup_confirmed to true. It may stay set.",
        )


def check_pruning(findings: Findings) -> None:
    cron = findings.source.pruning_schedule()
    if cron is None:
        findings.warn(
            "pruning_not_visible",
            "The API of Canton 2 does not report whether the source prunes on a schedule",
            "If the source has a pruning schedule, clear it for the time of the migration.",
        )
    elif cron:
        findings.error(
            "pruning_scheduled",
            f"The source prunes on a schedule ({cron}), but the offset of the export must not be pruned",
            "Clear the pruning schedule of the source for the time of the migration.",
        )
