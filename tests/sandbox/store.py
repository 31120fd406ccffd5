# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one SQLite file that holds the state of the whole network, shared by all its processes."""

from __future__ import annotations

import importlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS network (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS participants (
  name TEXT PRIMARY KEY, uid TEXT NOT NULL DEFAULT '', config TEXT NOT NULL,
  admin_port INTEGER NOT NULL DEFAULT 0, ledger_port INTEGER NOT NULL DEFAULT 0,
  initialized INTEGER NOT NULL DEFAULT 0, seeded INTEGER NOT NULL DEFAULT 0,
  pid INTEGER NOT NULL DEFAULT 0, phase TEXT NOT NULL DEFAULT 'stopped'
);
CREATE TABLE IF NOT EXISTS synchronizers (
  name TEXT PRIMARY KEY, psid TEXT NOT NULL UNIQUE, sequencer TEXT NOT NULL, url TEXT NOT NULL UNIQUE,
  protocol_version INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS knobs (node TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (node, key));
"""


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


def create(path: Path) -> Store:
    """The store at this path, with all tables there; safe to repeat."""
    store = Store(path)
    connection = store._connection()
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(_SCHEMA)
    for name in _with_schema():
        connection.executescript(importlib.import_module(name).SCHEMA)
    return store


def _with_schema() -> list[str]:
    """The modules of the sandbox that keep tables: each has a constant SCHEMA."""
    package = Path(__file__).parent
    files = [path for path in sorted(package.rglob("*.py")) if "\nSCHEMA = " in path.read_text()]
    return [".".join(("sandbox", *path.relative_to(package).with_suffix("").parts)) for path in files]
