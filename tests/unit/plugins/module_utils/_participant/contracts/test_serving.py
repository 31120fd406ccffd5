# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a target that is to be connected is compared with, and what tells that it has served."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils._participant.support import MOVED, Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, NEW_SYNC, contract, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts import serving, transfer
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.snapshot import SnapshotFiles


@pytest.fixture
def moved(at: Setting) -> Setting:
    """A pair whose contracts have been exported and imported; the target is not connected yet."""
    at.transfer()
    at.target.past[at.target.end] = list(at.target.contracts)
    return at


def connect(at: Setting, check: bool = False) -> Outcome:
    return transfer.ensure_connected(at.task(check=check))


def change(at: Setting, gone: str = "", new: str = "", archived: bool = False) -> None:
    """Change the target's contracts after the import: by a transaction, or behind its back."""
    at.target.contracts = [item for item in at.target.contracts if item.contract_id != gone]
    if archived:
        at.target.archived.add(gone)
    if new:
        at.target.contracts.append(contract(new, BOB, on=NEW_SYNC))
    at.target.end += 1


def test_what_connects_is_what_the_source_has(moved: Setting) -> None:
    moved.target.set_manual_connect("newsync", True)
    predicted = connect(moved, check=True)
    assert ("connect", "newsync") not in moved.target.changes
    done = connect(moved)
    assert str(done.result.pop("connected_at")) >= str(predicted.result.pop("connected_at"))
    assert done.exit_values(True) == predicted.exit_values(True) and done.changed
    assert moved.target.changes[-2:] == [("automatic", "newsync"), ("connect", "newsync")]
    again = connect(moved)
    assert not again.changed and "connected_at" not in again.result, "it was connected before"


def test_nothing_is_counted_again_while_both_ledger_ends_stay(moved: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the downtime has no second count of all contracts."""

    def counting(*_arguments: object) -> None:
        raise AssertionError("contracts were read")

    for participant in (moved.source, moved.target):
        monkeypatch.setattr(participant, "active_contracts", counting)
    assert connect(moved).changed


def test_a_ledger_end_that_moved_without_a_change_is_noted(moved: Setting) -> None:
    moved.target.end += 1
    moved.source.end += 1
    assert connect(moved).changed
    receipt = SnapshotFiles(str(moved.folder / "node1")).read_receipt()
    assert receipt is not None and receipt.offset == moved.target.end


def test_a_source_that_moved_on_is_not_connected_over(moved: Setting) -> None:
    moved.source.contracts.append(contract("00a9", ALICE))
    moved.source.end += 1
    error = refused(lambda: connect(moved))
    assert error.error_id == "source_moved_on" and "export and import again" in error.hint
    assert ("connect", "newsync") not in moved.target.changes


@pytest.mark.parametrize("parties", [[ALICE], [ALICE, BOB, "Late::1220"]])
def test_another_selection_is_not_connected(moved: Setting, parties: list[str]) -> None:
    moved.parties = [ALICE] if len(parties) == 1 else [BOB]
    error = refused(lambda: connect(moved))
    assert error.error_id == "snapshot_of_another_selection"


def test_contracts_that_were_lost_before_the_connect(moved: Setting) -> None:
    """The target's database was restored: it shows fewer contracts, and has no archival of them."""
    change(moved, gone="00a1")
    error = refused(lambda: connect(moved))
    assert error.error_id == "contracts_differ" and error.details["missing"] == ["00a1"]
    assert moved.load().changed and moved.there() == MOVED
    assert connect(moved).changed


@pytest.mark.parametrize("what", ["archived", "created"])
def test_a_target_that_served_is_left_as_it_is(moved: Setting, what: str) -> None:
    """While it is disconnected, what is gone may have been purged by hand: it is not connected over that."""
    change(moved, "00a1", archived=True) if what == "archived" else change(moved, new="00e1")
    before = moved.there()
    for again in (lambda: connect(moved), moved.load, moved.verify):
        error = refused(again)
        assert error.error_id == "target_has_transacted" and "node1.receipt.json" in error.hint
    moved.target.known = [synchronizer("newsync")]
    assert not connect(moved).changed and not moved.load().changed and moved.there() == before


def test_a_connected_target_of_canton_2_may_have_served(moved: Setting) -> None:
    """It cannot say what it archived; what it had at the last proof is what was imported."""
    moved.target.major = 2
    change(moved, "00a1")
    assert refused(moved.verify).error_id == "serving_unknown"
    moved.target.known = [synchronizer("newsync")]
    assert not moved.verify().changed


def test_a_source_that_serves_is_not_connected_over(moved: Setting) -> None:
    moved.source.known = [synchronizer("oldsync")]
    assert refused(lambda: connect(moved)).error_id == "still_connected"


def test_many_contracts_are_sampled(moved: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "ASKED", 2)
    gone = {f"{number:04}" for number in range(10)}
    moved.target.archived = {"0005"}
    assert serving.archived_of(moved.target, gone, [ALICE]) == ["0005"]
    moved.target.major = 2
    assert serving.archived_of(moved.target, gone, [ALICE]) is None
