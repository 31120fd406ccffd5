# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several migrations in one network, as one inventory."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from playbook.harness import Sandbox
from playbook.migration import NEW_ALIAS, OLD_ALIAS


def source_of(host: str) -> str:
    return f"{host}-old"


def target_of(host: str) -> str:
    return f"{host}-new"


def topology(hosts: Sequence[str], contracts: int, targets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One pair of participants a host. ``targets``: keys of some hosts' targets that differ."""
    participants: dict[str, Any] = {}
    for host in hosts:
        participants[source_of(host)] = {
            "connections": [{"synchronizer": "east", "alias": OLD_ALIAS}],
            "parties": ["Ada", "Ben"],
            "dars": [{"name": "bonds", "version": "2.1.0"}],
            "contracts": [{"count": contracts, "template": "Iou:Iou", "dar": "bonds", "parties": ["Ada", "Ben"]}],
            "users": [{"id": "ada-app", "primary_party": "Ada", "act_as": ["Ada"]}],
        }
        participants[target_of(host)] = {
            "crypto": "kms",
            "connections": [{"synchronizer": "west", "alias": NEW_ALIAS}],
            **targets.get(host, {}),
        }
    return {"synchronizers": {"east": {}, "west": {}}, "participants": participants}


def inventory(net: Sandbox, folder: Path, hosts: Mapping[str, Mapping[str, Any]], variables: Mapping[str, Any]) -> Path:
    """The file: hosts with variables of their own, in this order."""
    path = folder / "fleet.json"
    entries = {
        host: {
            "kms_migration_source": net.connection(source_of(host)),
            "kms_migration_target": net.connection(target_of(host)),
            **own,
        }
        for host, own in hosts.items()
    }
    shared = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "kms_migration_source_synchronizer": OLD_ALIAS,
        "kms_migration_target_synchronizer": NEW_ALIAS,
        "kms_migration_journal": str(folder / "journal"),
        "kms_migration_report": str(folder / "reports"),
        "kms_migration_backup_confirmed": True,
        **variables,
    }
    path.write_text(json.dumps({"kms_migration": {"hosts": entries, "vars": shared}}), encoding="utf-8")
    path.chmod(0o600)
    return path
