# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pair of participants with a journal, whose steps are those of the role."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from unit.plugins.module_utils._participant.support import Setting
from unit.plugins.samples import ALICE, NEW, NEW_NAMESPACE, NEW_SYNC, OLD, OLD_NAMESPACE

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.journal import (
    Journal,
    JournalFiles,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.plan import (
    PlanRequest,
    Situation,
    plan,
    verify,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.rollback import (
    Rollback,
    plan_rollback,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Delegation,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.findings import MigrationRequest
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology.synchronizers import change, find


class Pair(Setting):
    """A pair with a journal; each method is a step of the role."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.journal = Journal(OLD, NEW)
        self.request = MigrationRequest("oldsync", "newsync", [ALICE], (), True, str(folder), backup_confirmed=True)
        self.parties = [ALICE]
        self.kept = JournalFiles(str(folder), "node1")

    def look(self, **wish: Any) -> Situation:
        request = PlanRequest(replace(self.request, **wish))
        return plan(self.source, self.target, request, self.kept, self.journal)

    def todo(self) -> tuple[str | None, list[str]]:
        found = self.look()
        return found.stage, [step.id for step in found.steps if step.needed]

    def errors(self, **wish: Any) -> list[str]:
        return [item.id for item in self.look(**wish).findings.all if item.severity == "error"]

    def set(self, end: str, connected: bool) -> None:
        node, alias = (self.source, "oldsync") if end == "source" else (self.target, "newsync")
        before = find(node, alias)
        change(node, before, replace(before, connected=connected, manual_connect=not connected), 1.0)

    def note(self, event: str, **data: object) -> None:
        self.journal = self.journal.with_event(event, data)

    def migrate(self) -> None:
        """From a prepared target to one that serves."""
        self.note("cutover", served=True)
        self.set("source", connected=False)
        self.set("target", connected=False)
        self.export()
        self.load()
        self.set("target", connected=True)
        self.note("connected")

    def prove(self) -> Situation:
        request = PlanRequest(self.request)
        return verify(self.source, self.target, request, self.kept, self.journal, check=False)

    def rollback(self) -> Rollback:
        return plan_rollback(self.source, self.target, self.request, self.kept, self.journal)

    def prepare(self) -> None:
        signed = [
            Delegation(OLD_NAMESPACE, OLD_NAMESPACE, "all", 1),
            Delegation(OLD_NAMESPACE, NEW_NAMESPACE, "all", 1),
        ]
        self.source.delegated[AUTHORIZED] = signed
        self.target.delegated = {AUTHORIZED: signed, NEW_SYNC: signed}
        for end in ("source", "target"):
            self.set(end, connected=True)
