# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contracts on their way in: a temporary database that goes away when it is closed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator


class Staging:
    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute(
            "CREATE TABLE staged (synchronizer_id TEXT, contract_id BLOB, representative TEXT, blob BLOB, "
            "UNIQUE (synchronizer_id, contract_id))"
        )
        self._db.execute("BEGIN")

    def close(self) -> None:
        self._db.close()

    def add(self, synchronizer_id: str, contract_id: bytes, representative: str, blob: bytes) -> None:
        """Of several rows for a contract on a synchronizer the first stays."""
        row = (synchronizer_id, contract_id, representative, blob)
        self._db.execute("INSERT OR IGNORE INTO staged VALUES (?, ?, ?, ?)", row)

    def synchronizers(self) -> list[str]:
        """In the order in which they first came."""
        rows = self._db.execute("SELECT synchronizer_id FROM staged GROUP BY synchronizer_id ORDER BY min(rowid)")
        return [row[0] for row in rows.fetchall()]

    def batches(self, synchronizer_id: str, size: int) -> Iterator[list[tuple[str, bytes]]]:
        """(representative package, blob) of the contracts of a synchronizer, in their order."""
        rows = self._db.execute(
            "SELECT representative, blob FROM staged WHERE synchronizer_id = ? ORDER BY rowid", (synchronizer_id,)
        )
        while batch := rows.fetchmany(size):
            yield batch
