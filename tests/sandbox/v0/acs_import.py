# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The import of contracts of Canton 2."""

from __future__ import annotations

import sqlite3
from typing import Any

from google.protobuf.message import DecodeError

from sandbox.daml.contracts import BlobError, Contract
from sandbox.node import acs_import
from sandbox.node.acs_export import rows
from sandbox.node.acs_import import ImportRefused
from sandbox.state import ledger, package_store
from sandbox.v0 import serializable
from sandbox.v0.node import Node


class AcsImport(acs_import.AcsImport):
    """One import; `arguments` is the first ImportAcsRequest."""

    def __init__(self, node: Node, arguments: Any) -> None:
        super().__init__(node, arguments.workflow_id_prefix)
        self._view = node.view
        self._onboarded = frozenset(getattr(arguments, "onboarded_parties", ()))
        self._record = node.messages.cls("participant.admin.v0.ActiveContract")
        with node.db.read() as db:
            self._packages = package_store.package_ids(db, node.name)

    def take(self, record: bytes) -> None:
        messages = self._core.messages
        try:
            entry = self._record.FromString(messages.unwrap(record))
            contract = serializable.unpack(messages, entry.contract)
        except (DecodeError, BlobError) as error:
            raise ImportRefused(f"BufferException({error})", unreadable=True) from error
        if contract.package_id not in self._packages:
            raise ImportRefused(f"Failed to locate package {contract.package_id}")
        self._stage(entry.domain_id, contract, contract.package_id)

    def _new(
        self, db: sqlite3.Connection, synchronizer_id: str, batch: list[tuple[Contract, str]]
    ) -> list[tuple[Contract, str]]:
        new = super()._new(db, synchronizer_id, batch)
        self._refuse_same_keys(db, synchronizer_id, [contract for contract, _unused in new])
        return new

    def _refuse_same_keys(self, db: sqlite3.Connection, domain_id: str, new: list[Contract]) -> None:
        """A key counts when one of its maintainers is, or will be, hosted here."""
        keys = [found for found in map(serializable.key, new) if found]
        if not keys:
            return
        hosted = self._onboarded | {party for party, local in self._view.known_parties().items() if local}
        keys = [found for found in keys if not hosted.isdisjoint(found[1])]
        present = [
            serializable.key(contract)
            for active, contract in rows(self._core, ledger.ledger_end(db, self._core.name))
            if active.synchronizer_id == domain_id
        ]
        taken = {found[0] for found in present if found}
        for key, _unused in keys:
            if key in taken:
                raise ImportRefused("Cannot add multiple contracts for the same key(s)")
            taken.add(key)
