# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock, the progress file and the record of speeds of a transfer."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.module_utils._participant.support import Setting

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._files import only_one
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts import transfer
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.progress import (
    ProgressFile,
    counted,
    running,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.throughput import (
    Moved,
    remember_speed,
)

# -- how far it is ----------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def read(path: Path) -> dict[str, Any]:
    values = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(values, dict)
    return values


def test_progress_file(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "node1.progress.json"
    file = ProgressFile(str(path), "exported", clock)
    file("exporting", 1, 10, 5)
    expected = {
        "state": "exported",
        "phase": "exporting",
        "bytes": 10,
        "contracts": 1,
        "total_contracts": 5,
        "started": 1000.0,
        "updated": 1000.0,
        "pid": os.getpid(),
    }
    assert read(path) == expected
    assert path.stat().st_mode & 0o777 == 0o600
    clock.now += 0.9
    file("exporting", 2, 20, 5)
    assert read(path) == expected, "at most once a second"
    clock.now += 0.2
    file("exporting", 3, 30, 5)
    assert read(path) == {**expected, "contracts": 3, "bytes": 30, "updated": clock.now}
    file("proving")
    assert read(path)["phase"] == "proving", "a phase is told at once"
    file.close()
    file("late")
    assert list(tmp_path.iterdir()) == []


def test_progress_that_cannot_be_written_is_left_out(tmp_path: Path) -> None:
    with running(None, str(tmp_path / "nowhere" / "x.progress.json"), "exported") as report:
        report("exporting", 1, 1, 1)
    assert list(tmp_path.iterdir()) == []


def test_counted() -> None:
    told: list[int] = []
    assert list(counted(range(600), lambda _phase, number=0, _size=0, _total=None: told.append(number), "x")) == list(
        range(600)
    )
    assert told == [0, 256, 512]


# -- one at a time ----------------------------------------------------------------------------------------------------


def test_second_transfer_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "node1.lock")
    with only_one(path, "imported"):
        with pytest.raises(CantonError) as caught, only_one(path, "exported"):
            raise AssertionError("not reached")
        error = caught.value
        assert error.error_id == "transfer_running" and f"state imported, process {os.getpid()}" in error.message
        assert "run again" in error.hint
        held = error.details["running"]
        assert isinstance(held, dict) and held["pid"] == os.getpid()
        assert os.stat(path).st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == []
    with only_one(path, "exported"):
        pass


@pytest.mark.parametrize("left", ["", "{", '{"pid": 1, "state": "exported", "started": 1}'])
def test_lock_of_a_process_that_was_killed_is_taken_over(tmp_path: Path, left: str) -> None:
    path = tmp_path / "node1.lock"
    path.write_text(left)
    with only_one(str(path), "exported"):
        assert read(path)["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_lock_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(CantonError) as caught, only_one(str(tmp_path / "nowhere" / "node1.lock"), "exported"):
        raise AssertionError("not reached")
    assert caught.value.error_id == "file_enoent" and "Create the folder" in caught.value.hint


# -- how fast it was --------------------------------------------------------------------------------------------------


def test_speeds_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "throughput.json"
    for number in range(55):
        remember_speed(str(tmp_path / "node1"), "exported", Moved(1000, number, 2.0))
    values = read(path)
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
    remember_speed(str(tmp_path / "node1"), "imported", Moved(1, 2, 0.0))
    assert [run["contracts"] for run in read(path)["runs"]] == [2]


def test_speed_that_cannot_be_kept_is_no_failure(tmp_path: Path) -> None:
    remember_speed(str(tmp_path / "nowhere" / "node1"), "imported", Moved(1, 2, 3.0))
    assert Moved(1, 3, 2.0).shown() == {"bytes": 1, "contracts": 3, "seconds": 2.0, "contracts_per_second": 1.5}
    assert Moved(1, 3, 0.0).shown()["contracts_per_second"] == 0.0


# -- what procedures report -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pipe", [True, False])
def test_reported_phases(at: Setting, pipe: bool) -> None:
    told: list[tuple[str, int, int | None]] = []

    def report(phase: str, contracts: int = 0, size: int = 0, total: int | None = None) -> None:
        told.append((phase, contracts, total))

    outcome = transfer.ensure_transferred(replace(at.task(pipe=pipe), report=report))
    shown = outcome.result["transfer"]
    assert isinstance(shown, dict) and shown["contracts"] == 3 and shown["bytes"] == outcome.result["bytes"]
    phases = list(dict.fromkeys(phase for phase, _number, _total in told))
    counting = ["counting the contracts of the source", "exporting", "counting the contracts of the target"]
    if pipe:
        assert phases == [counting[0], counting[2], counting[1], transfer.AT_WORK]
    else:
        assert phases == [*counting, "checking the snapshot", "importing", transfer.AT_WORK]
    assert (transfer.AT_WORK, 3, 3) in told and ("exporting", 3, 3) in told
    assert "transfer" not in transfer.ensure_transferred(at.task(pipe=pipe)).result


def test_speeds_of_a_transfer(at: Setting) -> None:
    at.export()
    at.export()
    at.load()
    runs = read(at.folder / "throughput.json")["runs"]
    assert [(run["state"], run["contracts"]) for run in runs] == [("exported", 3), ("imported", 3)]
