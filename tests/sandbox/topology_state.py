# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The topology stores: one of each participant ("authorized"), one of each synchronizer, temporary ones.

A store is named ``authorized:<node>``, ``synchronizer:<psid>`` or ``temporary:<node>:<name>``. Everything that ever
arrived stays as a row; ``valid_until`` says what is over, ``rejection`` what a synchronizer refused.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError

from sandbox import authorization, crypto, ids, mappings
from sandbox.authorization import Delegations, Namespaces, Required
from sandbox.errors import CantonError, proto_failure
from sandbox.mappings import ADD, DND, NSD, REMOVE
from sandbox.wire import Messages

SCHEMA = """
CREATE TABLE IF NOT EXISTS topology (
  id INTEGER PRIMARY KEY, store TEXT NOT NULL, code INTEGER NOT NULL, op INTEGER NOT NULL, serial INTEGER NOT NULL,
  key TEXT NOT NULL, namespace TEXT NOT NULL, subject TEXT NOT NULL, hash BLOB NOT NULL, proposal INTEGER NOT NULL,
  sequenced INTEGER NOT NULL, valid_from INTEGER NOT NULL, valid_until INTEGER, signers TEXT NOT NULL,
  signed BLOB NOT NULL, rejection TEXT
);
CREATE INDEX IF NOT EXISTS topology_key ON topology (store, key, valid_until);
CREATE INDEX IF NOT EXISTS topology_code ON topology (store, code, namespace, valid_until);
CREATE INDEX IF NOT EXISTS topology_hash ON topology (store, hash);
CREATE TABLE IF NOT EXISTS temporary_stores (node TEXT, name TEXT, PRIMARY KEY (node, name));
"""

# A change takes effect this long after its sequencing time (docs/canton/topology.md#effect-after-a-delay).
EPSILON = 250_000


def authorized(node: str) -> str:
    return f"authorized:{node}"


def synchronizer(psid: str) -> str:
    return f"synchronizer:{psid}"


def temporary(node: str, name: str) -> str:
    return f"temporary:{node}:{name}"


def psid_of(store: str) -> str | None:
    """The physical id when the store is a synchronizer's."""
    kind, _unused, rest = store.partition(":")
    return rest if kind == "synchronizer" else None


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


@dataclass(frozen=True)
class Query:
    """Which rows to list; ``at`` in microseconds, ``None`` = whatever time. ``codes`` empty = all.

    ``seen``: of these synchronizers (by psid) only what was sequenced until that time is known (``connections.views``).
    """

    stores: list[str]
    codes: frozenset[int] = frozenset()
    proposals: bool = False
    operation: int = 0
    at: int | None = None
    between: tuple[int, int] | None = None
    namespace: str = ""
    signed_key: str = ""
    seen: Mapping[str, int] = field(default_factory=dict)


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
        row = connection.execute(
            "SELECT * FROM topology WHERE store=? AND key=? AND valid_until IS NULL AND NOT proposal"
            " AND rejection IS NULL ORDER BY serial DESC, id DESC LIMIT 1",
            (store, key),
        ).fetchone()
        return self._row(row) if row else None

    def by_hash(self, connection: sqlite3.Connection, store: str, transaction_hash: bytes) -> Row | None:
        """The newest row with this transaction that was not rejected."""
        row = connection.execute(
            "SELECT * FROM topology WHERE store=? AND hash=? AND rejection IS NULL ORDER BY id DESC LIMIT 1",
            (store, transaction_hash),
        ).fetchone()
        return self._row(row) if row else None

    def heads(self, connection: sqlite3.Connection, store: str, code: int, namespace: str = "") -> Iterator[Row]:
        """All additions of a kind that are in force or about to be."""
        more, values = (" AND namespace=?", [namespace]) if namespace else ("", [])
        rows = connection.execute(
            "SELECT * FROM topology WHERE store=? AND code=? AND valid_until IS NULL AND NOT proposal AND op=1"
            f" AND rejection IS NULL{more} ORDER BY id",
            [store, code, *values],
        )
        for row in rows.fetchall():
            yield self._row(row)

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
        for store in query.stores:
            where, values = _where(store, query)
            table = _table(query.seen.get(psid_of(store) or ""))
            for row in connection.execute(f"SELECT * FROM {table} WHERE {where} ORDER BY id", values).fetchall():
                yield self._row(row)

    def by_id(self, connection: sqlite3.Connection, row_id: int) -> Row:
        """The row of this number, which is there."""
        return self._row(connection.execute("SELECT * FROM topology WHERE id=?", (row_id,)).fetchone())

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
        check_same_mapping(transaction.mapping, head.mapping, psid_of(store))

    def _check_revoked(self, connection: sqlite3.Connection, store: str, transaction: Transaction) -> None:
        """On a synchronizer a delegation that was removed is over for good (docs/canton/topology.md#removed-delegations-never-return)."""
        if transaction.code != NSD or transaction.operation != ADD or psid_of(store) is None:
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
            connection.execute("UPDATE topology SET valid_until=? WHERE id=?", (effective, known.row["id"]))
        if complete:
            connection.execute(
                "UPDATE topology SET valid_until=? WHERE store=? AND key=? AND valid_until IS NULL"
                " AND rejection IS NULL AND (NOT proposal OR serial<=?)",
                (effective, store, transaction.key, transaction.serial),
            )
        row = self._write(connection, store, transaction, complete, signers, (sequenced, effective, None), None)
        found = connection.execute("SELECT * FROM topology WHERE id=?", (row,)).fetchone()
        return self._row(found)

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
        cursor = connection.execute(
            "INSERT INTO topology (store, code, op, serial, key, namespace, subject, hash, proposal, sequenced,"
            " valid_from, valid_until, signers, signed, rejection) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                store,
                transaction.code,
                transaction.operation,
                transaction.serial,
                transaction.key,
                mappings.namespace(mapping),
                mappings.subject(mapping),
                transaction.hash,
                int(not complete),
                *times,
                " ".join(listed),
                signed.SerializeToString(deterministic=True),
                rejection,
            ),
        )
        return int(cursor.lastrowid or 0)


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


_COLUMNS = "id, store, code, op, serial, key, namespace, subject, hash, proposal, sequenced, valid_from, signers, signed, rejection"


def _table(seen: int | None) -> str:
    """The table as one sees it who knows nothing that was sequenced after a time: neither a change nor the end that it
    put to what was before."""
    if seen is None:
        return "topology"
    ends = f"CASE WHEN valid_until > {seen + EPSILON} THEN NULL ELSE valid_until END AS valid_until"
    return f"(SELECT {_COLUMNS}, {ends} FROM topology WHERE sequenced <= {seen})"


def _where(store: str, query: Query) -> tuple[str, list[Any]]:
    where = ["store=?", "rejection IS NULL", "proposal=?"]
    values: list[Any] = [store, int(query.proposals)]
    if query.codes:
        where.append(f"code IN ({','.join('?' * len(query.codes))})")
        values += sorted(query.codes)
    if query.operation:
        where.append("op=?")
        values.append(query.operation)
    if query.at is not None:
        where.append("valid_from<=? AND (valid_until IS NULL OR valid_until>?)")
        values += [query.at, query.at]
    if query.between is not None:
        where.append("valid_from>=? AND valid_from<=?")
        values += list(query.between)
    if query.namespace:
        where.append("namespace LIKE ? || '%'")
        values.append(query.namespace)
    if query.signed_key:
        where.append("(' ' || signers) LIKE '% ' || ? || '%'")
        values.append(query.signed_key)
    return " AND ".join(where), values
