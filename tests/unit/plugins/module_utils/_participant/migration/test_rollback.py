# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rollback finds at each stage, and where it is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.module_utils._participant.migration.support import Pair
from unit.plugins.module_utils._participant.replication.one_synchronizer import Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, NEW, NEW_SYNC, OLD, OLD_SYNC, contract

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.journal import (
    Journal,
    JournalFiles,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.rollback import (
    Rollback,
    plan_rollback,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.findings import MigrationRequest


def todo(pair: Pair) -> tuple[str, list[str]]:
    found = pair.rollback()
    return found.stage, [each.id for each in found.steps if each.needed]


def down(pair: Pair) -> Pair:
    pair.note("prepared")
    pair.note("cutover", served=True)
    for end in ("source", "target"):
        pair.set(end, connected=False)
    return pair


def test_nothing_begun(pair: Pair) -> None:
    pair.target.hosted = {NEW_SYNC: []}
    assert todo(pair) == ("nothing_begun", [])


def test_prepared(prepared: Pair) -> None:
    assert todo(prepared) == ("prepared", ["reach_synchronizer", "parties", "connect_source"])
    found = prepared.rollback()
    assert (found.as_dict()["unhosted"], found.as_dict()["purged"]) == ([ALICE], 0)


def test_each_stage_of_the_downtime(prepared: Pair) -> None:
    down(prepared)
    assert todo(prepared)[0] == "source_disconnected"
    prepared.export()
    assert todo(prepared) == ("exported", ["reach_synchronizer", "parties", "connect_source"])
    prepared.load()
    assert todo(prepared) == ("imported", ["purge", "reach_synchronizer", "parties", "connect_source"])
    assert prepared.rollback().as_dict()["purged"] == 2
    prepared.set("target", connected=True)
    assert todo(prepared)[0] == "target_connected"
    prepared.set("target", connected=False)
    prepared.note("connected")
    assert todo(prepared)[0] == "target_connected"


def test_an_interrupted_one_keeps_its_stage(prepared: Pair) -> None:
    down(prepared)
    prepared.export()
    prepared.load()
    prepared.note("rollback", stage="imported")
    files = prepared.rollback()
    assert (files.stage, files.interrupted) == ("imported", True)
    prepared.note("cutover", served=True)
    assert prepared.rollback().interrupted is False


def test_a_source_that_serves_is_not_compared(prepared: Pair) -> None:
    down(prepared)
    prepared.export()
    prepared.load()
    assert prepared.rollback().as_dict()["missing_on_source"] == []
    prepared.set("source", connected=True)
    prepared.source.contracts = []
    assert prepared.rollback().as_dict()["missing_on_source"] is None


# -- what is refused --------------------------------------------------------------------------------------------------


def test_a_move_on_one_synchronizer(pair: Pair) -> None:
    known = pair.target.known[0]
    pair.target.known = [replace(known, physical_id=pair.source.known[0].physical_id)]
    assert refused(pair.rollback).error_id == "same_synchronizer"
    assert OLD_SYNC in {item.id for item in pair.target.known}


def test_a_target_that_has_transacted(prepared: Pair) -> None:
    prepared.migrate()
    prepared.target.past[prepared.target.end] = list(prepared.target.contracts)
    prepared.target.contracts.append(contract("00d1", ALICE, on=NEW_SYNC))
    prepared.target.end += 1
    error = refused(prepared.rollback)
    assert (error.error_id, error.details["new"]) == ("target_has_transacted", ["00d1"])


def test_a_lost_receipt(prepared: Pair) -> None:
    prepared.migrate()
    (prepared.folder / "node1.receipt.json").unlink()
    assert refused(prepared.rollback).error_id == "receipt_missing"


@pytest.mark.parametrize("exported", [True, False])
def test_contracts_of_another_origin(prepared: Pair, exported: bool) -> None:
    down(prepared)
    if exported:
        prepared.export()
    prepared.target.contracts = [contract("00f1", ALICE, on=NEW_SYNC)]
    assert refused(prepared.rollback).error_id == "contracts_of_another_origin"


# -- on one synchronizer ----------------------------------------------------------------------------------------------


def test_a_move_that_is_withdrawn(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    request = MigrationRequest("shared", "shared", [ALICE, BOB], (), True, None, method="same_synchronizer")

    def look() -> Rollback:
        files = JournalFiles(str(tmp_path), "node1")
        return plan_rollback(setting.source, setting.target, request, files, Journal(OLD, NEW))

    assert (look().stage, look().steps) == ("nothing_begun", ())
    setting.up_to("imported")
    found = look()
    assert (found.stage, [each.id for each in found.steps if each.needed]) == ("same_synchronizer", ["withdraw"])
    values: Any = found.as_dict()
    assert (values["unhosted"], values["purged"], values["missing_on_source"]) == ([ALICE, BOB], 4, [])
    assert f"Source     {OLD} is the only host of all parties again" in values["summary"]
    setting.run("withdrawn")
    # the journal of the parties is still there, to be archived
    assert (look().stage, [each.id for each in look().steps if each.needed]) == ("same_synchronizer", [])


# -- for people -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ([], "the source has every contract of the snapshot"),
        (None, "the source was not compared"),
        (["00a1"], "the source lacks contracts of the snapshot, first 00a1"),
    ],
)
def test_the_summary(missing: list[str] | None, said: str) -> None:
    purge = {"contracts": 3, "missing_on_source": missing}
    values: Any = Rollback(OLD, NEW, "imported", True, {"unhosted": [ALICE]}, purge).as_dict()
    assert f"Contracts  3 purged on the target; {said}" in values["summary"]
    assert f"Parties    1 no longer hosted by {NEW}" in values["summary"]
    assert values["found"].endswith("This resumes an interrupted rollback.")
