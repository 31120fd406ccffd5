# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.fakes import Fake, new_participant
from unit.plugins.refusals import refused
from unit.plugins.samples import NEW_SYNC, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Synchronizer
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import synchronizers

NEVER = Synchronizer("never", "", False, False, False)


def participant(**values: Any) -> Any:
    return new_participant(known=[synchronizer("newsync"), synchronizer("newsync2", connected=False), NEVER], **values)


@pytest.mark.parametrize("wanted", ["newsync", NEW_SYNC, NEW_SYNC + "::35-0"])
def test_find_by_alias_or_id(wanted: str) -> None:
    found = synchronizers.find(participant(), wanted)
    assert (found.alias, found.id) == ("newsync", NEW_SYNC)


@pytest.mark.parametrize("wanted", ["new", "newsync3", NEW_SYNC[:-1], NEW_SYNC + "::34-0"])
def test_nothing_else_is_found(wanted: str) -> None:
    error = refused(lambda: synchronizers.find(participant(), wanted))
    assert error.error_id == "unknown_synchronizer"
    assert wanted in error.message and "never, newsync, newsync2" in error.hint


def test_an_empty_name_finds_nothing() -> None:
    assert refused(lambda: synchronizers.find(participant(), "")).error_id == "unknown_synchronizer"


def test_ids() -> None:
    assert synchronizers.known_id(participant(), "newsync2").startswith("newsync2::")
    assert synchronizers.connected_id(participant(), "newsync", "why") == NEW_SYNC
    error = refused(lambda: synchronizers.known_id(participant(), "never"))
    assert error.error_id == "synchronizer_never_connected" and "participant_synchronizer" in error.hint
    error = refused(lambda: synchronizers.connected_id(participant(), "newsync2", "so it cannot"))
    assert error.error_id == "not_connected" and error.message.endswith("newsync2, so it cannot")


def test_refuse_connected() -> None:
    error = refused(lambda: synchronizers.refuse_connected(participant(), "and must not be"))
    assert error.error_id == "still_connected" and "still connected to newsync, and must not be" in error.message
    synchronizers.refuse_connected(new_participant(), "")


@pytest.mark.parametrize(("flying", "left"), [([0, 0, 0, 7], [7]), ([2, 1, 0, 0, 1, 0, 0, 0, 7], [7])])
def test_quiet_is_several_looks_in_a_row(monkeypatch: pytest.MonkeyPatch, flying: list[int], left: list[int]) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    found = participant(flying=flying)
    synchronizers.wait_until_quiet(found, found.known[0], 5.0)
    assert found.flying == left


def test_a_node_that_cannot_count_is_given_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    found = participant(flying=[None])
    warning = synchronizers.wait_until_quiet(found, found.known[0], 61.0)
    assert slept == [61.0] and "cannot report work in flight on newsync" in warning


def test_settled_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    found = participant(unsettled=3)
    synchronizers.wait_until_published(found, found.known[0], 60.0)
    assert found.unsettled == -1
    found = participant(unsettled=10**9)
    error = refused(lambda: synchronizers.wait_until_published(found, found.known[0], 0.01))
    assert error.error_id == "topology_not_pushed" and "newsync" in error.message


def test_never_quiet() -> None:
    found = participant(flying=[3])
    error = refused(lambda: synchronizers.wait_until_quiet(found, found.known[0], 0.01))
    assert error.error_id == "in_flight"
    assert "still has 3 submissions or transactions in flight on newsync" in error.message
    assert "Stop the applications" in error.hint


def test_set_connected() -> None:
    found = participant()
    synchronizers.set_connected(found, "newsync2", True, 0.01)
    synchronizers.set_connected(found, "newsync", False, 0.01)
    assert found.changes == [("connect", "newsync2"), ("disconnect", "newsync")]
    assert [item.connected for item in found.known] == [False, True, False]


@pytest.mark.parametrize("connected", [True, False])
def test_an_answer_is_no_proof(monkeypatch: pytest.MonkeyPatch, connected: bool) -> None:
    monkeypatch.setattr(Fake, "_set_connected", lambda *_arguments: None)
    alias = "newsync2" if connected else "newsync"
    error = refused(lambda: synchronizers.set_connected(participant(), alias, connected, 0.01))
    assert error.error_id == "synchronizer_state"
    assert f"request to {'connect' if connected else 'disconnect'} {alias}" in error.message
