# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module that says where a migration stands, from its arguments to its JSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.fakes import new_participant
from unit.plugins.modules.support import Participants
from unit.plugins.samples import ALICE, NEW, NEW_SYNC, OLD, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.locks import Locks, Owner
from ansible_collections.ledgerops.canton.plugins.modules import migration_plan

US = {"controller": "here", "boot": "1", "pid": 100, "started": "5", "user": "ops"}
THEM = Owner("there", "1", 200, "5", "ops")

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(participants: Participants, tmp_path: Path) -> Ask:
    participants.target = new_participant(known=[synchronizer("newsync")], hosted={NEW_SYNC: []})
    participants.source.known = [synchronizer("oldsync")]

    def run(check: bool = False, **options: Any) -> dict[str, Any]:
        wanted = {"source_synchronizer": "oldsync", "target_synchronizer": "newsync", "backup_confirmed": True}
        here = {"path": str(tmp_path / "journal"), "name": "bank", "owner": US}
        return participants.between(migration_plan, check, **{**wanted, **here, **options})

    return run


def locked(folder: Path) -> set[str]:
    return {path.name for path in (folder / "journal").glob("*.lock.json")}


def test_stage_steps_and_both_participants(ask: Ask, tmp_path: Path) -> None:
    values = ask()
    assert (values["changed"], values["can_migrate"], values["stage"]) == (False, True, "unprepared")
    assert values["todo"] == ["delegation", "parties", "users", "disconnect_source", "transfer", "connect_target"]
    assert [each["id"] for each in values["steps"]][:2] == ["reach_synchronizer", "packages"]
    assert (values["source"]["identity"]["uid"], values["target"]["identity"]["uid"]) == (OLD, NEW)
    assert [item["alias"] for item in values["target"]["synchronizers"]] == ["newsync"]
    assert values["journal"]["imported"] is False and values["plan"]["contracts"] == 4
    assert ALICE in values["hosted"]["hosted"]
    assert list(tmp_path.iterdir()) == []


def test_without_the_contracts(ask: Ask) -> None:
    values = ask(count_contracts=False)
    assert "contracts" not in values["plan"] and values["stage"] == "unprepared"


def test_a_lock_is_taken_unless_the_migration_is_refused(ask: Ask, tmp_path: Path) -> None:
    assert ask(check=True, lock=True)["stage"] == "unprepared" and locked(tmp_path) == set()
    assert ask(lock=True, backup_confirmed=False)["can_migrate"] is False and locked(tmp_path) == set()
    assert ask(lock=True)["can_migrate"] is True and len(locked(tmp_path)) == 2
    assert ask(lock=True)["can_migrate"] is True


@pytest.mark.parametrize("check", [True, False])
def test_another_run_is_named(ask: Ask, tmp_path: Path, check: bool) -> None:
    Locks(str(tmp_path / "journal"), 3600).take([NEW], "bank", THEM, [])
    assert ask(check, lock=True)["error_id"] == "locked"
    # whoever only asks is not in its way
    assert ask(check)["can_migrate"] is True


def test_verified_needs_a_finished_cutover(ask: Ask) -> None:
    assert ask(state="verified")["error_id"] == "cutover_unfinished"


def test_rollback(ask: Ask, participants: Participants) -> None:
    values = ask(state="rollback")
    assert (values["stage"], values["todo"], values["rollback"]["purged"]) == ("nothing_begun", [], 0)
    participants.target.hosted = new_participant().hosted
    values = ask(state="rollback")
    assert (values["stage"], values["todo"]) == ("prepared", ["reach_synchronizer", "parties", "connect_source"])
    assert ALICE in values["rollback"]["unhosted"]


def test_a_name_that_cannot_be_a_file(ask: Ask) -> None:
    assert ask(name="bank/1")["error_id"] == "name_invalid"
