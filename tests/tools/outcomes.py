# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of the tests, by capability and pair of releases: collected by pytest, kept as JSON, shown in docs/releases.md."""

from __future__ import annotations

import json
from pathlib import Path

PASSED, FAILED = "passed", "failed"
# What a fault is called among the capabilities begins with this: what was broken | when | what came of it
FAULT = "fault: "
# capability: pair: passed, failed, or why it was skipped
Found = dict[str, dict[str, str]]


class Outcomes:
    """One test may show several capabilities, and several tests one: a failure outweighs, a skip is outweighed."""

    def __init__(self) -> None:
        self.found: Found = {}

    def add(self, capability: str, pair: str, outcome: str) -> None:
        before = self.found.setdefault(capability, {}).get(pair)
        if before is None or outcome == FAILED or (before not in (PASSED, FAILED) and outcome == PASSED):
            self.found[capability][pair] = outcome

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.found, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read(path: Path) -> Found:
    """Empty when no tests ran."""
    if not path.exists():
        return {}
    found: Found = json.loads(path.read_text(encoding="utf-8"))
    return found
