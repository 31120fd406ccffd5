# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a transfer keeps beside its snapshot while it runs, and afterwards: a lock, how far it is, and how fast it was."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
import time
import typing as t
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.snapshot import file_error, private_file

WRITE_SECONDS = 1.0
LOOK_EVERY = 256  # contracts between two looks at the clock
SPEED_VERSION = 1
SPEED_RUNS = 50

_Item = t.TypeVar("_Item")


class Report(t.Protocol):
    """Told how far a transfer is: ``total`` is the number of contracts to come to, where it is known."""

    def __call__(self, phase: str, contracts: int = 0, size: int = 0, total: int | None = None) -> None: ...


def silent(phase: str, contracts: int = 0, size: int = 0, total: int | None = None) -> None:
    """Where nobody wants to know."""


def counted(items: t.Iterable[_Item], report: Report, phase: str, total: int | None = None) -> t.Iterator[_Item]:
    """Let contracts pass and report their number."""
    report(phase, 0, 0, total)
    for number, item in enumerate(items, 1):
        yield item
        if number % LOOK_EVERY == 0:
            report(phase, number, 0, total)


# -- how far it is ----------------------------------------------------------------------------------------------------


class ProgressFile:
    """A small JSON file, mode 0600, that is written at most once a second and taken away at the end.

    ``{state, phase, bytes, contracts, total_contracts, started, updated, pid}``; times are seconds since 1970 on this host.
    It is only to be looked at: where it can't be written, the transfer goes on without it.
    """

    def __init__(self, path: str, state: str, clock: t.Callable[[], float] = time.time) -> None:
        self._path = path
        self._state = state
        self._clock = clock
        self._started = clock()
        self._written = 0.0
        self._phase = ""
        self._closed = False
        # The parts of an upload are asked for, and reported, by another thread.
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
        # not synced: it tells nothing that has to outlive this process
        part = f"{self._path}.part"
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
                json.dump(values, handle)
            os.replace(part, self._path)
        except OSError:
            with suppress(OSError):
                os.unlink(part)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            with suppress(OSError):
                os.unlink(self._path)


# -- one at a time ----------------------------------------------------------------------------------------------------


@contextmanager
def only_one(path: str, state: str) -> t.Iterator[None]:
    """Hold the lock ``path``, or raise ``transfer_running`` with what the file says of its holder: ``{pid, state, started}``.

    The kernel gives the lock back when its holder ends, however it ends; the file then only has to be taken over.
    """
    descriptor = _locked(path)
    try:
        with suppress(OSError):  # who holds it is good to know, and no more
            os.ftruncate(descriptor, 0)
            values = {"pid": os.getpid(), "state": state, "started": time.time()}
            os.pwrite(descriptor, json.dumps(values).encode(), 0)
        yield
    finally:
        with suppress(OSError):
            os.unlink(path)
        os.close(descriptor)


def _locked(path: str) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise file_error(path, "made", exc) from exc
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _still_there(path, descriptor):
                return descriptor
        except OSError as exc:
            try:
                raise _held(path, descriptor) if exc.errno == errno.EWOULDBLOCK else file_error(path, "locked", exc)
            finally:
                os.close(descriptor)
        # Its holder took it away between the two calls: what is locked now is not what others will find.
        os.close(descriptor)


def _still_there(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _held(path: str, descriptor: int) -> CantonError:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        pid, state, started = int(holder["pid"]), str(holder["state"]), float(holder["started"])
    except (OSError, ValueError, KeyError, TypeError):
        pid, state, started = 0, "", 0.0
    since = datetime.fromtimestamp(started, timezone.utc).isoformat(timespec="seconds") if started else "some time"
    return CantonError(
        f"Another transfer of this snapshot is running ({f'state {state}, process {pid}' if pid else 'it has just begun'}, since {since}); it holds {path}",
        error_id="transfer_running",
        hint="Wait until it has ended and run again. To give it up, end that process: a transfer that was broken off is taken up by the next run.",
        details={"running": {"pid": pid, "state": state, "started": started}},
    )


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


# -- how fast it was --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moved:
    """What one transfer came to. ``bytes`` are those of the compressed snapshot, ``seconds`` include the proof."""

    bytes: int
    contracts: int
    seconds: float

    def shown(self) -> dict[str, object]:
        rate = self.contracts / self.seconds if self.seconds > 0 else 0.0
        return {**asdict(self), "seconds": round(self.seconds, 3), "contracts_per_second": round(rate, 1)}


def remember_speed(base: str, state: str, moved: Moved) -> None:
    """Append to ``throughput.json`` in the folder of ``base``, for later estimates: the last 50 runs of all its snapshots.

    Nothing depends on this file: what is damaged is begun anew, and what can't be written is left out.
    """
    if not moved.contracts:
        return
    folder = os.path.dirname(os.path.abspath(base))
    path = os.path.join(folder, "throughput.json")
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    run = {"at": now, "state": state, **asdict(moved), "seconds": round(moved.seconds, 3)}
    with suppress(OSError, CantonError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            # Several hosts may keep their journals in one folder.
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            values = {"version": SPEED_VERSION, "runs": [*_runs(path), run][-SPEED_RUNS:]}
            with private_file(path) as handle:
                handle.write(json.dumps(values, indent=2).encode() + b"\n")
        finally:
            os.close(descriptor)


def _runs(path: str) -> list[t.Any]:
    try:
        with open(path, encoding="utf-8") as handle:
            values = json.load(handle)
        known = values["version"] == SPEED_VERSION
        return [run for run in values["runs"] if isinstance(run, dict)] if known else []
    except (OSError, ValueError, KeyError, TypeError):
        return []
