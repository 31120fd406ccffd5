# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at every task, and of modules and nodes in the middle of their work: started again, the end is the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playbook.harness import ANSIBLE_PLAYBOOK, Ansible, Run, Sandbox, recorded
from playbook.migration import (
    SOURCE,
    TARGET,
    Migration,
    assert_migrated,
    both,
    contracts,
    hostings,
    state,
    topology,
)

SEED = 20261123
LONGEST_DELAY = 1.0
# Ansible's own validation of the role's arguments, which stands before the role's first task
NOT_OURS = "validate_argument_spec"
PHASES = {"Preflight": "preflight,prepare", "Prepare": "preflight,prepare", "Cutover": "cutover", "Verify": "verify"}
_WAIT_SECONDS = 60


class Playing:
    """An ansible-playbook run in the background that is watched while it prints."""

    def __init__(self, migration: Migration, tags: str) -> None:
        self._folder = migration.folder / "playing"
        self._folder.mkdir(exist_ok=True)
        self._record = self._folder / "results.jsonl"
        self._record.unlink(missing_ok=True)
        environment = migration.ansible.environment(self._record)
        self._process = subprocess.Popen(
            [str(ANSIBLE_PLAYBOOK), *migration.arguments("--tags", tags)],
            env={**environment, "PYTHONUNBUFFERED": "1"},
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._output: list[str] = []

    def reach(self, task: str, occurrence: int = 1) -> bool:
        """Wait until a task begins; False when the run ends without it."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._output.append(line)
            if line.startswith("TASK [") and f" : {task}]" in line:
                occurrence -= 1
                if not occurrence:
                    return True
        return False

    def finish(self) -> tuple[int, str]:
        """Return code and output."""
        assert self._process.stdout is not None
        self._output += list(self._process.stdout)
        return self._process.wait(timeout=_WAIT_SECONDS), "".join(self._output)

    def fails_clearly(self, text: str) -> None:
        """The run ends by itself, with one message and no traceback."""
        code, output = self.finish()
        assert code != 0
        failures = [entry["result"] for entry in recorded(self._record) if entry["outcome"] == "failed"]
        check_failure(output, failures, text)

    def kill(self, with_modules: bool) -> list[int]:
        """SIGKILL the process group. Ansible's workers and their modules live in sessions of their own: they die as
        well (a machine that loses power), or live on for a while and are returned (an operator's kill -9)."""
        workers = list(_descendants(self._process.pid))
        os.killpg(self._process.pid, signal.SIGKILL)
        if with_modules:
            for pid in workers:
                _kill(pid)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return [] if with_modules else workers


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _descendants(pid: int) -> Iterator[int]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    waiting = [pid]
    while waiting:
        for child in parents.get(waiting.pop(), []):
            waiting.append(child)
            yield child


def ended(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true"
        time.sleep(0.02)


def tasks_of(run: Run) -> list[tuple[str, str, int]]:
    """Tags, name and occurrence of every task that an undisturbed run carries out, in its order."""
    phase = "Preflight"
    seen: dict[tuple[str, str], int] = {}
    found: list[tuple[str, str, int]] = []
    for entry in run.entries:
        name = entry["task"].partition(" : ")[2]
        first = name.partition(" | ")[0]
        if first in PHASES:
            phase = first
        elif name == "Situation | Read the source":
            # every phase but the first begins with it
            phase = {"Preflight": "Prepare", "Prepare": "Cutover", "Cutover": "Verify"}[phase]
        tags = PHASES[phase]
        seen[(tags, name)] = seen.get((tags, name), 0) + 1
        if entry["outcome"] != "skipped" and entry["action"].rpartition(".")[2] != NOT_OURS:
            found.append((tags, name, seen[(tags, name)]))
    return found


@pytest.fixture(scope="module")
def undisturbed(
    network: Callable[[Any], Sandbox], ansible: Ansible, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Run]:
    """The end of a migration that nobody disturbed."""
    migration = Migration(network(topology()), ansible, tmp_path_factory.mktemp("undisturbed"))
    run = migration.run()
    end = state(migration)
    migration.net.stop()
    return end, run


def test_killed_at_every_task(
    network: Callable[[Any], Sandbox], ansible: Ansible, undisturbed: tuple[dict[str, Any], Run], tmp_path: Path
) -> None:
    expected, run = undisturbed
    migration = Migration(network(topology()), ansible, tmp_path)
    chance = random.Random(SEED)
    outliving: list[int] = []
    killed = 0
    verifying = False
    for tags, name, occurrence in tasks_of(run):
        if tags == "verify" and not verifying:
            # which refuses to start on a cutover whose last task was killed
            verifying = True
            migration.run("--tags", "cutover")
        playing = Playing(migration, tags)
        if not playing.reach(name, occurrence):
            code, output = playing.finish()
            assert code == 0, output
            continue
        time.sleep(chance.uniform(0, LONGEST_DELAY))
        outliving += playing.kill(with_modules=chance.random() < 0.5)
        killed += 1
    assert killed > 30
    eventually(lambda: all(map(ended, outliving)), "the end of all modules that outlived their run")
    migration.run()
    assert_migrated(migration)
    assert state(migration) == expected
    migration.run_again_changes_nothing()


# -- in the middle of the work ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def middle(network: Callable[[Any], Sandbox], ansible: Ansible, tmp_path_factory: pytest.TempPathFactory) -> Migration:
    """A migration whose tests follow one another; whatever one of them breaks off the next run has to take up."""
    net = network(topology(clients=30))
    return Migration(net, ansible, tmp_path_factory.mktemp("middle"), options={"ready_timeout": 3})


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


def check_failure(output: str, failures: list[dict[str, Any]], text: str) -> None:
    assert "Traceback" not in output
    (failure,) = failures
    assert text in failure["msg"]
    assert failure["hint"] in failure["msg"]


def test_killed_while_it_hosts_parties(middle: Migration) -> None:
    with knobs(middle, TARGET, sequencing_ms=1500):
        playing = Playing(middle, "preflight,prepare")
        assert playing.reach("Bring | Host the parties")
        time.sleep(1.5)
        playing.kill(with_modules=True)
        # with the node goes what waits in its memory, though the node has answered OK for it
        middle.net.command("kill", TARGET)
        middle.net.command("start", TARGET)
    middle.run("--tags", "preflight,prepare")
    with both(middle) as (source, target):
        wanted = {party.partition("::")[0] for party in hostings(source, middle.net.synchronizer("east"))}
        assert wanted == {party.partition("::")[0] for party in hostings(target, middle.net.synchronizer("west"))}


def test_killed_while_it_exports(middle: Migration) -> None:
    with knobs(middle, SOURCE, export_chunk_bytes=1000, export_chunk_ms=400):
        playing = Playing(middle, "cutover")
        assert playing.reach("Cutover | Export the contracts")
        eventually(lambda: middle.file("acs.gz.part").exists(), "the beginning of the export")
        time.sleep(0.5)
        playing.kill(with_modules=True)
    assert not middle.file("acs.gz").exists()
    assert not middle.file("manifest.json").exists()


def test_the_node_breaks_off_the_export(middle: Migration) -> None:
    with knobs(middle, SOURCE, export_chunk_bytes=1000, export_abort_after_chunks=3):
        fails_clearly(middle, "source participant")
    assert not middle.file("manifest.json").exists()


def test_the_source_is_killed_while_it_exports(middle: Migration) -> None:
    with knobs(middle, SOURCE, export_chunk_bytes=1000, export_chunk_ms=400):
        playing = Playing(middle, "cutover")
        assert playing.reach("Cutover | Export the contracts")
        eventually(lambda: middle.file("acs.gz.part").exists(), "the beginning of the export")
        middle.net.command("kill", SOURCE)
        playing.fails_clearly("source participant")
        middle.net.command("start", SOURCE)
    assert not list(middle.journal.glob("*.part"))


def test_killed_while_it_imports(middle: Migration) -> None:
    with knobs(middle, TARGET, import_ms_per_chunk=4000):
        playing = Playing(middle, "cutover")
        assert playing.reach("Cutover | Import the contracts and prove it")
        time.sleep(2)
        playing.kill(with_modules=True)
    assert middle.file("manifest.json").exists()
    assert not middle.file("receipt.json").exists()


def test_the_node_breaks_off_the_import(middle: Migration) -> None:
    with knobs(middle, TARGET, import_abort_after_bytes=100):
        fails_clearly(middle, "target participant")
    assert not middle.file("receipt.json").exists()


def test_the_target_is_killed_while_it_imports(middle: Migration) -> None:
    with knobs(middle, TARGET, import_ms_per_chunk=6000):
        playing = Playing(middle, "cutover")
        assert playing.reach("Cutover | Import the contracts and prove it")
        time.sleep(2)
        middle.net.command("kill", TARGET)
        playing.fails_clearly("target participant")
    middle.net.command("start", TARGET)
    assert not middle.file("receipt.json").exists()
    with both(middle) as (source, target):
        parties = sorted(hostings(source, middle.net.synchronizer("east")))
        assert not any(contracts(target, parties).values())


def test_after_all_that_the_migration_ends_right(middle: Migration) -> None:
    middle.run()
    assert_migrated(middle)
