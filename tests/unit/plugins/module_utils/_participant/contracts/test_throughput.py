# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Estimates come from what was measured where it can be compared, and from the vendor's figures otherwise; never an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.throughput import (
    Speed,
    TransferStats,
    estimate,
    read_speeds,
    remember_speed,
)


def run(state: str, contracts: int, seconds: float, size: int = 1000) -> dict[str, Any]:
    return {"at": "2026-11-25T00:00:00Z", "state": state, "contracts": contracts, "bytes": size, "seconds": seconds}


def write(folder: Path, runs: list[Any], version: Any = 1) -> str:
    (folder / "throughput.json").write_text(json.dumps({"version": version, "runs": runs}))
    return str(folder)


def test_vendor_figures() -> None:
    found = estimate(100_000, [])
    assert (found.seconds, found.snapshot_bytes) == (round(18.5 + 59 + 5), 25_000_000)
    assert "estimate from the vendor's figures" in found.basis


def test_measured(tmp_path: Path) -> None:
    runs = [run("imported", 1000, seconds, 400_000) for seconds in (1, 2, 10)]
    folder = write(tmp_path, [*runs, run("exported", 1000, 0.1, 400_000), run("imported", 0, 1)])
    speeds = read_speeds(folder)
    assert len(speeds) == 4 and speeds[0] == Speed("imported", 1000, 400_000, 1.0)
    found = estimate(10_000, speeds)
    assert (found.seconds, found.snapshot_bytes) == (20 + 1, 4_000_000)
    assert "500 contracts per second at import, the median of 3 measured here" in found.basis


def test_small_runs_say_nothing_about_large_ones(tmp_path: Path) -> None:
    speeds = read_speeds(write(tmp_path, [run("imported", 10, 5), run("exported", 10, 5)]))
    assert estimate(100, speeds).seconds == 50 + 50
    assert estimate(101, speeds) == estimate(101, [])


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 1}',
        '{"version": 2, "runs": []}',
        '{"version": 1, "runs": 7}',
        '{"version": 1, "runs": [7]}',
        '{"version": 1, "runs": [{"state": "imported"}]}',
        '{"version": 1, "runs": [{"state": "imported", "contracts": "many", "bytes": 1, "seconds": 1}]}',
        '{"version": 1, "runs": [{"state": "imported", "contracts": 1, "bytes": 1, "seconds": Infinity}]}',
        '{"version": 1, "runs": [{"state": "imported", "contracts": Infinity, "bytes": 1, "seconds": 1}]}',
        '{"version": 1, "runs": [{"state": "imported", "contracts": 1, "bytes": 1, "seconds": NaN}]}',
    ],
)
def test_a_file_that_cannot_be_used_is_no_speed(tmp_path: Path, content: str) -> None:
    (tmp_path / "throughput.json").write_text(content)
    assert read_speeds(str(tmp_path)) == []


def test_no_file(tmp_path: Path) -> None:
    (tmp_path / "throughput.json").write_bytes(b"\xff\xfe\x00")
    assert read_speeds(str(tmp_path)) == read_speeds(str(tmp_path / "not")) == read_speeds(None) == []


def test_speeds_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "throughput.json"
    for number in range(55):
        remember_speed(str(tmp_path / "node1"), "exported", TransferStats(1000, number, 2.0))
    values = json.loads(path.read_text())
    assert values["version"] == 1
    assert [run["contracts"] for run in values["runs"]] == list(range(5, 55))
    assert set(values["runs"][0]) == {"at", "state", "contracts", "bytes", "seconds"}
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "left",
    ["", "[]", "{", '{"version": 9, "runs": [{}]}', '{"version": 1, "runs": 3}', '{"version": 1, "runs": ["x"]}'],
)
def test_damaged_speeds_are_begun_anew(tmp_path: Path, left: str) -> None:
    path = tmp_path / "throughput.json"
    path.write_text(left)
    remember_speed(str(tmp_path / "node1"), "imported", TransferStats(1, 2, 0.0))
    assert [run["contracts"] for run in json.loads(path.read_text())["runs"]] == [2]


def test_speed_that_cannot_be_kept_is_no_failure(tmp_path: Path) -> None:
    remember_speed(str(tmp_path / "nowhere" / "node1"), "imported", TransferStats(1, 2, 3.0))
    assert TransferStats(1, 3, 2.0).shown() == {"bytes": 1, "contracts": 3, "seconds": 2.0, "contracts_per_second": 1.5}
    assert TransferStats(1, 3, 0.0).shown()["contracts_per_second"] == 0.0
