# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The topology stores: one of each participant ("authorized"), one of each synchronizer, temporary ones.

Names and rows of stores are those of ``sandbox.state.stores`` and ``sandbox.state.topology_v30``.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from sandbox.state import stores, topology_v30
from sandbox.state.topology_v30 import Query
from sandbox.v30 import authorization, mappings
from sandbox.v30.authorization import Delegations, Namespaces, Required
from sandbox.v30.mappings import ADD, DND, NSD, REMOVE
from sandbox.wire import crypto, ids
from sandbox.wire.definitions import Messages
from sandbox.wire.errors import CantonError, proto_failure


@dataclass(frozen=True)
class Transaction:
    """A signed transaction taken apart. ``raw`` is the wrapped transaction as it came: what was hashed and signed."""

    signed: Any
    raw: bytes
    hash: bytes
    operation: int
    serial: int
    mapping: Any

    @property
    def code(self) -> int:
        return mappings.code(self.mapping)

    @functools.cached_property
    def key(self) -> str:
        return mappings.unique_key(self.mapping)


@dataclass(frozen=True)
class Row:
    """A transaction as it stands in a store; times in microseconds."""

    row: sqlite3.Row
    transaction: Transaction

    @property
    def mapping(self) -> Any:
        return self.transaction.mapping

    @property
    def item(self) -> Any:
        return mappings.item(self.transaction.mapping)

    @property
    def signers(self) -> list[str]:
        return str(self.row["signers"]).split()


class TopologyState:
    """All topology stores of the network."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        self._signed = messages.cls("protocol.v30.SignedTopologyTransaction")
        self._transaction = messages.cls("protocol.v30.TopologyTransaction")
        self._parse_signed = functools.lru_cache(maxsize=20_000)(self._parse_signed_now)

    # Building and reading transactions.

    def build(self, operation: int, serial: int, mapping: Any) -> bytes:
        """The wrapped bytes of a new transaction."""
        transaction = self._transaction(operation=operation, serial=serial, mapping=mapping)
        return self.messages.wrap(transaction.SerializeToString(deterministic=True))

    def parse(self, signed: Any) -> Transaction:
        """Take a SignedTopologyTransaction apart; PROTO_DESERIALIZATION_FAILURE when it is none."""
        try:
            inner = self._transaction.FromString(self.messages.unwrap(signed.transaction))
        except DecodeError:
            raise proto_failure(
                "BufferException(com.google.protobuf.InvalidProtocolBufferException: While parsing a protocol message,"
                " the input ended unexpectedly in the middle of a field.  This could mean either that the input has"
                " been truncated or that an embedded message misreported its own length.)"
            ) from None
        check_mapping(inner.mapping)
        if not signed.signatures and not signed.multi_transaction_signatures:
            raise proto_failure("InvariantViolation(Some(signatures),At least one signature must be provided)")
        raw = bytes(signed.transaction)
        return Transaction(signed, raw, crypto.transaction_hash(raw), inner.operation, inner.serial, inner.mapping)

    def _parse_signed_now(self, data: bytes) -> Transaction:
        return self.parse(self._signed.FromString(data))

    def _row(self, row: sqlite3.Row) -> Row:
        return Row(row, self._parse_signed(row["signed"]))

    # Looking things up. Head means: the newest that is no proposal, in effect or about to be.

    def head(self, connection: sqlite3.Connection, store: str, key: str) -> Row | None:
        """The newest full transaction of this unique key, additions and removals alike."""
        row = topology_v30.head(connection, store, key)
        return self._row(row) if row else None

    def by_hash(self, connection: sqlite3.Connection, store: str, transaction_hash: bytes) -> Row | None:
        """The newest row with this transaction that was not rejected."""
        row = topology_v30.by_hash(connection, store, transaction_hash)
        return self._row(row) if row else None

    def heads(self, connection: sqlite3.Connection, store: str, code: int, namespace: str = "") -> Iterator[Row]:
        """All additions of a kind that are in force or about to be."""
        return map(self._row, topology_v30.heads(connection, store, code, namespace))

    def namespaces(self, connection: sqlite3.Connection, store: str) -> Namespaces:
        """What the store knows about who may sign for whom."""

        @functools.cache
        def delegations(namespace: str) -> Delegations:
            rows = self.heads(connection, store, NSD, namespace)
            return Delegations(namespace, ((row.item, row.signers) for row in rows))

        @functools.cache
        def decentralized(namespace: str) -> Any | None:
            found = next(self.heads(connection, store, DND, namespace), None)
            return found.item if found else None

        return Namespaces(delegations, decentralized)

    def required(self, connection: sqlite3.Connection, store: str, transaction: Transaction) -> Required:
        """Who must sign this transaction, given what is in force."""
        head = self.head(connection, store, transaction.key)
        in_force = head is not None and head.transaction.operation == ADD and head.transaction.hash != transaction.hash
        previous = head.mapping if head is not None and in_force else None
        return authorization.required(transaction.operation, transaction.mapping, previous)

    def query(self, connection: sqlite3.Connection, query: Query) -> Iterator[Row]:
        """Rows in the order in which they came, store after store."""
        return map(self._row, topology_v30.listed(connection, query))

    def by_id(self, connection: sqlite3.Connection, row_id: int) -> Row:
        """The row of this number, which is there."""
        return self._row(topology_v30.by_id(connection, row_id))

    # Adding.

    def add(
        self, connection: sqlite3.Connection, store: str, signed: Any, sequenced: int, effective: int, full: bool
    ) -> Row | None:
        """Check a transaction and put it into the store; ``None`` when it brought nothing new.

        ``full``: insufficient signatures are an error; otherwise a transaction marked as a proposal is kept as one.
        """
        transaction = self.parse(signed)
        known = self.by_hash(connection, store, transaction.hash)
        merged = _merge(known, transaction) if known else transaction
        if known and merged is None:
            return None
        assert merged is not None
        if known is None or known.row["proposal"]:
            self._check_serial(connection, store, merged)
            self._check_revoked(connection, store, merged)
        complete, signers = self._check_signatures(connection, store, merged, full)
        complete = complete or (known is not None and not known.row["proposal"])
        return self._insert(connection, store, merged, complete, signers, sequenced, effective, known)

    def check(self, connection: sqlite3.Connection, store: str, signed: Any, full: bool) -> bool:
        """Whether ``add`` would take it as a full transaction; raises what ``add`` would raise, but stores nothing."""
        transaction = self.parse(signed)
        known = self.by_hash(connection, store, transaction.hash)
        merged = _merge(known, transaction) if known else transaction
        if merged is None:
            return True
        if known is None or known.row["proposal"]:
            self._check_serial(connection, store, merged)
        return self._check_signatures(connection, store, merged, full)[0]

    def reject(self, connection: sqlite3.Connection, store: str, signed: Any, sequenced: int, reason: str) -> None:
        """Remember that a synchronizer refused this transaction; nobody is told."""
        transaction = self.parse(signed)
        signers = {signature.signed_by for signature in signed.signatures}
        self._write(connection, store, transaction, False, signers, (sequenced, sequenced, sequenced), reason)

    def _check_serial(self, connection: sqlite3.Connection, store: str, transaction: Transaction) -> None:
        head = self.head(connection, store, transaction.key)
        if head is None and not transaction.signed.proposal:
            # What comes from another node may begin later; only a proposal has to begin at the beginning.
            return
        expected = head.transaction.serial + 1 if head else 1
        if transaction.serial != expected:
            raise serial_mismatch(transaction.serial, expected)
        if transaction.operation != REMOVE:
            return
        if head is None or head.transaction.operation == REMOVE:
            raise CantonError(
                "TOPOLOGY_NO_CORRESPONDING_ACTIVE_TX_TO_REVOKE",
                "There is no active topology transaction matching the mapping of the revocation request",
                {"mapping": mappings.text(transaction.mapping)},
            )
        check_same_mapping(transaction.mapping, head.mapping, stores.psid_of(store))

    def _check_revoked(self, connection: sqlite3.Connection, store: str, transaction: Transaction) -> None:
        """On a synchronizer a delegation that was removed is over for good (docs/canton/topology.md#removed-delegations-never-return)."""
        if transaction.code != NSD or transaction.operation != ADD or stores.psid_of(store) is None:
            return
        if not self.messages.release.revocation_is_final:
            return
        head = self.head(connection, store, transaction.key)
        if head and head.transaction.operation == REMOVE:
            raise CantonError(
                "TOPOLOGY_NAMESPACE_HAS_BEEN_REVOKED",
                f"The namespace delegation {ids.short(transaction.key)} has been revoked",
            )

    def _check_signatures(
        self, connection: sqlite3.Connection, store: str, transaction: Transaction, full: bool
    ) -> tuple[bool, set[str]]:
        need = self.required(connection, store, transaction)
        known = self.namespaces(connection, store)
        operation, mapping = transaction.operation, transaction.mapping
        signers = authorization.verify_signatures(transaction.signed, transaction.hash, operation, mapping, need, known)
        complete = authorization.satisfied(operation, mapping, need, known, signers)
        if not complete and (full or not transaction.signed.proposal):
            raise CantonError("TOPOLOGY_UNAUTHORIZED_TRANSACTION", f"not sufficiently signed: {need.text()}")
        return complete, signers

    def _insert(
        self,
        connection: sqlite3.Connection,
        store: str,
        transaction: Transaction,
        complete: bool,
        signers: set[str],
        sequenced: int,
        effective: int,
        known: Row | None,
    ) -> Row:
        if known is not None:
            topology_v30.end(connection, known.row["id"], effective)
        if complete:
            topology_v30.supersede(connection, store, transaction.key, transaction.serial, effective)
        row = self._write(connection, store, transaction, complete, signers, (sequenced, effective, None), None)
        return self.by_id(connection, row)

    def _write(
        self,
        connection: sqlite3.Connection,
        store: str,
        transaction: Transaction,
        complete: bool,
        signers: Iterable[str],
        times: tuple[int, int, int | None],
        rejection: str | None,
    ) -> int:
        signed = self._signed()
        signed.CopyFrom(transaction.signed)
        signed.proposal = not complete
        mapping = transaction.mapping
        order = [signature.signed_by for signature in signed.signatures]
        listed = [key for key in dict.fromkeys(order) if key in signers] + sorted(set(signers) - set(order))
        sequenced, valid_from, valid_until = times
        return topology_v30.insert(
            connection,
            store=store,
            code=transaction.code,
            op=transaction.operation,
            serial=transaction.serial,
            key=transaction.key,
            namespace=mappings.namespace(mapping),
            subject=mappings.subject(mapping),
            hash=transaction.hash,
            proposal=int(not complete),
            sequenced=sequenced,
            valid_from=valid_from,
            valid_until=valid_until,
            signers=" ".join(listed),
            signed=signed.SerializeToString(deterministic=True),
            rejection=rejection,
        )


def check_mapping(mapping: Any) -> None:
    """What a mapping must hold to be one at all; PROTO_DESERIALIZATION_FAILURE otherwise (docs/canton/topology.md#invalid-mappings)."""
    if not mappings.kind(mapping):
        raise proto_failure("FieldNotSet(mapping)")
    if mappings.code(mapping) != NSD:
        return
    delegation = mapping.namespace_delegation
    if not delegation.HasField("target_key"):
        raise proto_failure("FieldNotSet(target_key)")
    if delegation.target_key.usage and mappings.NAMESPACE_USAGE not in delegation.target_key.usage:
        raise proto_failure("InvariantViolation(Some(target_key),The key of a delegation must have usage namespace)")
    if delegation.is_root_delegation and delegation.WhichOneof("restriction"):
        raise proto_failure("InvariantViolation(Some(restriction),Root delegation flag together with a restriction)")
    if mappings.is_root(delegation) and not mappings.may_sign(delegation, NSD):
        raise proto_failure("InvariantViolation(Some(restriction),Root certificates must be able to sign delegations)")


def check_same_mapping(actual: Any, expected: Any, psid: str | None) -> None:
    """A removal repeats the mapping that it removes."""
    if actual == expected:
        return
    texts = {"actual": mappings.text(actual), "expected": mappings.text(expected)}
    raise CantonError(
        "TOPOLOGY_REMOVE_MUST_NOT_CHANGE_MAPPING",
        f"REMOVE must not change the topology mapping:\nactual: {texts['actual']}\nexpected: {texts['expected']}",
        {**texts, **({"psid": ids.short(psid)} if psid else {})},
    )


def serial_mismatch(actual: int, expected: int) -> CantonError:
    return CantonError(
        "TOPOLOGY_SERIAL_MISMATCH",
        f"The given serial {actual} does not match the expected serial {expected}",
        {"actual": str(actual), "expected": str(expected)},
    )


def _signer_ids(signed: Any) -> set[str]:
    several = (one for group in signed.multi_transaction_signatures for one in group.signatures)
    return {signature.signed_by for signature in (*signed.signatures, *several)}


def _merge(known: Row, transaction: Transaction) -> Transaction | None:
    """The known transaction with the signatures of the new copy; ``None`` when there are no new ones
    (docs/canton/topology.md#signatures-on-transactions)."""
    have = set(known.signers)
    if _signer_ids(transaction.signed) <= have or known.row["valid_until"] is not None:
        return None
    merged = type(transaction.signed)()
    merged.CopyFrom(known.transaction.signed)
    merged.signatures.extend(one for one in transaction.signed.signatures if one.signed_by not in have)
    merged.multi_transaction_signatures.extend(transaction.signed.multi_transaction_signatures)
    # Signatures that are still missing leave it a proposal, and do no harm to what is in force already.
    merged.proposal = True
    return Transaction(
        merged, transaction.raw, transaction.hash, transaction.operation, transaction.serial, transaction.mapping
    )
