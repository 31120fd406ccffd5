# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Canton 3: which participants host a party, and how a party moves on one synchronizer."""

from __future__ import annotations

import typing as t

from ..._api.descriptors import Message
from ..._errors import CantonError
from ..model.entities import Clearance, Host, Hosting, Offset, SignedHosting
from .v30_messages import (
    ADD,
    CRYPTO,
    PARTICIPANT,
    PARTIES,
    PERMISSIONS,
    PROTOCOL,
    READ,
    REMOVE,
    WRITE,
    Node,
    query,
    snapshot_requests,
    store_id,
)


class Parties(Node):
    def hostings(self, store: str, participant: str = "", proposals: bool = False) -> list[Hosting]:
        answer = self.admin.read(
            READ + "ListPartyToParticipant", base_query=query(store, proposals), filter_participant=participant
        )
        found = [_hosting(result.item) for result in answer.results]
        return [item for item in found if not participant or item.host(participant)]

    def host_parties(self, store: str, hostings: t.Sequence[Hosting], parallel: int) -> list[CantonError | None]:
        """See docs/canton/topology.md#many-mappings."""
        return self._authorize_hostings(ADD, store, hostings, parallel)

    def unhost_parties(self, store: str, hostings: t.Sequence[Hosting], parallel: int) -> list[CantonError | None]:
        """Each mapping is repeated as it is (docs/canton/topology.md#a-removal-repeats-the-mapping)."""
        return self._authorize_hostings(REMOVE, store, hostings, parallel)

    def propose_hostings(self, store: str, hostings: t.Sequence[Hosting], parallel: int) -> list[CantonError | None]:
        """See docs/canton/topology.md#authorize."""
        return self._authorize_hostings(ADD, store, hostings, parallel, fully=False)

    def _authorize_hostings(
        self, change: str, store: str, hostings: t.Sequence[Hosting], parallel: int, fully: bool = True
    ) -> list[CantonError | None]:
        requests = [
            {
                "proposal": {"change": change, "mapping": {"party_to_participant": self._hosting_message(item)}},
                "must_fully_authorize": fully,
                "store": store_id(store),
            }
            for item in hostings
        ]
        answers = self.admin.write_many(WRITE + "Authorize", requests, parallel)
        return [answer if isinstance(answer, CantonError) else None for answer in answers]

    def _hosting_message(self, item: Hosting) -> dict[str, t.Any]:
        numbers = {name: number for number, name in PERMISSIONS.items()}
        fields: dict[str, t.Any] = {
            "party": item.party,
            "threshold": item.threshold,
            "participants": [
                {
                    "participant_uid": host.participant,
                    "permission": numbers[host.permission],
                    **({"onboarding": {}} if host.onboarding else {}),
                }
                for host in item.hosts
            ],
        }
        if item.signing_keys:
            fields["party_signing_keys"] = self.admin.message(CRYPTO + "SigningKeysWithThreshold").FromString(
                item.signing_keys
            )
        return fields

    def lacks_for_replication(self) -> list[str]:
        rpcs = [PARTIES + name for name in ("ExportPartyAcs", "ImportPartyAcs", "ClearPartyOnboardingFlag")]
        lacks = [rpc.rpartition(".")[2] for rpc in (*rpcs, WRITE + "SignTransactions") if not self.admin.has_rpc(rpc)]
        fields = {
            PARTICIPANT + "ImportPartyAcsRequest": "party_id",
            PROTOCOL + "PartyToParticipant.HostingParticipant": "onboarding",
        }
        for message, field in fields.items():
            if not self.admin.has_field(message, field):
                lacks.append(f"{message.rpartition('v30.')[2]}.{field}")
        return lacks

    def signed_proposals(self, store: str, namespace: str) -> list[SignedHosting]:
        """Lists carry no signatures (docs/canton/topology.md#lists-carry-no-signatures)."""
        return [
            SignedHosting(_hosting(transaction.mapping.party_to_participant), raw)
            for signed, transaction, raw in self._stored(query(store, proposals=True), namespace)
            if signed.proposal and transaction.mapping.WhichOneof("mapping") == "party_to_participant"
        ]

    def export_party_contracts(
        self, party: str, synchronizer: str, target: str, begin: Offset, wait_seconds: int
    ) -> t.Iterator[bytes]:
        """See docs/canton/party-replication.md#shared-contracts-are-exported-once."""
        chunks = self.admin.stream(
            PARTIES + "ExportPartyAcs",
            party_id=party,
            synchronizer_id=synchronizer,
            target_participant_uid=target,
            begin_offset_exclusive=begin,
            wait_for_activation_timeout={"seconds": wait_seconds},
        )
        for answer in chunks:
            yield answer.chunk

    def import_party_contracts(
        self, chunks: t.Iterable[bytes], party: str, synchronizer: str, workflow_prefix: str
    ) -> None:
        """The party's id makes the node check for the onboarding (docs/canton/party-replication.md#import-of-a-party)."""
        first: dict[str, t.Any] = {
            "party_id": party,
            "synchronizer_id": synchronizer,
            "workflow_id_prefix": workflow_prefix,
            "contract_import_mode": "CONTRACT_IMPORT_MODE_VALIDATION",
        }
        self.admin.upload(PARTIES + "ImportPartyAcs", snapshot_requests(chunks, first, {}))

    def clear_onboarding(self, party: str, synchronizer: str, begin: Offset, wait_seconds: int) -> Clearance:
        """See docs/canton/party-replication.md#onboarding-flag."""
        answer = self.admin.repeatable(
            PARTIES + "ClearPartyOnboardingFlag",
            deadline=wait_seconds + 10.0,
            party_id=party,
            synchronizer_id=synchronizer,
            begin_offset_exclusive=begin,
            wait_for_activation_timeout={"seconds": wait_seconds},
        )
        stamp = answer.earliest_retry_timestamp if answer.HasField("earliest_retry_timestamp") else None
        return Clearance(answer.onboarded, stamp.seconds + stamp.nanos / 1e9 if stamp is not None else None)


def _hosting(item: Message) -> Hosting:
    keys = item.party_signing_keys.SerializeToString() if item.HasField("party_signing_keys") else b""
    hosts = tuple(
        Host(host.participant_uid, PERMISSIONS.get(host.permission, "unspecified"), host.HasField("onboarding"))
        for host in item.participants
    )
    return Hosting(item.party, item.threshold, hosts, keys)
