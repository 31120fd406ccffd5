# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a participant of Canton 3 holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from playbook.observe import Node, encoded

from sandbox.v30.requests import AUTHORIZED, CONNECTIVITY, READ, VAULT, on, query

_PACKAGES = "admin.participant.v30.PackageService"
_PRUNING = "admin.participant.v30.PruningService"
_STATE = "v2.StateService"
_PERMISSION = "PARTICIPANT_PERMISSION_"
# from so many parties on, one call for each takes too long
_MANY = 100


class V30(Node):
    LEDGER = "v2"
    VAULT = VAULT
    PROTOCOL_VERSION = 34

    def hostings(self, synchronizer: str | None) -> dict[str, Any]:
        listed = self.admin(f"{READ}/ListPartyToParticipant", query(_store(synchronizer)))
        found = {}
        for result in listed.get("results", []):
            item = result["item"]
            hosts = sorted(
                [host["participant_uid"], host["permission"].removeprefix(_PERMISSION).lower()]
                for host in item["participants"]
            )
            if item["party"] not in {uid for uid, _permission in hosts}:
                found[item["party"]] = {
                    "threshold": item["threshold"],
                    "serial": result["context"]["serial"],
                    "hosts": hosts,
                }
        return found

    def delegations(self, synchronizer: str | None, namespaces: Collection[str]) -> list[list[Any]]:
        listed = self.admin(f"{READ}/ListNamespaceDelegation", query(_store(synchronizer)))
        found = []
        for result in listed.get("results", []):
            item = result["item"]
            if item["namespace"] in namespaces:
                restriction = next(name for name in item if name.startswith("can_sign"))
                key = item["target_key"]["public_key"]
                found.append([item["namespace"], key, restriction, result["context"]["serial"]])
        return sorted(found)

    def vetted(self, synchronizer: str) -> list[str]:
        listed = self.admin(f"{READ}/ListVettedPackages", query(on(synchronizer), filter_participant=self.uid))
        return sorted(
            package["package_id"]
            for result in listed.get("results", [])
            for package in result["item"].get("packages", [])
        )

    def dars(self) -> list[tuple[str, str]]:
        listed = self.admin(f"{_PACKAGES}/ListDars", {"limit": 1000})
        return sorted((dar["name"], dar["main"]) for dar in listed["dars"])

    def connections(self) -> dict[str, dict[str, bool]]:
        listed = self.admin(f"{CONNECTIVITY}/ListRegisteredSynchronizers")
        return {
            result["config"]["synchronizer_alias"]: {
                "connected": result.get("connected", False),
                "manual_connect": result["config"].get("manual_connect", False),
            }
            for result in listed["results"]
        }

    def contracts(self, parties: Sequence[str]) -> dict[str, dict[str, str]]:
        end = self.ledger(f"{_STATE}/GetLedgerEnd").get("offset", "0")
        if len(parties) > _MANY:
            return self._contracts_by_stakeholder(parties, end)
        return {
            party: {
                each["created_event"]["contract_id"]: each["synchronizer_id"] for each in self._active([party], end)
            }
            for party in parties
        }

    def _contracts_by_stakeholder(self, parties: Sequence[str], offset: str) -> dict[str, dict[str, str]]:
        """The same by one call for all of them, which have to be known."""
        found: dict[str, dict[str, str]] = {party: {} for party in parties}
        for each in self._active(parties, offset):
            event = each["created_event"]
            for party in {*event["signatories"], *event.get("observers", [])} & found.keys():
                found[party][event["contract_id"]] = each["synchronizer_id"]
        return found

    def _active(self, parties: Sequence[str], offset: str) -> list[dict[str, Any]]:
        filters: dict[str, Any] = {party: {"cumulative": [{"wildcard_filter": {}}]} for party in parties}
        asked = {"active_at_offset": offset, "event_format": {"filters_by_party": filters}}
        answers = self._answers(f"{_STATE}/GetActiveContracts", asked)
        return [answer["active_contract"] for answer in answers if "active_contract" in answer]

    def upload_dar(self, data: bytes, name: str, vet: bool = True) -> None:
        flags = {"vet_all_packages": True, "synchronize_vetting": True} if vet else {}
        self.admin(f"{_PACKAGES}/UploadDar", {"dars": [{"bytes": encoded(data)}], **flags})

    def schedule_pruning(self) -> None:
        schedule = {"cron": "0 0 8 * * ?", "max_duration": "3600s", "retention": "86400s"}
        self.admin(f"{_PRUNING}/SetSchedule", {"schedule": schedule})

    def clear_pruning(self) -> None:
        self.admin(f"{_PRUNING}/ClearSchedule")


def _store(synchronizer: str | None) -> dict[str, Any]:
    return AUTHORIZED if synchronizer is None else on(synchronizer)
