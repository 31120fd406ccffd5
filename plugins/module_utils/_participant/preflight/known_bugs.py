# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bugs of exact releases of Canton that affect a migration (docs/canton/migration.md#known-bugs).

This is the one place that compares version numbers: the API of a node does not show its bugs.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ..model.entities import Identity
from .findings import METHODS, SAME_SYNCHRONIZER, Findings

SOURCE, TARGET = "source", "target"


@dataclass(frozen=True)
class Range:
    """Releases ``line.first`` to ``line.last``; ``last`` None: every one of the line."""

    line: tuple[int, int]
    first: int
    last: int | None

    def __str__(self) -> str:
        major, minor = self.line
        if self.last is None:
            return f"{major}.{minor}.x"
        first = f"{major}.{minor}.{self.first}"
        return first if self.first == self.last else f"{first} to {major}.{minor}.{self.last}"

    def has(self, line: tuple[int, int], patch: int | None) -> bool | None:
        """Whether this release is one of them; None: unknown, as the node does not report its last number."""
        if line != self.line:
            return False
        if self.last is None:
            return True
        return None if patch is None else self.first <= patch <= self.last


@dataclass(frozen=True)
class KnownBug:
    """``number`` is the vendor's, or the release where none was published. ``keyed``: it affects only contracts with a key, ``protocols``:
    only a migration between these protocol versions.
    """

    number: str
    affected: tuple[Range, ...]
    sides: tuple[str, ...]
    severity: str
    text: str
    remedy: str
    methods: tuple[str, ...] = METHODS
    keyed: bool = False
    protocols: tuple[int, int] | None = None

    @property
    def id(self) -> str:
        return "known_bug_" + re.sub(r"[^0-9a-z]+", "_", self.number)

    def hits(self, line: tuple[int, int], patch: int | None) -> bool | None:
        found = [item.has(line, patch) for item in self.affected]
        return True if True in found else None if None in found else False


BUGS = (
    KnownBug(
        "25-013",
        (Range((3, 4), 0, 8),),
        (TARGET,),
        "error",
        "deletes imported contracts when it prunes",
        "Upgrade it to 3.4.9 or later.",
    ),
    KnownBug(
        "3.4.7 replay",
        (Range((3, 4), 7, 7),),
        (SOURCE, TARGET),
        "warning",
        "replays too many changes of active contracts when it connects, which can take long",
        "Upgrade it to 3.4.9 or later, or allow for more downtime.",
    ),
    KnownBug(
        "3.4.8 onboarding flag",
        (Range((3, 4), 8, 8),),
        (TARGET,),
        "error",
        "cannot clear the onboarding flag of new external parties",
        "Upgrade it to 3.4.9 or later.",
        methods=(SAME_SYNCHRONIZER,),
    ),
    KnownBug(
        "25-004",
        (Range((2, 8), 0, None), Range((2, 9), 0, 6), Range((2, 10), 0, 0)),
        (TARGET,),
        "error",
        "loses the keys of contracts when it imports them",
        "Upgrade it to 2.9.7, 2.10.1 or later, or exclude the parties of these contracts.",
        keyed=True,
    ),
    KnownBug(
        "24-003",
        (Range((2, 7), 0, None), Range((2, 8), 0, 1)),
        (TARGET,),
        "error",
        "cannot use contracts with keys after their import",
        "Upgrade it to 2.9.7, 2.10.1 or later (2.8.2 cures this bug, but not 25-004), or exclude the parties of these contracts.",
        keyed=True,
    ),
    KnownBug(
        "24-024",
        (Range((2, 9), 0, 4),),
        (SOURCE, TARGET),
        "error",
        "cannot use contracts of protocol version 3 on protocol version 5",
        "Upgrade it to 2.9.5 or later.",
        protocols=(3, 5),
    ),
    KnownBug(
        "25-001",
        (Range((2, 8), 0, 11), Range((2, 9), 0, 5)),
        (TARGET,),
        "warning",
        "may compute a wrong topology state when it is new on a domain",
        "Upgrade it to 2.8.12, 2.9.6 or later before it is connected to the domain for the first time.",
    ),
    KnownBug(
        "24-028",
        (Range((2, 8), 0, 11), Range((2, 9), 0, 5)),
        (SOURCE, TARGET),
        "warning",
        "has party replication macros that fail after a hard domain migration",
        "Do not use the console's party macros on it after the migration, or upgrade it to 2.8.12, 2.9.6 or later.",
    ),
)


def parse(version: str) -> tuple[tuple[int, int], int | None] | None:
    """Line and last number of ``3.5.10-SNAPSHOT``, ``2.10.4`` or ``2.8`` (all that Canton 2.8 reports); None: no version."""
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    if match is None:
        return None
    return (int(match[1]), int(match[2])), int(match[3]) if match[3] else None


def check(findings: Findings, source: Identity, target: Identity) -> None:
    """The bugs that do not depend on the contracts, and nodes that do not report their exact release."""
    _check(findings, source, target, [bug for bug in BUGS if not bug.keyed and bug.protocols is None])


def check_protocols(
    findings: Findings, source: Identity, target: Identity, protocols: tuple[int | None, int | None]
) -> None:
    """The bugs that concern a migration between two protocol versions."""
    _check(findings, source, target, [bug for bug in BUGS if bug.protocols == protocols])


def check_keyed(findings: Findings, source: Identity, target: Identity, keyed: int) -> None:
    """The bugs that concern contracts with keys; ``keyed`` is the number of those that move."""
    if keyed:
        _check(
            findings,
            source,
            target,
            [bug for bug in BUGS if bug.keyed],
            f" ({keyed} of the moving contracts have a key)",
        )


def _check(findings: Findings, source: Identity, target: Identity, bugs: t.Sequence[KnownBug], why: str = "") -> None:
    for side, identity in ((SOURCE, source), (TARGET, target)):
        parsed = parse(identity.version)
        if parsed is None:
            continue
        unclear = []
        for bug in bugs:
            if side not in bug.sides or findings.request.method not in bug.methods:
                continue
            hit = bug.hits(*parsed)
            if hit is None:
                unclear.append(bug)
            elif hit:
                report = findings.error if bug.severity == "error" else findings.warn
                report(
                    bug.id, f"Canton {identity.version} of the {side} {bug.text} (bug {bug.number}){why}", bug.remedy
                )
        if unclear:
            listed = "; ".join(f"{bug.number} ({', '.join(map(str, bug.affected))}): it {bug.text}" for bug in unclear)
            findings.warn(
                "release_not_visible",
                f"The {side} reports Canton {identity.version} and not its exact release. Known bugs of some releases: {listed}{why}",
                "Find its release in its start script or log, and upgrade it if it is one of these.",
            )
