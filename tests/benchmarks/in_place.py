# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration in place costs besides the restart, with few and with many contracts. By hand: make bench-in-place.

It prints a table, and exits with 1 when a number is above the limit that docs/benchmarks.md gives.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.steps import CALL, CONTROLLER
from playbook.harness import Ansible, Run, Sandbox
from playbook.in_place import BANK, InPlace, topology
from playbook.releases import MATRIX

FEW, MANY = 200, 20_000
RESTART = "Restart | "


def measured(place: InPlace) -> tuple[Run, int, int]:
    """A run, the modules that it executed and the calls to participants."""
    before = place.net.log.stat().st_size
    run = place.run()
    calls = CALL.findall(place.net.log.read_bytes()[before:].decode("utf-8"))
    executed = [
        entry
        for entry in run.entries
        if entry["outcome"] != "skipped" and entry["action"].rpartition(".")[2] not in CONTROLLER
    ]
    return run, len(executed), len(calls)


def of_the_node(run: Run) -> float:
    """Seconds that the participant itself took to stop and to start."""
    found = [entry["result"].get("delta", "0:00:00") for entry in run.entries if RESTART in entry["task"]]
    return sum(float(text.rpartition(":")[2]) for text in found)


def downtime(run: Run) -> float:
    (text,) = re.findall(r"Downtime +([\d.]+) s", run.output)
    return float(text)


def migrate(number: int, folder: Path, ansible: Ansible) -> dict[str, Any]:
    folder.mkdir()
    shared = {"count": number, "template": "Iou:Iou", "dar": "bonds", "parties": ["Ada", "Ben"]}
    net = Sandbox(topology(MATRIX[0], contracts=[shared]), folder)
    try:
        place = InPlace(net, ansible, folder)
        place.run("--check")
        run, processes, calls = measured(place)
        assert place.on_kms(BANK)
        measured(place)
        _run, again, calls_again = measured(place)
    finally:
        net.stop()
    return {
        "added": round(downtime(run) - of_the_node(run), 1),
        "downtime": downtime(run),
        "processes": processes,
        "calls": calls,
        "again": again,
        "calls again": calls_again,
    }


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="in-place-") as name:
        folder = Path(name)
        ansible = Ansible(folder, shared=folder)
        few = migrate(FEW, folder / "few", ansible)
        many = migrate(MANY, folder / "many", ansible)
    rows = [
        (f"downtime without stop and start, {FEW} contracts, s", few["added"], 5.0),
        (f"downtime without stop and start, {MANY} contracts, s", many["added"], 5.0),
        ("processes on the host, nothing to do", few["again"], 6),
        ("RPCs, nothing to do", few["calls again"], 60),
        ("RPCs, first run", few["calls"], 150),
    ]
    for what, found, limit in rows:
        print(f"{what:<56}{found:>8}   at most {limit:>5}{'' if found <= limit else '   ABOVE'}", flush=True)
    print(
        f"processes on the host, first run: {few['processes']}; downtime {few['downtime']} s and {many['downtime']} s"
    )
    return 0 if all(found <= limit for _what, found, limit in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
