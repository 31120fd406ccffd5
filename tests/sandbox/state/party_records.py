# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What participants keep of parties beside the topology: annotations, and names to show."""

from __future__ import annotations

import json
import sqlite3


def put(db: sqlite3.Connection, participant: str, party: str, annotations: dict[str, str], provider: str = "") -> None:
    """Note annotations of a party: version 0 the first time, one more each time after (docs/canton/ledger-api.md#parties)."""
    db.execute(
        "INSERT INTO party_record (participant, party, identity_provider_id, annotations) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (participant, party) DO UPDATE SET identity_provider_id = excluded.identity_provider_id, "
        "annotations = excluded.annotations, resource_version = resource_version + 1",
        (participant, party, provider, json.dumps(annotations)),
    )


def get(db: sqlite3.Connection, participant: str, party: str) -> sqlite3.Row | None:
    query = "SELECT * FROM party_record WHERE participant=? AND party=?"
    row: sqlite3.Row | None = db.execute(query, (participant, party)).fetchone()
    return row


def everyone(db: sqlite3.Connection, participant: str) -> dict[str, sqlite3.Row]:
    rows = db.execute("SELECT * FROM party_record WHERE participant=?", (participant,))
    return {row["party"]: row for row in rows}


def set_display_name(db: sqlite3.Connection, participant: str, party: str, display_name: str) -> None:
    db.execute("INSERT OR REPLACE INTO party_display_name VALUES (?,?,?)", (participant, party, display_name))


def display_names(db: sqlite3.Connection, participant: str) -> dict[str, str]:
    rows = db.execute("SELECT party, display_name FROM party_display_name WHERE participant=?", (participant,))
    return {row["party"]: row["display_name"] for row in rows}
