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
from playbook.observe import ROOT, Node
from playbook.releases import Pair

from sandbox.daml.dars import make_dar
from sandbox.v30.requests import namespace

PLAYBOOK = "ledgerops.canton.migrate_to_kms"
SOURCE, TARGET = "branch-a", "vault-b"
OLD_ALIAS, NEW_ALIAS = "ledger-east", "ledger-west"
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


def topology(pair: Pair, contracts: int = 300, clients: int = 8, **both: Any) -> dict[str, Any]:
    """A JCE source with everything that a migration carries, and an empty KMS target on another synchronizer.

    ``contracts``: about so many, shared between parties. ``both``: further keys of both participants.
    """
    everything = {
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
    return pair.topology(everything, targets=(TARGET,))


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

    pair: Pair
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
            "kms_migration_backup_confirmed": True,
            "kms_migration_quiet_timeout": self.pair.quiet_timeout,
            **{f"kms_migration_{name}": value for name, value in self.pair.options.items()},
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
    found_tasks = [entry for entry in run.entries if entry["task"].endswith("Verify | Show the summary")]
    (text,) = [entry["result"]["msg"] for entry in found_tasks if entry["outcome"] != "skipped"]
    joined = "\n".join(text)
    found = {name: re.search(pattern, joined) for name, pattern in _SUMMARY.items()}
    assert all(found.values()), joined
    return {name: match[1] for name, match in found.items() if match}


# -- what a participant holds -----------------------------------------------------------------------------------------


@contextmanager
def both(migration: Migration) -> Iterator[tuple[Node, Node]]:
    with migration.net.client(migration.source) as source, migration.net.client(migration.target) as target:
        yield source, target


def state(migration: Migration) -> dict[str, Any]:
    """Everything above of both nodes, comparable between networks: ids by their names, contracts by their numbers
    and by whether source and target agree."""
    net = migration.net
    old, new = net.synchronizer("east"), net.synchronizer("west")
    with both(migration) as (source, target):
        parties = sorted(source.hostings(old))
        ours, theirs = source.contracts(parties), target.contracts(parties)
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
        for listed in (
            node["delegations"],
            node["own delegations"],
            *(each["hosts"] for each in node["hostings"].values()),
        ):
            listed.sort()
    return named


def _node(node: Node, synchronizer: str, parties: Sequence[str], uids: Collection[str]) -> dict[str, Any]:
    namespaces = {namespace(uid) for uid in uids}
    return {
        "hostings": node.hostings(synchronizer),
        "delegations": node.delegations(synchronizer, namespaces),
        "own delegations": node.delegations(None, namespaces),
        "vetted": node.vetted(synchronizer),
        "dars": node.dars(),
        "connections": node.connections(),
        "providers": node.providers(),
        "users": node.users(),
        "annotations": node.party_notes(parties),
    }


def _names(migration: Migration) -> dict[str, str]:
    net = migration.net
    with both(migration) as (source, target):
        keys = {
            each[1]: name
            for name, node in (("source key", source), ("target key", target))
            for each in node.delegations(None, {namespace(node.uid)})
            if each[2] == ROOT
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


def assert_migrated(migration: Migration, serial: int = 1) -> None:
    """The source's whole content is the target's, and each is where it has to be.

    ``serial``: that of the hostings on the target, which grows with every rollback.
    """
    new = migration.net.synchronizer("west")
    with both(migration) as (source, target):
        before = source.hostings(migration.net.synchronizer("east"))
        after = target.hostings(new)
        assert {
            party: {
                **each,
                "hosts": [[target.uid, permission] for _host, permission in each["hosts"]],
                "serial": serial,
            }
            for party, each in before.items()
        } == {party: after.get(party) for party in before}
        theirs = target.contracts(sorted(before))
        assert {party: set(ids) for party, ids in theirs.items()} == {
            party: set(ids) for party, ids in source.contracts(sorted(before)).items()
        }
        assert {each for ids in theirs.values() for each in ids.values()} == {new}
        assert set(source.dars()) <= set(target.dars())
        assert set(source.vetted(migration.net.synchronizer("east"))) <= set(target.vetted(new))
        assert target.providers() == source.providers()
        assert target.users() == source.users()
        assert target.party_notes(sorted(before)) == source.party_notes(sorted(before))
        assert source.connections() == {OLD_ALIAS: {"connected": False, "manual_connect": True}}
        assert target.connections() == {NEW_ALIAS: {"connected": True, "manual_connect": False}}


def retire(migration: Migration, succeeds: bool = True) -> Run:
    """The entry point that no run of the playbook reaches."""
    arguments = ["-i", str(migration.inventory()), "ledgerops.canton.retire"]
    return migration.ansible.playbook(arguments, succeeds=succeeds)


def live_on(source: Node) -> str:
    """What an operator may do on the source between prepare and cutover; the id of the new party."""
    party = source.allocate_party("Latecomer", since="prepare")
    source.upload_dar(make_dar("notes", "1.0.0", 2), "notes")
    source.create_user("late-app", party, team="late")
    return party
