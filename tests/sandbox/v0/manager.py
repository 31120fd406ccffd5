# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a participant of Canton 2 writes topology: everything goes into its Authorized store
(docs/canton/canton-2.md#everything-goes-into-the-authorized-store)."""

from __future__ import annotations

import sqlite3
import threading

from sandbox.node.core import Core
from sandbox.state import connections, ledger, package_store, stores, topology_v0
from sandbox.v0 import elements, keys, protocol
from sandbox.v0.dispatcher import Dispatcher
from sandbox.v0.elements import ADD, IDD, NSD, OTK, PTP, REMOVE, VTP, Element
from sandbox.v0.topology import Row, Topology, Transaction, unauthorized
from sandbox.v0.vault import Vault
from sandbox.wire import ids
from sandbox.wire.errors import CantonError


class Manager:
    """The topology writes of one participant, one after the other."""

    def __init__(self, core: Core, vault: Vault, topology: Topology, dispatcher: Dispatcher) -> None:
        self._core = core
        self._vault = vault
        self._topology = topology
        self._dispatcher = dispatcher
        self._one_at_a_time = threading.Lock()

    @property
    def store(self) -> str:
        return stores.authorized(self._core.name)

    @property
    def protocol_version(self) -> int:
        """What a participant writes in unless it knows better: the newest that it supports."""
        return self._core.release.protocol_versions[-1]

    def authorize(
        self,
        operation: int,
        element: Element,
        signed_by: str = "",
        replace_existing: bool = False,
        force: bool = False,
        protocol_version: int = 0,
    ) -> Transaction:
        """Build a transaction, sign it with an own key and add it."""
        with self._one_at_a_time, self._core.db.write() as connection:
            if operation == REMOVE:
                transaction = self._removal(connection, self._to_remove(connection, element), signed_by)
            else:
                key = signed_by or self._choose_key(connection, element)
                version = protocol_version or self.protocol_version
                data = self._topology.sign(self._vault, key, operation, element, version)
                transaction = self._topology.parse(data)
            added = self._process(connection, transaction, force, replace_existing, False)
        self._tell(added)
        return added[0]

    def ensure(self, element: Element, force: bool = False) -> None:
        """Add an element to the own store, signed by the node itself, unless it is there."""
        try:
            self.authorize(ADD, element, force=force)
        except CantonError as error:
            if error.error_id != "TOPOLOGY_MAPPING_ALREADY_EXISTS":
                raise

    def add(self, data: bytes) -> None:
        """Add a signed transaction; always with force, replacing what is there, the same mapping once more or not."""
        transaction = self._topology.parse(data)
        with self._one_at_a_time, self._core.db.write() as connection:
            added = self._process(connection, transaction, True, True, True)
        self._tell(added)

    def _to_remove(self, connection: sqlite3.Connection, element: Element) -> Row:
        for row in self._topology.active(connection, self.store, element):
            return row
        raise CantonError(
            "NO_CORRESPONDING_ACTIVE_TX_TO_REVOKE",
            "There is no active topology transaction matching the mapping of the revocation request",
        )

    def _choose_key(self, connection: sqlite3.Connection, element: Element) -> str:
        """The own key with the authority that lies farthest from the root certificate."""
        able = self._topology.able(self._topology.authority(connection, self.store), element)
        for key in reversed(able):
            if self._vault.holds(key):
                return key
        raise CantonError(
            "NO_APPROPRIATE_SIGNING_KEY_IN_STORE",
            "Could not find an appropriate signing key to issue the topology transaction",
            {"candidates": f"List({', '.join(map(ids.short, able))})"},
        )

    def _process(
        self, connection: sqlite3.Connection, transaction: Transaction, force: bool, replace: bool, duplicates: bool
    ) -> list[Transaction]:
        """Check a transaction and put it into the store, with the removals of what it replaces; all that was added."""
        if transaction.operation != elements.REPLACE and self._topology.seen(connection, self.store, transaction):
            raise CantonError("DUPLICATE_TOPOLOGY_TRANSACTION", "The given topology transaction already exists.")
        self._topology.check_removal(connection, self.store, transaction)
        if transaction.operation == ADD and not duplicates:
            self._refuse_same_mapping(connection, transaction)
        if transaction.operation == REMOVE:
            self._refuse_dangerous(connection, transaction, force)
        self._check_new(connection, transaction, force)
        replaced = self._replaced(connection, transaction) if replace and transaction.operation != REMOVE else []
        self._topology.check(connection, self.store, transaction)
        removals = [self._removal(connection, row) for row in replaced]
        for one in (transaction, *removals):
            now = stores.next_time(connection, topology_v0.TABLE, self.store)
            self._topology.put(connection, self.store, one, now, now)
        return [transaction, *removals]

    def _refuse_same_mapping(self, connection: sqlite3.Connection, transaction: Transaction) -> None:
        there = self._topology.active(connection, self.store, transaction.element)
        if any(row.transaction.signer == transaction.signer for row in there):
            raise CantonError(
                "TOPOLOGY_MAPPING_ALREADY_EXISTS",
                "A matching topology mapping authorized with the same key already exists in this state",
                {"authKey": ids.short(transaction.signer)},
            )

    def _replaced(self, connection: sqlite3.Connection, transaction: Transaction) -> list[Row]:
        rows = self._topology.heads(connection, self.store, transaction.element.kind)
        return [row for row in rows if elements.replaces(transaction.element, row.element)]

    def _removal(self, connection: sqlite3.Connection, row: Row, signed_by: str = "") -> Transaction:
        """The reverse of an addition: with its element id, and in its form."""
        key = signed_by or self._choose_key(connection, row.element)
        version = protocol.oldest_with(row.transaction.version)
        data = self._topology.sign(self._vault, key, REMOVE, row.element, version, row.transaction.element_id)
        return self._topology.parse(data)

    def _tell(self, added: list[Transaction]) -> None:
        for domain_id in self._core.connected().values():
            self._dispatcher.push(domain_id, added)
        self._core.topology_changed()

    # What is refused although it is well signed.

    def _refuse_dangerous(self, connection: sqlite3.Connection, transaction: Transaction, force: bool) -> None:
        kind = transaction.element.kind
        if kind == OTK and not force:
            self._refuse_last_key(connection, transaction)
        if kind in (NSD, IDD):
            self._refuse_dangling(connection, transaction, force)

    def _refuse_last_key(self, connection: sqlite3.Connection, transaction: Transaction) -> None:
        item = transaction.element.item
        purpose = item.public_key.WhichOneof("key")
        others = [
            row
            for row in self._topology.heads(connection, self.store, OTK)
            if row.item.key_owner == item.key_owner
            and row.item.public_key.WhichOneof("key") == purpose
            and row.transaction.element_id != transaction.element_id
        ]
        if not others:
            raise CantonError(
                "REMOVING_LAST_KEY_MUST_BE_FORCED",
                "Topology transaction would remove the last key of the given entity",
                {"key": ids.short(keys.fingerprint(item.public_key)), "purpose": purpose.partition("_")[0]},
            )

    def _refuse_dangling(self, connection: sqlite3.Connection, transaction: Transaction, force: bool) -> None:
        """Transactions that nobody authorises without the delegation that goes."""
        before = self._topology.authority(connection, self.store)
        if transaction.signer not in self._topology.able(before, transaction.element):
            raise unauthorized()
        if force:
            return
        gone = next(
            row.row["id"]
            for row in self._topology.active(connection, self.store, transaction.element)
            if row.transaction.element_id == transaction.element_id
        )
        after = self._topology.authority(connection, self.store, without=gone)
        touched = elements.namespaces(transaction.element)
        for row in self._topology.heads(connection, self.store):
            if row.row["id"] == gone or touched.isdisjoint(elements.namespaces(row.element)):
                continue
            if row.transaction.signer not in self._topology.able(after, row.element):
                raise CantonError(
                    "REMOVING_KEY_DANGLING_TRANSACTIONS_MUST_BE_FORCED",
                    "Topology transaction would remove a key that creates conflicts and dangling transactions",
                    {"key": ids.short(keys.fingerprint(transaction.element.item.target_key)), "purpose": "signing"},
                )

    def _check_new(self, connection: sqlite3.Connection, transaction: Transaction, force: bool) -> None:
        kind, removes = transaction.element.kind, transaction.operation == REMOVE
        if kind == PTP and removes and not force:
            self._check_contracts(connection, transaction.element.item.party)
        if kind == OTK and not removes:
            self._check_owner(transaction, force)
        if kind == VTP and not force:
            self._check_vetting(connection, transaction)

    def _check_contracts(self, connection: sqlite3.Connection, party: str) -> None:
        for domain_id in connections.known(connection, self._core.name):
            active = ledger.active_parties(connection, self._core.name, domain_id)
            if any(party in stakeholders for stakeholders in active):
                raise CantonError(
                    "DISABLE_PARTY_WITH_ACTIVE_CONTRACTS_REQUIRES_FORCE",
                    f"Disable party {ids.short(party)} failed because there are active contracts where the party is a"
                    " stakeholder",
                    {"partyId": ids.short(party)},
                )

    def _check_owner(self, transaction: Transaction, force: bool) -> None:
        if not self._core.uid:
            raise CantonError("UNINITIALIZED_PARTICIPANT", "Participant id is not set yet")
        item = transaction.element.item
        if item.key_owner == f"PAR::{self._core.uid}":
            found = self._vault.find(keys.fingerprint(item.public_key))
            if found is None or not found.own:
                raise CantonError(
                    "DANGEROUS_KEY_USE_COMMAND_REQUIRES_FORCE",
                    "Cannot register key because it is not present in the private key store",
                    {"fingerprint": ids.short(keys.fingerprint(item.public_key))},
                )
        elif item.key_owner.startswith("PAR::") and not force:
            raise CantonError(
                "DANGEROUS_KEY_USE_COMMAND_REQUIRES_FORCE",
                f"Issuing owner to key mappings for alien participants requires force=yes: {ids.short(item.key_owner)}",
                {"participant": ids.short(item.key_owner)},
            )

    def _check_vetting(self, connection: sqlite3.Connection, transaction: Transaction) -> None:
        item = transaction.element.item
        if transaction.operation == REMOVE or item.participant != self._core.uid:
            raise CantonError(
                "DANGEROUS_VETTING_COMMANDS_REQUIRE_FORCE",
                "Package vetting failed due to packages not existing on the local node",
            )
        missing = set(item.package_ids) - package_store.package_ids(connection, self._core.name)
        if missing:
            raise CantonError(
                "CANNOT_VET_DUE_TO_MISSING_PACKAGES",
                "Package vetting failed due to packages not existing on the local node",
                {"packages": ", ".join(sorted(missing))},
            )
