# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of the participants and synchronizers."""

from __future__ import annotations

import sqlite3


def everything(db: sqlite3.Connection, node: str) -> list[sqlite3.Row]:
    """In the order in which they came."""
    return db.execute("SELECT * FROM vault WHERE node=? ORDER BY position", (node,)).fetchall()


def get(db: sqlite3.Connection, node: str, fingerprint: str) -> sqlite3.Row | None:
    query = "SELECT * FROM vault WHERE node=? AND fingerprint=?"
    row: sqlite3.Row | None = db.execute(query, (node, fingerprint)).fetchone()
    return row


def put(
    db: sqlite3.Connection,
    node: str,
    fingerprint: str,
    name: str,
    public: bytes,
    private: bytes | None,
    kms_key_id: str | None,
) -> None:
    """A new key, or a private part for one that is there and has none."""
    db.execute(
        "INSERT INTO vault (node, fingerprint, name, public, private, kms_key_id) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT (node, fingerprint) DO UPDATE SET private=coalesce(private, excluded.private),"
        " kms_key_id=coalesce(kms_key_id, excluded.kms_key_id)",
        (node, fingerprint, name, public, private, kms_key_id),
    )


def delete(db: sqlite3.Connection, node: str, fingerprint: str) -> None:
    db.execute("DELETE FROM vault WHERE node=? AND fingerprint=?", (node, fingerprint))
