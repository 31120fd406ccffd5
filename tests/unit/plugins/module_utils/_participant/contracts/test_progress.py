# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock, the progress file and the record of speeds of a transfer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.progress import (
    ProgressFile,
    counted,
    running,
)


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
