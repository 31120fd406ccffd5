# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a whole network holds, as digests. Needs nothing but Python, as the recorder uses it inside of Ansible."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from typing import Any

# what says how the network runs, not what it holds
_RUNNING = {"network", "participants", "knobs", "sqlite_sequence"}


def digests(database: str) -> dict[str, str]:
    """A digest of everything that participants and synchronizers hold, by kind: topology, keys, packages, contracts,
    users, connections, ledger ends. Two equal ones mean that nothing was changed in between, not even something
    that no module reads."""
    with sqlite3.connect(database, timeout=30) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: _digest(db.execute(f'SELECT * FROM "{name}"')) for name in names if name not in _RUNNING}
    db.close()
    return found


def _digest(rows: Iterable[tuple[Any, ...]]) -> str:
    hashed = hashlib.sha256()
    for row in sorted(map(repr, rows)):
        hashed.update(row.encode())
    return hashed.hexdigest()
