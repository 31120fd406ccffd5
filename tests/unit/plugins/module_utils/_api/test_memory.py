# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long an answer counts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils import _waiting
from ansible_collections.ledgerops.canton.plugins.module_utils._api import memory
from ansible_collections.ledgerops.canton.plugins.module_utils._api.memory import Memory


class Asked:
    """A node that answers with how often it was asked."""

    def __init__(self) -> None:
        self.times = 0
        self.memory = Memory()

    def ask(self, rpc: str = "Say", **fields: Any) -> Any:
        def answer() -> Any:
            self.times += 1
            return self.times

        return self.memory.ask(rpc, fields, answer)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    yield now


def test_an_answer_counts_for_a_moment(clock: list[float]) -> None:
    node = Asked()
    assert [node.ask(), node.ask()] == [1, 1]
    clock[0] += memory.MOMENT_SECONDS
    assert node.ask() == 1
    clock[0] += 0.1
    assert node.ask() == 2


def test_another_question_is_asked(clock: list[float]) -> None:
    node = Asked()
    assert [node.ask(), node.ask("Other"), node.ask(of="x"), node.ask(of="x")] == [1, 2, 3, 3]


def test_nothing_outlives_a_write_or_a_pause(clock: list[float]) -> None:
    node = Asked()
    node.ask()
    node.memory.forget()
    assert node.ask() == 2
    looks = iter([False, True])
    _waiting.wait_for(lambda: next(looks), 0.01)
    assert node.ask() == 3
