# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a participant sends to synchronizers, and how it gets into their stores."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

from sandbox.node import dispatcher
from sandbox.node.core import Core
from sandbox.state import connections, stores, topology_v30, transactions
from sandbox.state.stores import EPSILON
from sandbox.state.topology_v30 import Query
from sandbox.v30 import mappings
from sandbox.v30.mappings import DTC, PTP
from sandbox.v30.members import Members
from sandbox.v30.topology import Row, TopologyState, Transaction
from sandbox.wire import ids
from sandbox.wire.errors import CantonError

# What the synchronizer's own namespace has to sign never leaves through a participant's authorized store.
_NOT_FORWARDED = {mappings.PDP, mappings.PHL, mappings.DOP, mappings.MDS, mappings.SDS, mappings.SEP}


class Dispatcher(dispatcher.Dispatcher):
    """The outboxes of one participant of Canton 3."""

    def __init__(self, core: Core, topology: TopologyState, members: Members) -> None:
        super().__init__(core)
        self._topology = topology
        self._members = members

    def push(self, psid: str, signed: list[Any]) -> None:
        transactions = map(self._topology.parse, signed)
        self.submit(psid, [one.signed for one in transactions if _concerns(one, psid)])

    def push_authorized_now(self, psid: str) -> None:
        self._sequence(psid, self._unseen(psid))

    def _unseen(self, psid: str) -> list[Any]:
        topology = self._topology
        store = stores.synchronizer(psid)
        query = Query([stores.authorized(self._core.name)])
        fresh = []
        with self._core.db.read() as connection:
            for row in topology.query(connection, query):
                transaction = row.transaction
                if _concerns(transaction, psid) and not topology_v30.knows(connection, store, transaction.hash):
                    fresh.append(transaction.signed)
        return fresh

    def _sequence(self, psid: str, batch: list[Any]) -> None:
        if not batch:
            return
        obstacle = self._members.obstacle(psid)
        if obstacle:
            # What is in the authorized store comes with a later connect, all else is lost; nobody is told.
            self._core.log.error("could not submit topology to %s: %s", ids.short(psid), obstacle)
            return
        with self._core.db.write() as connection:
            sequence(connection, self._topology, psid, batch, self._core.log)


def _concerns(transaction: Transaction, psid: str) -> bool:
    if transaction.code in _NOT_FORWARDED:
        return False
    if transaction.code != DTC:
        return True
    return bool(transaction.mapping.synchronizer_trust_certificate.synchronizer_id == ids.logical(psid))


def sequence(
    connection: sqlite3.Connection, topology: TopologyState, psid: str, batch: list[Any], log: logging.Logger
) -> list[Row]:
    """Bring a batch into a synchronizer's store at one time; what is not right is kept as rejected, without a word."""
    store = stores.synchronizer(psid)
    sequenced = stores.next_time(connection, topology_v30.TABLE, store)
    added = []
    for signed in batch:
        try:
            row = topology.add(connection, store, signed, sequenced, sequenced + EPSILON, full=False)
        except CantonError as error:
            log.info("synchronizer %s refused a topology transaction: %s", ids.short(psid), error)
            topology.reject(connection, store, signed, sequenced, str(error))
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
