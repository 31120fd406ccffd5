# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledgers of the participants: their ends, and the contracts that are or were active on them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sandbox.daml import contracts
from sandbox.daml.contracts import Contract


@dataclass(frozen=True)
class Active:
    """One row of the active contract set of a participant."""

    seq: int
    contract_id: bytes
    synchronizer_id: str
    representative_package_id: str
    blob: bytes
    created_offset: int
    node_id: int
    workflow_id: str


@dataclass(frozen=True)
class Addition:
    """A contract that is about to become active on a participant."""

    contract: Contract
    synchronizer_id: str
    representative_package_id: str
    workflow_id: str = ""


def ledger_end(db: sqlite3.Connection, participant: str) -> int:
    """The last offset that was given out, 0 on an empty ledger."""
    row = db.execute("SELECT ledger_end FROM ledger WHERE participant = ?", (participant,)).fetchone()
    return int(row[0]) if row else 0


def pruned_to(db: sqlite3.Connection, participant: str) -> int:
    """The last offset that was pruned away, 0 when none was."""
    row = db.execute("SELECT pruned_to FROM ledger WHERE participant = ?", (participant,)).fetchone()
    return int(row[0]) if row else 0


def prune(db: sqlite3.Connection, participant: str, offset: int, loses_imported: bool) -> None:
    """Refuse reads before an offset from now on. With `loses_imported` (bug 25-013) contracts go that were imported up to
    there and are still active."""
    db.execute("UPDATE ledger SET pruned_to = max(pruned_to, ?) WHERE participant = ?", (offset, participant))
    if loses_imported:
        db.execute(
            "DELETE FROM contract WHERE participant = ? AND created_offset <= ? AND ended_offset IS NULL "
            "AND workflow_id <> ''",
            (participant, offset),
        )


def advance(db: sqlite3.Connection, participant: str, count: int) -> int:
    """Give out `count` offsets and return the first."""
    end = ledger_end(db, participant)
    db.execute(
        "INSERT INTO ledger (participant, ledger_end) VALUES (?, ?) "
        "ON CONFLICT (participant) DO UPDATE SET ledger_end = excluded.ledger_end",
        (participant, end + count),
    )
    return end + 1


_PAGE = 1000
_COLUMNS = "seq, contract_id, synchronizer_id, representative_package_id, blob, created_offset, node_id, workflow_id"


def active_page(db: sqlite3.Connection, participant: str, offset: int, after_seq: int) -> list[Active]:
    """What was active at that offset, in the order of activation, behind row `after_seq`. An offset at or before the
    ledger end gives the same rows whenever it is asked for, so a long stream can be read page by page."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM contract WHERE participant = ? AND seq > ? AND created_offset <= ? "
        "AND (ended_offset IS NULL OR ended_offset > ?) ORDER BY seq LIMIT ?",
        (participant, after_seq, offset, offset, _PAGE),
    )
    return [Active(*row) for row in rows]


def status(db: sqlite3.Connection, participant: str, contract_id: bytes) -> tuple[str, bytes, str] | None:
    """The newest activation of a contract: ("active", "archived" or "purged", blob, synchronizer id)."""
    row = db.execute(
        "SELECT coalesce(ended_by, 'active'), blob, synchronizer_id FROM contract "
        "WHERE participant = ? AND contract_id = ? ORDER BY seq DESC LIMIT 1",
        (participant, contract_id),
    ).fetchone()
    return (row[0], row[1], row[2]) if row else None


def newest(db: sqlite3.Connection, participant: str, contract_id: bytes) -> tuple[Active, int | None] | None:
    """The newest activation of a contract, and the offset at which it ended, if it did."""
    row = db.execute(
        f"SELECT {_COLUMNS}, ended_offset FROM contract WHERE participant = ? AND contract_id = ? "
        "ORDER BY seq DESC LIMIT 1",
        (participant, contract_id),
    ).fetchone()
    return (Active(*row[:-1]), row[-1]) if row else None


def add(db: sqlite3.Connection, participant: str, additions: Iterable[Addition]) -> int:
    """Activate contracts, in this order: contracts of one create time in a row share an offset
    (docs/canton/contracts.md#batches-and-offsets).
    Returns how many offsets that took."""
    first = ledger_end(db, participant) + 1
    groups = _Groups(first)
    db.executemany(
        "INSERT INTO contract (participant, contract_id, synchronizer_id, representative_package_id, blob, "
        "created_offset, node_id, workflow_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                participant,
                each.contract.contract_id,
                each.synchronizer_id,
                each.representative_package_id,
                each.contract.blob,
                *groups.place(each.contract.created_at),
                each.workflow_id,
            )
            for each in additions
        ),
    )
    count = groups.offset - first + 1
    advance(db, participant, count)
    return count


class _Groups:
    """Gives each contract its (offset, node id)."""

    def __init__(self, first: int) -> None:
        self.offset = first - 1
        self._created_at: int | None = None
        self._node_id = 0

    def place(self, created_at: int) -> tuple[int, int]:
        if created_at == self._created_at:
            self._node_id += 1
        else:
            self.offset += 1
            self._node_id = 0
            self._created_at = created_at
        return self.offset, self._node_id


def end(db: sqlite3.Connection, participant: str, contract_ids: Sequence[bytes], how: str) -> int:
    """Archive or purge what is active of these contracts, at one new offset; returns how many that were."""
    offset = advance(db, participant, 1)
    changed = 0
    for contract_id in contract_ids:
        changed += db.execute(
            "UPDATE contract SET ended_offset = ?, ended_by = ? "
            "WHERE participant = ? AND contract_id = ? AND ended_offset IS NULL",
            (offset, how, participant, contract_id),
        ).rowcount
    return changed


def archive(db: sqlite3.Connection, participant: str, ended: Addition) -> None:
    """What a transaction that archives a contract does. A contract that the participant did not have counts as archived
    from then on, so that no import brings it back."""
    found = status(db, participant, ended.contract.contract_id)
    if found is not None and found[0] == "archived":
        return
    if found is None or found[0] != "active":
        add(db, participant, [ended])
        # it never was active: it begins and ends at one offset
        offset = ledger_end(db, participant)
        db.execute(
            "UPDATE contract SET ended_offset = ?, ended_by = 'archived' WHERE participant = ? AND contract_id = ? "
            "AND ended_offset IS NULL",
            (offset, participant, ended.contract.contract_id),
        )
        return
    end(db, participant, [ended.contract.contract_id], "archived")


def active_parties(db: sqlite3.Connection, participant: str, synchronizer_id: str) -> Iterator[tuple[str, ...]]:
    """The stakeholders of each contract that is active on a synchronizer."""
    rows = db.execute(
        "SELECT blob FROM contract WHERE participant = ? AND synchronizer_id = ? AND ended_offset IS NULL",
        (participant, synchronizer_id),
    )
    for (blob,) in rows:
        yield contracts.parse_blob(blob).stakeholders


def uses_package(db: sqlite3.Connection, participant: str, package_id: str) -> bool:
    """True when an active contract was created with a package or is represented by it."""
    rows = db.execute(
        "SELECT blob, representative_package_id FROM contract WHERE participant = ? AND ended_offset IS NULL",
        (participant,),
    )
    return any(package_id in (row[1], contracts.parse_blob(row[0]).package_id) for row in rows)
