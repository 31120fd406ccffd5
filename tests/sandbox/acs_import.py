# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One import of a snapshot: what streams in is checked and staged, and becomes active afterwards.

3.5 imports for one synchronizer, all at once or not at all. 3.4 imports for every synchronizer of the snapshot, batch by
batch: what was in effect before a refusal stays (docs/canton/contracts.md#all-or-nothing, docs/canton/canton-3-4.md#import-in-batches).
"""

from __future__ import annotations

import sqlite3
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

from google.protobuf.message import DecodeError

from sandbox import contracts, package_store
from sandbox.contracts import Addition, BlobError, Contract

if TYPE_CHECKING:
    from sandbox.node import Node

ACCEPT = 1
RECOMPUTATION = 3  # 3.4 only
# Contracts are taken in batches; within each, one transaction for each create time
# (docs/canton/contracts.md#batches-and-offsets).
_BATCH = 1000


class ImportRefused(Exception):
    """Why an import fails; `unreadable` when the snapshot itself is not understood."""

    def __init__(self, text: str, unreadable: bool = False) -> None:
        super().__init__(text)
        self.unreadable = unreadable


class Staging(ABC):
    """Contracts on their way in. Use as a context: they lie in a temporary database that goes away with it."""

    def __init__(self, node: Node, workflow_id_prefix: str) -> None:
        self._node = node
        self._prefix = workflow_id_prefix or f"import-{uuid.uuid4()}"

    def __enter__(self) -> Self:
        self._staged = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._staged.execute("PRAGMA journal_mode=OFF")
        self._staged.execute(
            "CREATE TABLE staged (synchronizer_id TEXT, contract_id BLOB, representative TEXT, blob BLOB, "
            "UNIQUE (synchronizer_id, contract_id))"
        )
        self._staged.execute("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self._staged.close()

    @abstractmethod
    def take(self, record: bytes) -> None:
        """Check and stage one record. Raises ImportRefused."""

    def _stage(self, synchronizer_id: str, contract: Contract, representative: str) -> None:
        self._staged.execute(
            "INSERT OR IGNORE INTO staged VALUES (?, ?, ?, ?)",
            (synchronizer_id, contract.contract_id, representative, contract.blob),
        )

    def commit_batches(self, check: Callable[[sqlite3.Connection, str], None]) -> None:
        """Activate what was staged and is not active already, for all synchronizers of the snapshot: each batch in a
        transaction of its own, once `check` has seen the synchronizer's id. Raises ImportRefused and what `check`
        raises."""
        rows = self._staged.execute("SELECT synchronizer_id FROM staged GROUP BY synchronizer_id ORDER BY min(rowid)")
        for (synchronizer_id,) in rows.fetchall():
            for batch in self._batches(synchronizer_id):
                with self._node.db.write() as db:
                    check(db, synchronizer_id)
                    new = self._new(db, synchronizer_id, batch)
                    contracts.add(db, self._node.name, self._numbered(synchronizer_id, new))

    def _numbered(self, synchronizer_id: str, new: list[tuple[Contract, str]]) -> Iterator[Addition]:
        """Workflow ids that say which create time of how many of the batch."""
        times = {created_at: i for i, created_at in enumerate(dict.fromkeys(c.created_at for c, _unused in new), 1)}
        for contract, representative in new:
            workflow_id = f"{self._prefix}-{times[contract.created_at]}-{len(times)}"
            yield Addition(contract, synchronizer_id, representative, workflow_id)

    def _batches(self, synchronizer_id: str) -> Iterator[list[tuple[Contract, str]]]:
        rows = self._staged.execute(
            "SELECT representative, blob FROM staged WHERE synchronizer_id = ? ORDER BY rowid", (synchronizer_id,)
        )
        while batch := rows.fetchmany(int(self._node.knob("import_batch_contracts") or _BATCH)):
            yield [(contracts.parse_blob(blob), representative) for representative, blob in batch]

    def _new(
        self, db: sqlite3.Connection, synchronizer_id: str, batch: list[tuple[Contract, str]]
    ) -> list[tuple[Contract, str]]:
        fresh = [each for each in batch if self._is_new(db, synchronizer_id, each[0])]
        return sorted(fresh, key=lambda each: each[0].created_at)

    def _is_new(self, db: sqlite3.Connection, synchronizer_id: str, contract: Contract) -> bool:
        found = contracts.status(db, self._node.name, contract.contract_id)
        if found is None:
            return True
        state, blob, present_on = found
        text_id = f"ContractId({contract.contract_id.hex()})"
        if state == "archived":
            raise ImportRefused(
                f"Cannot add previously archived contract {text_id} as archived contracts cannot become active."
            )
        if blob != contract.blob:
            raise ImportRefused(f"Contract {text_id} exists in participant contract store, but differs from this one")
        if state == "active" and present_on != synchronizer_id:
            raise ImportRefused(f"Contract {text_id} is active on synchronizer {present_on}")
        return state == "purged"


class AcsImport(Staging):
    """The import of Canton 3.

    `arguments` is the first ImportAcsRequest or ImportPartyAcsRequest. `recomputed` maps contract ids to those that the
    import replaced them by (hex).
    """

    def __init__(self, node: Node, arguments: Any) -> None:
        super().__init__(node, arguments.workflow_id_prefix)
        # Empty on 3.4, whose requests have no such field: contracts of all synchronizers.
        self._synchronizer_id = getattr(arguments, "synchronizer_id", "")
        self._mode = arguments.contract_import_mode
        self._excluded = frozenset(getattr(arguments, "excluded_stakeholder_ids", ()))
        self._override = arguments.representative_package_id_override
        self._record = node.messages.cls("admin.participant.v30.ActiveContract")
        self._entry = node.messages.cls("v2.ActiveContract")
        self._packages = self._known_packages()
        self.recomputed: dict[str, str] = {}

    def _known_packages(self) -> dict[str, tuple[str, str]]:
        """package id -> (name, version)"""
        with self._node.db.read() as db:
            return {p.package_id: (p.name, p.version) for p in package_store.packages(db, self._node.name)}

    # --- one record

    def take(self, record: bytes) -> None:
        """Check and stage one record. Contracts of another synchronizer are left out without a word, and so are those
        of excluded stakeholders. Raises ImportRefused."""
        try:
            wrapped = self._record.FromString(self._node.messages.unwrap(record))
            entry = self._entry.FromString(wrapped.active_contract)
        except DecodeError as error:
            raise ImportRefused(f"BufferException({error})", unreadable=True) from error
        if self._synchronizer_id and entry.synchronizer_id != self._synchronizer_id:
            return
        contract = self._contract(entry)
        if not self._excluded.isdisjoint(contract.stakeholders):
            return
        if entry.reassignment_counter:
            raise ImportRefused(
                f"Contract with id {contract.contract_id.hex()} has a non-zero reassignment counter "
                f"{entry.reassignment_counter} and cannot be imported"
            )
        representative = self._representative(contract, entry.created_event.representative_package_id)
        if self._mode != ACCEPT and not contracts.is_authentic(contract):
            contract = self._recomputed(contract)
        self._stage(entry.synchronizer_id, contract, representative)

    def _recomputed(self, contract: Contract) -> Contract:
        if self._mode != RECOMPUTATION:
            raise ImportRefused(
                f"Failed to authenticate contract with id {contract.contract_id.hex()}: contract id does not match"
            )
        renamed = contracts.with_own_id(contract)
        self.recomputed[contract.contract_id.hex()] = renamed.contract_id.hex()
        return renamed

    def _contract(self, entry: Any) -> Contract:
        if not entry.HasField("created_event"):
            raise ImportRefused("Create node in ActiveContract should not be empty", unreadable=True)
        try:
            return contracts.parse_blob(entry.created_event.created_event_blob)
        except BlobError as error:
            raise ImportRefused(f"Unable to decode contract event payload: {error}", unreadable=True) from error

    def _representative(self, contract: Contract, exported: str) -> str:
        """The first of the candidates that is in the package store (docs/canton/contracts.md#representative-package)."""
        exported = exported or contract.package_id
        chosen = next((one for one in self._candidates(contract, exported) if one in self._packages), None)
        if chosen is None:
            raise ImportRefused(
                f"Could not select a representative package-id for contract with id {contract.contract_id.hex()}. "
                f"No package in store for the contract's package-name '{contract.package_name}'."
            )
        if self._mode == ACCEPT and chosen != exported:
            raise ImportRefused(
                f"Contract import mode is 'Accept' but the selected representative package-id {chosen} for contract "
                f"with id {contract.contract_id.hex()} differs from the exported representative package-id {exported}. "
                "Please use contract import mode 'Validation'."
            )
        return chosen

    def _candidates(self, contract: Contract, exported: str) -> Iterator[str]:
        by_package = self._override.package_id_override
        yield self._override.contract_override.get(contract.contract_id.hex(), "")
        yield by_package.get(exported, "")
        yield by_package.get(contract.package_id, "")
        yield exported
        yield contract.package_id
        yield self._override.package_name_override.get(contract.package_name, "")
        yield self._highest_version(contract.package_name)

    def _highest_version(self, name: str) -> str:
        found = [(_version_key(version), pid) for pid, (known, version) in self._packages.items() if known == name]
        return max(found)[1] if found else ""

    # --- all of it

    def commit(self, db: sqlite3.Connection) -> None:
        """Activate what was staged for the one synchronizer and is not active already. Raises ImportRefused."""
        contracts.add(db, self._node.name, self._additions(db))

    def _additions(self, db: sqlite3.Connection) -> Iterator[Addition]:
        transaction, last = 0, None
        for batch in self._batches(self._synchronizer_id):
            for contract, representative in self._new(db, self._synchronizer_id, batch):
                if contract.created_at != last:
                    transaction += 1
                    last = contract.created_at
                yield Addition(contract, self._synchronizer_id, representative, f"{self._prefix}-{transaction}")


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else -1 for part in version.split("."))
