# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No success that is not true now: what happened behind the back of a migration is found before the target serves, and a
target that serves is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Run
from playbook.migration import (
    NEW_ALIAS,
    OLD_ALIAS,
    SOURCE,
    TARGET,
    Migration,
    assert_migrated,
    both,
    live_on,
    retire,
    summary,
    topology,
)
from playbook.observe import Node
from playbook.playing import Playing
from playbook.releases import MATRIX, Pair

CANTON_3_5 = tuple(pair for pair in MATRIX if str(pair) == "3.5")
CONNECTIVITY = "com.digitalasset.canton.admin.participant.v30.SynchronizerConnectivityService/"
PURGE = "com.digitalasset.canton.admin.participant.v30.ParticipantRepairService/PurgeContracts"
CONNECT = "Cutover | Connect the target"


def connect(node: Node, alias: str) -> None:
    node.admin(CONNECTIVITY + "ReconnectSynchronizer", {"synchronizer_alias": alias})


def disconnect(node: Node, alias: str) -> None:
    node.admin(CONNECTIVITY + "DisconnectSynchronizer", {"synchronizer_alias": alias})


def stopped_before_the_connect(migration: Migration) -> None:
    """The contracts are imported, and the run loses its machine before the target is connected."""
    playing = Playing(migration, "preflight,prepare,cutover")
    assert playing.reach(CONNECT)
    playing.kill(with_modules=True)


def refused(migration: Migration, *flags: str) -> Run:
    """The run fails, and neither node is another than before."""
    before = migration.net.contents()
    run = migration.run(*flags, succeeds=False)
    assert migration.net.contents() == before, run.output
    return run


@pytest.fixture
def migration(network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path) -> Migration:
    return Migration(pair, network(topology(pair, contracts=40, clients=3)), ansible, tmp_path)


@pytest.mark.pairs(CANTON_3_5)
@pytest.mark.capability("What connects is what the source has")
@pytest.mark.fault(
    "the source",
    "connected again by hand after the import: contracts created and archived",
    "refused while it serves; then exported again, and what it archived is purged from the target when that is confirmed",
)
def test_a_source_that_moved_on(migration: Migration) -> None:
    stopped_before_the_connect(migration)
    ada, ben = (migration.net.party(SOURCE, name) for name in ("Ada", "Ben"))
    with both(migration) as (source, _target):
        gone = next(iter(source.contracts([ada])[ada]))
        connect(source, OLD_ALIAS)
    made = migration.net.create(SOURCE, [ada], [ben], dar="bonds", count=3)
    assert "Disconnect the source" in refused(migration).failures[-1]["msg"]
    migration.net.archive(SOURCE, [gone])
    with both(migration) as (source, _target):
        disconnect(source, OLD_ALIAS)
    assert "kms_migration_purge_stale" in refused(migration).failures[-1]["msg"]
    migration.variables["kms_migration_purge_stale"] = True
    found = summary(migration.run())
    assert_migrated(migration)
    with both(migration) as (source, target):
        theirs = target.contracts([ada])[ada]
        assert set(made) <= theirs.keys() and gone not in theirs
    assert int(found["contracts"]) > 0
    migration.run_again_changes_nothing()


@pytest.mark.pairs(CANTON_3_5)
@pytest.mark.capability("What connects is what the source has")
@pytest.mark.fault(
    "the source",
    "connected again by hand after the import: a party, a DAR, a user and contracts are added",
    "the import is taken back before the target is connected for the party, and everything is moved",
)
def test_a_party_that_was_added_after_the_import(migration: Migration) -> None:
    stopped_before_the_connect(migration)
    with both(migration) as (source, _target):
        connect(source, OLD_ALIAS)
        party = live_on(source)
    (made,) = migration.net.create(SOURCE, [migration.net.party(SOURCE, "Ada")], [party], dar="bonds")
    with both(migration) as (source, _target):
        disconnect(source, OLD_ALIAS)
    run = migration.run()
    assert_migrated(migration)
    with both(migration) as (_source, target):
        assert made in target.contracts([party])[party]
    done = [entry["task"].partition(" : ")[2] for entry in run.entries if entry["outcome"] == "ok"]
    assert done.index("Cutover | Purge the contracts of the earlier import") < done.index(
        "Copy | Copy what the target lacks"
    )


@pytest.mark.pairs(CANTON_3_5)
@pytest.mark.fault(
    "the target",
    "contracts purged by hand between import and connect",
    "refused: it is not connected",
)
def test_contracts_lost_before_the_connect(migration: Migration) -> None:
    stopped_before_the_connect(migration)
    ada = migration.net.party(SOURCE, "Ada")
    with both(migration) as (_source, target):
        lost = sorted(target.contracts([ada])[ada])[:5]
        target.admin(PURGE, {"synchronizer_alias": NEW_ALIAS, "contract_ids": lost})
    run = migration.run(succeeds=False)
    assert "purged by hand" in run.failures[0]["msg"] and "equal on both sides" not in run.output
    with both(migration) as (_source, target):
        assert not target.connections()[NEW_ALIAS]["connected"]
    migration.file("receipt.json").unlink()
    migration.run()
    assert_migrated(migration)


@pytest.mark.pairs(CANTON_3_5)
@pytest.mark.capability("A target that serves is never taken off, purged or rolled back")
@pytest.mark.fault(
    "the journal",
    "another name, another selection, lost, and a rollback under another name, of a migration that is finished",
    "already migrated, or refused; the target goes on serving",
)
def test_a_target_that_serves_is_left_alone(migration: Migration) -> None:
    net, name = migration.net, migration.name
    ada, ben = (net.party(SOURCE, each) for each in ("Ada", "Ben"))
    # signed by a party that moves, so that the target can archive them
    archived = net.create(SOURCE, [ada], [ben], count=2)
    migration.run()
    assert_migrated(migration)
    # another name
    migration.name = "payments.1"
    migration.run_again_changes_nothing()
    # another selection
    migration.name = name
    client = net.party(SOURCE, "client2")
    migration.variables["kms_migration_exclude_parties"] = [client]
    run = refused(migration)
    assert run.failures[-1]["error_id"] == "snapshot_of_another_selection"
    del migration.variables["kms_migration_exclude_parties"]
    # a lost journal
    migration.variables["kms_migration_journal"] = str(migration.folder / "elsewhere")
    assert "Already migrated" in refused(migration).failures[-1]["msg"]
    del migration.variables["kms_migration_journal"]
    # it serves: a rollback under another name takes nothing from it
    net.archive(TARGET, archived)
    migration.name = "another"
    before = net.contents()
    arguments = ["-i", str(migration.inventory()), "ledgerops.canton.rollback"]
    run = migration.ansible.playbook(arguments, succeeds=False)
    assert run.failures[-1]["error_id"] == "target_has_transacted"
    assert net.contents() == before
    # and the migration itself still ends well
    migration.name = name
    migration.run_again_changes_nothing()


@pytest.mark.pairs(CANTON_3_5)
@pytest.mark.capability("A target that serves is never taken off, purged or rolled back")
@pytest.mark.fault(
    "the journal folder",
    "lost after the migration, and the target has archived all that was moved",
    "refused: the target's own events tell that it has served",
)
def test_a_target_that_archived_everything_has_served(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path
) -> None:
    migration = Migration(pair, network(topology(pair, contracts=0, clients=1)), ansible, tmp_path)
    ada, ben = (migration.net.party(SOURCE, name) for name in ("Ada", "Ben"))
    moved = migration.net.create(SOURCE, [ada], [ben], dar="bonds", count=3)
    migration.run()
    migration.variables["kms_migration_journal"] = str(tmp_path / "elsewhere")
    assert "Already migrated" in refused(migration).failures[-1]["msg"]
    migration.net.archive(TARGET, moved)
    assert "Already migrated" in refused(migration).failures[-1]["msg"]


@pytest.mark.pairs(CANTON_3_5)
@pytest.mark.capability("All contracts of a moving party, on whatever synchronizer they are")
def test_contracts_on_a_further_synchronizer(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path
) -> None:
    everything: dict[str, Any] = topology(pair, contracts=20, clients=1)
    everything["synchronizers"]["north"] = {"protocol_version": pair.old}
    source = everything["participants"][SOURCE]
    source["connections"].append({"synchronizer": "north", "alias": "ledger-north"})
    migration = Migration(pair, network(everything), ansible, tmp_path)
    ada, ben = (migration.net.party(SOURCE, name) for name in ("Ada", "Ben"))
    north: dict[str, Any] = {"dar": "bonds", "count": 3, "synchronizer": "north"}
    made = migration.net.create(SOURCE, [ada], [ben], **north)
    assert "contracts of these parties are on" in refused(migration).failures[-1]["msg"]
    # created after the migration: the source still serves there, and would be switched off
    migration.net.archive(SOURCE, made)
    migration.run()
    migration.net.create(SOURCE, [ada], [ben], **north)
    before = migration.net.contents()
    assert "that are not migrated: 3 on" in retire(migration, succeeds=False).failures[-1]["msg"]
    assert migration.net.contents() == before


@pytest.mark.pairs(CANTON_3_5)
@pytest.mark.capability("A busy node is waited for")
@pytest.mark.fault("both participants", "refuse calls because they are overloaded, each more than once", "waited out")
def test_busy_nodes_are_waited_for(migration: Migration) -> None:
    calls = ("GetLedgerEnd", "ExportAcs", "ListUsers", "ListPartyToParticipant", "GetSchedule", "GrantUserRights")
    busy = dict.fromkeys(calls, 2)
    for name in (SOURCE, TARGET):
        migration.net.set(name, "overloaded", busy)
    migration.run("--tags", "preflight,prepare")
    for name in (SOURCE, TARGET):
        migration.net.set(name, "overloaded", busy)
    migration.run()
    assert_migrated(migration)
