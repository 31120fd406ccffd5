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
from playbook.harness import Ansible, Sandbox, Task, task
from playbook.migration import NEW_ALIAS, OLD_ALIAS, SOURCE, TARGET, Migration, summary, topology
from playbook.releases import DIALECTS, MATRIX, Pair
from playbook.reverse import BACK, Life, Reverse, assert_back, live_on, network_of_three

from sandbox.v30.requests import namespace

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
    assert "kms_migration_root_holder" in without.failures[-1]["msg"]
    assert f"8 parties of namespace {namespace(first)} cannot be moved" in without.failures[-1]["msg"]
    connected = reverse.run_with("--tags", "preflight", root_holder=[net.connection(BACK)], succeeds=False)
    assert "never both serve" in connected.failures[-1]["msg"]
    standing = reverse.run_with("--tags", "preflight", root_holder=[net.connection(SOURCE)], succeeds=False)
    assert "kms_migration_replace_hosts" in standing.failures[-1]["msg"] and first in standing.failures[-1]["msg"]
    alone: dict[str, Any] = {
        "source": net.connection(TARGET),
        "target": net.connection(BACK),
        "synchronizer": OLD_ALIAS,
    }
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


@pytest.mark.pairs(DIALECTS)
@pytest.mark.capability("Back from a KMS")
def test_the_first_participant_as_target(network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path) -> None:
    net = network(topology(pair, contracts=80, clients=3))
    Migration(pair, net, ansible, tmp_path).run()
    life = live_on(net)
    reverse = Reverse(pair, net, ansible, tmp_path, target=SOURCE)
    before = net.contents()
    refused = reverse.run(succeeds=False)
    assert "would become active again" in refused.failures[-1]["msg"] and net.contents() == before

    reverse.run_with(purge_stale=True)
    assert_back(net, life, SOURCE)
    # new life on the target must never be taken for stale, whatever became of the journal
    reverse.file("receipt.json").unlink()
    net.create(SOURCE, [net.party(SOURCE, "Ada")])
    served = reverse.run(succeeds=False)
    assert "Already migrated" in served.failures[-1]["msg"]
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
@pytest.mark.capability("Delegate by file, the root key out of reach")
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
