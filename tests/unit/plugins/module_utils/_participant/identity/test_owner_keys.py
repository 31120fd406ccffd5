# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The key mapping of a participant, with keys of a KMS that sign it: AWS's, inside the test process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils._kms.aws.support import CONNECTION, aws_in_process, record
from unit.plugins.module_utils._participant.vault import Killed, running, waiting
from unit.plugins.refusals import refused
from unit.plugins.samples import NEW_SYNC, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.identity import owner_keys
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Delegation,
    OwnerKeys,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import fingerprint
from ansible_collections.ledgerops.canton.plugins.modules import participant_key_mapping

OLD = ["1220sequencer_authentication", "1220protocol", "1220encryption"]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsKeys]:
    with aws_in_process(monkeypatch) as keys:
        yield keys


def born(aws: AwsKeys, purpose: str) -> dict[str, Any]:
    """A new key in the KMS, as an item of the option keys; namespace keys are none."""
    spec, usage = ("rsa_2048", "encrypt_decrypt") if purpose == "encryption" else ("ec_p256", "sign_verify")
    return {"kms_key_id": aws.create(spec, usage, "", {}), "fingerprint": None, "purpose": purpose}


def print_of(aws: AwsKeys, item: dict[str, Any]) -> str:
    key = aws.public(item["kms_key_id"])
    assert key is not None and key.public_key_der is not None
    return fingerprint(key.spec, key.public_key_der)


def known(fingerprint: str, purpose: str | None = None) -> dict[str, Any]:
    return {"kms_key_id": None, "fingerprint": fingerprint, "purpose": purpose}


def ensure(node: Any, keys: list[dict[str, Any]], check: bool = False, **params: Any) -> Outcome:
    spec = participant_key_mapping.SPEC
    values = {name: option.get("default") for name, option in spec.items()}
    return participant_key_mapping.ensure(
        {**values, **CONNECTION, "keys": keys, "wait_timeout": 0.0, **params}, node, check
    )


def mapped(node: Any, store: str = AUTHORIZED) -> list[str]:
    return [key.fingerprint for key in node.owner_keys(store, node.uid)]


def own_node(**values: Any) -> Any:
    """A node with its own keys, whose fingerprints are made of their purposes."""
    return running(kms=False, **values)


def test_keys_of_a_kms_come_first_and_sign(aws: AwsKeys) -> None:
    node = own_node()
    items = [born(aws, purpose) for purpose in owner_keys.MAPPED]
    new = [print_of(aws, item) for item in items]
    calls = record(aws)
    predicted = ensure(node, items, check=True)
    assert predicted.changed and node.changes == [] and predicted.result["serial"] is None and "Sign" not in calls
    done = ensure(node, items)
    assert (done.before, done.after) == (predicted.before, predicted.after)
    # senders encrypt for the last encryption key, which stays the one that the node holds
    assert mapped(node) == mapped(node, NEW_SYNC) == [*new, *OLD]
    assert done.result["signed_by"] == sorted(["1220namespace", *new[:2]]), "encryption keys do not sign"
    shown: Any = done.result["mapping"]
    assert [item["kms_key_id"] for item in shown[:4]] == [*(item["kms_key_id"] for item in items), None]
    previous: Any = done.result["previous"]
    assert [item["fingerprint"] for item in previous] == OLD
    assert not done.warnings
    again = ensure(node, items)
    assert not again.changed and node.changes == ["mapping"]
    assert {**done.result, "previous": done.result["mapping"]} == again.result

    cut = ensure(node, items, other_keys="remove")
    assert mapped(node) == new and "does not hold the keys" in cut.warnings[0]
    assert cut.result["signed_by"] == ["1220namespace"]
    back = ensure(node, [known(each) for each in OLD], other_keys="remove")
    assert mapped(node) == OLD and not back.warnings
    assert set(back.result["signed_by"]) == {"1220namespace", *OLD[:2]}  # type: ignore[call-overload]


def test_order_is_compared_and_changed() -> None:
    node = own_node()
    other = [OLD[2], OLD[0], OLD[1]]
    assert ensure(node, [known(each) for each in other]).changed and mapped(node) == other
    assert ensure(node, [known(OLD[1])]).changed and mapped(node) == [OLD[1], OLD[2], OLD[0]]
    assert not ensure(node, [known(OLD[1], "protocol")]).changed


def test_the_namespace_signs_through_the_kms_where_the_node_can_not(aws: AwsKeys) -> None:
    node = own_node()
    namespace = born(aws, "namespace")["kms_key_id"]
    delegate = print_of(aws, {"kms_key_id": namespace})
    node.keys = node.keys[1:]
    protocol = born(aws, "protocol")
    error = refused(lambda: ensure(node, [protocol], check=True))
    assert error.error_id == "namespace_key_missing" and "1220namespace" in error.hint
    error = refused(lambda: ensure(node, [protocol], namespace_kms_key_id=namespace))
    assert error.error_id == "namespace_key_missing" and delegate in error.message and node.changes == []

    root = node.delegated[AUTHORIZED][0].namespace
    node.delegated[AUTHORIZED].append(Delegation(root, delegate, "all_but_namespace_delegations", 1))
    done = ensure(node, [protocol], namespace_kms_key_id=namespace)
    assert set(done.result["signed_by"]) == {print_of(aws, protocol), delegate}  # type: ignore[call-overload]
    # the node signs with a key that it adds itself, and the KMS for the namespace
    generated = node._add("generate", "mine", "signing", ("protocol",), "ec_p256")
    done = ensure(node, [known(generated.fingerprint)], namespace_kms_key_id=namespace)
    assert set(done.result["signed_by"]) == {generated.fingerprint, delegate}  # type: ignore[call-overload]


def test_a_delegation_for_other_mappings_does_not_help(aws: AwsKeys) -> None:
    node = own_node()
    namespace = born(aws, "namespace")["kms_key_id"]
    root = node.delegated[AUTHORIZED][0].namespace
    node.delegated[AUTHORIZED].append(Delegation(root, print_of(aws, {"kms_key_id": namespace}), "specific", 1))
    node.keys = node.keys[1:]
    error = refused(lambda: ensure(node, [born(aws, "protocol")], namespace_kms_key_id=namespace))
    assert error.error_id == "namespace_key_missing"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_and_started_again(aws: AwsKeys, after: bool) -> None:
    node = own_node(dies_after=after)
    items = [born(aws, "protocol")]
    node.dies_at = "mapping"
    with pytest.raises(Killed):
        ensure(node, items)
    node.dies_at = ""
    ensure(node, items)
    assert node.changes == ["mapping"] and mapped(node) == [print_of(aws, items[0]), *OLD]


@pytest.mark.parametrize(
    ("keys", "params", "error_id"),
    [
        ([known(OLD[0]), known(OLD[1])], {"other_keys": "remove"}, "mapping_incomplete"),
        ([], {"other_keys": "remove"}, "mapping_incomplete"),
        ([known(OLD[0]), known(OLD[0])], {}, "keys_invalid"),
        ([known("1220none")], {}, "key_unknown"),
        ([known("1220protocol", "encryption")], {}, "key_purpose_unfit"),
        ([known("1220namespace")], {}, "key_purpose_unfit"),
        ([known("1220foreign")], {}, "key_not_held"),
    ],
)
def test_refusals(keys: list[dict[str, Any]], params: dict[str, Any], error_id: str) -> None:
    node = own_node()
    node.stored = [replace(node.keys[2], fingerprint="1220foreign", name="foreign")]
    error = refused(lambda: ensure(node, keys, check=True, **params))
    assert error.error_id == error_id and error.hint and node.changes == []


def test_keys_of_the_kms_that_do_not_fit(aws: AwsKeys) -> None:
    node = own_node()
    wrong = {**born(aws, "protocol"), "purpose": "encryption"}
    assert refused(lambda: ensure(node, [wrong])).error_id == "key_spec_unfit"
    missing = {**wrong, "kms_key_id": "alias/none"}
    assert refused(lambda: ensure(node, [missing])).error_id == "kms_key_not_found"
    assert refused(lambda: ensure(waiting(), [known(OLD[0])])).error_id == "not_initialized"


def test_a_mapping_that_does_not_show() -> None:
    node = own_node()
    node.ignores = "mapping"
    error = refused(lambda: ensure(node, [known(OLD[1])]))
    assert error.error_id == "mapping_not_effective" and "its own store, newsync" in error.message


class Other:
    """Another participant of the synchronizer: it takes transactions about somebody else's keys, if it is forced to."""

    def __init__(self, node: Any) -> None:
        self.node = node
        self.there: tuple[Any, ...] = tuple(node.owner_keys(AUTHORIZED, node.uid))
        self.serial = 1
        self.forced: list[tuple[str, bool]] = []

    def synchronizers(self) -> list[Any]:
        return [synchronizer("newsync"), synchronizer("elsewhere")]

    def owner_mapping(self, store: str, uid: str) -> OwnerKeys:
        assert (store, uid) == (NEW_SYNC, self.node.uid)
        return OwnerKeys(self.there, self.serial)

    def owner_keys(self, store: str, uid: str) -> list[Any]:
        return list(self.owner_mapping(store, uid).keys)

    def add_transactions(self, store: str, signed: list[bytes], alien_member: bool = False) -> None:
        assert signed == [b"2", b"3"], "every mapping after the one that the synchronizer has"
        self.forced.append((store, alien_member))
        self.there = tuple(self.node.owner_keys(AUTHORIZED, self.node.uid))


def test_another_participant_hands_it_over(monkeypatch: pytest.MonkeyPatch) -> None:
    node = own_node()
    node.known = [synchronizer("newsync", connected=False), synchronizer("third", connected=False)]
    other: Any = Other(node)
    node.signed_owner_keys = lambda _uid: [(1, b"1"), (2, b"2"), (3, b"3")]
    monkeypatch.setattr(participant_key_mapping, "broadcaster_of", lambda _params: other)
    keys = [known(OLD[1])]
    predicted = ensure(node, keys, check=True)
    done = ensure(node, keys)
    assert (predicted.before, predicted.after) == (done.before, done.after) and set(done.after) == {
        AUTHORIZED,
        "newsync",
    }
    assert other.forced == [(NEW_SYNC, True)]
    assert [text for text in done.warnings if "newsync" in text] == [] and "third" in done.warnings[0]
    assert not ensure(node, keys).changed and len(other.forced) == 1
    # its own store has it, the synchronizer not yet: a run that was killed in between is carried on with
    other.there = ()
    resumed = ensure(node, keys)
    assert resumed.changed and node.changes == ["mapping"] and len(other.forced) == 2
