# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

from unit.plugins.module_utils._participant.replication.one_synchronizer import THEIRS, Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, contract


def test_a_shared_contract_is_exported_with_the_first_party_alone(setting: Setting) -> None:
    setting.up_to("exported")
    journal = setting.move().journal
    counts = {party: journal.files(party).read_manifest() for party in (ALICE, BOB)}
    # that with Zoe, whom the target hosts, is there already
    assert {party: found and found.contracts for party, found in counts.items()} == {ALICE: 3, BOB: 1}


def test_a_party_whose_contracts_are_all_shared_has_an_empty_snapshot(setting: Setting) -> None:
    setting.source.contracts.remove(contract("00b1", BOB))
    setting.all()
    found = setting.move().journal.files(BOB).read_manifest()
    assert found is not None and (found.contracts, found.bytes > 0) == (0, True)
    assert setting.ids(setting.target, BOB) == {"00a2"}


def test_a_damaged_snapshot_is_exported_again(setting: Setting) -> None:
    setting.up_to("exported")
    path = Path(setting.move().journal.files(ALICE).data)
    path.write_bytes(path.read_bytes()[:-3])
    assert refused(lambda: setting.run("imported")).error_id == "snapshot_missing"
    assert setting.run("exported").result["exported"] == [ALICE]
    setting.run("imported")


def test_verified_compares_with_the_proof(setting: Setting) -> None:
    assert refused(lambda: setting.run("verified")).error_id == "not_moved"
    setting.all()
    found = setting.run("verified").result
    assert found["contracts"] == len(THEIRS) and len(str(found["digest"])) == 64
    setting.target.contracts.remove(contract("00b1", BOB))
    assert refused(lambda: setting.run("verified")).details["parties"] == [BOB]
