# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof compares the same offset before and after, and the keys in use with those of the KMS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.module_utils._participant.in_place.support import Place
from unit.plugins.refusals import refused
from unit.plugins.samples import NEW_SYNC, contract

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.in_place import proof
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path, encryption="rsa_2048")
    found.migrate()
    return found


def prove(place: Place) -> dict[str, Any]:
    return proof.prove(place.look())


def test_equal_at_the_offset_before_the_switch(place: Place) -> None:
    party = place.node.contracts[0].stakeholders
    place.node.contracts.append(contract("00new", *party, on=NEW_SYNC))
    place.node.end = 12
    found = prove(place)
    assert (found["contracts"], found["offset"], found["ledger_end"], found["users_unchanged"]) == (2, 10, 12, True)
    assert [each["kms_key_id"] for each in found["keys"]] == [f"arn:{each['name']}" for each in found["keys"]]


def test_contracts_are_missing(place: Place) -> None:
    place.node.past[10] = place.node.past[10][:1]
    place.node.contracts = place.node.contracts[:1]
    assert refused(lambda: prove(place)).error_id == "contracts_differ"


def test_an_older_database(place: Place) -> None:
    place.node.end = 9
    assert refused(lambda: prove(place)).error_id == "in_place_ledger_shrunk"


def test_a_party_that_is_hosted_no_longer(place: Place) -> None:
    place.node.hosted = {NEW_SYNC: []}
    assert refused(lambda: prove(place)).error_id == "parties_differ"


def test_without_what_was_recorded(place: Place) -> None:
    found = place.look()
    found.journal = replace(found.journal, events=())
    assert refused(lambda: proof.prove(found)).error_id == "in_place_no_baseline"


@pytest.mark.parametrize("what", ["registration", "mapping", "encryption", "delegation"])
def test_a_key_in_use_that_is_not_the_kms_s(place: Place, what: str) -> None:
    if what == "registration":
        place.node.keys = place.node.keys[:-1]
    elif what == "mapping":
        place.node.mapped[NEW_SYNC] = place.node.mapped[NEW_SYNC][:2]
    elif what == "encryption":
        other = replace(place.node.mapped[AUTHORIZED][-1], fingerprint="1220other")
        place.node.mapped[AUTHORIZED].append(other)
    else:
        place.node.delegated[NEW_SYNC] = place.node.delegated[NEW_SYNC][:1]
    error = refused(lambda: prove(place))
    assert error.error_id == "keys_not_in_kms" and "migrate_in_place" in error.hint
