# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every helper and service of a participant gets: its name, configuration, state and messages."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from sandbox.state import connections, participants
from sandbox.state.store import Store
from sandbox.wire import definitions
from sandbox.wire.release import Release, release


class Core:
    """One participant without the helpers that depend on its line.

    ``config`` is the participant's entry of the topology file with the defaults filled in. ``on_connected`` holds
    functions (alias, psid) that run after each connect, once the participant is active on the synchronizer.
    ``topology_changed`` is called after each write to the node's own store, ``identified`` once the node has
    got its id. ``crash`` ends the process of the node with a
    line in its log, as a real one ends itself when it can't go on.
    """

    def __init__(self, name: str, config: dict[str, Any], store: Store, state_dir: Path) -> None:
        self.name = name
        self.config = config
        self.db = store
        self.state_dir = state_dir
        self.release: Release = release(config["release"])
        self.version: str = config["version"]
        self.messages = definitions.messages(self.release)
        self.log = logging.getLogger(name)
        self.started = time.time()
        # All services are up; set once the node is initialised and its starting time is over.
        self.ready = False
        self.on_connected: list[Callable[[str, str], None]] = []
        self.topology_changed: Callable[[], None] = lambda: None
        self.identified: Callable[[], None] = lambda: None
        # It has its id, but its topology services are not up yet.
        self.identifying = False
        self.crash: Callable[[str], NoReturn] = _crash
        self._uid = ""

    @property
    def uid(self) -> str:
        """``identifier::namespace``; empty while the node waits for its identity."""
        if not self._uid:
            self._uid = str(self.stored()["uid"])
        return self._uid

    @property
    def namespace(self) -> str:
        return self.uid.partition("::")[2]

    @property
    def initialized(self) -> bool:
        """Identity and topology are there: all services run and the ledger API is open."""
        return bool(self.stored()["initialized"])

    def stored(self) -> sqlite3.Row:
        """What the network's state says of this participant."""
        with self.db.read() as connection:
            row = participants.get(connection, self.name)
        assert row is not None
        return row

    def note(self, **columns: Any) -> None:
        """Change what the network's state says of this participant."""
        with self.db.write() as connection:
            participants.update(connection, self.name, **columns)

    def knob(self, key: str, default: Any = None) -> Any:
        return self.db.knob(self.name, key, default)

    def strikes(self, key: str, call: str) -> bool:
        return self.db.strikes(self.name, key, call)

    def keep(self, key: str, message: bytes | None) -> None:
        """Keep a serialized message that is only shown again."""
        self.db.set_knob(self.name, key, None if message is None else message.hex())

    def kept(self, key: str) -> bytes | None:
        text = self.knob(key)
        return None if text is None else bytes.fromhex(text)

    def connected(self) -> dict[str, str]:
        """alias -> physical synchronizer id of every synchronizer that the node is connected to now."""
        with self.db.read() as connection:
            return connections.connected(connection, self.name)


def _crash(reason: str) -> NoReturn:
    """Of a node that has no process here."""
    raise RuntimeError(reason)
