# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Expected snapshot size and downtime, from earlier transfers of this journal or from the vendor's figures."""

from __future__ import annotations

import math
import os
import statistics
import typing as t
from contextlib import suppress
from dataclasses import asdict, dataclass

from ..._errors import CantonError
from ..._files import locked_folder, read_json, stamp, write_json

BYTES_PER_CONTRACT = 250  # compressed (docs/canton/performance.md#size-of-a-snapshot)
EXPORT_SECONDS_PER_CONTRACT = 0.00005  # docs/canton/performance.md#vendors-figures
IMPORT_SECONDS_PER_CONTRACT = 0.00059
IMPORT_SECONDS = 18.5

THROUGHPUT_FILE = "throughput.json"
THROUGHPUT_VERSION = 1
THROUGHPUT_RUNS = 50
# A run of a few contracts is no measure for one of a million: its time is spent on other things.
COMPARABLE = 0.1


@dataclass(frozen=True)
class Speed:
    """One transfer that was measured: ``state`` is exported or imported."""

    state: str
    contracts: int
    bytes: int
    seconds: float


@dataclass(frozen=True)
class Estimate:
    snapshot_bytes: int
    seconds: int
    basis: str


def read_speeds(folder: str | None) -> list[Speed]:
    """The speeds that earlier transfers of this journal have measured. A missing or unusable file is no error."""
    if not folder:
        return []
    found = []
    for run in _runs(folder):
        with suppress(ValueError, LookupError, TypeError, OverflowError):
            found.append(_speed(run))
    return [item for item in found if item.contracts > 0 and 0 < item.seconds < math.inf]


def _runs(folder: str) -> list[t.Any]:
    """The runs in the file as they are; none where it can't be used."""
    try:
        values = read_json(os.path.join(folder, THROUGHPUT_FILE)) or {}
    except CantonError:
        return []
    runs = values.get("runs") if values.get("version") == THROUGHPUT_VERSION else None
    return [run for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []


def _speed(item: t.Any) -> Speed:
    return Speed(str(item["state"]), int(item["contracts"]), int(item["bytes"]), float(item["seconds"]))


def estimate(contracts: int, speeds: t.Sequence[Speed]) -> Estimate:
    """Size and time of a transfer of so many contracts, from the median of the measured runs that can be compared with it."""
    usable = [item for item in speeds if item.contracts >= contracts * COMPARABLE]
    sizes = [item.bytes / item.contracts for item in usable if item.bytes > 0]
    size = round(contracts * (statistics.median(sizes) if sizes else BYTES_PER_CONTRACT))
    imports = [item.contracts / item.seconds for item in usable if item.state == "imported"]
    exports = [item.contracts / item.seconds for item in usable if item.state == "exported"]
    exporting = contracts / statistics.median(exports) if exports else contracts * EXPORT_SECONDS_PER_CONTRACT
    if imports:
        speed = statistics.median(imports)
        seconds = exporting + contracts / speed
        basis = (
            f"an estimate from {speed:.0f} contracts per second at import, the median of {len(imports)} measured here"
        )
    else:
        seconds = exporting + IMPORT_SECONDS + contracts * IMPORT_SECONDS_PER_CONTRACT
        basis = "an estimate from the vendor's figures (18.5 s and 0.59 ms per contract at import), as nothing was measured here yet"
    return Estimate(
        size, round(seconds), basis + "; the time until nothing is in flight and all is connected is not included"
    )


@dataclass(frozen=True)
class TransferStats:
    """Size and time of one transfer. ``bytes`` are those of the compressed snapshot, ``seconds`` include the proof."""

    bytes: int
    contracts: int
    seconds: float

    def shown(self) -> dict[str, object]:
        rate = self.contracts / self.seconds if self.seconds > 0 else 0.0
        return {**asdict(self), "seconds": round(self.seconds, 3), "contracts_per_second": round(rate, 1)}


def remember_speed(base: str, state: str, stats: TransferStats) -> None:
    """Append to ``throughput.json`` in the folder of ``base``, for later estimates: the last 50 runs of all its snapshots.

    Nothing depends on this file: a damaged one is replaced, and a write error is ignored.
    """
    if not stats.contracts:
        return
    folder = os.path.dirname(os.path.abspath(base))
    run = {"at": stamp(), "state": state, **asdict(stats), "seconds": round(stats.seconds, 3)}
    # Several hosts may keep their journals in one folder.
    with suppress(CantonError), locked_folder(folder):
        runs = [*_runs(folder), run][-THROUGHPUT_RUNS:]
        write_json(os.path.join(folder, THROUGHPUT_FILE), {"version": THROUGHPUT_VERSION, "runs": runs})
