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
from typing import Self

from sandbox.daml import contracts
from sandbox.daml.contracts import Contract
from sandbox.node.core import Core
from sandbox.state import ledger
from sandbox.state.ledger import Addition
from sandbox.state.staging import Staging

# Contracts are taken in batches; within each, one transaction for each create time
# (docs/canton/contracts.md#batches-and-offsets).
_BATCH = 1000


class ImportRefused(Exception):
    """Why an import fails; `unreadable` when the snapshot itself is not understood."""

    def __init__(self, text: str, unreadable: bool = False) -> None:
        super().__init__(text)
        self.unreadable = unreadable


class AcsImport(ABC):
    """Contracts on their way in. Use as a context: they lie in a temporary database that goes away with it."""

    def __init__(self, core: Core, workflow_id_prefix: str) -> None:
        self._core = core
        self._prefix = workflow_id_prefix or f"import-{uuid.uuid4()}"

    def __enter__(self) -> Self:
        self._staged = Staging()
        return self

    def __exit__(self, *_: object) -> None:
        self._staged.close()

    @abstractmethod
    def take(self, record: bytes) -> None:
        """Check and stage one record. Raises ImportRefused."""

    def _stage(self, synchronizer_id: str, contract: Contract, representative: str) -> None:
        self._staged.add(synchronizer_id, contract.contract_id, representative, contract.blob)

    def commit_batches(self, check: Callable[[sqlite3.Connection, str], None]) -> None:
        """Activate what was staged and is not active already, for all synchronizers of the snapshot: each batch in a
        transaction of its own, once `check` has seen the synchronizer's id. Raises ImportRefused and what `check`
        raises."""
        for synchronizer_id in self._staged.synchronizers():
            for batch in self._batches(synchronizer_id):
                with self._core.db.write() as db:
                    check(db, synchronizer_id)
                    new = self._new(db, synchronizer_id, batch)
                    ledger.add(db, self._core.name, self._numbered(synchronizer_id, new))

    def _numbered(self, synchronizer_id: str, new: list[tuple[Contract, str]]) -> Iterator[Addition]:
        """Workflow ids that say which create time of how many of the batch."""
        times = {created_at: i for i, created_at in enumerate(dict.fromkeys(c.created_at for c, _unused in new), 1)}
        for contract, representative in new:
            workflow_id = f"{self._prefix}-{times[contract.created_at]}-{len(times)}"
            yield Addition(contract, synchronizer_id, representative, workflow_id)

    def _batches(self, synchronizer_id: str) -> Iterator[list[tuple[Contract, str]]]:
        size = int(self._core.knob("import_batch_contracts") or _BATCH)
        for batch in self._staged.batches(synchronizer_id, size):
            yield [(contracts.parse_blob(blob), representative) for representative, blob in batch]

    def _new(
        self, db: sqlite3.Connection, synchronizer_id: str, batch: list[tuple[Contract, str]]
    ) -> list[tuple[Contract, str]]:
        fresh = [each for each in batch if self._is_new(db, synchronizer_id, each[0])]
        return sorted(fresh, key=lambda each: each[0].created_at)

    def _is_new(self, db: sqlite3.Connection, synchronizer_id: str, contract: Contract) -> bool:
        found = ledger.status(db, self._core.name, contract.contract_id)
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
