# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys born in the KMS take over from those of a default node: delegation, mapping, and what a node can't do without keys."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
from networks import MakeNetwork, playing
from sandbox_tests import canton_3
from sandbox_tests.in_place import (
    EFFECT_SECONDS,
    PURPOSES,
    TOPOLOGY,
    USAGES,
    Node,
    cut,
    fingerprint,
    newest,
    prepared,
    signed_by_new,
    switched,
)

from sandbox.cli import live
from sandbox.v30.requests import AUTHORIZED, VAULT, WRITE, change, delegation, host, hosting, namespace, on

NO_KEY = "Could not find an appropriate signing key to issue the topology transaction"


@pytest.fixture
def old(make_short_network: MakeNetwork, line: str) -> Node:
    return Node(make_short_network(playing(TOPOLOGY, line)), "old")


def one(node: Node) -> dict[str, Any]:
    """The store of the synchronizer."""
    return on(node.network.info()["synchronizers"]["one"]["id"])


def party(node: Node, name: str) -> dict[str, Any]:
    return hosting(f"{name}::{namespace(node.uid)}", host(node.uid))


def generated(node: Node) -> list[dict[str, Any]]:
    """New keys of the node's own for authentication, signing and encryption."""
    own: list[dict[str, Any]] = []
    for purpose in ("authentication", "signing"):
        wanted: dict[str, Any] = {"name": f"own-{purpose}", "usage": [USAGES[purpose]]}
        own.append({"signing_public_key": node.admin(f"{VAULT}/GenerateSigningKey", wanted)["public_key"]})
    made = node.admin(f"{VAULT}/GenerateEncryptionKey", {"name": "own-encryption"})
    return [*own, {"encryption_public_key": made["public_key"]}]


def test_a_default_node_goes_onto_keys_born_in_the_kms(old: Node) -> None:
    keys = prepared(old)
    assert [fingerprint(key) for key in old.mapping(one(old))[:3]] == [keys[each].fingerprint for each in PURPOSES]
    assert "success" in old.ping(), "it goes on with its old keys"
    with old.open() as client:
        before = canton_3.active_ids(client)
    live.create(old.network.state, "old", ["Alice"])
    cut(old, keys)
    assert old.mapping(one(old)) == [keys[purpose].public for purpose in PURPOSES]
    switched(old, keys)
    assert "success" in old.ping()
    made = live.create(old.network.state, "old", ["Alice"])
    with old.open() as client:
        assert set(canton_3.active_ids(client)) > {*before, *made}
    assert old.network.delete_private_keys("old") == 4
    old.restart()
    old.connect()
    answer = old.authorize(party(old, "Bob"))["transaction"]
    assert [each["signed_by"] for each in answer["signatures"]] == [keys["namespace"].fingerprint]
    assert live.create(old.network.state, "old", ["Bob"])


def test_new_signing_keys_prove_their_possession(old: Node) -> None:
    keys = {purpose: old.born(purpose) for purpose in ("namespace", *PURPOSES)}
    mapping = old.owner_mapping([*(keys[purpose].public for purpose in PURPOSES), *old.mapping(AUTHORIZED)])
    made = old.generated(mapping)
    good = signed_by_new(old, keys, made)
    before = old.mapping(AUTHORIZED)
    foreign = old.signature(keys["namespace"].key_id, keys["signing"].fingerprint, made["transaction_hash"])
    digest = base64.b64encode(b"another text of just 34 bytes here").decode()
    other_text = old.signature(keys["signing"].key_id, keys["signing"].fingerprint, digest)
    as_concat = {**good[1], "format": "SIGNATURE_FORMAT_CONCAT"}
    for signatures in (good[:1], [good[0], foreign], [good[0], other_text], [good[0], as_concat]):
        signed = old.cosigned(made, signatures)
        error = old.refused(f"{WRITE}/AddTransactions", {"transactions": [signed], "store": AUTHORIZED})
        assert error.code == "INVALID_ARGUMENT", signatures
    only_new = {"transaction": made["serialized_transaction"], "signatures": good}
    error = old.refused(f"{WRITE}/AddTransactions", {"transactions": [only_new], "store": AUTHORIZED})
    assert error.code == "INVALID_ARGUMENT"
    assert old.mapping(AUTHORIZED) == before
    error = old.refused(f"{WRITE}/Authorize", change(mapping, AUTHORIZED))
    assert error.code == "INVALID_ARGUMENT", "the node has no private key of the new ones"
    old.add(old.cosigned(made, good))
    assert len(old.mapping(one(old))) == 6


@newest
def test_without_keys_in_force_a_node_reads_and_sends_nothing(old: Node) -> None:
    keys = prepared(old)
    cut(old, keys)
    old.disconnect()
    old.restart()
    old.connect()
    with old.open() as client:
        assert len(canton_3.active_ids(client)) == 3
    assert "KeyNotAvailable" in old.ping()["failure"]["reason"]
    with pytest.raises(live.Refused, match="KeyNotAvailable: no authentication signing key of PAR::old::"):
        live.create(old.network.state, "old", ["Alice"])
    late = change(party(old, "Bob"), one(old), wait_to_become_effective="1s")
    assert old.refused(f"{WRITE}/Authorize", late).reason == "REQUEST_TIME_OUT"
    assert "transaction" in old.admin(f"{WRITE}/Authorize", change(party(old, "Eve"), AUTHORIZED))
    with pytest.raises(live.Refused, match="0 parties on the synchronizer are named Eve"):
        live.create(old.network.state, "peer", ["Carol"], ["Eve"])
    switched(old, keys)
    assert "success" in old.ping()
    assert live.create(old.network.state, "old", ["Eve"]), "what lay in its own store has come"
    with pytest.raises(live.Refused, match="are named Bob"):
        live.create(old.network.state, "old", ["Bob"])


@newest
def test_who_can_not_sign_confirms_nothing(old: Node) -> None:
    keys = prepared(old)
    cut(old, keys)
    old.disconnect()
    old.restart()
    old.connect()
    alice = f"Alice::{namespace(old.uid)}"
    with pytest.raises(live.Refused, match="confirm for Alice"):
        live.create(old.network.state, "peer", ["Carol", alice])


@newest
def test_a_disabled_signing_key_sends_nothing(old: Node) -> None:
    keys = prepared(old)
    cut(old, keys)
    switched(old, keys)
    assert "success" in old.ping()
    old.kms.disable_key(KeyId=keys["signing"].key_id)
    assert "Could not sign" in old.ping()["failure"]["reason"]
    with pytest.raises(live.Refused, match="Could not sign"):
        live.create(old.network.state, "old", ["Alice"])
    old.kms.enable_key(KeyId=keys["signing"].key_id)
    assert "success" in old.ping()


@newest
def test_the_latest_key_that_it_holds_signs(old: Node) -> None:
    keys = prepared(old)
    mapping = old.mapping(AUTHORIZED)
    old.authorize(old.owner_mapping([*mapping[3:], *mapping[:3]]))
    switched(old, keys)
    assert "success" in old.ping()
    # its old signing key would be the latest one after a change of the order, but it holds none
    old.kms.disable_key(KeyId=keys["signing"].key_id)
    assert "Could not sign" in old.ping()["failure"]["reason"]


@newest
@pytest.mark.parametrize("restriction", ["can_sign_all_but_namespace_delegations", "can_sign_all_mappings"])
def test_namespace_changes_need_a_key_that_is_there(old: Node, restriction: str) -> None:
    keys = prepared(old, restriction)
    cut(old, keys)
    switched(old, {purpose: keys[purpose] for purpose in PURPOSES})
    for mapping in (party(old, "Bob"), old.owner_mapping(old.mapping(AUTHORIZED)[1:])):
        error = old.refused(f"{WRITE}/Authorize", change(mapping, AUTHORIZED))
        assert (error.reason, NO_KEY in error.text) == ("TOPOLOGY_NO_APPROPRIATE_SIGNING_KEY_IN_STORE", True)
    old.register("namespace", keys["namespace"].key_id, keys["namespace"].name)
    old.authorize(party(old, "Bob"))
    second = delegation(namespace(old.uid), old.born("namespace").public["signing_public_key"], restriction)
    request = change(second, AUTHORIZED)
    if restriction == "can_sign_all_mappings":
        answer = old.admin(f"{WRITE}/Authorize", request)
        assert [each["signed_by"] for each in answer["transaction"]["signatures"]] == [keys["namespace"].fingerprint]
    else:
        assert NO_KEY in old.refused(f"{WRITE}/Authorize", request).text


@newest
def test_the_way_back_to_own_keys_by_another_participant(old: Node) -> None:
    """Section D: the mapping is signed on the node that is offline, and another participant broadcasts it."""
    keys = prepared(old)
    cut(old, keys)
    switched(old, keys)
    made_before = live.create(old.network.state, "old", ["Alice"], ["Carol"])
    old.network.delete_private_keys("old")
    old.disconnect()
    old.restart(crypto="jce")
    assert old.own_keys() == []
    own = generated(old)
    mapping = old.owner_mapping(own)
    assert old.refused(f"{WRITE}/Authorize", change(mapping, AUTHORIZED)).code == "INVALID_ARGUMENT"
    made = old.generated(mapping)
    root = old.signature(keys["namespace"].key_id, keys["namespace"].fingerprint, made["transaction_hash"])
    signed = old.cosigned(made, [root])
    assert len(signed["signatures"]) == 3
    old.add(signed)
    assert old.mapping(AUTHORIZED) == own
    old.connect()
    assert old.mapping(one(old)) == [keys[purpose].public for purpose in PURPOSES]
    assert "KeyNotAvailable" in old.ping()["failure"]["reason"]
    peer = Node(old.network, "peer")
    request: dict[str, Any] = {"transactions": [signed], "store": one(old)}
    error = peer.refused(f"{WRITE}/AddTransactions", request)
    assert error.reason == "TOPOLOGY_DANGEROUS_COMMAND_REQUIRES_FORCE_ALIEN_MEMBER"
    peer.add(signed, one(old), force_changes=["FORCE_FLAG_ALIEN_MEMBER"])
    assert old.mapping(one(old)) == own
    assert "success" in old.ping()
    assert live.create(old.network.state, "old", ["Alice"])
    with old.open() as client:
        assert set(made_before) < set(canton_3.active_ids(client))
    assert NO_KEY in old.refused(f"{WRITE}/Authorize", change(party(old, "Bob"), AUTHORIZED)).text


@newest
def test_the_way_back_with_three_starts(old: Node) -> None:
    """The same without another participant: the new keys are made under jce, the mapping is sent under kms."""
    keys = prepared(old)
    cut(old, keys)
    switched(old, keys)
    old.network.delete_private_keys("old")
    old.disconnect()
    old.restart(crypto="jce")
    own = generated(old)
    made = old.generated(old.owner_mapping(own))
    root = old.signature(keys["namespace"].key_id, keys["namespace"].fingerprint, made["transaction_hash"])
    old.add(old.cosigned(made, [root]))
    old.restart(crypto="kms")
    old.connect()
    time.sleep(EFFECT_SECONDS)
    assert old.mapping(one(old)) == own
    old.disconnect()
    old.restart(crypto="jce")
    old.connect()
    assert "success" in old.ping()


@newest
def test_from_one_kms_to_another(old: Node) -> None:
    """Section E: the second namespace key is delegated by the first one, without the root key."""
    first = prepared(old, "can_sign_all_mappings")
    cut(old, first)
    switched(old, first)
    old.network.delete_private_keys("old")
    there = old.in_region("us-east-1")
    second = {purpose: there.born(purpose, f"second-{purpose}") for purpose in ("namespace", *PURPOSES)}
    signed = old.delegate(second["namespace"].public, "can_sign_all_mappings")["transaction"]
    assert [each["signed_by"] for each in signed["signatures"]] == [first["namespace"].fingerprint]
    made = old.generated(old.owner_mapping([second[each].public for each in PURPOSES] + old.mapping(AUTHORIZED)))
    old.add(old.cosigned(made, signed_by_new(there, second, made)))
    cut(old, second)
    old.disconnect()
    old.restart(kms_region="us-east-1")
    assert len(old.own_keys()) == 4, "the ids of the first KMS stay listed"
    for key in second.values():
        old.register(key.purpose, key.key_id, key.name)
    old.connect()
    assert "success" in old.ping()
    answer = old.authorize(party(old, "Bob"))["transaction"]
    assert [each["signed_by"] for each in answer["signatures"]] == [second["namespace"].fingerprint]


@newest
def test_offline_topology_comes_with_the_next_connect(old: Node) -> None:
    old.disconnect()
    old.authorize(party(old, "Bob"))
    with pytest.raises(live.Refused, match="are named Bob"):
        live.create(old.network.state, "peer", ["Carol"], ["Bob"])
    old.connect()
    time.sleep(EFFECT_SECONDS)
    assert live.create(old.network.state, "old", ["Bob"])
