# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""There and back: to a KMS, life on it, and back to a fresh participant or to the first one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Run, Sandbox, Task, task
from playbook.migration import NEW_ALIAS, OLD_ALIAS, SOURCE, TARGET, Migration, summary, topology
from playbook.releases import DIALECTS, MATRIX, Pair

from sandbox.requests import namespace

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


# -- to a fresh participant -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class There:
    """A migration to the KMS, and life after it."""

    net: Sandbox
    life: Life
    reverse: Reverse


@pytest.fixture(scope="module")
def there(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[There]:
    folder = tmp_path_factory.mktemp("there")
    net = network(network_of_three(pair, contracts=120, clients=4))
    Migration(pair, net, ansible, folder).run()
    yield There(net, live_on(net), Reverse(pair, net, ansible, folder))
    net.stop()


newest = pytest.mark.pairs(MATRIX[:1])


@newest
@pytest.mark.capability("Back from a KMS")
def test_there_and_back(there: There) -> None:
    net, reverse = there.net, there.reverse
    first = net.uid(SOURCE)
    before = net.contents()

    without = reverse.run("--tags", "preflight", succeeds=False)
    assert "kms_migration_root_holder" in without.failures[-1]["msg"] and first in without.failures[-1]["msg"]
    connected = reverse.run_with("--tags", "preflight", root_holder=[net.connection(BACK)], succeeds=False)
    assert "never both serve" in connected.failures[-1]["msg"]
    standing = reverse.run_with("--tags", "preflight", root_holder=[net.connection(SOURCE)], succeeds=False)
    assert "kms_migration_replace_hosts" in standing.failures[-1]["msg"] and first in standing.failures[-1]["msg"]
    alone = {"source": net.connection(TARGET), "target": net.connection(BACK), "synchronizer": OLD_ALIAS}
    refused = reverse.ansible.tasks(
        [task("participant_namespace_delegation", **alone, namespace=namespace(first))], succeeds=False
    )
    assert refused.results[-1]["error_id"] == "namespace_key_missing"
    assert net.contents() == before

    run = reverse.run_with(replace_hosts=[first])
    assert_back(net, there.life, BACK)
    said = summary(run)
    assert said["source"] == net.uid(TARGET) and said["target"] == net.uid(BACK)
    assert int(said["parties"]) == len(there.life.contracts)
    with net.client(BACK) as back:
        listed = {
            each[0]
            for each in back.delegations(net.synchronizer("east"), [namespace(first), namespace(net.uid(TARGET))])
        }
    assert listed == {namespace(first), namespace(net.uid(TARGET))}

    # the holder of the root key is needed no longer
    net.command("stop", SOURCE)
    reverse.run_again_changes_nothing()


# -- to the first participant -----------------------------------------------------------------------------------------


@newest
@pytest.mark.capability("Back from a KMS")
def test_the_first_participant_as_target(network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path) -> None:
    net = network(topology(pair, contracts=80, clients=3))
    Migration(pair, net, ansible, tmp_path).run()
    life = live_on(net)
    reverse = Reverse(pair, net, ansible, tmp_path, target=SOURCE)
    before = net.contents()
    refused = reverse.run(succeeds=False)
    assert "would come back to life" in refused.failures[-1]["msg"] and net.contents() == before

    reverse.run_with(purge_stale=True)
    assert_back(net, life, SOURCE)
    reverse.run_again_changes_nothing()
    # new life on the target must never be taken for stale, whatever became of the journal
    reverse.file("receipt.json").unlink()
    net.create(SOURCE, [net.party(SOURCE, "Ada")])
    served = reverse.run(succeeds=False)
    assert "may have served" in served.failures[-1]["msg"]
    net.stop()


# -- a root key out of reach ------------------------------------------------------------------------------------------


def by_file(net: Sandbox, folder: Path) -> list[Task]:
    """The root key signs on a host that the target cannot be reached from, and no synchronizer is needed there."""
    key, signed = str(folder / "key.json"), str(folder / "signed.json")
    target, delegation = net.connection(TARGET), "participant_namespace_delegation"
    return [
        task("participant_synchronizer", **net.connection(SOURCE), state="disconnected", manual_connect=True),
        task(delegation, state="key_exported", target=target, synchronizer=NEW_ALIAS, target_key_file=key),
        task(delegation, state="signed", source=net.connection(SOURCE), target_key_file=key, signed_file=signed),
        task(delegation, target=target, synchronizer=NEW_ALIAS, signed_file=signed),
    ]


@pytest.mark.pairs(DIALECTS)
@pytest.mark.capability("Offline root key by file")
def test_delegation_by_file(network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path) -> None:
    net = network(topology(pair, contracts=0, clients=3))
    run = ansible.tasks([*by_file(net, tmp_path), *by_file(net, tmp_path)])
    assert run.changed == [True] * 4 + [False] * 4
    assert run.results[3]["delegation"] == {"source": True, "target": True, "synchronizer": True}
    with net.client(TARGET) as target:
        old = namespace(net.uid(SOURCE))
        assert len(target.delegations(net.synchronizer("west"), [old])) == 2

    values = json.loads((tmp_path / "signed.json").read_text())
    (tmp_path / "swapped.json").write_text(
        json.dumps({**values, "root_certificate": values["delegation"], "delegation": values["root_certificate"]})
    )
    swapped = by_file(net, tmp_path)[3]
    swapped["ledgerops.canton.participant_namespace_delegation"]["signed_file"] = str(tmp_path / "swapped.json")
    refused = ansible.tasks([swapped], succeeds=False)
    assert refused.results[-1]["error_id"] == "delegation_file_damaged"
    net.stop()
