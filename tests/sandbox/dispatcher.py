# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of topology transactions into the synchronizers' stores.

What a participant sends lies in memory until it is sequenced, a little later: a disconnect or a kill in between loses
it although the caller was told OK (docs/canton/topology.md#an-accepted-transaction-can-be-lost).
"""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any

from sandbox import connections, ids, mappings, topology_state, transactions
from sandbox.errors import CantonError
from sandbox.mappings import DTC, PTP
from sandbox.topology_state import EPSILON, Row, Transaction

if TYPE_CHECKING:
    from sandbox.node import Node

_DEFAULT_SEQUENCING_MS = 100
# What the synchronizer's own namespace has to sign never leaves through a participant's authorized store.
_NOT_FORWARDED = {mappings.PDP, mappings.PHL, mappings.DOP, mappings.MDS, mappings.SDS, mappings.SEP}


class Dispatcher:
    """The outboxes of one participant, one for each synchronizer, and the thread that empties them."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._queues: dict[str, list[tuple[float, Any]]] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What is still queued is lost."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout=10)

    def submit(self, psid: str, signed: list[Any]) -> None:
        """Queue transactions for a synchronizer."""
        due = time.monotonic() + self._node.knob("sequencing_ms", _DEFAULT_SEQUENCING_MS) / 1000
        with self._changed:
            self._queues.setdefault(psid, []).extend((due, one) for one in signed)
            self._changed.notify_all()

    def drop(self, psid: str) -> None:
        """Forget what was not sequenced: the connection is gone."""
        with self._changed:
            self._queues.pop(psid, None)

    def queued(self) -> int:
        with self._changed:
            return sum(map(len, self._queues.values()))

    def push(self, psid: str, signed: list[Any]) -> None:
        """Queue what was just added to the authorized store, as far as it concerns this synchronizer."""
        transactions = map(self._node.topology.parse, signed)
        self.submit(psid, [one.signed for one in transactions if _concerns(one, psid)])

    def push_authorized_now(self, psid: str) -> None:
        """Bring everything of the authorized store that the synchronizer has not seen yet into its store.

        It is there when the call returns: a part of the handshake of a connect.
        """
        self._sequence(psid, self._unseen(psid))

    def _unseen(self, psid: str) -> list[Any]:
        topology = self._node.topology
        store = topology_state.synchronizer(psid)
        query = topology_state.Query([topology_state.authorized(self._node.name)])
        fresh = []
        with self._node.db.read() as connection:
            for row in topology.query(connection, query):
                transaction = row.transaction
                if _concerns(transaction, psid) and not _seen(connection, store, transaction.hash):
                    fresh.append(transaction.signed)
        return fresh

    def _due(self) -> tuple[str, list[Any]] | None:
        """Wait for the next batch; ``None`` when the node stops."""
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                waiting = {psid: min(due for due, _unused in queue) for psid, queue in self._queues.items() if queue}
                if not waiting:
                    self._changed.wait(1)
                    continue
                psid = min(waiting, key=lambda name: waiting[name])
                if waiting[psid] <= now:
                    queue = self._queues.pop(psid)
                    self._queues[psid] = [(due, one) for due, one in queue if due > now]
                    return psid, [one for due, one in queue if due <= now]
                self._changed.wait(waiting[psid] - now)
        return None

    def _run(self) -> None:
        while True:
            batch = self._due()
            if batch is None:
                return
            try:
                self._sequence(*batch)
            except Exception:
                self._node.log.exception("a batch for %s could not be sequenced", batch[0])

    def _sequence(self, psid: str, batch: list[Any]) -> None:
        if not batch:
            return
        with self._node.db.write() as connection:
            sequence(connection, self._node, psid, batch)


def _concerns(transaction: Transaction, psid: str) -> bool:
    if transaction.code in _NOT_FORWARDED:
        return False
    if transaction.code != DTC:
        return True
    return bool(transaction.mapping.synchronizer_trust_certificate.synchronizer_id == ids.logical(psid))


def _seen(connection: sqlite3.Connection, store: str, transaction_hash: bytes) -> bool:
    """Rejected ones count: they are not sent again."""
    found = connection.execute("SELECT 1 FROM topology WHERE store=? AND hash=? LIMIT 1", (store, transaction_hash))
    return found.fetchone() is not None


def next_time(connection: sqlite3.Connection, store: str) -> int:
    """A sequencing time later than all before it."""
    last = connection.execute("SELECT max(sequenced) FROM topology WHERE store=?", (store,)).fetchone()[0]
    return max(ids.now(), (last or 0) + 1)


def sequence(connection: sqlite3.Connection, node: Node, psid: str, batch: list[Any]) -> list[Row]:
    """Bring a batch into a synchronizer's store at one time; what is not right is kept as rejected, without a word."""
    store = topology_state.synchronizer(psid)
    sequenced = next_time(connection, store)
    added = []
    for signed in batch:
        try:
            row = node.topology.add(connection, store, signed, sequenced, sequenced + EPSILON, full=False)
        except CantonError as error:
            node.log.info("synchronizer %s refused a topology transaction: %s", ids.short(psid), error)
            node.topology.reject(connection, store, signed, sequenced, str(error))
            continue
        if row is not None:
            added.append(row)
            _tell_participants(connection, psid, row)
    return added


def _tell_participants(connection: sqlite3.Connection, psid: str, row: Row) -> None:
    """Each topology event of a hosted party takes one offset on its participants' ledgers; the certificate with which a
    participant joins is the event of its admin party (docs/canton/contracts.md#topology-events-take-offsets)."""
    if row.row["proposal"]:
        return
    if row.transaction.code == DTC:
        concerned = [row.item.participant_uid]
    elif row.transaction.code == PTP:
        concerned = [host.participant_uid for host in row.item.participants]
    else:
        return
    for uid in concerned:
        names = connections.names_at(connection, uid, psid)
        transactions.deliver_topology(connection, psid, names, row.row["id"])
