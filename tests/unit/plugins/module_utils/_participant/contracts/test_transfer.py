# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Export, import and proof between two participants made of lists."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from unit.plugins.module_utils._participant.support import MOVED, Setting, new_of_canton_2, old_of_canton_2
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, CAROL, NEW, OLD_SYNC, PACKAGE, contract, hosting

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts import load, transfer
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED

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


def test_no_contracts_at_all(at: Setting) -> None:
    at.source.contracts = []
    assert at.export().result["contracts"] == 0
    at.load()
    assert not at.load().changed


# -- refusals before anything is sent ---------------------------------------------------------------------------------


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
        assert error.error_id == "snapshot_of_another_pair" and "its own path" in error.hint
    assert at.imports() == 0


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


@pytest.fixture
def canton_2(tmp_path: Path) -> Setting:
    setting = Setting(tmp_path)
    setting.source = old_of_canton_2()
    setting.target = new_of_canton_2(
        hosted={AUTHORIZED: [hosting(party, NEW) for party in (ALICE, BOB, CAROL)]}, vetted={AUTHORIZED: {PACKAGE}}
    )
    return setting


@pytest.mark.parametrize("pipe", [True, False])
def test_transfer_on_canton_2(canton_2: Setting, pipe: bool) -> None:
    assert canton_2.transfer(pipe=pipe).changed and canton_2.there() == MOVED
    assert canton_2.source.exported_for == 7
    assert not canton_2.transfer(pipe=pipe).changed and canton_2.imports() == 1
    if not pipe:
        canton_2.verify()


def test_a_contract_of_another_domain_is_found_in_the_snapshot(canton_2: Setting) -> None:
    canton_2.source.contracts.append(contract("00a3", ALICE, on="third::1220cc"))
    error = refused(canton_2.export)
    assert error.error_id == "contracts_on_wrong_synchronizer" and canton_2.files() == set()


def test_import_for_parties_that_were_hosted_offline(canton_2: Setting) -> None:
    canton_2.export()
    canton_2.target.hosted = {}
    assert refused(canton_2.load).error_id == "parties_not_hosted"
