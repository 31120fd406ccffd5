# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every way of migrating asks of a node itself, and of its operator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.fakes import old_participant
from unit.plugins.module_utils._participant.preflight.support import REQUEST, look, severities, status
from unit.plugins.samples import NEW, OLD

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight import node
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.findings import Findings


@pytest.mark.parametrize(
    ("values", "identifier", "cause", "remedy", "goes_on"),
    [
        (
            {"status": status(OLD, initialized=False, waiting_for="node_topology")},
            "not_initialized",
            "node topology",
            "Initialise",
            False,
        ),
        ({"status": status(OLD, initialized=False)}, "not_initialized", "is not initialised", "Initialise", False),
        ({"status": status(OLD, active=False)}, "passive_replica", "is a passive", "active", False),
        ({"memory": True}, "storage_in_memory", "keeps its data in memory", "PostgreSQL", True),
        ({"has_ledger": False}, "ledger_endpoint_missing", "has no", "ledger API", False),
    ],
)
def test_a_node(values: dict[str, Any], identifier: str, cause: str, remedy: str, goes_on: bool) -> None:
    """What cannot be read after it is not asked for."""
    participant = old_participant(**values)
    found = Findings(participant, participant, REQUEST)
    assert node.check_node(found, participant, participant.identity()) is goes_on
    assert severities(found.all) == [(identifier, "error")]
    assert cause in found.all[0].message and remedy in found.all[0].remedy


@pytest.mark.parametrize("side", ["source", "target"])
def test_both_nodes_are_asked(side: str) -> None:
    values = {"status": status(OLD if side == "source" else NEW, active=False)}
    findings, plan = look(**{side: values})
    assert severities(findings) == [("passive_replica", "error")] and f"The {side} participant" in findings[0].message
    assert "contracts" not in plan


def test_a_backup_has_to_be_confirmed() -> None:
    participant = old_participant()
    found = Findings(participant, participant, replace(REQUEST, backup_confirmed=False))
    node.check_backup(found)
    assert severities(found.all) == [("backup_not_confirmed", "error")]
    assert "backup_confirmed" in found.all[0].remedy
    assert look(backup_confirmed=False)[1]["contracts"] == 4, "the rest is looked at all the same"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"schedule": "0 0 3 * * ?"}, [("pruning_scheduled", "error")]),
        ({"schedule": ""}, []),
        ({"major": 2}, [("pruning_not_visible", "warning")]),
    ],
)
def test_pruning(values: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    participant = old_participant(**values)
    found = Findings(participant, participant, REQUEST)
    node.check_pruning(found)
    assert severities(found.all) == expected
    assert all("pruning schedule" in item.remedy for item in found.all)
