# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What proves a transfer, and what differs, by its ids."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils._participant.support import MOVED, Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, CAROL, NEW_SYNC, contract, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts import proof
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.snapshot import SnapshotFiles


def test_verified_contracts_may_live_on(at: Setting) -> None:
    """The proof is about the offset of the import; a real ledger API answers for that offset."""
    at.transfer()
    receipt = SnapshotFiles(str(at.folder / "node1")).read_receipt()
    assert receipt is not None and receipt.offset == at.target.end


def test_verify_needs_a_receipt(at: Setting) -> None:
    at.export()
    assert refused(at.verify).error_id == "receipt_missing"


@pytest.mark.parametrize("pipe", [True, False])
def test_import_that_answers_ok_and_imports_nothing(at: Setting, pipe: bool) -> None:
    at.target.import_breaks = True
    error = refused(lambda: at.transfer(pipe=pipe))
    assert error.error_id == "contracts_differ" and "shows 0 of the 3 contracts" in error.message
    assert "Do not connect the target" in error.hint and "node1.receipt.json" not in at.files()
    if not pipe:
        assert error.details["missing"] == sorted(MOVED) and "3 are missing, first 00a1" in error.message


def test_differences_are_named_per_party(at: Setting) -> None:
    at.transfer()
    here = {item.contract_id: item for item in at.target.contracts}
    there = list(here.values())
    at.target.contracts = [
        replace(here["00a1"], synchronizer="third::1220"),
        replace(here["00a2"], stakeholders=here["00a2"].stakeholders | {CAROL}),
        *there[2:-1],
        contract("00zz", ALICE, BOB, on=NEW_SYNC),
    ]
    at.target.end += 1
    at.target.known = [synchronizer("newsync")]
    lost = there[-1].contract_id
    error = refused(at.verify)
    assert error.error_id == "contracts_differ"
    assert error.details["missing"] == [lost] and error.details["unexpected"] == ["00zz"]
    assert error.details["misplaced"] == {"00a1": "third::1220"}
    assert error.details["altered"] == ["00a2"]
    parties = error.details["differing_parties"]
    assert isinstance(parties, dict) and parties[BOB] == {"missing": [lost], "unexpected": ["00zz"]}
    for text in (
        f"1 are missing, first {lost}",
        "1 are not in the snapshot, first 00zz",
        "1 are on another synchronizer, first 00a1 on third::1220",
        "1 have other stakeholders or another package, first 00a2",
        "which has 00zz in addition" if lost not in str(parties[ALICE]["missing"]) else f"which lacks {lost}",
    ):
        assert text in error.message


def test_contract_of_another_package(at: Setting) -> None:
    at.transfer()
    at.target.contracts[0] = replace(at.target.contracts[0], package_id="pkg-other")
    at.target.end += 1
    error = refused(at.verify)
    assert error.details["altered"] == [at.target.contracts[0].contract_id] and error.details["missing"] == []
    assert error.details["differing_parties"] == {}


def test_an_index_that_lags_is_looked_at_again(monkeypatch: pytest.MonkeyPatch, at: Setting) -> None:
    monkeypatch.setattr(proof, "VISIBLE_SECONDS", 60.0)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    shown, looks = at.target.active_contracts, []

    def lagging(parties: Any, offset: Any) -> Any:
        looks.append(offset)
        return list(shown(parties, offset))[: len(looks) - 1]

    at.export()
    monkeypatch.setattr(at.target, "active_contracts", lagging)
    assert at.load().result["contracts"] == 3 and len(looks) > 3
