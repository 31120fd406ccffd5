# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DARs as Canton 2 keeps them: known by the hash of their bytes, under a free name
(docs/canton/canton-2.md#dars).

They lie in the tables of `package_store`, with the hash in the place of the main package id.
"""

from __future__ import annotations

import sqlite3

from sandbox.daml import dars
from sandbox.daml.dars import Dar
from sandbox.node.core import Core
from sandbox.state import package_store
from sandbox.wire import crypto, ids

_PURPOSE_DAR = 13


def dar_hash(payload: bytes) -> str:
    """The multihash of a DAR in hex."""
    return crypto.multihash(_PURPOSE_DAR, payload).hex()


def check(db: sqlite3.Connection, core: Core, dar: Dar) -> None:
    """Raises KNOWN_DAR_VERSION. 2.8 knows no package upgrades, and so no versions that could be taken."""
    if core.release.name != "2.8":
        package_store.refuse_known_versions(db, core.name, dar, "KNOWN_DAR_VERSION")


def keep(db: sqlite3.Connection, core: Core, dar: Dar, name: str) -> str:
    """Store a DAR and its packages; returns its hash. A DAR that is there keeps its name."""
    check(db, core, dar)
    key = dar_hash(dar.payload)
    package_store.keep_dar(db, core.name, key, dar, name, ids.now())
    return key


def main_package(payload: bytes) -> dars.Package:
    return dars.read_dar(payload).main
