# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The synchronizers of the network (domains, in Canton 2)."""

from __future__ import annotations

import sqlite3


def add(db: sqlite3.Connection, name: str, psid: str, sequencer: str, url: str, protocol_version: int) -> None:
    """A synchronizer of the network. ``psid`` is the id that participants get to see: in Canton 2 there is one only."""
    db.execute(
        "INSERT INTO synchronizers (name, psid, sequencer, url, protocol_version) VALUES (?,?,?,?,?)",
        (name, psid, sequencer, url, protocol_version),
    )


def protocol_version(db: sqlite3.Connection, psid: str) -> int | None:
    """``None`` when the network has no such synchronizer."""
    row = db.execute("SELECT protocol_version FROM synchronizers WHERE psid=?", (psid,)).fetchone()
    return int(row["protocol_version"]) if row else None


def psid_at(db: sqlite3.Connection, url: str) -> str | None:
    """The synchronizer whose sequencer answers at this URL."""
    row = db.execute("SELECT psid FROM synchronizers WHERE url=?", (url,)).fetchone()
    return str(row["psid"]) if row else None


def sequencer_of(db: sqlite3.Connection, psid: str) -> str:
    row = db.execute("SELECT sequencer FROM synchronizers WHERE psid=?", (psid,)).fetchone()
    return str(row["sequencer"])


def url_of(db: sqlite3.Connection, name: str) -> str:
    """The URL of the sequencer of a synchronizer of this name."""
    return str(db.execute("SELECT url FROM synchronizers WHERE name=?", (name,)).fetchone()["url"])


def everyone(db: sqlite3.Connection) -> list[sqlite3.Row]:
    return db.execute("SELECT * FROM synchronizers ORDER BY name").fetchall()


def names(db: sqlite3.Connection) -> dict[str, str]:
    """psid -> name in the topology file."""
    return {row["psid"]: row["name"] for row in everyone(db)}


def psids_of(db: sqlite3.Connection, name: str) -> list[str]:
    """None or one: the id of the synchronizer of this name."""
    return [row["psid"] for row in db.execute("SELECT psid FROM synchronizers WHERE name=?", (name,))]
