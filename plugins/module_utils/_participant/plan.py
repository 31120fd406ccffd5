# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How large a snapshot and how long a downtime to expect, from the speed measured so far or the vendor's own figures."""

from __future__ import annotations

import json
import math
import os
import statistics
import typing as t
from dataclasses import dataclass

BYTES_PER_CONTRACT = 250  # compressed: the recorded snapshot of 20 contracts and one of 10,000 (recordings)
EXPORT_SECONDS_PER_CONTRACT = 0.00005  # the vendor's own figures (perf 1)
IMPORT_SECONDS_PER_CONTRACT = 0.00059
IMPORT_SECONDS = 18.5

THROUGHPUT_FILE = "throughput.json"
THROUGHPUT_VERSION = 1
MAX_FILE_BYTES = 16 * 1024 * 1024
# A run of a few contracts says nothing about one of a million: what it takes is spent on other things.
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
    """What transfers of this journal have measured. No file, or one that cannot be used, is no speed and never an error."""
    if not folder:
        return []
    try:
        with open(os.path.join(folder, THROUGHPUT_FILE), encoding="utf-8") as handle:
            values = json.loads(handle.read(MAX_FILE_BYTES))
        if values["version"] != THROUGHPUT_VERSION:
            return []
        found = [_speed(item) for item in values["runs"]]
    except (OSError, ValueError, LookupError, TypeError, OverflowError):
        return []
    return [item for item in found if item.contracts > 0 and 0 < item.seconds < math.inf]


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
        basis = f"an estimate from {speed:.0f} contracts a second at import, the median of {len(imports)} measured here"
    else:
        seconds = exporting + IMPORT_SECONDS + contracts * IMPORT_SECONDS_PER_CONTRACT
        basis = "an estimate from the vendor's own figures (18.5 s and 0.59 ms a contract at import): none measured here yet"
    return Estimate(size, round(seconds), basis + "; waiting for quiet and for connections comes on top")
