# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages and DARs that each participant holds. Having a package is not vetting it (docs/canton/packages.md#stored-and-vetted)."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from sandbox.daml.dars import Dar, Package
from sandbox.wire.errors import CantonError


@dataclass(frozen=True)
class StoredPackage:
    """A package as the store knows it; `uploaded_at` in microseconds since 1970, `size` in bytes."""

    package_id: str
    name: str
    version: str
    size: int
    uploaded_at: int
    modules: tuple[str, ...]
    utility: bool
    language_version: str


@dataclass(frozen=True)
class StoredDar:
    """A DAR as the store knows it, without its bytes."""

    main: str
    name: str
    version: str
    description: str


def add_dar(db: sqlite3.Connection, participant: str, dar: Dar, description: str, now: int) -> None:
    """Keep a DAR and its packages; what is there already stays as it is. Raises KNOWN_PACKAGE_VERSION."""
    refuse_known_versions(db, participant, dar)
    keep_dar(db, participant, dar.main.package_id, dar, description, now)


def keep_dar(db: sqlite3.Connection, participant: str, key: str, dar: Dar, description: str, now: int) -> None:
    """The same without a check. `key` is what the DAR is known by: its main package id, in Canton 2 its hash."""
    db.executemany(
        "INSERT OR IGNORE INTO package VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                participant,
                p.package_id,
                p.name,
                p.version,
                p.size,
                now,
                json.dumps(p.modules),
                p.utility,
                p.language_version,
            )
            for p in dar.packages
        ],
    )
    db.execute("INSERT OR IGNORE INTO dar VALUES (?, ?, ?, ?)", (participant, key, description, dar.payload))
    db.executemany(
        "INSERT OR IGNORE INTO dar_package VALUES (?, ?, ?)", [(participant, key, p.package_id) for p in dar.packages]
    )


def refuse_known_versions(
    db: sqlite3.Connection, participant: str, dar: Dar, error_id: str = "KNOWN_PACKAGE_VERSION"
) -> None:
    """Another content under a name and version that are taken is an error."""
    for package in dar.packages:
        _refuse_known_version(db, participant, package, error_id)


def _refuse_known_version(db: sqlite3.Connection, participant: str, package: Package, error_id: str) -> None:
    """Utility packages are left out: compilers give many of them the same name and version."""
    if package.utility:
        return
    row = db.execute(
        "SELECT package_id FROM package "
        "WHERE participant = ? AND name = ? AND version = ? AND package_id <> ? AND NOT utility",
        (participant, package.name, package.version, package.package_id),
    ).fetchone()
    if row:
        raise CantonError(
            error_id,
            f"Tried to upload package {package.package_id} ({package.name} v{package.version}), but a different "
            f"package {row[0]} with the same name and version has previously been uploaded.",
            {"packageName": package.name, "packageVersion": package.version},
        )


_PACKAGE = "package_id, name, version, size, uploaded_at, modules, utility, language_version"


def _stored(row: sqlite3.Row) -> StoredPackage:
    package_id, name, version, size, uploaded_at, modules, utility, language_version = row
    return StoredPackage(
        package_id, name, version, size, uploaded_at, tuple(json.loads(modules)), bool(utility), language_version
    )


def packages(db: sqlite3.Connection, participant: str) -> list[StoredPackage]:
    """All packages in the order in which they came."""
    rows = db.execute(f"SELECT {_PACKAGE} FROM package WHERE participant = ? ORDER BY rowid", (participant,))
    return [_stored(row) for row in rows]


def package(db: sqlite3.Connection, participant: str, package_id: str) -> StoredPackage | None:
    row = db.execute(
        f"SELECT {_PACKAGE} FROM package WHERE participant = ? AND package_id = ?", (participant, package_id)
    ).fetchone()
    return _stored(row) if row else None


def package_ids(db: sqlite3.Connection, participant: str) -> set[str]:
    return {row[0] for row in db.execute("SELECT package_id FROM package WHERE participant = ?", (participant,))}


_DAR = """
SELECT dar.main, package.name, package.version, dar.description FROM dar
JOIN package ON package.participant = dar.participant AND package.package_id = dar.main
WHERE dar.participant = ?
"""


def dars(db: sqlite3.Connection, participant: str) -> list[StoredDar]:
    """All DARs in the order in which they came."""
    return [StoredDar(*row) for row in db.execute(_DAR + "ORDER BY dar.rowid", (participant,))]


def dar(db: sqlite3.Connection, participant: str, main: str) -> StoredDar | None:
    row = db.execute(_DAR + "AND dar.main = ?", (participant, main)).fetchone()
    return StoredDar(*row) if row else None


def dar_payload(db: sqlite3.Connection, participant: str, main: str) -> bytes:
    """The bytes of a DAR that is there."""
    row = db.execute("SELECT payload FROM dar WHERE participant = ? AND main = ?", (participant, main)).fetchone()
    return bytes(row[0])


def dar_packages(db: sqlite3.Connection, participant: str, main: str) -> list[StoredPackage]:
    """The packages of a DAR, its main one included."""
    rows = db.execute(
        f"SELECT {', '.join('p.' + c for c in _PACKAGE.split(', '))} FROM dar_package AS d "
        "JOIN package AS p ON p.participant = d.participant AND p.package_id = d.package_id "
        "WHERE d.participant = ? AND d.main = ? ORDER BY p.rowid",
        (participant, main),
    )
    return [_stored(row) for row in rows]


def dars_with(db: sqlite3.Connection, participant: str, package_id: str) -> list[StoredDar]:
    """The DARs that a package came in."""
    mains = {
        row[0]
        for row in db.execute(
            "SELECT main FROM dar_package WHERE participant = ? AND package_id = ?", (participant, package_id)
        )
    }
    return [each for each in dars(db, participant) if each.main in mains]


def remove_dar(db: sqlite3.Connection, participant: str, main: str) -> None:
    """Forget a DAR and those of its packages that came in no other one."""
    db.execute("DELETE FROM dar WHERE participant = ? AND main = ?", (participant, main))
    db.execute("DELETE FROM dar_package WHERE participant = ? AND main = ?", (participant, main))
    db.execute(
        "DELETE FROM package WHERE participant = ? AND package_id NOT IN "
        "(SELECT package_id FROM dar_package WHERE participant = ?)",
        (participant, participant),
    )


def remove_package(db: sqlite3.Connection, participant: str, package_id: str) -> None:
    db.execute("DELETE FROM package WHERE participant = ? AND package_id = ?", (participant, package_id))
    db.execute("DELETE FROM dar_package WHERE participant = ? AND package_id = ?", (participant, package_id))
