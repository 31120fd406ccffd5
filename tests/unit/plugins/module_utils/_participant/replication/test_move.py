# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where parties stand, how both sides are compared, and how a participant is kept away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils._participant.replication.one_synchronizer import Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, NEW, OLD, contract, synchronizer


def test_two_parties_at_the_same_moment_would_lose_what_they_share(setting: Setting) -> None:
    """Why they become effective one after the other; and the proof is the net below."""
    setting.up_to("activated")
    moment = setting.net.since[ALICE, NEW]
    setting.net.since[BOB, NEW] = moment
    setting.all("exported")
    error = refused(lambda: setting.run("imported"))
    assert error.error_id == "contracts_differ" and error.details["missing"] == ["00a2"]
    assert setting.target.links() == [(False, True)]


@pytest.mark.parametrize(
    ("stale", "missing", "unexpected"), [(None, ["00a9"], []), (contract("00f0", BOB), ["00a9"], ["00f0"])]
)
def test_a_difference_before_the_reconnect(
    setting: Setting, stale: Any, missing: list[str], unexpected: list[str]
) -> None:
    setting.up_to("exported")
    setting.source.contracts.append(contract("00a9", ALICE))
    if stale:
        setting.target.contracts.append(stale)
    error = refused(lambda: setting.run("imported"))
    assert (error.details["missing"], error.details["unexpected"]) == (missing, unexpected)
    assert missing[0] in error.message and "withdrawn" in error.hint
    assert refused(lambda: setting.run("onboarded")).error_id == "not_imported"


def test_a_contract_on_the_wrong_synchronizer_is_no_proof(setting: Setting) -> None:
    setting.up_to("exported")
    setting.target.contracts.append(contract("00a1", ALICE, on="x::1220"))
    setting.source.contracts.remove(contract("00a1", ALICE))
    setting.source.contracts.append(contract("00a1", ALICE, on="x::1220"))
    assert "on another synchronizer" in refused(lambda: setting.run("imported")).message


def test_a_difference_once_both_host(setting: Setting) -> None:
    setting.up_to("onboarded")
    setting.target.contracts.remove(contract("00a1", ALICE))
    assert refused(lambda: setting.run("moved")).details["missing"] == ["00a1"]
    assert setting.net.mappings[ALICE].host(OLD)


def test_a_target_that_was_connected_by_hand_meanwhile(setting: Setting) -> None:
    setting.up_to("activated")
    setting.target.connect("shared")
    for state in ("proposed", "activated", "exported", "imported"):
        assert refused(lambda state=state: setting.run(state)).error_id == "connected_too_early"


def test_other_synchronizers_of_the_target_are_left_and_joined_again(setting: Setting) -> None:
    others = [synchronizer("other"), replace(synchronizer("off", connected=False), manual_connect=True)]
    setting.target.known += others
    setting.up_to("imported")
    assert setting.target.links() == [(False, True), (False, True), (False, True)]
    setting.all("onboarded")
    assert setting.target.links() == [(True, False), (True, False), (False, True)]


def test_excluding_a_party_whose_move_has_begun(setting: Setting) -> None:
    setting.run("proposed")
    assert refused(lambda: setting.run("proposed", excluded=[BOB])).error_id == "excluded_while_moving"
