# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys in the node's own store and in the KMS; nodes that wait for their identity."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from google.protobuf import json_format
from networks import kms_client, playing

from sandbox.kms.facts import DUMMY_CREDENTIALS, POWERLESS_ACCESS_KEY_ID
from sandbox.v30.requests import (
    AUTHORIZED,
    IDENTITY,
    READ,
    STATUS,
    VAULT,
    WRITE,
    change,
    delegation,
    host,
    hosting,
    namespace,
    on,
    query,
)
from sandbox.wire import client, crypto, definitions
from sandbox.wire.client import CallFailed, Participant
from sandbox.wire.release import release

TOPOLOGY = {
    "synchronizers": {"new": {}},
    "participants": {
        "target": {"crypto": "kms", "connections": [{"synchronizer": "new"}]},
        "manual": {"crypto": "kms", "identity": "manual", "connections": [{"synchronizer": "new"}]},
        "plain": {"preview_commands": True},
        "curve": {"key_spec": "ec_p256", "preview_commands": True},
    },
}
MESSAGES = definitions.messages(release("3.5"))
REDACTED = "An error occurred. Please contact the operator and inquire about the request"
USAGES = {
    "namespace": "SIGNING_KEY_USAGE_NAMESPACE",
    "sequencer": "SIGNING_KEY_USAGE_SEQUENCER_AUTHENTICATION",
    "protocol": "SIGNING_KEY_USAGE_PROTOCOL",
}
Clients = dict[str, Participant]


@pytest.fixture(scope="module")
def network(make_network: Any, line: str) -> Any:
    return make_network(playing(TOPOLOGY, line))


@pytest.fixture(scope="module")
def nodes(network: Any) -> Iterator[Clients]:
    with client.participants(network.info()) as clients:
        yield clients


@pytest.fixture(scope="module")
def kms(network: Any) -> Any:
    return kms_client(network, DUMMY_CREDENTIALS["aws_access_key_id"])


def refused(node: Participant, rpc: str, request: Any = None) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        node.admin(rpc, request)
    return caught.value


def keys(node: Participant, **filters: Any) -> list[dict[str, Any]]:
    return list(node.admin(f"{VAULT}/ListMyKeys", {"filters": filters}).get("private_keys_metadata", []))


def fingerprint(entry: dict[str, Any]) -> str:
    return crypto.fingerprint(public_key(entry))


def public_key(entry: dict[str, Any]) -> Any:
    return json_format.ParseDict(entry["public_key_with_name"]["public_key"], MESSAGES.cls("crypto.v30.PublicKey")())


def test_keys_of_a_kms_node_are_in_the_kms(nodes: Clients, kms: Any) -> None:
    listed = keys(nodes["target"])
    assert [one["public_key_with_name"]["name"] for one in listed] == [
        "target-namespace",
        "target-sequencer-auth",
        "target-signing",
        "target-encryption",
    ]
    assert namespace(nodes["target"].uid) == fingerprint(listed[0])
    for one in listed:
        ours = next(iter(one["public_key_with_name"]["public_key"].values()))["public_key"]
        assert kms.get_public_key(KeyId=one["kms_key_id"])["PublicKey"] == base64.b64decode(ours)
        metadata = kms.describe_key(KeyId=one["kms_key_id"])["KeyMetadata"]
        assert metadata["Description"] == one["public_key_with_name"]["name"]
        tags = kms.list_resource_tags(KeyId=one["kms_key_id"])["Tags"]
        assert {"TagKey": "CreatedBy", "TagValue": "Canton"} in tags


def test_filters_of_key_lists(nodes: Clients) -> None:
    node = nodes["plain"]
    whole = namespace(node.uid)
    assert len(keys(node, fingerprint=whole)) == 1
    assert keys(node, fingerprint=whole[:20]) == []
    assert len(keys(node, name="sequencer")) == 1
    assert len(keys(node, purpose=["KEY_PURPOSE_ENCRYPTION"])) == 1
    assert len(keys(node, usage=[USAGES["protocol"], "SIGNING_KEY_USAGE_PROOF_OF_OWNERSHIP"])) == 1
    assert "kms_key_id" not in keys(node)[0]


def test_kms_registration_is_refused_as_recorded(nodes: Clients, kms: Any) -> None:
    target, rpc = nodes["target"], f"{VAULT}/RegisterKmsSigningKey"
    own = keys(target)
    wanted = {"usage": [USAGES["protocol"]], "name": "x"}
    on_jce = refused(nodes["plain"], rpc, {**wanted, "kms_key_id": "alias/nothing"})
    missing = refused(target, rpc, {**wanted, "kms_key_id": "11111111-2222-3333-4444-555555555555"})
    encryption = refused(target, rpc, {**wanted, "kms_key_id": own[3]["kms_key_id"]})
    for error in (on_jce, missing, encryption):
        assert (error.code, error.details) == ("INTERNAL", [])
        assert error.text.startswith(REDACTED)
    no_usage = refused(target, rpc, {"kms_key_id": own[0]["kms_key_id"], "name": "x"})
    assert no_usage.metadata["reason"] == "FieldNotSet(usage)"
    first = {"kms_key_id": own[0]["kms_key_id"], "usage": [USAGES["namespace"]]}
    renamed = refused(target, rpc, {**first, "name": "another name"})
    short = namespace(target.uid)[:12] + "..."
    assert (renamed.code, renamed.details) == ("INTERNAL", None)
    assert renamed.text == f"Existing public key for {short} is different than inserted key"
    assert "public_key" in target.admin(rpc, {**first, "name": "target-namespace"})


def test_public_keys_are_imported_once(nodes: Clients) -> None:
    source, rpc = nodes["plain"], f"{VAULT}/ImportPublicKey"
    key = public_key(keys(nodes["target"])[0])
    data = base64.b64encode(key.SerializeToString()).decode()
    expected = {"fingerprint": namespace(nodes["target"].uid)}
    assert source.admin(rpc, {"public_key": data, "name": "key of target"}) == expected
    assert source.admin(rpc, {"public_key": data, "name": "key of target"}) == expected
    assert refused(source, rpc, {"public_key": data, "name": "other"}).code == "INTERNAL"
    listed = source.admin(f"{VAULT}/ListPublicKeys", {"filters": expected})["public_keys"]
    assert [one["name"] for one in listed] == ["key of target"]
    assert keys(source, **expected) == []


def test_exported_keys_belong_to_the_listed_ones(nodes: Clients) -> None:
    for name, spec in (("plain", "SIGNING_KEY_SPEC_EC_CURVE25519"), ("curve", "SIGNING_KEY_SPEC_EC_P256")):
        node = nodes[name]
        request = {"fingerprint": namespace(node.uid), "protocol_version": 34}
        data = base64.b64decode(node.admin(f"{VAULT}/ExportKeyPair", request)["key_pair"])
        pair = MESSAGES.cls("crypto.v30.CryptoKeyPair").FromString(MESSAGES.unwrap(data))
        private = pair.signing_key_pair.private_key
        assert private.id == namespace(node.uid)
        listed = keys(node)[0]["public_key_with_name"]["public_key"]["signing_public_key"]
        loaded = serialization.load_der_private_key(private.private_key, password=None)
        assert crypto.spki(loaded.public_key()) == base64.b64decode(listed["public_key"])
        assert listed["key_spec"] == spec
        wrong = refused(node, f"{VAULT}/ExportKeyPair", {**request, "protocol_version": 1})
        assert "Protocol version 1 is not supported" in wrong.metadata["reason"]
        unknown = refused(node, f"{VAULT}/ExportKeyPair", {**request, "fingerprint": "1220" + "0" * 64})
        assert unknown.code == "FAILED_PRECONDITION"
        expected = "Error retrieving private key [122000000000...] no private key found for [122000000000...]"
        assert unknown.text == expected
    off = refused(nodes["target"], f"{VAULT}/ExportKeyPair", {"fingerprint": "x", "protocol_version": 34})
    assert off.text == "Remote export of private keys only allowed when preview is enabled"


def test_exported_key_is_imported_elsewhere_and_deleted(nodes: Clients) -> None:
    request = {"fingerprint": namespace(nodes["curve"].uid), "protocol_version": 34}
    pair = nodes["curve"].admin(f"{VAULT}/ExportKeyPair", request)["key_pair"]
    nodes["plain"].admin(f"{VAULT}/ImportKeyPair", {"key_pair": pair, "name": "from curve"})
    found = keys(nodes["plain"], fingerprint=request["fingerprint"])
    assert [one["public_key_with_name"]["name"] for one in found] == ["from curve"]
    nodes["plain"].admin(f"{VAULT}/DeleteKeyPair", {"fingerprint": request["fingerprint"]})
    assert keys(nodes["plain"], fingerprint=request["fingerprint"]) == []
    into_kms = refused(nodes["target"], f"{VAULT}/ImportKeyPair", {"key_pair": pair, "name": "x"})
    assert into_kms.text == "The selected crypto provider does not support importing of private keys."


def test_new_keys_of_a_kms_node_are_made_in_the_kms(nodes: Clients) -> None:
    wanted = {"name": "made by the node", "usage": [USAGES["protocol"]]}
    made = nodes["target"].admin(f"{VAULT}/GenerateSigningKey", wanted)["public_key"]
    assert made["key_spec"] == "SIGNING_KEY_SPEC_EC_P256"
    assert "kms_key_id" in keys(nodes["target"], name="made by the node")[0]
    ed25519 = {**wanted, "key_spec": "SIGNING_KEY_SPEC_EC_CURVE25519"}
    error = refused(nodes["target"], f"{VAULT}/GenerateSigningKey", ed25519)
    assert error.text == "SIGNING_KEY_GENERATION_ERROR(8,0): Unable to create signing key"


def test_wrapper_key_is_redacted(nodes: Clients) -> None:
    error = refused(nodes["target"], f"{VAULT}/GetWrapperKeyId")
    assert (error.code, error.details) == ("UNIMPLEMENTED", [])


def test_disabled_kms_key_does_not_sign(nodes: Clients, network: Any, kms: Any) -> None:
    target = nodes["target"]
    key_id = keys(target)[0]["kms_key_id"]
    mapping = hosting(f"Own::{namespace(target.uid)}", host(target.uid))
    request = change(mapping, on(network.info()["synchronizers"]["new"]["id"]))
    kms.disable_key(KeyId=key_id)
    try:
        error = refused(target, f"{WRITE}/Authorize", request)
        assert error.code == "INTERNAL" and error.text.startswith(REDACTED)
    finally:
        kms.enable_key(KeyId=key_id)
    assert "transaction" in target.admin(f"{WRITE}/Authorize", request)


def test_kms_without_permission(network: Any) -> None:
    powerless = kms_client(network, POWERLESS_ACCESS_KEY_ID)
    with pytest.raises(ClientError) as caught:
        powerless.list_keys()
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"


def test_node_with_manual_identity_comes_up_step_by_step(network: Any, nodes: Clients, kms: Any) -> None:
    node = nodes["manual"]

    def waiting() -> str:
        status = node.admin(STATUS)
        return str(status.get("not_initialized", {}).get("waiting_for_external_input", ""))

    assert waiting() == "WAITING_FOR_EXTERNAL_INPUT_ID"
    assert node.admin(f"{IDENTITY}/GetId") == {}
    late = refused(node, "admin.participant.v30.PackageService/ListDars")
    assert late.code == "UNIMPLEMENTED"
    assert late.text == "Method not found: com.digitalasset.canton.admin.participant.v30.PackageService/ListDars"
    made = {}
    for name, usage in USAGES.items():
        key_id = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        request = {"kms_key_id": key_id, "name": name, "usage": [usage]}
        made[name] = node.admin(f"{VAULT}/RegisterKmsSigningKey", request)["public_key"]
    key_id = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
    request = {"kms_key_id": key_id, "name": "encryption"}
    encryption = node.admin(f"{VAULT}/RegisterKmsEncryptionKey", request)["public_key"]
    own = fingerprint(keys(node, name="namespace")[0])
    no_namespace = refused(node, f"{IDENTITY}/InitId", {"identifier": "participantMan"})
    assert (no_namespace.code, no_namespace.text, no_namespace.details) == (
        "FAILED_PRECONDITION",
        "No namespace or certificate provided",
        None,
    )
    assert node.admin(f"{IDENTITY}/InitId", {"identifier": "participantMan", "namespace": own}) == {}
    again = refused(node, f"{IDENTITY}/InitId", {"identifier": "other", "namespace": own})
    assert again.text == "Already initialised Init node id"
    assert waiting() == "WAITING_FOR_EXTERNAL_INPUT_NODE_TOPOLOGY"
    public = [{"signing_public_key": made["sequencer"]}, {"signing_public_key": made["protocol"]}]
    public.append({"encryption_public_key": encryption})
    owner = {"owner_to_key_mapping": {"member": f"PAR::participantMan::{own}", "public_keys": public}}
    too_early = refused(node, f"{WRITE}/Authorize", change(owner, AUTHORIZED))
    assert too_early.code == "INVALID_ARGUMENT" and too_early.text.startswith(REDACTED)
    root = delegation(own, made["namespace"], "can_sign_all_mappings")
    node.admin(f"{WRITE}/Authorize", change(root, AUTHORIZED))
    signed = node.admin(f"{WRITE}/Authorize", change(owner, AUTHORIZED))["transaction"]
    assert len(signed["signatures"]) == 3
    repeated = refused(node, f"{WRITE}/Authorize", change(owner, AUTHORIZED))
    assert repeated.metadata["existing"].startswith(f"OwnerToKeyMapping(member = PAR::participantMan::{own[:12]}...")
    deadline = time.monotonic() + 15
    while waiting():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    while network.info()["participants"]["manual"]["phase"] != "ready":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    certificates = node.admin(f"{READ}/ListSynchronizerTrustCertificate", query(AUTHORIZED))["results"]
    assert certificates[0]["item"]["participant_uid"] == f"participantMan::{own}"
    assert node.ledger("v2.StateService/GetLedgerEnd") is not None


def test_alien_key_mappings_need_a_force_flag(nodes: Clients) -> None:
    public = [keys(nodes["plain"])[1]["public_key_with_name"]["public_key"]]
    owner = {"owner_to_key_mapping": {"member": f"PAR::{nodes['curve'].uid}", "public_keys": public}}
    error = refused(nodes["plain"], f"{WRITE}/Authorize", change(owner, AUTHORIZED))
    assert error.reason == "TOPOLOGY_DANGEROUS_COMMAND_REQUIRES_FORCE_ALIEN_MEMBER"
    forced = change(owner, AUTHORIZED, force_changes=["FORCE_FLAG_ALIEN_MEMBER"])
    error = refused(nodes["plain"], f"{WRITE}/Authorize", forced)
    assert error.code == "INVALID_ARGUMENT" and error.text.startswith(REDACTED)
