# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers of a node that are still of this moment, so that one run of a module asks each question once."""

from __future__ import annotations

import time
import typing as t

from .._waiting import pauses
from .descriptors import Message

MOMENT_SECONDS = 2.0


class Memory:
    """The answers of both APIs of a node. They are forgotten after a moment, and as soon as this process writes to the node or waits for it."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], tuple[float, Message]] = {}
        self._pauses = pauses.made

    def ask(self, rpc: str, fields: dict[str, t.Any], ask: t.Callable[[], Message]) -> Message:
        """The answer that is remembered, or a new one."""
        if self._pauses != pauses.made:
            self.forget()
        question = (rpc, repr(fields))
        at, answer = self._answers.get(question, (0.0, None))
        if answer is None or time.monotonic() - at > MOMENT_SECONDS:
            # of the time before the call: an answer may be as old as that
            at, answer = time.monotonic(), ask()
            self._answers[question] = (at, answer)
        return answer

    def forget(self) -> None:
        self._answers.clear()
        self._pauses = pauses.made
