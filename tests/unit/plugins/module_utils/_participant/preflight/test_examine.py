# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each thing that stands against a migration has its own finding, with cause and remedy, and alone."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.samples import (
    ALICE,
    BOB,
    CAROL,
    NEW,
    NEW_NAMESPACE,
    NEW_SYNC,
    OLD,
    OLD_NAMESPACE,
    OLD_SYNC,
    PACKAGE,
    contract,
    hosting,
    key,
    synchronizer,
)

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import (
    CantonError,
    NoReflection,
    NotAuthenticated,
    NotPermitted,
    PartiesUnknown,
    Unreachable,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Dar,
    Delegation,
    Identity,
    LocalParty,
    User,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.examine import examine
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.findings import (
    Finding,
    MigrationRequest,
)

REQUEST = MigrationRequest("oldsync", "newsync", None, (), True, None, backup_confirmed=True)
REMOVED = Delegation(OLD_NAMESPACE, NEW_NAMESPACE, "all", 2)
IN_FORCE = Delegation(OLD_NAMESPACE, NEW_NAMESPACE, "all_but_namespace_delegations", 1)
EVE = "Eve::1220" + "e" * 64


def look(
    source: dict[str, Any] | None = None, target: dict[str, Any] | None = None, **options: Any
) -> tuple[list[Finding], dict[str, Any]]:
    fresh = {"hosted": {}, **(target or {})}
    return examine(old_participant(**(source or {})), new_participant(**fresh), replace(REQUEST, **options))


def status(uid: str, version: str = "3.5.10", **values: Any) -> Identity:
    return replace(Identity(uid, True, True, version, "", (35,)), **values)


def test_nothing_stands_against_it() -> None:
    findings, plan = look()
    assert findings == []
    basis = plan.pop("estimate_basis")
    assert "estimate" in basis and "vendor's figures" in basis and "nothing was measured" in basis
    assert plan == {
        "method": "other_synchronizer",
        "source": OLD,
        "target": NEW,
        "delegation": {"source": False, "target": False, "synchronizer": False},
        "parties": 3,
        "namespaces": {OLD_NAMESPACE: {"parties": 3, "delegation": "signed by the source"}},
        "contracts": 4,
        "packages": 1,
        "counterparties": {},
        "dars": 1,
        "users": 0,
        "snapshot_bytes": 1000,
        "estimated_downtime_seconds": 19,
    }


def test_after_the_migration() -> None:
    source = {"delegated": {AUTHORIZED: [Delegation(OLD_NAMESPACE, OLD_NAMESPACE, "all", 1), IN_FORCE]}, "keys": []}
    target = {
        "delegated": {AUTHORIZED: [IN_FORCE], NEW_SYNC: [IN_FORCE]},
        "hosted": {NEW_SYNC: [hosting(party, NEW) for party in (ALICE, BOB, CAROL)]},
    }
    findings, plan = look(source, target)
    assert findings == [] and set(plan["delegation"].values()) == {True}


def test_parties_of_a_namespace_that_is_delegated_or_going_to_be() -> None:
    namespace = EVE.rpartition("::")[2]
    further = Delegation(namespace, NEW_NAMESPACE, "all_but_namespace_delegations", 1)
    source = {"hosted": {OLD_SYNC: [*(hosting(item, OLD) for item in (ALICE, BOB, CAROL)), hosting(EVE, OLD)]}}
    two = {"hosted": {OLD_SYNC: [*source["hosted"][OLD_SYNC], hosting(f"Eva::{namespace}", OLD)]}}
    (finding,) = look(two)[0]
    assert finding.message.startswith(f"2 parties of namespace {namespace} cannot be moved")
    findings, plan = look(source, namespaces={namespace})
    assert findings == [] and plan["namespaces"][namespace] == {"parties": 1, "delegation": "signed elsewhere"}
    findings, plan = look(source, {"delegated": {AUTHORIZED: [further], NEW_SYNC: [further]}})
    assert findings == [] and plan["namespaces"][namespace] == {"parties": 1, "delegation": "in force"}
    # the root key of the source's own namespace may sign elsewhere too
    findings, _plan = look({"keys": []}, namespaces={OLD_NAMESPACE})
    assert findings == []


def test_a_host_that_was_given_up() -> None:
    findings, _plan = look({}, {"hosted": {NEW_SYNC: [hosting(BOB, "x::1220")]}}, replaceable={"x::1220"})
    assert findings == []


def test_users_that_could_not_be_copied_are_found_before() -> None:
    special = User("app", ALICE, primary_party_authentication=True)
    findings, plan = look({"people": [special, User("other")]}, {"authenticates": False})
    assert [item.id for item in findings] == ["user_setting_unknown"] and "users" not in plan
    findings, plan = look({"people": [special, User("other")]}, {"authenticates": False}, skipped_users=["app"])
    assert findings == [] and plan["users"] == 1


@pytest.mark.parametrize(("provider", "refused"), [("gcp", []), ("aws", ["kms_key_spec"])])
def test_ed25519_keys_in_the_kms_of_each_provider(provider: str, refused: list[str]) -> None:
    keys = [key(NEW_NAMESPACE, "ec_curve25519", kms_key_id="1"), key("1220dd", "rsa_2048", "encryption", "2")]
    findings, _plan = look(target={"keys": keys}, kms_provider=provider)
    assert [item.id for item in findings] == refused
    assert all("set kms_provider to gcp" in item.remedy and "ec_p256" in item.remedy for item in findings)


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "not_initialized": (
        {},
        {"status": status(NEW, initialized=False, waiting_for="node_topology")},
        "target participant is not initialised and waits for: node topology",
        "Initialise",
    ),
    "passive_replica": ({"status": status(OLD, active=False)}, {}, "source participant is a passive", "active"),
    "ledger_endpoint_missing": ({"has_ledger": False}, {}, "source participant has no", "ledger API"),
    "same_participant": ({}, {"status": status(OLD)}, "same participant", "endpoints"),
    "storage_in_memory": ({}, {"memory": True}, "target participant keeps its data in memory", "PostgreSQL"),
    "release_lines": ({"major": 2}, {}, "runs Canton 2 and the target participant Canton 3", "major release"),
    "known_bug_25_013": ({}, {"status": status(NEW, "3.4.8")}, "3.4.8", "3.4.9"),
    "target_not_on_kms": (
        {},
        {"keys": [key(NEW_NAMESPACE, kms_key_id="1"), key("1220dd")]},
        "1 of the target's 2 keys are not in a KMS: key-1220dd",
        "require_kms",
    ),
    "kms_key_spec": (
        {},
        {"keys": [key(NEW_NAMESPACE, kms_key_id="1"), key("1220dd", "ec_p256", "encryption", "2")]},
        "key-1220dd has spec ec_p256",
        "use rsa_2048",
    ),
    "pruning_scheduled": ({"schedule": "0 0 3 * * ?"}, {}, "0 0 3 * * ?", "Clear the pruning schedule"),
    "unknown_synchronizer": ({"known": []}, {}, "source participant does not know a synchronizer oldsync", "Register"),
    "synchronizer_never_connected": (
        {},
        {"known": [replace(synchronizer("newsync"), physical_id="")]},
        "target participant has never been connected",
        "Connect it once",
    ),
    "same_synchronizer": (
        {},
        {"known": [replace(synchronizer("oldsync"), alias="newsync")]},
        "same synchronizer oldsync::",
        "Connect the target to another",
    ),
    "protocol_version": (
        {},
        {"known": [synchronizer("newsync", version=34)]},
        "protocol version 34, the source's 35",
        "same or a later",
    ),
    "target_on_other_synchronizers": (
        {},
        {"known": [synchronizer("newsync"), synchronizer("third")]},
        "also connected to third",
        "Disconnect",
    ),
    "namespace_key_missing": ({"keys": []}, {}, "source participant does not hold the root key", "Import the root key"),
    "delegation_was_removed": ({"removed": {AUTHORIZED: [REMOVED]}}, {}, "was removed once", "another namespace key"),
    "certificate_missing": ({"delegated": {}}, {}, "no root certificate", "Load the root certificate"),
    "party_not_movable": (
        {"hosted": {OLD_SYNC: [*(hosting(item, OLD) for item in (ALICE, BOB, CAROL)), hosting(EVE, OLD)]}},
        {},
        "Eve::1220eeeeeeee…",
        "holder of its root key",
    ),
    "hosted_elsewhere": ({}, {"hosted": {NEW_SYNC: [hosting(BOB, "x::1220")]}}, "Bob::1220aaaaaaaa…", "Exclude these"),
    "contracts_on_other_synchronizers": (
        {"contracts": [contract("1", ALICE, on="third::1220")]},
        {},
        "1 contracts of these parties are on third::1220, not on oldsync",
        "Reassign",
    ),
    "incomplete_reassignment": (
        {"contracts": [replace(contract("00x", ALICE), incomplete=True)]},
        {},
        "00x",
        "roll back",
    ),
    "stale_contracts_on_target": (
        {},
        {"contracts": [contract(item, ALICE) for item in ("00a1", "00f4", "00f3", "00f2", "00f1")]},
        "The target has 4 active contracts of these parties that the source does not have, first: 00f1, 00f2, 00f3.",
        "state purged",
    ),
    "packages_without_dar": (
        {"contracts": [contract("1", ALICE, package="lost")]},
        {},
        "1 packages that no DAR of the source contains and that the target lacks: lost",
        "files",
    ),
}


@pytest.mark.parametrize("identifier", CASES)
def test_one_finding(identifier: str) -> None:
    source, target, cause, remedy = CASES[identifier]
    findings, _plan = look(source, target)
    assert [(item.id, item.severity) for item in findings] == [(identifier, "error")]
    assert cause in findings[0].message and remedy in findings[0].remedy


def test_nobody_has_confirmed_a_backup() -> None:
    findings, plan = look(backup_confirmed=False)
    assert [(item.id, item.severity) for item in findings] == [("backup_not_confirmed", "error")]
    assert "set backup_confirmed to true" in findings[0].remedy and plan["contracts"] == 4


def surplus(old_connected: bool, new_connected: bool) -> list[tuple[str, str]]:
    source = {"known": [synchronizer("oldsync", connected=old_connected)]}
    target = {"known": [synchronizer("newsync", connected=new_connected)], "contracts": [contract("00f1", ALICE)]}
    return [(item.id, item.severity) for item in look(source, target)[0]]


def test_contracts_that_only_the_target_has() -> None:
    """A finished migration, whose target lives on, is the one state in which they are right."""
    for states in ((True, True), (True, False), (False, False)):
        assert surplus(*states) == [("stale_contracts_on_target", "error")]
    assert surplus(False, True) == [("target_moved_on", "warning")]


def test_contracts_that_will_be_purged() -> None:
    findings, _plan = look(target={"contracts": [contract("00f1", ALICE)]}, purge_stale=True)
    assert [(item.id, item.severity) for item in findings] == [("stale_contracts_purged", "warning")]


def test_contracts_that_the_target_has_already_or_for_others() -> None:
    held = [contract("00a1", ALICE, on=NEW_SYNC), contract("00e1", "Own::1220", on=NEW_SYNC)]
    assert look(target={"contracts": held})[0] == []


def test_what_the_target_archives_meanwhile_is_no_surplus(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Fake.active_contracts

    def archiving(fake: Fake, parties: Any, offset: int) -> Any:
        yield from read(fake, parties, offset)
        if fake.uid == NEW:
            fake.contracts = []

    monkeypatch.setattr(Fake, "active_contracts", archiving)
    assert look(target={"contracts": [contract("00f1", ALICE)]})[0] == []


def test_parties_that_the_target_has_never_heard_of(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Fake.active_contracts

    def unknown(fake: Fake, parties: Any, offset: int) -> Any:
        if fake.uid == NEW and ALICE in parties:
            raise PartiesUnknown("no")
        return read(fake, parties, offset)

    monkeypatch.setattr(Fake, "active_contracts", unknown)
    findings, _plan = look(target={"contracts": [contract("00f1", BOB), contract("00b1", BOB)]})
    assert [item.id for item in findings] == ["stale_contracts_on_target"] and "1 active contracts" in findings[
        0
    ].message


@pytest.mark.parametrize(("ahead", "found"), [(60, ["clock_skew"]), (5, []), (-86_400, [])])
def test_clocks(ahead: float, found: list[str]) -> None:
    values = {"known": [synchronizer("newsync")], "clock": time.time() + ahead}
    findings, _plan = look({"clock": time.time() + 3600}, values)
    assert [item.id for item in findings] == found
    for finding in findings:
        assert finding.severity == "warning" and "newsync of the target participant is 60 s ahead" in finding.message


def test_splice() -> None:
    dars: dict[Dar, set[str]] = {
        Dar(PACKAGE, "splice-amulet", "0.1.9"): set(),
        Dar("other", "splice-wallet", "0.1.9"): set(),
    }
    findings, _plan = look({"dar_contents": dars})
    assert [(item.id, item.severity) for item in findings] == [("splice_packages", "warning")]
    assert "splice-amulet, splice-wallet" in findings[0].message
    dso = "DSO::1220" + "d" * 64
    hosted = {OLD_SYNC: [*(hosting(item, OLD) for item in (ALICE, BOB, CAROL)), hosting(dso, OLD, "sv::1220")]}
    findings, _plan = look({"hosted": hosted, "decentralized": {"1220" + "d" * 64}}, excluded=(dso,))
    assert [(item.id, item.severity) for item in findings] == [("splice_super_validator", "error")]
    assert look({"hosted": hosted}, excluded=(dso,))[0] == []


def test_several_at_once() -> None:
    findings, plan = look({"schedule": "* * *", "keys": []}, {"known": []})
    assert [item.id for item in findings] == ["pruning_scheduled", "unknown_synchronizer"]
    findings, plan = look({"schedule": "* * *", "keys": []}, {"keys": [key(NEW_NAMESPACE)]}, excluded=(ALICE,))
    assert [item.id for item in findings] == [
        "target_not_on_kms",
        "pruning_scheduled",
        "namespace_key_missing",
        "shared_contracts",
        "contracts_left_behind",
    ]
    assert plan["parties"] == 2


def test_kms_may_be_left_out_of_it() -> None:
    assert look(target={"keys": [key(NEW_NAMESPACE)]}, require_kms=False)[0] == []


def test_package_that_only_the_target_has() -> None:
    contracts = {"contracts": [contract("1", ALICE, package="lost")]}
    assert look(contracts, {"dar_contents": {Dar("lost", "l", "1"): set(), Dar(PACKAGE, "a", "1"): set()}})[0] == []


def test_no_party_to_move() -> None:
    assert "no_parties" in [item.id for item in look(excluded=(ALICE, BOB, CAROL))[0]]
    findings, _plan = look(parties=["Nobody::1220"])
    assert [item.id for item in findings] == ["party_not_movable", "no_parties", "contracts_left_behind"]


def test_contracts_with_those_who_stay_are_warnings() -> None:
    findings, plan = look(excluded=(BOB, CAROL))
    assert [(item.id, item.severity) for item in findings] == [
        ("shared_contracts", "warning"),
        ("contracts_left_behind", "warning"),
    ]
    assert "1 parties that do not move: Bob::1220aaaaaaaa… (1)" in findings[0].message
    assert "Bob::1220aaaaaaaa… (1), Carol::1220aaaaaaaa… (1)" in findings[1].message
    assert plan["contracts"] == 2 and plan["counterparties"] == {BOB: 1}


def test_contracts_with_parties_of_other_participants() -> None:
    findings, _plan = look({"contracts": [contract("1", ALICE, EVE)], "parties": [LocalParty(EVE, False)]})
    assert [item.id for item in findings] == ["shared_contracts"] and "Eve::1220eeeeeeee… (1)" in findings[0].message


@pytest.mark.parametrize(("free", "short"), [(4 * 4096, False), (4 * 4096 - 1, True)])
def test_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, short: bool) -> None:
    asked: list[str] = []

    def usage(folder: str) -> SimpleNamespace:
        asked.append(folder)
        return SimpleNamespace(free=free)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    findings, _plan = look(folder=str(tmp_path / "not" / "yet"))
    assert [item.id for item in findings] == (["disk_space"] if short else [])
    assert asked == [str(tmp_path)]


def test_users_without_the_built_in_one() -> None:
    assert look({"people": [User("participant_admin"), User("a"), User("b")]})[1]["users"] == 2


@pytest.mark.parametrize("failure", [Unreachable, NotAuthenticated, NotPermitted, NoReflection])
def test_trouble_with_the_connection_ends_it(monkeypatch: pytest.MonkeyPatch, failure: type[CantonError]) -> None:
    def broken(_fake: Fake) -> str:
        raise failure("no")

    monkeypatch.setattr(Fake, "pruning_schedule", broken)
    with pytest.raises(failure):
        look()


def test_a_check_that_is_refused_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_fake: Fake) -> str:
        raise CantonError("The node refused it", "redacted", "Look at the log.")

    monkeypatch.setattr(Fake, "pruning_schedule", broken)
    assert look()[0] == [Finding("redacted", "error", "The node refused it", "Look at the log.")]
