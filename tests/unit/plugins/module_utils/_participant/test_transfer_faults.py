# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nodes answer with OK although it went wrong, and sources that break."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from unit.plugins.fakes import Fake
from unit.plugins.module_utils._participant.support import MOVED, Setting, refused
from unit.plugins.samples import ALICE, CAROL, NEW_SYNC, OLD_SYNC, contract

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.participant import Dar

# -- what a node answers with OK --------------------------------------------------------------------------------------


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


def test_packages_of_the_contracts_only(at: Setting) -> None:
    """A package that only contracts which stay behind use is not asked of the target."""
    at.source.dar_contents[Dar("pkg-other", "other", "1")] = set()
    at.source.contracts.append(contract("00c2", CAROL, package="pkg-other"))
    assert at.transfer().changed and at.there() == MOVED
