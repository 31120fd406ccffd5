# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ExportAcs and GetActiveContracts of Canton 3 hand out (docs/canton/contracts.md#snapshot)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.daml import contracts
from sandbox.daml.contracts import Contract
from sandbox.node.acs_export import fill_shared, rows
from sandbox.node.core import Core
from sandbox.state.ledger import Active


@dataclass(frozen=True)
class Selection:
    """Which contracts to export: at `offset`, with a stakeholder among `parties` (none given: all) and none among
    `excluded`, on one synchronizer ("": all). `renames` maps logical synchronizer ids."""

    parties: frozenset[str]
    offset: int
    excluded: frozenset[str] = frozenset()
    synchronizer_id: str = ""
    renames: dict[str, str] = field(default_factory=dict)


def fill_event(event: Any, active: Active, contract: Contract, witnesses: frozenset[str], with_blob: bool) -> None:
    """Fill a CreatedEvent as GetActiveContracts and snapshots hold it. No `witnesses` = every stakeholder is one."""
    fill_shared(event, contract, witnesses, with_blob)
    event.offset = active.created_offset
    event.node_id = active.node_id
    event.create_arguments.MergeFromString(contracts.api_record(contract.blob))
    event.package_name = contract.package_name
    event.acs_delta = True
    event.representative_package_id = active.representative_package_id


def records(node: Core, selection: Selection) -> Iterator[bytes]:
    """The records of a snapshot, each a wrapped ActiveContract (docs/canton/contracts.md#snapshot)."""
    messages = node.messages
    outer = messages.cls("admin.participant.v30.ActiveContract")
    inner = messages.cls("v2.ActiveContract")
    for active, contract in rows(node, selection.offset):
        if not _selected(selection, active, contract):
            continue
        record = inner(synchronizer_id=selection.renames.get(active.synchronizer_id, active.synchronizer_id))
        fill_event(record.created_event, active, contract, selection.parties, with_blob=True)
        yield messages.wrap(outer(active_contract=record.SerializeToString()).SerializeToString())


def _selected(selection: Selection, active: Active, contract: Contract) -> bool:
    if selection.synchronizer_id and active.synchronizer_id != selection.synchronizer_id:
        return False
    stakeholders = contract.stakeholders
    if selection.parties and selection.parties.isdisjoint(stakeholders):
        return False
    return selection.excluded.isdisjoint(stakeholders)
