# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor of a whole network: state, KMS, one process for each participant."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from sandbox.cli import configuration, lines
from sandbox.cli.control import Control, NetworkError
from sandbox.kms.facts import DUMMY_CREDENTIALS, KMS
from sandbox.state import connections, keys, ledger, participants, store, synchronizers
from sandbox.state.store import Store
from sandbox.wire import auth, definitions, ids
from sandbox.wire.release import founding

_START_SECONDS = 120
_STOP_SECONDS = 15
_POLL_SECONDS = 0.03
_TESTS = Path(__file__).parents[2]


def database(state: Path) -> Path:
    return state / "network.db"


_given_out: set[int] = set()


def _free_port() -> int:
    """A port that nobody listens on, below the range from which systems take ports for outgoing connections.

    None is given out twice: those of a hundred participants that are not started yet would meet in every other network.
    """
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        if port in _given_out:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given_out.add(port)
        return port


class Network:
    """A network in a state directory. Use it as a context manager, or call ``start`` and ``stop``.

    ``topology`` is what ``topology_file.load`` or ``.check`` gives. ``logs``: a directory for one log file a process;
    without it they write to this process's standard error.
    """

    def __init__(self, topology: dict[str, Any], state: Path, logs: Path | None = None) -> None:
        self.topology = topology
        self.state = state
        self._logs = logs
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._kms: subprocess.Popen[bytes] | None = None
        self._sequencers: list[socket.socket] = []
        self._lock = threading.RLock()
        self._store: Store | None = None
        self._control: Control | None = None
        self.stopped = threading.Event()

    def __enter__(self) -> Network:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def store(self) -> Store:
        if self._store is None:
            raise NetworkError("the network was not started")
        return self._store

    # Start and stop of everything.

    def start(self) -> None:
        """Make or reopen the state, start all processes and wait until they serve; stops all again on failure."""
        try:
            self._open_state()
            if self._uses_kms():
                self._start_kms()
            at_once = [name for name, config in self.topology["participants"].items() if config["start"]]
            for name in at_once:
                self._spawn(name)
            self._await_nodes(at_once)
            commands = {"start": self.start_node, "stop": self.stop_node, "kill": self.kill_node}
            self._control = Control(commands, self.stopped.set)
            self._write_info()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        with self._lock:
            for process in self._processes.values():
                if process.poll() is None:
                    process.terminate()
            for process in self._processes.values():
                _end(process)
            if self._kms is not None:
                self._kms.kill()
                self._kms.wait()
            for listener in self._sequencers:
                listener.close()
        if self._control is not None:
            self._control.close()
        self.stopped.set()

    def _open_state(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = not database(self.state).exists()
        self._store = store.create(database(self.state))
        if fresh:
            self._create()
        self._listen_for_sequencers()
        if any(config["tls"] != "none" for config in self.topology["participants"].values()):
            auth.make_certificates(self.state / "tls")

    def _create(self) -> None:
        with self.store.write() as connection:
            for name, config in self.topology["participants"].items():
                ports = (config["admin_port"] or _free_port(), config["ledger_port"] or _free_port())
                participants.add(connection, name, config, *ports)
        for number, (name, config) in enumerate(self.topology["synchronizers"].items(), 1):
            url = f"http://127.0.0.1:{_free_port()}"
            line = founding(config["protocol_version"])
            found = lines.line_of(line).found
            found(self.store, definitions.messages(line), name, number, config["protocol_version"], url)

    def _listen_for_sequencers(self) -> None:
        """Nothing is served there: the sockets only keep the ports, so that no other program gets them."""
        with self.store.read() as connection:
            urls = [row["url"] for row in synchronizers.everyone(connection)]
        for url in urls:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", int(url.rpartition(":")[2])))
            listener.listen()
            self._sequencers.append(listener)

    # Processes.

    def _command(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(_TESTS), "PYTHONUNBUFFERED": "1"}
        log = None
        if self._logs is not None:
            self._logs.mkdir(parents=True, exist_ok=True)
            log = (self._logs / f"{name}.log").open("ab")
        try:
            # The pipe at standard input tells the child when its supervisor is gone, however that ended.
            return subprocess.Popen(
                [sys.executable, "-m", "sandbox", *arguments],
                stdin=subprocess.PIPE,
                stdout=log or sys.stderr.fileno(),
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        finally:
            if log is not None:
                log.close()

    def _uses_kms(self) -> bool:
        configs = [configuration.coming(self.store, name) for name in self.topology["participants"]]
        return bool(self.topology["kms"]["always"]) or any(_uses_kms(each) or each["wrapper_key"] for each in configs)

    def _start_kms(self) -> None:
        settings = self.store.kms() or self._found_kms()
        port = int(settings["endpoint"].rpartition(":")[2])
        self._kms = self._command("kms", "kms", str(port), "--state", str(self.state))
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(port):
            if self._kms.poll() is not None or time.monotonic() > deadline:
                raise NetworkError("the KMS did not start")
            time.sleep(_POLL_SECONDS)

    def _found_kms(self) -> dict[str, str]:
        settings = {"endpoint": f"http://127.0.0.1:{_free_port()}", "region": self.topology["kms"]["region"]}
        self.store.set_kms(settings)
        return settings

    def _spawn(self, name: str) -> None:
        with self.store.write() as connection:
            participants.update(connection, name, pid=0, phase="starting")
        self._processes[name] = self._command(name, "node", name, "--state", str(self.state))

    def _await_nodes(self, names: list[str]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        waiting = set(names)
        while waiting:
            waiting = {name for name in waiting if not self._serves(name)}
            for name in waiting:
                if self._processes[name].poll() is not None:
                    raise NetworkError(f"participant {name} ended while it started; its log says why")
            if waiting and time.monotonic() > deadline:
                raise NetworkError(f"participants {', '.join(sorted(waiting))} did not start in time")
            time.sleep(_POLL_SECONDS)

    def _serves(self, name: str) -> bool:
        """Ready, or in the waiting state that its configuration makes it stay in."""
        with self.store.read() as connection:
            row = participants.get(connection, name)
        assert row is not None
        config = self.topology["participants"][name]
        slow = self.store.knob(name, "starting_ms", config["starting_ms"]) > 0
        return row["phase"] in ("ready", "waiting") or (slow and row["phase"] == "serving")

    def _process(self, name: str) -> subprocess.Popen[bytes]:
        if name not in self._processes:
            raise NetworkError(f"this network runs no participant {name}")
        return self._processes[name]

    def start_node(self, name: str) -> None:
        """Start a participant (or ``KMS``) that was stopped, killed or left out at first, on its own ports; waits until it serves."""
        with self._lock:
            if name == KMS:
                self._start_kms()
                self._write_info()
                return
            if name not in self.topology["participants"]:
                raise NetworkError(f"this network has no participant {name}")
            if self._runs(name):
                raise NetworkError(f"participant {name} is running")
            if self._kms is None and _uses_kms(configuration.coming(self.store, name)):
                self._start_kms()
            self._spawn(name)
            self._await_nodes([name])
            self._write_info()

    def _runs(self, name: str) -> bool:
        process = self._processes.get(name)
        if process is None:
            return False
        with self.store.read() as connection:
            row = participants.get(connection, name)
        if row is not None and row["phase"] == "crashed":
            _end(process)  # it said so with its last breath
        return process.poll() is None

    def stop_node(self, name: str) -> None:
        """A clean stop."""
        with self._lock:
            self._process(name).terminate()
            _end(self._process(name))
            self._write_info()

    def kill_node(self, name: str) -> None:
        """kill -9 of a participant or of ``KMS``: what the process had only in memory is gone."""
        with self._lock:
            if name == KMS and self._kms is not None:
                self._kms.kill()
                self._kms.wait()
                return
            self._process(name).send_signal(signal.SIGKILL)
            self._process(name).wait()
            with self.store.write() as connection:
                participants.update(connection, name, pid=0, phase="killed")
                connections.lose_touch(connection, name)
            self._write_info()

    def set(self, name: str, key: str, value: Any) -> None:
        """Turn a knob of a participant, or of ``KMS``; NetworkError for what can't be."""
        configuration.turn(self.store, name, key, value)

    def delete_private_keys(self, name: str) -> int:
        """What an operator does in a participant's database; how many there were."""
        return delete_private_keys(self.store, name)

    # What others need to know.

    def info(self) -> dict[str, Any]:
        """Addresses, ids and process ids, as in ``network.json``."""
        with self.store.read() as connection:
            nodes = participants.everyone(connection)
            places = synchronizers.everyone(connection)
        kms = None
        settings = self.store.kms()
        if settings and self._kms is not None:
            kms = {**settings, **DUMMY_CREDENTIALS, "pid": self._kms.pid}
        return {
            "state": str(self.state),
            "pid": os.getpid(),
            "control": self._control.address if self._control else None,
            "kms": kms,
            "synchronizers": {
                row["name"]: {
                    "id": ids.logical(row["psid"]),
                    "physical_id": row["psid"],
                    "sequencer_url": row["url"],
                    "protocol_version": row["protocol_version"],
                }
                for row in places
            },
            "participants": {row["name"]: self._participant_info(row) for row in nodes},
        }

    def _participant_info(self, row: Any) -> dict[str, Any]:
        config = json.loads(row["config"])
        tls = None
        if config["tls"] != "none":
            directory = self.state / "tls"
            tls = {"ca_cert": str(directory / "ca.pem")}
            if config["tls"] == "mutual":
                tls["client_cert"] = str(directory / "client.pem")
                tls["client_key"] = str(directory / "client.key")
        return {
            "uid": row["uid"],
            "release": config["release"],
            "crypto": config["crypto"],
            "pid": row["pid"],
            "phase": row["phase"],
            "admin_port": row["admin_port"],
            "ledger_port": row["ledger_port"],
            "admin_token": config["admin_token"],
            "tls": tls,
        }

    def _write_info(self) -> None:
        target = self.state / "network.json"
        draft = self.state / "network.json.new"
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(self.info(), indent=2) + "\n")
        draft.replace(target)


def _uses_kms(config: dict[str, Any]) -> bool:
    """Whether a participant needs the KMS of the network."""
    return bool(config["crypto"] == "kms" and config["kms_provider"] == "aws" and not config["kms_endpoint"])


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process that was told to stop; it is killed when it does not."""
    try:
        process.wait(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def delete_private_keys(opened: Store, name: str) -> int:
    """Delete the private keys of a participant's own store, whether it runs or not; how many there were."""
    with opened.write() as db:
        if participants.get(db, name) is None:
            raise NetworkError(f"this network has no participant {name}")
        return keys.delete_private(db, name)


def prune(opened: Store, name: str, offset: int) -> None:
    """What an operator's pruning does to a participant, whether it runs or not."""
    with opened.write() as db:
        config = participants.config(db, name)
        if config is None:
            raise NetworkError(f"this network has no participant {name}")
        end = ledger.ledger_end(db, name)
        if not 0 < offset <= end:
            raise NetworkError(f"the offset has to be between 1 and the ledger end {end}")
        # Bug 25-013, mended in 3.4.9.
        loses_imported = re.match(r"3\.4\.[0-8]\b", config["version"]) is not None
        ledger.prune(db, name, offset, loses_imported)
