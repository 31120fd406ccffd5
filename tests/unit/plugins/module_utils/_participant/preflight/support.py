# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A migration that nothing stands against, and what stands against one that differs from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from unit.plugins.fakes import Fake, new_participant, old_participant

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Identity
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.examine import examine
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.findings import (
    Finding,
    MigrationRequest,
)

REQUEST = MigrationRequest("oldsync", "newsync", None, (), True, None, backup_confirmed=True)
EVE = "Eve::1220" + "e" * 64


def look(
    source: dict[str, Any] | None = None, target: dict[str, Any] | None = None, **options: Any
) -> tuple[list[Finding], dict[str, Any]]:
    fresh = {"hosted": {}, **(target or {})}
    found = examine(old_participant(**(source or {})), new_participant(**fresh), replace(REQUEST, **options))
    return found.all, found.plan.as_dict()


def status(uid: str, version: str = "3.5.10", **values: Any) -> Identity:
    return replace(Identity(uid, True, True, version, "", (35,)), **values)


def look_at(source: Fake, target: Fake, **options: Any) -> list[Finding]:
    return examine(source, target, replace(REQUEST, **options)).all


def severities(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(item.id, item.severity) for item in findings]
