# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
import time

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._waiting import LONGEST_PAUSE_SECONDS, pauses, wait_for


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses; time goes by in them alone."""
    found: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0 + sum(found))
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def test_what_is_there_is_not_waited_for(slept: list[float]) -> None:
    assert wait_for(lambda: "there", 60.0) == (True, "there")
    assert slept == []


def test_the_last_look_is_returned_when_time_is_up(slept: list[float]) -> None:
    looks = itertools.count()
    assert wait_for(lambda: next(looks), 10.0, until=lambda found: found > 100) == (False, len(slept))
    assert sum(slept) == pytest.approx(10.0), "the last look is at the end, not after it"


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_it_looks_once_without_any_time(slept: list[float], seconds: float) -> None:
    assert wait_for(list, seconds) == (False, []) and slept == []


def test_pauses_double_up_to_a_limit(slept: list[float]) -> None:
    wait_for(lambda: None, 20.0)
    assert slept[:3] == pytest.approx([0.05, 0.1, 0.2])
    assert max(slept) == LONGEST_PAUSE_SECONDS and slept[-2] == LONGEST_PAUSE_SECONDS


def test_what_is_asked_for_may_be_nothing(slept: list[float]) -> None:
    looks = iter([["left"], ["left"], []])
    assert wait_for(lambda: next(looks), 60.0, until=lambda left: not left) == (True, [])
    assert len(slept) == 2


def test_it_does_not_look_before_anything_can_be_seen(slept: list[float]) -> None:
    made = pauses.made
    assert wait_for(lambda: len(slept), 60.0, not_before=0.4) == (True, 1)
    assert slept == [0.4] and pauses.made == made + 1, "what was read before the pause may have changed"


def test_a_first_pause_is_not_longer_than_the_whole_time(slept: list[float]) -> None:
    assert wait_for(list, 0.1, not_before=0.4) == (False, []) and slept == [0.1]
