# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of one participant: identity, connections, seeds, ports."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from sandbox import connections, crypto, mappings, seed, services, store, topology_state
from sandbox.connecting import Connector
from sandbox.dispatcher import Dispatcher
from sandbox.manager import TopologyManager
from sandbox.node import Node
from sandbox.server import Port
from sandbox.topology_state import TopologyState
from sandbox.vault import NAMESPACE, PROTOCOL, SEQUENCER_AUTH, Vault

# A real node took about six seconds from the last of its topology to being initialised (recordings, identity).
_INITIALIZE_MS = 500
_GRACE_SECONDS = 0.5
_KEYS = (
    ("namespace", "namespace", [NAMESPACE]),
    ("sequencer_auth", "sequencer-auth", [SEQUENCER_AUTH]),
    ("signing", "signing", [PROTOCOL]),
)


def build(name: str, state_dir: Path) -> Node:
    """The node with its helpers, as the store knows it. ``KeyError`` for an unknown name."""
    database = store.Store(state_dir / "network.db")
    with database.read() as connection:
        row = connection.execute("SELECT config FROM participants WHERE name=?", (name,)).fetchone()
    if row is None:
        raise KeyError(f"this network has no participant {name}")
    node = Node(name, json.loads(row["config"]), database, state_dir)
    node.topology = TopologyState(node.messages)
    node.vault = Vault(name, node.config, database, node.messages)
    node.dispatcher = Dispatcher(node)
    node.manager = TopologyManager(node)
    node.connector = Connector(node)
    return node


def initialize(node: Node) -> None:
    """Keys, identity and first topology of a node that does this by itself."""
    made = [_make_key(node, *key) for key in _KEYS]
    encryption = _make_encryption_key(node)
    namespace = crypto.fingerprint(made[0])
    with node.db.write() as connection:
        connection.execute("UPDATE participants SET uid=? WHERE name=?", (f"{node.name}::{namespace}", node.name))
    own = topology_state.authorized(node.name)
    mapping = node.messages.cls("protocol.v30.TopologyMapping")()
    mapping.namespace_delegation.namespace = namespace
    mapping.namespace_delegation.target_key.CopyFrom(made[0])
    mapping.namespace_delegation.can_sign_all_mappings.SetInParent()
    node.manager.authorize(own, mappings.ADD, mapping)
    mapping.Clear()
    mapping.owner_to_key_mapping.member = f"PAR::{node.uid}"
    for key in made[1:]:
        mapping.owner_to_key_mapping.public_keys.add(signing_public_key=key)
    mapping.owner_to_key_mapping.public_keys.add(encryption_public_key=encryption)
    node.manager.authorize(own, mappings.ADD, mapping)
    _set(node, initialized=1)


def _make_key(node: Node, purpose: str, suffix: str, usage: list[int]) -> Any:
    given = node.config["kms_keys"]
    if given == "auto" or not node.vault.uses_kms:
        return node.vault.generate_signing(f"{node.name}-{suffix}", usage)
    return node.vault.register_signing(given[purpose], f"{node.name}-{suffix}", usage)


def _make_encryption_key(node: Node) -> Any:
    given = node.config["kms_keys"]
    if given == "auto" or not node.vault.uses_kms:
        return node.vault.generate_encryption(f"{node.name}-encryption")
    return node.vault.register_encryption(given["encryption"], f"{node.name}-encryption")


def _set(node: Node, **columns: Any) -> None:
    names = ", ".join(f"{name}=?" for name in columns)
    with node.db.write() as connection:
        connection.execute(f"UPDATE participants SET {names} WHERE name=?", [*columns.values(), node.name])


def connection_config(node: Node, entry: dict[str, Any]) -> Any:
    """The configuration with which a node of the topology file registers a synchronizer (as recorded, read)."""
    with node.db.read() as connection:
        row = connection.execute("SELECT url FROM synchronizers WHERE name=?", (entry["synchronizer"],)).fetchone()
    config = node.messages.cls("admin.participant.v30.SynchronizerConnectionConfig")()
    config.synchronizer_alias = entry["alias"]
    config.manual_connect = entry["manual_connect"]
    sequencers = config.sequencer_connections
    sequencers.sequencer_connections.add().grpc.connections.append(row["url"])
    sequencers.sequencer_trust_threshold = 1
    sequencers.submission_request_amplification.factor = 1
    sequencers.submission_request_amplification.patience.SetInParent()
    delays = sequencers.sequencer_connection_pool_delays
    delays.min_restart_delay.FromMilliseconds(10)
    delays.max_restart_delay.FromSeconds(10)
    delays.subscription_request_delay.FromSeconds(1)
    delays.warn_validation_delay.FromSeconds(20)
    tracker = config.time_tracker
    tracker.observation_latency.FromMilliseconds(250)
    tracker.patience_duration.FromMilliseconds(500)
    tracker.min_observation_duration.FromSeconds(86_400)
    tracker.time_proof_request.initial_retry_delay.FromMilliseconds(200)
    tracker.time_proof_request.max_retry_delay.FromSeconds(5)
    tracker.time_proof_request.max_sequencing_delay.FromSeconds(10)
    return config


class Participant:
    """Runs a node until it is told to stop."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._admin = Port(node, "admin")
        self._ledger = Port(node, "ledger")
        self._stop = threading.Event()
        self._once = threading.Lock()

    def run(self) -> None:
        """Blocks until SIGTERM, SIGINT or the end of the supervisor."""
        node = self._node
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        threading.Thread(target=self._watch_supervisor, daemon=True).start()
        with node.db.write() as connection:
            node.connector.forget_connections(connection)
        node.dispatcher.start()
        for service in services.early():
            self._admin.add(service(node))
        self._admin.start(self._port("admin_port"))
        _set(node, pid=os.getpid(), phase="serving")
        if not node.uid and node.config["identity"] == "auto":
            initialize(node)
        if node.initialized:
            self._become_ready()
        else:
            node.topology_changed = self._check_topology
            _set(node, phase="waiting")
            # A node that was killed between its topology and its initialisation picks up here.
            self._check_topology()
        self._stop.wait()
        self._close()

    def _port(self, column: str) -> int:
        with self._node.db.read() as connection:
            row = connection.execute(f"SELECT {column} FROM participants WHERE name=?", (self._node.name,)).fetchone()
        return int(row[column])

    def _watch_supervisor(self) -> None:
        """Standard input is a pipe from the supervisor: its end is the supervisor's end."""
        while os.read(sys.stdin.fileno(), 1):
            pass
        self._stop.set()

    def _check_topology(self) -> None:
        """A node with manual identity initialises itself once its root certificate and key mapping are there."""
        node = self._node
        if not node.uid or node.initialized:
            return
        own = topology_state.authorized(node.name)
        with node.db.read() as connection:
            root = any(
                mappings.is_root(row.item) for row in node.topology.heads(connection, own, mappings.NSD, node.namespace)
            )
            keys = node.topology.head(connection, own, f"{mappings.OTK} PAR::{node.uid}")
        if root and keys is not None and keys.transaction.operation == mappings.ADD:
            threading.Thread(target=self._initialize_later, daemon=True).start()

    def _initialize_later(self) -> None:
        time.sleep(self._node.knob("initialize_ms", _INITIALIZE_MS) / 1000)
        with self._once:
            if not self._node.initialized:
                _set(self._node, initialized=1)
                self._node.started = time.time()
                self._become_ready()

    def _become_ready(self) -> None:
        node = self._node
        late = [service(node) for service in services.late()]
        ledger = [service(node) for service in services.ledger()]
        self._connect()
        self._seed()
        starting = node.knob("starting_ms", node.config["starting_ms"]) / 1000
        self._stop.wait(max(0.0, node.started + starting - time.time()))
        for service in late:
            self._admin.add(service)
        for service in ledger:
            self._ledger.add(service)
        self._ledger.start(self._port("ledger_port"))
        node.ready = True
        _set(node, phase="ready")
        node.log.info("ready: %s, admin API %d, ledger API %d", node.uid, self._admin.number, self._ledger.number)

    def _connect(self) -> None:
        node = self._node
        with node.db.read() as connection:
            known = connections.registered(connection, node.name)
        if known:
            node.connector.reconnect_all(ignore_failures=True)
            return
        for entry in node.config["connections"]:
            node.connector.register(connection_config(node, entry), handshake=True)
            if entry["connect"]:
                node.connector.connect(entry["alias"])

    def _seed(self) -> None:
        node = self._node
        with node.db.read() as connection:
            row = connection.execute("SELECT seeded FROM participants WHERE name=?", (node.name,)).fetchone()
        if not row["seeded"]:
            seed.seed(node)
            _set(node, seeded=1)

    def _close(self) -> None:
        self._node.log.info("stopping")
        self._node.ready = False
        self._admin.stop(_GRACE_SECONDS)
        self._ledger.stop(_GRACE_SECONDS)
        self._node.dispatcher.stop()
        _set(self._node, pid=0, phase="stopped")
