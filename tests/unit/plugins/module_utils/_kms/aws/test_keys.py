# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys in AWS KMS: reading, probing, refusals. moto answers, and where it is too kind it is made to refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3
import botocore.exceptions as sdk
import pytest
from botocore.stub import ANY, Stubber
from unit.plugins.module_utils._kms.aws.support import CONNECTION, REGION, break_down, client_of, refuse

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, DependencyMissing
from ansible_collections.ledgerops.canton.plugins.module_utils._kms import signing
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws import keys as aws_keys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys, alias_name, connect
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.model import AwsKey

SPECS = {
    "ec_p256": "sign_verify",
    "ec_p384": "sign_verify",
    "ec_secp256k1": "sign_verify",
    "rsa_2048": "encrypt_decrypt",
    "symmetric": "encrypt_decrypt",
}


def new_key(keys: AwsKeys, spec: str = "ec_p256", **tags: str) -> AwsKey:
    key = keys.find(keys.create(spec, SPECS[spec], "a key", tags))
    assert key is not None
    return key


def expect(error_id: str, act: Any, *arguments: Any) -> CantonError:
    with pytest.raises(CantonError) as caught:
        act(*arguments)
    assert caught.value.error_id == error_id
    return caught.value


# -- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", SPECS)
def test_a_new_key_reads_back_as_asked(keys: AwsKeys, spec: str) -> None:
    key = new_key(keys, spec, owner="ops")
    assert (key.state, key.spec, key.usage, key.description) == ("enabled", spec, SPECS[spec], "a key")
    assert key.tags == {"owner": "ops"}
    assert key.aliases == ()
    assert key.full_name is not None
    assert key.full_name.startswith(f"arn:aws:kms:{REGION}:")
    assert (key.public_key_der is None) == (spec == "symmetric")
    assert (key.as_result()["fingerprint"] is None) == (spec == "symmetric")


def test_one_key_by_all_its_names(keys: AwsKeys) -> None:
    key = new_key(keys)
    assert key.key_id is not None
    assert key.full_name is not None
    keys.add_alias(key.full_name, "alias/canton/p1")
    for name in (key.key_id, key.full_name, "alias/canton/p1"):
        assert keys.identify(name) == key.full_name
    found = keys.find("alias/canton/p1")
    assert found is not None
    assert found.aliases == ("alias/canton/p1",)


def test_no_such_key_is_none(keys: AwsKeys) -> None:
    assert keys.find("alias/nothing") is None
    assert keys.identify("00000000-0000-4000-8000-000000000000") is None


def test_all_keys_are_listed(keys: AwsKeys) -> None:
    made = {new_key(keys, spec).full_name for spec in ("ec_p256", "rsa_2048", "symmetric")}
    assert set(keys.names()) == made


def test_times_are_utc(keys: AwsKeys) -> None:
    key = new_key(keys)
    assert key.created is not None
    assert key.created.endswith("Z")
    assert key.deletion_date is None


def test_arn_of_another_region_is_refused_before_any_call(keys: AwsKeys) -> None:
    refuse(keys, "DescribeKey", "NotFoundException")
    arn = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000000"
    error = expect("region_mismatch", keys.find, arn)
    assert "Set region to us-east-1" in error.hint


def test_unreadable_tags_and_aliases_are_told_not_fatal(keys: AwsKeys) -> None:
    arn = new_key(keys).full_name
    refuse(keys, "ListResourceTags", "AccessDeniedException")
    refuse(keys, "ListAliases", "AccessDeniedException")
    key = keys.find(str(arn))
    assert key is not None
    assert (key.tags, key.aliases) == (None, None)
    assert [note.rsplit(" ", 3)[1:] for note in key.notes] == [
        ["kms:ListAliases", "is", "missing."],
        ["kms:ListResourceTags", "is", "missing."],
    ]


def test_public_key_of_a_disabled_key_may_be_withheld(keys: AwsKeys) -> None:
    arn = str(new_key(keys).full_name)
    refuse(keys, "GetPublicKey", "DisabledException")
    keys.disable(arn)
    key = keys.find(arn)
    assert key is not None
    assert (key.state, key.public_key_der) == ("disabled", None)


def test_public_key_of_an_enabled_key_must_be_had(keys: AwsKeys) -> None:
    arn = str(new_key(keys).full_name)
    refuse(keys, "GetPublicKey", "AccessDeniedException")
    assert "kms:GetPublicKey" in expect("AccessDeniedException", keys.find, arn).message


def test_spec_that_canton_does_not_know_keeps_awss_word() -> None:
    client = boto3.client("kms", region_name=REGION, aws_access_key_id="unit-test", aws_secret_access_key="unit-test")
    arn = f"arn:aws:kms:{REGION}:111122223333:key/1"
    metadata = {
        "KeyId": "1",
        "Arn": arn,
        "KeySpec": "HMAC_256",
        "KeyUsage": "GENERATE_VERIFY_MAC",
        "KeyState": "Enabled",
    }
    with Stubber(client) as stub:
        stub.add_response("describe_key", {"KeyMetadata": {**metadata, "KeyManager": "AWS", "MultiRegion": True}})
        stub.add_response("list_aliases", {"Aliases": [], "Truncated": False})
        stub.add_response("list_resource_tags", {"Tags": [], "Truncated": False})
        key = AwsKeys(client).find("1")
    assert key is not None
    assert (key.spec, key.usage) == ("hmac_256", "generate_verify_mac")
    assert key.managed_by_provider
    assert key.multi_region


# -- changing ---------------------------------------------------------------------------------------------------------


def test_state_goes_round(keys: AwsKeys) -> None:
    arn = str(new_key(keys).full_name)

    def state() -> str:
        key = keys.find(arn)
        assert key is not None
        return key.state

    keys.disable(arn)
    assert state() == "disabled"
    keys.enable(arn)
    assert state() == "enabled"
    keys.schedule_deletion(arn, 7)
    assert state() == "pending_deletion"
    keys.cancel_deletion(arn)
    assert state() == "disabled"


def test_description_and_tags_change(keys: AwsKeys) -> None:
    arn = str(new_key(keys, a="1", b="2").full_name)
    keys.describe(arn, "other")
    keys.tag(arn, {"b": "3"})
    keys.untag(arn, {"a"})
    key = keys.find(arn)
    assert key is not None
    assert (key.description, key.tags) == ("other", {"b": "3"})


def test_only_what_is_asked_is_sent_to_create_a_key(keys: AwsKeys) -> None:
    plain = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY", "Description": "d"}
    more = {"Origin": "EXTERNAL", "MultiRegion": True, "Policy": "{}", "Tags": [{"TagKey": "a", "TagValue": "1"}]}
    answer = {"KeyMetadata": {"KeyId": "1", "Arn": "arn:aws:kms:eu-central-1:111122223333:key/1"}}
    with Stubber(client_of(keys)) as stub:
        stub.add_response("create_key", answer, plain)
        stub.add_response("create_key", answer, {**plain, **more})
        keys.create("ec_p256", "sign_verify", "d", {})
        keys.create("ec_p256", "sign_verify", "d", {"a": "1"}, origin="external", multi_region=True, policy="{}")
        stub.assert_no_pending_responses()


# -- proving ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", SPECS)
def test_probe_uses_each_kind_of_key(keys: AwsKeys, spec: str) -> None:
    assert keys.probe(new_key(keys, spec)) == SPECS[spec]


@pytest.mark.parametrize(("spec", "algorithm"), [("ec_secp256k1", "ECDSA_SHA_256"), ("ec_p384", "ECDSA_SHA_384")])
def test_probe_signs_as_canton_does(keys: AwsKeys, spec: str, algorithm: str) -> None:
    key = new_key(keys, spec)
    with Stubber(client_of(keys)) as stub:
        asked = {"KeyId": key.full_name, "Message": ANY, "MessageType": "RAW", "SigningAlgorithm": algorithm}
        stub.add_response("sign", {"Signature": b"not a signature"}, asked)
        error = expect("probe_failed", keys.probe, key)
        stub.assert_no_pending_responses()
    assert str(key.full_name) in error.message


def test_probe_notices_another_public_key(keys: AwsKeys) -> None:
    expect("probe_failed", keys.probe, replace(new_key(keys), public_key_der=new_key(keys).public_key_der))


def test_probe_notices_a_wrong_decryption(keys: AwsKeys) -> None:
    key = new_key(keys, "rsa_2048")
    with Stubber(client_of(keys)) as stub:
        stub.add_response(
            "encrypt",
            {"CiphertextBlob": b"sealed"},
            {"KeyId": key.full_name, "Plaintext": ANY, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"},
        )
        stub.add_response(
            "decrypt",
            {"Plaintext": b"other"},
            {"KeyId": key.full_name, "CiphertextBlob": b"sealed", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"},
        )
        expect("probe_failed", keys.probe, key)


@pytest.mark.parametrize(
    ("code", "words"), [("DisabledException", "Enable the key"), ("AccessDeniedException", "Allow kms:Sign")]
)
def test_probe_says_why_it_could_not(keys: AwsKeys, code: str, words: str) -> None:
    key = new_key(keys)
    refuse(keys, "Sign", code)
    assert words in expect(code, keys.probe, key).hint


def test_probe_of_a_useless_spec(keys: AwsKeys) -> None:
    expect("key_spec_unfit", keys.probe, replace(new_key(keys), spec="ecc_nist_p521"))


# -- refusals and connection ------------------------------------------------------------------------------------------


def test_throttling_is_retryable(keys: AwsKeys) -> None:
    refuse(keys, "DescribeKey", "ThrottlingException", "Rate exceeded")
    assert expect("ThrottlingException", keys.find, "alias/x").retryable


def test_unreachable_endpoint(keys: AwsKeys) -> None:
    url = "https://kms.eu-nowhere-1.amazonaws.com/"
    break_down(keys, "DescribeKey", sdk.EndpointConnectionError(endpoint_url=url))
    error = expect("EndpointConnectionError", keys.find, "alias/x")
    assert url in error.message
    assert "Check region" in error.hint


def test_answer_of_something_else(keys: AwsKeys) -> None:
    client_of(keys).describe_key = lambda **_arguments: {"message": "<html>"}
    expect("endpoint_invalid", keys.find, "alias/x")


@pytest.mark.parametrize(
    ("change", "error_id"),
    [
        ({"region": None}, "NoRegionError"),
        ({"region": "no region"}, "InvalidRegionError"),
        ({"profile": "nobody", "access_key": None, "secret_key": None}, "ProfileNotFound"),
        ({"endpoint_url": "kms.example.com"}, "endpoint_invalid"),
    ],
)
def test_connection_settings_that_lead_nowhere(keys: AwsKeys, change: dict[str, Any], error_id: str) -> None:
    assert expect(error_id, connect, {**CONNECTION, **change}).hint


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_region_of_the_environment(keys: AwsKeys, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "eu-west-3")
    assert connect({**CONNECTION, "region": None}).region == "eu-west-3"
    assert connect(CONNECTION).region == REGION


@pytest.mark.parametrize("text", ["canton/p1", "alias/canton/p1"])
def test_alias_gets_its_prefix(text: str) -> None:
    assert alias_name(text) == "alias/canton/p1"


@pytest.mark.parametrize(
    ("text", "error_id"), [("", "alias_invalid"), ("a b", "alias_invalid"), ("aws/kms", "alias_reserved")]
)
def test_alias_that_nobody_can_have(text: str, error_id: str) -> None:
    expect(error_id, alias_name, text)


@pytest.mark.parametrize(
    ("module", "name", "library"),
    [(aws_keys, "BOTO3", "boto3"), (signing, "CRYPTOGRAPHY", "cryptography")],
    ids=["boto3", "cryptography"],
)
def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, library: str) -> None:
    monkeypatch.setattr(module, f"{name}_IMPORT_ERROR", ImportError("No module"))
    with pytest.raises(DependencyMissing, match=f"pip install {library}"):
        aws_keys.check_dependencies()
