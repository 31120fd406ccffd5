# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network that runs as a program of its own, and real ansible-playbook runs whose results can be looked at."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from playbook.contents import digests
from playbook.observe import Node, observe

from sandbox.cli import control, live
from sandbox.cli import network as supervisor
from sandbox.state.store import Store

_HERE = Path(__file__).parent
_TESTS = _HERE.parent
ANSIBLE_PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
_READY_SECONDS = 120
_STOP_SECONDS = 30
_PLAYBOOK_SECONDS = 300
# by default Ansible looks each millisecond whether a task is done, and so takes a tenth of a core from the module
_CONFIGURATION = "[defaults]\ninternal_poll_interval = 0.01\n"
# the role reports a failure, and then fails again at its end
LAST_WORDS = " : Main | Fail with the state of the participants"

Task = dict[str, Any]


class Sandbox:
    """A network started by ``python -m sandbox up``; ``stop`` ends it, by its process id."""

    def __init__(self, topology: Mapping[str, Any], folder: Path) -> None:
        self.state = folder / "network"
        self.log = folder / "network.log"
        file = folder / "topology.yml"
        file.write_text(yaml.safe_dump(dict(topology)), encoding="utf-8")
        ready = folder / "ready"
        command = [sys.executable, "-m", "sandbox", "up", str(file), "--state", str(self.state)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--ready-file", str(ready)],
                env={**os.environ, "PYTHONPATH": str(_TESTS)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._await(ready)
        except BaseException:
            self.stop()
            raise

    def _await(self, ready: Path) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the network did not start:\n{self.log.read_text(encoding='utf-8')[-4000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # its participants see that their supervisor is gone and end too
            self._process.kill()
            self._process.wait()

    def info(self) -> dict[str, Any]:
        """``network.json``: ports, ids, certificates."""
        found: dict[str, Any] = json.loads((self.state / "network.json").read_text(encoding="utf-8"))
        return found

    def uid(self, name: str) -> str:
        return str(self.info()["participants"][name]["uid"])

    def party(self, owner: str, name: str) -> str:
        """The id of a party in the namespace of participant ``owner``."""
        return f"{name}::{self.uid(owner).partition('::')[2]}"

    def synchronizer(self, name: str) -> str:
        return str(self.info()["synchronizers"][name]["id"])

    def connection(self, name: str) -> dict[str, Any]:
        """The options of the modules that reach a participant."""
        node = self.info()["participants"][name]
        options: dict[str, Any] = {
            "endpoint": f"127.0.0.1:{node['admin_port']}",
            "ledger_endpoint": f"127.0.0.1:{node['ledger_port']}",
        }
        if node["admin_token"]:
            options["token"] = node["admin_token"]
        return {**options, **(node["tls"] or {})}

    def set(self, name: str, key: str, value: Any) -> None:
        """Turn a knob."""
        Store(supervisor.database(self.state)).set_knob(name, key, value)

    def create(
        self,
        name: str,
        signatories: Sequence[str],
        observers: Sequence[str] = (),
        count: int = 1,
        template: str = "Iou:Iou",
        dar: str | None = None,
        synchronizer: str | None = None,
    ) -> list[str]:
        """Create contracts through a participant, as an application would; their ids. See ``sandbox.cli.live``."""
        return live.create(self.state, name, signatories, observers, count, template, dar, synchronizer)

    def archive(self, name: str, contract_ids: Sequence[str]) -> None:
        """Archive contracts through a participant, as an application would."""
        live.archive(self.state, name, contract_ids)

    def command(self, command: str, name: str) -> None:
        """``stop``, ``start`` or ``kill`` a participant."""
        control.send(self.state, command, name)

    @contextmanager
    def client(self, name: str) -> Iterator[Node]:
        """Both APIs of a participant, without any module in between."""
        node = observe(self.info()["participants"][name])
        try:
            yield node
        finally:
            node.close()

    @property
    def database(self) -> str:
        return str(supervisor.database(self.state))

    def contents(self) -> dict[str, str]:
        """A digest of everything that the network holds, by kind (see ``contents``)."""
        return digests(self.database)


@dataclass(frozen=True)
class Run:
    """What an ansible-playbook run came to: one entry a task and host, in order (see ``callbacks/recorder.py``)."""

    returncode: int
    output: str
    entries: list[dict[str, Any]]

    @property
    def results(self) -> list[dict[str, Any]]:
        return [entry["result"] for entry in self.entries]

    @property
    def failures(self) -> list[dict[str, Any]]:
        """What failed, without the last words that the role says of it."""
        return [
            entry["result"]
            for entry in self.entries
            if entry["outcome"] not in ("ok", "skipped") and not entry["task"].endswith(LAST_WORDS)
        ]

    @property
    def changed(self) -> list[bool]:
        return [bool(result.get("changed")) for result in self.results]

    def result(self, task: str) -> dict[str, Any]:
        """The result of the one task with this name."""
        (found,) = [entry["result"] for entry in self.entries if entry["task"] == task]
        return dict(found)


class Ansible:
    """Runs ansible-playbook; every run gets a folder of its own below ``folder``, and at most ``patience`` seconds.

    ``shared``: a folder where packed and compiled modules are kept for other runs. Without it each run begins as a user's.
    """

    def __init__(self, folder: Path, patience: float = _PLAYBOOK_SECONDS, shared: Path | None = None) -> None:
        self._folder = folder
        self._patience = patience
        self._runs = 0
        self._kept = {} if shared is None else _keep_modules(shared)
        (folder / "ansible.cfg").write_text("" if shared is None else _CONFIGURATION, encoding="utf-8")

    def tasks(
        self,
        tasks: Sequence[Task],
        check: bool = False,
        diff: bool = False,
        env: Mapping[str, str] | None = None,
        flags: Sequence[str] = (),
        prefix: Sequence[str] = (),
        succeeds: bool = True,
    ) -> Run:
        """Run tasks on the local host. ``prefix``: a command to run ansible-playbook with."""
        file = self._fresh() / "play.yml"
        file.write_text(yaml.safe_dump([_play(tasks)], sort_keys=False), encoding="utf-8")
        options = [*(["--check"] if check else []), *(["--diff"] if diff else []), *flags]
        return self.playbook(["-i", "localhost,", *options, str(file)], env, prefix, succeeds)

    def playbook(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        succeeds: bool = True,
    ) -> Run:
        """Run ansible-playbook with these arguments; fails when it does not end as ``succeeds`` says."""
        record = self._fresh() / "results.jsonl"
        done = subprocess.run(
            [*prefix, str(ANSIBLE_PLAYBOOK), *arguments],
            env={**self.environment(record), **(env or {})},
            cwd=record.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=self._patience,
            check=False,
        )
        assert (done.returncode == 0) is succeeds, done.stdout
        return Run(done.returncode, done.stdout, recorded(record))

    def environment(self, record: Path) -> dict[str, str]:
        """The environment of a run whose results go to ``record``; nothing of the user's own settings gets in."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CANTON_", "AWS_"))}
        settings = {
            "ANSIBLE_HOME": str(self._folder / "home"),
            "ANSIBLE_REMOTE_TMP": str(self._folder / "home" / "remote"),
            "ANSIBLE_ASYNC_DIR": str(self._folder / "home" / "async"),
            "ANSIBLE_CONFIG": str(self._folder / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_CALLBACK_PLUGINS": str(_HERE / "callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "recorder",
            "RECORDER_FILE": str(record),
        }
        return {**kept, **settings, **self._kept}

    def background_jobs(self) -> list[int]:
        """Processes of modules that run in the background of these runs: nobody's children by now."""
        return [pid for pid, command in processes() if str(self._folder / "home" / "remote") in command]

    def leftovers(self) -> list[Path]:
        """What these runs have left in the folders of modules and of background jobs."""
        folders = [self._folder / "home" / name for name in ("remote", "async")]
        return [path for folder in folders if folder.exists() for path in folder.iterdir()]

    def start(self, tasks: Sequence[Task], flags: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Started:
        """The same as ``tasks``, in the background."""
        file = self._fresh() / "play.yml"
        file.write_text(yaml.safe_dump([_play(tasks)], sort_keys=False), encoding="utf-8")
        record = file.with_name("results.jsonl")
        environment = {**self.environment(record), "PYTHONUNBUFFERED": "1", **(env or {})}
        return Started([str(ANSIBLE_PLAYBOOK), "-i", "localhost,", *flags, str(file)], environment, record)

    def _fresh(self) -> Path:
        self._runs += 1
        folder = self._folder / f"run{self._runs}"
        folder.mkdir()
        return folder


def _keep_modules(folder: Path) -> dict[str, str]:
    """Settings of runs that find packed and compiled modules of other runs in a folder, and leave theirs."""
    packed, compiled = folder / "packed", folder / "compiled"
    for path in (packed, compiled):
        path.mkdir(exist_ok=True)
    return {
        "ANSIBLE_CALLBACKS_ENABLED": "recorder,packed",
        "TESTS_PACKED": str(packed),
        "TESTS_COMPILED": str(compiled),
        "PYTHONPATH": os.pathsep.join([str(_HERE / "compiled"), str(_TESTS)]),
    }


def _play(tasks: Sequence[Task]) -> dict[str, Any]:
    return {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": list(tasks),
    }


class Started:
    """An ansible-playbook run in the background."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], record: Path) -> None:
        self._record = record
        self._output = record.with_name("output")
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=record.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8")

    def finish(self) -> Run:
        code = self._process.wait(timeout=_PLAYBOOK_SECONDS)
        return Run(code, self.output, recorded(self._record))

    def kill(self) -> None:
        """SIGKILL to Ansible and its workers, which are in sessions of their own; background jobs live on."""
        below = list(descendants(self._process.pid))
        os.killpg(self._process.pid, signal.SIGKILL)
        for pid in below:
            kill(pid)
        self._process.wait()


def processes() -> Iterator[tuple[int, str]]:
    """Ids and command lines of all processes that have one."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if command:
                yield int(entry.name), command.replace(b"\0", b" ").decode(errors="replace")


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def descendants(pid: int) -> Iterator[int]:
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


def eventually(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true"
        time.sleep(0.02)


def recorded(record: Path) -> list[dict[str, Any]]:
    """What the recorder wrote, also when the run was killed."""
    if not record.exists():
        return []
    return [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]


def task(module: str, name: str = "", **options: Any) -> Task:
    """A task of a module of this collection."""
    return {"name": name or module, f"ledgerops.canton.{module}": options}
