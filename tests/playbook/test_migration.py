# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole playbook: predicted, run, run again; in phases over mutual TLS while the source lives on; retired."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Run
from playbook.migration import (
    NEW_ALIAS,
    OLD_ALIAS,
    SOURCE,
    TARGET,
    Migration,
    assert_migrated,
    both,
    live_on,
    retire,
    state,
    summary,
    topology,
)
from playbook.observe import CONFIRMATION, DELEGATION, OBSERVATION, SUBMISSION
from playbook.releases import DIALECTS, MATRIX, Pair

from sandbox.v30.requests import namespace

TOKEN = "operator-token-that-nobody-may-see"


@dataclass(frozen=True)
class Story:
    """A migration that was predicted and then made, with what the nodes held before and what runs came to."""

    migration: Migration
    before: dict[str, Any]
    exported: dict[str, dict[str, str]]
    predicted: Run
    unchanged: bool
    run: Run


@pytest.fixture(scope="module")
def story(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    migration = Migration(pair, network(topology(pair)), ansible, tmp_path_factory.mktemp("plain"))
    before, raw = state(migration), migration.net.contents()
    predicted = migration.run("--check", "--diff")
    unchanged = migration.net.contents() == raw and state(migration) == before and not migration.journal.exists()
    with both(migration) as (source, _target):
        exported = source.contracts(sorted(source.hostings(migration.net.synchronizer("east"))))
    yield Story(migration, before, exported, predicted, unchanged, migration.run("--diff"))
    migration.net.stop()


whole = pytest.mark.pairs(MATRIX)


@whole
@pytest.mark.capability("Check mode, and a second run changes nothing")
def test_check_mode_predicts_and_changes_nothing(story: Story) -> None:
    assert story.unchanged
    predicted, made = changed_tasks(story.predicted), changed_tasks(story.run)
    assert "Copy | Copy what the target lacks" in predicted
    assert "Cutover | Disconnect the source when nothing is in flight" in predicted
    # what no node can show before: a snapshot, that the target has to come back, and a proof
    assert made - predicted <= {
        "Cutover | Transfer and verify the contracts",
        "Cutover | Connect the target",
        "Verify | Record the end",
    }
    # a Canton 2 target is off already, after prepare
    off = {"Cutover | Disconnect the target before the downtime"} if story.migration.pair.canton_2 else set()
    assert predicted - made <= off


def changed_tasks(run: Run) -> set[str]:
    return {entry["task"].partition(" : ")[2] for entry in run.entries if entry["result"].get("changed")}


@whole
@pytest.mark.capability("Whole migration")
def test_everything_arrives(story: Story) -> None:
    assert_migrated(story.migration)
    net = story.migration.net
    with both(story.migration) as (_source, target):
        theirs = target.contracts(sorted(story.exported))
    assert {party: set(ids) for party, ids in theirs.items()} == {
        party: set(ids) for party, ids in story.exported.items()
    }
    assert {each for ids in story.exported.values() for each in ids.values()} == {net.synchronizer("east")}
    after = state(story.migration)
    permissions = {party.partition("::")[0]: each["hosts"][0][1] for party, each in after["target"]["hostings"].items()}
    assert permissions["Notary"] == CONFIRMATION
    assert permissions["Auditor"] == OBSERVATION
    assert permissions["Ada"] == SUBMISSION
    assert ["SOURCE", "target key", DELEGATION, 1] in after["target"]["delegations"]
    ours = {key: value for key, value in after["source"].items() if key not in ("connections", "own delegations")}
    assert ours == {key: value for key, value in story.before["source"].items() if key in ours} | {
        "delegations": ours["delegations"]
    }


@whole
@pytest.mark.capability("Whole migration")
def test_summary_says_what_the_nodes_show(story: Story) -> None:
    said = summary(story.run)
    net = story.migration.net
    every = {each for ids in story.exported.values() for each in ids}
    manifest = json.loads(story.migration.file("manifest.json").read_text(encoding="utf-8"))
    with both(story.migration) as (source, target):
        assert said["source"] == source.uid
        assert said["target"] == target.uid
        assert said["delegation"] == f"{namespace(source.uid)} to key {namespace(target.uid)}"
        assert int(said["parties"]) == len(target.hostings(net.synchronizer("west"))) == len(story.exported)
        assert int(said["users"]) == len(target.users()) == 3
    assert int(said["contracts"]) == len(every) == manifest["contracts"] > 250
    assert said["digest"] == manifest["digest"]
    assert {party: each["contracts"] for party, each in manifest["parties"].items()} == {
        party: len(ids) for party, ids in story.exported.items()
    }
    assert float(said["ping"]) > 0
    events = json.loads(story.migration.file("journal.json").read_text(encoding="utf-8"))["events"]
    assert [each["event"] for each in events] == ["prepared", "cutover", "connected", "verified"]
    begin, end = (datetime.fromisoformat(events[number]["at"]) for number in (1, 2))
    assert float(said["downtime"]) == pytest.approx((end - begin).total_seconds(), abs=0.06)


@whole
@pytest.mark.capability("Check mode, and a second run changes nothing")
def test_second_run_changes_nothing(story: Story) -> None:
    assert_private(story.migration)
    story.migration.run_again_changes_nothing()


def assert_private(migration: Migration) -> None:
    assert stat.S_IMODE(migration.journal.stat().st_mode) == 0o700
    files = list(migration.journal.iterdir())
    assert {file.name for file in files} == {
        "throughput.json",
        *(f"{migration.name}.{ending}" for ending in ("acs.gz", "manifest.json", "receipt.json", "journal.json")),
    }
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def assert_told_what_is_left(migration: Migration, run: Run) -> None:
    told = run.result("ledgerops.canton.kms_migration : Retire | Set result facts")["ansible_facts"][
        "kms_migration_retired"
    ]
    root = namespace(migration.net.uid(SOURCE))
    held = {
        each["target_key"]: (each["root"], each["held_by_source"], each["held_by_target"]) for each in told["powers"]
    }
    assert held == {root: (True, True, False), namespace(migration.net.uid(TARGET)): (False, False, True)}
    commands = [line for line in told["by_hand"] if line.startswith("participant.keys.secret.")]
    assert [line.split(".")[3].partition("(")[0] for line in commands] == ["download_to", "delete", "list"]


@pytest.mark.pairs(DIALECTS)
@pytest.mark.capability("Phases one after another, with parties, DARs and users that come late")
@pytest.mark.capability("TLS, client certificates and tokens")
def test_phases_one_after_another_over_mutual_tls(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path
) -> None:
    net = network(topology(pair, contracts=80, clients=3, tls="mutual", admin_token=TOKEN))
    migration = Migration(pair, net, ansible, tmp_path)
    runs = [migration.run("-vvvv", "--diff", "--tags", "preflight,prepare")]
    with both(migration) as (source, target):
        assert source.connections() == {OLD_ALIAS: {"connected": True, "manual_connect": False}}
        # Canton 2 hosts parties and vets packages while the target is off
        assert target.connections()[NEW_ALIAS]["connected"] is not pair.canton_2
        party = live_on(source)
    assert [file.name for file in migration.journal.iterdir()] == [migration.file("journal.json").name], (
        "and nothing of the run"
    )
    refused = retire(migration, succeeds=False)
    assert "Run the migration to its end" in refused.failures[-1]["msg"]
    # policy keeps the cutover from beginning, and the source serves on
    refuse = ("--tags", "cutover", "--extra-vars", "kms_migration_late_parties=refuse")
    (failure,) = migration.run(*refuse, succeeds=False).failures
    assert party in failure["msg"] and "Nothing was changed" in failure["msg"]
    (made,) = net.create(SOURCE, [net.party(SOURCE, "Ada")], [party], dar="bonds")
    for name in (SOURCE, TARGET):
        net.command("stop", name)
        net.command("start", name)
    runs.append(migration.run("-vvvv", "--diff", "--tags", "cutover"))
    runs.append(migration.run("-vvvv", "--diff", "--tags", "verify"))
    assert int(summary(runs[-1])["users"]) == 4

    assert_migrated(migration)
    with both(migration) as (_source, target):
        assert party in target.hostings(net.synchronizer("west"))
        assert made in target.contracts([party])[party]
        assert target.party_notes([party])[party]["annotations"] == {"since": "prepare"}
        assert "notes" in [name for name, _main in target.dars()]
        assert "late-app" in target.users()
    assert_private(migration)
    migration.run_again_changes_nothing()

    runs.append(retire(migration))
    assert_told_what_is_left(migration, runs[-1])
    with both(migration) as (source, _target):
        assert source.connections() == {OLD_ALIAS: {"connected": False, "manual_connect": True}}
    # the old participant is stopped then, and that is no error
    net.command("stop", SOURCE)
    runs.append(retire(migration))
    assert not any(runs[-1].changed)
    assert_told_what_is_left(migration, runs[-1])

    for run in runs:
        assert TOKEN not in run.output + json.dumps(run.entries)
    for file in migration.journal.iterdir():
        assert TOKEN.encode() not in file.read_bytes()
    assert {SOURCE, TARGET} == set(net.info()["participants"])
    net.stop()
