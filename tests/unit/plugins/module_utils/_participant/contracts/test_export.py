# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Contracts of a source in a snapshot: when they are exported again, and what a source that fails leaves."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.fakes import Fake, old_participant
from unit.plugins.module_utils._participant.support import MOVED, Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, CAROL, NEW_SYNC, OLD_SYNC, contract, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError


@pytest.mark.parametrize("name", ["node1.acs.gz", "node1.manifest.json"])
def test_damaged_or_lost_export_is_made_again(at: Setting, name: str) -> None:
    at.export()
    os.unlink(at.folder / name)
    assert at.export().changed
    (at.folder / "node1.acs.gz").write_bytes(b"damaged")
    assert at.export().changed and not at.export().changed


def test_export_is_made_again_when_contracts_changed(at: Setting) -> None:
    at.export()
    at.source.contracts.append(contract("00a9", ALICE))
    at.source.end += 1
    done = at.export()
    assert done.changed and done.result["contracts"] == 4


def test_export_of_other_parties_is_made_again(at: Setting) -> None:
    at.export()
    at.parties = [ALICE, BOB, CAROL]
    assert at.export().result["contracts"] == 4


def move_on(at: Setting) -> None:
    """The source is connected by hand after the import: one contract is created, one archived."""
    at.source.contracts = [item for item in at.source.contracts if item.contract_id != "00a1"]
    at.source.contracts.append(contract("00a9", ALICE))
    at.source.end += 1


def test_a_source_that_moved_on_is_exported_again(at: Setting) -> None:
    """As long as the target has not served, it gets what the source has now, and loses what the source archived."""
    at.transfer()
    move_on(at)
    assert at.transfer().changed
    assert at.there() == {"00a2", "00a9", "00b1"}
    assert not at.transfer().changed


@pytest.mark.parametrize("life", ["created", "archived", "connected"])
def test_export_after_the_target_has_served(at: Setting, life: str) -> None:
    at.transfer()
    move_on(at)
    at.target.past[at.target.end] = list(at.target.contracts)
    at.target.end += 1
    if life == "created":
        at.target.contracts.append(contract("00e1", BOB, on=NEW_SYNC))
    elif life == "archived":
        at.target.contracts = [item for item in at.target.contracts if item.contract_id != "00b1"]
        at.target.archived.add("00b1")
    else:
        at.target.known = [synchronizer("newsync")]
    before = at.there()
    error = refused(at.export)
    assert error.error_id == "exported_after_import" and "imported already" in error.message
    assert at.there() == before


def test_a_snapshot_of_another_selection_is_exported_again(at: Setting) -> None:
    at.parties = [BOB]
    at.transfer()
    at.parties = [ALICE, BOB]
    assert at.transfer().changed and at.there() == MOVED


def test_a_snapshot_that_exists_is_no_excuse_for_a_source_that_serves(at: Setting) -> None:
    at.export()
    at.source.known = [synchronizer("oldsync")]
    for check in (True, False):
        assert refused(lambda check=check: at.transfer(check=check)).error_id == "still_connected"
    assert at.imports() == 0


@pytest.mark.parametrize(
    ("values", "error_id", "cause", "remedy"),
    [
        ({"hosted": {OLD_SYNC: []}}, "unknown_parties", "does not host 2 of the parties", "Correct parties"),
        ({"known": [synchronizer("oldsync")]}, "still_connected", "still connected to oldsync", "quiet_timeout"),
        ({"flying": [4]}, "in_flight", "with 4 submissions", "Connect it again"),
        (
            {"contracts": [contract("00x", ALICE, on="third::1220")]},
            "contracts_on_other_synchronizers",
            "1 on third::1220",
            "Reassign",
        ),
        (
            {"contracts": [replace(contract("00x", ALICE), incomplete=True)]},
            "incomplete_reassignment",
            "contract 00x",
            "roll back",
        ),
    ],
)
@pytest.mark.parametrize("pipe", [True, False])
def test_source_that_cannot_be_exported(
    at: Setting, values: dict[str, Any], error_id: str, cause: str, remedy: str, pipe: bool
) -> None:
    at.source = old_participant(**values)
    error = refused(lambda: at.transfer(pipe=pipe))
    assert error.error_id == error_id
    assert cause in error.message and remedy in error.hint
    assert at.source.changes == at.target.changes == [] and at.files() == set()


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
