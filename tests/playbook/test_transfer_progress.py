# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A transfer that takes its time: what the controller shows, and what a lost connection, a killed run and a killed module come to."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Sandbox, Task, eventually, kill, task
from playbook.releases import DIALECTS, Pair

TOKEN = "a-token-that-nobody-may-read"
HERE = Path(__file__).parent
LINE = re.compile(r"^  \[localhost\] (.+)$", re.MULTILINE)
EXPORTING = re.compile(
    r"exporting: [\d,]+ of 600 contracts \(\d+ %\), [\d.]+ (?:bytes|kB), [\d,]+ contracts/s, \d+:\d\d elapsed, about \d+:\d\d left"
)
DONE = re.compile(r"done: 600 contracts, [\d.]+ kB, in \d:\d\d, [\d,]+ contracts/s")
TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"old": {}, "new": {}},
    "participants": {
        "source": {
            "connections": [{"synchronizer": "old", "alias": "oldsync"}],
            "parties": ["Alice", "Bob"],
            "dars": [{"name": "iou", "version": "1.0.0", "packages": 3}],
            "contracts": [
                {"count": 600, "template": "Iou:Iou", "dar": "iou", "parties": ["Alice", "Bob"], "bytes": 200}
            ],
        },
        "target": {"connections": [{"synchronizer": "new", "alias": "newsync"}]},
    },
}


class Stage:
    def __init__(self, pair: Pair, net: Sandbox, ansible: Ansible, folder: Path) -> None:
        self.pair = pair
        self.net = net
        self.ansible = ansible
        self.folder = folder
        self.both: dict[str, Any] = {"source": net.connection("source"), "target": net.connection("target")}
        self.aliases: dict[str, Any] = {"source_synchronizer": "oldsync", "target_synchronizer": "newsync"}

    def transfer(self, state: str, name: str, **more: Any) -> Task:
        options = {
            **self.both,
            **self.aliases,
            "parties": [self.net.party("source", "Alice"), self.net.party("source", "Bob")],
            "path": str(self.folder / name),
            "progress_interval": 1,
            **self.pair.options,
            **more,
        }
        return task("participant_acs_transfer", state=state, **options)

    def export(self, name: str, slow: bool = True, **more: Any) -> Task:
        """About seven seconds of work, or next to none."""
        self.net.set("source", "export_chunk_ms", 300 if slow else 0)
        return self.transfer("exported", name, **more)

    def file(self, name: str) -> Path:
        return self.folder / name

    def began(self, name: str) -> int:
        """Wait until a transfer of this snapshot has moved something; the id of its process. One that was killed has left
        its file."""
        found: dict[str, Any] = {}

        def moving() -> bool:
            try:
                found.update(json.loads(self.file(f"{name}.progress.json").read_text(encoding="utf-8")))
            except FileNotFoundError:
                return False
            return bool(found["bytes"]) and Path(f"/proc/{found['pid']}").exists()

        eventually(moving, "the beginning of the transfer")
        return int(found["pid"])

    def calls(self, rpc: str) -> int:
        """How often an RPC was called until now, on any node."""
        return self.net.log.read_text(encoding="utf-8").count(rpc)

    def nothing_is_left(self) -> None:
        assert not [path.name for path in self.folder.iterdir() if path.suffix in (".lock", ".part")]
        assert not list(self.folder.glob("*.progress.json"))
        assert not self.ansible.leftovers()


@pytest.fixture(scope="module")
def stage(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Everything is ready for the contracts; both nodes stream slowly."""
    net = network(pair.topology(TOPOLOGY))
    found = Stage(pair, net, ansible, tmp_path_factory.mktemp("journal"))
    ansible.tasks(
        [
            task("participant_package", **found.both, **found.aliases),
            task("participant_namespace_delegation", **found.both, synchronizer="newsync"),
            task("participant_party", **found.both, **found.aliases),
            task("participant_synchronizer", **net.connection("source"), state="disconnected"),
            task("participant_synchronizer", **net.connection("target"), state="disconnected"),
        ]
    )
    net.set("source", "export_chunk_bytes", 6000)
    yield found
    net.stop()


# nothing here depends on the release
pytestmark = pytest.mark.pairs(DIALECTS[:1])


def lines(output: str) -> list[str]:
    return LINE.findall(output)


def test_lines_while_it_runs(stage: Stage) -> None:
    """And no token among all that can be shown, nor on the host afterwards."""
    wanted = stage.export("first", source={**stage.both["source"], "token": "{{ lookup('env', 'SECRET') }}"})
    run = stage.ansible.tasks([wanted], env={"SECRET": TOKEN}, flags=["-vvvv"], diff=True)
    assert TOKEN not in run.output and TOKEN not in json.dumps(run.entries)
    shown = lines(run.output)
    assert len([line for line in shown if EXPORTING.fullmatch(line)]) >= 2
    assert DONE.fullmatch(shown[-1])
    stage.nothing_is_left()
    assert run.result("participant_acs_transfer")["transfer"]["contracts"] == 600
    speeds = json.loads(stage.file("throughput.json").read_text(encoding="utf-8"))
    assert [(each["state"], each["contracts"]) for each in speeds["runs"]] == [("exported", 600)]


def test_no_lines(stage: Stage) -> None:
    """When they are not wanted, when there is nothing to do, and in check mode, which also leaves no file."""
    quiet = stage.export("quiet", slow=False, progress=False, progress_interval=0)
    soon = stage.export("first", slow=False, progress_interval=60)
    checked = {**stage.export("checked", slow=False, progress_interval=0), "check_mode": True}
    run = stage.ansible.tasks([quiet, soon, checked])
    assert lines(run.output) == []
    assert run.changed == [True, False, True]
    assert [("transfer" in result) for result in run.results] == [True, False, False]
    assert not list(stage.folder.glob("checked.*"))
    stage.nothing_is_left()


@pytest.mark.fault("the module alone", "in the middle of the export", "a clear failure at once; resumes")
def test_module_killed(stage: Stage) -> None:
    playing = stage.ansible.start([stage.export("killed")])
    kill(stage.began("killed"))
    killed = time.monotonic()
    run = playing.finish()
    (failure,) = run.failures
    assert failure["error_id"] == "transfer_killed"
    assert failure["hint"] in failure["msg"] and "Traceback" not in run.output
    assert time.monotonic() - killed < 15
    assert not stage.file("killed.acs.gz").exists()


@pytest.mark.fault("the module with the wrappers of its job", "in the middle of the export", "a clear failure; resumes")
def test_job_killed_with_its_wrappers(stage: Stage) -> None:
    """Nobody is left who could say that it ended."""
    playing = stage.ansible.start([stage.export("killed")])
    stage.began("killed")
    for pid in stage.ansible.background_jobs():
        kill(pid)
    (failure,) = playing.finish().failures
    assert failure["error_id"] == "transfer_killed"


@pytest.mark.fault(
    "ansible-playbook, its transfer living on",
    "in the middle of the export",
    "the next run waits for the transfer and takes it up",
)
def test_ansible_killed(stage: Stage) -> None:
    """The transfer goes on; the next run waits for it and does not do it again."""
    before = stage.calls("ExportAcs")
    playing = stage.ansible.start([stage.export("killed")])
    pid = stage.began("killed")
    os.kill(pid, signal.SIGSTOP)
    playing.kill()
    playing = stage.ansible.start([stage.export("killed")])
    eventually(lambda: "] another run, exporting: " in playing.output, "the second run's look at the first")
    os.kill(pid, signal.SIGCONT)
    run = playing.finish()
    shown = lines(run.output)
    assert f"another run's transfer is in progress (state exported, process {pid}): waiting for it" in shown
    assert run.returncode == 0 and run.changed == [False]
    assert run.results[0]["contracts"] == 600
    assert stage.calls("ExportAcs") == before + 1


@pytest.mark.fault(
    "the import, by the new participant",
    "at its last batch, the others staying",
    "resumes; what is there is skipped",
)
def test_import_that_breaks_off_at_its_last_batch(stage: Stage) -> None:
    """What the target has taken by then stays there, and the next run brings the rest."""
    knobs = {"import_batch_contracts": 100, "import_abort_after_batches": 5}
    for knob, value in knobs.items():
        stage.net.set("target", knob, value)
    (failure,) = stage.ansible.tasks([stage.transfer("imported", "first")], succeeds=False).failures
    assert failure["error_id"] == "unreachable" and failure["hint"] in failure["msg"]
    assert not stage.file("first.receipt.json").exists()
    for knob in knobs:
        stage.net.set("target", knob, None)
    (predicted,) = stage.ansible.tasks([stage.transfer("imported", "first")], check=True, diff=True).results
    assert (predicted["diff"]["before"]["contracts"], predicted["diff"]["after"]["contracts"]) == (500, 600)


@pytest.mark.fault(
    "the connection to the host that runs the modules",
    "for some seconds of a transfer",
    "the transfer goes on, and the run too",
)
def test_connection_drops(stage: Stage) -> None:
    """For a while, and for longer than the task is patient: the import goes on all the same."""
    before = stage.calls("ImportAcs")
    stage.net.set("target", "import_ms_per_chunk", 4000)
    dropped = stage.file("dropped")
    env = {"ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connections"), "DROPPED": str(dropped)}
    imported = stage.transfer("imported", "first")
    impatient = stage.transfer("imported", "first", progress_patience=1)
    flaky = [{**each, "vars": {"ansible_connection": "flaky"}} for each in (impatient, imported)]
    playing = stage.ansible.start(flaky[:1], env=env)
    pid = stage.began("first")
    os.kill(pid, signal.SIGSTOP)
    dropped.touch()
    (failure,) = playing.finish().failures
    assert failure["error_id"] == "connection_lost"
    assert "The transfer continues there" in failure["msg"] and failure["hint"] in failure["msg"]
    dropped.unlink()
    playing = stage.ansible.start(flaky[1:], env=env)
    eventually(lambda: "] another run, " in playing.output, "the second run's look at the first")
    dropped.touch()
    time.sleep(2)
    os.kill(pid, signal.SIGCONT)
    dropped.unlink()
    run = playing.finish()
    assert run.returncode == 0, run.output
    assert run.changed == [False]
    assert stage.calls("ImportAcs") == before + 1
    stage.ansible.tasks([stage.transfer("verified", "first")])
    assert not stage.file("first.lock").exists() and not stage.file("first.progress.json").exists()
