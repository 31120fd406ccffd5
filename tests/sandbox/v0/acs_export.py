# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ExportAcs of Canton 2 hands out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.daml.contracts import Contract
from sandbox.node.acs_export import rows
from sandbox.v0 import serializable
from sandbox.v0.node import Node

# Proto version of the repair ActiveContract in its wrapper, whatever the protocol version
# (docs/canton/canton-2.md#versions-of-messages).
_RECORD_VERSION = 0


@dataclass(frozen=True)
class Selection:
    """Which contracts to export: those with a stakeholder among `parties` (none given: none), on domains whose id begins
    with `prefix`, created until `until` (microseconds since 1970; None: now). `renames` maps a domain id to another one
    and its protocol version."""

    parties: frozenset[str]
    prefix: str
    renames: dict[str, tuple[str, int]]
    until: int | None

    def takes(self, domain_id: str, contract: Contract) -> bool:
        if self.until is not None and contract.created_at > self.until:
            return False
        return domain_id.startswith(self.prefix) and not self.parties.isdisjoint(contract.stakeholders)


def records(node: Node, selection: Selection, offset: int) -> Iterator[bytes]:
    """The records of a snapshot, each a wrapped ActiveContract."""
    messages = node.messages
    record = messages.cls("participant.admin.v0.ActiveContract")
    targets = dict(selection.renames)
    for active, contract in rows(node, offset):
        source = active.synchronizer_id
        if not selection.takes(source, contract):
            continue
        if source not in targets:
            targets[source] = (source, node.view.domain_protocol_version(source) or node.release.protocol_versions[-1])
        domain_id, protocol_version = targets[source]
        data = serializable.pack(messages, contract, protocol_version)
        entry = record(protocol_version=protocol_version, domain_id=domain_id, contract=data)
        yield messages.wrap(entry.SerializeToString(), _RECORD_VERSION)
