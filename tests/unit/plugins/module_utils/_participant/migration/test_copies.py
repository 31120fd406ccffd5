# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The copies of a migration in one process: their order, their proofs, and a step that fails."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, NEW_NAMESPACE, OLD_NAMESPACE, PACKAGE, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.copies import (
    COPIES,
    ensure_copied,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Delegation,
    User,
)


class Pair:
    """A source with everything, and a target that has nothing yet."""

    def __init__(self, connected: bool = True) -> None:
        self.source = old_participant(people=[User("app")])
        self.target: Fake = new_participant(
            known=[synchronizer("newsync", connected=connected)], hosted={}, dar_contents={}, vetted={}
        )

    def copy(self, *steps: str, check: bool = False, **options: Any) -> Outcome:
        defaults = {
            "source_synchronizer": "oldsync",
            "target_synchronizer": "newsync",
            "steps": list(steps or COPIES),
            "parties": None,
            "exclude": [],
            "namespaces": [],
            "replace_hosts": [],
            "exclude_dars": [],
            "skip_users": [],
            "admin_rights": False,
            "parallel": 8,
            "wait_timeout": 5.0,
        }
        return ensure_copied({**defaults, **options}, self.source, self.target, check)

    @property
    def done(self) -> list[str]:
        return [change[0] for change in self.target.changes]


def test_the_prediction_comes_true_and_nothing_is_left() -> None:
    pair = Pair(connected=False)
    predicted = pair.copy(check=True)
    assert pair.done == [] and predicted.changed
    found = pair.copy()
    assert found.exit_values(True) == predicted.exit_values(True)
    assert pair.done == ["connect", "upload", "vet", "load", "host"]
    assert [user.id for user in pair.target.people] == ["app"]
    assert not pair.copy().changed


def test_only_the_steps_that_are_asked_for_in_their_own_order() -> None:
    pair = Pair()
    found = pair.copy("users", "packages")
    assert list(found.result) == ["packages", "users"] and pair.done == ["upload", "vet"]


def test_a_step_that_fails_leaves_those_before_it() -> None:
    pair = Pair()
    pair.source.removed = {AUTHORIZED: [Delegation(OLD_NAMESPACE, NEW_NAMESPACE, "all", 2)]}
    assert refused(pair.copy).error_id == "delegation_was_removed"
    assert pair.done == ["upload", "vet"] and pair.target.people == []


def test_selections_reach_their_steps() -> None:
    pair = Pair()
    pair.copy(exclude=[ALICE], exclude_dars=[PACKAGE], skip_users=["app"])
    assert ALICE not in next(change[1] for change in pair.target.changes if change[0] == "host")
    assert "upload" not in pair.done and pair.target.people == []


def test_a_target_that_is_connected_is_left_alone() -> None:
    pair = Pair()
    assert not pair.copy("reach_synchronizer").changed and pair.done == []


def test_a_target_that_hosts_offline_is_disconnected_for_the_parties(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair()
    monkeypatch.setattr(type(pair.target), "hosts_offline", True)
    pair.copy("parties")
    assert pair.done == ["manual", "disconnect", "host"]
