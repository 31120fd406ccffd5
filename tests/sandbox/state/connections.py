# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which synchronizers each participant has registered, and which it is connected to.

All participants of a synchronizer share its topology store, but one that is away knows only what was sequenced before:
``seen`` is the sequencing time of the last that it got, in microseconds, and NULL while it is connected.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True)
class Connection:
    """A registered synchronizer; ``psid`` is empty until the first contact. ``config`` is the serialized message."""

    alias: str
    config: bytes
    psid: str
    connected: bool


def _connection(row: sqlite3.Row) -> Connection:
    return Connection(row["alias"], row["config"], row["psid"], bool(row["connected"]))


def registered(connection: sqlite3.Connection, node: str) -> list[Connection]:
    rows = connection.execute("SELECT * FROM connections WHERE node=? ORDER BY position", (node,))
    return [_connection(row) for row in rows]


def find(connection: sqlite3.Connection, node: str, alias: str) -> Connection | None:
    row = connection.execute("SELECT * FROM connections WHERE node=? AND alias=?", (node, alias)).fetchone()
    return _connection(row) if row else None


def connected(connection: sqlite3.Connection, node: str) -> dict[str, str]:
    """alias -> physical id."""
    rows = connection.execute(
        "SELECT alias, psid FROM connections WHERE node=? AND connected ORDER BY position", (node,)
    )
    return {row["alias"]: row["psid"] for row in rows}


def is_online(connection: sqlite3.Connection, node: str, psid: str) -> bool:
    """Whether the node is connected to the synchronizer and its process runs."""
    row = connection.execute(
        "SELECT 1 FROM connections c JOIN participants p ON p.name=c.node"
        " WHERE c.node=? AND c.psid=? AND c.connected AND p.phase IN ('serving', 'ready')",
        (node, psid),
    ).fetchone()
    return row is not None


def known(connection: sqlite3.Connection, node: str) -> list[str]:
    """The physical ids of all synchronizers that the node ever had contact with, the registered ones."""
    rows = connection.execute(
        "SELECT DISTINCT psid FROM connections WHERE node=? AND psid<>'' ORDER BY position", (node,)
    )
    return [row["psid"] for row in rows]


def save(connection: sqlite3.Connection, node: str, alias: str, config: bytes, psid: str) -> None:
    """Register, or replace configuration and physical id."""
    connection.execute(
        "INSERT INTO connections (node, alias, config, psid) VALUES (?,?,?,?)"
        " ON CONFLICT (node, alias) DO UPDATE SET config=excluded.config, psid=excluded.psid",
        (node, alias, config, psid),
    )


_NEWEST = "(SELECT coalesce(max(sequenced), 0) FROM topology WHERE store='synchronizer:' || connections.psid)"


def set_connected(connection: sqlite3.Connection, node: str, alias: str, value: bool) -> None:
    """Connect or disconnect; safe to repeat."""
    change = "connected=1, subscribed=1, seen=NULL" if value else f"connected=0, seen=coalesce(seen, {_NEWEST})"
    connection.execute(f"UPDATE connections SET {change} WHERE node=? AND alias=?", (node, alias))


def is_subscribed(connection: sqlite3.Connection, node: str, psid: str) -> bool:
    """Whether the node was ever connected to the synchronizer: it gets what is new to it, and not the history."""
    query = "SELECT 1 FROM connections WHERE node=? AND psid=? AND subscribed"
    return connection.execute(query, (node, psid)).fetchone() is not None


def shake_hands(connection: sqlite3.Connection, node: str, alias: str) -> None:
    """A node that is not connected looks at the synchronizer as it is now."""
    connection.execute(
        f"UPDATE connections SET seen={_NEWEST} WHERE node=? AND alias=? AND NOT connected", (node, alias)
    )


def lose_touch(connection: sqlite3.Connection, node: str) -> None:
    """The node's process is over: it learns nothing more, whatever it was connected to."""
    connection.execute(f"UPDATE connections SET seen={_NEWEST} WHERE node=? AND connected AND seen IS NULL", (node,))


def views(connection: sqlite3.Connection, node: str) -> dict[str, int]:
    """psid -> sequencing time of the last that the node knows, of those synchronizers that it is not connected to."""
    rows = connection.execute(
        "SELECT psid, max(seen) AS seen FROM connections WHERE node=? AND psid<>'' GROUP BY psid"
        " HAVING count(*)=count(seen)",
        (node,),
    )
    return {row["psid"]: row["seen"] for row in rows}


def names_at(connection: sqlite3.Connection, uid: str, psid: str) -> list[str]:
    """The nodes with this uid that have registered the synchronizer."""
    rows = connection.execute(
        "SELECT DISTINCT c.node FROM connections c JOIN participants p ON p.name=c.node WHERE p.uid=? AND c.psid=?",
        (uid, psid),
    )
    return [row["node"] for row in rows]


def twins_at(connection: sqlite3.Connection, node: str, uid: str, psid: str) -> list[str]:
    """Other running nodes with this uid that are connected to the synchronizer."""
    rows = connection.execute(
        "SELECT DISTINCT c.node FROM connections c JOIN participants p ON p.name=c.node"
        " WHERE p.uid=? AND c.psid=? AND c.connected=1 AND p.pid<>0 AND c.node<>?",
        (uid, psid, node),
    )
    return [row["node"] for row in rows]


def forget(connection: sqlite3.Connection, node: str) -> None:
    """Nothing is connected, whatever the store says."""
    lose_touch(connection, node)
    connection.execute("UPDATE connections SET connected=0 WHERE node=?", (node,))
