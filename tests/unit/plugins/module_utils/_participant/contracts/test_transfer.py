# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Export, import and proof between two participants made of lists, and what they refuse before anything is sent."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.module_utils._participant.support import MOVED, Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, CAROL, NEW_SYNC, OLD_SYNC, PACKAGE, contract, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts import load, transfer
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Dar

# -- it works, and again changes nothing ------------------------------------------------------------------------------


def test_export_import_verify(at: Setting) -> None:
    predicted = at.export(check=True)
    assert at.files() == set()
    done = at.export()
    assert (predicted.before, predicted.after) == (done.before, done.after) and done.changed
    assert done.result["contracts"] == 3 and done.result["offset"] == 10
    assert not at.export().changed
    assert at.load(check=True).changed and at.imports() == 0
    assert at.load().changed and at.there() == MOVED
    assert not at.load().changed and at.imports() == 1
    assert not at.verify().changed
    assert at.files() == {"node1.acs.gz", "node1.manifest.json", "node1.receipt.json", "throughput.json"}
    assert all((at.folder / name).stat().st_mode & 0o777 == 0o600 for name in at.files())


@pytest.mark.parametrize("pipe", [True, False])
def test_transfer_in_one(at: Setting, pipe: bool) -> None:
    assert at.transfer(check=True, pipe=pipe).changed and at.imports() == 0 and at.files() == set()
    assert at.transfer(pipe=pipe).changed and at.there() == MOVED
    assert not at.transfer(pipe=pipe).changed and at.imports() == 1
    assert bool(at.files()) is not pipe


def test_lost_receipt_is_written_again_without_an_import(at: Setting) -> None:
    at.transfer()
    os.unlink(at.folder / "node1.receipt.json")
    assert not at.load(check=True).changed and "node1.receipt.json" not in at.files()
    assert not at.load().changed and "node1.receipt.json" in at.files() and at.imports() == 1


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


def test_no_contracts_at_all(at: Setting) -> None:
    at.source.contracts = []
    assert at.export().result["contracts"] == 0
    at.load()
    assert not at.load().changed


# -- refusals before anything is sent ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "error_id", "cause", "remedy"),
    [
        ({"hosted": {OLD_SYNC: []}}, "unknown_parties", "does not host 2 of the parties", "Correct the list"),
        ({"known": [synchronizer("oldsync")]}, "still_connected", "still connected to oldsync", "quiet_timeout"),
        ({"flying": [4]}, "in_flight", "with 4 submissions", "Connect it again"),
        (
            {"contracts": [contract("00x", ALICE, on="third::1220")]},
            "contracts_on_other_synchronizers",
            "1 on third::1220",
            "reassign",
        ),
        (
            {"contracts": [replace(contract("00x", ALICE), incomplete=True)]},
            "incomplete_reassignment",
            "Contract 00x",
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


UNREADY = [
    ({"hosted": {}}, "parties_not_hosted", "does not host 2 of the parties", "participant_party"),
    ({"dar_contents": {}}, "packages_missing", PACKAGE, "participant_package"),
    ({"vetted": {}}, "packages_not_vetted", PACKAGE, "Vet them"),
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


def test_rename_that_is_meant_for_another_synchronizer(at: Setting) -> None:
    at.target.known.append(synchronizer("other", connected=False))
    at.export()
    error = refused(lambda: transfer.ensure_imported(replace(at.task(source=False), target_synchronizer="other")))
    assert error.error_id == "synchronizer_not_renamed" and at.imports() == 0
    assert "another synchronizer than other::" in error.message


@pytest.mark.parametrize("end", ["source", "target"])
def test_snapshot_of_another_pair(at: Setting, end: str) -> None:
    at.export()
    other = f"stranger::1220{'f' * 64}"
    if end == "source":
        at.source.uid = other
        at.source.hosted = {
            OLD_SYNC: [
                replace(item, hosts=(replace(item.hosts[0], participant=other),)) for item in at.source.hosted[OLD_SYNC]
            ]
        }
    else:
        at.target.uid = other
    for call in (at.export, at.transfer, *([at.load, at.verify] if end == "target" else [])):
        error = refused(call)
        assert error.error_id == "snapshot_of_another_pair" and "path of its own" in error.hint
    assert at.imports() == 0


@pytest.mark.parametrize("call", ["load", "verify"])
def test_nothing_was_exported(at: Setting, call: str) -> None:
    error = refused(getattr(at, call))
    assert error.error_id == "snapshot_missing" and "Export first" in error.hint


def test_damaged_snapshot_is_not_sent(at: Setting) -> None:
    at.export()
    path = at.folder / "node1.acs.gz"
    path.write_bytes(path.read_bytes()[:-1])
    assert refused(at.load).error_id == "snapshot_damaged" and at.imports() == 0


def test_export_after_import_of_what_has_changed(at: Setting) -> None:
    at.transfer()
    at.source.contracts.append(contract("00a9", ALICE))
    at.source.end += 1
    error = refused(at.export)
    assert error.error_id == "exported_after_import" and "was imported already" in error.message


@pytest.mark.parametrize("pipe", [True, False])
def test_reported_phases(at: Setting, pipe: bool) -> None:
    told: list[tuple[str, int, int | None]] = []

    def report(phase: str, contracts: int = 0, size: int = 0, total: int | None = None) -> None:
        told.append((phase, contracts, total))

    outcome = transfer.ensure_transferred(replace(at.task(pipe=pipe), report=report))
    shown = outcome.result["transfer"]
    assert isinstance(shown, dict) and shown["contracts"] == 3 and shown["bytes"] == outcome.result["bytes"]
    phases = list(dict.fromkeys(phase for phase, _number, _total in told))
    counting = ["counting the contracts of the source", "exporting", "counting the contracts of the target"]
    if pipe:
        assert phases == [counting[0], counting[2], counting[1], load.AT_WORK]
    else:
        assert phases == [*counting, "checking the snapshot", "importing", load.AT_WORK]
    assert (load.AT_WORK, 3, 3) in told and ("exporting", 3, 3) in told
    assert "transfer" not in transfer.ensure_transferred(at.task(pipe=pipe)).result


def test_speeds_of_a_transfer(at: Setting) -> None:
    at.export()
    at.export()
    at.load()
    runs = json.loads((at.folder / "throughput.json").read_text())["runs"]
    assert [(run["state"], run["contracts"]) for run in runs] == [("exported", 3), ("imported", 3)]


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
