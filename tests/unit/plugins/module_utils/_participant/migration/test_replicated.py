# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a move on one synchronizer stands, from its beginning to its proof."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.module_utils._participant.replication.one_synchronizer import THEIRS, Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, NEW, NEW_NAMESPACE, OLD, OLD_NAMESPACE, OLD_SYNC, PACKAGE, contract

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.journal import (
    Journal,
    JournalFiles,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.plan import PlanRequest, Situation
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.replicated import (
    complete,
    verify_replicated,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.findings import (
    Findings,
    MigrationRequest,
)

COPIES = ["packages", "delegation", "parties", "users"]


class Move(Setting):
    """Each look is one of the plan; findings of preflight are not its matter."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.journal_of_role = Journal(OLD, NEW)
        wanted = MigrationRequest("shared", "shared", [ALICE, BOB], (), True, None, method="same_synchronizer")
        self.request = PlanRequest(wanted)
        self.files = JournalFiles(str(folder), "node1")

    def look(self) -> Situation:
        findings = Findings(self.source, self.target, self.request.migration)
        findings.pair = self.source.known[0], self.target.known[0]
        found = Situation(findings, self.journal_of_role, self.files)
        return complete(found, self.source, self.target, self.request)

    def todo(self) -> tuple[str | None, list[str]]:
        found = self.look()
        return found.stage, [each.id for each in found.steps if each.needed]

    def note(self, event: str) -> None:
        self.journal_of_role = self.journal_of_role.with_event(event)

    def verify(self) -> Situation:
        return verify_replicated(self.source, self.target, self.request, self.files, self.journal_of_role)


@pytest.fixture
def move(tmp_path: Path) -> Move:
    return Move(tmp_path)


def test_every_stage(move: Move) -> None:
    delegated, move.target.delegated = move.target.delegated, {}
    assert move.todo() == ("unprepared", ["delegation", "move"])
    move.target.delegated = delegated
    assert move.todo() == ("prepared", ["move"])
    move.run("proposed")
    assert move.todo() == ("prepared", ["move"])
    for state in ("activated", "exported", "imported", "onboarded", "moved"):
        move.run(state)
        # also at the end, until that is recorded
        assert move.todo() == ("moving", ["move"])
    move.note("connected")
    assert move.todo() == ("migrated", [])


def test_the_target_that_is_away_gets_no_copies(move: Move) -> None:
    move.up_to("exported")
    move.target.vetted = {OLD_SYNC: set()}
    assert move.todo() == ("moving", ["move"])
    assert {each.why for each in move.look().steps if each.id in COPIES} == {"the target is kept disconnected"}
    move.all("imported", "onboarded", "moved")
    move.note("connected")
    assert move.todo() == ("unprepared", ["packages"])
    move.target.known = [replace(move.target.known[0], connected=False)]
    assert move.todo() == ("unprepared", ["reach_synchronizer", "packages"])


def test_what_it_returns(move: Move) -> None:
    move.all()
    move.note("connected")
    found = move.verify()
    assert (found.stage, found.steps[-1].needed) == ("migrated", False)
    values: Any = found.copies and found.copies.as_dict()
    assert values["hosted"] == {"namespaces": {OLD_NAMESPACE: 2}, "parties": [ALICE, BOB], "hosted": []}
    assert (values["delegation"]["namespace"], values["delegation"]["target_key"]) == (OLD_NAMESPACE, NEW_NAMESPACE)
    proof: Any = found.proof
    assert proof["contracts"] == len(THEIRS) and len(proof["digest"]) == 64
    assert {party: numbers["contracts"] for party, numbers in proof["parties"].items()} == {ALICE: 4, BOB: 2}
    assert move.look().proof == proof


def test_what_differs_is_not_migrated(move: Move) -> None:
    move.all()
    move.note("connected")
    lost = contract("00b1", BOB)
    move.target.contracts.remove(lost)
    assert move.todo() == ("prepared", [])
    assert refused(move.verify).error_id == "contracts_differ"
    move.target.contracts.append(lost)
    move.target.vetted = {OLD_SYNC: set()}
    error = refused(move.verify)
    assert error.error_id == "participants_differ" and PACKAGE in str(error.details)


def test_an_unfinished_move_proves_nothing(move: Move) -> None:
    move.up_to("onboarded")
    assert refused(move.verify).error_id == "not_moved"


def test_what_the_move_would_refuse_is_a_finding(move: Move) -> None:
    move.request = PlanRequest(replace(move.request.migration, parties=["Nobody::1220"]))
    found = move.look()
    assert [item.severity for item in found.findings.all] == ["error"]
    assert (found.stage, found.steps) == (None, [])
