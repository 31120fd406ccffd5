# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A snapshot on a target: what is refused before it is sent, and what the target refuses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.fakes import new_participant
from unit.plugins.module_utils._participant.support import MOVED, Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, CAROL, NEW_SYNC, PACKAGE, contract, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts import transfer
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Dar


def test_lost_receipt_is_written_again_without_an_import(at: Setting) -> None:
    at.transfer()
    os.unlink(at.folder / "node1.receipt.json")
    assert not at.load(check=True).changed and "node1.receipt.json" not in at.files()
    assert not at.load().changed and "node1.receipt.json" in at.files() and at.imports() == 1


UNREADY = [
    ({"hosted": {}}, "parties_not_hosted", "does not host 2 of the parties", "participant_party"),
    ({"dar_contents": {}}, "packages_missing", PACKAGE, "participant_package"),
    (
        {"known": [synchronizer("newsync", connected=False), synchronizer("third")]},
        "still_connected",
        "third",
        "Disconnect",
    ),
]


@pytest.mark.parametrize(("values", "error_id", "cause", "remedy"), UNREADY)
@pytest.mark.parametrize("pipe", [True, False])
@pytest.mark.parametrize("check", [True, False])
def test_target_that_is_not_ready(
    at: Setting, values: dict[str, Any], error_id: str, cause: str, remedy: str, pipe: bool, check: bool
) -> None:
    at.export()
    at.target = new_participant(**values)
    error = refused(lambda: at.transfer(pipe=pipe, check=check))
    assert error.error_id == error_id
    assert cause in error.message and remedy in error.hint
    assert at.target.changes == []


@pytest.mark.parametrize("pipe", [True, False])
@pytest.mark.parametrize("check", [True, False])
def test_package_that_is_only_stored(at: Setting, pipe: bool, check: bool) -> None:
    at.export()
    at.target = new_participant(vetted={})
    (warning,) = at.transfer(pipe=pipe, check=check).warnings
    assert f"has not vetted 1 packages of the contracts on this synchronizer: {PACKAGE}" in warning
    assert at.imports() == (0 if check else 1)


def test_rename_that_is_meant_for_another_synchronizer(at: Setting) -> None:
    at.target.known.append(synchronizer("other", connected=False))
    at.export()
    error = refused(lambda: transfer.ensure_imported(replace(at.task(source=False), target_synchronizer="other")))
    assert error.error_id == "synchronizer_not_renamed" and at.imports() == 0
    assert "another synchronizer than other::" in error.message


@pytest.mark.parametrize("call", ["load", "verify"])
def test_nothing_was_exported(at: Setting, call: str) -> None:
    error = refused(getattr(at, call))
    assert error.error_id == "snapshot_missing" and "Export first" in error.hint


def test_damaged_snapshot_is_not_sent(at: Setting) -> None:
    at.export()
    path = at.folder / "node1.acs.gz"
    path.write_bytes(path.read_bytes()[:-1])
    assert refused(at.load).error_id == "snapshot_damaged" and at.imports() == 0


ARCHIVED = (
    "Cannot add previously archived contract ContractId(00a1b2c3d4) as archived contracts cannot become active.",
    "a node never imports an archived contract again",
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


def test_packages_of_the_contracts_only(at: Setting) -> None:
    """A package that only contracts which stay behind use is not asked of the target."""
    at.source.dar_contents[Dar("pkg-other", "other", "1")] = set()
    at.source.contracts.append(contract("00c2", CAROL, package="pkg-other"))
    assert at.transfer().changed and at.there() == MOVED
