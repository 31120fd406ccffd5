# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a participant writes topology: choice of keys and serials, proposals, its own store and the synchronizers'."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from typing import Any

from sandbox.node.core import Core
from sandbox.node.vault import Vault
from sandbox.state import connections, stores, topology_v30
from sandbox.v30 import authorization, mappings, topology_checks
from sandbox.v30.authorization import Required
from sandbox.v30.dispatcher import Dispatcher
from sandbox.v30.mappings import ADD
from sandbox.v30.topology import Row, TopologyState, Transaction, check_mapping, check_same_mapping, serial_mismatch
from sandbox.v30.topology_checks import FORCE_UNVALIDATED_KEYS
from sandbox.wire import crypto, ids
from sandbox.wire.errors import CantonError, field_not_set, proto_failure

_POLL_SECONDS = 0.01


class TopologyManager:
    """The topology writes of one participant (docs/canton/topology.md#authorize)."""

    def __init__(self, core: Core, vault: Vault, topology: TopologyState, dispatcher: Dispatcher) -> None:
        self._core = core
        self._vault = vault
        self._topology = topology
        self._dispatcher = dispatcher
        self._signed = core.messages.cls("protocol.v30.SignedTopologyTransaction")

    # Stores.

    def store(self, message: Any, write: bool) -> str:
        """The name of the store that a StoreId means; TOPOLOGY_STORE_NOT_FOUND when the node has none such.

        ``write``: a synchronizer must be connected; reading works without.
        """
        which = message.WhichOneof("store")
        if which == "authorized":
            return stores.authorized(self._core.name)
        if which == "temporary":
            return self._temporary(message.temporary.name)
        if which != "synchronizer":
            raise field_not_set("store")
        psid = self._psid(message.synchronizer)
        if write and psid not in self._core.connected().values():
            raise _unknown_store(psid)
        return stores.synchronizer(psid)

    def _psid(self, synchronizer: Any) -> str:
        which = synchronizer.WhichOneof("kind")
        if which is None:
            raise field_not_set("kind")
        value = getattr(synchronizer, which)
        with self._core.db.read() as connection:
            known = connections.known(connection, self._core.name)
        if which == "physical_id":
            if value not in known:
                raise _unknown_store(value)
            return str(value)
        if not ids.is_uid(value):
            raise proto_failure(f"ValueConversionError(id,Invalid unique identifier `{value}`)")
        found = [psid for psid in known if ids.logical(psid) == value]
        if not found:
            name = ids.short(value)
            raise CantonError(
                "TOPOLOGY_STORE_NOT_FOUND", f"No active synchronizer found for {name}.", {"synchronizerId": name}
            )
        return found[-1]

    def _temporary(self, name: str) -> str:
        with self._core.db.read() as connection:
            if name not in topology_v30.temporaries(connection, self._core.name):
                raise _unknown_store(name)
        return stores.temporary(self._core.name, name)

    # Writing.

    def authorize(
        self,
        store: str,
        operation: int,
        mapping: Any,
        serial: int = 0,
        signed_by: Iterable[str] = (),
        full: bool = True,
        force: Iterable[int] = (),
        wait: float = 0,
    ) -> Any:
        """Build a transaction, sign it with own keys and add it; the SignedTopologyTransaction.

        ``full``: it must be sufficiently signed, else it may stay a proposal. ``wait``: seconds to wait until it is in
        effect.
        """
        flags = set(force)
        check_mapping(mapping)
        with self._core.db.read() as connection:
            head = self._topology.head(connection, store, mappings.unique_key(mapping))
            number = _serial(head, operation, mapping, serial, stores.psid_of(store))
            raw = self._topology.build(operation, number, mapping)
            signed = self._signed(transaction=raw, proposal=True)
            transaction = Transaction(signed, raw, crypto.transaction_hash(raw), operation, number, mapping)
            keys = self._choose_keys(connection, store, transaction, signed_by, flags)
            _refuse_repetition(head, transaction, keys, store)
            topology_checks.check(connection, self._core, self._topology, store, operation, mapping, flags)
        self._sign(signed, transaction.hash, keys)
        self._put(store, [signed], full=full, wait=wait)
        signed.proposal = not self._is_full(store, signed, full)
        return signed

    def cosign(
        self,
        store: str,
        transaction_hash: bytes,
        signed_by: Iterable[str],
        full: bool,
        force: Iterable[int],
        wait: float,
    ) -> Any:
        """Add own signatures to a proposal that the store has."""
        with self._core.db.read() as connection:
            found = self._topology.by_hash(connection, store, transaction_hash)
        if found is None:
            raise CantonError(
                "TOPOLOGY_TRANSACTION_NOT_FOUND",
                f"Topology transaction with hash {transaction_hash.hex()} not found",
                {"txHash": transaction_hash.hex()},
            )
        signed = self.sign(store, found.transaction.signed, signed_by, force)
        self._put(store, [signed], full=full, wait=wait)
        signed.proposal = not self._is_full(store, signed, full)
        return signed

    def add(self, store: str, signed: Iterable[Any], force: Iterable[int] = (), wait: float = 0) -> None:
        """Add transactions as they are, in this order; the first that is refused ends the call."""
        batch = list(signed)
        flags = set(force)
        with self._core.db.read() as connection:
            for one in batch:
                transaction = self._topology.parse(one)
                topology_checks.check(
                    connection, self._core, self._topology, store, transaction.operation, transaction.mapping, flags
                )
        # Recorded: with what comes as a proposal the wait is over when it is sequenced, before it is in effect.
        proposals = any(one.proposal for one in batch)
        self._put(store, batch, full=False, wait=wait, effective=not proposals)

    def sign(self, store: str, signed: Any, signed_by: Iterable[str], force: Iterable[int]) -> Any:
        """The transaction with own signatures added; nothing is stored."""
        transaction = self._topology.parse(signed)
        with self._core.db.read() as connection:
            keys = self._choose_keys(connection, store, transaction, signed_by, set(force))
        copy = self._signed()
        copy.CopyFrom(signed)
        have = {signature.signed_by for signature in copy.signatures}
        self._sign(copy, transaction.hash, [key for key in keys if key not in have])
        return copy

    def next_serial(self, store: str, operation: int, mapping: Any, serial: int) -> int:
        """The serial that a new transaction with this mapping would get."""
        with self._core.db.read() as connection:
            head = self._topology.head(connection, store, mappings.unique_key(mapping))
        return _serial(head, operation, mapping, serial, stores.psid_of(store))

    def _sign(self, signed: Any, transaction_hash: bytes, keys: Iterable[str]) -> None:
        for key in keys:
            signed.signatures.append(self._vault.sign(key, transaction_hash))

    # Keys.

    def _choose_keys(
        self,
        connection: sqlite3.Connection,
        store: str,
        transaction: Transaction,
        signed_by: Iterable[str],
        force: set[int],
    ) -> list[str]:
        need = self._topology.required(connection, store, transaction)
        usable = self._usable_keys(connection, store, transaction, need)
        asked = list(dict.fromkeys(signed_by))
        unfit = [key for key in asked if key not in usable]
        if asked and (not unfit or FORCE_UNVALIDATED_KEYS in force):
            return asked
        if asked or not usable:
            raise _no_key(need, unfit)
        return self._most_specific(usable, need)

    def _usable_keys(
        self, connection: sqlite3.Connection, store: str, transaction: Transaction, need: Required
    ) -> dict[str, str]:
        """Own keys that could sign: fingerprint -> the namespace they speak for, empty for proofs of ownership.

        The keys of a namespace come the most specific first.
        """
        known = self._topology.namespaces(connection, store)
        usable: dict[str, str] = {}
        for namespace in need.all_namespaces():
            for owner in known.owners(namespace):
                candidates = known.delegations(owner).keys_for(transaction.code)
                if authorization.is_root_certificate(transaction.operation, transaction.mapping):
                    candidates = [owner]
                for key in candidates:
                    if key not in usable and self._vault.holds(key):
                        usable[key] = owner
        for key in need.keys:
            if key not in usable and self._vault.holds(key):
                usable[key] = ""
        return usable

    @staticmethod
    def _most_specific(usable: dict[str, str], need: Required) -> list[str]:
        chosen: dict[str, str] = {}
        for key, owner in usable.items():
            if owner and owner not in chosen:
                chosen[owner] = key
        return [*dict.fromkeys(chosen.values()), *(key for key in need.keys if usable.get(key) == "")]

    # Putting it where it belongs.

    def _is_full(self, store: str, signed: Any, full: bool) -> bool:
        if full:
            return True
        with self._core.db.read() as connection:
            found = self._topology.by_hash(connection, store, crypto.transaction_hash(signed.transaction))
            if found is not None and not found.row["proposal"]:
                return True
            return self._topology.check(connection, store, signed, full=False)

    def _put(self, store: str, batch: list[Any], full: bool, wait: float, effective: bool = True) -> None:
        psid = stores.psid_of(store)
        if psid is None:
            self._put_locally(store, batch, full)
            return
        self._try(store, batch, full)
        self._dispatcher.submit(psid, batch)
        if wait > 0:
            self._wait(store, batch, wait, effective)

    def _try(self, store: str, batch: list[Any], full: bool) -> None:
        """Raises when the store would refuse one of these; each may depend on those before it."""
        if len(batch) == 1:
            with self._core.db.read() as connection:
                self._topology.check(connection, store, batch[0], full)
            return
        try:
            with self._core.db.write() as connection:
                for signed in batch:
                    self._topology.add(connection, store, signed, ids.now(), ids.now(), full)
                raise _Undo
        except _Undo:
            return

    def _put_locally(self, store: str, batch: list[Any], full: bool) -> None:
        added: list[Row] = []
        with self._core.db.write() as connection:
            for signed in batch:
                now = stores.next_time(connection, topology_v30.TABLE, store)
                row = self._topology.add(connection, store, signed, now, now, full)
                added += [row] if row is not None else []
        if store != stores.authorized(self._core.name):
            return
        fresh = [row.transaction.signed for row in added if not row.row["proposal"]]
        for psid in self._core.connected().values():
            self._dispatcher.push(psid, fresh)
        if fresh:
            self._core.topology_changed()

    def _wait(self, store: str, batch: list[Any], seconds: float, effective: bool) -> None:
        deadline = time.monotonic() + seconds
        while not self._arrived(store, batch, effective):
            if time.monotonic() > deadline:
                raise CantonError(
                    "REQUEST_TIME_OUT", "The topology change did not become effective within the given time"
                )
            time.sleep(_POLL_SECONDS)

    def _arrived(self, store: str, batch: list[Any], effective: bool) -> bool:
        """Whether all are there, or in effect, with all their signatures: a proposal can be there before with some."""
        with self._core.db.read() as connection:
            for signed in batch:
                row = self._topology.by_hash(connection, store, crypto.transaction_hash(signed.transaction))
                if row is None or (effective and row.row["valid_from"] > ids.now()):
                    return False
                if not {signature.signed_by for signature in signed.signatures} <= set(row.signers):
                    return False
        return True


class _Undo(Exception):
    """Rolls a trial back."""


def _unknown_store(name: str) -> CantonError:
    shown = ids.short(name)
    return CantonError("TOPOLOGY_STORE_NOT_FOUND", f"Topology store '{shown}' is not known.", {"storeId": shown})


def _no_key(need: Required, unusable: list[str]) -> CantonError:
    return CantonError(
        "TOPOLOGY_NO_APPROPRIATE_SIGNING_KEY_IN_STORE",
        "Could not find an appropriate signing key to issue the topology transaction",
        {"required": need.text(), "unusable": f"List({', '.join(map(ids.short, unusable))})"},
    )


def _serial(head: Row | None, operation: int, mapping: Any, asked: int, psid: str | None) -> int:
    """The serial of a new transaction, or that of the identical one in force (docs/canton/topology.md#serials)."""
    if head is None:
        if operation != ADD:
            raise CantonError(
                "TOPOLOGY_NO_CORRESPONDING_ACTIVE_TX_TO_REVOKE",
                "There is no active topology transaction matching the mapping of the revocation request",
                {"mapping": mappings.text(mapping)},
            )
        if asked not in (0, 1):
            raise serial_mismatch(asked, 1)
        return 1
    current = head.transaction.serial
    if head.transaction.operation == operation and head.mapping == mapping:
        if asked not in (0, current):
            raise _already_exists(mapping, [], psid)
        return current
    if operation != ADD:
        check_same_mapping(mapping, head.mapping, psid)
    if asked not in (0, current + 1):
        raise serial_mismatch(asked, current + 1)
    return current + 1


def _already_exists(mapping: Any, keys: list[str], psid: str | None) -> CantonError:
    return CantonError(
        "TOPOLOGY_MAPPING_ALREADY_EXISTS",
        "A matching topology mapping authorized with the same keys already exists in this state",
        {
            "existing": mappings.text(mapping),
            "keys": f"Set({', '.join(map(ids.short, keys))})",
            **({"psid": ids.short(psid)} if psid else {}),
        },
    )


def _refuse_repetition(head: Row | None, transaction: Transaction, keys: list[str], store: str) -> None:
    if head is None or head.transaction.serial != transaction.serial:
        return
    if set(keys) <= set(head.signers):
        raise _already_exists(transaction.mapping, keys, stores.psid_of(store))
