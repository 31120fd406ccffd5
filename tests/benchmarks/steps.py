# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration costs besides the nodes' own work: processes, calls, and the downtime that the role adds. By hand: make bench.

It prints a table, and exits with 1 when a number is above the limit that docs/benchmarks.md gives. The numbers are counted, not timed, except
for the last two, which are ratios and differences within this run.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playbook.harness import Ansible, Run, Sandbox
from playbook.migration import Migration, summary, topology
from playbook.releases import MATRIX

PARTIES, CONTRACTS = 20, 200
# the topology has four parties of its own
CLIENTS = PARTIES - 4
# what only the controller evaluates
CONTROLLER = {
    "assert",
    "debug",
    "fail",
    "include_tasks",
    "meta",
    "set_fact",
    "set_stats",
    "validate_argument_spec",
    "migration_report",
}
CALL = re.compile(r"(\w+)/(\w+) [A-Z_]+ (\d+) ms")
OF_THE_NODES = ("ExportAcs", "ImportAcs", "ReconnectSynchronizer", "DisconnectSynchronizer")
OFF, ON = "Cutover | Disconnect the source when nothing is in flight", "Cutover | Connect the target"


@dataclass(frozen=True)
class Measured:
    """``executed``: entries of tasks whose module ran on the host; ``calls``: RPCs by method, with the milliseconds of each."""

    run: Run
    seconds: float
    executed: list[dict[str, Any]]
    calls: list[tuple[str, int]]

    @property
    def between(self) -> int:
        """Processes after the source is off and before the target is on."""
        names = [entry["task"].partition(" : ")[2] for entry in self.executed]
        return names.index(ON) - names.index(OFF) - 1


def measure(migration: Migration) -> Measured:
    log = migration.net.log
    before = log.stat().st_size
    began = time.monotonic()
    run = migration.run()
    seconds = time.monotonic() - began
    calls = [(match[2], int(match[3])) for match in CALL.finditer(log.read_bytes()[before:].decode("utf-8"))]
    executed = [
        entry
        for entry in run.entries
        if entry["outcome"] != "skipped" and entry["action"].rpartition(".")[2] not in CONTROLLER
    ]
    return Measured(run, seconds, executed, calls)


def pings(ansible: Ansible, number: int) -> float:
    """Seconds of a play of so many tasks that do nothing."""
    began = time.monotonic()
    ansible.tasks([{"name": f"Ping {each}", "ansible.builtin.ping": {}} for each in range(number)])
    return time.monotonic() - began


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="steps-") as place:
        folder = Path(place)
        net = Sandbox(topology(MATRIX[0], contracts=CONTRACTS, clients=CLIENTS), folder)
        try:
            # Ansible packs each module once in a run; here they are kept, and the prediction before packs the first ones
            ansible = Ansible(folder, shared=folder)
            migration = Migration(MATRIX[0], net, ansible, folder)
            migration.run("--check")
            first = measure(migration)
            measure(migration)
            again = measure(migration)
            tasks = [entry for entry in again.run.entries if entry["outcome"] != "skipped"]
            pings(ansible, len(tasks))
            bare = pings(ansible, len(tasks))
        finally:
            net.stop()
    downtime = float(summary(first.run)["downtime"])
    nodes = sum(milliseconds for call, milliseconds in first.calls if call in OF_THE_NODES) / 1000
    rows = [
        ("processes on the target host, first run", len(first.executed), 18),
        ("processes on the target host, nothing to do", len(again.executed), 6),
        ("RPCs, first run", len(first.calls), 150),
        ("RPCs, nothing to do", len(again.calls), 60),
        ("processes between disconnect and connect", first.between, 5),
        (f"second run / {len(tasks)} bare ping tasks", round(again.seconds / bare, 2), 1.5),
        ("downtime without the nodes' own work, s", round(downtime - nodes, 1), 2.0),
    ]
    for what, found, limit in rows:
        print(f"{what:<48}{found:>8}   at most {limit:>5}{'' if found <= limit else '   ABOVE'}", flush=True)
    if "--calls" in sys.argv:
        for name, measured in (("first run", first), ("nothing to do", again)):
            methods = [call for call, _milliseconds in measured.calls]
            print(name, {each: methods.count(each) for each in sorted(set(methods))})
    return 0 if all(found <= limit for _what, found, limit in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
