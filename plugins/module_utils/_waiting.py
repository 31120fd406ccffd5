# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for what a node does in its own time."""

from __future__ import annotations

import time
import typing as t

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

Found = t.TypeVar("Found")


def poll(look: t.Callable[[], Found | None], timeout: float) -> Found | None:
    """What ``look`` finds, asked again and again with pauses that double; None when it finds nothing in ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    pause = FIRST_PAUSE_SECONDS
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() >= deadline:
            return None
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def wait_for(look: t.Callable[[], Found | None], seconds: float, pause: float = 0.25) -> Found | None:
    """Call ``look`` until it returns something true, with pauses that grow to two seconds; None when ``seconds`` are over."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() >= deadline:
            return None
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(pause * 1.5, 2.0)
