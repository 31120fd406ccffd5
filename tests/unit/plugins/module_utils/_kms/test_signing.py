# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys as a node uses them: read, and made to sign, in AWS and in GCP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils._kms.aws.support import CONNECTION, aws_in_process, client_of, refuse
from unit.plugins.module_utils._kms.gcp.support import Gcp, gcp_in_process
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._kms import provider, signing
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import Key
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Signature
from sandbox.wire import crypto, definitions
from sandbox.wire.release import release

HASH = b"\x12\x20" + bytes(32)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsKeys]:
    with aws_in_process(monkeypatch) as keys:
        yield keys


@pytest.fixture
def gcp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gcp]:
    with gcp_in_process(monkeypatch) as cloud:
        yield cloud


def use(cloud: Gcp) -> Any:
    params = cloud.params(provider.CONNECTION_SPEC)
    return provider.of(params, provider.CONNECTION_SPEC).use(params)


def is_accepted(key: Key, signature: Signature) -> bool:
    """Whether the sandbox, which checks like a node, takes the signature for one by this key."""
    cls = definitions.messages(release("3.5")).cls
    public = cls("crypto.v30.SigningPublicKey")(
        format="CRYPTO_KEY_FORMAT_DER_X509_SUBJECT_PUBLIC_KEY_INFO",
        public_key=key.public_key_der,
        key_spec=f"SIGNING_KEY_SPEC_{key.spec.upper()}",
    )
    message = cls("crypto.v30.Signature")(
        format=signature.format,
        signature=signature.data,
        signed_by=signature.signed_by,
        signing_algorithm_spec=signature.algorithm,
    )
    return crypto.fingerprint(public) == signature.signed_by and bool(crypto.verify(public, message, HASH))


@pytest.mark.parametrize(
    ("spec", "algorithm"),
    [("ec_p256", "EC_DSA_SHA_256"), ("ec_secp256k1", "EC_DSA_SHA_256"), ("ec_p384", "EC_DSA_SHA_384")],
)
def test_aws(aws: AwsKeys, spec: str, algorithm: str) -> None:
    arn = aws.create(spec, "sign_verify", "", {})
    aws.add_alias(arn, "alias/mine")
    keys = provider.PROVIDERS["aws"].use(CONNECTION)
    key = signing.read(keys, "alias/mine")
    assert (key.full_name, key.spec) == (arn, spec)
    signature = signing.sign(keys, key, HASH)
    assert (signature.format, signature.algorithm) == ("SIGNATURE_FORMAT_DER", f"SIGNING_ALGORITHM_SPEC_{algorithm}")
    assert is_accepted(key, signature) and not signing.verifies(key, HASH + b"!", signature.data)


@pytest.mark.parametrize("spec", ["ec_p256", "ec_secp256k1", "ec_p384", "ec_curve25519"])
def test_gcp(gcp: Gcp, spec: str) -> None:
    gcp.run(name="mine", spec=spec, purpose="namespace")
    keys = use(gcp)
    key = signing.read(keys, "mine")
    assert (key.key_id, key.spec) == ("mine", spec)
    signature = signing.sign(keys, key, HASH)
    assert signature.format.endswith("CONCAT" if spec == "ec_curve25519" else "DER")
    assert is_accepted(key, signature)


def test_what_aws_refuses(aws: AwsKeys) -> None:
    arn = aws.create("ec_p256", "sign_verify", "", {})
    key = signing.read(aws, arn)
    assert refused(lambda: signing.read(aws, "alias/none")).error_id == "kms_key_not_found"
    assert refused(lambda: signing.read(aws, arn.replace("eu-central-1", "eu-west-1"))).error_id == "region_mismatch"
    symmetric = aws.create("symmetric", "encrypt_decrypt", "", {})
    assert refused(lambda: signing.read(aws, symmetric)).error_id == "key_spec_unfit"
    encrypting = signing.read(aws, aws.create("rsa_2048", "encrypt_decrypt", "", {}))
    assert refused(lambda: signing.sign(aws, encrypting, HASH)).error_id == "key_usage_unfit"
    unfit = refused(lambda: signing.sign(aws, replace(key, spec="ec_curve25519"), HASH))
    assert unfit.error_id == "key_spec_unfit"
    refuse(aws, "Sign", "AccessDeniedException")
    assert "kms:Sign" in refused(lambda: signing.sign(aws, key, HASH)).hint
    aws.disable(arn)
    assert refused(lambda: signing.read(aws, arn)).error_id == "kms_key_not_enabled"


def test_what_gcp_refuses(gcp: Gcp) -> None:
    keys = use(gcp)
    assert refused(lambda: signing.read(keys, "none")).error_id == "kms_key_not_found"
    assert refused(lambda: signing.read(keys, "a/b")).error_id == "name_invalid"
    gcp.run(name="mine", purpose="protocol")
    key = signing.read(keys, "mine")
    gcp.service.faults.denied.add("cryptoKeyVersions.useToSign")
    assert "useToSign" in refused(lambda: signing.sign(keys, key, HASH)).message
    gcp.service.faults.denied.clear()
    gcp.service.faults.damaged = True
    assert refused(lambda: signing.sign(keys, key, HASH)).error_id == "answer_damaged"
    gcp.service.faults.damaged = False
    gcp.run(name="mine", enabled=False)
    assert refused(lambda: signing.read(keys, "mine")).error_id == "FAILED_PRECONDITION"
    assert refused(lambda: signing.sign(keys, key, HASH)).error_id == "FAILED_PRECONDITION"


def test_a_signature_that_does_not_verify_goes_nowhere(aws: AwsKeys, gcp: Gcp) -> None:
    key = signing.read(aws, aws.create("ec_p256", "sign_verify", "", {}))
    client_of(aws).sign = lambda **_arguments: {"Signature": b"not a signature"}
    gcp.run(name="mine", purpose="protocol")
    keys = use(gcp)
    other = signing.read(keys, "mine")
    gcp.service.faults.wrong_answers = True
    for used, wrong in ((aws, key), (keys, other)):
        error = refused(lambda used=used, wrong=wrong: signing.sign(used, wrong, HASH))
        assert error.error_id == "signature_invalid" and "Nothing was sent" in error.hint
