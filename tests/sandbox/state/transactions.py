# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens on a synchronizer and takes an offset on the ledgers of the participants that it concerns: transactions and
the topology of their parties. They get it at once, or when they connect again.

Transactions are encrypted for a key of each participant, and one that can't decrypt what is sent to it ends itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sandbox.daml import contracts
from sandbox.daml.contracts import Contract
from sandbox.state import connections, keys, ledger
from sandbox.state.ledger import Addition
from sandbox.wire import ids


@dataclass(frozen=True)
class Event:
    """One contract that is created or archived."""

    contract: Contract
    representative_package_id: str
    archived: bool = False


def deliver(db: sqlite3.Connection, psid: str, receivers: Mapping[str, str], events: list[Event]) -> None:
    """Give the events of a synchronizer to participants (name -> fingerprint of the key that they are encrypted for, empty on
    Canton 2); those that are away get them when they connect, those that can't decrypt them end themselves."""
    for name, key in receivers.items():
        now = reads(db, name, psid, key)
        for event in events:
            if now:
                _apply(db, name, psid, event)
                continue
            db.execute(
                "INSERT INTO missed_event (participant, psid, kind, representative_package_id, blob, encrypted_for)"
                " VALUES (?,?,?,?,?,?)",
                (
                    name,
                    psid,
                    "archived" if event.archived else "created",
                    event.representative_package_id,
                    event.contract.blob,
                    key,
                ),
            )


def deliver_request(db: sqlite3.Connection, psid: str, receivers: Mapping[str, str]) -> None:
    """The same for a request that leaves nothing on the ledger: a ping, or what was not confirmed."""
    for name, key in receivers.items():
        if not reads(db, name, psid, key):
            db.execute(
                "INSERT INTO missed_event (participant, psid, kind, encrypted_for) VALUES (?,?,'request',?)",
                (name, psid, key),
            )


def reads(db: sqlite3.Connection, name: str, psid: str, key: str) -> bool:
    """Whether a participant processes at once what is sent to it now, encrypted for a key."""
    if not connections.is_online(db, name, psid) or _is_behind(db, name, psid):
        return False
    return not key or keys.can_decrypt(db, name, key)


def _is_behind(db: sqlite3.Connection, name: str, psid: str) -> bool:
    """Whether something lies before it that the participant has not processed: nothing overtakes that."""
    query = "SELECT 1 FROM missed_event WHERE participant=? AND psid=? LIMIT 1"
    return db.execute(query, (name, psid)).fetchone() is not None


def deliver_topology(db: sqlite3.Connection, psid: str, receivers: Iterable[str], topology_id: int) -> None:
    """The same for a change of the topology of their parties, which is not encrypted; ``topology_id`` is its row."""
    for name in receivers:
        if reads(db, name, psid, ""):
            _note_topology(db, name, psid, topology_id)
        else:
            db.execute(
                "INSERT INTO missed_event (participant, psid, kind, topology_id) VALUES (?,?,'topology',?)",
                (name, psid, topology_id),
            )


def deliver_missed(db: sqlite3.Connection, name: str, psid: str) -> str:
    """Give a participant that is connected what it missed, in order, up to the first that it can't decrypt: the fingerprint of its
    key, or nothing. What was not given stays for the next time."""
    rows = db.execute("SELECT * FROM missed_event WHERE participant=? AND psid=? ORDER BY seq", (name, psid)).fetchall()
    for row in rows:
        if row["encrypted_for"] and not keys.can_decrypt(db, name, row["encrypted_for"]):
            return str(row["encrypted_for"])
        db.execute("DELETE FROM missed_event WHERE seq=?", (row["seq"],))
        if row["kind"] == "topology":
            _note_topology(db, name, psid, row["topology_id"])
        elif row["kind"] != "request":
            contract = contracts.parse_blob(row["blob"])
            _apply(db, name, psid, Event(contract, row["representative_package_id"], row["kind"] == "archived"))
    return ""


def arrived(db: sqlite3.Connection, name: str) -> list[str]:
    """The synchronizers that a participant is connected to and that have something for it which it has not processed."""
    rows = db.execute(
        "SELECT DISTINCT m.psid FROM missed_event m JOIN connections c ON c.node=m.participant AND c.psid=m.psid"
        " WHERE m.participant=? AND c.connected",
        (name,),
    )
    return [row["psid"] for row in rows]


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
