# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a migration's contracts stand for: who shares them, what stays, and what must not come back to life."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.module_utils._participant.preflight.support import EVE, REQUEST, look, look_at, severities
from unit.plugins.module_utils._participant.support import new_of_canton_2, old_of_canton_2
from unit.plugins.samples import (
    ALICE,
    BOB,
    CAROL,
    NEW,
    NEW_SYNC,
    OLD,
    OLD_SYNC,
    PACKAGE,
    contract,
    hosting,
    synchronizer,
)

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import PartiesUnknown
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Dar, LocalParty
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.examine import examine


def surplus(old_connected: bool, new_connected: bool) -> list[tuple[str, str]]:
    source = {"known": [synchronizer("oldsync", connected=old_connected)]}
    target = {"known": [synchronizer("newsync", connected=new_connected)], "contracts": [contract("00f1", ALICE)]}
    return severities(look(source, target)[0])


def test_contracts_that_only_the_target_has() -> None:
    """A finished migration, whose target lives on, is the one state in which they are right."""
    for states in ((True, True), (True, False), (False, False)):
        assert surplus(*states) == [("stale_contracts_on_target", "error")]
    assert surplus(False, True) == [("target_moved_on", "warning")]


def stage_of(target: Fake, source: Fake | None = None) -> str:
    found = examine(source or old_participant(), target, REQUEST)
    return str(found.plan.stage)


def test_a_target_that_has_none_of_the_contracts_may_have_served_them() -> None:
    """While the source is off, the target's own events tell whether it archived them or never had them."""
    on = {"known": [synchronizer("newsync")]}
    assert stage_of(new_participant(**on)) == "source_down"
    assert stage_of(new_participant(**on, archived={"00a2"})) == "target_serves"
    assert stage_of(new_participant(**on, contracts=[contract("00f1", ALICE)])) == "target_serves"
    # disconnected, it serves nobody
    assert stage_of(new_participant(archived={"00a2"})) == "source_down"
    # without contracts there is nothing to lose
    assert stage_of(new_participant(**on), old_participant(contracts=[])) == "source_down"


def test_canton_2_cannot_tell_whether_it_has_served() -> None:
    on = {"known": [synchronizer("newsync")]}
    assert stage_of(new_of_canton_2(**on), old_of_canton_2()) == "source_down"
    local = [LocalParty(ALICE, is_local=True)]
    assert stage_of(new_of_canton_2(**on, parties=local), old_of_canton_2()) == "target_serves"


@pytest.mark.parametrize("excluded", ["app", PACKAGE])
def test_excluded_dars_that_contracts_use(excluded: str) -> None:
    """The import asks for each package; what the target has already need not be copied."""
    source = {"contracts": [contract("1", ALICE)]}
    findings, _plan = look(source, {"dar_contents": {}}, exclude_dars=[excluded])
    assert severities(findings) == [("excluded_dars_used", "error")]
    assert look(source, exclude_dars=[excluded])[0] == []
    unused = {"contracts": [contract("1", ALICE, package="other")], "dar_contents": {Dar("other", "b", "1"): set()}}
    assert look(unused, {"dar_contents": {}}, exclude_dars=[excluded])[0] == []


def test_contracts_that_will_be_purged() -> None:
    findings, _plan = look(target={"contracts": [contract("00f1", ALICE)]}, purge_stale=True)
    assert severities(findings) == [("stale_contracts_purged", "warning")]


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


def test_splice() -> None:
    dars: dict[Dar, set[str]] = {
        Dar(PACKAGE, "splice-amulet", "0.1.9"): set(),
        Dar("other", "splice-wallet", "0.1.9"): set(),
    }
    findings, _plan = look({"dar_contents": dars})
    assert severities(findings) == [("splice_packages", "warning")]
    assert "splice-amulet, splice-wallet" in findings[0].message
    dso = "DSO::1220" + "d" * 64
    hosted = {OLD_SYNC: [*(hosting(item, OLD) for item in (ALICE, BOB, CAROL)), hosting(dso, OLD, "sv::1220")]}
    findings, _plan = look({"hosted": hosted, "decentralized": {"1220" + "d" * 64}}, exclude=(dso,))
    assert severities(findings) == [("splice_super_validator", "error")]
    assert look({"hosted": hosted}, exclude=(dso,))[0] == []


def test_package_that_only_the_target_has() -> None:
    contracts = {"contracts": [contract("1", ALICE, package="lost")]}
    assert look(contracts, {"dar_contents": {Dar("lost", "l", "1"): set(), Dar(PACKAGE, "a", "1"): set()}})[0] == []


def test_contracts_with_those_who_stay_are_warnings() -> None:
    findings, plan = look(exclude=(BOB, CAROL))
    assert severities(findings) == [("shared_contracts", "warning"), ("contracts_left_behind", "warning")]
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
    findings, _plan = look(path=str(tmp_path / "not" / "yet"))
    assert [item.id for item in findings] == (["disk_space"] if short else [])
    assert asked == [str(tmp_path)]


ALWAYS = ["kms_not_visible", "pruning_not_visible"]


def test_contracts_on_other_domains_cannot_be_seen_before() -> None:
    found = look_at(old_of_canton_2(known=[synchronizer("oldsync"), synchronizer("third")]), new_of_canton_2(hosted={}))
    (warning,) = [item for item in found if item.id not in ALWAYS]
    assert warning.id == "synchronizers_of_contracts_not_visible" and "third" in warning.message
