# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration taken back from wherever it got to, run again, and refused once the target has transacted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Run, eventually
from playbook.migration import NEW_ALIAS, OLD_ALIAS, SOURCE, TARGET, Migration, assert_migrated, both, state, topology
from playbook.observe import DELEGATION
from playbook.playing import Playing
from playbook.releases import DIALECTS, Pair

ROLLBACK = "ledgerops.canton.rollback"


def rollback(migration: Migration, *flags: str, succeeds: bool = True) -> Run:
    return migration.ansible.playbook(arguments(migration, *flags), succeeds=succeeds)


def arguments(migration: Migration, *flags: str) -> list[str]:
    return ["-i", str(migration.inventory()), *flags, ROLLBACK]


def killed_at(migration: Migration, task: str, until: Callable[[], bool] = lambda: True) -> None:
    """A migration that lost its machine when this task began, or was as far as ``until`` says."""
    playing = Playing(migration, "preflight,prepare,cutover")
    assert playing.reach(task)
    eventually(until, f"the middle of the task {task}")
    playing.kill(with_modules=True)


def stage(run: Run) -> str:
    found: str = run.result("ledgerops.canton.kms_migration : Rollback | Set result facts")["ansible_facts"][
        "kms_migration_rollback"
    ]["stage"]
    return found


def assert_taken_back(migration: Migration, before: dict[str, Any]) -> None:
    """The source is as it was and serves; the target hosts nobody of it, has no contract of it, and is off."""
    after = state(migration)
    now, then = after["source"], before["source"]
    unlike = {key for key in then if now[key] != then[key]} - {"delegations", "own delegations"}
    assert not unlike
    assert after["target"]["hostings"] == before["target"]["hostings"] == {}
    assert {party: counts[:2] for party, counts in after["contracts"].items()} == {
        party: [counts[0], 0] for party, counts in before["contracts"].items()
    }
    with both(migration) as (source, target):
        assert source.connections() == {OLD_ALIAS: {"connected": True, "manual_connect": False}}
        assert target.connections() == {NEW_ALIAS: {"connected": False, "manual_connect": True}}
        # also nothing that would be pushed at the next connect
        assert not migration.pair.canton_2 or target.hostings(None) == {}
    # the delegation stays: it would never come back for this key
    assert any(each[1:3] == ["target key", DELEGATION] for each in after["target"]["own delegations"])
    left = {file.name for file in migration.journal.iterdir()} - {"throughput.json", "throughput.json.part"}
    assert all(name.startswith(f"{migration.name}.rolled-back-") for name in left)


def unchanged(migration: Migration, *flags: str, succeeds: bool = True) -> Run:
    before = migration.net.contents()
    run = rollback(migration, *flags, succeeds=succeeds)
    assert migration.net.contents() == before, run.output
    return run


@pytest.mark.pairs(DIALECTS[:1])
@pytest.mark.capability("Rollback, and the migration again")
def test_stages(network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path) -> None:
    migration = Migration(pair, network(topology(pair, contracts=80, clients=3)), ansible, tmp_path)
    before = state(migration)
    migration.run("--tags", "preflight,prepare")
    assert any(unchanged(migration, "--check", "--diff").changed)
    assert migration.file("journal.json").exists()
    assert stage(rollback(migration)) == "prepared"
    assert_taken_back(migration, before)
    again = unchanged(migration)
    assert (stage(again), any(again.changed)) == ("nothing_begun", False)

    # the module may still have done its work before it was killed
    killed_at(migration, "Cutover | Transfer and verify the contracts", migration.file("manifest.json").exists)
    assert stage(rollback(migration)) in ("exported", "imported")
    assert_taken_back(migration, before)
    snapshots = set(migration.journal.glob("*.acs.gz"))
    assert snapshots

    migration.run()
    # hosted and taken back twice before; Canton 3 counts each
    assert_migrated(migration, serial=5)
    predicted = unchanged(migration, "--check", "--diff")
    assert stage(predicted) == "target_connected"
    migration.variables["kms_migration_rollback_keep_snapshot"] = False
    rollback(migration)
    assert_taken_back(migration, before)
    assert set(migration.journal.glob("*.acs.gz")) == snapshots
    migration.net.stop()


@pytest.mark.pairs(DIALECTS)
@pytest.mark.capability("Rollback, and the migration again")
@pytest.mark.fault(
    "the run with its modules",
    "in the middle of a rollback",
    "the rollback resumes; then the migration ends as an undisturbed one",
)
def test_interrupted_rollback_and_migration_again(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path
) -> None:
    migration = Migration(pair, network(topology(pair, contracts=80, clients=3)), ansible, tmp_path)
    before = state(migration)
    killed_at(migration, "Cutover | Connect the target")
    assert migration.file("receipt.json").exists()
    playing = Playing(migration, "all", arguments(migration))
    assert playing.reach("Rollback | Remove the hosting of the parties")
    playing.kill(with_modules=True)
    # half taken back: no proof of an import any more
    assert not migration.file("receipt.json").exists()
    noted = json.loads(migration.file("journal.json").read_text())["events"][-1]
    reached = noted["data"]["stage"]
    assert reached in ("imported", "target_connected")
    assert stage(rollback(migration)) == reached
    assert_taken_back(migration, before)
    (aside,) = [file for file in migration.journal.iterdir() if file.name.endswith("Z.journal.json")]
    noted = json.loads(aside.read_text())["events"][-1]
    assert (noted["event"], noted["data"]) == ("rollback", {"stage": reached})

    # life goes on before the next try
    ada, ben = migration.net.party(SOURCE, "Ada"), migration.net.party(SOURCE, "Ben")
    with both(migration) as (source, _target):
        gone = next(iter(source.contracts([ada])[ada]))
    migration.net.archive(SOURCE, [gone])
    (made,) = migration.net.create(SOURCE, [ada], [ben], dar="bonds")
    migration.run()
    assert_migrated(migration, serial=1 if pair.canton_2 else 3)
    with both(migration) as (_source, target):
        theirs = target.contracts([ada])[ada]
    assert made in theirs
    assert gone not in theirs

    # the point of no return
    (since,) = migration.net.create(TARGET, [ada], [ben], dar="bonds")
    migration.net.archive(TARGET, [made])
    refused = unchanged(migration, succeeds=False)
    assert refused.failures[-1]["error_id"] == "target_has_transacted"
    assert (refused.failures[-1]["new"], refused.failures[-1]["gone"]) == ([since], [made])
    assert "reverse migration" in refused.failures[-1]["msg"]
    changed = {entry["task"].rpartition(" : ")[2] for entry in refused.entries if entry["result"].get("changed")}
    assert changed == set()
    migration.net.stop()
