# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The import of contracts of Canton 3 (docs/canton/contracts.md#import)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError

from sandbox.daml import contracts
from sandbox.daml.contracts import BlobError, Contract
from sandbox.node import acs_import
from sandbox.node.acs_import import ImportRefused
from sandbox.node.core import Core
from sandbox.state import ledger, package_store
from sandbox.state.ledger import Addition

ACCEPT = 1
RECOMPUTATION = 3  # 3.4 only


class AcsImport(acs_import.AcsImport):
    """The import of Canton 3.

    `arguments` is the first ImportAcsRequest or ImportPartyAcsRequest. `recomputed` maps contract ids to those that the
    import replaced them by (hex).
    """

    def __init__(self, core: Core, arguments: Any) -> None:
        super().__init__(core, arguments.workflow_id_prefix)
        # Empty on 3.4, whose requests have no such field: contracts of all synchronizers.
        self._synchronizer_id = getattr(arguments, "synchronizer_id", "")
        self._mode = arguments.contract_import_mode
        self._excluded = frozenset(getattr(arguments, "excluded_stakeholder_ids", ()))
        self._override = arguments.representative_package_id_override
        self._record = core.messages.cls("admin.participant.v30.ActiveContract")
        self._entry = core.messages.cls("v2.ActiveContract")
        self._packages = self._known_packages()
        self.recomputed: dict[str, str] = {}

    def _known_packages(self) -> dict[str, tuple[str, str]]:
        """package id -> (name, version)"""
        with self._core.db.read() as db:
            return {p.package_id: (p.name, p.version) for p in package_store.packages(db, self._core.name)}

    # --- one record

    def take(self, record: bytes) -> None:
        """Check and stage one record. Contracts of another synchronizer are left out without a word, and so are those
        of excluded stakeholders. Raises ImportRefused."""
        try:
            wrapped = self._record.FromString(self._core.messages.unwrap(record))
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
        ledger.add(db, self._core.name, self._additions(db))

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
