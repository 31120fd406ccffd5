# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One pair of participants and one path for a snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.samples import ALICE, BOB, NEW, NEW_SYNC, OLD

from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts import transfer
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.request import TransferRequest
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Identity

MOVED = {"00a1", "00a2", "00b1"}


class Setting:
    """One pair of participants and one path; every call is a call of the module."""

    def __init__(self, folder: Path) -> None:
        self.source = old_participant()
        self.target = new_participant()
        self.folder = folder
        self.parties = [ALICE, BOB]

    def task(self, check: bool = False, pipe: bool = False, source: bool = True) -> TransferRequest:
        return TransferRequest(
            source=self.source if source else None,
            target=self.target,
            base=None if pipe else str(self.folder / "node1"),
            parties=self.parties,
            source_synchronizer="oldsync",
            target_synchronizer="newsync",
            check=check,
        )

    def export(self, **options: Any) -> Outcome:
        return transfer.ensure_exported(self.task(**options))

    def load(self, **options: Any) -> Outcome:
        return transfer.ensure_imported(self.task(source=False, **options))

    def transfer(self, **options: Any) -> Outcome:
        return transfer.ensure_transferred(self.task(**options))

    def verify(self) -> Outcome:
        return transfer.ensure_verified(self.task(source=False))

    def there(self) -> set[str]:
        return {item.contract_id for item in self.target.contracts}

    def imports(self) -> int:
        return self.target.changes.count(("import", NEW_SYNC))

    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


def _of_canton_2(uid: str) -> dict[str, Any]:
    status = Identity(uid, True, True, "2.10.4", "", (5, 7))
    return {"major": 2, "versions": {"oldsync": 5, "newsync": 7}, "status": status}


def old_of_canton_2(**values: Any) -> Fake:
    return old_participant(**{**_of_canton_2(OLD), **values})


def new_of_canton_2(**values: Any) -> Fake:
    return new_participant(**{**_of_canton_2(NEW), **values})
