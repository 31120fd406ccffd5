# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines that a controller shows of a transfer."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from ansible_collections.ledgerops.canton.plugins.plugin_utils._progress import (
    Progress,
    Sample,
    duration,
    size,
    summary,
)


def sample(updated: float, contracts: int, total: int | None = 10_000, **other: Any) -> Sample:
    values = {"state": "imported", "phase": "importing", "bytes": 0, "started": 100.0, "pid": 7, **other}
    return Sample(updated=updated, contracts=contracts, total_contracts=total, **values)


class Clock:
    now = 5000.0

    def __call__(self) -> float:
        return self.now


def test_line() -> None:
    clock = Clock()
    progress = Progress(clock)
    assert progress.line() == "starting" and progress.pid is None
    progress.add(sample(100.0, 0))
    assert progress.line() == "importing: 0 of 10,000 contracts (0 %), 0:00 elapsed"
    progress.add(sample(110.0, 2_000, bytes=2_345_678))
    assert (
        progress.line()
        == "importing: 2,000 of 10,000 contracts (20 %), 2.3 MB, 200 contracts/s, 0:10 elapsed, about 0:40 left"
    )
    # nothing new for a while: the time goes on
    clock.now += 5
    progress.add(sample(110.0, 2_000, bytes=2_345_678))
    assert progress.line().endswith("200 contracts/s, 0:15 elapsed, about 0:35 left")
    clock.now += 100
    assert progress.line().endswith("1:55 elapsed, about 0:00 left")
    assert progress.pid == 7


def test_total_that_is_not_known() -> None:
    progress = Progress(Clock())
    progress.add(sample(100.0, 0, None, phase="counting"))
    assert progress.line() == "counting: 0:00 elapsed"
    progress.add(sample(101.0, 1500, None, phase="counting"))
    assert progress.line() == "counting: 1,500 contracts, 1,500 contracts/s, 0:01 elapsed"


def test_speed_is_that_of_the_last_half_minute_of_this_phase() -> None:
    progress = Progress(Clock())
    for second in range(100):
        progress.add(sample(100.0 + second, 10 * second))
    for second in range(100, 140):
        progress.add(sample(100.0 + second, 1000 + 100 * (second - 100)))
    assert ", 100 contracts/s, " in progress.line()
    progress.add(sample(241.0, 5000, phase="all is sent"))
    assert "contracts/s" not in progress.line()
    progress.add(sample(242.0, 5010, phase="all is sent"))
    assert ", 10 contracts/s, " in progress.line()
    # another process begins again
    progress.add(sample(243.0, 10, phase="all is sent", pid=8))
    assert "contracts/s" not in progress.line()


def test_more_contracts_than_expected() -> None:
    progress = Progress(Clock())
    progress.add(sample(100.0, 0, 10))
    progress.add(sample(101.0, 20, 10))
    assert progress.line() == "importing: 20 of 10 contracts (100 %), 20 contracts/s, 0:01 elapsed, about 0:00 left"
    progress.add(sample(102.0, 0, 0))
    assert progress.line().startswith("importing: 0 of 0 contracts, ")


def test_parse() -> None:
    one = sample(100.0, 5, None)
    assert Sample.parse(json.dumps(asdict(one))) == one
    assert one.same_process(sample(300.0, 50)) and not one.same_process(None)
    assert not one.same_process(sample(300.0, 50, pid=8)) and not one.same_process(sample(300.0, 50, started=1.0))


@pytest.mark.parametrize(
    "text", ["", "\n", "{", "[]", "{}", '{"pid": 1}', json.dumps({**asdict(sample(1.0, 1)), "pid": None})]
)
def test_nothing_to_show(text: str) -> None:
    assert Sample.parse(text) is None


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (10**13, "10.0 TB"),
        (10**16, "10000.0 TB"),
    ],
)
def test_size(number: int, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_summary() -> None:
    values = {"contracts": 12000, "bytes": 3_400_000, "seconds": 61.2, "contracts_per_second": 196.1}
    assert summary(values) == "done: 12,000 contracts, 3.4 MB, in 1:01, 196 contracts/s"
