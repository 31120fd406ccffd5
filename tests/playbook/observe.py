# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one participant holds, read past all modules, and what an operator may do to it: the same words on every release."""

from __future__ import annotations

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import Any

from sandbox.wire.client import CallFailed, Participant

# the user that every node has
ADMIN_USER = "participant_admin"
SUBMISSION, CONFIRMATION, OBSERVATION = "submission", "confirmation", "observation"
ROOT, DELEGATION = "can_sign_all_mappings", "can_sign_all_but_namespace_delegations"


class Node(ABC):
    """Both APIs of a participant. Here is what all releases say alike, except for the package of the ledger API."""

    LEDGER: str
    VAULT: str
    # what ExportKeyPair wants to be told
    PROTOCOL_VERSION: int

    def __init__(self, client: Participant) -> None:
        self._client = client
        self.uid = client.uid
        self.admin = client.admin
        self.ledger = client.ledger
        self.close = client.close

    # What it holds.

    @abstractmethod
    def hostings(self, synchronizer: str | None) -> dict[str, Any]:
        """Party: threshold, serial, and its hosts with permissions, from the store of a synchronizer or (``None``) the
        participant's own. No admin parties. Where a release knows neither threshold nor serial, both are 1."""

    @abstractmethod
    def delegations(self, synchronizer: str | None, namespaces: Collection[str]) -> list[list[Any]]:
        """Namespace, target key, restriction and serial of the delegations of these namespaces, ordered; ``None`` for the
        participant's own store."""

    @abstractmethod
    def vetted(self, synchronizer: str) -> list[str]:
        """The packages that this participant has vetted."""

    @abstractmethod
    def dars(self) -> list[tuple[str, str]]:
        """Name and main package."""

    @abstractmethod
    def connections(self) -> dict[str, dict[str, bool]]:
        """Alias: connected and manual_connect."""

    @abstractmethod
    def contracts(self, parties: Sequence[str]) -> dict[str, dict[str, str]]:
        """For each party the ids of the active contracts that it sees, with the synchronizer that each lives on."""

    def providers(self) -> list[dict[str, Any]]:
        service = f"{self.LEDGER}.admin.IdentityProviderConfigService"
        found: list[dict[str, Any]] = self.ledger(f"{service}/ListIdentityProviderConfigs").get(
            "identity_provider_configs", []
        )
        return found

    def _everywhere(self) -> list[str]:
        return ["", *(each["identity_provider_id"] for each in self.providers())]

    def users(self) -> dict[str, Any]:
        """All users but the one that every node has, with annotations and rights."""
        service = f"{self.LEDGER}.admin.UserManagementService"
        found = {}
        for provider in self._everywhere():
            chosen = {"identity_provider_id": provider}
            for user in self.ledger(f"{service}/ListUsers", chosen).get("users", []):
                if user["id"] == ADMIN_USER:
                    continue
                user["metadata"].pop("resource_version", None)
                asked = {"user_id": user["id"], "identity_provider_id": user.get("identity_provider_id", "")}
                rights = self.ledger(f"{service}/ListUserRights", asked).get("rights", [])
                found[user["id"]] = {**user, "rights": sorted(rights, key=json.dumps)}
        return found

    def known_parties(self) -> list[dict[str, Any]]:
        """What the ledger API says of all parties, the admin party first."""
        service = f"{self.LEDGER}.admin.PartyManagementService"
        return [
            party
            for provider in self._everywhere()
            for party in self.ledger(f"{service}/ListKnownParties", {"identity_provider_id": provider}).get(
                "party_details", []
            )
        ]

    def party_notes(self, parties: Sequence[str]) -> dict[str, Any]:
        """Party: its annotations, display name (Canton 2) and identity provider, for those that have any."""
        found = {}
        for party in self.known_parties():
            kept = party.get("local_metadata", {}).get("annotations", {})
            shown = party.get("display_name", "")
            if party["party"] in parties and (kept or shown):
                found[party["party"]] = {
                    "annotations": kept,
                    "display_name": shown,
                    "idp": party.get("identity_provider_id", ""),
                }
        return found

    # What an operator does.

    @abstractmethod
    def upload_dar(self, data: bytes, name: str, vet: bool = True) -> None:
        """``name``: that of the DAR, where a release does not find it in the DAR itself."""

    def allocate_party(self, hint: str, **annotations: str) -> str:
        service = f"{self.LEDGER}.admin.PartyManagementService"
        answer = self.ledger(f"{service}/AllocateParty", {"party_id_hint": hint})
        party = str(answer["party_details"]["party"])
        note = {"party": party, "local_metadata": {"annotations": annotations}}
        change = {"party_details": note, "update_mask": "localMetadata.annotations"}
        self.ledger(f"{service}/UpdatePartyDetails", change)
        return party

    def create_user(self, user: str, party: str, **annotations: str) -> None:
        """A user that acts as one party."""
        entry = {"id": user, "primary_party": party, "metadata": {"annotations": annotations}}
        rights = [{"can_act_as": {"party": party}}]
        self.ledger(f"{self.LEDGER}.admin.UserManagementService/CreateUser", {"user": entry, "rights": rights})

    def take_root_key(self) -> str:
        """Take the namespace's private key out of the vault; for ``give_root_key`` (the node must allow the export)."""
        root = {"fingerprint": self.uid.partition("::")[2]}
        pair = self.admin(f"{self.VAULT}/ExportKeyPair", {**root, "protocol_version": self.PROTOCOL_VERSION})
        self.delete_root_key()
        return str(pair["key_pair"])

    def give_root_key(self, pair: str) -> None:
        self.admin(f"{self.VAULT}/ImportKeyPair", {"key_pair": pair, "name": "root"})

    def delete_root_key(self) -> None:
        self.admin(f"{self.VAULT}/DeleteKeyPair", {"fingerprint": self.uid.partition("::")[2]})

    def _answers(self, rpc: str, request: Any) -> list[dict[str, Any]]:
        """The answers of a stream of contracts; none when the participant does not know the party (yet)."""
        try:
            found: list[dict[str, Any]] = self.ledger(rpc, request)
        except CallFailed as error:
            if error.reason == "PARTIES_NOT_KNOWN_ON_LEDGER":
                return []
            raise
        return found


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def observe(info: dict[str, Any]) -> Node:
    """The observer for a participant, by what network.json says of it."""
    from playbook.observe_v0 import V0
    from playbook.observe_v30 import V30

    from sandbox.wire.release import release

    return {"v0": V0, "v30": V30}[release(info["release"]).dialect](Participant(info))
