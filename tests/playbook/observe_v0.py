# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a participant of Canton 2 holds, in the words of Canton 3 (docs/canton/canton-2.md#topology-elements)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from playbook.observe import CONFIRMATION, DELEGATION, OBSERVATION, ROOT, SUBMISSION, Node, encoded

from sandbox.v0.requests import AUTHORIZED, CONNECTIVITY, VAULT, listed

_PACKAGES = "participant.admin.v0.PackageService"
_INSPECTION = "participant.admin.v0.InspectionService"
# from the strongest to the weakest; a hosting that is disabled is none
_PERMISSIONS = {"Submission": SUBMISSION, "Confirmation": CONFIRMATION, "Observation": OBSERVATION}


class V0(Node):
    LEDGER = "v1"
    VAULT = VAULT
    PROTOCOL_VERSION = 5

    def hostings(self, synchronizer: str | None) -> dict[str, Any]:
        """Party and participant may each have signed their side; the weaker permission holds."""
        sides: dict[str, dict[str, dict[str, str]]] = {}
        for result in listed(self._client, "PartyToParticipant", synchronizer or AUTHORIZED):
            item = result["item"]
            host = item["participant"].removeprefix("PAR::")
            signed = ("From", "To") if item["side"] == "Both" else (item["side"],)
            sides.setdefault(item["party"], {}).setdefault(host, {}).update(dict.fromkeys(signed, item["permission"]))
        found = {}
        for party, hosts in sides.items():
            kept = sorted([host, _weaker(signed)] for host, signed in hosts.items() if _weaker(signed))
            if kept and party not in hosts:
                found[party] = {"threshold": 1, "serial": 1, "hosts": kept}
        return found

    def delegations(self, synchronizer: str | None, namespaces: Collection[str]) -> list[list[Any]]:
        """The same delegation may stand there twice, under two element ids."""
        found = {
            (
                result["item"]["namespace"],
                result["item"]["target_key"]["public_key"],
                ROOT if result["item"].get("is_root_delegation") else DELEGATION,
            )
            for result in listed(self._client, "NamespaceDelegation", synchronizer or AUTHORIZED)
        }
        return sorted([*each, 1] for each in found if each[0] in namespaces)

    def vetted(self, synchronizer: str) -> list[str]:
        rows = [result["item"] for result in listed(self._client, "VettedPackages", synchronizer)]
        return sorted(
            {package for item in rows if item["participant"] == self.uid for package in item.get("package_ids", [])}
        )

    def dars(self) -> list[tuple[str, str]]:
        dars = self.admin(f"{_PACKAGES}/ListDars", {"limit": 1000})["dars"]
        return sorted((dar["name"], self._main(dar["hash"])) for dar in dars)

    def _main(self, dar: str) -> str:
        return str(self.admin(f"{_PACKAGES}/ListDarContents", {"dar_id": dar})["main"])

    def connections(self) -> dict[str, dict[str, bool]]:
        configured = self.admin(f"{CONNECTIVITY}/ListConfiguredDomains")
        return {
            result["config"]["domain_alias"]: {
                "connected": result.get("connected", False),
                "manual_connect": result["config"].get("manual_connect", False),
            }
            for result in configured["results"]
        }

    def contracts(self, parties: Sequence[str]) -> dict[str, dict[str, str]]:
        return {party: self._contracts_of(party) for party in parties}

    def _contracts_of(self, party: str) -> dict[str, str]:
        """The ledger API does not say on which domain a contract lives; the inspection does, by its alias."""
        wanted: dict[str, Any] = {"filter": {"filters_by_party": {party: {}}}}
        answers = self._answers("v1.ActiveContractsService/GetActiveContracts", wanted)
        found = [each["contract_id"] for answer in answers for each in answer.get("active_contracts", [])]
        aliases = self.admin(f"{_INSPECTION}/LookupContractDomain", {"contract_id": found}).get("results", {})
        domains = {alias: self._domain(alias) for alias in set(aliases.values())}
        return {each: domains[aliases[each]] if each in aliases else "" for each in found}

    def _domain(self, alias: str) -> str:
        return str(self.admin(f"{CONNECTIVITY}/GetDomainId", {"domain_alias": alias})["domain_id"])

    def upload_dar(self, data: bytes, name: str, vet: bool = True) -> None:
        flags = {"vet_all_packages": True, "synchronize_vetting": True} if vet else {}
        request = {"data": encoded(data), "filename": f"{name}.dar", **flags}
        answer = self.admin(f"{_PACKAGES}/UploadDar", request)
        if "success" not in answer:
            raise RuntimeError(f"{name} was not uploaded: {answer}")


def _weaker(signed: dict[str, str]) -> str:
    """The permission that holds when these sides have signed; empty when the party isn't hosted."""
    if len(signed) < 2 or "Disabled" in signed.values():
        return ""
    return _PERMISSIONS[max(signed.values(), key=list(_PERMISSIONS).index)]
