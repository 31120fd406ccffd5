# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a transaction leaves on the participants that get it, at once or when they connect again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox import connections, contracts, ids
from sandbox.contracts import Addition, Contract

SCHEMA = """
CREATE TABLE IF NOT EXISTS missed_event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, participant TEXT NOT NULL, psid TEXT NOT NULL, archived INTEGER NOT NULL,
  representative_package_id TEXT NOT NULL, blob BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS missed_event_of ON missed_event (participant, psid);
"""


@dataclass(frozen=True)
class Event:
    """One contract that is created or archived."""

    contract: Contract
    representative_package_id: str
    archived: bool = False


def deliver(db: sqlite3.Connection, psid: str, receivers: Iterable[str], events: list[Event]) -> None:
    """Give the events of a synchronizer to participants (by name); those that are away get them when they connect."""
    for name in receivers:
        online = connections.is_online(db, name, psid)
        for event in events:
            if online:
                _apply(db, name, psid, event)
                continue
            db.execute(
                "INSERT INTO missed_event (participant, psid, archived, representative_package_id, blob)"
                " VALUES (?,?,?,?,?)",
                (name, psid, int(event.archived), event.representative_package_id, event.contract.blob),
            )


def deliver_missed(db: sqlite3.Connection, name: str, psid: str) -> int:
    """Give a participant that connects what it missed, in order; how many events that were."""
    rows = db.execute("SELECT * FROM missed_event WHERE participant=? AND psid=? ORDER BY seq", (name, psid)).fetchall()
    for row in rows:
        event = Event(contracts.parse_blob(row["blob"]), row["representative_package_id"], bool(row["archived"]))
        _apply(db, name, psid, event)
    db.execute("DELETE FROM missed_event WHERE participant=? AND psid=?", (name, psid))
    return len(rows)


def _apply(db: sqlite3.Connection, name: str, psid: str, event: Event) -> None:
    addition = Addition(event.contract, ids.logical(psid), event.representative_package_id)
    if event.archived:
        contracts.archive(db, name, addition)
    elif contracts.status(db, name, event.contract.contract_id) is None:
        contracts.add(db, name, [addition])
