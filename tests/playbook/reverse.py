# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back for tests: its network, its inventory, what happens meanwhile, and what has to be there in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playbook.harness import Run, Sandbox
from playbook.migration import NEW_ALIAS, OLD_ALIAS, SOURCE, TARGET, Migration, topology
from playbook.releases import Pair

BACK = "branch-d"
PLAYBOOK = "ledgerops.canton.migrate_from_kms"
Contracts = dict[str, dict[str, str]]


@dataclass
class Reverse(Migration):
    """The same in the other direction."""

    name: str = "payments-back"
    source: str = TARGET
    target: str = BACK

    def __post_init__(self) -> None:
        self.variables = {
            "kms_migration_source_synchronizer": NEW_ALIAS,
            "kms_migration_target_synchronizer": OLD_ALIAS,
            **self.variables,
        }

    def arguments(self, *flags: str) -> list[str]:
        return [*super().arguments(*flags)[:-1], PLAYBOOK]

    def run_with(self, *flags: str, succeeds: bool = True, **variables: Any) -> Run:
        self.variables |= {f"kms_migration_{name}": value for name, value in variables.items()}
        return self.run(*flags, succeeds=succeeds)


@dataclass(frozen=True)
class Life:
    """What was done on the KMS participant since it serves, and what all parties have there in the end."""

    native: str
    archived: set[str]
    created: set[str]
    contracts: Contracts

    @property
    def ids(self) -> dict[str, set[str]]:
        return {party: set(ids) for party, ids in self.contracts.items()}


def live_on(net: Sandbox) -> Life:
    """Contracts end and begin, a party is born and a user comes."""
    with net.client(TARGET) as node:
        native = node.allocate_party("Native", desk="9")
        node.create_user("native-app", native, team="n")
        before = node.contracts(sorted(node.hostings(net.synchronizer("west"))))
        # the contracts that have no party with less than the permission to submit among their signatories
        archived = set(sorted(before[net.party(SOURCE, "client2")])[:7])
        net.archive(TARGET, sorted(archived))
        ours = [net.party(SOURCE, "Ada"), net.party(SOURCE, "Ben")]
        created = set(net.create(TARGET, ours, count=3) + net.create(TARGET, [native, ours[0]], count=2))
        created |= set(net.create(TARGET, [native]))
        short_lived = net.create(TARGET, ours)
        net.archive(TARGET, short_lived)
        contracts = node.contracts(sorted(node.hostings(net.synchronizer("west"))))
    return Life(native, archived | set(short_lived), created, contracts)


def network_of_three(pair: Pair, contracts: int, clients: int) -> dict[str, Any]:
    found = topology(pair, contracts=contracts, clients=clients)
    fresh = {"release": pair.source, "connections": [{"synchronizer": "east", "alias": OLD_ALIAS}]}
    return {**found, "participants": {**found["participants"], BACK: fresh}}


def assert_back(net: Sandbox, life: Life, name: str) -> None:
    """All that is right at the end is there, on the first synchronizer, and nothing that is gone has come back."""
    east = net.synchronizer("east")
    with net.client(TARGET) as kms, net.client(name) as back:
        parties = sorted(life.contracts)
        hosted = kms.hostings(net.synchronizer("west"))
        assert sorted(hosted) == parties and life.native in parties
        after = back.hostings(east)
        for party, each in hosted.items():
            assert after[party]["hosts"] == [[back.uid, permission] for _host, permission in each["hosts"]]
        theirs = back.contracts(parties)
        every = {each for ids in theirs.values() for each in ids}
        assert {party: set(ids) for party, ids in theirs.items()} == life.ids
        assert life.created <= every and not life.archived & every
        assert {each for ids in theirs.values() for each in ids.values()} == {east}
        assert back.users() == kms.users() and "native-app" in back.users()
        assert back.party_notes(parties) == kms.party_notes(parties)
        assert set(kms.dars()) <= set(back.dars()) and set(kms.vetted(net.synchronizer("west"))) <= set(
            back.vetted(east)
        )
        assert kms.connections() == {NEW_ALIAS: {"connected": False, "manual_connect": True}}
        assert back.connections() == {OLD_ALIAS: {"connected": True, "manual_connect": False}}
