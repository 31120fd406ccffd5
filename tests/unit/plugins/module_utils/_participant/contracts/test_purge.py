# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking contracts off a target again: what, when not, interrupted, and the proof."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.plugins.module_utils._participant.support import MOVED, Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, CAROL, NEW_SYNC, OLD_SYNC, contract, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts import purge

OTHERS = contract("00ff", CAROL, on=NEW_SYNC)

# what every transfer leaves for later ones
LEFT = {"throughput.json"}


@pytest.fixture
def moved(at: Setting) -> Setting:
    """A pair whose contracts have been exported and imported; another one was on the target before."""
    at.target.contracts.append(OTHERS)
    at.export()
    at.load()
    at.target.past[at.target.end] = list(at.target.contracts)
    return at


def taken_back(at: Setting, check: bool = False, source: bool = False) -> Outcome:
    return purge.ensure_purged(at.task(check=check, source=source))


def test_exactly_what_was_imported_goes(moved: Setting) -> None:
    predicted = taken_back(moved, check=True)
    assert moved.there() == MOVED | {"00ff"}
    outcome = taken_back(moved)
    assert outcome.exit_values(True) == predicted.exit_values(True)
    assert outcome.before == {"active": 3, "import_noted": True}
    assert outcome.after == {"active": 0, "import_noted": False}
    assert (outcome.result["contracts"], outcome.result["left"]) == (3, 0)
    assert moved.there() == {"00ff"}
    assert moved.target.changes[-1] == ("purge", "newsync", sorted(MOVED), [ALICE, BOB])
    # the note stays, as a purged contract looks like an archived one
    moved.target.archived |= MOVED
    assert moved.files() - LEFT == {"node1.acs.gz", "node1.manifest.json", "node1.purge.json"}
    assert not taken_back(moved).changed


def test_what_was_purged_can_be_imported_again(moved: Setting) -> None:
    taken_back(moved)
    assert moved.load().changed
    assert moved.there() == MOVED | {"00ff"}
    assert "node1.purge.json" not in moved.files()


@pytest.mark.parametrize("what", ["archived", "created", "both"])
def test_point_of_no_return(moved: Setting, what: str) -> None:
    if what != "created":
        moved.target.contracts = [item for item in moved.target.contracts if item.contract_id != "00a1"]
        moved.target.archived.add("00a1")
    if what != "archived":
        moved.target.contracts.append(contract("00e1", BOB, on=NEW_SYNC))
    moved.target.end += 1
    before = moved.there()
    for check in (True, False):
        error = refused(lambda check=check: taken_back(moved, check))
        assert error.error_id == "target_has_transacted"
        assert "reverse migration" in error.hint
        assert error.details == {
            "gone": [] if what == "created" else ["00a1"],
            "new": [] if what == "archived" else ["00e1"],
        }
    assert moved.there() == before
    assert "node1.receipt.json" in moved.files()


def test_a_target_that_served_is_refused_without_a_receipt_too(moved: Setting) -> None:
    (moved.folder / "node1.receipt.json").unlink()
    moved.target.contracts = [item for item in moved.target.contracts if item.contract_id != "00a1"]
    moved.target.archived.add("00a1")
    moved.target.end += 1
    assert refused(lambda: taken_back(moved)).error_id == "target_has_transacted"
    assert moved.there() == {"00a2", "00b1", "00ff"}


def test_what_cannot_be_told_is_refused(moved: Setting) -> None:
    """Canton 2 cannot say whether a contract that is gone was archived."""
    moved.target.major = 2
    moved.target.end += 1
    moved.target.contracts = [item for item in moved.target.contracts if item.contract_id != "00a1"]
    assert refused(lambda: taken_back(moved)).error_id == "serving_unknown"


def test_life_of_other_parties_is_no_obstacle(moved: Setting) -> None:
    moved.target.contracts.append(contract("00e2", CAROL, on=NEW_SYNC))
    moved.target.end += 1
    assert taken_back(moved).changed
    assert moved.there() == {"00ff", "00e2"}


def test_interrupted_purge_is_carried_on(moved: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "BATCH", 1)
    moved.target.purge_breaks = 2
    assert refused(lambda: taken_back(moved)).error_id == "unreachable"
    assert moved.there() == {"00b1", "00ff"}
    # no receipt any more: a half-purged target must not look like a finished import
    assert moved.files() - LEFT == {"node1.acs.gz", "node1.manifest.json", "node1.purge.json"}
    moved.target.purge_breaks = None
    assert taken_back(moved).before == {"active": 1, "import_noted": True}
    assert moved.there() == {"00ff"}
    assert not taken_back(moved).changed


@pytest.mark.parametrize("new", [True, False])
def test_transactions_after_an_interrupted_purge_are_seen(
    moved: Setting, monkeypatch: pytest.MonkeyPatch, new: bool
) -> None:
    monkeypatch.setattr(purge, "BATCH", 1)
    moved.target.purge_breaks = 0
    refused(lambda: taken_back(moved))
    if new:
        moved.target.contracts.append(contract("00e1", BOB, on=NEW_SYNC))
    else:  # the last one is gone, whose turn it was not
        moved.target.contracts = [item for item in moved.target.contracts if item.contract_id != "00b1"]
    moved.target.end += 1
    moved.target.purge_breaks = None
    assert refused(lambda: taken_back(moved)).error_id == "target_has_transacted"


def test_import_that_was_never_proven(at: Setting) -> None:
    """Some batches came, and the answer was an error: 3.4 keeps what came."""
    at.export()
    at.target.contracts += [contract("00a1", ALICE, on=NEW_SYNC), contract("00e9", BOB, on=NEW_SYNC)]
    assert taken_back(at).before == {"active": 1, "import_noted": False}
    assert at.there() == {"00e9"}


def test_snapshot_that_is_gone(moved: Setting) -> None:
    """What the target showed when the import was proven is as good, if it is what the manifest says."""
    (moved.folder / "node1.acs.gz").unlink()
    assert taken_back(moved, check=True).before["active"] == 3
    moved.target.past[moved.target.end].append(contract("00d1", ALICE, on=NEW_SYNC))
    moved.target.contracts.append(contract("00d1", ALICE, on=NEW_SYNC))
    assert refused(lambda: taken_back(moved)).error_id == "snapshot_missing"


def test_nothing_is_purged_that_the_source_does_not_have(moved: Setting) -> None:
    moved.source.contracts = [item for item in moved.source.contracts if item.contract_id != "00a2"]
    error = refused(lambda: taken_back(moved, source=True))
    assert (error.error_id, error.details) == ("source_misses_contracts", {"missing": ["00a2"]})
    assert moved.there() == MOVED | {"00ff"}


def test_what_the_source_has_is_told(at: Setting) -> None:
    """Also when nothing was imported, and when the file is no help."""
    at.export()
    assert taken_back(at, source=True).result["missing_on_source"] == []
    (at.folder / "node1.acs.gz").write_bytes(b"damaged")
    assert taken_back(at, source=True).result["missing_on_source"] == []
    at.source.contracts.pop(0)
    assert "missing_on_source" not in taken_back(at, source=True).result


def test_receipt_of_another_snapshot(moved: Setting) -> None:
    receipt = moved.folder / "node1.receipt.json"
    receipt.write_text(receipt.read_text().replace('"sha256": "', '"sha256": "00'))
    assert refused(lambda: taken_back(moved)).error_id == "receipt_of_another_snapshot"


def test_connected_target_is_refused_and_predicted(moved: Setting) -> None:
    moved.target.known = [synchronizer("newsync")]
    assert taken_back(moved, check=True).changed
    assert refused(lambda: taken_back(moved)).error_id == "still_connected"
    assert "node1.receipt.json" in moved.files()


def test_contracts_that_stay_fail(moved: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moved.target, "purge_contracts", lambda *_: None)
    error = refused(lambda: taken_back(moved))
    assert (error.error_id, error.details["left"]) == ("contracts_not_purged", sorted(MOVED))


def test_what_the_source_has_archived_since(at: Setting, tmp_path: Path) -> None:
    at.target.contracts = [
        contract("00a1", ALICE, on=NEW_SYNC),
        contract("00e1", BOB, on=NEW_SYNC),
        contract("00e2", BOB, on=OLD_SYNC),
        OTHERS,
    ]
    outcome = purge.ensure_purged(at.task(pipe=True))
    assert (outcome.result["contracts"], outcome.result["left"]) == (1, 1)
    assert at.there() == {"00a1", "00e2", "00ff"}
    assert not purge.ensure_purged(at.task(pipe=True)).changed


def test_parties_that_the_source_does_not_host_are_not_compared(at: Setting) -> None:
    at.parties = [ALICE, "Nobody::1220"]
    assert refused(lambda: purge.ensure_purged(at.task(pipe=True))).error_id == "unknown_parties"


def test_named_contracts(moved: Setting) -> None:
    task = moved.task(pipe=True, source=False)
    outcome = purge.ensure_purged(task, ["00a1", "00ff", "00zz"])
    # 00ff is of a party that was not asked for
    assert (outcome.result["contracts"], len(outcome.warnings)) == (1, 1)
    assert moved.there() == {"00a2", "00b1", "00ff"}
    moved.parties = []
    purge.ensure_purged(moved.task(pipe=True, source=False), ["00ff"])
    assert moved.there() == {"00a2", "00b1"}


def test_neither_path_nor_ids_nor_source(at: Setting) -> None:
    with pytest.raises(CantonError, match="source"):
        purge.ensure_purged(at.task(pipe=True, source=False))
