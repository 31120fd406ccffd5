# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users of the participants and their rights, each a kind and a party ("" for a right that names none)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

Right = tuple[str, str]


def insert(db: sqlite3.Connection, participant: str, user: dict[str, Any]) -> None:
    """A new user; keys as in the columns, annotations as a dictionary."""
    columns = {"participant": participant, **user, "annotations": json.dumps(user.get("annotations", {}))}
    marks = ",".join("?" * len(columns))
    db.execute(f"INSERT INTO ledger_user ({', '.join(columns)}) VALUES ({marks})", list(columns.values()))


def get(db: sqlite3.Connection, participant: str, user_id: str) -> sqlite3.Row | None:
    query = "SELECT * FROM ledger_user WHERE participant=? AND id=?"
    row: sqlite3.Row | None = db.execute(query, (participant, user_id)).fetchone()
    return row


def of_provider(db: sqlite3.Connection, participant: str, provider: str) -> list[sqlite3.Row]:
    """The users that an identity provider has, by their ids."""
    query = "SELECT * FROM ledger_user WHERE participant=? AND identity_provider_id=? ORDER BY id"
    return db.execute(query, (participant, provider)).fetchall()


def update(db: sqlite3.Connection, participant: str, user_id: str, columns: dict[str, Any]) -> None:
    names = ", ".join(f"{name}=?" for name in columns)
    db.execute(
        f"UPDATE ledger_user SET {names} WHERE participant=? AND id=?", [*columns.values(), participant, user_id]
    )


def delete(db: sqlite3.Connection, participant: str, user_id: str) -> None:
    db.execute("DELETE FROM ledger_user WHERE participant=? AND id=?", (participant, user_id))
    db.execute("DELETE FROM ledger_right WHERE participant=? AND user_id=?", (participant, user_id))


def rights(db: sqlite3.Connection, participant: str, user_id: str) -> list[Right]:
    query = "SELECT kind, party FROM ledger_right WHERE participant=? AND user_id=? ORDER BY rowid"
    return [(row[0], row[1]) for row in db.execute(query, (participant, user_id))]


def add_rights(db: sqlite3.Connection, participant: str, user_id: str, wanted: list[Right]) -> list[Right]:
    """Grant rights and return those that the user did not have."""
    query = "INSERT OR IGNORE INTO ledger_right VALUES (?,?,?,?)"
    return [right for right in wanted if db.execute(query, (participant, user_id, *right)).rowcount]


def remove_rights(db: sqlite3.Connection, participant: str, user_id: str, unwanted: list[Right]) -> list[Right]:
    """Take rights away and return those that the user had."""
    query = "DELETE FROM ledger_right WHERE participant=? AND user_id=? AND kind=? AND party=?"
    return [right for right in unwanted if db.execute(query, (participant, user_id, *right)).rowcount]
