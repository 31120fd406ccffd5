# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils._participant.replication.one_synchronizer import (
    STEPS,
    THEIRS,
    ZOE,
    Killed,
    Node,
    Setting,
)
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, CAROL, NEW, OLD, OLD_NAMESPACE, contract, hosting, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, OnboardingUnknown
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Host, Hosting
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.replication import steps

# -- the whole way ----------------------------------------------------------------------------------------------------


def test_a_whole_move_in_the_recorded_order(setting: Setting) -> None:
    outcomes = setting.all()
    assert all(outcome.changed for outcome in outcomes)
    assert [change[0] for change in setting.source.changes] == ["propose", "add", "add", "export", "export"]
    assert [change[0] for change in setting.target.changes] == [
        "manual",
        "disconnect",
        "sign",
        "import",
        "import",
        "import",
        "import",
        "automatic",
        "connect",
        "clear",
        "clear",
        "host",
    ]
    assert setting.net.mappings[ALICE] == hosting(ALICE, NEW)
    assert setting.net.mappings[BOB] == hosting(BOB, NEW, permission="confirmation")
    assert setting.net.mappings[CAROL] == hosting(CAROL, OLD)
    assert setting.ids(setting.target, ALICE, BOB) == THEIRS == setting.ids(setting.source, ALICE, BOB)
    assert setting.target.links() == [(True, False)]


def test_again_changes_nothing(setting: Setting) -> None:
    setting.all()
    changes = [*setting.source.changes, *setting.target.changes]
    outcomes = setting.all(*STEPS, "verified")
    assert not any(outcome.changed for outcome in outcomes)
    assert [*setting.source.changes, *setting.target.changes] == changes
    assert not any(outcome.changed for outcome in setting.all(wanted=None, excluded=[CAROL]))


def test_check_mode_changes_nothing_and_foretells_every_step(setting: Setting) -> None:
    outcomes = setting.all(check=True)
    assert all(outcome.changed for outcome in outcomes)
    assert outcomes[0].before == {"parties": {ALICE: "source", BOB: "source"}}
    assert [outcome.after["parties"][ALICE] for outcome in outcomes if "parties" in outcome.after] == [  # type: ignore[index]
        "proposed",
        "onboarding",
        "both",
        "target",
    ]
    assert not setting.source.changes and not setting.target.changes and not list(setting.folder.iterdir())


# -- interruptions ----------------------------------------------------------------------------------------------------

CALLS = [
    *(("source", call) for call in ("propose", "add", "export")),
    *(("target", call) for call in ("sign", "import", "clear", "host")),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("side", "call"), CALLS)
def test_killed_and_started_again(setting: Setting, side: str, call: str, after: bool) -> None:
    node: Node = getattr(setting, side)
    node.dies_at, node.dies_after = call, after
    with pytest.raises(Killed):
        setting.all()
    node.dies_at = ""
    setting.all()
    assert setting.net.mappings[ALICE] == hosting(ALICE, NEW)
    assert setting.ids(setting.target, ALICE, BOB) == THEIRS
    assert setting.run("verified").result["contracts"] == len(THEIRS)
    assert setting.target.links() == [(True, False)] and setting.journal()["target_away"] == {}


def test_the_target_is_held_from_the_activation_to_the_proof(setting: Setting) -> None:
    assert [outcome.result["held"] for outcome in setting.all()] == [False, True, True, False, False, False]


def test_the_target_stays_away_until_the_contracts_are_proven(setting: Setting) -> None:
    setting.up_to("exported")
    assert refused(lambda: setting.run("onboarded")).error_id == "not_imported"
    assert setting.target.links() == [(False, True)]
    assert setting.run("proposed", check=True).result["held"] is True


def test_a_party_that_comes_while_the_target_is_held_waits(setting: Setting) -> None:
    setting.up_to("activated")
    late = f"Dora::{OLD_NAMESPACE}"
    setting.net.mappings[late] = hosting(late, OLD)
    outcomes = setting.all(wanted=[ALICE, BOB, late])
    assert outcomes[0].result["waiting"] == [late] and "are too late" in outcomes[0].warnings[0]
    assert setting.net.mappings[late] == hosting(late, OLD) and setting.net.mappings[ALICE] == hosting(ALICE, NEW)
    setting.all(wanted=[ALICE, BOB, late])
    assert setting.net.mappings[late] == hosting(late, NEW)
    assert setting.run("verified", wanted=None, excluded=[CAROL]).result["contracts"] == len(THEIRS)


def test_a_lost_proposal_is_sent_again(setting: Setting) -> None:
    setting.source.lose = 1
    setting.run("proposed")
    assert set(setting.net.proposals) == {ALICE, BOB}
    assert setting.source.changes == [("propose",), ("propose",)]


def test_a_proposal_that_never_comes(setting: Setting) -> None:
    setting.source.lose = 1_000_000
    assert refused(lambda: setting.run("proposed")).error_id == "not_effective"


def test_clearing_waits_for_a_target_that_knows_nothing_yet(setting: Setting) -> None:
    setting.target.refuses["clear"] = OnboardingUnknown("no mapping")
    setting.options["seconds"] = 5.0
    setting.all()


def test_clearing_that_takes_too_long(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LONGEST_PAUSE", 0.05)
    setting.target.clearing = 1_000_000
    setting.options["seconds"] = 0.2
    error = refused(setting.all)
    assert error.error_id == "onboarding_not_cleared" and "2 parties" in error.message


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error_id"),
    [
        (lambda s: setattr(s.source, "major", 2), "not_offered"),
        (lambda s: setattr(s.target, "lacks", ["ImportPartyAcsRequest.party_id"]), "not_offered"),
        (
            lambda s: setattr(s.target, "known", [replace(synchronizer("x"), alias="shared")]),
            "not_the_same_synchronizer",
        ),
        (lambda s: s.source.flying.__setitem__(0, 2), "in_flight"),
        (lambda s: s.target.dar_contents.clear(), "packages_missing"),
        (lambda s: s.target.delegated.clear(), "not_delegated"),
        (
            lambda s: (
                s.options.update(wanted=["Eve::1220ee"])
                or s.net.mappings.update({"Eve::1220ee": hosting("Eve::1220ee", OLD)})
            ),
            "parties_not_movable",
        ),
        (lambda s: s.options.update(wanted=[OLD]), "parties_not_movable"),
        (lambda s: s.options.update(wanted=[ZOE]), "parties_not_movable"),
        (lambda s: s.options.update(wanted=["No::1220"]), "parties_not_movable"),
        (lambda s: s.net.mappings.update({ALICE: hosting(ALICE, OLD, NEW)}), "parties_not_movable"),
        (lambda s: s.net.mappings.update({ALICE: hosting(ALICE, OLD, "third::1220")}), "parties_not_movable"),
        (
            lambda s: s.net.mappings.update(
                {ALICE: Hosting(ALICE, 1, (Host(OLD, "submission"), Host(NEW, "submission", True)))}
            ),
            "parties_not_movable",
        ),
        (
            lambda s: s.source.contracts.append(contract("00a9", ALICE, on="x::1220")),
            "contracts_on_other_synchronizers",
        ),
        (lambda s: s.source.disconnect("shared"), "not_connected"),
        (lambda s: s.target.disconnect("shared"), "not_connected"),
        (lambda s: s.source.refuses.update(propose=CantonError("no key", "X")), "X"),
    ],
)
def test_refusals(setting: Setting, change: Any, error_id: str) -> None:
    change(setting)
    assert refused(setting.all).error_id == error_id


def test_packages_that_are_only_stored(setting: Setting) -> None:
    setting.target.vetted.clear()
    for state in ("proposed", "activated", "exported"):
        setting.run(state)
    (warning,) = setting.run("imported").warnings
    assert "has not vetted 1 packages" in warning


def test_steps_that_come_too_early(setting: Setting) -> None:
    assert refused(lambda: setting.run("activated")).error_id == "not_proposed"
    assert refused(lambda: setting.run("moved")).error_id == "not_onboarded"
    assert refused(lambda: setting.run("purged")).error_id == "not_moved"
    setting.up_to("activated")
    assert refused(lambda: setting.run("imported")).error_id == "snapshot_missing"


def test_proposals_that_the_target_has_not_seen(setting: Setting) -> None:
    setting.run("proposed")
    setting.net.proposals, kept = {}, setting.net.proposals
    setting.target.disconnect("shared")
    setting.net.proposals = kept
    error = refused(lambda: setting.run("activated"))
    assert error.error_id == "proposals_not_seen" and not setting.net.since


def test_a_busy_source_keeps_its_target_connected(setting: Setting) -> None:
    setting.source.flying = [1]
    assert refused(setting.all).error_id == "in_flight"
    assert setting.target.links() == [(True, False)]
