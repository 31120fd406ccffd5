# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of one participant: identity, connections, seeds, ports."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import urllib.parse
from typing import Any, NoReturn

from sandbox.cli import lines
from sandbox.node import seed
from sandbox.node.node import Node
from sandbox.state import connections
from sandbox.wire.server import Port

# A real node took about six seconds from the last of its topology to being initialised
# (docs/canton/identity-and-start.md#manual-identity).
_INITIALIZE_MS = 500
_KMS_SECONDS = 5
_ARRIVALS_SECONDS = 0.1
_GRACE_SECONDS = 0.5


class Process:
    """Runs a node until it is told to stop."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._line = lines.line_of(node.release)
        self._admin = Port(node, "admin")
        self._ledger = Port(node, "ledger")
        self._stop = threading.Event()
        self._once = threading.Lock()
        self._begun = time.time()
        self._early: list[Any] = []

    def run(self) -> None:
        """Blocks until SIGTERM, SIGINT or the end of the supervisor."""
        node = self._node
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        threading.Thread(target=self._watch_supervisor, daemon=True).start()
        node.crash = self._crash
        problem = self._startup_problem()
        if problem:
            node.log.error("startup failed: %s", problem)
            node.note(pid=0, phase="failed")
            sys.exit(1)
        node.connector.forget_connections()
        node.dispatcher.start()
        self._early = [service(node) for service in self._line.early(node.release)]
        for service in self._early:
            self._admin.add(service)
        self._admin.start(node.stored()["admin_port"])
        node.note(pid=os.getpid(), phase="serving")
        if not node.uid and node.config["identity"] == "auto":
            self._line.initialize(node)
            node.note(initialized=1)
        if node.initialized:
            self._become_ready()
        else:
            node.topology_changed = self._check_topology
            node.identified = self._settle
            node.note(phase="waiting")
            # A node that was killed between its topology and its initialisation picks up here.
            self._check_topology()
        self._stop.wait()
        self._close()

    def _startup_problem(self) -> str:
        """Why the node does not come up; empty when it does."""
        told = self._node.knob("startup_error")
        if told:
            return str(told)
        if not self._node.vault.uses_kms or self._node.release.dialect == "v0":
            return ""
        endpoint = self._node.vault.kms_endpoint
        found = urllib.parse.urlsplit(endpoint)
        try:
            with socket.create_connection((found.hostname or "", found.port or 443), _KMS_SECONDS):
                return ""
        except OSError as error:
            return f"the KMS at {endpoint} can't be reached: {error}"

    def _watch_supervisor(self) -> None:
        """Standard input is a pipe from the supervisor: its end is the supervisor's end."""
        while os.read(sys.stdin.fileno(), 1):
            pass
        self._stop.set()

    def _watch_arrivals(self) -> None:
        """What others could not give this node at once, since it can't read it."""
        while not self._stop.wait(_ARRIVALS_SECONDS):
            self._node.connector.process_arrived()

    def _crash(self, reason: str) -> NoReturn:
        self._node.log.error("%s; the participant ends itself", reason)
        with self._node.db.write() as connection:
            connections.lose_touch(connection, self._node.name)
            self._node.note(pid=0, phase="crashed")
        os._exit(1)

    def _settle(self) -> None:
        """A slow node that has got its id offers no topology for a while, and still says that it waits for an id."""
        seconds = self._node.knob("identified_ms", 0) / 1000
        if seconds <= 0:
            return
        services = [each for each in self._early if each.SERVICE.rpartition(".")[2].startswith("Topology")]
        self._node.identifying = True
        for service in services:
            self._admin.withdraw(service)
        timer = threading.Timer(seconds, self._settled, [services])
        timer.daemon = True
        timer.start()

    def _settled(self, services: list[Any]) -> None:
        for service in services:
            self._admin.add(service)
        self._node.identifying = False

    def _check_topology(self) -> None:
        """A node with manual identity initialises itself once its root certificate and key mapping are there."""
        node = self._node
        if not node.uid or node.initialized:
            return
        if self._line.has_topology(node):
            threading.Thread(target=self._initialize_later, daemon=True).start()

    def _initialize_later(self) -> None:
        time.sleep(self._node.knob("initialize_ms", _INITIALIZE_MS) / 1000)
        with self._once:
            if not self._node.initialized:
                self._node.note(initialized=1)
                self._node.started = time.time()
                self._become_ready()

    def _become_ready(self) -> None:
        node = self._node
        late = [service(node) for service in self._line.late(node.release)]
        ledger = [service(node) for service in self._line.ledger(node.release)]
        self._connect()
        seed.seed(node, self._line)
        starting = node.knob("starting_ms", node.config["starting_ms"]) / 1000
        self._stop.wait(max(0.0, node.started + starting - time.time()))
        for service in late:
            self._admin.add(service)
        for service in ledger:
            self._ledger.add(service)
        self._ledger.start(node.stored()["ledger_port"])
        threading.Thread(target=self._watch_arrivals, daemon=True).start()
        node.ready = True
        node.note(phase="ready")
        took = round((time.time() - self._begun) * 1000)
        ports = (self._admin.number, self._ledger.number)
        node.log.info("ready: %s, admin API %d, ledger API %d, started in %d ms", node.uid, *ports, took)

    def _connect(self) -> None:
        node = self._node
        with node.db.read() as connection:
            known = connections.registered(connection, node.name)
        if known:
            node.connector.reconnect_all(ignore_failures=True)
            return
        for entry in node.config["connections"]:
            node.connector.register(self._line.connection_config(node, entry), handshake=True)
            if entry["connect"]:
                node.connector.connect(entry["alias"])

    def _close(self) -> None:
        self._node.log.info("stopping")
        self._node.ready = False
        self._admin.stop(_GRACE_SECONDS)
        self._ledger.stop(_GRACE_SECONDS)
        self._node.dispatcher.stop()
        with self._node.db.write() as connection:
            connections.lose_touch(connection, self._node.name)
        self._node.note(pid=0, phase="stopped")
