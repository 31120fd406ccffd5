# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one SQLite file that holds the state of the whole network, shared by all its processes."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.state.schema import SCHEMA


class Store:
    """Opens the file of the network; one connection a thread.

    Within a process writers queue on a lock, between processes on SQLite's own (BEGIN IMMEDIATE and busy_timeout).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._writers = threading.RLock()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous=NORMAL")
            self._local.connection = connection
        return connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A consistent view; inside ``write`` of the same thread it sees that transaction."""
        connection = self._connection()
        if connection.in_transaction:
            yield connection
            return
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("COMMIT")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed at the end, rolled back on any exception; nested calls join the outer one."""
        connection = self._connection()
        if connection.in_transaction:
            if not getattr(self._local, "writing", False):
                raise RuntimeError("write inside a read of the same thread")
            yield connection
            return
        with self._writers:
            connection.execute("BEGIN IMMEDIATE")
            self._local.writing = True
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            else:
                connection.execute("COMMIT")
            finally:
                self._local.writing = False

    def knob(self, node: str, key: str, default: Any) -> Any:
        """A setting that tests turn while the network runs (``python -m sandbox set``)."""
        with self.read() as connection:
            row = connection.execute("SELECT value FROM knobs WHERE node=? AND key=?", (node, key)).fetchone()
        return json.loads(row["value"]) if row else default

    def set_knob(self, node: str, key: str, value: Any) -> None:
        with self.write() as connection:
            connection.execute("INSERT OR REPLACE INTO knobs VALUES (?,?,?)", (node, key, json.dumps(value)))

    def strikes(self, node: str, key: str, call: str) -> bool:
        """Whether a knob {call: how many of its next calls} strikes now; it counts down. ``*`` is every call that is not named."""
        if not self.knob(node, key, None):
            return False
        with self.write() as connection:
            row = connection.execute("SELECT value FROM knobs WHERE node=? AND key=?", (node, key)).fetchone()
            left = dict(json.loads(row["value"]) or {})
            name = call if left.get(call, 0) else "*"
            if not left.get(name, 0):
                return False
            left[name] -= 1
            connection.execute("UPDATE knobs SET value=? WHERE node=? AND key=?", (json.dumps(left), node, key))
        return True

    def kms(self) -> dict[str, str] | None:
        """Endpoint and region of the KMS; ``None`` before there is one."""
        with self.read() as connection:
            row = connection.execute("SELECT value FROM network WHERE key='kms'").fetchone()
        return dict(json.loads(row["value"])) if row else None

    def set_kms(self, settings: dict[str, str]) -> None:
        with self.write() as connection:
            connection.execute("INSERT OR REPLACE INTO network VALUES ('kms', ?)", (json.dumps(settings),))


def create(path: Path) -> Store:
    """The store at this path, with all tables there; safe to repeat."""
    store = Store(path)
    connection = store._connection()
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(SCHEMA)
    return store
