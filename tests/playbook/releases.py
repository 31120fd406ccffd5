# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix: between which releases of Canton the collection is tested. A release more is a line more in ``MATRIX``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.wire.release import release

# The synchronizer that the target is on in the topologies of these tests; all others are the source's.
NEW = ("new", "west")


@dataclass(frozen=True)
class Pair:
    """Releases of source and target, and the protocol versions of the old and the new synchronizer.

    ``every_task``: the playbook is killed at every task. Elsewhere it is killed at a few that differ between releases.
    ``for_dialect``: what takes long and differs by the wire dialect only is tested here, and not on the dialect's other lines.
    """

    source: str
    target: str
    old: int
    new: int
    every_task: bool = False
    for_dialect: bool = False

    def __str__(self) -> str:
        return self.source if self.within else f"{self.source} to {self.target}"

    @property
    def within(self) -> bool:
        return self.source == self.target

    @property
    def canton_2(self) -> bool:
        return release(self.target).dialect == "v0"

    @property
    def protocol_version(self) -> int | None:
        """What an operator has to say of the new synchronizer because the target does not: 2.8 tells neither the protocol
        version of a domain nor which ones it supports."""
        return self.new if self.target == "2.8" else None

    @property
    def quiet_timeout(self) -> int:
        """Seconds: 2.8 can't count what is in flight, so there the module waits as long as it may."""
        return 2 if self.source == "2.8" else 20

    @property
    def options(self) -> dict[str, Any]:
        """Options that tasks of this pair need where others do without."""
        return {} if self.protocol_version is None else {"target_protocol_version": self.protocol_version}

    def topology(self, topology: Mapping[str, Any], targets: tuple[str, ...] = ("target",)) -> dict[str, Any]:
        """A topology played by these releases: the participants in ``targets`` by that of the target, and so on."""
        return {
            **topology,
            "synchronizers": {
                name: {"protocol_version": self.new if name in NEW else self.old, **(entry or {})}
                for name, entry in topology["synchronizers"].items()
            },
            "participants": {
                name: {"release": self.target if name in targets else self.source, **entry}
                for name, entry in topology["participants"].items()
            },
        }


MATRIX = (
    Pair("3.5", "3.5", 35, 35, every_task=True, for_dialect=True),
    Pair("3.4", "3.4", 34, 34),
    Pair("3.4", "3.5", 34, 34),
    Pair("2.10", "2.10", 7, 7, for_dialect=True),
    Pair("2.8", "2.8", 5, 5),
    Pair("2.8", "2.10", 5, 5),
)
# Within one release everything is tested. Two releases share their modules' work with those lines: there it is the whole
# migration that may differ.
LINES = tuple(pair for pair in MATRIX if pair.within)
DIALECTS = tuple(pair for pair in LINES if pair.for_dialect)
