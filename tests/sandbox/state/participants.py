# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The participants of the network: configuration, identity, ports and how far their processes are."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any


def add(db: sqlite3.Connection, name: str, config: dict[str, Any], admin_port: int, ledger_port: int) -> None:
    db.execute(
        "INSERT INTO participants (name, config, admin_port, ledger_port) VALUES (?,?,?,?)",
        (name, json.dumps(config), admin_port, ledger_port),
    )


def get(db: sqlite3.Connection, name: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute("SELECT * FROM participants WHERE name=?", (name,)).fetchone()
    return row


def config(db: sqlite3.Connection, name: str) -> dict[str, Any] | None:
    """The entry of the topology file with the defaults filled in; ``None`` for an unknown name."""
    row = get(db, name)
    return dict(json.loads(row["config"])) if row else None


def set_config(db: sqlite3.Connection, name: str, config: dict[str, Any]) -> None:
    update(db, name, config=json.dumps(config))


def everyone(db: sqlite3.Connection) -> list[sqlite3.Row]:
    return db.execute("SELECT * FROM participants ORDER BY name").fetchall()


def update(db: sqlite3.Connection, name: str, **columns: Any) -> None:
    names = ", ".join(f"{column}=?" for column in columns)
    db.execute(f"UPDATE participants SET {names} WHERE name=?", [*columns.values(), name])


def names(db: sqlite3.Connection, uids: Iterable[str]) -> dict[str, list[str]]:
    """uid -> the names of the participants that have it."""
    rows = db.execute("SELECT name, uid FROM participants").fetchall()
    return {uid: [row["name"] for row in rows if row["uid"] == uid] for uid in uids}
