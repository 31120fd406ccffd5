#!/usr/bin/env python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of docs/faults.md: what was broken, when, and what came of it, by what came of the tests.

Usage: fault_table.py check|write OUTCOMES PAGE
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from playbook.releases import MATRIX
from tools import made_table
from tools.outcomes import FAULT, PASSED, Found


def faults(found: Found) -> dict[tuple[str, str, str], dict[str, str]]:
    """What was broken, when, and what is to come of it; with what came of the tests by pair of releases."""
    split = {name.removeprefix(FAULT): outcomes for name, outcomes in found.items() if name.startswith(FAULT)}
    return {(parts[0], parts[1], parts[2]): split[name] for name in sorted(split) for parts in [name.split(" | ")]}


def table(found: Found) -> list[str]:
    """Lines of Markdown."""
    rows = [
        "| " + " | ".join((*names, ", ".join(str(pair) for pair in MATRIX if outcomes.get(str(pair)) == PASSED))) + " |"
        for names, outcomes in faults(found).items()
    ]
    return ["| what | when | outcome | seen on |", "|---|---|---|---|", *rows]


def troubles(found: Found) -> Iterator[str]:
    if not faults(found):
        yield "no test of a fault ran (run `make playbook` as a whole)"
    for names, outcomes in faults(found).items():
        wrong = sorted(pair for pair, outcome in outcomes.items() if outcome != PASSED)
        if wrong:
            yield f"{' | '.join(names)}: not passed on {', '.join(wrong)}"


if __name__ == "__main__":
    sys.exit(made_table.run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), table, troubles))
