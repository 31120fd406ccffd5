# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting until a node or a KMS shows what it has accepted."""

from __future__ import annotations

import time
import typing as t

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0

Found = t.TypeVar("Found")


class Pauses:
    """How many pauses this process has made: what was read before one may have changed since."""

    made = 0


pauses = Pauses()


def wait_for(
    look: t.Callable[[], Found], seconds: float, until: t.Callable[[Found], object] = bool, not_before: float = 0.0
) -> tuple[bool, Found]:
    """Call ``look`` until ``until`` is true of what it returns, with pauses that double; at least once.

    Where nothing can be seen earlier, ``not_before`` are the seconds before the first call. Returns whether it became true within ``seconds``,
    and what ``look`` returned last.
    """
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE_SECONDS
    if not_before:
        pauses.made += 1
        time.sleep(min(not_before, seconds))
    while True:
        found = look()
        if until(found):
            return True, found
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return False, found
        pauses.made += 1
        time.sleep(min(pause, remaining))
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
