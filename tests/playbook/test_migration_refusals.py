# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration that cannot work is refused before any change, with all reasons at once; cured, it works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playbook.harness import Ansible, Run, Sandbox
from playbook.migration import (
    NEW_ALIAS,
    OLD_ALIAS,
    SOURCE,
    TARGET,
    Migration,
    both,
    contracts,
    hostings,
    summary,
)

from sandbox import network as supervisor
from sandbox import package_store
from sandbox.dars import make_dar
from sandbox.requests import VAULT, namespace
from sandbox.store import Store

PEER = "branch-c"
PRUNING = "admin.participant.v30.PruningService"
TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"east": {}, "west": {}},
    "participants": {
        SOURCE: {
            "preview_commands": True,
            "connections": [{"synchronizer": "east", "alias": OLD_ALIAS}],
            "parties": [
                "Good",
                {"id": "Stray", "namespace": "other"},
                {"id": "Shared", "hosts": [SOURCE, PEER]},
                {"id": "Careful", "hosts": [SOURCE, PEER], "threshold": 2},
            ],
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


@pytest.fixture(scope="module")
def migration(
    network: Callable[[Any], Sandbox], ansible: Ansible, tmp_path_factory: pytest.TempPathFactory
) -> Migration:
    return Migration(network(TOPOLOGY), ansible, tmp_path_factory.mktemp("refusals"))


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
        main = next(dar.main for dar in package_store.dars(db, SOURCE) if dar.name == "lost")
        package_store.remove_dar(db, SOURCE, main)


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


def test_all_reasons_at_once_then_cured(migration: Migration) -> None:
    net = migration.net
    lose_dar(migration)
    (migration.folder / "lost.dar").write_bytes(make_dar("lost", "1.0.0"))
    with both(migration) as (source, _target):
        schedule = {"cron": "0 0 8 * * ?", "max_duration": "3600s", "retention": "86400s"}
        source.admin(f"{PRUNING}/SetSchedule", {"schedule": schedule})
        root = {"fingerprint": namespace(source.uid)}
        pair = source.admin(f"{VAULT}/ExportKeyPair", {**root, "protocol_version": 34})["key_pair"]
        source.admin(f"{VAULT}/DeleteKeyPair", root)

        run, findings = refused(migration)
        message = run.failures[-1]["msg"]
        assert "Nothing was changed." in message
        assert set(findings) == {
            "target_not_on_kms",
            "pruning_scheduled",
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

        source.admin(f"{PRUNING}/ClearSchedule")
        source.admin(f"{VAULT}/ImportKeyPair", {"key_pair": pair, "name": "root"})
        stray = next(party for party in hostings(source, net.synchronizer("east")) if party.startswith("Stray::"))
    staying = [stray, net.party(SOURCE, "Shared"), net.party(SOURCE, "Careful")]
    migration.variables = {"kms_migration_exclude_parties": staying, "kms_migration_require_kms": False}
    _run, findings = refused(migration)
    assert set(findings) == {"packages_without_dar", "shared_contracts", "contracts_left_behind"}

    find_dar_again(migration)
    said = summary(migration.run())
    good = net.party(SOURCE, "Good")
    with both(migration) as (source, target):
        assert set(hostings(target, net.synchronizer("west"))) == {good}
        assert contracts(target, [good])[good].keys() == contracts(source, [good])[good].keys()
        assert int(said["contracts"]) == len(contracts(target, [good])[good]) == 35
    migration.run_again_changes_nothing()


def test_unknown_aliases_are_named_both(
    network: Callable[[Any], Sandbox], ansible: Ansible, migration: Migration, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("aliases")
    names = {"kms_migration_source_synchronizer": "nowhere", "kms_migration_target_synchronizer": "elsewhere"}
    run, findings = refused(Migration(migration.net, ansible, folder, variables=names))
    assert set(findings) == {"target_not_on_kms", "unknown_synchronizer"}
    assert len(findings["unknown_synchronizer"]) == 2
    for text in ("nowhere", "elsewhere", f"It knows: {OLD_ALIAS}", f"It knows: {NEW_ALIAS}"):
        assert text in run.failures[-1]["msg"]


def test_source_and_target_the_same(ansible: Ansible, migration: Migration, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("same")
    same = Migration(migration.net, ansible, folder, target=SOURCE)
    _run, findings = refused(same)
    assert set(findings) == {"same_participant"}
