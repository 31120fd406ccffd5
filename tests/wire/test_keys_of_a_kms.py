# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running node of Canton 3 gets keys of a KMS: its namespace is delegated to one, its key mapping takes over others, which sign
through the KMS, and a node on a KMS registers them. The nodes check every signature."""

from __future__ import annotations

import base64
from types import ModuleType
from typing import Any

import pytest
from wire.stage import ALL, MAPPED, Stage, item

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED
from ansible_collections.ledgerops.canton.plugins.modules import (
    kms_key,
    participant_key_mapping,
    participant_key_rotation,
    participant_kms_delegation,
    participant_kms_key,
)
from sandbox.kms.gcp.server import served as gcp_served
from sandbox.v30.requests import VAULT
from sandbox.wire import client

BUT = "can_sign_all_but_namespace_delegations"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def topology(line: str) -> dict[str, Any]:
    connected = {"release": line, "connections": [{"synchronizer": "one"}]}
    names = ("born", "peer", "google", "dependent")
    return {
        "synchronizers": {"one": {"protocol_version": 35 if line == "3.5" else 34}},
        "participants": {
            **{name: dict(connected) for name in names},
            "on-kms": {**connected, "crypto": "kms"},
            "canton-2": {"release": "2.10"},
        },
    }


@pytest.fixture(scope="module", params=["3.5", "3.4"])
def stage(request: Any, make_network: Any) -> Stage:
    return Stage(make_network(topology(request.param)))


def refusal(act: Any, *arguments: Any, **named: Any) -> CantonError:
    with pytest.raises(CantonError) as caught:
        act(*arguments, **named)
    assert caught.value.hint
    return caught.value


def test_a_node_with_its_own_keys_gets_those_of_a_kms(stage: Stage) -> None:
    node = stage.participant("born")
    root = node.identity().namespace
    old = stage.mapped("born")

    # 1. the namespace, to a key that no node holds
    namespace = stage.key("namespace")
    done = stage.thrice(participant_kms_delegation, "born", kms_key_id=namespace)
    delegate = str(done.result["target_key"])
    assert done.result["delegation"] == {AUTHORIZED: BUT, "one": BUT}
    listed = stage.participant("peer").delegations(stage.store, root)
    assert {each.target: each.restriction for each in listed} == {
        root: "all",
        delegate: "all_but_namespace_delegations",
    }

    # 2. the mapping, new keys first; they sign through the KMS
    arns = {purpose: stage.key(purpose) for purpose in MAPPED}
    keys = [item(arn, purpose=purpose) for purpose, arn in arns.items()]
    done = stage.thrice(participant_key_mapping, "born", keys=keys)
    mapping: Any = done.result["mapping"]
    new = [each["fingerprint"] for each in mapping[:3]]
    assert [each["kms_key_id"] for each in mapping] == [*arns.values(), None, None, None]
    assert stage.mapped("born") == stage.mapped("born", stage.store, "peer") == [*new, *old]
    assert done.result["signed_by"] == sorted([root, *new[:2]]) and done.result["serial"] == 2

    # 3. without the root key the namespace signs through the KMS
    stage.delete("born", root)
    cut = {"keys": [item(fingerprint=each) for each in new], "other_keys": "remove"}
    error = refusal(stage.run, participant_key_mapping, "born", **cut)
    assert error.error_id == "namespace_key_missing" and delegate in error.hint and stage.mapped("born") == [*new, *old]
    done = stage.thrice(participant_key_mapping, "born", **cut, namespace_kms_key_id=namespace)
    assert stage.mapped("born", stage.store, "peer") == new and done.result["signed_by"] == [delegate]
    assert "does not hold" in done.warnings[0]
    # which cannot delegate further
    error = refusal(stage.run, participant_kms_delegation, "born", kms_key_id=stage.key("namespace"))
    assert error.error_id == "namespace_key_missing" and root in error.hint


def test_another_participant_hands_over_what_the_node_can_not_send(stage: Stage) -> None:
    node = stage.participant("dependent")
    root = node.identity().namespace
    namespace = stage.key("namespace")
    done = stage.run(participant_kms_delegation, "dependent", kms_key_id=namespace, restriction=ALL)
    delegate = done.result["target_key"]
    node.disconnect("one")
    stage.delete("dependent", root)
    fresh = [
        node.generate_signing_key("a", "ec_p256", ["sequencer_authentication"]),
        node.generate_signing_key("p", "ec_p256", ["protocol"]),
        node.generate_encryption_key("e", "rsa_2048"),
    ]
    prints = [key.fingerprint for key in fresh]
    before = stage.mapped("dependent")
    asked: dict[str, Any] = {
        "keys": [item(fingerprint=each) for each in prints],
        "other_keys": "remove",
        "namespace_kms_key_id": namespace,
    }
    # its own store takes it, the synchronizer does not hear of it
    done = stage.thrice(participant_key_mapping, "dependent", **asked)
    assert "one is not connected" in done.warnings[0]
    assert done.result["signed_by"] == sorted([*prints[:2], delegate])
    assert stage.mapped("dependent", stage.store, "peer") == before
    done = stage.thrice(participant_key_mapping, "dependent", **asked, broadcast_by=stage.options("peer"))
    assert not done.warnings and set(done.after) == {AUTHORIZED, "one"}
    assert stage.mapped("dependent", stage.store, "peer") == prints
    node.connect("one")
    assert stage.mapped("dependent", stage.store) == prints
    # a key that may delegate delegates to the next one, once the node holds it; this one does not
    assert refusal(stage.run, participant_kms_delegation, "dependent", kms_key_id=stage.key("namespace")).error_id == (
        "namespace_key_missing"
    )


def test_keys_of_gcp_sign(stage: Stage) -> None:
    """Ed25519 too, which needs another format."""
    with gcp_served() as (service, url):
        place = {"provider": "gcp", "project": "p-1", "location": "europe-west3", "key_ring": "canton"}
        service.rings.add("projects/p-1/locations/europe-west3/keyRings/canton")
        options = {**place, "endpoint_url": url}
        specs = {"sequencer_authentication": "ec_p384", "protocol": "ec_curve25519", "encryption": "rsa_2048"}
        for purpose, spec in {**specs, "namespace": "ec_curve25519"}.items():
            values = {name: option.get("default") for name, option in kms_key.SPEC.items()}
            kms_key.ensure({**values, **options, "name": purpose, "purpose": purpose, "spec": spec}, False)
        stage.thrice(participant_kms_delegation, "google", kms=False, kms_key_id="namespace", **options)
        keys = [item(purpose, purpose=purpose) for purpose in specs]
        done = stage.thrice(participant_key_mapping, "google", kms=False, keys=keys, **options)
        mapping: Any = done.result["mapping"]
        assert [each["kms_key_id"] for each in mapping[:3]] == list(specs)
        signers: Any = done.result["signed_by"]
        assert {each["fingerprint"] for each in mapping[:2]} < set(signers)
        service.faults.denied.add("cryptoKeyVersions.useToSign")
        service.faults.denied.add("cryptoKeyVersions.viewPublicKey")
        error = refusal(stage.run, participant_key_mapping, "google", kms=False, keys=keys, **options)
        assert "viewPublicKey" in error.message


def test_what_the_kms_refuses_is_never_sent(stage: Stage) -> None:
    protocol = stage.key("protocol")
    before = stage.mapped("peer")
    stage.network.set("kms", "denied", ["Sign"])
    error = refusal(stage.run, participant_key_mapping, "peer", keys=[item(protocol, purpose="protocol")])
    assert "kms:Sign" in error.hint
    stage.network.set("kms", "denied", None)
    stage.network.set("kms", "wrong_public_key", True)
    error = refusal(stage.run, participant_key_mapping, "peer", keys=[item(protocol, purpose="protocol")])
    assert error.error_id == "signature_invalid"
    stage.network.set("kms", "wrong_public_key", False)
    stage.kms.disable_key(KeyId=protocol)
    error = refusal(stage.run, participant_key_mapping, "peer", keys=[item(protocol, purpose="protocol")])
    assert error.error_id == "kms_key_not_enabled"
    error = refusal(stage.run, participant_key_mapping, "peer", keys=[item(UNKNOWN_ID, purpose="protocol")])
    assert error.error_id == "kms_key_not_found" and stage.mapped("peer") == before


def test_a_delegation_is_taken_back_for_good(stage: Stage) -> None:
    arn = stage.key("namespace")
    stage.thrice(participant_kms_delegation, "peer", kms_key_id=arn)
    stage.thrice(participant_kms_delegation, "peer", kms_key_id=arn, restriction=ALL)
    asked = {"kms_key_id": arn, "state": "absent", "give_up_key": True}
    done = stage.thrice(participant_kms_delegation, "peer", **asked)
    assert done.result["delegation"] == {AUTHORIZED: None, "one": None} and "final" in done.warnings[0]
    error = refusal(stage.run, participant_kms_delegation, "peer", kms_key_id=arn)
    assert error.error_id == "delegation_was_removed"


def test_a_key_is_registered_on_a_running_node(stage: Stage) -> None:
    node = stage.participant("on-kms")
    protocol, alias = stage.key("protocol"), "alias/second-name"
    stage.kms.create_alias(AliasName=alias, TargetKeyId=protocol)
    peers = stage.participant("born")
    public = peers.public_key("ec_p256", bytes(stage.kms.get_public_key(KeyId=protocol)["PublicKey"]), "protocol")
    with client.participants(stage.network.info()) as nodes:
        raw = base64.b64encode(public.public_key).decode()
        nodes["on-kms"].admin(f"{VAULT}/ImportPublicKey", {"public_key": raw, "name": "as it is stored"})
    error = refusal(stage.run, participant_kms_key, "on-kms", kms=False, kms_key_id=protocol, purpose="protocol")
    assert error.error_id == "stored_otherwise"
    error = refusal(
        stage.run, participant_kms_key, "on-kms", kms_key_id=protocol, purpose="protocol", expected_fingerprint="1220ab"
    )
    assert error.error_id == "other_key"
    done = stage.thrice(
        participant_kms_key, "on-kms", kms_key_id=protocol, purpose="protocol", expected_fingerprint=public.fingerprint
    )
    assert done.result["key"] == {
        "fingerprint": public.fingerprint,
        "kms_key_id": protocol,
        "name": "as it is stored",
        "purpose": "protocol",
    }
    error = refusal(stage.run, participant_kms_key, "on-kms", kms_key_id=alias, purpose="protocol")
    assert error.error_id == "registered_with_other_id" and protocol in error.message
    assert [key.kms_key_id for key in node.own_keys() if key.fingerprint == public.fingerprint] == [protocol]

    # held by the node, it signs by itself
    done = stage.thrice(participant_key_mapping, "on-kms", kms=False, keys=[item(fingerprint=public.fingerprint)])
    assert public.fingerprint in done.result["signed_by"]  # type: ignore[operator]
    encryption = stage.key("encryption")
    stage.thrice(participant_kms_key, "on-kms", kms_key_id=encryption, purpose="encryption")
    done = stage.run(participant_key_rotation, "on-kms", kms=False, purpose="encryption", kms_key_id=encryption)
    assert done.changed


def test_a_node_without_a_kms_registers_nothing(stage: Stage) -> None:
    error = refusal(stage.run, participant_kms_key, "peer", kms_key_id=stage.key("protocol"), purpose="protocol")
    assert error.error_id == "kms_key_refused" and "crypto.provider = kms" in error.hint


@pytest.mark.parametrize(
    ("module", "params"),
    [
        (participant_kms_key, {"kms_key_id": "a", "purpose": "protocol"}),
        (participant_key_mapping, {"keys": []}),
        (participant_kms_delegation, {"kms_key_id": "a"}),
    ],
)
def test_canton_2_is_refused(stage: Stage, module: ModuleType, params: dict[str, Any]) -> None:
    assert refusal(stage.run, module, "canton-2", **params).error_id == "canton_2"
