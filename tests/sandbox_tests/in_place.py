# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A participant that goes onto a KMS with its own database, as tests of the sandbox do it."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf import json_format
from networks import kms_client, put_material

from sandbox.kms.facts import DUMMY_CREDENTIALS
from sandbox.v30.requests import AUTHORIZED, CONNECTIVITY, READ, VAULT, WRITE, change, delegation, namespace, query
from sandbox.wire import crypto, definitions
from sandbox.wire.client import CallFailed, Participant
from sandbox.wire.release import release

USAGES = {
    "namespace": "SIGNING_KEY_USAGE_NAMESPACE",
    "authentication": "SIGNING_KEY_USAGE_SEQUENCER_AUTHENTICATION",
    "signing": "SIGNING_KEY_USAGE_PROTOCOL",
}
# What has been tried on both lines need not be in all its cases.
newest = pytest.mark.parametrize("line", ["3.5"], indirect=True)
MESSAGES = definitions.messages(release("3.5"))
SPKI = "CRYPTO_KEY_FORMAT_DER_X509_SUBJECT_PUBLIC_KEY_INFO"
PURPOSES = ("authentication", "signing", "encryption")
PING = "admin.participant.v30.PingService/Ping"
EFFECT_SECONDS = 0.5
DAR = {"name": "sandbox-iou", "version": "1.0.0"}
TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"one": {}},
    "kms": {"always": True},
    "participants": {
        "old": {
            "connections": [{"synchronizer": "one", "manual_connect": True}],
            "parties": ["Alice"],
            "dars": [DAR],
            "contracts": [{"parties": ["Alice"], "count": 3}],
            "users": [{"id": "app", "act_as": ["Alice"]}],
            "preview_commands": True,
        },
        "peer": {"connections": [{"synchronizer": "one"}], "parties": ["Carol"], "dars": [DAR]},
    },
}


@dataclass(frozen=True)
class Born:
    """A key that was made in the KMS; ``public`` as PublicKey message."""

    purpose: str
    key_id: str
    name: str
    public: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)


def fingerprint(public: dict[str, Any]) -> str:
    """Of a PublicKey message."""
    return crypto.fingerprint(json_format.ParseDict(public, MESSAGES.cls("crypto.v30.PublicKey")()))


class Node:
    """One participant of a network, and the KMS."""

    def __init__(self, network: Any, name: str) -> None:
        self.network = network
        self.name = name
        self.kms = kms_client(network, DUMMY_CREDENTIALS["aws_access_key_id"])

    @classmethod
    def without_kms(cls, network: Any, name: str) -> Node:
        """Of a network whose KMS is not there yet."""
        node = cls.__new__(cls)
        node.network, node.name = network, name
        return node

    @property
    def uid(self) -> str:
        return str(self.network.info()["participants"][self.name]["uid"])

    @property
    def phase(self) -> str:
        return str(self.network.info()["participants"][self.name]["phase"])

    @contextmanager
    def open(self) -> Iterator[Participant]:
        client = Participant(self.network.info()["participants"][self.name])
        try:
            yield client
        finally:
            client.close()

    def admin(self, rpc: str, request: Any = None) -> Any:
        with self.open() as client:
            return client.admin(rpc, request)

    def refused(self, rpc: str, request: Any = None) -> CallFailed:
        try:
            self.admin(rpc, request)
        except CallFailed as error:
            return error
        raise AssertionError(f"{rpc} was not refused")

    # keys

    def own_keys(self, **filters: Any) -> list[dict[str, Any]]:
        return list(self.admin(f"{VAULT}/ListMyKeys", {"filters": filters}).get("private_keys_metadata", []))

    def in_region(self, region: str) -> Node:
        """The same with the KMS of another region."""
        other = Node(self.network, self.name)
        other.kms = kms_client(self.network, DUMMY_CREDENTIALS["aws_access_key_id"], region)
        return other

    def fingerprints(self, *listed: dict[str, Any]) -> list[str]:
        return [fingerprint(each["public_key_with_name"]["public_key"]) for each in listed]

    def private_key(self, public: dict[str, Any]) -> bytes:
        """The private part of a key, which the node exports, as PKCS#8."""
        request = {"fingerprint": fingerprint(public), "protocol_version": 34}
        data = base64.b64decode(self.admin(f"{VAULT}/ExportKeyPair", request)["key_pair"])
        pair = MESSAGES.cls("crypto.v30.CryptoKeyPair").FromString(MESSAGES.unwrap(data))
        return bytes(getattr(pair, pair.WhichOneof("pair")).private_key.private_key)

    def imported(self, public: dict[str, Any]) -> str:
        """The id of a new KMS key with the private part of a P-256 or RSA key of the node."""
        spec = "RSA_2048" if "encryption_public_key" in public else "ECC_NIST_P256"
        usage = "ENCRYPT_DECRYPT" if spec == "RSA_2048" else "SIGN_VERIFY"
        made = self.kms.create_key(KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL")
        key_id = str(made["KeyMetadata"]["KeyId"])
        put_material(self.kms, key_id, self.private_key(public))
        return key_id

    def born(self, purpose: str, name: str = "") -> Born:
        """A new key of the KMS."""
        spec, usage = ("RSA_2048", "ENCRYPT_DECRYPT") if purpose == "encryption" else ("ECC_NIST_P256", "SIGN_VERIFY")
        key_id = str(self.kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"])
        der = self.kms.get_public_key(KeyId=key_id)["PublicKey"]
        key: dict[str, Any] = {"format": SPKI, "public_key": base64.b64encode(der).decode()}
        if purpose == "encryption":
            public = {"encryption_public_key": {**key, "key_spec": "ENCRYPTION_KEY_SPEC_RSA_2048"}}
        else:
            proof = [] if purpose == "namespace" else ["SIGNING_KEY_USAGE_PROOF_OF_OWNERSHIP"]
            usages = [USAGES[purpose], *proof]
            public = {"signing_public_key": {**key, "key_spec": "SIGNING_KEY_SPEC_EC_P256", "usage": usages}}
        return Born(purpose, key_id, name or f"kms-{purpose}", public)

    def public_keys(self) -> dict[str, dict[str, Any]]:
        """By name."""
        listed = self.admin(f"{VAULT}/ListPublicKeys").get("public_keys", [])
        return {each["name"]: each["public_key"] for each in listed}

    def register(self, purpose: str, key_id: str, name: str) -> dict[str, Any]:
        """As PublicKey message."""
        if purpose == "encryption":
            answer = self.admin(f"{VAULT}/RegisterKmsEncryptionKey", {"kms_key_id": key_id, "name": name})
            return {"encryption_public_key": answer["public_key"]}
        request = {"kms_key_id": key_id, "name": name, "usage": [USAGES[purpose]]}
        return {"signing_public_key": self.admin(f"{VAULT}/RegisterKmsSigningKey", request)["public_key"]}

    # life

    def restart(self, **settings: Any) -> None:
        self.network.stop_node(self.name)
        for key, value in settings.items():
            self.network.set(self.name, key, value)
        self.network.start_node(self.name)

    def connect(self) -> Any:
        return self.admin(f"{CONNECTIVITY}/ReconnectSynchronizer", {"synchronizer_alias": "one"})

    def disconnect(self) -> None:
        self.admin(f"{CONNECTIVITY}/DisconnectSynchronizer", {"synchronizer_alias": "one"})

    def serves(self) -> bool:
        try:
            self.own_keys()
        except CallFailed as error:
            assert error.code == "UNAVAILABLE"
            return False
        return True

    def await_phase(self, phase: str) -> None:
        deadline = time.monotonic() + 15
        while self.phase != phase:
            assert time.monotonic() < deadline, f"{self.name} is {self.phase}"
            time.sleep(0.05)

    def ping(self, *uids: str) -> dict[str, Any]:
        return dict(self.admin(PING, {"target_parties": [*uids] or [self.uid]}))

    # topology

    def mapping(self, store: dict[str, Any]) -> list[dict[str, Any]]:
        """The PublicKey messages of its key mapping in a store."""
        request = query(store, filter_key_owner_type="PAR", filter_key_owner_uid=self.uid)
        listed = self.admin(f"{READ}/ListOwnerToKeyMapping", request).get("results", [])
        return list(listed[-1]["item"]["public_keys"]) if listed else []

    def owner_mapping(self, keys: list[dict[str, Any]]) -> dict[str, Any]:
        return {"owner_to_key_mapping": {"member": f"PAR::{self.uid}", "public_keys": keys}}

    def authorize(self, mapping: dict[str, Any]) -> Any:
        answer = self.admin(f"{WRITE}/Authorize", change(mapping, AUTHORIZED))
        time.sleep(EFFECT_SECONDS)
        return answer

    def delegate(self, key: dict[str, Any], restriction: str = "can_sign_all_but_namespace_delegations") -> Any:
        return self.authorize(delegation(namespace(self.uid), key["signing_public_key"], restriction))

    def generated(self, mapping: dict[str, Any]) -> dict[str, Any]:
        """serialized_transaction and transaction_hash, in base64."""
        proposal = {"operation": "TOPOLOGY_CHANGE_OP_ADD_REPLACE", "mapping": mapping, "store": AUTHORIZED}
        answer = self.admin(f"{WRITE}/GenerateTransactions", {"proposals": [proposal]})
        return dict(answer["generated_transactions"][0])

    def cosigned(self, made: dict[str, Any], signatures: list[dict[str, Any]]) -> dict[str, Any]:
        """The transaction with these signatures and those of the node."""
        signed = {"transaction": made["serialized_transaction"], "signatures": signatures}
        answer = self.admin(f"{WRITE}/SignTransactions", {"transactions": [signed], "store": AUTHORIZED})
        return dict(answer["transactions"][0])

    def add(self, signed: dict[str, Any], store: dict[str, Any] | None = None, **more: Any) -> Any:
        """Into its own store, or that of a synchronizer."""
        request = {"transactions": [signed], "store": store or AUTHORIZED, **more}
        answer = self.admin(f"{WRITE}/AddTransactions", request)
        time.sleep(EFFECT_SECONDS)
        return answer

    def signature(self, key_id: str, fingerprint: str, transaction_hash: str) -> dict[str, Any]:
        """What the KMS signs for the node: the 34 bytes themselves, not a digest."""
        made = self.kms.sign(
            KeyId=key_id,
            Message=base64.b64decode(transaction_hash),
            MessageType="RAW",
            SigningAlgorithm="ECDSA_SHA_256",
        )
        return {
            "format": "SIGNATURE_FORMAT_DER",
            "signature": base64.b64encode(made["Signature"]).decode(),
            "signed_by": fingerprint,
            "signing_algorithm_spec": "SIGNING_ALGORITHM_SPEC_EC_DSA_SHA_256",
        }


Keys = dict[str, Born]


def signed_by_new(node: Node, keys: Keys, made: dict[str, Any]) -> list[dict[str, Any]]:
    """The signatures that prove the possession of new keys: encryption keys don't sign."""
    signing = [keys["authentication"], keys["signing"]]
    return [node.signature(key.key_id, key.fingerprint, made["transaction_hash"]) for key in signing]


def prepared(node: Node, restriction: str = "can_sign_all_but_namespace_delegations") -> Keys:
    """Steps 1 to 3 while it serves: keys, delegation, mapping with the new keys first."""
    keys = {purpose: node.born(purpose) for purpose in ("namespace", *PURPOSES)}
    node.delegate(keys["namespace"].public, restriction)
    both = [*(keys[purpose].public for purpose in PURPOSES), *node.mapping(AUTHORIZED)]
    made = node.generated(node.owner_mapping(both))
    node.add(node.cosigned(made, signed_by_new(node, keys, made)))
    return keys


def cut(node: Node, keys: Keys) -> None:
    """The new keys alone."""
    node.authorize(node.owner_mapping([keys[purpose].public for purpose in PURPOSES]))


def switched(node: Node, keys: Keys) -> None:
    node.disconnect()
    node.restart(crypto="kms")
    for key in keys.values():
        assert node.register(key.purpose, key.key_id, key.name) == key.public
    node.connect()
