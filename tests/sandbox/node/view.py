# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the topology says of parties and packages, the same questions for all lines."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from sandbox.node.core import Core
from sandbox.state import stores


@dataclass(frozen=True)
class Hosting:
    """Who hosts a party: participant uid -> permission. Those that are ``onboarding`` get its transactions, but neither
    submit nor confirm."""

    hosts: dict[str, int]
    threshold: int = 1
    onboarding: dict[str, int] = field(default_factory=dict)


class View(ABC):
    """The topology as one participant sees it."""

    # The table in which a line keeps its topology.
    TABLE: str

    def __init__(self, core: Core) -> None:
        self._core = core

    @abstractmethod
    def known_parties(self) -> dict[str, bool]:
        """party -> hosted here, in the order of the party ids; the admin party of each participant included."""

    @abstractmethod
    def participants(self, psid: str) -> set[str]:
        """The uids of the participants that are active on a synchronizer."""

    @abstractmethod
    def hosting(self, psid: str, at: int | None = None) -> dict[str, Hosting]:
        """Who hosts each party on a synchronizer at a time in microseconds (or now), the admin party of each active
        participant included."""

    @abstractmethod
    def vetted(self, psid: str, uid: str) -> set[str]:
        """The packages that a participant has vetted on a synchronizer, in effect now."""

    def newest_effect(self, db: sqlite3.Connection, psid: str) -> int:
        """When the last change on a synchronizer takes effect, or took."""
        return stores.newest_effect(db, self.TABLE, stores.synchronizer(psid))

    def coming(self) -> int:
        """How many changes are sequenced on the connected synchronizers and not in effect yet."""
        with self._core.db.read() as db:
            return stores.coming(db, self.TABLE, self._core.connected().values())
