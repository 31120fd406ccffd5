# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The preflight of a move on one synchronizer: what it needs beyond the other one, and what is no obstacle here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.fakes import new_participant, old_participant
from unit.plugins.module_utils._participant.preflight import support
from unit.plugins.samples import ALICE, BOB, CAROL, NEW, OLD, OLD_SYNC, contract, hosting, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Host
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.examine import examine
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.findings import Finding

REQUEST = replace(support.REQUEST, method="same_synchronizer", accept_unsupported=True)
ONE = replace(synchronizer("oldsync"), alias="newsync")
ACCEPTED = ("unsupported_by_vendor", "warning")


def look(
    source: dict[str, Any] | None = None, target: dict[str, Any] | None = None, **options: Any
) -> tuple[list[tuple[str, str]], dict[str, Any], list[Finding]]:
    fresh = {"hosted": {}, "known": [ONE], **(target or {})}
    known = {"known": [synchronizer("oldsync")], **(source or {})}
    found = examine(old_participant(**known), new_participant(**fresh), replace(REQUEST, **options))
    return support.severities(found.all), found.plan.as_dict(), found.all


def test_accepted() -> None:
    found, plan, findings = look()
    assert found == [ACCEPTED] and "not supported" in findings[0].message
    assert (plan["method"], plan["parties"], plan["contracts"]) == ("same_synchronizer", 3, 4)


def test_it_must_be_asked_for() -> None:
    assert look(accept_unsupported=False)[0] == [("unsupported_by_vendor", "error")]
    assert look(method="other_synchronizer")[0] == [("same_synchronizer", "error")]


def test_two_synchronizers() -> None:
    found, _plan, findings = look(target={"known": [synchronizer("newsync")]})
    assert found == [ACCEPTED, ("different_synchronizers", "error")]
    assert "oldsync::1220cccccccc… and newsync::1220cccccccc…" in findings[1].message


@pytest.mark.parametrize(("source", "target"), [("3.4.12", "3.5.10"), ("3.5.10", "3.4.12"), ("3.4.12", "3.4.12")])
def test_only_within_3_5(source: str, target: str) -> None:
    found, _plan, findings = look({"status": support.status(OLD, source)}, {"status": support.status(NEW, target)})
    assert found == [("same_synchronizer_release", "error"), ACCEPTED]
    assert f"source runs Canton {source} and the target {target}" in findings[0].message


def test_onboarding_flag_of_3_4_8() -> None:
    found = look({"status": support.status(OLD, "3.4.12")}, {"status": support.status(NEW, "3.4.8")})[0]
    assert ("known_bug_3_4_8_onboarding_flag", "error") in found


def test_a_move_that_has_begun_is_no_obstacle() -> None:
    """Alice is on her way and Bob has arrived, so the source's copies of Bob's contracts grow old; Carol has not begun."""
    on_her_way = replace(hosting(ALICE, OLD), hosts=(Host(OLD, "submission"), Host(NEW, "submission", onboarding=True)))
    hosted = {OLD_SYNC: [on_her_way, hosting(BOB, NEW), hosting(CAROL, OLD)]}
    target = {"contracts": [contract("00f1", BOB), contract("00f2", ALICE, BOB)]}
    found, plan, _findings = look({"hosted": hosted}, target, parties=[ALICE, BOB, CAROL])
    assert found == [ACCEPTED] and plan["parties"] == 2
    found, plan, _findings = look({"hosted": hosted}, target)
    assert found[0] == ACCEPTED and plan["parties"] == 2


def test_a_finished_move_is_no_obstacle() -> None:
    hosted = {OLD_SYNC: [hosting(party, NEW) for party in (ALICE, BOB, CAROL)]}
    found, plan, _findings = look({"hosted": hosted})
    assert [item for item in found if item[1] == "error"] == [] and plan["parties"] == 0


def test_parties_of_others_are_refused_as_ever() -> None:
    shared = hosting(BOB, OLD, "third::1220")
    native = hosting("Eve::1220" + "e" * 64, OLD, NEW)
    found, plan, _findings = look({"hosted": {OLD_SYNC: [hosting(ALICE, OLD), shared, native]}})
    assert found.count(("party_not_movable", "error")) == 2 and plan["parties"] == 1


def test_going_back_to_a_participant_that_was_left() -> None:
    found, _plan, findings = look(target={"contracts": [contract("00a1", ALICE), contract("00f1", ALICE)]})
    assert found == [ACCEPTED, ("stale_contracts_on_target", "error")] and "00f1" in findings[1].message
