# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The identity provider configurations of the participants."""

from __future__ import annotations

import sqlite3
from typing import Any

COLUMNS = ("identity_provider_id", "is_deactivated", "issuer", "jwks_url", "audience")


def get(db: sqlite3.Connection, participant: str, provider: str) -> sqlite3.Row | None:
    query = "SELECT * FROM identity_provider WHERE participant=? AND identity_provider_id=?"
    row: sqlite3.Row | None = db.execute(query, (participant, provider)).fetchone()
    return row


def everyone(db: sqlite3.Connection, participant: str) -> list[sqlite3.Row]:
    query = "SELECT * FROM identity_provider WHERE participant=? ORDER BY identity_provider_id"
    return db.execute(query, (participant,)).fetchall()


def insert(db: sqlite3.Connection, participant: str, config: dict[str, Any]) -> None:
    """A new configuration; keys as in the columns."""
    values = {"is_deactivated": False, "audience": "", **config}
    db.execute("INSERT INTO identity_provider VALUES (?,?,?,?,?,?)", (participant, *(values[name] for name in COLUMNS)))


def update(db: sqlite3.Connection, participant: str, provider: str, columns: dict[str, Any]) -> None:
    names = ", ".join(f"{name}=?" for name in columns)
    query = f"UPDATE identity_provider SET {names} WHERE participant=? AND identity_provider_id=?"
    db.execute(query, [*columns.values(), participant, provider])


def delete(db: sqlite3.Connection, participant: str, provider: str) -> None:
    db.execute("DELETE FROM identity_provider WHERE participant=? AND identity_provider_id=?", (participant, provider))
