# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The KMS: it is killed and comes back with what it had; it imports key material; its rules and its faults."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from networks import Served

from sandbox.cli import topology_file
from sandbox.cli.network import Network
from sandbox.kms.aws.client import Kms
from sandbox.kms.facts import KMS, KmsRefused
from sandbox.wire import crypto

_P256 = 4  # SIGNING_KEY_SPEC_EC_P256


def test_keys_outlive_the_kms_and_the_network(tmp_path: Path) -> None:
    topology = topology_file.check({"synchronizers": {"s": {}}, "kms": {"always": True}, "participants": {"one": {}}})
    state = tmp_path / "state"
    with Network(topology, state, logs=tmp_path) as network:
        place = network.info()["kms"]
        kms = Kms(place["endpoint"], place["region"])
        signing, encryption = kms.create_signing(_P256, "signs"), kms.create_encryption("encrypts")
        before = [kms.public_key(signing, "SIGN_VERIFY"), kms.public_key(encryption, "ENCRYPT_DECRYPT")]
        network.kill_node(KMS)
        with pytest.raises(KmsRefused):
            kms.public_key(signing, "SIGN_VERIFY")
        network.start_node(KMS)
        assert before == [kms.public_key(signing, "SIGN_VERIFY"), kms.public_key(encryption, "ENCRYPT_DECRYPT")]
        assert kms.sign(signing, _P256, b"something")
    assert stat.S_IMODE((state / "kms.keys").stat().st_mode) == 0o600
    with Network(topology, state, logs=tmp_path) as network:
        assert network.info()["kms"]["endpoint"] == place["endpoint"]
        assert Kms(place["endpoint"], place["region"]).public_key(signing, "SIGN_VERIFY") == before[0]


def refused(act: Any, *arguments: Any, **options: Any) -> str:
    with pytest.raises(ClientError) as caught:
        act(*arguments, **options)
    return str(caught.value.response["Error"]["Code"])


def test_imported_keys_are_used_and_never_replaced(served: Served) -> None:
    public, private = crypto.generate_signing(crypto.SECP256K1)
    key_id = served.create("ECC_SECG_P256K1")
    sign = {"KeyId": key_id, "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
    assert served.state(key_id) == "PendingImport"
    for call in (served.client.get_public_key, served.client.enable_key):
        assert refused(call, KeyId=key_id) == "KMSInvalidStateException"
    assert refused(served.client.sign, **sign) == "KMSInvalidStateException"

    served.put(key_id, private)
    assert served.state(key_id) == "Enabled"
    assert served.client.get_public_key(KeyId=key_id)["PublicKey"] == public
    key: Any = serialization.load_der_public_key(public)
    key.verify(served.client.sign(**sign)["Signature"], b"m", ec.ECDSA(hashes.SHA256()))

    other = crypto.generate_signing(crypto.SECP256K1)[1]
    assert refused(served.put, key_id, other) == "IncorrectKeyMaterialException"
    served.client.delete_imported_key_material(KeyId=key_id)
    assert served.state(key_id) == "PendingImport"
    assert refused(served.put, key_id, other) == "IncorrectKeyMaterialException"
    assert refused(served.put, key_id, crypto.generate_signing(crypto.P256)[1]) == "IncorrectKeyMaterialException"
    served.put(key_id, private)
    assert served.client.get_public_key(KeyId=key_id)["PublicKey"] == public


def test_an_imported_rsa_key_decrypts(served: Served) -> None:
    public, private = crypto.generate_encryption(crypto.ENC_RSA2048)
    key_id = served.create("RSA_2048")
    served.put(key_id, private)
    key = serialization.load_der_public_key(public)
    assert isinstance(key, rsa.RSAPublicKey)
    sealed = key.encrypt(b"secret", padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    opened = served.client.decrypt(KeyId=key_id, CiphertextBlob=sealed, EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    assert opened["Plaintext"] == b"secret"


def test_what_aws_refuses(served: Served) -> None:
    key_id = served.create("ECC_NIST_P256", Origin="AWS_KMS")
    client = served.client
    wrong_usage = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "ENCRYPT_DECRYPT"}
    assert refused(client.create_key, **wrong_usage) == "ValidationException"
    assert refused(client.create_key, Policy="{}") == "MalformedPolicyDocumentException"
    assert refused(client.enable_key_rotation, KeyId=key_id) == "UnsupportedOperationException"
    assert refused(client.cancel_key_deletion, KeyId=key_id) == "KMSInvalidStateException"
    client.create_alias(AliasName="alias/one", TargetKeyId=key_id)
    symmetric = served.create("SYMMETRIC_DEFAULT", Origin="AWS_KMS")
    assert refused(client.update_alias, AliasName="alias/one", TargetKeyId=symmetric) == "ValidationException"
    client.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    assert refused(client.enable_key, KeyId=key_id) == "KMSInvalidStateException"
    pending = served.create("ECC_NIST_P256")
    client.schedule_key_deletion(KeyId=pending, PendingWindowInDays=7)
    client.cancel_key_deletion(KeyId=pending)
    assert served.state(pending) == "PendingImport"


def test_what_aws_signs(served: Served) -> None:
    client = served.client
    key_id = served.create("ECC_NIST_P384", Origin="AWS_KMS")
    sign = {"KeyId": key_id, "Message": b"m", "MessageType": "RAW", "SigningAlgorithm": "ECDSA_SHA_384"}
    public: Any = serialization.load_der_public_key(client.get_public_key(KeyId=key_id)["PublicKey"])
    public.verify(client.sign(**sign)["Signature"], b"m", ec.ECDSA(hashes.SHA384()))
    assert refused(client.sign, **{**sign, "SigningAlgorithm": "ECDSA_SHA_256"}) == "InvalidKeyUsageException"
    encrypts = served.create("RSA_2048", Origin="AWS_KMS", KeyUsage="ENCRYPT_DECRYPT")
    assert refused(client.sign, **{**sign, "KeyId": encrypts}) == "InvalidKeyUsageException"
    assert refused(client.sign, **{**sign, "KeyId": "00000000-0000-4000-8000-000000000000"}) == "NotFoundException"
    served.set("denied", ["Sign", "GetPublicKey"])
    assert refused(client.sign, **sign) == refused(client.get_public_key, KeyId=key_id) == "AccessDeniedException"
    served.set("denied", None)
    client.disable_key(KeyId=key_id)
    assert refused(client.sign, **sign) == refused(client.get_public_key, KeyId=key_id) == "DisabledException"
    client.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    assert refused(client.sign, **sign) == "KMSInvalidStateException"


def test_faults_on_demand(served: Served) -> None:
    key_id = served.create("ECC_NIST_P256")
    describe = served.client.describe_key
    served.set("throttled", {"DescribeKey": 2})
    assert [refused(describe, KeyId=key_id) for _time in range(2)] == ["ThrottlingException"] * 2
    assert served.state(key_id) == "PendingImport"
    served.set("denied", ["ImportKeyMaterial"])
    private = crypto.generate_signing(crypto.P256)[1]
    assert refused(served.put, key_id, private) == "AccessDeniedException"
    served.set("denied", None)
    served.set("expired_tokens", True)
    assert refused(served.put, key_id, private) == "ExpiredImportTokenException"
    served.set("expired_tokens", False)
    served.put(key_id, private)
    right = served.client.get_public_key(KeyId=key_id)["PublicKey"]
    served.set("wrong_public_key", True)
    assert served.client.get_public_key(KeyId=key_id)["PublicKey"] != right
    served.set("slow_ms", {"DescribeKey": 500})
    with pytest.raises(ReadTimeoutError):
        served.open_client(0.3).describe_key(KeyId=key_id)
    served.set("slow_ms", {})
    served.set("answers_lost", {"CreateKey": 1})
    with pytest.raises(ConnectionClosedError):
        served.create("ECC_NIST_P256")
    assert len(served.client.list_keys()["Keys"]) == 2
