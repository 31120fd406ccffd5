# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules that look at one participant: participant_info and participant_ping."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.fakes import new_participant
from unit.plugins.modules.support import SOURCE, TARGET, Participants
from unit.plugins.samples import ALICE, BOB, CAROL, NEW, NEW_SYNC, OLD, PACKAGE, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Pong, Right, User
from ansible_collections.ledgerops.canton.plugins.modules import participant_info, participant_ping


def test_info(participants: Participants) -> None:
    participants.source.people = [
        User("participant_admin"),
        User("app", rights=frozenset({Right("can_act_as", ALICE)})),
    ]
    everything = ["identity", "synchronizers", "keys", "parties", "packages", "users", "contracts"]
    values = participants.run(participant_info, endpoint=SOURCE, gather=everything)
    assert values["changed"] is False and participants.source.changes == []
    assert values["identity"]["uid"] == OLD and values["identity"]["kms_backed"] is False
    assert [item["alias"] for item in values["synchronizers"]] == ["oldsync"]
    assert set(values["keys"][0]) == {"fingerprint", "name", "purpose", "usage", "spec", "kms_key_id"}
    parties = {item["party"]: item["permission"] for item in values["parties"]["oldsync"]}
    assert parties == dict.fromkeys((ALICE, BOB, CAROL, OLD), "submission")
    assert values["packages"]["dars"] == [{"main": PACKAGE, "name": "app", "version": "1.0.0"}]
    assert values["packages"]["vetted"] == {"oldsync": 1}
    assert [(user["id"], user["rights"]) for user in values["users"]] == [("app", [f"can_act_as({ALICE})"])]
    assert (values["contracts"]["active"], values["contracts"]["ledger_end"]) == (4, 10)


def test_info_reads_only_what_is_asked_for(participants: Participants) -> None:
    participants.target.people = []
    values = participants.run(participant_info, endpoint=TARGET)
    assert values["identity"]["kms_backed"] is True
    assert "users" not in values and "contracts" not in values


@pytest.mark.parametrize(("target", "pinged"), [({}, NEW), ({"target": OLD}, OLD)])
def test_ping(participants: Participants, target: dict[str, Any], pinged: str) -> None:
    participants.target = new_participant(known=[synchronizer("newsync")])
    options: dict[str, Any] = {"endpoint": TARGET, "synchronizer": "newsync", **target}
    assert not participants.run(participant_ping, check=True, **options)["changed"]
    assert participants.target.changes == []
    values = participants.run(participant_ping, **options)
    assert (values["changed"], values["success"], values["millis"], values["responder"]) == (False, True, 40, NEW)
    assert participants.target.changes == [("ping", pinged, NEW_SYNC)]


@pytest.mark.parametrize("check", [True, False])
def test_ping_needs_a_connection(participants: Participants, check: bool) -> None:
    values = participants.run(participant_ping, check=check, endpoint=TARGET, synchronizer="newsync")
    assert values["failed"] and values["error_id"] == "not_connected" and "cannot transact" in values["msg"]


def test_ping_without_an_answer(participants: Participants) -> None:
    participants.target = new_participant(known=[synchronizer("newsync")], pong=Pong(False, reason="timed out"))
    values = participants.run(participant_ping, endpoint=TARGET, synchronizer="newsync")
    assert values["failed"] and values["error_id"] == "ping_failed" and "timed out" in values["msg"]
