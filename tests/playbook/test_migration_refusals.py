# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration that cannot work is refused before any change, with all reasons at once; cured, it works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Run, task
from playbook.migration import NEW_ALIAS, OLD_ALIAS, SOURCE, TARGET, Migration, both, summary
from playbook.observe_v30 import V30
from playbook.releases import DIALECTS, LINES, Pair

from sandbox.cli import network as supervisor
from sandbox.daml.dars import make_dar
from sandbox.state import package_store
from sandbox.state.store import Store

PEER = "branch-c"
PARTIES: list[Any] = [
    "Good",
    {"id": "Stray", "namespace": "other"},
    {"id": "Shared", "hosts": [SOURCE, PEER]},
]
TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"east": {}, "west": {}},
    "participants": {
        SOURCE: {
            "preview_commands": True,
            "connections": [{"synchronizer": "east", "alias": OLD_ALIAS}],
            "dars": [{"name": "bonds", "version": "2.1.0"}, {"name": "lost", "version": "1.0.0"}],
            "contracts": [
                {"count": 30, "dar": "bonds", "parties": ["Good", "Shared"]},
                {"count": 5, "dar": "lost", "parties": ["Good"]},
                {"count": 4, "dar": "bonds", "parties": ["Careful"]},
            ],
        },
        PEER: {"connections": [{"synchronizer": "east", "alias": OLD_ALIAS}]},
        TARGET: {
            "crypto": "jce",
            "key_spec": "ec_p256",
            "connections": [{"synchronizer": "west", "alias": NEW_ALIAS}],
        },
    },
}


def careful(pair: Pair) -> dict[str, Any]:
    """A party that two participants must confirm for; Canton 2 has no such thresholds."""
    return {"id": "Careful", "hosts": [SOURCE, PEER], **({} if pair.canton_2 else {"threshold": 2})}


def unclear(pair: Pair) -> set[str]:
    """What a node cannot say of the known bugs of its release: 2.8 does not tell which 2.8 it is."""
    return {"release_not_visible"} if "2.8" in (pair.source, pair.target) else set()


@pytest.fixture(scope="module")
def migration(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Migration]:
    source = {**TOPOLOGY["participants"][SOURCE], "parties": [*PARTIES, careful(pair)]}
    topology = {**TOPOLOGY, "participants": {**TOPOLOGY["participants"], SOURCE: source}}
    net = network(pair.topology(topology, targets=(TARGET,)))
    yield Migration(pair, net, ansible, tmp_path_factory.mktemp("refusals"))
    net.stop()


def refused(migration: Migration) -> tuple[Run, dict[str, list[dict[str, str]]]]:
    """A run that changes nothing, and its findings by id."""
    before = migration.net.contents()
    run = migration.run(succeeds=False)
    assert migration.net.contents() == before
    assert not migration.journal.exists()
    assert not any(run.changed)
    assert "Traceback" not in run.output
    (check,) = [entry["result"] for entry in run.entries if entry["task"].endswith("Read both participants")]
    findings: dict[str, list[dict[str, str]]] = {}
    for finding in check["findings"]:
        findings.setdefault(finding["id"], []).append(finding)
    return run, findings


def lose_dar(migration: Migration) -> None:
    """Contracts whose DAR is gone, as after a pruning that went wrong: no API would allow it."""
    store = Store(supervisor.database(migration.net.state))
    with store.write() as db:
        # by a package in it, as releases know DARs by different things
        (key,) = db.execute(
            "SELECT DISTINCT main FROM dar_package JOIN package USING (participant, package_id)"
            " WHERE participant = ? AND name = 'lost'",
            (SOURCE,),
        ).fetchone()
        package_store.remove_dar(db, SOURCE, key)


def find_dar_again(migration: Migration) -> None:
    migration.ansible.tasks(
        [
            {
                "ledgerops.canton.participant_package": {
                    "source": migration.net.connection(SOURCE),
                    "target": migration.net.connection(TARGET),
                    "source_synchronizer": OLD_ALIAS,
                    "target_synchronizer": NEW_ALIAS,
                    "files": [str(migration.folder / "lost.dar")],
                }
            }
        ]
    )


@pytest.mark.pairs(DIALECTS)
@pytest.mark.capability("Refusals with cause and remedy")
def test_all_reasons_at_once_then_cured(migration: Migration) -> None:
    net = migration.net
    lose_dar(migration)
    (migration.folder / "lost.dar").write_bytes(make_dar("lost", "1.0.0"))
    shown = {"target_not_on_kms", "pruning_scheduled"}
    hidden = {"kms_not_visible", "pruning_not_visible", *unclear(migration.pair)}
    with both(migration) as (source, _target):
        if isinstance(source, V30):
            source.schedule_pruning()
        pair = source.take_root_key()

        migration.variables = {"kms_migration_backup_confirmed": False}
        run, findings = refused(migration)
        message = run.failures[-1]["msg"]
        assert "Nothing was changed." in message
        assert set(findings) == (hidden if migration.pair.canton_2 else shown) | {
            "backup_not_confirmed",
            "namespace_key_missing",
            "party_not_movable",
            "packages_without_dar",
            "shared_contracts",
            "contracts_left_behind",
        }
        reasons = " ".join(finding["message"] for finding in findings["party_not_movable"])
        for party in ("Stray", "Shared", "Careful"):
            assert f"Party {party}::" in reasons
        for finding in [each for group in findings.values() for each in group if each["severity"] == "error"]:
            assert finding["message"] in message
            assert finding["remedy"] in message

        if isinstance(source, V30):
            source.clear_pruning()
        source.give_root_key(pair)
        hosted = source.hostings(net.synchronizer("east"))
    staying = [party for party in hosted if not party.startswith("Good::")]
    migration.variables = {"kms_migration_exclude_parties": staying, "kms_migration_require_kms": False}
    _run, findings = refused(migration)
    assert set(findings) - hidden == {"packages_without_dar", "shared_contracts", "contracts_left_behind"}

    find_dar_again(migration)
    said = summary(migration.run())
    good = net.party(SOURCE, "Good")
    with both(migration) as (source, target):
        assert set(target.hostings(net.synchronizer("west"))) == {good}
        assert target.contracts([good])[good].keys() == source.contracts([good])[good].keys()
        assert int(said["contracts"]) == len(target.contracts([good])[good]) == 35
    migration.run_again_changes_nothing()


@pytest.mark.capability("Refusals with cause and remedy")
def test_unknown_aliases_are_named_both(
    ansible: Ansible, migration: Migration, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("aliases")
    names = {"kms_migration_source_synchronizer": "nowhere", "kms_migration_target_synchronizer": "elsewhere"}
    run, findings = refused(Migration(migration.pair, migration.net, ansible, folder, variables=names))
    # nothing is known of the KMS of a Canton 2 node, and a warning of pruning stands before
    known = {"kms_not_visible", "pruning_not_visible", "target_not_on_kms", *unclear(migration.pair)}
    assert set(findings) - known == {"unknown_synchronizer"}
    assert len(findings["unknown_synchronizer"]) == 2
    for text in ("nowhere", "elsewhere", f"It knows: {OLD_ALIAS}", f"It knows: {NEW_ALIAS}"):
        assert text in run.failures[-1]["msg"]


@pytest.mark.capability("Refusals with cause and remedy")
def test_source_and_target_the_same(ansible: Ansible, migration: Migration, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("same")
    same = Migration(migration.pair, migration.net, ansible, folder, target=SOURCE)
    _run, findings = refused(same)
    assert set(findings) == {"same_participant"}


@pytest.mark.pairs([LINES[0]])
@pytest.mark.capability("Refusals with cause and remedy")
def test_a_method_that_was_removed(ansible: Ansible, migration: Migration, tmp_path_factory: Any) -> None:
    """By the first task of every entry point, whatever the old variables say."""
    folder = tmp_path_factory.mktemp("removed")
    removed = Migration(migration.pair, migration.net, ansible, folder)
    removed.variables = {"kms_migration_method": "key_import", "kms_migration_rotate_keys": True}
    before = removed.net.contents()
    inventory = ["-i", str(removed.inventory())]
    books = {name: [*inventory, f"ledgerops.canton.{name}"] for name in ("preflight", "rollback", "retire")}
    for arguments in (*books.values(), removed.arguments(), removed.arguments("--tags", "cutover")):
        run = ansible.playbook(arguments, succeeds=False)
        assert "crashes at every start" in run.failures[0]["msg"] and "ledgerops.canton.migrate_in_place" in run.output
        assert not any(run.changed) and "Traceback" not in run.output
    assert removed.net.contents() == before
    assert not removed.journal.exists()


# -- pairs of releases that cannot work ------------------------------------------------------------------------------

ACROSS = (Pair("2.10", "3.5", 7, 35), Pair("3.5", "2.10", 35, 7))
BACKWARDS = (Pair("3.5", "3.5", 35, 34), Pair("2.10", "2.10", 7, 5))
BUGGY = "3.4.8"


def small_topology(**target: Any) -> dict[str, Any]:
    """Two participants with next to nothing."""
    return {
        "synchronizers": {"east": {}, "west": {}},
        "participants": {
            SOURCE: {"connections": [{"synchronizer": "east", "alias": OLD_ALIAS}], "parties": ["Good"]},
            TARGET: {"crypto": "kms", "connections": [{"synchronizer": "west", "alias": NEW_ALIAS}], **target},
        },
    }


def small(network: StartNetwork, ansible: Ansible, pair: Pair, folder: Any, **target: Any) -> Migration:
    return Migration(pair, network(pair.topology(small_topology(**target), targets=(TARGET,))), ansible, folder)


@pytest.mark.capability("Refusals with cause and remedy")
@pytest.mark.pairs(ACROSS)
def test_nothing_moves_between_major_releases(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Any
) -> None:
    migration = small(network, ansible, pair, tmp_path)
    net = migration.net
    _run, findings = refused(migration)
    assert set(findings) == {"release_lines"}
    two: dict[str, Any] = {"source": net.connection(SOURCE), "target": net.connection(TARGET)}
    aliases = {"source_synchronizer": OLD_ALIAS, "target_synchronizer": NEW_ALIAS}
    moved: dict[str, Any] = {**two, **aliases, "parties": [net.party(SOURCE, "Good")]}
    tasks = [
        task("participant_package", **two, **aliases),
        task("participant_namespace_delegation", **two, synchronizer=NEW_ALIAS),
        task("participant_party", **two, **aliases),
        task("participant_user", **two),
        task("participant_acs_transfer", state="exported", path=str(tmp_path / "snapshot"), **moved),
        task("participant_acs_transfer", state="transferred", **moved),
    ]
    before = net.contents()
    run = ansible.tasks([{**each, "ignore_errors": True} for each in tasks])
    assert [failure["error_id"] for failure in run.failures] == ["release_lines"] * len(tasks)
    assert all(failure["hint"] in failure["msg"] for failure in run.failures)
    assert net.contents() == before
    assert not list(tmp_path.glob("snapshot*"))
    net.stop()


@pytest.mark.capability("Refusals with cause and remedy")
@pytest.mark.pairs(BACKWARDS)
def test_nothing_moves_to_a_lower_protocol_version(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Any
) -> None:
    migration = small(network, ansible, pair, tmp_path)
    run, findings = refused(migration)
    errors = {name for name, group in findings.items() for finding in group if finding["severity"] == "error"}
    assert errors == {"protocol_version"}
    assert f"runs protocol version {pair.new}, the source's {pair.old}" in run.failures[-1]["msg"]
    migration.net.stop()


@pytest.mark.capability("Refusals with cause and remedy")
@pytest.mark.pairs(tuple(pair for pair in LINES if pair.target == "3.4"))
def test_a_version_that_loses_contracts_is_refused(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Any
) -> None:
    """Canton 3.4.8 deletes imported contracts when it prunes."""
    migration = small(network, ansible, pair, tmp_path, version=BUGGY)
    run, findings = refused(migration)
    assert set(findings) == {"known_bug_25_013"}
    assert BUGGY in run.failures[-1]["msg"]
    migration.net.stop()
