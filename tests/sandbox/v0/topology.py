# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The topology stores of Canton 2: one of each participant ("Authorized") and one of each domain
(docs/canton/canton-2.md#everything-goes-into-the-authorized-store, docs/canton/canton-2.md#topology-elements).

There are no serials and no proposals: a transaction adds or removes one element with an id of its own, is signed by one
key and stands for itself. Everything that ever arrived stays as a row; ``valid_until`` says what is over, ``rejection``
what a domain refused. Stores are named as in ``sandbox.topology_state``.
"""

from __future__ import annotations

import functools
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from sandbox import crypto
from sandbox.errors import CantonError, proto_failure
from sandbox.v0 import elements, keys, protocol
from sandbox.v0.elements import IDD, NSD, PARAMETERS, REMOVE, Element, Need
from sandbox.vault import Vault
from sandbox.wire import Messages

SCHEMA = """
CREATE TABLE IF NOT EXISTS topology_v0 (
  id INTEGER PRIMARY KEY, store TEXT NOT NULL, kind TEXT NOT NULL, op INTEGER NOT NULL, element TEXT NOT NULL,
  mapping BLOB NOT NULL, version INTEGER NOT NULL, hash BLOB NOT NULL, signer TEXT NOT NULL, sequenced INTEGER NOT NULL,
  valid_from INTEGER NOT NULL, valid_until INTEGER, signed BLOB NOT NULL, rejection TEXT
);
CREATE INDEX IF NOT EXISTS topology_v0_mapping ON topology_v0 (store, mapping, valid_until);
CREATE INDEX IF NOT EXISTS topology_v0_kind ON topology_v0 (store, kind, valid_until);
CREATE INDEX IF NOT EXISTS topology_v0_hash ON topology_v0 (store, hash);
CREATE INDEX IF NOT EXISTS topology_v0_sequenced ON topology_v0 (store, sequenced);
"""


@dataclass(frozen=True)
class Transaction:
    """A signed transaction taken apart. ``data`` is the whole wrapped thing, ``raw`` the wrapped part that was signed."""

    data: bytes
    raw: bytes
    version: int
    operation: int
    element_id: str
    element: Element
    key: Any
    signature: Any

    @functools.cached_property
    def hash(self) -> bytes:
        return crypto.transaction_hash(self.raw)

    @property
    def signer(self) -> str:
        return str(self.key.id)


@dataclass(frozen=True)
class Row:
    """A transaction as it stands in a store; times in microseconds."""

    row: sqlite3.Row
    transaction: Transaction

    @property
    def element(self) -> Element:
        return self.transaction.element

    @property
    def item(self) -> Any:
        return self.transaction.element.item


class Authority:
    """Which keys may sign for a namespace, from the delegations in force: a chain from the root certificate on."""

    def __init__(self, namespace: str, delegations: Iterable[Row], identifiers: Iterable[Row]) -> None:
        self.namespace = namespace
        # fingerprint -> (distance from the root certificate, may delegate)
        self._keys: dict[str, tuple[int, bool]] = {}
        waiting = list(delegations)
        if any(elements.is_root_certificate(row.element) and row.transaction.signer == namespace for row in waiting):
            self._keys[namespace] = (0, True)
        progress = bool(self._keys)
        while progress:
            progress = False
            for row in waiting:
                progress = self._extend(row) or progress
        self._identifiers = [row for row in identifiers if row.transaction.signer in self._keys]

    def _extend(self, row: Row) -> bool:
        level, root = self._keys.get(row.transaction.signer, (0, False))
        target = keys.fingerprint(row.item.target_key)
        before = self._keys.get(target)
        if not root or (before is not None and (before[1] or not row.item.is_root_delegation)):
            return False
        self._keys[target] = (level + 1, row.item.is_root_delegation)
        return True

    def able(self, need: Need) -> list[str]:
        """Fingerprints of the keys that satisfy it, those nearest to the root first."""
        found = [key for key, (_unused, root) in self._keys.items() if root or not need.root]
        found.sort(key=lambda key: self._keys[key][0])
        if need.uid:
            found += [
                keys.fingerprint(row.item.target_key)
                for row in self._identifiers
                if row.item.unique_identifier == need.uid
            ]
        return list(dict.fromkeys(found))


class Topology:
    """All topology stores of the network that are in the form of Canton 2."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        self._signed = messages.cls("protocol.v0.SignedTopologyTransaction")
        self._parse_known = functools.lru_cache(maxsize=20_000)(self.parse)

    # Building and reading transactions.

    def _transaction_class(self, version: int) -> Any:
        try:
            return self.messages.cls(f"protocol.v{version}.TopologyTransaction")
        except KeyError:
            raise proto_failure(f"Message 'TopologyTransaction' has no versioned decoder for {version}") from None

    def build(self, operation: int, element_id: str, element: Element, protocol_version: int) -> bytes:
        """The wrapped bytes of a transaction in the form of a protocol version."""
        version = protocol.transaction_version(protocol_version)
        transaction = self._transaction_class(version)()
        if element.kind == PARAMETERS:
            getattr(transaction.domain_governance, PARAMETERS).MergeFrom(element.item)
        else:
            update = transaction.state_update
            update.operation, update.id = operation, element_id
            if element.kind not in update.DESCRIPTOR.fields_by_name:
                raise CantonError(
                    "TOPOLOGY_CONVERSION_ERROR", f"Protocol version {protocol_version} knows no {element.kind}"
                )
            getattr(update, element.kind).CopyFrom(element.item)
        return self.messages.wrap(transaction.SerializeToString(deterministic=True), version)

    def sign(
        self,
        vault: Vault,
        fingerprint: str,
        operation: int,
        element: Element,
        protocol_version: int,
        element_id: str = "",
    ) -> bytes:
        """A new signed transaction, wrapped; a random element id unless one is given."""
        raw = self.build(operation, element_id or secrets.token_hex(16), Element(*element), protocol_version)
        found = vault.find(fingerprint)
        if found is None or found.signing is None:
            raise CantonError(
                "PUBLIC_KEY_NOT_IN_STORE", "Public key with given fingerprint is missing in the public key store"
            )
        signature = vault.sign(fingerprint, crypto.transaction_hash(raw))
        signed = self._signed(transaction=raw, key=found.signing, signature=signature)
        return self.messages.wrap(signed.SerializeToString(deterministic=True), protocol.SIGNED)

    def parse(self, data: bytes) -> Transaction:
        """Take a wrapped SignedTopologyTransaction apart; PROTO_DESERIALIZATION_FAILURE when it is none."""
        try:
            signed = self._signed.FromString(self.messages.unwrap(data))
            inner, version = self.messages.unwrap_versioned(signed.transaction)
            transaction = self._transaction_class(version).FromString(inner)
        except DecodeError as error:
            raise proto_failure(f"BufferException({error})") from error
        which = transaction.WhichOneof("transaction")
        part = getattr(transaction, which) if which else None
        kind = part.WhichOneof("mapping") if part is not None else None
        if part is None or not kind:
            raise proto_failure("FieldNotSet(TopologyTransaction.transaction)")
        operation, element_id = (elements.REPLACE, "") if kind == PARAMETERS else (part.operation, part.id)
        element = Element(kind, getattr(part, kind))
        raw = bytes(signed.transaction)
        return Transaction(data, raw, version, operation, element_id, element, signed.key, signed.signature)

    def convert(
        self, connection: sqlite3.Connection, store: str, vault: Vault, transaction: Transaction, protocol_version: int
    ) -> Transaction:
        """The transaction in the form of a protocol version: as it is, as the store has it already, or signed anew.

        TOPOLOGY_CONVERSION_ERROR when this node can't sign it.
        """
        wanted = protocol.transaction_version(protocol_version)
        if transaction.version == wanted:
            return transaction
        stored = self._active(connection, store, transaction.element, "AND element=? AND version=?")
        for row in stored(transaction.element_id, wanted):
            return row.transaction
        if not vault.holds(transaction.signer):
            raise CantonError(
                "TOPOLOGY_CONVERSION_ERROR",
                f"Failed to convert a {transaction.element.kind} to protocol version {protocol_version}: the key that"
                " signed it is not in the private key store",
            )
        data = self.sign(
            vault,
            transaction.signer,
            transaction.operation,
            transaction.element,
            protocol_version,
            transaction.element_id,
        )
        return self.parse(data)

    # Looking things up.

    def _row(self, row: sqlite3.Row) -> Row:
        return Row(row, self._parse_known(row["signed"]))

    def _active(
        self, connection: sqlite3.Connection, store: str, element: Element, more: str = ""
    ) -> Callable[..., list[Row]]:
        def find(*values: Any) -> list[Row]:
            rows = connection.execute(
                "SELECT * FROM topology_v0 WHERE store=? AND mapping=? AND op<>1 AND valid_until IS NULL"
                f" AND rejection IS NULL {more} ORDER BY id",
                (store, element.data, *values),
            )
            return [self._row(row) for row in rows.fetchall()]

        return find

    def active(self, connection: sqlite3.Connection, store: str, element: Element) -> list[Row]:
        """The additions of this very mapping that are in force or about to be."""
        return self._active(connection, store, element)()

    def heads(self, connection: sqlite3.Connection, store: str, kind: str = "") -> Iterator[Row]:
        """All additions, of a kind or all, that are in force or about to be."""
        more, values = (" AND kind=?", [kind]) if kind else ("", [])
        rows = connection.execute(
            "SELECT * FROM topology_v0 WHERE store=? AND op<>1 AND valid_until IS NULL AND rejection IS NULL"
            f"{more} ORDER BY id",
            [store, *values],
        )
        return map(self._row, rows.fetchall())

    def effective(self, connection: sqlite3.Connection, store: str, kind: str, at: int) -> Iterator[Row]:
        """All additions of a kind that are in force at a time."""
        rows = connection.execute(
            "SELECT * FROM topology_v0 WHERE store=? AND kind=? AND op<>1 AND rejection IS NULL AND valid_from<=?"
            " AND (valid_until IS NULL OR valid_until>?) ORDER BY id",
            (store, kind, at, at),
        )
        return map(self._row, rows.fetchall())

    def all_rows(self, connection: sqlite3.Connection, store: str) -> Iterator[Row]:
        """Whatever was accepted, in its order."""
        rows = connection.execute("SELECT * FROM topology_v0 WHERE store=? AND rejection IS NULL ORDER BY id", (store,))
        return map(self._row, rows.fetchall())

    def seen(self, connection: sqlite3.Connection, store: str, transaction: Transaction) -> bool:
        """Whether the store ever got this transaction with this key, rejected or not."""
        found = connection.execute(
            "SELECT 1 FROM topology_v0 WHERE store=? AND hash=? AND signer=? LIMIT 1",
            (store, transaction.hash, transaction.signer),
        )
        return found.fetchone() is not None

    # Who may sign.

    def authority(
        self, connection: sqlite3.Connection, store: str, without: int | None = None
    ) -> Callable[[str], Authority]:
        """The keys of namespaces by what the store knows; ``without``: as if the row of this id were not there."""

        @functools.cache
        def of(namespace: str) -> Authority:
            delegations, identifiers = (
                [
                    row
                    for row in self.heads(connection, store, kind)
                    if row.row["id"] != without and namespace in elements.namespaces(row.element)
                ]
                for kind in (NSD, IDD)
            )
            return Authority(namespace, delegations, identifiers)

        return of

    def able(self, authority: Callable[[str], Authority], element: Element) -> list[str]:
        """Fingerprints of the keys that alone have all the authority that the element needs, nearest to the root first."""
        if elements.is_root_certificate(element):
            return [element.item.namespace]
        found: list[str] | None = None
        for need in elements.needs(element):
            keys_for_it = authority(need.namespace).able(need)
            found = keys_for_it if found is None else [key for key in found if key in keys_for_it]
        return found or []

    def check(self, connection: sqlite3.Connection, store: str, transaction: Transaction) -> None:
        """Signature and authorization; raises redacted errors."""
        if not keys.verify(transaction.key, transaction.signature, transaction.hash):
            raise CantonError("INVALID_TOPOLOGY_TX_SIGNATURE_ERROR", "Transaction signature verification failed")
        if transaction.signer not in self.able(self.authority(connection, store), transaction.element):
            raise unauthorized()

    def check_removal(self, connection: sqlite3.Connection, store: str, transaction: Transaction) -> None:
        """What a removal names must be there, with the same id."""
        if transaction.operation != REMOVE:
            return
        there = self.active(connection, store, transaction.element)
        if not any(row.transaction.element_id == transaction.element_id for row in there):
            raise CantonError(
                "NO_CORRESPONDING_ACTIVE_TX_TO_REVOKE",
                "There is no active topology transaction matching the element of the revocation request",
            )

    # Adding.

    def put(
        self,
        connection: sqlite3.Connection,
        store: str,
        transaction: Transaction,
        sequenced: int,
        effective: int,
        rejection: str | None = None,
    ) -> None:
        """Append a transaction that was checked; a removal ends what it names, new parameters end the old ones."""
        if rejection is None and transaction.operation == REMOVE:
            connection.execute(
                "UPDATE topology_v0 SET valid_until=? WHERE store=? AND mapping=? AND element=? AND op<>1"
                " AND valid_until IS NULL AND rejection IS NULL",
                (effective, store, transaction.element.data, transaction.element_id),
            )
        if rejection is None and transaction.operation == elements.REPLACE:
            connection.execute(
                "UPDATE topology_v0 SET valid_until=? WHERE store=? AND kind=? AND valid_until IS NULL",
                (effective, store, transaction.element.kind),
            )
        connection.execute(
            "INSERT INTO topology_v0 (store, kind, op, element, mapping, version, hash, signer, sequenced, valid_from,"
            " valid_until, signed, rejection) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                store,
                transaction.element.kind,
                transaction.operation,
                transaction.element_id,
                transaction.element.data,
                transaction.version,
                transaction.hash,
                transaction.signer,
                sequenced,
                effective,
                None if rejection is None else effective,
                transaction.data,
                rejection,
            ),
        )

    def drop_orphans(self, connection: sqlite3.Connection, store: str, namespaces: set[str], effective: int) -> None:
        """End what nobody authorises any more after a delegation was removed: a domain's state follows its keys."""
        progress = True
        while progress:
            progress = False
            authority = self.authority(connection, store)
            for row in list(self.heads(connection, store)):
                if namespaces.isdisjoint(elements.namespaces(row.element)):
                    continue
                if row.transaction.signer not in self.able(authority, row.element):
                    connection.execute("UPDATE topology_v0 SET valid_until=? WHERE id=?", (effective, row.row["id"]))
                    progress = True

    def next_time(self, connection: sqlite3.Connection, store: str, now: int) -> int:
        """A time for a new transaction, later than all before it."""
        last = connection.execute("SELECT max(sequenced) FROM topology_v0 WHERE store=?", (store,)).fetchone()[0]
        return max(now, (last or 0) + 1)


def unauthorized() -> CantonError:
    return CantonError("UNAUTHORIZED_TOPOLOGY_TRANSACTION", "Topology transaction is not properly authorized")
