# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the active contract set of a participant: as ledger API events and as records of a snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox import contracts
from sandbox.contracts import Active, Contract

if TYPE_CHECKING:
    from sandbox.node import Node


@dataclass(frozen=True)
class Selection:
    """Which contracts to export: at `offset`, with a stakeholder among `parties` (none given: all) and none among
    `excluded`, on one synchronizer ("": all). `renames` maps logical synchronizer ids."""

    parties: frozenset[str]
    offset: int
    excluded: frozenset[str] = frozenset()
    synchronizer_id: str = ""
    renames: dict[str, str] = field(default_factory=dict)


def rows(node: Node, offset: int, after_seq: int = 0) -> Iterator[tuple[Active, Contract]]:
    """What was active at an offset, read page by page: no transaction stays open while a client is slow."""
    while True:
        with node.db.read() as db:
            page = contracts.active_page(db, node.name, offset, after_seq)
        if not page:
            return
        for active in page:
            yield active, contracts.parse_blob(active.blob)
        after_seq = page[-1].seq


def fill_event(event: Any, active: Active, contract: Contract, witnesses: frozenset[str], with_blob: bool) -> None:
    """Fill a CreatedEvent as GetActiveContracts and snapshots hold it. No `witnesses` = every stakeholder is one."""
    fill_shared(event, contract, witnesses, with_blob)
    event.offset = active.created_offset
    event.node_id = active.node_id
    event.create_arguments.MergeFromString(contracts.api_record(contract.blob))
    event.package_name = contract.package_name
    event.acs_delta = True
    event.representative_package_id = active.representative_package_id


def fill_shared(event: Any, contract: Contract, witnesses: frozenset[str], with_blob: bool) -> None:
    """What the CreatedEvents of ledger API v1 and v2 have in common."""
    stakeholders = contract.stakeholders
    event.contract_id = contract.contract_id.hex()
    event.template_id.package_id = contract.package_id
    event.template_id.module_name = contract.module
    event.template_id.entity_name = contract.entity
    if with_blob:
        event.created_event_blob = contract.blob
    event.witness_parties.extend([p for p in stakeholders if p in witnesses] if witnesses else stakeholders)
    event.signatories.extend(contract.signatories)
    event.observers.extend(contract.observers)
    event.created_at.seconds, micros = divmod(contract.created_at, 1_000_000)
    event.created_at.nanos = micros * 1000


def records(node: Node, selection: Selection) -> Iterator[bytes]:
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
