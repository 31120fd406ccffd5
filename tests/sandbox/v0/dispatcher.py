# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of topology transactions into the domains' stores
(docs/canton/canton-2.md#everything-goes-into-the-authorized-store).

As in Canton 3 what a participant sends lies in memory until it is sequenced. But it comes from the Authorized store, so
the next connect sends again whatever a disconnect or kill lost.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable
from typing import Any

from sandbox.node import dispatcher
from sandbox.node.core import Core
from sandbox.state import stores, synchronizers, topology_v0
from sandbox.state.stores import EPSILON
from sandbox.v0 import elements
from sandbox.v0.elements import IDD, MEDIATOR, NSD, OTK, PARAMETERS, REMOVE, STATE
from sandbox.v0.topology import Topology, Transaction
from sandbox.v0.vault import Vault
from sandbox.wire import ids
from sandbox.wire.errors import CantonError


class Dispatcher(dispatcher.Dispatcher):
    """The outboxes of one participant of Canton 2."""

    def __init__(self, core: Core, vault: Vault, topology: Topology) -> None:
        super().__init__(core)
        self._vault = vault
        self._topology = topology

    def push(self, psid: str, signed: list[Any]) -> None:
        """Queue transactions of the Authorized store. What can't be brought into the domain's form stays behind."""
        ready = []
        for transaction in signed:
            try:
                ready += self._converted(psid, [transaction])
            except CantonError as error:
                self._core.log.error("a topology transaction does not go to %s: %s", ids.short(psid), error)
        self.submit(psid, ready)

    def push_authorized_now(self, psid: str) -> None:
        """Bring everything that the domain has not seen into its store; TOPOLOGY_CONVERSION_ERROR when that can't be."""
        with self._core.db.read() as connection:
            store = stores.authorized(self._core.name)
            mine = [row.transaction for row in self._topology.all_rows(connection, store)]
        self._sequence(psid, self._converted(psid, mine))

    def _converted(self, domain_id: str, transactions: Iterable[Transaction]) -> list[Transaction]:
        """Those that concern a domain and are new to it, in the form of its protocol version."""
        own, there = stores.authorized(self._core.name), stores.synchronizer(domain_id)
        fresh: list[Transaction] = []
        with self._core.db.read() as connection:
            version = synchronizers.protocol_version(connection, domain_id)
            assert version is not None
            for one in transactions:
                if not _concerns(one, domain_id) or self._topology.seen(connection, there, one):
                    continue
                converted = self._topology.convert(connection, own, self._vault, one, version)
                known = any(converted.hash == other.hash for other in fresh)
                if not known and not self._topology.seen(connection, there, converted):
                    fresh.append(converted)
        return fresh

    def _sequence(self, psid: str, batch: list[Any]) -> None:
        if batch:
            with self._core.db.write() as connection:
                sequence(connection, self._topology, psid, batch, self._core.log)


def _concerns(transaction: Transaction, domain_id: str) -> bool:
    element = transaction.element
    if element.kind in (MEDIATOR, PARAMETERS):
        return False
    if element.kind == OTK and not element.item.key_owner.startswith("PAR::"):
        return elements.bare(element.item.key_owner) == domain_id
    return element.kind != STATE or bool(element.item.domain == domain_id)


def sequence(
    connection: sqlite3.Connection,
    topology: Topology,
    domain_id: str,
    batch: list[Transaction],
    log: logging.Logger | None = None,
) -> list[Transaction]:
    """Bring a batch into a domain's store at one time; what is not right is kept as rejected, without a word."""
    store = stores.synchronizer(domain_id)
    sequenced = stores.next_time(connection, topology_v0.TABLE, store)
    effective = sequenced + EPSILON
    added = []
    for one in batch:
        if topology.seen(connection, store, one):
            continue
        try:
            topology.check_removal(connection, store, one)
            topology.check(connection, store, one)
        except CantonError as error:
            if log is not None:
                log.info("domain %s refused a topology transaction: %s", ids.short(domain_id), error)
            topology.put(connection, store, one, sequenced, effective, str(error))
            continue
        topology.put(connection, store, one, sequenced, effective)
        if one.operation == REMOVE and one.element.kind in (NSD, IDD):
            topology.drop_orphans(connection, store, elements.namespaces(one.element), effective)
        added.append(one)
    return added
