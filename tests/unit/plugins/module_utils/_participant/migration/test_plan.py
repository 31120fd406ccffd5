# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each stage of a migration as it is read from two participants made of lists, and the steps that are left there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from unit.plugins.module_utils._participant.migration.support import Pair
from unit.plugins.module_utils._participant.support import new_of_canton_2, old_of_canton_2
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, NEW_NAMESPACE, NEW_SYNC, OLD_NAMESPACE, PACKAGE, contract

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Delegation,
)

COPIES = ["packages", "delegation", "parties", "users"]
CUTOVER = ["disconnect_source", "transfer", "connect_target"]


# -- the stages, in order ---------------------------------------------------------------------------------------------


def test_unprepared(prepared: Pair) -> None:
    prepared.target.delegated = {}
    assert prepared.todo() == ("unprepared", ["delegation", *CUTOVER])
    prepared.target.dar_contents, prepared.target.vetted, prepared.target.hosted = {}, {}, {NEW_SYNC: []}
    assert prepared.todo() == ("unprepared", [*COPIES, *CUTOVER])
    prepared.set("target", connected=False)
    assert prepared.todo() == ("unprepared", ["reach_synchronizer", *COPIES, *CUTOVER])


def test_prepared(prepared: Pair) -> None:
    assert prepared.todo() == ("prepared", CUTOVER)


def test_source_down_exported_imported(prepared: Pair) -> None:
    prepared.note("cutover", served=True)
    for end in ("source", "target"):
        prepared.set(end, connected=False)
    left = ["transfer", "connect_target"]
    assert prepared.todo() == ("source_down", left)
    prepared.export()
    assert prepared.todo() == ("exported", left)
    prepared.load()
    assert prepared.todo() == ("imported", left)


def test_serving_and_migrated(prepared: Pair) -> None:
    prepared.migrate()
    found = prepared.look()
    assert (found.stage, found.proof["contracts"]) == ("migrated", 2)
    assert not any(step.needed for step in found.steps)
    prepared.journal = replace(prepared.journal, events=prepared.journal.events[:1])
    assert prepared.todo() == ("serving", ["connect_target"])


def test_a_serving_target_is_left_alone(prepared: Pair) -> None:
    """What differs then is for verify to say, and never to copy or to transfer."""
    prepared.migrate()
    prepared.target.vetted = {NEW_SYNC: set()}
    assert prepared.todo() == ("serving", [])
    prepared.set("target", connected=False)
    assert prepared.todo() == ("imported", ["connect_target"])


def test_stages_of_canton_2(tmp_path: Path) -> None:
    """It hosts and vets while it is disconnected, and takes annotations only after the connection."""
    pair = Pair(tmp_path)
    pair.source, pair.target = (
        old_of_canton_2(),
        new_of_canton_2(hosted={AUTHORIZED: []}, vetted={AUTHORIZED: {PACKAGE}}),
    )
    pair.set("source", connected=True)
    assert pair.todo() == ("unprepared", ["reach_synchronizer", "delegation", "parties", "users", *CUTOVER])
    signed = [Delegation(OLD_NAMESPACE, NEW_NAMESPACE, "all", 1)]
    pair.source.delegated[AUTHORIZED] += signed
    pair.target.delegated = {AUTHORIZED: signed, NEW_SYNC: signed}
    assert pair.todo() == ("unprepared", ["parties", "users", *CUTOVER])


# -- what is refused --------------------------------------------------------------------------------------------------


def test_no_steps_where_the_findings_refuse(prepared: Pair) -> None:
    prepared.request = replace(prepared.request, backup_confirmed=False)
    found = prepared.look()
    assert (found.stage, found.steps, found.copies) == (None, [], None) and not found.findings.can_migrate


def test_a_connected_source_after_the_import(prepared: Pair) -> None:
    prepared.migrate()
    prepared.set("source", connected=True)
    assert prepared.errors() == ["source_connected_after_import"]


def test_a_serving_target_without_a_receipt(prepared: Pair) -> None:
    prepared.migrate()
    (prepared.folder / "node1.receipt.json").unlink()
    assert prepared.errors() == ["receipt_missing"]


def test_a_purge_after_service(prepared: Pair) -> None:
    prepared.set("source", connected=False)
    assert prepared.errors(purge_stale=True) == ["purge_after_service"]
    # in the downtime of this very run
    assert prepared.errors(purge_stale=True, count_contracts=False) == []
    prepared.note("cutover", served=True)
    assert prepared.errors(purge_stale=True) == ["purge_after_service"]
    prepared.set("target", connected=False)
    assert prepared.errors(purge_stale=True) == []


# -- the proof --------------------------------------------------------------------------------------------------------


def test_verify(prepared: Pair) -> None:
    assert refused(prepared.prove).error_id == "cutover_unfinished"
    prepared.migrate()
    found = prepared.prove()
    assert (found.stage, found.proof["contracts"], found.copies is not None) == ("migrated", 2, True)


def test_verify_names_what_differs(prepared: Pair) -> None:
    prepared.migrate()
    prepared.target.vetted = {NEW_SYNC: set()}
    error = refused(prepared.prove)
    assert error.error_id == "participants_differ" and "DARs not stored or vetted: app" in error.message


def test_lost_contracts_are_no_migration(prepared: Pair) -> None:
    prepared.migrate()
    prepared.target.contracts.pop()
    prepared.target.end += 1
    assert prepared.look().stage == "serving"
    assert refused(prepared.prove).error_id == "contracts_differ"


def test_a_target_that_transacts_stays_migrated(prepared: Pair) -> None:
    prepared.migrate()
    prepared.target.past[prepared.target.end] = list(prepared.target.contracts)
    prepared.target.contracts.append(contract("00d1", ALICE, on=NEW_SYNC))
    prepared.target.end += 1
    assert prepared.look().stage == "migrated" and prepared.prove().stage == "migrated"
