# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Qualifies a Canton build: runs the collection against the participants of an inventory. See docs/real-nodes.md.

Exit code: 0 all checks passed or were skipped, 1 a check failed, 2 nothing was started.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import secrets
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import yaml
from qualify.checks import Outcome, Report, Suite
from qualify.plays import Ansible, NotReady, read_hosts

_GALAXY = Path(__file__).resolve().parents[2] / "galaxy.yml"
_LIBRARIES = ("ansible-core", "grpcio", "protobuf")


class Paper:
    """Lines for the terminal that are kept for the report too."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str = "") -> None:
        self.lines.append(text)
        print(text, flush=True)

    def outcome(self, found: Outcome) -> None:
        self.say(f"  {found.outcome:<8}{found.name}  ({found.seconds:.0f} s)")
        if found.detail:
            self.say(f"          {found.detail}")


def announce(paper: Paper, hosts: dict[str, dict[str, Any]], prefixes: dict[str, str]) -> None:
    for host, values in hosts.items():
        old, new = values["kms_migration_source_synchronizer"], values["kms_migration_target_synchronizer"]
        source, target = (values[f"kms_migration_{which}"]["endpoint"] for which in ("source", "target"))
        paper.say(f"{host}: from {source} to {target}")
        paper.say(f"  source: gets parties and users named {prefixes[host]}-..., is disconnected from {old} twice")
        paper.say("          for about a minute each, and connected again as it was")
        paper.say(f"  target: is disconnected from {new} twice; gets these parties and users, the delegation of the")
        paper.say(
            "          source's namespace, a DAR of the source (or those of your contracts), its identity providers"
        )
        paper.say(
            "  after:  the suite's users and hostings are removed where the nodes allow it; what remains is listed"
        )


def versions() -> dict[str, str]:
    own = yaml.safe_load(_GALAXY.read_text(encoding="utf-8"))["version"]
    found = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return {"ledgerops.canton": own, **found, "python": platform.python_version()}


def qualify(
    inventory: str, hosts: dict[str, dict[str, Any]], prefixes: dict[str, str], folder: Path, paper: Paper
) -> bool:
    # Only noted, and looked at between two checks: an exception inside of a call could leave its connection unusable, and
    # the connections are needed to take the nodes back.
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_arguments: stop.set())
    reports: list[Report] = []
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    try:
        for host, values in hosts.items():
            if stop.is_set():
                break
            paper.say(f"\n{host}")
            runs = folder / host
            runs.mkdir(mode=0o700)
            suite = Suite(host, values, prefixes[host], Ansible(inventory, host, runs), paper.outcome, stop.is_set)
            reports.append(suite.report)
            suite.run()
    finally:
        passed = len(reports) == len(hosts) and all(report.passed for report in reports)
        for report in reports:
            summarise(paper, report)
        skipped = sum(check.outcome == "skipped" for report in reports for check in report.checks)
        unproven = f", but {skipped} check(s) were skipped: what they are for is not qualified" if skipped else ""
        paper.say(f"\n{'PASSED' + unproven if passed else 'FAILED'}. The report is in {folder}")
        whole = {
            "passed": passed,
            "began": began,
            "versions": versions(),
            "hosts": [each.as_dict() for each in reports],
        }
        (folder / "report.json").write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
        (folder / "report.txt").write_text("\n".join(paper.lines) + "\n", encoding="utf-8")
    return passed


def summarise(paper: Paper, report: Report) -> None:
    counts = {kind: sum(check.outcome == kind for check in report.checks) for kind in ("passed", "failed", "skipped")}
    paper.say(f"\n{report.host}: " + ", ".join(f"{number} {kind}" for kind, number in counts.items()))
    for node in (report.source, report.target):
        if node:
            paper.say(f"  Canton {node['release']}  {node['participant']} on {node['synchronizer']}")
    for check in report.checks:
        if check.outcome != "passed" and not check.detail.startswith("not run after"):
            paper.say(f"  {check.outcome}: {check.name}: {check.detail}")
    for item in report.remains:
        paper.say(f"  remains: {item}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="qualify", description="Qualify a Canton build with this collection.")
    parser.add_argument("inventory", nargs="?", help="inventory with a group qualify (docs/real-nodes.md)")
    parser.add_argument("--report", required=True, type=Path, help="folder for the report; a new one is made in it")
    arguments = parser.parse_args()
    os.umask(0o077)
    paper = Paper()
    try:
        if not arguments.inventory:
            raise NotReady(
                "No inventory was named. Run: make qualify INVENTORY=path (docs/real-nodes.md has an example)"
            )
        hosts = read_hosts(arguments.inventory)
    except NotReady as exc:
        print(exc, file=sys.stderr)
        return 2
    stamp = f"qualify-{time.strftime('%Y%m%d')}"
    prefixes = {
        host: str(values.get("qualify_prefix") or f"{stamp}-{secrets.token_hex(3)}") for host, values in hosts.items()
    }
    announce(paper, hosts, prefixes)
    if os.environ.get("QUALIFY_CONFIRM") != "yes":
        print("\nNothing was changed. To start, run the same again with QUALIFY_CONFIRM=yes.", file=sys.stderr)
        return 2
    folder = arguments.report.resolve() / f"{stamp}-{time.strftime('%H%M%S')}"
    folder.mkdir(parents=True)
    return 0 if qualify(arguments.inventory, hosts, prefixes, folder, paper) else 1


if __name__ == "__main__":
    sys.exit(main())
