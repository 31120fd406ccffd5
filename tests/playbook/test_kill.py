# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at every task, and of modules and nodes in the middle of their work: started again, the end is the same."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Run, eventually
from playbook.migration import SOURCE, TARGET, Migration, assert_migrated, both, state, topology
from playbook.playing import Playing, check_failure
from playbook.releases import DIALECTS, Pair

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.load import AT_WORK
from sandbox.daml.dars import make_dar
from sandbox.kms.facts import KMS

SEED = 20261123
LONGEST_DELAY = 1.0
# What only the controller evaluates touches nothing: killed there, a run is killed right before the next module.
NOT_OURS = {"assert", "debug", "fail", "include_tasks", "meta", "set_fact", "validate_argument_spec"}
# Where not every task is the point: those whose work differs between releases.
COPY, TRANSFER = "Copy | Copy what the target lacks", "Cutover | Transfer and verify the contracts"
SOME = {COPY, "Cutover | Disconnect the source when nothing is in flight", TRANSFER, "Cutover | Connect the target"}
# One task executes the copies of the plan. A step has begun when the nodes have had this call since the task began.
STEPS = {
    "prepare": {
        "packages": "UploadDar",
        "delegation": "ListNamespaceDelegation",
        "parties": "ListPartyToParticipant",
        "users": "ListUsers",
    },
    "cutover": {"packages": "UploadDar", "parties": "ListPartyToParticipant"},
}
LONGEST_STEP = 0.3
# Tasks that are the same in every phase.
EVERY_PHASE = ("Start | ", "Plan | ", "Lock | ", "Unlock | ", "Report | ")
_WAIT_SECONDS = 60


def ended(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@dataclass(frozen=True)
class Undisturbed:
    """A migration that nobody disturbed: its end, and what was run before and after the late changes."""

    end: dict[str, Any]
    prepare: Run
    finish: Run


def live_on(migration: Migration) -> None:
    """A party and a DAR that come after prepare, which cutover then has to bring."""
    with both(migration) as (source, _target):
        source.allocate_party("Latecomer", since="prepare")
        source.upload_dar(make_dar("notes", "1.0.0", 2), "notes")


@pytest.fixture(scope="module")
def undisturbed(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Undisturbed:
    migration = Migration(pair, network(topology(pair)), ansible, tmp_path_factory.mktemp("undisturbed"))
    prepare = migration.run("--tags", "preflight,prepare")
    live_on(migration)
    finish = migration.run("--tags", "cutover,verify")
    end = state(migration)
    migration.net.stop()
    return Undisturbed(end, prepare, finish)


@pytest.mark.first
@pytest.mark.pairs(DIALECTS)
@pytest.mark.capability("Killed and started again")
@pytest.mark.fault(
    "ansible-playbook, its modules killed with it or living on",
    "at every task that runs a module on 3.5, elsewhere at those that differ",
    "resumes",
)
def test_killed_at_tasks(
    network: StartNetwork, ansible: Ansible, pair: Pair, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """At every task that is not skipped, or at some (see the matrix)."""
    migration = Migration(pair, network(topology(pair)), ansible, tmp_path)
    chance = random.Random(SEED)
    outliving: list[int] = []
    killed: set[str] = set()
    began = {"preflight", "prepare"}
    for tags, name, occurrence in tasks_of(undisturbed):
        if tags not in began:
            # the phase before ends first: the next one refuses to start on one whose last task was killed
            began.add(tags)
            all_end(outliving)
            if tags == "cutover":
                migration.run("--tags", "preflight,prepare")
                live_on(migration)
            if tags == "verify":
                migration.run("--tags", "cutover")
        if not (pair.every_task or name in SOME):
            continue
        if name == COPY:
            for step, call in STEPS[tags].items():
                killed_in_the_middle(migration, tags, call, chance.uniform(0, LONGEST_STEP))
                killed.add(f"{tags}: {step}")
            continue
        playing = Playing(migration, tags)
        if not playing.reach(name, occurrence):
            code, output = playing.finish()
            assert code == 0, output
            continue
        time.sleep(chance.uniform(0, LONGEST_DELAY))
        outliving += playing.kill(with_modules=chance.random() < 0.5)
        killed.add(f"{tags}: {name}")
    # every step of the plan, and what comes late a second time
    assert {name.partition(": ")[2] for name in killed} >= SOME - {COPY}, killed
    assert killed >= {f"{tags}: {step}" for tags, steps in STEPS.items() for step in steps}
    assert len(killed) >= 18 or not pair.every_task, sorted(killed)
    all_end(outliving)
    migration.run()
    assert_migrated(migration)
    assert state(migration) == undisturbed.end
    migration.run_again_changes_nothing()
    migration.net.stop()


def killed_in_the_middle(migration: Migration, tags: str, call: str, delay: float) -> None:
    """The run and its modules, in the task that copies, so many seconds after the nodes have had this call."""
    playing = Playing(migration, tags)
    assert playing.reach(COPY)
    log = migration.net.log
    before = log.stat().st_size
    eventually(lambda: f"/{call} OK" in log.read_bytes()[before:].decode("utf-8"), f"the call {call}")
    time.sleep(delay)
    playing.kill(with_modules=True)


def all_end(outliving: list[int]) -> None:
    eventually(lambda: all(map(ended, outliving)), "the end of all modules that outlived their run")


def tasks_of(undisturbed: Undisturbed) -> list[tuple[str, str, int]]:
    """Tags, name and occurrence of every task that an undisturbed run carries out, in its order.

    What begins and ends every phase (reading both nodes and the journal, the locks, the report) is killed in the last phase
    that has it: there is the most that could be lost.
    """
    seen: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, int, str], tuple[str, str, int]] = {}
    for tags, entries in phases(undisturbed):
        for entry in entries:
            name = entry["task"].partition(" : ")[2]
            seen[(tags, name)] += 1
            if entry["outcome"] != "skipped" and entry["action"].rpartition(".")[2] not in NOT_OURS:
                occurrence = seen[(tags, name)]
                phase = "any" if name.startswith(EVERY_PHASE) else tags
                # taken out first: a dictionary keeps the place of a key that it had
                found.pop((name, occurrence, phase), None)
                found[(name, occurrence, phase)] = (tags, name, occurrence)
    return list(found.values())


def is_preflight(entry: dict[str, Any]) -> bool:
    return " : Preflight | " in entry["task"]


def phases(undisturbed: Undisturbed) -> list[tuple[str, list[dict[str, Any]]]]:
    """The tags that play a part of the migration, and what was recorded of it."""
    entries = undisturbed.finish.entries
    verify = next(place for place, entry in enumerate(entries) if " : Verify | " in entry["task"])
    return [
        ("preflight", [entry for entry in undisturbed.prepare.entries if is_preflight(entry)]),
        ("prepare", [entry for entry in undisturbed.prepare.entries if not is_preflight(entry)]),
        ("cutover", entries[:verify]),
        ("verify", entries[verify:]),
    ]


# -- in the middle of the work ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def middle(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Migration]:
    """A migration whose tests follow one another; whatever one of them breaks off the next run has to take up."""
    net = network(topology(pair, clients=30))
    yield Migration(pair, net, ansible, tmp_path_factory.mktemp("middle"), options={"ready_timeout": 3})
    net.stop()


inside = pytest.mark.pairs(DIALECTS)


@contextmanager
def knobs(migration: Migration, name: str, **settings: Any) -> Iterator[None]:
    defaults = {"sequencing_ms": 100, "export_chunk_ms": 0, "export_chunk_bytes": 2 * 1024 * 1024}
    for key, value in settings.items():
        migration.net.set(name, key, value)
    try:
        yield
    finally:
        for key in settings:
            migration.net.set(name, key, defaults.get(key, 0 if key.endswith("_ms_per_chunk") else None))


def fails_clearly(migration: Migration, text: str) -> None:
    """A cutover that ends with one message, no traceback and nothing half done in the journal."""
    run = migration.run("--tags", "cutover", succeeds=False)
    check_failure(run.output, run.failures, text)
    assert not list(migration.journal.glob("*.part"))


@inside
@pytest.mark.capability("Node or run killed in the middle of its work")
@pytest.mark.fault("the run with its modules, and the new participant", "while parties are hosted", "resumes")
def test_killed_while_it_hosts_parties(middle: Migration) -> None:
    with knobs(middle, TARGET, sequencing_ms=1500):
        killed_in_the_middle(middle, "preflight,prepare", STEPS["prepare"]["parties"], 0.5)
        # with the node goes what waits in its memory, though the node has answered OK for it
        middle.net.command("kill", TARGET)
        middle.net.command("start", TARGET)
    middle.run("--tags", "preflight,prepare")
    with both(middle) as (source, target):
        wanted = {party.partition("::")[0] for party in source.hostings(middle.net.synchronizer("east"))}
        # Canton 2 has hosted them in its own store, for the target is off until the end of cutover
        store = None if middle.pair.canton_2 else middle.net.synchronizer("west")
        assert wanted == {party.partition("::")[0] for party in target.hostings(store)}


@inside
@pytest.mark.capability("Node or run killed in the middle of its work")
@pytest.mark.fault("the KMS", "while parties are hosted", "one clear failure; resumes when it is back")
def test_the_kms_is_killed_while_parties_are_hosted(middle: Migration) -> None:
    with both(middle) as (source, _target):
        source.allocate_party("Needs-a-signature")
    middle.net.command("kill", KMS)
    failed = middle.run("--tags", "prepare", succeeds=False)
    check_failure(failed.output, failed.failures, "KMS key")
    middle.net.command("start", KMS)
    middle.run("--tags", "prepare")


def written(migration: Migration) -> int:
    """When the unfinished snapshot was last written, or 0: an export that was killed leaves its own to the next one."""
    try:
        return migration.file("acs.gz.part").stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def sending(migration: Migration) -> bool:
    """Whether the import has been sent something; the export before has taken away what one that was killed had left."""
    try:
        progress = json.loads(migration.file("progress.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return progress["phase"] in ("importing", AT_WORK) and bool(progress["bytes"])


@inside
@pytest.mark.capability("Node or run killed in the middle of its work")
@pytest.mark.fault("the run with its modules", "in the middle of the export", "resumes")
def test_killed_while_it_exports(middle: Migration) -> None:
    with knobs(middle, SOURCE, export_chunk_bytes=1000, export_chunk_ms=400):
        before = written(middle)
        playing = Playing(middle, "cutover")
        assert playing.reach(TRANSFER)
        eventually(lambda: written(middle) > before, "the beginning of the export")
        time.sleep(0.5)
        playing.kill(with_modules=True)
    assert not middle.file("acs.gz").exists()
    assert not middle.file("manifest.json").exists()


@inside
@pytest.mark.capability("Node or run killed in the middle of its work")
@pytest.mark.fault(
    "the stream of the export, by the old participant",
    "in the middle of the export",
    "one clear failure, nothing half done is left; resumes",
)
def test_the_node_breaks_off_the_export(middle: Migration) -> None:
    with knobs(middle, SOURCE, export_chunk_bytes=1000, export_abort_after_chunks=3):
        fails_clearly(middle, "source participant")
    assert not middle.file("manifest.json").exists()


@inside
@pytest.mark.capability("Node or run killed in the middle of its work")
@pytest.mark.fault(
    "the old participant", "in the middle of the export", "one clear failure, nothing half done is left; resumes"
)
def test_the_source_is_killed_while_it_exports(middle: Migration) -> None:
    with knobs(middle, SOURCE, export_chunk_bytes=1000, export_chunk_ms=400):
        before = written(middle)
        playing = Playing(middle, "cutover")
        assert playing.reach(TRANSFER)
        eventually(lambda: written(middle) > before, "the beginning of the export")
        middle.net.command("kill", SOURCE)
        playing.fails_clearly("source participant")
        middle.net.command("start", SOURCE)
    assert not list(middle.journal.glob("*.part"))


@inside
@pytest.mark.capability("Node or run killed in the middle of its work")
@pytest.mark.fault("the run with its modules", "in the middle of the import", "resumes")
def test_killed_while_it_imports(middle: Migration) -> None:
    with knobs(middle, TARGET, import_ms_per_chunk=4000):
        playing = Playing(middle, "cutover")
        assert playing.reach(TRANSFER)
        eventually(lambda: sending(middle), "the beginning of the import")
        playing.kill(with_modules=True)
    assert middle.file("manifest.json").exists()
    assert not middle.file("receipt.json").exists()


@inside
@pytest.mark.capability("Node or run killed in the middle of its work")
@pytest.mark.fault(
    "the stream of the import, by the new participant", "in the middle of the import", "one clear failure; resumes"
)
def test_the_node_breaks_off_the_import(middle: Migration) -> None:
    with knobs(middle, TARGET, import_abort_after_bytes=100):
        fails_clearly(middle, "target participant")
    assert not middle.file("receipt.json").exists()


@inside
@pytest.mark.capability("Node or run killed in the middle of its work")
@pytest.mark.fault(
    "the new participant", "in the middle of the import", "one clear failure, no contract is visible; resumes"
)
def test_the_target_is_killed_while_it_imports(middle: Migration) -> None:
    with knobs(middle, TARGET, import_ms_per_chunk=6000):
        playing = Playing(middle, "cutover")
        assert playing.reach(TRANSFER)
        eventually(lambda: sending(middle), "the beginning of the import")
        middle.net.command("kill", TARGET)
        playing.fails_clearly("target participant")
    middle.net.command("start", TARGET)
    assert not middle.file("receipt.json").exists()
    with both(middle) as (source, target):
        parties = sorted(source.hostings(middle.net.synchronizer("east")))
        assert not any(target.contracts(parties).values())


@inside
@pytest.mark.capability("Node or run killed in the middle of its work")
def test_after_all_that_the_migration_ends_right(middle: Migration) -> None:
    middle.run()
    assert_migrated(middle)
