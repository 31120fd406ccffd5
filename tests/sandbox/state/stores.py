# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of topology stores, and when a change in them takes effect.

A store is named ``authorized:<node>``, ``synchronizer:<psid>`` or ``temporary:<node>:<name>``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from sandbox.wire import ids

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


# What both forms of topology (each in a table of its own) are asked.


def next_time(db: sqlite3.Connection, table: str, store: str) -> int:
    """A sequencing time later than all before it."""
    last = db.execute(f"SELECT max(sequenced) FROM {table} WHERE store=?", (store,)).fetchone()[0]
    return max(ids.now(), (last or 0) + 1)


def newest_effect(db: sqlite3.Connection, table: str, store: str) -> int:
    """When the last change takes effect, or took; 0 when there is none."""
    return int(db.execute(f"SELECT max(valid_from) FROM {table} WHERE store=?", (store,)).fetchone()[0] or 0)


def coming(db: sqlite3.Connection, table: str, psids: Iterable[str]) -> int:
    """How many changes are sequenced on these synchronizers and not in effect yet."""
    names = list(map(synchronizer, psids))
    marks = ",".join("?" * len(names))
    query = f"SELECT count(*) FROM {table} WHERE store IN ({marks}) AND valid_from>?"
    return int(db.execute(query, [*names, ids.now()]).fetchone()[0])
