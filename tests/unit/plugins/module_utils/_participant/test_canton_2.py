# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the procedures do otherwise with participants that behave as Canton 2 does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.module_utils._participant.support import MOVED, Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import (
    ALICE,
    BOB,
    CAROL,
    NEW,
    NEW_SYNC,
    OLD,
    OLD_NAMESPACE,
    PACKAGE,
    contract,
    hosting,
    synchronizer,
)

from ansible_collections.ledgerops.canton.plugins.module_utils._participant import info
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.copying import packages, users
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Identity,
    LocalParty,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.interface import require_same_major
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.examine import examine
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.findings import (
    Finding,
    MigrationRequest,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import delegation
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import hosting as party_hosting

REQUEST = MigrationRequest("oldsync", "newsync", None, (), True, None, backup_confirmed=True)
VERSIONS = {"oldsync": 5, "newsync": 7}
ALWAYS = ["kms_not_visible", "pruning_not_visible"]


def old(**values: Any) -> Any:
    status = Identity(OLD, True, True, "2.10.4", "", (5, 7))
    return old_participant(**{"major": 2, "versions": VERSIONS, "status": status, **values})


def new(**values: Any) -> Any:
    status = Identity(NEW, True, True, "2.10.4", "", (5, 7))
    return new_participant(**{"major": 2, "versions": VERSIONS, "status": status, **values})


# -- preflight ----------------------------------------------------------------------------------------------------------


def look(source: Fake, target: Fake, **options: Any) -> list[Finding]:
    return examine(source, target, replace(REQUEST, **options))[0]


def test_what_cannot_be_seen_is_said() -> None:
    found = look(old(), new(hosted={}))
    assert [item.id for item in found] == ALWAYS
    assert {item.severity for item in found} == {"warning"}


def test_kms_is_not_asked_about_when_it_is_not_wanted() -> None:
    assert [item.id for item in look(old(), new(hosted={}), require_kms=False)] == ["pruning_not_visible"]


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
        ({}, {}, {"protocol_version": 4}, "protocol_version", "version 4, the source's 5"),
    ],
)
def test_protocol_versions(
    source: dict[str, Any], target: dict[str, Any], options: dict[str, Any], identifier: str, text: str
) -> None:
    errors = [item for item in look(old(**source), new(hosted={}, **target), **options) if item.severity == "error"]
    assert errors and errors[0].id == identifier and text in errors[0].message


def test_a_protocol_version_that_is_given_is_enough() -> None:
    found = look(old(), new(hosted={}, versions={}), protocol_version=7)
    assert [item.id for item in found] == ALWAYS


def test_contracts_on_other_domains_cannot_be_seen_before() -> None:
    found = look(old(known=[synchronizer("oldsync"), synchronizer("third")]), new(hosted={}))
    (warning,) = [item for item in found if item.id not in ALWAYS]
    assert warning.id == "synchronizers_of_contracts_not_visible" and "third" in warning.message


def test_canton_2_and_3_do_not_mix() -> None:
    pairs: list[tuple[Any, Any]] = [(old(), new_participant()), (old_participant(), new())]
    for source, target in pairs:
        assert (
            refused(lambda source=source, target=target: require_same_major(source, target)).error_id == "release_lines"
        )
        assert [item.id for item in look(source, target)] == ["release_lines"]
    require_same_major(old(), new())


# -- hosting and vetting off the domain ---------------------------------------------------------------------------------


@pytest.mark.parametrize("connected", [True, False])
def test_hosting_is_proven_where_it_shows(connected: bool) -> None:
    target = new(hosted={}, known=[synchronizer("newsync", connected=connected)])
    wanted = {party: hosting(party, NEW) for party in (ALICE, BOB)}
    assert party_hosting.missing_hostings(target, NEW_SYNC, wanted) == wanted
    assert party_hosting.host_parties(target, NEW_SYNC, wanted, 8, 1.0) == []
    assert set(target.hosted) == {NEW_SYNC if connected else AUTHORIZED}
    assert party_hosting.missing_hostings(target, NEW_SYNC, wanted) == {}


def test_a_party_that_somebody_else_hosts_on_the_domain_is_seen_from_afar() -> None:
    target = new(hosted={NEW_SYNC: [hosting(ALICE, "third::1220cc")]}, known=[synchronizer("newsync", connected=False)])
    error = refused(lambda: party_hosting.missing_hostings(target, NEW_SYNC, {ALICE: hosting(ALICE, NEW)}))
    assert error.error_id == "hosted_elsewhere"


@pytest.mark.parametrize(("store", "to_vet"), [(AUTHORIZED, []), (NEW_SYNC, [PACKAGE])])
def test_vetting_is_looked_for_in_the_own_store_while_away(store: str, to_vet: list[str]) -> None:
    target = new(vetted={store: {PACKAGE}})
    source = old()
    found = packages.plan_copy(source, OLD, source.known[0].id, target, NEW, NEW_SYNC, (), {})
    assert [dar.main for dar in found.vet] == to_vet


def test_delegation_is_loaded_in_the_form_that_the_domain_takes() -> None:
    source, target = old(), new(known=[synchronizer("newsync")], versions={"newsync": 5})
    delegation.delegate(source, target, OLD_NAMESPACE, target.keys[0], NEW_SYNC, 1.0)
    assert source.delegations_written_for == 5


# -- contracts ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def at(tmp_path: Path) -> Setting:
    setting = Setting(tmp_path)
    setting.source = old()
    setting.target = new(
        hosted={AUTHORIZED: [hosting(party, NEW) for party in (ALICE, BOB, CAROL)]}, vetted={AUTHORIZED: {PACKAGE}}
    )
    return setting


@pytest.mark.parametrize("pipe", [True, False])
def test_transfer(at: Setting, pipe: bool) -> None:
    assert at.transfer(pipe=pipe).changed and at.there() == MOVED
    assert at.source.exported_for == 7
    assert not at.transfer(pipe=pipe).changed and at.imports() == 1
    if not pipe:
        at.verify()


def test_contract_of_another_domain_is_found_in_the_snapshot(at: Setting) -> None:
    at.source.contracts.append(contract("00a3", ALICE, on="third::1220cc"))
    error = refused(at.export)
    assert error.error_id == "contracts_on_wrong_synchronizer" and at.files() == set()


def test_import_for_parties_that_were_hosted_offline(at: Setting) -> None:
    at.export()
    at.target.hosted = {}
    assert refused(at.load).error_id == "parties_not_hosted"


# -- what else it tells -------------------------------------------------------------------------------------------------


def test_display_names_are_copied() -> None:
    source = old(parties=[LocalParty(ALICE, True, display_name="Alice & Co"), LocalParty(BOB, True)])
    target = new(parties=[LocalParty(ALICE, True), LocalParty(BOB, True, display_name="bob")])
    plan = users.plan_copy(source, target, (), False)
    assert [item.party for item in plan.annotate] == [ALICE]
    users.copy(plan, source, target, (), False)
    assert {item.party: item.display_name for item in target.parties} == {ALICE: "Alice & Co", BOB: "bob"}


def test_identity_says_what_is_not_known() -> None:
    found = info.identity(new())
    assert found["kms_backed"] is None and found["hosts_offline"] is True
    assert info.identity(old_participant())["hosts_offline"] is False
    assert info.synchronizers(new())[0]["protocol_version"] == 7


def test_root_key_is_still_needed() -> None:
    found = look(old(keys=[]), new(hosted={}))
    assert "namespace_key_missing" in [item.id for item in found]
    assert OLD_NAMESPACE[:12] in " ".join(item.message for item in found)
