# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock and the progress file that a transfer keeps beside its snapshot while it runs."""

from __future__ import annotations

import os
import threading
import time
import typing as t
from contextlib import contextmanager, suppress

from ..._errors import CantonError
from ..._files import only_one, write_json

WRITE_SECONDS = 1.0
LOOK_EVERY = 256  # contracts between two reads of the clock

_Item = t.TypeVar("_Item")


class Report(t.Protocol):
    """Receives the progress of a transfer; ``total`` is the expected number of contracts, where it is known."""

    def __call__(self, phase: str, contracts: int = 0, size: int = 0, total: int | None = None) -> None: ...


def silent(phase: str, contracts: int = 0, size: int = 0, total: int | None = None) -> None:
    """A report that is not wanted."""


def counted(items: t.Iterable[_Item], report: Report, phase: str, total: int | None = None) -> t.Iterator[_Item]:
    """Yield the contracts and report their number."""
    report(phase, 0, 0, total)
    for number, item in enumerate(items, 1):
        yield item
        if number % LOOK_EVERY == 0:
            report(phase, number, 0, total)


class ProgressFile:
    """A small JSON file, mode 0600, that is written at most once a second and removed at the end.

    ``{state, phase, bytes, contracts, total_contracts, started, updated, pid}``; times are seconds since 1970 on this host.
    It is for information only: if it can't be written, the transfer continues without it.
    """

    def __init__(self, path: str, state: str, clock: t.Callable[[], float] = time.time) -> None:
        self._path = path
        self._state = state
        self._clock = clock
        self._started = clock()
        self._written = 0.0
        self._phase = ""
        self._closed = False
        # Another thread reads and reports the parts of an upload.
        self._lock = threading.Lock()

    def __call__(self, phase: str, contracts: int = 0, size: int = 0, total: int | None = None) -> None:
        now = self._clock()
        with self._lock:
            if self._closed or (phase == self._phase and now - self._written < WRITE_SECONDS):
                return
            self._phase, self._written = phase, now
            self._write(
                {
                    "state": self._state,
                    "phase": phase,
                    "bytes": size,
                    "contracts": contracts,
                    "total_contracts": total,
                    "started": self._started,
                    "updated": now,
                    "pid": os.getpid(),
                }
            )

    def _write(self, values: dict[str, t.Any]) -> None:
        with suppress(CantonError):
            write_json(self._path, values, durable=False)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            with suppress(OSError):
                os.unlink(self._path)


@contextmanager
def running(lock: str | None, progress: str | None, state: str) -> t.Iterator[Report]:
    """The lock is held and the progress file kept, as far as they are wanted, while the body runs."""
    if lock is not None:
        with only_one(lock, state), running(None, progress, state) as report:
            yield report
        return
    if progress is None:
        yield silent
        return
    file = ProgressFile(progress, state)
    file("starting")
    try:
        yield file
    finally:
        file.close()
