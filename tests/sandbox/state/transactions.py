# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens on a synchronizer and takes an offset on the ledgers of the participants that it concerns: transactions and
the topology of their parties. They get it at once, or when they connect again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.daml import contracts
from sandbox.daml.contracts import Contract
from sandbox.state import connections, ledger
from sandbox.state.ledger import Addition
from sandbox.wire import ids


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
                "INSERT INTO missed_event (participant, psid, kind, representative_package_id, blob) VALUES (?,?,?,?,?)",
                (
                    name,
                    psid,
                    "archived" if event.archived else "created",
                    event.representative_package_id,
                    event.contract.blob,
                ),
            )


def deliver_topology(db: sqlite3.Connection, psid: str, receivers: Iterable[str], topology_id: int) -> None:
    """The same for a change of the topology of their parties; ``topology_id`` is its row."""
    for name in receivers:
        if connections.is_online(db, name, psid):
            _note_topology(db, name, psid, topology_id)
        else:
            db.execute(
                "INSERT INTO missed_event (participant, psid, kind, topology_id) VALUES (?,?,'topology',?)",
                (name, psid, topology_id),
            )


def deliver_missed(db: sqlite3.Connection, name: str, psid: str) -> None:
    """Give a participant that connects what it missed, in order."""
    rows = db.execute("SELECT * FROM missed_event WHERE participant=? AND psid=? ORDER BY seq", (name, psid)).fetchall()
    for row in rows:
        if row["kind"] == "topology":
            _note_topology(db, name, psid, row["topology_id"])
            continue
        contract = contracts.parse_blob(row["blob"])
        _apply(db, name, psid, Event(contract, row["representative_package_id"], row["kind"] == "archived"))
    db.execute("DELETE FROM missed_event WHERE participant=? AND psid=?", (name, psid))


def topology_events(db: sqlite3.Connection, name: str, psid: str, after: int) -> list[tuple[int, int]]:
    """(offset, row of the topology) of the changes that a participant got from a synchronizer after an offset."""
    rows = db.execute(
        "SELECT ledger_offset, topology_id FROM topology_event WHERE participant=? AND psid=? AND ledger_offset>?"
        " ORDER BY ledger_offset",
        (name, psid, after),
    )
    return [(row["ledger_offset"], row["topology_id"]) for row in rows]


def _note_topology(db: sqlite3.Connection, name: str, psid: str, topology_id: int) -> None:
    offset = ledger.advance(db, name, 1)
    db.execute("INSERT INTO topology_event VALUES (?,?,?,?)", (name, offset, psid, topology_id))


def _apply(db: sqlite3.Connection, name: str, psid: str, event: Event) -> None:
    addition = Addition(event.contract, ids.logical(psid), event.representative_package_id)
    if event.archived:
        ledger.archive(db, name, addition)
    elif ledger.status(db, name, event.contract.contract_id) is None:
        ledger.add(db, name, [addition])
