#!/usr/bin/env python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of docs/releases.md: what works on which release, by what came of the tests.

Usage: release_table.py check|write OUTCOMES PAGE
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from playbook.releases import LINES, MATRIX, Pair
from tools import made_table
from tools.outcomes import FAILED, FAULT, PASSED, Found

# The order of the page. A capability that is tested and not listed here is an error, so none is forgotten.
CAPABILITIES = (
    "Whole migration",
    "Check mode, and a second run changes nothing",
    "Phases one after another, with parties, DARs and users that come late",
    "Delegate the namespace",
    "Delegate by file, the root key out of reach",
    "Copy packages and vetting",
    "Host parties",
    "Copy users, rights and identity providers",
    "Register a synchronizer",
    "Connect and disconnect",
    "Export contracts",
    "Import contracts",
    "Transfer contracts through a pipe",
    "Verify contracts",
    "What connects is what the source has",
    "A target that serves is never taken off, purged or rolled back",
    "All contracts of a moving party, on whatever synchronizer they are",
    "Ping",
    "See whether the keys are in a KMS",
    "Refusals with cause and remedy",
    "TLS, client certificates and tokens",
    "Back from a KMS",
    "Rollback, and the migration again",
    "Old and new on different hosts that reach only their own participant",
    "Move parties on one synchronizer",
    "In place: a bridge under live traffic, and back",
    "In place: keys born in the KMS, and back",
    "In place: imported keys",
    "In place: old private keys deleted",
    "In place: GCP",
    "In place: a fleet",
    "In place: check mode",
    "In place: restart by hand",
    "Killed and started again",
    "A busy node is waited for",
    "Node or run killed in the middle of its work",
)
YES = "yes"
# What was tested for one release only, and what holds for the others: nobody may conclude from one to another.
ELSEWHERE = {
    "Old and new on different hosts that reach only their own participant": "not tested",
    "Move parties on one synchronizer": "no: it is refused",
    "What connects is what the source has": "not tested",
    "A target that serves is never taken off, purged or rolled back": "not tested",
    "All contracts of a moving party, on whatever synchronizer they are": "not tested",
    "A busy node is waited for": "not tested",
    "In place: a bridge under live traffic, and back": "no: one participant of Canton 3",
    "In place: keys born in the KMS, and back": "no: one participant of Canton 3",
    "In place: imported keys": "no: one participant of Canton 3",
    "In place: old private keys deleted": "no: one participant of Canton 3",
    "In place: GCP": "not tested",
    "In place: a fleet": "not tested",
    "In place: check mode": "not tested",
    "In place: restart by hand": "not tested",
}


def cell(found: Found, capability: str, pair: Pair) -> str:
    """``yes``, why not, or where the same was tested; empty when nobody tested it anywhere near."""
    outcomes = found.get(capability, {})
    outcome = outcomes.get(str(pair))
    if outcome is not None:
        return {PASSED: YES, FAILED: "**no: a test fails**"}.get(outcome, outcome)
    return ELSEWHERE.get(capability) or alike(outcomes, pair)


def alike(outcomes: dict[str, str], pair: Pair) -> str:
    """A pair of two releases has the same modules at work as these releases; a line, those that speak its API."""
    own = [] if pair.within else [pair.source, pair.target]
    # those that speak its API are also what one of its releases was itself only found alike to
    speakers = [str(line) for line in LINES if line.canton_2 is pair.canton_2]
    others = [name for name in own if name in outcomes] or [name for name in speakers if name in outcomes]
    if not others:
        return ""
    if any(outcomes[name] not in (PASSED, FAILED) for name in others):
        return outcomes[others[0]]
    return f"as {' and '.join(others)}"


def table(found: Found) -> list[str]:
    """Lines of Markdown."""
    return [
        "| | " + " | ".join(map(str, MATRIX)) + " |",
        "|---|" + "---|" * len(MATRIX),
        *(
            f"| {capability} | " + " | ".join(cell(found, capability, pair) for pair in MATRIX) + " |"
            for capability in CAPABILITIES
        ),
    ]


def troubles(found: Found) -> Iterator[str]:
    """What a table must not be made from."""
    for capability in sorted(name for name in set(found) - set(CAPABILITIES) if not name.startswith(FAULT)):
        yield f"the capability {capability!r} is not in the list of release_table.py"
    for capability in CAPABILITIES:
        failed = sorted(pair for pair, outcome in found.get(capability, {}).items() if outcome == FAILED)
        if failed:
            yield f"{capability}: tests fail on {', '.join(failed)}"
        missing = [str(pair) for pair in MATRIX if not cell(found, capability, pair)]
        if missing:
            yield f"{capability}: no test ran on {', '.join(missing)} (run `make playbook` as a whole)"


def main(command: str, outcomes: Path, page: Path) -> int:
    return made_table.run(command, outcomes, page, table, troubles)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
