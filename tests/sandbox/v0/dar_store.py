# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DARs as Canton 2 keeps them: known by the hash of their bytes, under a free name
(docs/canton/canton-2.md#dars).

They lie in the tables of `package_store`, with the hash in the place of the main package id.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from sandbox import crypto, dars, ids, package_store
from sandbox.dars import Dar
from sandbox.node import Node

SYSTEM_DAR = "AdminWorkflows"
_PURPOSE_DAR = 13


@dataclass(frozen=True)
class StoredDar:
    hash: str
    name: str
    payload: bytes


def dar_hash(payload: bytes) -> str:
    """The multihash of a DAR in hex."""
    return crypto.multihash(_PURPOSE_DAR, payload).hex()


def check(db: sqlite3.Connection, node: Node, dar: Dar) -> None:
    """Raises KNOWN_DAR_VERSION. 2.8 knows no package upgrades, and so no versions that could be taken."""
    if node.release.name != "2.8":
        package_store.refuse_known_versions(db, node.name, dar, "KNOWN_DAR_VERSION")


def keep(db: sqlite3.Connection, node: Node, dar: Dar, name: str) -> str:
    """Store a DAR and its packages; returns its hash. A DAR that is there keeps its name."""
    check(db, node, dar)
    key = dar_hash(dar.payload)
    package_store.keep_dar(db, node.name, key, dar, name, ids.now())
    return key


_DAR = "SELECT main AS hash, description AS name, payload FROM dar WHERE participant = ?"


def all_dars(db: sqlite3.Connection, node: Node) -> list[StoredDar]:
    """In the order in which they came."""
    return [StoredDar(*row) for row in db.execute(f"{_DAR} ORDER BY rowid", (node.name,))]


def find(db: sqlite3.Connection, node: Node, key: str) -> StoredDar | None:
    row = db.execute(f"{_DAR} AND main = ?", (node.name, key)).fetchone()
    return StoredDar(*row) if row else None


def package_ids(db: sqlite3.Connection, node: Node, key: str) -> list[str]:
    return [each.package_id for each in package_store.dar_packages(db, node.name, key)]


def sources(db: sqlite3.Connection, node: Node) -> dict[str, str]:
    """package id -> name of the first DAR that it came in."""
    rows = db.execute(
        "SELECT p.package_id, d.description FROM dar_package AS p "
        "JOIN dar AS d ON d.participant = p.participant AND d.main = p.main WHERE p.participant = ? "
        "ORDER BY d.rowid DESC",
        (node.name,),
    )
    return {row[0]: row[1] for row in rows}


def in_other_dars(db: sqlite3.Connection, node: Node, key: str) -> set[str]:
    """The packages that came in a DAR besides this one."""
    rows = db.execute("SELECT package_id FROM dar_package WHERE participant = ? AND main <> ?", (node.name, key))
    return {row[0] for row in rows}


def forget_bytes(db: sqlite3.Connection, node: Node, key: str) -> None:
    """Forget a DAR but not its packages."""
    db.execute("DELETE FROM dar WHERE participant = ? AND main = ?", (node.name, key))


def main_package(payload: bytes) -> dars.Package:
    return dars.read_dar(payload).main
