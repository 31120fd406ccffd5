# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines about a running transfer, from the progress file that its module writes; this file does not import Ansible."""

from __future__ import annotations

import json
import typing as t
from collections import deque
from dataclasses import dataclass

WINDOW_SECONDS = 30.0  # the speed shown is that of the last half minute
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Sample:
    """One reading of the progress file; times are seconds on the clock of the executing host."""

    state: str
    phase: str
    bytes: int
    contracts: int
    total_contracts: int | None
    started: float
    updated: float
    pid: int

    @classmethod
    def parse(cls, text: str) -> Sample | None:
        """None where there is nothing that can be shown: no file, or one of another format."""
        try:
            values = json.loads(text)
            total = values["total_contracts"]
            return cls(
                str(values["state"]),
                str(values["phase"]),
                int(values["bytes"]),
                int(values["contracts"]),
                None if total is None else int(total),
                float(values["started"]),
                float(values["updated"]),
                int(values["pid"]),
            )
        except (ValueError, KeyError, TypeError):
            return None

    def same_process(self, other: Sample | None) -> bool:
        return other is not None and (self.pid, self.started) == (other.pid, other.started)


class Speed:
    """Contracts per second over a sliding window within one phase of one process."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque()

    def add(self, sample: Sample) -> None:
        if self._samples:
            last = self._samples[-1]
            if (last.pid, last.phase) != (sample.pid, sample.phase) or sample.contracts < last.contracts:
                self._samples.clear()
            elif last.updated == sample.updated:
                return
        self._samples.append(sample)
        while len(self._samples) > 2 and self._samples[1].updated <= sample.updated - WINDOW_SECONDS:
            self._samples.popleft()

    def per_second(self) -> float | None:
        """None as long as it is unknown."""
        if not self._samples:
            return None
        first, last = self._samples[0], self._samples[-1]
        if last.updated <= first.updated or last.contracts <= first.contracts:
            return None
        return (last.contracts - first.contracts) / (last.updated - first.updated)


class Progress:
    """Makes the lines of one transfer. ``clock`` is the controller's own and only measures how old a reading is."""

    def __init__(self, clock: t.Callable[[], float]) -> None:
        self._clock = clock
        self._speed = Speed()
        self._last: Sample | None = None
        self._last_at = 0.0

    def add(self, sample: Sample) -> None:
        if self._last is None or sample.updated != self._last.updated or sample.pid != self._last.pid:
            self._last, self._last_at = sample, self._clock()
        self._speed.add(sample)

    @property
    def pid(self) -> int | None:
        return self._last.pid if self._last else None

    def line(self) -> str:
        """Phase, contracts, bytes, contracts per second, elapsed and estimated time, as far as they are known."""
        last = self._last
        if last is None:
            return "starting"
        rate = self._speed.per_second()
        elapsed = last.updated - last.started + self._clock() - self._last_at
        parts = [_contracts(last.contracts, last.total_contracts)]
        if last.bytes:
            parts.append(size(last.bytes))
        if rate is not None:
            parts.append(f"{rate:,.0f} contracts/s")
        parts.append(f"{duration(elapsed)} elapsed")
        if rate and last.total_contracts is not None:
            left = max(0.0, (last.total_contracts - last.contracts) / rate - (self._clock() - self._last_at))
            parts.append(f"about {duration(left)} left")
        return f"{last.phase}: {', '.join(part for part in parts if part)}"


def _contracts(number: int, total: int | None) -> str:
    if total is None:
        return f"{number:,} contracts" if number else ""
    share = f" ({100 * min(number, total) // total} %)" if total else ""
    return f"{number:,} of {total:,} contracts{share}"


def size(number: int) -> str:
    """12 bytes, 1.2 kB, 34.5 MB: in powers of 1000."""
    value, unit = float(number), 0
    while value >= 999.95 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{number} bytes"


def duration(seconds: float) -> str:
    """0:07, 12:34, 1:02:03."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def summary(transfer: t.Mapping[str, t.Any]) -> str:
    """The last line, from the module's return value ``transfer``."""
    return (
        f"done: {transfer['contracts']:,} contracts, {size(transfer['bytes'])}, in {duration(transfer['seconds'])}, "
        f"{transfer['contracts_per_second']:,.0f} contracts/s"
    )
