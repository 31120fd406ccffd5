# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of Canton 2 in the node's own store and in the KMS; nodes that wait for their identity."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sandbox_tests.canton_2_topology import each_line, eventually, opened, refused

from sandbox.v0.requests import (
    IDENTITY,
    OLD_STATUS,
    STATUS,
    VAULT,
    authorize,
    hosting,
    import_key,
    listed,
    namespace,
    namespace_key,
)
from sandbox.wire import client, crypto, definitions
from sandbox.wire.client import Participant
from sandbox.wire.release import release

pytestmark = each_line


@pytest.fixture(scope="module")
def network(make_network: Any, line: str) -> Any:
    participants: dict[str, dict[str, Any]] = {
        "plain": {"preview_commands": True},
        "curve": {"key_spec": "ec_p256"},
        "target": {"crypto": "kms", "connections": [{"synchronizer": "new"}]},
        "manual": {"crypto": "kms", "identity": "manual", "connections": [{"synchronizer": "new"}]},
    }
    return make_network(
        {
            "synchronizers": {"new": {}},
            "participants": {name: {"release": line, **entry} for name, entry in participants.items()},
        }
    )


@pytest.fixture(scope="module")
def nodes(network: Any) -> Iterator[dict[str, Participant]]:
    with client.participants(network.info()) as clients:
        yield clients


@pytest.fixture(scope="module")
def kms(network: Any) -> Any:
    settings = network.info()["kms"]
    return boto3.client(
        "kms",
        endpoint_url=settings["endpoint"],
        region_name=settings["region"],
        aws_access_key_id=settings["aws_access_key_id"],
        aws_secret_access_key=settings["aws_secret_access_key"],
    )


def keys(node: Participant, rpc: str = "ListMyKeys", **filters: Any) -> list[dict[str, Any]]:
    """Name and PublicKey of each."""
    answer = node.admin(f"{VAULT}/{rpc}", filters)
    found = answer.get("public_keys") or [
        one["public_key_with_name"] for one in answer.get("private_keys_metadata", [])
    ]
    return list(found)


def test_keys_carry_their_fingerprints_and_formats(nodes: dict[str, Participant]) -> None:
    names = {one["name"]: next(iter(one["public_key"].values())) for one in keys(nodes["plain"])}
    assert set(names) == {"plain-namespace", "plain-signing", "plain-encryption"}
    root = names["plain-namespace"]
    assert (root["scheme"], root["format"]) == ("Ed25519", "Raw")
    raw = base64.b64decode(root["public_key"])
    assert len(raw) == 32
    assert crypto.multihash(12, raw).hex() == root["id"] == namespace(nodes["plain"])
    for node, encryption in (("curve", "Rsa2048OaepSha256"), ("target", "Rsa2048OaepSha256")):
        names = {one["name"]: next(iter(one["public_key"].values())) for one in keys(nodes[node])}
        root = names[f"{node}-namespace"]
        assert (root["scheme"], root["format"]) == ("EcDsaP256", "Der")
        assert crypto.multihash(12, base64.b64decode(root["public_key"])).hex() == root["id"]
        assert names[f"{node}-encryption"]["scheme"] == encryption


def test_filters_cut_fingerprints_short(nodes: dict[str, Participant]) -> None:
    plain = nodes["plain"]
    assert len(keys(plain, filter_fingerprint="1220")) == 3
    assert [one["name"] for one in keys(plain, filter_fingerprint=namespace(plain)[:20])] == ["plain-namespace"]
    assert not keys(plain, filter_fingerprint=namespace(plain)[4:20])
    assert [one["name"] for one in keys(plain, filter_name="encr")] == ["plain-encryption"]
    assert len(keys(plain, filter_purpose=["SigningKeyPurpose"])) == 2
    assert not keys(plain, filter_purpose=["SigningKeyPurpose", "EncryptionKeyPurpose"])


def test_imported_keys_are_public_only(nodes: dict[str, Participant], line: str) -> None:
    plain, target = nodes["plain"], nodes["target"]
    key = namespace_key(target)
    assert import_key(plain, key, line, "theirs") == namespace(target)
    assert import_key(plain, key, line, "theirs") == namespace(target)
    assert not keys(plain, filter_fingerprint=namespace(target))
    assert keys(plain, "ListPublicKeys", filter_fingerprint=namespace(target)) == [
        {"public_key": key, "name": "theirs"}
    ]
    other = refused(lambda: import_key(plain, key, line, "another name"))
    assert not other.reason
    forged = {"signing_public_key": {**key["signing_public_key"], "id": namespace(plain)}}
    assert refused(lambda: import_key(plain, forged, line)).reason == "PROTO_DESERIALIZATION_FAILURE"


def test_export_and_import_of_key_pairs(nodes: dict[str, Participant], line: str) -> None:
    plain, curve = nodes["plain"], nodes["curve"]
    made = plain.admin(f"{VAULT}/GenerateSigningKey", {"key_scheme": "Ed25519", "name": "moving"})["public_key"]
    request = {"fingerprint": made["id"], "protocol_version": 5}
    error = refused(lambda: curve.admin(f"{VAULT}/ExportKeyPair", request))
    assert error.code == "FAILED_PRECONDITION" and "preview is enabled" in error.text and not error.reason
    pair = plain.admin(f"{VAULT}/ExportKeyPair", request)["key_pair"]
    inner = definitions.messages(release(line)).unwrap(base64.b64decode(pair))
    both = definitions.messages(release(line)).cls("crypto.v0.CryptoKeyPair").FromString(inner).signing_key_pair
    assert both.public_key.id == both.private_key.id == made["id"]
    curve.admin(f"{VAULT}/ImportKeyPair", {"key_pair": pair, "name": "moved"})
    assert [one["name"] for one in keys(curve, filter_fingerprint=made["id"])] == ["moved"]
    curve.admin(f"{VAULT}/DeleteKeyPair", {"fingerprint": made["id"]})
    assert not keys(curve, "ListPublicKeys", filter_fingerprint=made["id"])


def test_kms_calls_are_for_the_enterprise_edition(nodes: dict[str, Participant]) -> None:
    for rpc in ("RegisterKmsSigningKey", "RegisterKmsEncryptionKey", "RotateWrapperKey", "GetWrapperKeyId"):
        assert refused(lambda rpc=rpc: nodes["plain"].admin(f"{VAULT}/{rpc}")).code == "UNIMPLEMENTED"  # type: ignore[misc]
    assert refused(lambda: nodes["target"].admin(f"{VAULT}/GetWrapperKeyId")).code == "FAILED_PRECONDITION"
    unknown = {"kms_key_id": "no-such-key", "name": "x"}
    error = refused(lambda: nodes["target"].admin(f"{VAULT}/RegisterKmsSigningKey", unknown))
    assert error.code == "FAILED_PRECONDITION" and not error.reason


def test_kms_node_signs_in_the_kms(nodes: dict[str, Participant], kms: Any, line: str) -> None:
    target = nodes["target"]
    party = f"Kept::{namespace(target)}"
    signed = opened(authorize(target, "PartyToParticipant", **hosting(target, party)), line)[0]
    key = serialization.load_der_public_key(signed.key.public_key)
    data = crypto.transaction_hash(signed.transaction)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(signed.signature.signature, data, ec.ECDSA(hashes.SHA256()))
    held = [
        one["KeyId"]
        for one in kms.list_keys()["Keys"]
        if kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"]["Description"] == "target-namespace"
    ]
    kms.disable_key(KeyId=held[0])
    error = refused(lambda: authorize(target, "PartyToParticipant", **hosting(target, f"Lost::{namespace(target)}")))
    kms.enable_key(KeyId=held[0])
    assert error.code == "INTERNAL" and not error.reason
    assert refused(lambda: target.admin(f"{VAULT}/ExportKeyPair", {"fingerprint": namespace(target)})).code == (
        "FAILED_PRECONDITION"
    )


def test_manual_identity(network: Any, nodes: dict[str, Participant], kms: Any, line: str) -> None:
    manual = nodes["manual"]
    assert not manual.admin(f"{IDENTITY}/GetId").get("initialized")
    assert manual.admin(OLD_STATUS) == {"not_initialized": {"active": True}}
    if line == "2.10":
        assert manual.admin(STATUS) == {"unavailable": {"active": True}}
    unknown = {"identifier": "manual", "fingerprint": "1220" + "0" * 64}
    error = refused(lambda: manual.admin(f"{IDENTITY}/InitId", unknown))
    assert error.code == "INVALID_ARGUMENT" and error.text.startswith("Unknown public key")

    def created(spec: str, usage: str) -> str:
        return str(kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"])

    def registered(purpose: str, spec: str, usage: str, name: str) -> str:
        request = {"kms_key_id": created(spec, usage), "name": name}
        return str(manual.admin(f"{VAULT}/RegisterKms{purpose}Key", request)["public_key"]["id"])

    root = registered("Signing", "ECC_NIST_P256", "SIGN_VERIFY", "manual-namespace")
    signing = registered("Signing", "ECC_NIST_P256", "SIGN_VERIFY", "manual-signing")
    encryption = registered("Encryption", "RSA_2048", "ENCRYPT_DECRYPT", "manual-encryption")
    uid = manual.admin(f"{IDENTITY}/InitId", {"identifier": "manual", "fingerprint": root})["unique_identifier"]
    assert uid == f"manual::{root}"
    again = refused(lambda: manual.admin(f"{IDENTITY}/InitId", {"identifier": "manual", "fingerprint": root}))
    assert again.code == "ALREADY_EXISTS"
    owner = {"key_owner": f"PAR::{uid}", "fingerprint_of_key": signing, "key_purpose": "SigningKeyPurpose"}
    early = refused(lambda: authorize(manual, "OwnerToKeyMapping", **owner))
    assert early.reason == "NO_APPROPRIATE_SIGNING_KEY_IN_STORE"
    authorize(manual, "NamespaceDelegation", namespace=root, fingerprint_of_authorized_key=root)
    assert listed(manual, "NamespaceDelegation")[0]["item"]["is_root_delegation"]
    authorize(manual, "OwnerToKeyMapping", **owner)
    owner = {**owner, "fingerprint_of_key": encryption, "key_purpose": "EncryptionKeyPurpose"}
    authorize(manual, "OwnerToKeyMapping", **owner)
    eventually(lambda: manual.admin(OLD_STATUS).get("success", {}).get("id") == uid)
    with client.participants(network.info()) as anew:
        assert anew["manual"].uid == uid
        # Vetting of its own packages happened by itself.
        assert listed(anew["manual"], "VettedPackages", filter_participant=uid)
