# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrates a whole fleet of the sandbox in one run and prints how long it took. By hand: make bench-fleet BENCH_ARGS='--hosts 50'.

A participant of the sandbox is a process of its own of about 70 MB; they are started one after another.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playbook import fleet
from playbook.harness import Ansible, Sandbox
from playbook.migration import PLAYBOOK
from playbook.releases import DIALECTS

# one run may take as long as this, seconds
PATIENCE = 4 * 3600


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=50)
    parser.add_argument("--contracts", type=int, default=20, help="of each host")
    parser.add_argument("--forks", type=int, default=10)
    return parser.parse_args()


def network(names: list[str], contracts: int, folder: Path) -> Sandbox:
    plan = DIALECTS[0].topology(fleet.topology(names, contracts, {}), targets=tuple(map(fleet.target_of, names)))
    for entry in plan["participants"].values():
        entry["start"] = False
    net = Sandbox(plan, folder)
    try:
        for name in plan["participants"]:
            net.command("start", name)
    except BaseException:
        net.stop()
        raise
    return net


def memory(net: Sandbox) -> float:
    """MB that the participants hold."""
    kilobytes = 0
    for node in net.info()["participants"].values():
        status = Path(f"/proc/{node['pid']}/status").read_text(encoding="utf-8")
        kilobytes += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return kilobytes / 1024


def say(what: str, seconds: float) -> None:
    print(f"{what:<34}{seconds:9.1f} s", flush=True)


def main() -> int:
    wanted = options()
    names = [f"bank-{number:02}" for number in range(1, wanted.hosts + 1)]
    with tempfile.TemporaryDirectory(prefix="canton-fleet-") as place:
        folder = Path(place)
        began = time.monotonic()
        net = network(names, wanted.contracts, folder)
        try:
            say(f"start of {2 * wanted.hosts} participants", time.monotonic() - began)
            print(f"{'memory of all participants':<34}{memory(net):9.0f} MB", flush=True)
            ansible = Ansible(folder, patience=PATIENCE)
            variables = {"kms_migration_serial": [1, "100%"]}
            file = fleet.inventory(net, folder, {name: {} for name in names}, variables)
            call = ["-i", str(file), "--forks", str(wanted.forks), PLAYBOOK]
            for what, flags in (("preflight of all hosts", ["--tags", "preflight"]), ("migration of all hosts", [])):
                began = time.monotonic()
                ansible.playbook([*call, *flags])
                say(what, time.monotonic() - began)
        finally:
            net.stop()
        report = json.loads((folder / "reports" / "fleet.json").read_text(encoding="utf-8"))
    downtimes = sorted(row["downtime_seconds"] for row in report["hosts"] if row["downtime_seconds"] is not None)
    print(json.dumps(report["totals"], indent=2))
    if downtimes:
        say("downtime, median", statistics.median(downtimes))
        say("downtime, longest", downtimes[-1])
    return 0 if report["totals"]["done"] == wanted.hosts else 1


if __name__ == "__main__":
    sys.exit(main())
