# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is reported of a fleet: all results of a folder, and the hosts that have none."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ._report import SCHEMA, STATUSES

FLEET = "fleet"
# the order of the table: hosts that need attention come first
_ORDER = (
    "failed",
    "interrupted",
    "unreadable",
    "unreachable",
    "running",
    "refused",
    "no_result",
    "stopped",
    "rolled_back",
    "moved",
    "prepared",
    "can_migrate",
    "migrated",
    "retired",
)
_DONE = ("migrated", "retired")

Document = dict[str, t.Any]


def fleet(folder: Path, hosts: t.Sequence[str], at: str, gone: t.Sequence[str] = ()) -> Document:
    """The report of all hosts of the play, and of all others that have a result in the folder.

    ``gone``: hosts that Ansible has dropped. One without an end was unreachable, or its variables were wrong.
    """
    rows = {row["host"]: row for row in map(_row, sorted(folder.glob("*.json"))) if row is not None}
    for host in hosts:
        row = rows.setdefault(host, _nothing(host))
        if host in gone and row["status"] in ("running", "no_result"):
            text = "Ansible could not reach the host, or refused its variables: see the output of Ansible."
            row.update(status="unreachable", summary=text)
    table = sorted(rows.values(), key=lambda row: (_ORDER.index(row["status"]), row["host"]))
    counts = {status: sum(1 for row in table if row["status"] == status) for status in _ORDER}
    downtimes = [row["downtime_seconds"] for row in table if row["downtime_seconds"] is not None]
    return {
        "schema": SCHEMA,
        "at": at,
        "hosts": table,
        "totals": {
            "hosts": len(table),
            "done": sum(counts[status] for status in _DONE),
            "statuses": {status: number for status, number in counts.items() if number},
            "parties": sum(row["parties"] for row in table),
            "contracts": sum(row["contracts"] for row in table),
            "downtime_seconds": round(sum(downtimes), 1),
            "longest_downtime_seconds": max(downtimes, default=0),
        },
    }


def _row(path: Path) -> Document | None:
    """A damaged file is shown, not left out."""
    if path.stem == FLEET:
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["schema"] != SCHEMA or found["status"] not in STATUSES:
            raise ValueError("another schema")
        contracts = found["contracts"]
        return {
            **{key: str(found[key]) for key in ("host", "name", "status", "phase", "at", "summary")},
            "file": path.stem,
            "message": str((found["error"] or {}).get("message") or ""),
            "source": str(found["source"]["uid"]),
            "target": str(found["target"]["uid"]),
            "parties": len(found["parties"]),
            "contracts": 0 if contracts is None else int(contracts),
            "downtime_seconds": found["downtime_seconds"],
            "warnings": len(found["warnings"]),
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"{path.name} could not be read as a result: {type(error).__name__}"
        return {**_nothing(path.stem), "status": "unreadable", "summary": text}


def _nothing(host: str) -> Document:
    return {
        **dict.fromkeys(("name", "file", "phase", "at", "message", "source", "target"), ""),
        **dict.fromkeys(("parties", "contracts", "warnings"), 0),
        "host": host,
        "status": "no_result",
        "summary": "No result: not started, unreachable or killed.",
        "downtime_seconds": None,
    }
