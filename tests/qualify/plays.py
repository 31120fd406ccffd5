# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible has to say: the hosts of an inventory with their values, and playbook runs with what every task came to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GROUP = "qualify"
_BIN = Path(sys.executable).parent
_CALLBACKS = Path(__file__).resolve().parent.parent / "playbook" / "callbacks"
_REQUIRED = ("source", "target", "source_synchronizer", "target_synchronizer", "journal")


class NotReady(Exception):
    """The suite cannot start: an inventory without what it needs."""


class Failed(Exception):
    """A check has failed; the text says what was found."""


def _environment() -> dict[str, str]:
    # ours is for this program; Ansible finds collections by ANSIBLE_COLLECTIONS_PATH
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "ANSIBLE_NOCOLOR": "true", "ANSIBLE_LOCALHOST_WARNING": "false"}


def _ask(*command: str) -> str:
    done = subprocess.run(
        [str(_BIN / command[0]), *command[1:]], env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotReady(f"{' '.join(command[:3])} failed:\n{(done.stderr or done.stdout).strip()}")
    return done.stdout


def read_hosts(inventory: str) -> dict[str, dict[str, Any]]:
    """Host: its variables ``kms_migration_*`` and ``qualify_*``, templated, so that tokens may come from look-ups.

    The values stay in memory; ``ansible-inventory`` alone would leave templates as they are.
    """
    listed = json.loads(_ask("ansible-inventory", "-i", inventory, "--list", "--limit", GROUP))
    hosts = {name: _values(inventory, name, known) for name, known in listed["_meta"]["hostvars"].items()}
    if not hosts:
        raise NotReady(f"{inventory} has no group {GROUP} with hosts and their variables")
    for name, values in hosts.items():
        lacking = [each for each in _REQUIRED if f"kms_migration_{each}" not in values]
        if lacking:
            raise NotReady(f"{name} in {inventory} lacks " + ", ".join(f"kms_migration_{each}" for each in lacking))
    return hosts


def _values(inventory: str, host: str, names: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {name: "{{ " + name + " }}" for name in names if name.startswith(("kms_migration_", "qualify_"))}
    said = _ask("ansible", "-i", inventory, host, "-m", "ansible.builtin.debug", "-a", json.dumps({"msg": wanted}))
    found: dict[str, Any] = json.loads(said.partition("=>")[2])["msg"]
    return found


@dataclass(frozen=True)
class Run:
    """What a playbook run came to: entries of ``callbacks/recorder.py`` in order."""

    entries: list[dict[str, Any]]

    @property
    def changed(self) -> list[str]:
        """Names of the tasks that changed something, or would."""
        return [entry["task"].rpartition(" : ")[2] for entry in self.entries if entry["result"].get("changed")]

    def results(self, task: str) -> list[dict[str, Any]]:
        """The results of the tasks whose name ends so."""
        return [entry["result"] for entry in self.entries if entry["task"].endswith(task)]


class Ansible:
    """Runs playbooks for one host. Each run leaves its output and its results in ``folder``; tokens get into neither."""

    def __init__(self, inventory: str, host: str, folder: Path) -> None:
        self._command = [str(_BIN / "ansible-playbook"), "-i", inventory, "--limit", host]
        self._folder = folder
        self._runs = 0

    def playbook(self, playbook: str, variables: Mapping[str, Any], *flags: str) -> Run:
        """Run a playbook; Failed when a task does."""
        self._runs += 1
        base = self._folder / f"{self._runs:02}"
        extra, record = base.with_suffix(".vars.json"), base.with_suffix(".results.jsonl")
        extra.write_text(json.dumps(variables, indent=2), encoding="utf-8")
        with base.with_suffix(".log").open("wb") as log:
            done = subprocess.run(
                [*self._command, "-e", f"@{extra}", *flags, playbook],
                env={
                    **_environment(),
                    "ANSIBLE_CALLBACK_PLUGINS": str(_CALLBACKS),
                    "ANSIBLE_CALLBACKS_ENABLED": "recorder",
                    "RECORDER_FILE": str(record),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
        entries = [json.loads(line) for line in lines]
        for entry in entries:
            if entry["outcome"] in ("failed", "unreachable"):
                raise Failed(f"{entry['task']}: {entry['result'].get('msg', entry['outcome'])} (see {log.name})")
        if done.returncode or not entries:
            raise Failed(f"ansible-playbook ended with {done.returncode} (see {log.name})")
        return Run(entries)

    def tasks(self, tasks: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]) -> Run:
        """Run tasks as a play of their own."""
        play = {"name": "Qualify", "hosts": GROUP, "gather_facts": False, "tasks": list(tasks)}
        file = self._folder / f"{self._runs + 1:02}.play.json"
        file.write_text(json.dumps([play], indent=2), encoding="utf-8")
        return self.playbook(str(file), variables)
