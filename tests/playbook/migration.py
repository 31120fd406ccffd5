# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole migration for tests: its network, its inventory, and what both nodes hold, read past all modules."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playbook.harness import Ansible, Run, Sandbox

from sandbox.client import CallFailed, Participant
from sandbox.requests import AUTHORIZED, CONNECTIVITY, READ, namespace, on, query

PLAYBOOK = "ledgerops.canton.migrate_to_kms"
SOURCE, TARGET = "branch-a", "vault-b"
OLD_ALIAS, NEW_ALIAS = "ledger-east", "ledger-west"
_PARTIES = "v2.admin.PartyManagementService"
_USERS = "v2.admin.UserManagementService"
_PROVIDERS = "v2.admin.IdentityProviderConfigService"
_STATE = "v2.StateService"
_PACKAGES = "admin.participant.v30.PackageService"
_SUMMARY = {
    "source": r"Migrated +(\S+)",
    "target": r"to +(\S+::\S+)",
    "delegation": r"Delegation namespace (\S+ to key \S+)",
    "parties": r"Parties +(\d+) hosted",
    "users": r"Users +(\d+) with",
    "contracts": r"Contracts +(\d+), digest",
    "digest": r"digest ([0-9a-f]{64}), equal on both sides",
    "ping": r"Ping +answered in ([\d.]+) ms",
    "downtime": r"Downtime +([\d.]+) s",
}


def topology(contracts: int = 300, clients: int = 8, **both: Any) -> dict[str, Any]:
    """A JCE source with everything that a migration carries, and an empty KMS target on another synchronizer.

    ``contracts``: about so many, shared between parties. ``both``: further keys of both participants.
    """
    return {
        "synchronizers": {"east": {}, "west": {}},
        "participants": {
            SOURCE: {
                "crypto": "jce",
                "connections": [{"synchronizer": "east", "alias": OLD_ALIAS}],
                "parties": [
                    {"id": "Ada", "annotations": {"desk": "1"}},
                    "Ben",
                    {"id": "Notary", "permission": "confirmation"},
                    {"id": "Auditor", "permission": "observation"},
                    {"count": clients, "prefix": "client", "annotations": {"group": "retail"}},
                ],
                "dars": [
                    {"name": "bonds", "version": "2.1.0", "packages": 3},
                    {"name": "loans", "version": "1.0.0", "packages": 2, "templates": ["Loan:Loan"]},
                ],
                "contracts": _contracts(contracts),
                "users": [
                    {
                        "id": "ada-app",
                        "primary_party": "Ada",
                        "act_as": ["Ada"],
                        "read_as": ["Ben", "Auditor"],
                        "annotations": {"team": "a"},
                    },
                    {"id": "ben-app", "primary_party": "Ben", "act_as": ["Ben"], "idp": "corp"},
                    {"id": "retired", "read_as": ["client0"], "is_deactivated": True},
                ],
                "idps": [
                    {
                        "id": "corp",
                        "issuer": "https://issuer.example",
                        "jwks_url": "https://issuer.example/jwks.json",
                        "audience": "ledger",
                    }
                ],
                **both,
            },
            TARGET: {"crypto": "kms", "connections": [{"synchronizer": "west", "alias": NEW_ALIAS}], **both},
        },
    }


def _contracts(number: int) -> list[dict[str, Any]]:
    return [
        {
            "count": number // 2,
            "template": "Iou:Iou",
            "dar": "bonds",
            "parties": ["Ada", "Ben", "Notary"],
            "bytes": 200,
        },
        {"count": number // 4, "template": "Loan:Loan", "dar": "loans", "parties": ["client0", "client1", "Ada"]},
        {
            "count": number // 4,
            "template": "Iou:Iou",
            "dar": "bonds",
            "signatories": ["Ada", "client2"],
            "observers": ["Auditor"],
            "archived": number // 20,
        },
    ]


@dataclass
class Migration:
    """A network and how the playbook is run against it.

    ``variables`` are further ones of the inventory, ``options`` further connection options of both participants.
    """

    net: Sandbox
    ansible: Ansible
    folder: Path
    name: str = "payments"
    variables: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    source: str = SOURCE
    target: str = TARGET

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def file(self, ending: str) -> Path:
        return self.journal / f"{self.name}.{ending}"

    def inventory(self) -> Path:
        """Exactly what real participants would need."""
        path = self.folder / "inventory.json"
        host = {
            "kms_migration_source": {**self.net.connection(self.source), **self.options},
            "kms_migration_target": {**self.net.connection(self.target), **self.options},
        }
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "kms_migration_source_synchronizer": OLD_ALIAS,
            "kms_migration_target_synchronizer": NEW_ALIAS,
            "kms_migration_journal": str(self.journal),
            **self.variables,
        }
        path.write_text(json.dumps({"kms_migration": {"hosts": {self.name: host}, "vars": variables}}))
        path.chmod(0o600)
        return path

    def arguments(self, *flags: str) -> list[str]:
        return ["-i", str(self.inventory()), *flags, PLAYBOOK]

    def run(self, *flags: str, succeeds: bool = True) -> Run:
        return self.ansible.playbook(self.arguments(*flags), succeeds=succeeds)

    def run_again_changes_nothing(self) -> None:
        before = self.net.contents()
        run = self.run()
        assert not any(run.changed), run.output
        assert self.net.contents() == before


def summary(run: Run) -> dict[str, str]:
    """What the last task tells a person."""
    (text,) = [entry["result"]["msg"] for entry in run.entries if entry["task"].endswith("Verify | Summary")]
    joined = "\n".join(text)
    found = {name: re.search(pattern, joined) for name, pattern in _SUMMARY.items()}
    assert all(found.values()), joined
    return {name: match[1] for name, match in found.items() if match}


# -- what a participant holds -----------------------------------------------------------------------------------------


@contextmanager
def both(migration: Migration) -> Iterator[tuple[Participant, Participant]]:
    with migration.net.client(migration.source) as source, migration.net.client(migration.target) as target:
        yield source, target


def hostings(participant: Participant, synchronizer: str) -> dict[str, Any]:
    """Party: threshold, serial, and its hosts with permissions, from the store of a synchronizer. No admin parties."""
    listed = participant.admin(f"{READ}/ListPartyToParticipant", query(on(synchronizer)))
    found = {}
    for result in listed.get("results", []):
        item = result["item"]
        hosts = sorted((host["participant_uid"], host["permission"]) for host in item["participants"])
        if item["party"] not in {uid for uid, _permission in hosts}:
            found[item["party"]] = {
                "threshold": item["threshold"],
                "serial": result["context"]["serial"],
                "hosts": [list(host) for host in hosts],
            }
    return found


def delegations(participant: Participant, store: dict[str, Any], namespaces: Collection[str]) -> list[list[Any]]:
    """Namespace, target key, restriction and serial of the delegations of these namespaces in a store, ordered."""
    listed = participant.admin(f"{READ}/ListNamespaceDelegation", query(store))
    found = []
    for result in listed.get("results", []):
        item = result["item"]
        if item["namespace"] not in namespaces:
            continue
        restriction = next(name for name in item if name.startswith("can_sign"))
        found.append([item["namespace"], item["target_key"]["public_key"], restriction, result["context"]["serial"]])
    return sorted(found)


def vetted(participant: Participant, synchronizer: str) -> list[str]:
    """The packages that this participant has vetted."""
    listed = participant.admin(
        f"{READ}/ListVettedPackages", query(on(synchronizer), filter_participant=participant.uid)
    )
    return sorted(
        package["package_id"] for result in listed.get("results", []) for package in result["item"].get("packages", [])
    )


def dars(participant: Participant) -> list[tuple[str, str]]:
    listed = participant.admin(f"{_PACKAGES}/ListDars", {"limit": 1000})
    return sorted((dar["name"], dar["main"]) for dar in listed["dars"])


def connections(participant: Participant) -> dict[str, dict[str, bool]]:
    """Alias: connected and manual_connect."""
    listed = participant.admin(f"{CONNECTIVITY}/ListRegisteredSynchronizers")
    return {
        result["config"]["synchronizer_alias"]: {
            "connected": result.get("connected", False),
            "manual_connect": result["config"].get("manual_connect", False),
        }
        for result in listed["results"]
    }


def providers(participant: Participant) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = participant.ledger(f"{_PROVIDERS}/ListIdentityProviderConfigs").get(
        "identity_provider_configs", []
    )
    return found


def _everywhere(participant: Participant) -> list[str]:
    return ["", *(each["identity_provider_id"] for each in providers(participant))]


def users(participant: Participant) -> dict[str, Any]:
    """All users but the one that every node has, with annotations and rights."""
    found = {}
    for provider in _everywhere(participant):
        chosen = {"identity_provider_id": provider}
        for user in participant.ledger(f"{_USERS}/ListUsers", chosen).get("users", []):
            if user["id"] == "participant_admin":
                continue
            user["metadata"].pop("resource_version", None)
            asked = {"user_id": user["id"], "identity_provider_id": user.get("identity_provider_id", "")}
            rights = participant.ledger(f"{_USERS}/ListUserRights", asked).get("rights", [])
            found[user["id"]] = {**user, "rights": sorted(rights, key=json.dumps)}
    return found


def party_notes(participant: Participant, parties: Sequence[str]) -> dict[str, Any]:
    """Party: its annotations and identity provider, for those that have any."""
    found = {}
    for provider in _everywhere(participant):
        listed = participant.ledger(f"{_PARTIES}/ListKnownParties", {"identity_provider_id": provider})
        for party in listed.get("party_details", []):
            kept = party.get("local_metadata", {}).get("annotations", {})
            if party["party"] in parties and kept:
                found[party["party"]] = {"annotations": kept, "idp": party.get("identity_provider_id", "")}
    return found


def contracts(participant: Participant, parties: Sequence[str]) -> dict[str, dict[str, str]]:
    """For each party the ids of the active contracts that it sees, with the synchronizer that each lives on."""
    end = participant.ledger(f"{_STATE}/GetLedgerEnd").get("offset", "0")
    return {party: _contracts_of(participant, party, end) for party in parties}


def _contracts_of(participant: Participant, party: str, offset: str) -> dict[str, str]:
    wanted: dict[str, Any] = {"filters_by_party": {party: {"cumulative": [{"wildcard_filter": {}}]}}}
    try:
        answers = participant.ledger(
            f"{_STATE}/GetActiveContracts", {"active_at_offset": offset, "event_format": wanted}
        )
    except CallFailed as error:
        # the target before it hosts the party
        if error.reason == "PARTIES_NOT_KNOWN_ON_LEDGER":
            return {}
        raise
    active = [answer["active_contract"] for answer in answers if "active_contract" in answer]
    return {each["created_event"]["contract_id"]: each["synchronizer_id"] for each in active}


def state(migration: Migration) -> dict[str, Any]:
    """Everything above of both nodes, comparable between networks: ids by their names, contracts by their numbers
    and by whether source and target agree."""
    net = migration.net
    old, new = net.synchronizer("east"), net.synchronizer("west")
    with both(migration) as (source, target):
        parties = sorted(hostings(source, old))
        ours, theirs = contracts(source, parties), contracts(target, parties)
        found = {
            "source": _node(source, old, parties, (source.uid, target.uid)),
            "target": _node(target, new, parties, (source.uid, target.uid)),
            "contracts": {
                party: [len(ours[party]), len(theirs[party]), ours[party].keys() == theirs[party].keys()]
                for party in parties
            },
            "synchronizers": sorted({each for ids in theirs.values() for each in ids.values()}),
        }
    named = dict(json.loads(_named(json.dumps(found, sort_keys=True), _names(migration))))
    for node in (named["source"], named["target"]):
        # ordered by fingerprints until now, and those differ from network to network
        for listed in (node["delegations"], node["own delegations"], *(each["hosts"] for each in node["hostings"].values())):
            listed.sort()
    return named


def _node(participant: Participant, synchronizer: str, parties: Sequence[str], uids: Collection[str]) -> dict[str, Any]:
    namespaces = {namespace(uid) for uid in uids}
    return {
        "hostings": hostings(participant, synchronizer),
        "delegations": delegations(participant, on(synchronizer), namespaces),
        "own delegations": delegations(participant, AUTHORIZED, namespaces),
        "vetted": vetted(participant, synchronizer),
        "dars": dars(participant),
        "connections": connections(participant),
        "providers": providers(participant),
        "users": users(participant),
        "annotations": party_notes(participant, parties),
    }


def _names(migration: Migration) -> dict[str, str]:
    net = migration.net
    with both(migration) as (source, target):
        keys = {
            each[1]: name
            for name, node in (("source key", source), ("target key", target))
            for each in delegations(node, AUTHORIZED, {namespace(node.uid)})
            if each[2] == "can_sign_all_mappings"
        }
        return {
            **{namespace(node.uid): name for name, node in (("SOURCE", source), ("TARGET", target))},
            **{net.synchronizer(name): name.upper() for name in ("east", "west")},
            **keys,
        }


def _named(text: str, names: Mapping[str, str]) -> str:
    for identifier, name in names.items():
        text = text.replace(identifier, name)
    return text


def assert_migrated(migration: Migration) -> None:
    """The source's whole content is the target's, and each is where it has to be."""
    new = migration.net.synchronizer("west")
    with both(migration) as (source, target):
        before = hostings(source, migration.net.synchronizer("east"))
        after = hostings(target, new)
        assert {
            party: {**each, "hosts": [[target.uid, permission] for _host, permission in each["hosts"]]}
            for party, each in before.items()
        } == {party: after.get(party) for party in before}
        theirs = contracts(target, sorted(before))
        assert {party: set(ids) for party, ids in theirs.items()} == {
            party: set(ids) for party, ids in contracts(source, sorted(before)).items()
        }
        assert {each for ids in theirs.values() for each in ids.values()} == {new}
        assert set(dars(source)) <= set(dars(target))
        assert set(vetted(source, migration.net.synchronizer("east"))) <= set(vetted(target, new))
        assert providers(target) == providers(source)
        assert users(target) == users(source)
        assert party_notes(target, sorted(before)) == party_notes(source, sorted(before))
        assert connections(source) == {OLD_ALIAS: {"connected": False, "manual_connect": True}}
        assert connections(target) == {NEW_ALIAS: {"connected": True, "manual_connect": False}}
