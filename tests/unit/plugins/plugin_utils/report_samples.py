# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role's tasks may have found of a host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parents[4] / "roles" / "kms_migration" / "templates"
OLD, NEW = "bank-old::1220" + "a1" * 32, "bank-new::1220" + "b2" * 32
ADA, BEN = "Ada::1220" + "a1" * 32, "Ben <b>& Sons</b>::1220" + "a1" * 32
DIGEST = "d4" * 32

EVENTS = [
    {"event": "prepared", "at": "2026-11-20T09:12:44.100Z"},
    {"event": "cutover", "at": "2026-11-24T22:00:01.000Z"},
    {"event": "disconnected", "at": "2026-11-24T22:00:02.250Z"},
    {"event": "exported", "at": "2026-11-24T22:00:08.500Z"},
    {"event": "imported", "at": "2026-11-24T22:01:10.125Z"},
    {"event": "connected", "at": "2026-11-24T22:01:13.500Z"},
    {"event": "verified", "at": "2026-11-24T22:01:40.000Z"},
]
WARNING = {
    "id": "shared_contracts",
    "severity": "warning",
    "message": "Contracts are shared with 1 party",
    "remedy": "Move it too.",
}
ERROR = {"id": "disk_space", "severity": "error", "message": "/var has 1 MiB free", "remedy": "Free space."}


def facts(**others: Any) -> dict[str, Any]:
    """Of a host that preflight looked at; further ones by their names."""
    return {
        "host": "bank-1",
        "name": "bank-1",
        "at": "2026-11-24T22:01:41.123456Z",
        "journal": "/var/lib/canton-migration",
        "synchronizers": {"source": "old", "target": "new"},
        "check": {
            "can_migrate": True,
            "findings": [WARNING],
            "plan": {
                "source": OLD,
                "target": NEW,
                "contracts": 412,
                "parties": 2,
                "users": 1,
                "estimated_downtime_seconds": 21,
            },
        },
        **others,
    }


def identities() -> dict[str, Any]:
    return {"source": {"uid": OLD, "version": "3.5.10"}, "target": {"uid": NEW, "version": "3.5.10"}}


def migrated(**others: Any) -> dict[str, Any]:
    parties = {ADA: {"contracts": 400, "digest": "1f" * 32}, BEN: {"contracts": 12, "digest": "2e" * 32}}
    kinds = (("namespace", "signing", "ec_p256"), ("encryption", "encryption", "rsa_2048"))
    found: dict[str, Any] = {
        **facts(),
        **identities(),
        "result": {"digest": DIGEST},
        "events": EVENTS,
        "contracts": {"contracts": 412, "digest": DIGEST, "parties": parties},
        "delegation": {
            "namespace": "1220" + "a1" * 32,
            "target_key": "1220" + "b2" * 32,
            "delegation": {"source": True, "target": True, "synchronizer": True},
            "changed": False,
        },
        "hosted": {"parties": [ADA, BEN], "hosted": [], "changed": False},
        "packages": {"uploaded": [], "vetted": [], "changed": False},
        "users": {
            "users": ["ada-app"],
            "created": [],
            "updated": [],
            "granted": {},
            "changed": False,
            "left_out": {"ops": ["participant_admin"]},
        },
        "pong": {"millis": 205},
        "inventory": {
            "keys": [
                {
                    "name": f"bank-new-{name}",
                    "purpose": purpose,
                    "spec": spec,
                    "fingerprint": "1220" + "c3" * 32,
                    "kms_key_id": f"arn:aws:kms:eu-central-1:000000000000:key/{name}",
                    "usage": [],
                }
                for name, purpose, spec in kinds
            ],
            "parties": {
                "new": [{"party": ADA, "permission": "submission"}, {"party": BEN, "permission": "confirmation"}]
            },
            "packages": {
                "dars": [{"main": "e5" * 32, "name": "bonds", "version": "2.1.0"}],
                "stored": 31,
                "vetted": {"new": 31},
            },
            "users": [
                {"id": "ada-app", "rights": ["can_act_as(Ada)", "can_read_as(Ben)"]},
                {"id": "stranger", "rights": []},
            ],
        },
    }
    return {**found, **others}


def failure(phase: str, task: str = "") -> dict[str, str]:
    return {
        "phase": phase,
        "task": task or "Cutover | Export the contracts",
        "message": "The source participant broke off <after> 3 chunks [aborted].\nStart again.",
        "error_id": "export_broken_off",
        "hint": "Start again.",
        "consequence": "The source is off its synchronizer and the target does not serve yet: the parties are down.",
    }
