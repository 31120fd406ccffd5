# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and snapshots of Canton 2 for the tests of the sandbox."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.cli.network import Network
from sandbox.daml.acs_stream import SnapshotReader, write_snapshot
from sandbox.v0.requests import CONNECTIVITY
from sandbox.wire.client import CallFailed, Participant
from sandbox.wire.definitions import Messages, messages
from sandbox.wire.release import release

RELEASES = ("2.10", "2.8")
REPAIR = "participant.admin.v0.ParticipantRepairService"
PACKAGES = "participant.admin.v0.PackageService"
INSPECTION = "participant.admin.v0.InspectionService"
ACTIVE = "v1.ActiveContractsService/GetActiveContracts"
USERS = "v1.admin.UserManagementService"
PARTIES = "v1.admin.PartyManagementService"
PROVIDERS = "v1.admin.IdentityProviderConfigService"
PACKAGE_MANAGEMENT = "v1.admin.PackageManagementService"


@dataclass
class Net:
    """A running network of one release."""

    release: str
    network: Network
    clients: dict[str, Participant]

    @property
    def messages(self) -> Messages:
        return messages(release(self.release))

    def __getitem__(self, name: str) -> Participant:
        return self.clients[name]

    def domain(self, name: str) -> str:
        return str(self.network.info()["synchronizers"][name]["id"])

    def protocol_version(self, name: str) -> int:
        return int(self.network.info()["synchronizers"][name]["protocol_version"])

    def party(self, name: str, owner: str = "source") -> str:
        return f"{name}::{self[owner].uid.partition('::')[2]}"

    def export(self, name: str, parties: list[str], **more: Any) -> bytes:
        answers = self[name].admin(f"{REPAIR}/ExportAcs", {"parties": parties, **more})
        return b"".join(base64.b64decode(one["chunk"]) for one in answers)

    def renamed(self, source: str, target: str) -> dict[str, Any]:
        """The argument that takes contracts of one domain to another."""
        to = {"domain_id": self.domain(target), "protocol_version": self.protocol_version(target)}
        return {"contract_domain_renames": {self.domain(source): to}}

    def load(self, name: str, snapshot: bytes, piece: int = 20_000, **arguments: Any) -> None:
        """Import; the arguments stand in every message."""
        requests = [
            {"acs_snapshot": base64.b64encode(snapshot[i : i + piece]).decode(), **arguments}
            for i in range(0, len(snapshot), piece)
        ]
        self[name].admin(f"{REPAIR}/ImportAcs", requests)

    def refused(self, name: str, snapshot: bytes, **more: Any) -> CallFailed:
        with pytest.raises(CallFailed) as caught:
            self.load(name, snapshot, **more)
        return caught.value

    def purge(self, name: str, domain: str, contract_ids: list[str], **more: Any) -> None:
        request = {"domain": domain, "contract_ids": contract_ids, **more}
        self[name].admin(f"{REPAIR}/PurgeContracts", request)

    def connect(self, name: str, alias: str) -> None:
        answer = self[name].admin(f"{CONNECTIVITY}/ConnectDomain", {"domain_alias": alias})
        assert answer["connected_successfully"]

    def disconnect(self, name: str, alias: str) -> None:
        self[name].admin(f"{CONNECTIVITY}/DisconnectDomain", {"domain_alias": alias})

    def active(self, name: str, *parties: str, **more: Any) -> list[dict[str, Any]]:
        """The answers with contracts; the last answer must be nothing but an offset."""
        request = {"filter": {"filters_by_party": {party: {} for party in parties}}, **more}
        found: list[dict[str, Any]]
        *found, last = self[name].ledger(ACTIVE, request)
        assert set(last) == {"offset"}
        return found

    def active_ids(self, name: str, *parties: str) -> list[str]:
        return [each["contract_id"] for answer in self.active(name, *parties) for each in answer["active_contracts"]]

    def records(self, snapshot: bytes) -> list[tuple[Any, int, Any]]:
        """(ActiveContract, version of the SerializableContract, SerializableContract) of each record."""
        found = []
        for record in SnapshotReader([snapshot]):
            payload, version = self.messages.unwrap_versioned(record)
            assert version == 0
            entry = self.messages.cls("participant.admin.v0.ActiveContract").FromString(payload)
            inner, version = self.messages.unwrap_versioned(entry.contract)
            contract = self.messages.cls(f"protocol.v{version}.SerializableContract").FromString(inner)
            found.append((entry, version, contract))
        return found

    def packed(self, entries: list[tuple[Any, int, Any]]) -> bytes:
        """The snapshot of such records."""
        records = []
        for entry, version, contract in entries:
            entry.contract = self.messages.wrap(contract.SerializeToString(), version)
            records.append(self.messages.wrap(entry.SerializeToString(), 0))
        return b"".join(write_snapshot(records))
