# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key for each purpose gives way to another, and the mapping tells how far a run got."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils._participant.vault import Killed, running, waiting
from unit.plugins.refusals import refused
from unit.plugins.samples import NEW_SYNC, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED
from ansible_collections.ledgerops.canton.plugins.modules import participant_key_rotation


def rotate(node: Any, purpose: str = "protocol", check: bool = False, **params: Any) -> Outcome:
    nothing = dict.fromkeys(participant_key_rotation.SPEC)
    return participant_key_rotation.ensure({**nothing, "purpose": purpose, "wait_timeout": 0.0, **params}, node, check)


def mapped(node: Any, store: str = AUTHORIZED) -> list[str]:
    return [key.name for key in node.owner_keys(store, node.uid)]


@pytest.mark.parametrize(
    ("kms", "purpose", "params", "name"),
    [
        (True, "protocol", {"kms_key_id": "k2"}, "protocol-k2"),
        (True, "encryption", {"kms_key_id": "k2", "name": "mine"}, "mine"),
        (False, "protocol", {"generate": "ec_p384"}, "node-protocol-ec-p384"),
        (False, "sequencer_authentication", {"generate": "ec_p384"}, "node-sequencer-authentication-ec-p384"),
    ],
)
def test_the_new_key_takes_the_place_of_the_old_one(kms: bool, purpose: str, params: dict[str, Any], name: str) -> None:
    node = running(kms)
    predicted = rotate(node, purpose, check=True, **params)
    assert predicted.changed and node.changes == [] and predicted.result["key"]["fingerprint"] is None  # type: ignore[index]
    done = rotate(node, purpose, **params)
    expected = [each for each in ("sequencer_authentication", "protocol", "encryption") if each != purpose]
    assert mapped(node) == mapped(node, NEW_SYNC) == [*expected, name]
    # the old key goes when every synchronizer has the new one, so the mapping is written twice
    assert node.changes == ["register" if kms else "generate", "mapping", "mapping"]
    assert done.result["replaced"] == predicted.result["replaced"]
    assert not rotate(node, purpose, **params).changed and len(node.changes) == 3


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", ["generate", "mapping"])
def test_killed_and_started_again(call: str, after: bool) -> None:
    node = running(kms=False)
    node.dies_at, node.dies_after = call, after
    with pytest.raises(Killed):
        rotate(node, generate="ec_p384")
    node.dies_at = ""
    rotate(node, generate="ec_p384")
    assert mapped(node) == ["sequencer_authentication", "encryption", "node-protocol-ec-p384"]
    assert node.changes.count("generate") == 1, "the key of the first run is used"


def test_a_key_that_serves_another_purpose_too_stays() -> None:
    node = running(kms=False)
    both = replace(node.keys[2], usage=("sequencer_authentication", "protocol"))
    node.keys = [node.keys[0], both, node.keys[3]]
    node.mapped = {store: [both, node.keys[2]] for store in (AUTHORIZED, NEW_SYNC)}
    error = refused(lambda: rotate(node, generate="ec_p384"))
    assert error.error_id == "key_serves_more" and "for sequencer_authentication too" in error.message
    assert node.changes == []


def test_a_synchronizer_that_is_away_hears_of_it_later() -> None:
    node = running(known=[synchronizer("newsync"), synchronizer("third", connected=False)])
    assert "third is not connected" in rotate(node, kms_key_id="k2").warnings[0]
    assert rotate(node, kms_key_id="k2").warnings == []


@pytest.mark.parametrize(
    ("node", "params", "error_id"),
    [
        (running(), {"generate": "ec_p256"}, "keys_in_kms"),
        (running(), {"generate": "rsa_2048"}, "key_spec_unfit"),
        (running(), {"kms_key_id": "kms-encryption"}, "registered_otherwise"),
        (waiting(), {"kms_key_id": "k2"}, "not_initialized"),
    ],
)
def test_refusals(node: Any, params: dict[str, Any], error_id: str) -> None:
    assert refused(lambda: rotate(node, **params)).error_id == error_id
    assert node.changes == []


def test_a_mapping_that_does_not_show_leaves_the_old_key_in_force() -> None:
    node = running()
    node.ignores = "mapping"
    error = refused(lambda: rotate(node, kms_key_id="k2"))
    assert error.error_id == "mapping_not_effective" and "its own store, newsync" in error.message
    assert mapped(node) == ["sequencer_authentication", "protocol", "encryption"]
