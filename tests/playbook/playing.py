# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run of ansible-playbook that is watched and killed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from playbook.harness import ANSIBLE_PLAYBOOK, Ansible, Run, descendants, kill, recorded

_WAIT_SECONDS = 60


class Playable(Protocol):
    """What is run: in which folder, by what, and with which arguments."""

    @property
    def folder(self) -> Path: ...
    @property
    def ansible(self) -> Ansible: ...
    def arguments(self, *flags: str) -> list[str]: ...


class Playing:
    """An ansible-playbook run in the background that is watched while it prints."""

    def __init__(self, migration: Playable, tags: str, arguments: Sequence[str] | None = None) -> None:
        self._folder = migration.folder / "playing"
        self._folder.mkdir(exist_ok=True)
        self._record = self._folder / "results.jsonl"
        self._record.unlink(missing_ok=True)
        environment = migration.ansible.environment(self._record)
        self._process = subprocess.Popen(
            [str(ANSIBLE_PLAYBOOK), *(arguments or migration.arguments("--tags", tags))],
            env={**environment, "PYTHONUNBUFFERED": "1"},
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._output: list[str] = []
        self._jobs = migration.ansible.background_jobs

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
        check_failure(output, Run(code, output, recorded(self._record)).failures, text)

    def kill(self, with_modules: bool) -> list[int]:
        """SIGKILL the process group. Ansible's workers and their modules live in sessions of their own, and a transfer
        in the background is not even their child: they die as well (a machine that loses power), or live on for a while
        and are returned (an operator's kill -9)."""
        workers = [*descendants(self._process.pid), *self._jobs()]
        os.killpg(self._process.pid, signal.SIGKILL)
        if with_modules:
            for pid in workers:
                kill(pid)
            while jobs := self._jobs():
                for pid in jobs:
                    kill(pid)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return [] if with_modules else workers


def check_failure(output: str, failures: list[dict[str, Any]], text: str) -> None:
    assert "Traceback" not in output
    (failure,) = failures
    assert text in failure["msg"]
    assert failure["hint"] in failure["msg"]
