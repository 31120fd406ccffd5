# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A move is taken back, or its copies are cleaned up."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils._participant.replication.one_synchronizer import STEPS, THEIRS, Killed, Node, Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, CAROL, NEW, OLD, OLD_SYNC, contract, hosting


@pytest.mark.parametrize("last", STEPS[:-1])
def test_taking_it_back_and_moving_again(setting: Setting, last: str) -> None:
    setting.up_to(last)
    setting.run("withdrawn")
    assert setting.net.mappings[ALICE] == hosting(ALICE, OLD)
    assert setting.net.mappings[BOB] == hosting(BOB, OLD, permission="confirmation")
    # that with Zoe is the target's own
    assert setting.ids(setting.target, ALICE, BOB) == {"00z1"}
    assert setting.target.links() == [(True, False)]
    assert setting.journal()["parties"] == {} and not list((setting.folder).glob("node1.parties/*"))
    assert not setting.run("withdrawn").changed
    setting.target.clearing = 2
    setting.all()
    assert setting.ids(setting.target, ALICE, BOB) == THEIRS and setting.net.mappings[BOB].host(NEW)


@pytest.mark.parametrize("call", [("source", "host"), ("target", "purge")])
def test_taking_it_back_is_killed(setting: Setting, call: tuple[str, str]) -> None:
    setting.up_to("imported")
    node: Node = getattr(setting, call[0])
    for after in (False, True):
        node.dies_at, node.dies_after = call[1], after
        with pytest.raises(Killed):
            setting.run("withdrawn")
    node.dies_at = ""
    setting.run("withdrawn")
    assert setting.ids(setting.target, ALICE, BOB) == {"00z1"} and setting.target.links() == [(True, False)]


def test_what_the_target_hears_of_when_it_comes_back_is_purged_as_well(setting: Setting) -> None:
    setting.up_to("imported")
    setting.target.arriving = [contract("00a9", ALICE)]
    setting.run("withdrawn")
    assert setting.ids(setting.target, ALICE, BOB) == {"00z1"} and setting.target.links() == [(True, False)]


def test_there_is_no_way_back_from_the_end(setting: Setting) -> None:
    setting.all()
    assert refused(lambda: setting.run("withdrawn")).error_id == "point_of_no_return"


def test_taking_back_in_check_mode(setting: Setting) -> None:
    setting.up_to("imported")
    outcome = setting.run("withdrawn", check=True)
    assert outcome.changed and outcome.before["contracts_on_target"] == 4
    assert setting.net.mappings[ALICE].host(NEW)


def test_a_lost_journal_is_taken_back_with_the_parties_by_name(setting: Setting) -> None:
    setting.up_to("imported")
    (setting.folder / "node1.parties.json").unlink()
    setting.run("withdrawn")
    assert setting.ids(setting.target, ALICE, BOB) == {"00z1"}


def test_purging_the_copies_of_the_source(setting: Setting) -> None:
    setting.all()
    assert setting.run("purged", check=True).result["purged"] == 4
    setting.source.dies_at, setting.source.dies_after = "purge", True
    with pytest.raises(Killed):
        setting.run("purged")
    setting.source.dies_at = ""
    setting.run("purged")
    # that with Carol, who stays, is needed there
    assert setting.ids(setting.source, ALICE, BOB) == {"00c2"}
    assert setting.ids(setting.source, CAROL) == {"00c1", "00c2"}
    assert setting.source.links() == [(True, False)] and not setting.run("purged").changed
    assert setting.source.hostings(OLD_SYNC, OLD)
