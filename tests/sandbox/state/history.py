# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of a member: a node with an empty database and an identity that a synchronizer knows gets all of it from the sequencer.

Sequencers are never pruned here, and what they keep is what other nodes of the identity have processed or still have to
process. Contracts that those had imported were never on the synchronizer.
"""

from __future__ import annotations

import sqlite3

from sandbox.daml import contracts
from sandbox.state import connections, ledger
from sandbox.state.ledger import Addition
from sandbox.wire import ids


class CreatesExisting(Exception):
    """The history creates a contract that the node has by other means; ``contract_id`` in hex."""

    def __init__(self, contract_id: str) -> None:
        super().__init__(contract_id)
        self.contract_id = contract_id


def replay(db: sqlite3.Connection, name: str, uid: str, psid: str) -> int:
    """Give a participant that connects for the first time the history of its identity; how many contracts that created.

    Raises CreatesExisting.
    """
    before = {row[0] for row in db.execute("SELECT contract_id FROM contract WHERE participant=?", (name,))}
    created = 0
    for twin in connections.names_at(db, uid, psid):
        if twin == name:
            continue
        for addition, archived in _events(db, twin, psid):
            contract_id = addition.contract.contract_id
            if archived:
                ledger.archive(db, name, addition)
            elif contract_id in before:
                raise CreatesExisting(contract_id.hex())
            elif ledger.status(db, name, contract_id) is None:
                ledger.add(db, name, [addition])
                created += 1
    return created


def _events(db: sqlite3.Connection, twin: str, psid: str) -> list[tuple[Addition, bool]]:
    """Creations and archivals (True) that were sequenced for a node, in their order."""
    logical = ids.logical(psid)
    query = (
        "SELECT blob, representative_package_id, created_offset AS at, seq, 0 AS archived FROM contract"
        " WHERE participant=:twin AND synchronizer_id=:logical AND workflow_id=''"
        " UNION ALL SELECT blob, representative_package_id, ended_offset, seq, 1 FROM contract"
        " WHERE participant=:twin AND synchronizer_id=:logical AND workflow_id='' AND ended_by='archived'"
        " ORDER BY at, archived, seq"
    )
    rows = db.execute(query, {"twin": twin, "logical": logical}).fetchall()
    query = (
        "SELECT blob, representative_package_id, kind='archived' AS archived FROM missed_event"
        " WHERE participant=? AND psid=? AND kind IN ('created', 'archived') ORDER BY seq"
    )
    rows += db.execute(query, (twin, psid)).fetchall()
    return [
        (
            Addition(contracts.parse_blob(row["blob"]), logical, row["representative_package_id"]),
            bool(row["archived"]),
        )
        for row in rows
    ]
