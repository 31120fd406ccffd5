# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The topology stores of Canton 2: one of each participant ("Authorized") and one of each domain
(docs/canton/canton-2.md#everything-goes-into-the-authorized-store, docs/canton/canton-2.md#topology-elements).

There are no serials and no proposals: a transaction adds or removes one element with an id of its own, is signed by one
key and stands for itself. Everything that ever arrived stays as a row; ``valid_until`` says what is over, ``rejection``
what a domain refused. Stores are named as in ``sandbox.state.stores``.
"""

from __future__ import annotations

import functools
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from sandbox.node.vault import Vault
from sandbox.state import topology_v0
from sandbox.v0 import elements, keys, protocol
from sandbox.v0.elements import IDD, NSD, PARAMETERS, REMOVE, Element, Need
from sandbox.wire import crypto
from sandbox.wire.definitions import Messages
from sandbox.wire.errors import CantonError, proto_failure


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
        for row in self.active(connection, store, transaction.element):
            if (row.row["element"], row.row["version"]) == (transaction.element_id, wanted):
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

    def active(self, connection: sqlite3.Connection, store: str, element: Element) -> list[Row]:
        """The additions of this very mapping that are in force or about to be."""
        return list(map(self._row, topology_v0.active(connection, store, element.data)))

    def heads(self, connection: sqlite3.Connection, store: str, kind: str = "") -> Iterator[Row]:
        """All additions, of a kind or all, that are in force or about to be."""
        return map(self._row, topology_v0.heads(connection, store, kind))

    def effective(self, connection: sqlite3.Connection, store: str, kind: str, at: int) -> Iterator[Row]:
        """All additions of a kind that are in force at a time."""
        return map(self._row, topology_v0.effective(connection, store, kind, at))

    def all_rows(self, connection: sqlite3.Connection, store: str) -> Iterator[Row]:
        """Whatever was accepted, in its order."""
        return map(self._row, topology_v0.accepted(connection, store))

    def seen(self, connection: sqlite3.Connection, store: str, transaction: Transaction) -> bool:
        """Whether the store ever got this transaction with this key, rejected or not."""
        return topology_v0.seen(connection, store, transaction.hash, transaction.signer)

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
        element = transaction.element
        if rejection is None and transaction.operation == REMOVE:
            topology_v0.end_element(connection, store, element.data, transaction.element_id, effective)
        if rejection is None and transaction.operation == elements.REPLACE:
            topology_v0.end_kind(connection, store, element.kind, effective)
        topology_v0.insert(
            connection,
            store=store,
            kind=element.kind,
            op=transaction.operation,
            element=transaction.element_id,
            mapping=element.data,
            version=transaction.version,
            hash=transaction.hash,
            signer=transaction.signer,
            sequenced=sequenced,
            valid_from=effective,
            valid_until=None if rejection is None else effective,
            signed=transaction.data,
            rejection=rejection,
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
                    topology_v0.end(connection, row.row["id"], effective)
                    progress = True


def unauthorized() -> CantonError:
    return CantonError("UNAUTHORIZED_TOPOLOGY_TRANSACTION", "Topology transaction is not properly authorized")
