# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each thing that stands against a migration has its own finding, with cause and remedy, and alone."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils._participant.preflight.support import EVE, look, look_at, severities, status
from unit.plugins.module_utils._participant.support import new_of_canton_2, old_of_canton_2
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
    contract,
    hosting,
    key,
    synchronizer,
)

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Dar,
    Delegation,
    Identity,
    User,
)

REMOVED = Delegation(OLD_NAMESPACE, NEW_NAMESPACE, "all", 2)
IN_FORCE = Delegation(OLD_NAMESPACE, NEW_NAMESPACE, "all_but_namespace_delegations", 1)


def test_nothing_stands_against_it() -> None:
    findings, plan = look()
    assert findings == []
    basis = plan.pop("estimate_basis")
    assert "estimate" in basis and "vendor's figures" in basis and "nothing was measured" in basis
    assert plan == {
        "method": "other_synchronizer",
        "stage": "source_down",
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
    findings, _plan = look({}, {"hosted": {NEW_SYNC: [hosting(BOB, "x::1220")]}}, replace_hosts={"x::1220"})
    assert findings == []


def test_users_that_could_not_be_copied_are_found_before() -> None:
    special = User("app", ALICE, primary_party_authentication=True)
    findings, plan = look({"people": [special, User("other")]}, {"authenticates": False})
    assert [item.id for item in findings] == ["user_setting_unknown"] and "users" not in plan
    findings, plan = look({"people": [special, User("other")]}, {"authenticates": False}, skip_users=["app"])
    assert findings == [] and plan["users"] == 1


@pytest.mark.parametrize(("provider", "refused"), [("gcp", []), ("aws", ["kms_key_spec"])])
def test_ed25519_keys_in_the_kms_of_each_provider(provider: str, refused: list[str]) -> None:
    keys = [key(NEW_NAMESPACE, "ec_curve25519", kms_key_id="1"), key("1220dd", "rsa_2048", "encryption", "2")]
    findings, _plan = look(target={"keys": keys}, kms_provider=provider)
    assert [item.id for item in findings] == refused
    assert all("set kms_provider to gcp" in item.remedy and "ec_p256" in item.remedy for item in findings)


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "same_participant": ({}, {"status": status(OLD)}, "same participant", "endpoints"),
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
    "reassigned_contracts": (
        {"contracts": [replace(contract("00x", ALICE), reassignments=2), contract("00y", ALICE)]},
        {},
        "1 of the moving contracts have been reassigned between synchronizers, first 00x",
        "create them again",
    ),
    "other_build_on_target": (
        {},
        {"dar_contents": {Dar("other", "app", "1.0.0"): set()}},
        "another build of 1 DARs of the source with the same name and version: app 1.0.0",
        "KNOWN_PACKAGE_VERSION",
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
    assert severities(findings) == [(identifier, "error")]
    assert cause in findings[0].message and remedy in findings[0].remedy


@pytest.mark.parametrize(("ahead", "found"), [(60, ["clock_skew"]), (5, []), (-86_400, [])])
def test_clocks(ahead: float, found: list[str]) -> None:
    values = {"known": [synchronizer("newsync")], "clock": time.time() + ahead}
    findings, _plan = look({"clock": time.time() + 3600}, values)
    assert [item.id for item in findings] == found
    for finding in findings:
        assert finding.severity == "warning" and "newsync of the target participant is 60 s ahead" in finding.message


def test_several_at_once() -> None:
    findings, plan = look({"schedule": "* * *", "keys": []}, {"known": []})
    assert [item.id for item in findings] == ["pruning_scheduled", "unknown_synchronizer"]
    findings, plan = look({"schedule": "* * *", "keys": []}, {"keys": [key(NEW_NAMESPACE)]}, exclude=(ALICE,))
    assert [item.id for item in findings] == [
        "target_not_on_kms",
        "pruning_scheduled",
        "namespace_key_missing",
        "shared_contracts",
        "contracts_left_behind",
    ]
    assert plan["parties"] == 2


@pytest.mark.parametrize(
    ("method", "finding", "way_out"),
    [
        ("key_import", "key_import_crashes", "in_place"),
        ("envelope", "envelope_needs_no_migration", "private-key-store.encryption"),
    ],
)
def test_methods_that_are_refused_as_such(method: str, finding: str, way_out: str) -> None:
    """Nothing else is asked of participants that such a method would not use as they are."""
    (found,), plan = look({"status": Identity("", False, False)}, method=method)
    assert (found.id, found.severity) == (finding, "error") and way_out in found.remedy
    assert set(plan) == {"method", "source", "target"}


def test_kms_may_be_left_out_of_it() -> None:
    assert look(target={"keys": [key(NEW_NAMESPACE)]}, require_kms=False)[0] == []


def test_no_party_to_move() -> None:
    assert "no_parties" in [item.id for item in look(exclude=(ALICE, BOB, CAROL))[0]]
    findings, _plan = look(parties=["Nobody::1220"])
    assert [item.id for item in findings] == ["party_not_movable", "no_parties", "contracts_left_behind"]


def test_users_without_the_built_in_one() -> None:
    assert look({"people": [User("participant_admin"), User("a"), User("b")]})[1]["users"] == 2


ALWAYS = ["kms_not_visible", "pruning_not_visible"]


def test_what_cannot_be_seen_is_said() -> None:
    found = look_at(old_of_canton_2(), new_of_canton_2(hosted={}))
    assert [item.id for item in found] == ALWAYS
    assert {item.severity for item in found} == {"warning"}


def test_kms_is_not_asked_about_when_it_is_not_wanted() -> None:
    assert [item.id for item in look_at(old_of_canton_2(), new_of_canton_2(hosted={}), require_kms=False)] == [
        "pruning_not_visible"
    ]


@pytest.mark.parametrize(
    ("source", "target", "options", "identifier", "text"),
    [
        ({}, {"versions": {}}, {}, "protocol_version_unknown", "does not report the protocol version of newsync"),
        (
            {"status": Identity(OLD, True, True, "2.8", "", (4, 5))},
            {},
            {},
            "protocol_version_unsupported",
            "does not support protocol version 7",
        ),
        (
            {"versions": {"oldsync": 7}},
            {"versions": {"newsync": 5}},
            {},
            "protocol_version",
            "version 5, the source's 7",
        ),
        ({}, {}, {"target_protocol_version": 4}, "protocol_version", "version 4, the source's 5"),
    ],
)
def test_protocol_versions(
    source: dict[str, Any], target: dict[str, Any], options: dict[str, Any], identifier: str, text: str
) -> None:
    errors = [
        item
        for item in look_at(old_of_canton_2(**source), new_of_canton_2(hosted={}, **target), **options)
        if item.severity == "error"
    ]
    assert errors and errors[0].id == identifier and text in errors[0].message


def test_a_protocol_version_that_is_given_is_enough() -> None:
    found = look_at(old_of_canton_2(), new_of_canton_2(hosted={}, versions={}), target_protocol_version=7)
    assert [item.id for item in found] == ALWAYS


def test_root_key_is_still_needed() -> None:
    found = look_at(old_of_canton_2(keys=[]), new_of_canton_2(hosted={}))
    assert "namespace_key_missing" in [item.id for item in found]
    assert OLD_NAMESPACE[:12] in " ".join(item.message for item in found)
