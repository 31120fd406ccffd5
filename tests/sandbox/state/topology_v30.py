# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of topology stores in the form of Canton 3.

Everything that ever arrived stays as a row; ``valid_until`` says what is over, ``rejection`` what a synchronizer refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.state import stores
from sandbox.state.stores import EPSILON

TABLE = "topology"
_COLUMNS = "id, store, code, op, serial, key, namespace, subject, hash, proposal, sequenced, valid_from, signers, signed, rejection"
_IN_FORCE = "store=? AND valid_until IS NULL AND rejection IS NULL"


@dataclass(frozen=True)
class Query:
    """Which rows to list; ``at`` in microseconds, ``None`` = whatever time. ``codes`` empty = all.

    ``seen``: of these synchronizers (by psid) only what was sequenced until that time is known (``connections.views``).
    """

    stores: list[str]
    codes: frozenset[int] = frozenset()
    proposals: bool = False
    operation: int = 0
    at: int | None = None
    between: tuple[int, int] | None = None
    namespace: str = ""
    signed_key: str = ""
    seen: Mapping[str, int] = field(default_factory=dict)


def _one(db: sqlite3.Connection, where: str, *values: Any) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(f"SELECT * FROM topology WHERE {where} LIMIT 1", values).fetchone()
    return row


def head(db: sqlite3.Connection, store: str, key: str) -> sqlite3.Row | None:
    """The newest row of a unique key that is no proposal, in effect or about to be."""
    return _one(db, f"{_IN_FORCE} AND key=? AND NOT proposal ORDER BY serial DESC, id DESC", store, key)


def by_hash(db: sqlite3.Connection, store: str, transaction_hash: bytes) -> sqlite3.Row | None:
    """The newest row with this transaction that was not rejected."""
    return _one(db, "store=? AND hash=? AND rejection IS NULL ORDER BY id DESC", store, transaction_hash)


def by_id(db: sqlite3.Connection, row_id: int) -> sqlite3.Row:
    """The row of this number, which is there."""
    row = _one(db, "id=?", row_id)
    assert row is not None
    return row


def knows(db: sqlite3.Connection, store: str, transaction_hash: bytes) -> bool:
    """Rejected ones count: they are not sent again."""
    return _one(db, "store=? AND hash=?", store, transaction_hash) is not None


def heads(db: sqlite3.Connection, store: str, code: int, namespace: str) -> list[sqlite3.Row]:
    """All additions of a kind that are in force or about to be; of a namespace, unless it is empty."""
    more, values = (" AND namespace=?", [namespace]) if namespace else ("", [])
    where = f"{_IN_FORCE} AND code=? AND NOT proposal AND op=1{more}"
    return db.execute(f"SELECT * FROM topology WHERE {where} ORDER BY id", [store, code, *values]).fetchall()


def listed(db: sqlite3.Connection, query: Query) -> Iterator[sqlite3.Row]:
    """Rows in the order in which they came, store after store."""
    for store in query.stores:
        where, values = _where(store, query)
        table = _table(query.seen.get(stores.psid_of(store) or ""))
        yield from db.execute(f"SELECT * FROM {table} WHERE {where} ORDER BY id", values).fetchall()


def _table(seen: int | None) -> str:
    """The table as one sees it who knows nothing that was sequenced after a time: neither a change nor the end that it
    put to what was before."""
    if seen is None:
        return "topology"
    ends = f"CASE WHEN valid_until > {seen + EPSILON} THEN NULL ELSE valid_until END AS valid_until"
    return f"(SELECT {_COLUMNS}, {ends} FROM topology WHERE sequenced <= {seen})"


def _where(store: str, query: Query) -> tuple[str, list[Any]]:
    where = ["store=?", "rejection IS NULL", "proposal=?"]
    values: list[Any] = [store, int(query.proposals)]
    if query.codes:
        where.append(f"code IN ({','.join('?' * len(query.codes))})")
        values += sorted(query.codes)
    if query.operation:
        where.append("op=?")
        values.append(query.operation)
    if query.at is not None:
        where.append("valid_from<=? AND (valid_until IS NULL OR valid_until>?)")
        values += [query.at, query.at]
    if query.between is not None:
        where.append("valid_from>=? AND valid_from<=?")
        values += list(query.between)
    if query.namespace:
        where.append("namespace LIKE ? || '%'")
        values.append(query.namespace)
    if query.signed_key:
        where.append("(' ' || signers) LIKE '% ' || ? || '%'")
        values.append(query.signed_key)
    return " AND ".join(where), values


def insert(db: sqlite3.Connection, **columns: Any) -> int:
    """A new row; its number."""
    marks = ",".join("?" * len(columns))
    cursor = db.execute(f"INSERT INTO topology ({', '.join(columns)}) VALUES ({marks})", list(columns.values()))
    return int(cursor.lastrowid or 0)


def end(db: sqlite3.Connection, row_id: int, effective: int) -> None:
    db.execute("UPDATE topology SET valid_until=? WHERE id=?", (effective, row_id))


def supersede(db: sqlite3.Connection, store: str, key: str, serial: int, effective: int) -> None:
    """End what was in force of a unique key, and the proposals up to a serial."""
    db.execute(
        f"UPDATE topology SET valid_until=? WHERE {_IN_FORCE} AND key=? AND (NOT proposal OR serial<=?)",
        (effective, store, key, serial),
    )


# Temporary stores.


def temporaries(db: sqlite3.Connection, node: str) -> list[str]:
    """The names of a node's temporary stores."""
    rows = db.execute("SELECT name FROM temporary_stores WHERE node=? ORDER BY name", (node,))
    return [row["name"] for row in rows]


def create_temporary(db: sqlite3.Connection, node: str, name: str) -> bool:
    """False when there is one of this name."""
    return db.execute("INSERT OR IGNORE INTO temporary_stores VALUES (?,?)", (node, name)).rowcount > 0


def drop_temporary(db: sqlite3.Connection, node: str, name: str) -> None:
    db.execute("DELETE FROM temporary_stores WHERE node=? AND name=?", (node, name))
    db.execute("DELETE FROM topology WHERE store=?", (stores.temporary(node, name),))
