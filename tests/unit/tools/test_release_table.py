# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of releases says what the tests came to, and cannot be made or kept when they came to something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from playbook.releases import MATRIX
from tools import fault_table, made_table, release_table
from tools.outcomes import FAILED, PASSED, Found, Outcomes

PAIRS = {str(pair): pair for pair in MATRIX}
HIDDEN = "no: it cannot be seen there"


def everywhere(outcome: str = PASSED) -> Found:
    return {capability: dict.fromkeys(PAIRS, outcome) for capability in release_table.CAPABILITIES}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "releases.md"
    path.write_text(f"Before.\n{made_table.BEGIN}\n{made_table.END}\nAfter.\n", encoding="utf-8")
    return path


def outcomes(tmp_path: Path, found: Found) -> Path:
    collected = Outcomes()
    for capability, pairs in found.items():
        for pair, outcome in pairs.items():
            collected.add(capability, pair, outcome)
    collected.write(tmp_path / "outcomes.json")
    return tmp_path / "outcomes.json"


@pytest.mark.parametrize(
    ("added", "shown"),
    [
        ([PASSED], PASSED),
        ([PASSED, FAILED, PASSED], FAILED),
        ([HIDDEN, PASSED], PASSED),
        ([PASSED, HIDDEN], PASSED),
        ([HIDDEN, FAILED], FAILED),
        ([HIDDEN], HIDDEN),
    ],
)
def test_one_failure_outweighs_and_a_skip_is_outweighed(added: list[str], shown: str) -> None:
    collected = Outcomes()
    for outcome in added:
        collected.add("Ping", "3.5", outcome)
    assert collected.found == {"Ping": {"3.5": shown}}


@pytest.mark.parametrize(
    ("found", "pair", "shown"),
    [
        ({"3.5": PASSED}, "3.5", "yes"),
        ({"3.5": FAILED}, "3.5", "**no: a test fails**"),
        ({"2.8": HIDDEN}, "2.8", HIDDEN),
        ({"3.5": PASSED, "2.10": PASSED}, "3.4", "as 3.5"),
        ({"3.5": PASSED, "2.10": PASSED}, "2.8 to 2.10", "as 2.10"),
        ({"3.5": PASSED, "3.4": PASSED}, "3.4 to 3.5", "as 3.4 and 3.5"),
        ({"2.8": HIDDEN, "2.10": HIDDEN}, "2.8 to 2.10", HIDDEN),
        ({"3.5": PASSED}, "2.10", ""),
    ],
)
def test_what_was_not_run_is_as_its_likes(found: dict[str, str], pair: str, shown: str) -> None:
    assert release_table.cell({"Ping": found}, "Ping", PAIRS[pair]) == shown


def test_written_and_then_found_right_until_the_outcome_changes(
    tmp_path: Path, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert release_table.main("check", outcomes(tmp_path, everywhere()), page) == 1
    assert "make release-table-write" in capsys.readouterr().out
    assert release_table.main("write", outcomes(tmp_path, everywhere()), page) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("Before.\n")
    assert text.endswith("\nAfter.\n")
    assert "| Ping | yes |" in text
    assert release_table.main("check", outcomes(tmp_path, everywhere()), page) == 0
    changed = everywhere()
    changed["Ping"]["2.8"] = HIDDEN
    assert release_table.main("check", outcomes(tmp_path, changed), page) == 1


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({}, "Ping: no test ran on 3.5, 3.4, 3.4 to 3.5, 2.10"),
        ({**everywhere(), "Ping": {**everywhere()["Ping"], "2.8": FAILED}}, "Ping: tests fail on 2.8"),
        ({**everywhere(), "Sing": {"3.5": PASSED}}, "'Sing' is not in the list"),
    ],
)
def test_no_table_from_tests_that_failed_or_did_not_run(
    tmp_path: Path, page: Path, capsys: pytest.CaptureFixture[str], found: Found, message: str
) -> None:
    before = page.read_text(encoding="utf-8")
    assert release_table.main("write", outcomes(tmp_path, found), page) == 1
    assert message in capsys.readouterr().out
    assert page.read_text(encoding="utf-8") == before


def test_from_one_release_nothing_follows_for_others_where_that_is_said() -> None:
    (capability, text), *_others = release_table.ELSEWHERE.items()
    found = {capability: {"3.5": PASSED}}
    assert release_table.cell(found, capability, PAIRS["3.5"]) == release_table.YES
    assert (
        release_table.cell(found, capability, PAIRS["3.4"])
        == release_table.cell(found, capability, PAIRS["2.8"])
        == text
    )


def test_faults_have_a_table_of_their_own() -> None:
    killed = "fault: the run | at every task | it carries on"
    found = {**everywhere(), killed: {"3.5": PASSED, "2.10": PASSED}}
    assert not list(release_table.troubles(found))
    assert not list(fault_table.troubles(found))
    assert fault_table.table(found)[2:] == ["| the run | at every task | it carries on | 3.5, 2.10 |"]


def test_a_fault_that_did_not_end_well_makes_no_table() -> None:
    killed = "fault: the run | at every task | it carries on"
    assert list(fault_table.troubles({killed: {"3.5": FAILED}}))
    assert list(fault_table.troubles({killed: {"3.5": "skipped for some reason"}}))
    assert list(fault_table.troubles(everywhere()))
