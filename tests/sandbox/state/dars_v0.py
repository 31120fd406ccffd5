# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DARs as Canton 2 knows them, in the tables of ``package_store``: the hash stands in the place of the main package id."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from sandbox.state import package_store


@dataclass(frozen=True)
class StoredDar:
    hash: str
    name: str
    payload: bytes


_DAR = "SELECT main AS hash, description AS name, payload FROM dar WHERE participant = ?"


def all_dars(db: sqlite3.Connection, participant: str) -> list[StoredDar]:
    """In the order in which they came."""
    return [StoredDar(*row) for row in db.execute(f"{_DAR} ORDER BY rowid", (participant,))]


def find(db: sqlite3.Connection, participant: str, key: str) -> StoredDar | None:
    row = db.execute(f"{_DAR} AND main = ?", (participant, key)).fetchone()
    return StoredDar(*row) if row else None


def package_ids(db: sqlite3.Connection, participant: str, key: str) -> list[str]:
    return [each.package_id for each in package_store.dar_packages(db, participant, key)]


def sources(db: sqlite3.Connection, participant: str) -> dict[str, str]:
    """package id -> name of the first DAR that it came in."""
    rows = db.execute(
        "SELECT p.package_id, d.description FROM dar_package AS p "
        "JOIN dar AS d ON d.participant = p.participant AND d.main = p.main WHERE p.participant = ? "
        "ORDER BY d.rowid DESC",
        (participant,),
    )
    return {row[0]: row[1] for row in rows}


def in_other_dars(db: sqlite3.Connection, participant: str, key: str) -> set[str]:
    """The packages that came in a DAR besides this one."""
    rows = db.execute("SELECT package_id FROM dar_package WHERE participant = ? AND main <> ?", (participant, key))
    return {row[0] for row in rows}


def forget_bytes(db: sqlite3.Connection, participant: str, key: str) -> None:
    """Forget a DAR but not its packages."""
    db.execute("DELETE FROM dar WHERE participant = ? AND main = ?", (participant, key))
