# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the active contract set of a participant: as ledger API events and as records of a snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.daml import contracts
from sandbox.daml.contracts import Contract
from sandbox.node.core import Core
from sandbox.state import ledger
from sandbox.state.ledger import Active


def rows(node: Core, offset: int, after_seq: int = 0) -> Iterator[tuple[Active, Contract]]:
    """What was active at an offset, read page by page: no transaction stays open while a client is slow."""
    while True:
        with node.db.read() as db:
            page = ledger.active_page(db, node.name, offset, after_seq)
        if not page:
            return
        for active in page:
            yield active, contracts.parse_blob(active.blob)
        after_seq = page[-1].seq


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
