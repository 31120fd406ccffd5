# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An identity for a node that waits for one: new, or that of another node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from unit.plugins.module_utils._participant.vault import Killed, running, waiting
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, Unreachable
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.identity import initialisation
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import PURPOSES
from ansible_collections.ledgerops.canton.plugins.modules import participant_identity

KEYS: list[dict[str, Any]] = [
    {"purpose": purpose, "fingerprint": None, "kms_key_id": f"new-{purpose}", "name": None} for purpose in PURPOSES
]
STEPS = ["register"] * 4 + ["id", "certificate", "mapping"]
UID = "p1::1220new-namespace"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initialisation, "SHOWN_SECONDS", 0.0)


def initialize(node: Any, check: bool = False, **params: Any) -> Outcome:
    nothing = dict.fromkeys(participant_identity.SPEC)
    given = {"state": "initialized", "keys": KEYS, "identifier": "p1", "wait_timeout": 0.0, **params}
    return participant_identity.ensure({**nothing, **given}, node, check)


# -- a new identity ---------------------------------------------------------------------------------------------------


def test_a_new_identity() -> None:
    node = waiting()
    predicted = initialize(node, check=True)
    assert predicted.changed and node.changes == []
    done = initialize(node)
    assert node.changes == STEPS
    assert done.result == {"uid": UID, "keys": {purpose: f"1220new-{purpose}" for purpose in PURPOSES}}
    assert [(key.name, key.kms_key_id) for key in node.keys] == [
        (f"p1-{purpose.replace('_', '-')}", f"new-{purpose}") for purpose in PURPOSES
    ]
    assert not initialize(node).changed and node.changes == STEPS


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", ["register", "id", "certificate", "mapping"])
def test_killed_and_started_again(call: str, after: bool) -> None:
    node = waiting(dies_at=call, dies_after=after)
    with pytest.raises(Killed):
        initialize(node)
    node.dies_at = ""
    assert initialize(node).result["uid"] == UID and node.changes == STEPS


def test_a_slow_node_is_waited_for_after_it_got_its_id() -> None:
    node = waiting(slow_reads=2)
    assert initialize(node, wait_timeout=5.0).result["uid"] == UID and node.changes == STEPS
    slow = waiting(slow_reads=2)
    error = refused(lambda: initialize(slow))
    assert error.error_id == "not_initialized" and "offers no topology services after 0 seconds" in error.message
    assert slow.changes == STEPS[:5], "nothing is sent that it would not take"
    assert initialize(slow, wait_timeout=5.0).changed and slow.changes == STEPS


@pytest.mark.parametrize(
    ("identifier", "change", "error_id"),
    [
        ("a::b", {}, "identifier_invalid"),
        ("", {}, "identifier_invalid"),
        ("x" * 186, {}, "identifier_invalid"),
        ("p", {"purpose": "protocol"}, "keys_invalid"),
        ("p", {"purpose": None}, "keys_invalid"),
        ("p", {"kms_key_id": "a" * 301}, "keys_invalid"),
        ("p", {"kms_key_id": ""}, "keys_invalid"),
        ("p", {"kms_key_id": "new-protocol"}, "keys_invalid"),
    ],
)
def test_what_cannot_be_asked(identifier: str, change: dict[str, Any], error_id: str) -> None:
    node = waiting()
    error = refused(lambda: initialize(node, identifier=identifier, keys=[{**KEYS[0], **change}, *KEYS[1:]]))
    assert error.error_id == error_id and node.changes == []


@pytest.mark.parametrize(
    ("node", "error_id", "text"),
    [
        (running(), "other_identity", "node::1220kms-namespace"),
        (waiting(waits_for="initialization"), "not_waiting", "waits for initialization"),
        (waiting(refuses={"register": CantonError("redacted", "redacted")}), "kms_key_refused", "new-namespace"),
        (waiting(refuses={"register": Unreachable("gone")}), "unreachable", "gone"),
        (waiting(ignores="register"), "kms_key_not_listed", "does not list it"),
        (waiting(ignores="id"), "other_identity", "has the identity none"),
        (waiting(ignores="certificate"), "topology_not_effective", "root certificate"),
        (waiting(ignores="mapping"), "topology_not_effective", "key mapping"),
    ],
)
def test_refusals(node: Any, error_id: str, text: str) -> None:
    error = refused(lambda: initialize(node))
    assert error.error_id == error_id and text in error.message


def test_other_keys_than_the_ones_it_is_initialised_with() -> None:
    node = waiting()
    initialize(node)
    other = [*KEYS[:2], {**KEYS[2], "kms_key_id": "another"}, KEYS[3]]
    error = refused(lambda: initialize(node, keys=other))
    assert error.error_id == "other_keys" and "participant_key_rotation" in error.hint


def test_a_key_that_is_registered_for_something_else() -> None:
    node = waiting()
    node.register_kms_signing_key("new-namespace", "mine", ["protocol"])
    error = refused(lambda: initialize(node))
    assert error.error_id == "registered_otherwise" and "'mine' for protocol" in error.message


# -- the identity of another node -------------------------------------------------------------------------------------


def taken_over(old: Any) -> list[dict[str, Any]]:
    """KMS keys that are the old node's: the vault computes a fingerprint from the id."""
    return [{"fingerprint": key.fingerprint, "kms_key_id": key.fingerprint[4:]} for key in old.keys]


def recorded(tmp_path: Path, old: Any) -> str:
    path = str(tmp_path / "old.identity.json")
    initialize(old, state="recorded", identity_file=path)
    return path


def test_the_identity_of_another_node(tmp_path: Path) -> None:
    old, heir = running(kms=False), waiting()
    path = recorded(tmp_path, old)
    arguments: dict[str, Any] = {"identifier": None, "identity_file": path, "keys": taken_over(old)[::-1]}
    assert initialize(heir, check=True, **arguments).result["uid"] == old.uid and heir.changes == []
    assert initialize(heir, **arguments).result["uid"] == heir.uid == old.uid
    assert heir.changes == ["register"] * 4 + ["id", "load"]
    # in Canton's order, with the names and usages that the old node has
    assert [(key.name, key.usage) for key in heir.keys] == [(key.name, key.usage) for key in old.keys]
    assert not initialize(heir, **arguments).changed


def test_kms_keys_that_are_not_the_old_ones(tmp_path: Path) -> None:
    old, heir = running(kms=False), waiting()
    arguments: dict[str, Any] = {"identifier": None, "identity_file": recorded(tmp_path, old)}
    other = [{**item, "kms_key_id": f"other-{number}"} for number, item in enumerate(taken_over(old))]
    error = refused(lambda: initialize(heir, keys=other, **arguments))
    assert error.error_id == "other_key" and "The node got no identity" in error.hint and heir.uid == ""
    error = refused(lambda: initialize(heir, keys=other[:3], **arguments))
    assert error.error_id == "keys_invalid" and other[3]["fingerprint"] in error.message


@pytest.mark.parametrize("held", [0, 2])
def test_a_node_that_lacks_keys_of_its_mapping_cannot_be_recorded(tmp_path: Path, held: int) -> None:
    old = running(kms=False)
    old.keys = old.keys[:held]
    error = refused(lambda: recorded(tmp_path, old))
    assert error.error_id == "mapped_key_missing" and not list(tmp_path.iterdir())
    missing: Any = error.details["fingerprints"]
    assert len(missing) == 4 - max(held, 1)
