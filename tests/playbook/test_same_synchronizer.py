# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parties that stay on their synchronizer: they share contracts with one another, with parties that stay behind, with those of
the target and with those of a third participant. Refused, killed, rolled back, killed again, carried on, and lived with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Sandbox
from playbook.migration import NEW_ALIAS, OLD_ALIAS, SOURCE, TARGET, Migration, both, retire, summary
from playbook.observe import CONFIRMATION, SUBMISSION
from playbook.playing import Playing
from playbook.releases import MATRIX, Pair

THIRD = "exchange-c"
ROLLBACK = "ledgerops.canton.rollback"
IMPORT = "Cutover | Import and verify the contracts of every party"
RECONNECT = "Cutover | Connect the target and onboard the parties"
DARS = [{"name": "bonds", "version": "2.1.0", "packages": 2}]


def network_of(pair: Pair) -> dict[str, Any]:
    def on(alias: str) -> list[dict[str, str]]:
        return [{"synchronizer": "east", "alias": alias}]

    def contracts(count: int, signatories: str, observers: str = "") -> dict[str, Any]:
        parties = {"signatories": signatories.split(), "observers": observers.split()}
        return {"count": count, "template": "Iou:Iou", "dar": "bonds", **parties}

    everything = {
        "synchronizers": {"east": {}},
        "participants": {
            SOURCE: {
                "crypto": "jce",
                "connections": on(OLD_ALIAS),
                "parties": [
                    {"id": "Ada", "annotations": {"desk": "1"}},
                    "Ben",
                    {"id": "Notary", "permission": "confirmation"},
                    "Stay",
                    {"count": 3, "prefix": "client"},
                ],
                "dars": DARS,
                "contracts": [
                    contracts(5, "Ada Ben", "Notary"),
                    contracts(4, "Ben"),
                    contracts(3, "Ada Notary"),
                    contracts(2, "Stay", "Ada"),
                    contracts(2, "Stay"),
                    contracts(2, "client0", "client1 Ada"),
                ],
                "users": [{"id": "ada-app", "primary_party": "Ada", "act_as": ["Ada"]}],
            },
            THIRD: {"crypto": "jce", "connections": on(OLD_ALIAS), "parties": ["Outside"], "dars": DARS},
            TARGET: {"crypto": "kms", "connections": on(NEW_ALIAS), "parties": ["Zoe"], "dars": DARS},
        },
    }
    return pair.topology(everything, targets=(TARGET,))


def ids(net: Sandbox, participant: str, *parties: str) -> set[str]:
    with net.client(participant) as node:
        return {each for found in node.contracts(parties).values() for each in found}


def hosts(net: Sandbox, participant: str) -> dict[str, Any]:
    with net.client(participant) as node:
        return {party: each["hosts"] for party, each in node.hostings(net.synchronizer("east")).items()}


@pytest.mark.pairs([MATRIX[0]])
@pytest.mark.capability("Move parties on one synchronizer")
@pytest.mark.fault(
    "the run with its modules",
    "in a move on one synchronizer, while the new participant is away",
    "can be rolled back; resumes",
)
def test_a_move_on_one_synchronizer(network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path) -> None:
    net = network(network_of(pair))
    net.set(TARGET, "onboarding_clear_ms", 1500)
    ada, ben, notary, stay = (net.party(SOURCE, name) for name in ("Ada", "Ben", "Notary", "Stay"))
    outside, zoe = net.party(THIRD, "Outside"), net.party(TARGET, "Zoe")
    net.create(SOURCE, [ada], [outside], count=2)
    net.create(THIRD, [outside], [ben])
    net.create(SOURCE, [ben], [zoe], count=2)
    moving = [ada, ben, notary, *(net.party(SOURCE, f"client{number}") for number in range(3))]
    theirs, zoes = ids(net, SOURCE, *moving), ids(net, TARGET, zoe)
    assert len(theirs) == 5 + 4 + 3 + 2 + 2 + 2 + 1 + 2 and len(zoes) == 2
    before = hosts(net, THIRD)
    migration = Migration(
        pair,
        net,
        ansible,
        tmp_path,
        variables={
            "kms_migration_method": "same_synchronizer",
            "kms_migration_exclude_parties": [stay],
            "kms_migration_source_copies": "purge",
        },
    )
    _refused_unless_accepted(migration)
    migration.variables["kms_migration_accept_unsupported"] = True

    # killed while the target is away, and taken back from there
    run = Playing(migration, "prepare,cutover")
    assert run.reach(IMPORT)
    run.kill(with_modules=True)
    with net.client(TARGET) as target:
        assert target.connections() == {NEW_ALIAS: {"connected": False, "manual_connect": True}}
    assert before != hosts(net, SOURCE)
    ansible.playbook([*migration.arguments()[:-1], ROLLBACK])
    assert hosts(net, THIRD) == hosts(net, TARGET) == before
    assert ids(net, TARGET, *moving, zoe) == zoes

    # again, killed before the target comes back, and carried on
    run = Playing(migration, "cutover")
    assert run.reach(RECONNECT)
    run.kill(with_modules=True)
    journal = json.loads(migration.file("parties.json").read_text())
    assert all(entry["proof"] for entry in journal["parties"].values())
    told = summary(migration.run())
    assert (told["parties"], told["contracts"]) == (str(len(moving)), str(len(theirs)))
    _is_moved(migration, moving, theirs, stay)
    migration.run_again_changes_nothing()
    _is_lived_with(net, ada, stay, outside)
    retire(migration)
    with net.client(SOURCE) as source:
        assert source.connections() == {OLD_ALIAS: {"connected": False, "manual_connect": True}}


def _refused_unless_accepted(migration: Migration) -> None:
    before = migration.net.contents()
    (failure,) = migration.run("--tags", "preflight", succeeds=False).failures
    assert "calls it not supported" in failure["msg"] and "kms_migration_accept_unsupported" in failure["msg"]
    (failure,) = migration.run("--tags", "cutover", succeeds=False).failures
    assert "at your own risk" in failure["msg"]
    assert migration.net.contents() == before and not migration.journal.exists()


def _is_moved(migration: Migration, moving: list[str], theirs: set[str], stay: str) -> None:
    net = migration.net
    east = net.synchronizer("east")
    with both(migration) as (source, target):
        found = source.hostings(east)
        expected = {party: [[target.uid, SUBMISSION]] for party in moving}
        expected[net.party(SOURCE, "Notary")] = [[target.uid, CONFIRMATION]]
        assert {party: found[party]["hosts"] for party in moving} == expected
        assert found[stay]["hosts"] == [[source.uid, SUBMISSION]]
        listed = target.contracts(moving)
        assert {each for contracts in listed.values() for each in contracts} == theirs
        assert {each for contracts in listed.values() for each in contracts.values()} == {east}
        # what is shared with a party that stays is kept there, nothing else
        kept = source.contracts([*moving, stay])
        assert {each for party in moving for each in kept[party]} <= set(kept[stay]) and len(kept[stay]) == 4
        assert source.connections() == {OLD_ALIAS: {"connected": True, "manual_connect": False}}
        assert target.connections() == {NEW_ALIAS: {"connected": True, "manual_connect": False}}
        assert "ada-app" in target.users()
        assert target.party_notes([net.party(SOURCE, "Ada")]) == source.party_notes([net.party(SOURCE, "Ada")])
    files = [path for path in migration.journal.rglob("*") if path.is_file()]
    assert files and {path.stat().st_mode & 0o777 for path in files} == {0o600}


def _is_lived_with(net: Sandbox, ada: str, stay: str, outside: str) -> None:
    """The target transacts for them, and only what concerns a party that stayed reaches the source."""
    seeded = ids(net, SOURCE, stay) & ids(net, TARGET, ada)
    own, shared = net.create(TARGET, [ada]), net.create(TARGET, [ada], [stay])
    theirs = net.create(THIRD, [outside], [ada])
    assert {*own, *shared, *theirs} <= ids(net, TARGET, ada)
    assert ids(net, SOURCE, ada) & {*own, *shared, *theirs} == set(shared)
    # what was moved can end, whoever ends it
    moved = ids(net, TARGET, ada) & ids(net, TARGET, net.party(SOURCE, "Ben"))
    net.archive(TARGET, sorted(moved))
    net.archive(SOURCE, sorted(seeded))
    assert moved and seeded and not ids(net, TARGET, ada) & (moved | seeded) and not ids(net, SOURCE, stay) & seeded
