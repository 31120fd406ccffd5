# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbers and digests of contracts."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace

from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, CAROL, NEW_SYNC, OLD_SYNC, contract

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.tally import IdDigest, tally

CONTRACTS = [contract("00a1", ALICE, on=NEW_SYNC), contract("00b1", ALICE, BOB, on=NEW_SYNC)]


def digest(*identifiers: str) -> str:
    found = IdDigest()
    for identifier in identifiers:
        found.add(identifier)
    return found.value


def test_digest_knows_no_order_and_every_id() -> None:
    assert len({digest(*order) for order in itertools.permutations(["a", "b", "c"])}) == 1
    different = [digest(), digest("a"), digest("a", "a"), digest("a", "b"), digest("a", "b", "c"), digest("ab")]
    assert len(set(different)) == len(different)
    assert digest("a") == hashlib.sha256(b"a").hexdigest()


def test_tally() -> None:
    found = tally([*CONTRACTS, contract("00c1", CAROL, package="other")], [ALICE, BOB])
    assert found.contracts == 3
    assert {party: item.contracts for party, item in found.parties.items()} == {ALICE: 2, BOB: 1}
    assert found.synchronizers == {NEW_SYNC: 2, OLD_SYNC: 1} and found.packages == {"pkg-main": 2, "other": 1}


def test_contracts_in_the_middle_of_a_reassignment_are_refused() -> None:
    error = refused(lambda: tally([replace(CONTRACTS[0], incomplete=True)], [ALICE]))
    assert error.error_id == "incomplete_reassignment" and "00a1" in error.message
