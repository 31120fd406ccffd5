# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every service of a participant gets: its name, state, messages and helpers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import connections, wire
from sandbox.release import Release, release
from sandbox.store import Store

if TYPE_CHECKING:
    from sandbox.connecting import Connector
    from sandbox.dispatcher import Dispatcher
    from sandbox.manager import TopologyManager
    from sandbox.topology_state import TopologyState
    from sandbox.v0.view import View
    from sandbox.vault import Vault


class Node:
    """One participant, as its services see it.

    ``config`` is the participant's entry of the topology file with the defaults filled in. The helpers without a value
    here are set by ``participant.build``. ``on_connected`` holds functions (alias, psid) that run after each connect,
    once the participant is active on the synchronizer. ``topology_changed`` is called after each write to the node's
    own store.
    """

    vault: Vault
    topology: TopologyState
    dispatcher: Dispatcher
    manager: TopologyManager
    connector: Connector
    # Of a participant of Canton 2, which has neither ``topology`` nor ``manager``.
    v0: View

    def __init__(self, name: str, config: dict[str, Any], store: Store, state_dir: Path) -> None:
        self.name = name
        self.config = config
        self.db = store
        self.state_dir = state_dir
        self.release: Release = release(config["release"])
        self.version: str = config["version"]
        self.messages = wire.messages(self.release)
        self.log = logging.getLogger(name)
        self.started = time.time()
        # All services are up; set once the node is initialised and its starting time is over.
        self.ready = False
        self.on_connected: list[Callable[[str, str], None]] = []
        self.topology_changed: Callable[[], None] = lambda: None
        self._uid = ""

    @property
    def uid(self) -> str:
        """``identifier::namespace``; empty while the node waits for its identity."""
        if not self._uid:
            with self.db.read() as connection:
                row = connection.execute("SELECT uid FROM participants WHERE name=?", (self.name,)).fetchone()
            self._uid = row["uid"] if row else ""
        return self._uid

    @property
    def namespace(self) -> str:
        return self.uid.partition("::")[2]

    @property
    def initialized(self) -> bool:
        """Identity and topology are there: all services run and the ledger API is open."""
        with self.db.read() as connection:
            row = connection.execute("SELECT initialized FROM participants WHERE name=?", (self.name,)).fetchone()
        return bool(row and row["initialized"])

    def knob(self, key: str, default: Any = None) -> Any:
        return self.db.knob(self.name, key, default)

    def connected(self) -> dict[str, str]:
        """alias -> physical synchronizer id of every synchronizer that the node is connected to now."""
        with self.db.read() as connection:
            return connections.connected(connection, self.name)
