# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Canton 2: active contracts, and snapshots of them."""

from __future__ import annotations

import typing as t

from ..._api.descriptors import Message
from ..._api.wrapper import unwrap_repair_contract
from ..._errors import CantonError
from ..model.entities import ActiveContract, Offset
from .node import active_contract
from .v0_messages import IN_FLIGHT, LEDGER, PARTICIPANT, REPAIR, SLOW_SECONDS, Node


class Contracts(Node):
    def ledger_end(self) -> Offset:
        """An opaque text: what the last answer of a list of contracts carries. The admin party's is the shortest list."""
        end = ""
        for answer in self._stream_contracts([self._uid()], ""):
            end = answer.offset or end
        return end

    def active_contracts(self, parties: t.Iterable[str], offset: Offset) -> t.Iterator[ActiveContract]:
        """One request has all parties, so a contract of several parties comes once."""
        wanted = list(parties)
        if not wanted or not offset:
            return
        for answer in self._stream_contracts(wanted, str(offset)):
            for event in answer.active_contracts:
                yield active_contract(event, "", has_key=event.HasField("contract_key"))

    def _stream_contracts(self, parties: t.Sequence[str], offset: str) -> t.Iterator[Message]:
        return self.ledger.stream(
            LEDGER + "ActiveContractsService/GetActiveContracts",
            filter={"filters_by_party": {party: {} for party in parties}},
            verbose=False,
            active_at_offset=offset,
        )

    def was_archived(self, contract_id: str, parties: t.Iterable[str]) -> bool | None:
        """Old lines of Canton 2 have no such query, so none is asked."""
        return None

    def read_record(self, record: bytes) -> ActiveContract:
        """Its package is not known (docs/canton/canton-2.md#snapshot-records)."""
        domain, contract = unwrap_repair_contract(record)
        metadata = contract.metadata
        stakeholders = frozenset(
            [*metadata.non_maintainer_signatories, *metadata.maintainers, *metadata.non_signatory_stakeholders]
        )
        return ActiveContract(contract.contract_id, domain, "", stakeholders)

    def export_contracts(
        self, parties: t.Sequence[str], offset: Offset, renames: t.Mapping[str, str], protocol_version: int | None
    ) -> t.Iterator[bytes]:
        """The node's gzip stream of the contracts of ``parties`` as they stand now: there is no offset, so the node must be at rest.

        ``protocol_version`` is that of the domains that contracts are renamed to. The parties are not marked as leaving
        (``parties_offboarding``): for that the node would have to be connected.
        """
        if protocol_version is None:
            raise CantonError(
                "The protocol version of the target's domain is unknown, and Canton 2 writes it into the snapshot",
                error_id="protocol_version_unknown",
                hint="Set target_protocol_version to the protocol version of that domain.",
            )
        chunks = self.admin.stream(
            REPAIR + "ExportAcs",
            parties=list(parties),
            contract_domain_renames={
                old: {"domain_id": new, "protocol_version": protocol_version} for old, new in renames.items()
            },
        )
        for answer in chunks:
            yield answer.chunk

    def import_contracts(
        self, chunks: t.Iterable[bytes], synchronizer: str, workflow_prefix: str, parties: t.Sequence[str]
    ) -> None:
        """Send a snapshot; every message has to repeat the arguments. The parties are those that this node will host."""
        arguments: dict[str, t.Any] = {"workflow_id_prefix": workflow_prefix}
        if self.admin.has_field(PARTICIPANT + "ImportAcsRequest", "onboarded_parties"):
            arguments["onboarded_parties"] = list(parties)
        self.admin.upload(REPAIR + "ImportAcs", ({"acs_snapshot": chunk, **arguments} for chunk in chunks))

    def purge_contracts(self, alias: str, contract_ids: t.Sequence[str], parties: t.Sequence[str]) -> None:
        """Purge contracts while disconnected; those that are not active are skipped.

        The parties are those that were given at the import, so that contract keys are freed as they were taken.
        """
        fields: dict[str, t.Any] = {"domain": alias, "contract_ids": list(contract_ids), "ignore_already_purged": True}
        if self.admin.has_field(PARTICIPANT + "PurgeContractsRequest", "offboarded_parties"):
            fields["offboarded_parties"] = list(parties)
        self.admin.repeatable(REPAIR + "PurgeContracts", deadline=SLOW_SECONDS, **fields)

    def in_flight(self, synchronizer: str) -> int | None:
        """Submissions and transactions that are on their way; None where the node cannot count them (2.8)."""
        if not self.admin.has_rpc(IN_FLIGHT):
            return None
        answer = self.admin.fresh(IN_FLIGHT, domain_id=synchronizer)
        return int(answer.pending_submissions + answer.pending_transactions)

    def pruning_schedule(self) -> str | None:
        """None: no service reports it."""
        return None
