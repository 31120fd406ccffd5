# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role kms_participant: when it starts and restarts a node, and what it does before that.

systemd and the release are stand-ins (``stand_ins``), since neither is where the tests run.
"""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playbook.harness import Ansible, Run, Task
from playbook.participant_role import AWS, PASSWORD, WORD, Options, variables
from stand_ins.__main__ import make


class Host:
    """A host with stand-ins for systemd and for two releases, and the stages of one run on it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.digests = make(folder, ["3.5.1", "3.5.2"])
        self.tasks: list[Task] = []
        self.base: Options = {
            "kms": AWS,
            "storage": {"password": PASSWORD},
            "manage_user": False,
            "user": getpass.getuser(),
            "config_folder": str(folder / "etc"),
            "data_folder": str(folder / "data"),
            "log_folder": str(folder / "log"),
            "releases_folder": str(folder / "opt"),
            "unit_folder": str(folder / "units"),
            "admin_api": {"address": "127.0.0.1", "port": port},
            "wait_timeout": 20,
            **self.release("3.5.1"),
        }

    def release(self, name: str) -> Options:
        return {"archive": str(self.folder / f"canton-{name}.tar.gz"), "archive_sha256": self.digests[name]}

    def stage(self, name: str, fails: bool = False, **options: Any) -> None:
        """Run the role; ``Commands NAME`` is what systemctl was told."""
        role: Task = {
            "name": f"Stage {name}",
            "ansible.builtin.include_role": {"name": "ledgerops.canton.kms_participant"},
            "vars": variables({**self.base, **options}),
        }
        done: Task = {
            "name": f"Done {name}",
            "ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg | default('done') }}"},
        }
        self.tasks.append({"block": [role], "rescue": [done]} if fails else role)
        state = self.folder / "state"
        look = f"cat {state}/commands {self.folder}/etc/participant.conf 2>/dev/null; rm -f {state}/commands"
        self.tasks.append({"name": f"Commands {name}", "ansible.builtin.shell": look, "changed_when": False})

    def run(self, ansible: Ansible) -> Run:
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return ansible.tasks(self.tasks, env={"PATH": path, "ANSIBLE_PIPELINING": "true"}, diff=True, flags=["-vvvv"])


def stage_of(run: Run, name: str) -> list[dict[str, Any]]:
    """The entries of the role in that stage."""
    names = [entry["task"] for entry in run.entries]
    stages = [n for n, task in enumerate(names) if task.startswith("Commands ")]
    end = names.index(f"Commands {name}")
    begin = max([n for n in stages if n < end], default=-1) + 1
    return run.entries[begin:end]


def commands(run: Run, name: str) -> list[str]:
    lines = run.result(f"Commands {name}")["stdout_lines"]
    return [line.split()[0] for line in lines if line.endswith(".service")]


def changes(run: Run, name: str) -> list[str]:
    return [e["task"].rpartition(" : ")[2] for e in stage_of(run, name) if e["result"].get("changed")]


@pytest.fixture(scope="module")
def story(ansible: Ansible, tmp_path_factory: pytest.TempPathFactory, unused_port: int) -> Iterator[tuple[Run, Host]]:
    host = Host(tmp_path_factory.mktemp("host"), unused_port)
    broken = {"extra_config": "canton.participants.participant.crypto.kms.regoin = eu-west-1"}
    host.stage("wrong checksum", fails=True, archive_sha256="0" * 64)
    open_file = host.folder / "aws.credentials"
    open_file.touch(mode=0o644)
    tls = {"cert_chain_file": "/nowhere/api.crt", "private_key_file": "/nowhere/api.key"}
    host.stage("open file", fails=True, credentials_file=str(open_file))
    host.stage("no certificate", fails=True, ledger_api={"address": "127.0.0.1", "port": 5011, "tls": tls})
    host.stage("first")
    host.stage("broken", fails=True, **broken)
    new = {"java_opts": "-Xmx2g", **host.release("3.5.2")}
    # what a run leaves that is killed right before the service is looked at
    host.stage("half", **new, manage_service=False, wait=False)
    host.stage("carried on", **new)
    host.stage("masked", state="stopped", mask=True)
    host.stage("refused", fails=True)
    host.stage("absent", state="absent")
    yield host.run(ansible), host
    subprocess.run([host.folder / "bin" / "systemctl", "stop", "canton-participant.service"], check=True)


@pytest.fixture(scope="module")
def unused_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_an_archive_is_proven_before_anything_is_done(story: tuple[Run, Host]) -> None:
    run, _host = story
    assert changes(run, "wrong checksum") == [] and commands(run, "wrong checksum") == []
    assert "has another SHA-256" in run.result("Done wrong checksum")["msg"]


def test_files_that_are_not_there_or_that_everybody_reads_are_refused(story: tuple[Run, Host]) -> None:
    run, _host = story
    for name, words in (
        ("open file", "is readable by every user"),
        ("no certificate", "/nowhere/api.key is missing on the host"),
    ):
        assert changes(run, name) == [] and commands(run, name) == []
        assert any(words in str(entry["result"]) for entry in stage_of(run, name))


def test_the_first_run_unpacks_the_release_and_starts_the_node(story: tuple[Run, Host]) -> None:
    run, host = story
    assert commands(run, "first") == ["enable", "start"]
    assert "Release | Unpack the archive" in changes(run, "first")
    assert (host.folder / "opt" / "canton-3.5.1" / "bin" / "canton").exists()


def test_a_configuration_that_the_release_cannot_read_replaces_nothing(story: tuple[Run, Host]) -> None:
    run, _host = story
    assert changes(run, "broken") == [] and commands(run, "broken") == []
    assert "Unknown key 'regoin'" in run.result("Done broken")["msg"]
    assert "regoin" not in run.result("Commands broken")["stdout"]


def test_a_change_restarts_once_also_after_a_run_that_was_killed_before_that(story: tuple[Run, Host]) -> None:
    run, _host = story
    assert commands(run, "half") == [] and "Configuration | Write the configuration" in changes(run, "half")
    assert commands(run, "carried on") == ["restart"]
    assert changes(run, "carried on") == [
        "Service | Write the unit",
        "Service | Enable and start, or restart after a change",
    ]


def test_a_masked_node_is_not_started_again(story: tuple[Run, Host]) -> None:
    run, host = story
    assert commands(run, "masked") == ["disable", "stop", "mask"]
    assert commands(run, "refused") == [] and changes(run, "refused") == []
    assert "no other node has this identity" in run.result("Done refused")["msg"]
    assert not list((host.folder / "etc").iterdir()) and not list((host.folder / "units").iterdir())
    assert (host.folder / "data").is_dir() and (host.folder / "opt" / "canton-3.5.2").is_dir()


def test_the_password_is_nowhere_but_in_its_file(story: tuple[Run, Host]) -> None:
    run, host = story
    assert WORD not in run.output and WORD not in str(run.results)
    assert not [path for path in host.folder.rglob("*") if path.is_file() and WORD.encode() in path.read_bytes()]
