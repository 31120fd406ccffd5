# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nodes answer with OK although it went wrong, and sources that break."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.fakes import Fake
from unit.plugins.module_utils._participant.support import MOVED, Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, CAROL, NEW_SYNC, OLD_SYNC, contract

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Dar


def lossy_export(monkeypatch: pytest.MonkeyPatch, fake: Fake, keep: int) -> None:
    whole = fake.contracts
    export = fake.export_contracts

    def cut(*arguments: Any) -> Iterator[bytes]:
        fake.contracts = whole[:keep]
        yield from export(*arguments)
        fake.contracts = whole

    monkeypatch.setattr(fake, "export_contracts", cut)


@pytest.mark.parametrize("pipe", [True, False])
@pytest.mark.parametrize("keep", [0, 2])
def test_export_that_lacks_contracts(monkeypatch: pytest.MonkeyPatch, at: Setting, pipe: bool, keep: int) -> None:
    lossy_export(monkeypatch, at.source, keep)
    error = refused(lambda: at.transfer(pipe=pipe))
    assert error.error_id == "contracts_differ" and f"has {keep} contracts" in error.message
    assert "Bob::1220aaaaaaaa…" in error.message and error.details == {"expected": 3, "found": keep}
    assert at.imports() == 0 and at.there() == set() and at.files() == set()


def test_export_that_forgets_the_rename(monkeypatch: pytest.MonkeyPatch, at: Setting) -> None:
    export = at.source.export_contracts
    monkeypatch.setattr(
        at.source,
        "export_contracts",
        lambda parties, offset, _renames, version: export(parties, offset, {OLD_SYNC: OLD_SYNC}, version),
    )
    error = refused(at.export)
    assert error.error_id == "contracts_on_wrong_synchronizer" and "3 on oldsync::" in error.message
    assert at.files() == set()


@pytest.mark.parametrize("pipe", [True, False])
def test_import_that_answers_ok_and_imports_nothing(at: Setting, pipe: bool) -> None:
    at.target.import_breaks = True
    error = refused(lambda: at.transfer(pipe=pipe))
    assert error.error_id == "contracts_differ" and "shows 0 of the 3 contracts" in error.message
    assert "Do not connect the target" in error.hint and "node1.receipt.json" not in at.files()
    if not pipe:
        assert error.details["missing"] == sorted(MOVED) and "3 are missing, first 00a1" in error.message


def test_target_that_lost_a_contract_after_the_proof(at: Setting) -> None:
    at.transfer()
    at.target.contracts = [contract("00zz", ALICE, on=NEW_SYNC), *at.target.contracts[1:]]
    error = refused(at.verify)
    assert error.error_id == "contracts_differ"
    assert error.details["missing"] == ["00a1"] and error.details["unexpected"] == ["00zz"]


@pytest.mark.parametrize("pipe", [True, False])
@pytest.mark.parametrize("failure", [CantonError("gone", "unreachable"), OSError("disk")])
def test_source_that_breaks_in_the_middle(
    monkeypatch: pytest.MonkeyPatch, at: Setting, pipe: bool, failure: Exception
) -> None:
    export = at.source.export_contracts

    def breaking(*arguments: Any) -> Iterator[bytes]:
        yield from itertools.islice(export(*arguments), 1)
        raise failure

    monkeypatch.setattr(at.source, "export_contracts", breaking)
    with pytest.raises((CantonError, OSError)) as caught:
        at.transfer(pipe=pipe)
    assert caught.value is failure or caught.value.__cause__ is failure
    assert at.imports() == 0 and at.there() == set() and at.files() == set()


def test_differences_are_named_per_party(at: Setting) -> None:
    at.transfer()
    here = {item.contract_id: item for item in at.target.contracts}
    there = list(here.values())
    at.target.contracts = [
        replace(here["00a1"], synchronizer="third::1220"),
        replace(here["00a2"], stakeholders=here["00a2"].stakeholders | {CAROL}),
        *there[2:-1],
        contract("00zz", ALICE, BOB, on=NEW_SYNC),
    ]
    lost = there[-1].contract_id
    error = refused(at.verify)
    assert error.details["missing"] == [lost] and error.details["unexpected"] == ["00zz"]
    assert error.details["misplaced"] == {"00a1": "third::1220"}
    assert error.details["altered"] == ["00a2"]
    parties = error.details["differing_parties"]
    assert isinstance(parties, dict) and parties[BOB] == {"missing": [lost], "unexpected": ["00zz"]}
    for text in (
        f"1 are missing, first {lost}",
        "1 are not of the snapshot, first 00zz",
        "1 are on another synchronizer, first 00a1 on third::1220",
        "1 have other stakeholders or another package, first 00a2",
        "which has 00zz too many" if lost not in str(parties[ALICE]["missing"]) else f"which lacks {lost}",
    ):
        assert text in error.message


ARCHIVED = (
    "Cannot add previously archived contract ContractId(00a1b2c3d4) as archived contracts cannot become active.",
    "a node never takes an archived contract back",
)
OTHER = (
    "Contract ContractId(00a1b2c3d4) exists in participant contract store, but differs from this one",
    "another contract",
)


@pytest.mark.parametrize("pipe", [True, False])
@pytest.mark.parametrize(("text", "remedy"), [ARCHIVED, OTHER])
def test_contract_that_the_target_refuses(
    monkeypatch: pytest.MonkeyPatch, at: Setting, text: str, remedy: str, pipe: bool
) -> None:
    """It is named, with what can be done; the next run can carry on from where this one ended."""
    load = at.target.import_contracts

    def refusing(chunks: Iterator[bytes], *_arguments: Any) -> None:
        list(chunks)
        raise CantonError(text, "IMPORT_ACS_ERROR", "Look at the log.")

    monkeypatch.setattr(at.target, "import_contracts", refusing)
    error = refused(lambda: at.transfer(pipe=pipe))
    assert error.error_id == "IMPORT_ACS_ERROR" and error.message == text and remedy in error.hint
    assert error.details["contract"] == "00a1b2c3d4" and "node1.receipt.json" not in at.files()
    monkeypatch.setattr(at.target, "import_contracts", load)
    assert at.transfer(pipe=pipe).changed and at.there() == MOVED


def test_target_that_holds_some_of_the_contracts(at: Setting) -> None:
    """What an import that failed at a late batch leaves: the rest comes with the next run."""
    at.export()
    at.target.contracts = [contract("00a1", ALICE, on=NEW_SYNC)]
    done = at.load()
    assert done.before["contracts"] == 1 and done.after["contracts"] == 3 and at.there() == MOVED
    assert not at.load().changed


def test_contract_of_another_package(at: Setting) -> None:
    at.transfer()
    at.target.contracts[0] = replace(at.target.contracts[0], package_id="pkg-other")
    error = refused(at.verify)
    assert error.details["altered"] == [at.target.contracts[0].contract_id] and error.details["missing"] == []
    assert error.details["differing_parties"] == {}


def test_counterparties_are_counted(at: Setting) -> None:
    """Also for a target that has them; a manifest of an earlier version, that does not tell them, is read."""
    at.source.contracts.append(contract("00d1", ALICE, "Dora::1220dd"))
    at.source.contracts.append(contract("00d2", BOB, "Dora::1220dd", "Emil::1220ee"))
    expected = {"Dora::1220dd": 2, "Emil::1220ee": 1}
    exported = at.export()
    assert exported.result["counterparties"] == expected
    at.load()
    assert at.verify().result["counterparties"] == exported.result["counterparties"]
    path = at.folder / "node1.manifest.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    del values["counterparties"]
    path.write_text(json.dumps(values), encoding="utf-8")
    assert "counterparties" not in at.verify().result
    assert not at.load().changed and not at.export().changed


def test_packages_of_the_contracts_only(at: Setting) -> None:
    """A package that only contracts which stay behind use is not asked of the target."""
    at.source.dar_contents[Dar("pkg-other", "other", "1")] = set()
    at.source.contracts.append(contract("00c2", CAROL, package="pkg-other"))
    assert at.transfer().changed and at.there() == MOVED
