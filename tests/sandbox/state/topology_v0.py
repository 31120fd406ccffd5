# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of topology stores in the form of Canton 2.

Everything that ever arrived stays as a row; ``valid_until`` says what is over, ``rejection`` what a domain refused.
"""

from __future__ import annotations

import sqlite3
from typing import Any

TABLE = "topology_v0"
_ADDITION = "store=? AND op<>1 AND rejection IS NULL"
_IN_FORCE = f"{_ADDITION} AND valid_until IS NULL"


def _rows(db: sqlite3.Connection, where: str, *values: Any) -> list[sqlite3.Row]:
    return db.execute(f"SELECT * FROM topology_v0 WHERE {where} ORDER BY id", values).fetchall()


def active(db: sqlite3.Connection, store: str, mapping: bytes) -> list[sqlite3.Row]:
    """The additions of this very mapping that are in force or about to be."""
    return _rows(db, f"{_IN_FORCE} AND mapping=?", store, mapping)


def heads(db: sqlite3.Connection, store: str, kind: str) -> list[sqlite3.Row]:
    """All additions, of a kind or all (""), that are in force or about to be."""
    return _rows(db, f"{_IN_FORCE} AND kind=?", store, kind) if kind else _rows(db, _IN_FORCE, store)


def effective(db: sqlite3.Connection, store: str, kind: str, at: int) -> list[sqlite3.Row]:
    """All additions of a kind that are in force at a time."""
    then = "valid_from<=? AND (valid_until IS NULL OR valid_until>?)"
    return _rows(db, f"{_ADDITION} AND kind=? AND {then}", store, kind, at, at)


def accepted(db: sqlite3.Connection, store: str) -> list[sqlite3.Row]:
    """Whatever was accepted, in its order."""
    return _rows(db, "store=? AND rejection IS NULL", store)


def seen(db: sqlite3.Connection, store: str, transaction_hash: bytes, signer: str) -> bool:
    """Whether the store ever got this transaction with this key, rejected or not."""
    query = "SELECT 1 FROM topology_v0 WHERE store=? AND hash=? AND signer=? LIMIT 1"
    return db.execute(query, (store, transaction_hash, signer)).fetchone() is not None


def insert(db: sqlite3.Connection, **columns: Any) -> None:
    marks = ",".join("?" * len(columns))
    db.execute(f"INSERT INTO topology_v0 ({', '.join(columns)}) VALUES ({marks})", list(columns.values()))


def end(db: sqlite3.Connection, row_id: int, at: int) -> None:
    db.execute("UPDATE topology_v0 SET valid_until=? WHERE id=?", (at, row_id))


def end_element(db: sqlite3.Connection, store: str, mapping: bytes, element: str, at: int) -> None:
    """End what a removal names."""
    query = f"UPDATE topology_v0 SET valid_until=? WHERE {_IN_FORCE} AND mapping=? AND element=?"
    db.execute(query, (at, store, mapping, element))


def end_kind(db: sqlite3.Connection, store: str, kind: str, at: int) -> None:
    """End what new domain parameters replace."""
    db.execute(
        "UPDATE topology_v0 SET valid_until=? WHERE store=? AND kind=? AND valid_until IS NULL", (at, store, kind)
    )
