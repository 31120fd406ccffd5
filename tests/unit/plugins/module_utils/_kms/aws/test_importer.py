# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls of an import, word for word, and AWS's refusals that no double gives, with botocore's Stubber
(docs/canton/kms-aws.md#importing-key-material, docs/canton/kms-aws.md#what-test-doubles-accept)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import ANY, Stubber

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws import importer as aws_importer
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.model import AwsKey
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import DesiredKey
from sandbox.wire import crypto

ID = "00000000-0000-4000-8000-000000000001"
ARN = f"arn:aws:kms:eu-central-1:111122223333:key/{ID}"
PRINT = "1220" + "ab" * 32
MARKED = {"TagKey": "canton-fingerprint", "TagValue": PRINT}
WRAPPING_KEY = crypto.generate_encryption(crypto.ENC_RSA2048)[0]
PUBLIC, PRIVATE = crypto.generate_signing(crypto.P256)
DESIRED = DesiredKey(PRINT, "ec_p256", "sign_verify", PUBLIC, "signing key")
KEY = AwsKey("pending_import", "ec_p256", "sign_verify", full_name=ARN)


@pytest.fixture
def stub() -> Iterator[Stubber]:
    client: Any = boto3.client(
        "kms",
        region_name="eu-central-1",
        aws_access_key_id="unit-test-access",
        aws_secret_access_key="unit-test-secret",
    )
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def importer(stub: Stubber, **more: Any) -> aws_importer.AwsImporter:
    options: dict[str, Any] = {"alias": "alias/one", "description": None, "tags": None, "wait_timeout": 0.0, **more}
    return aws_importer.AwsImporter(aws_importer.ImportCalls(AwsKeys(stub.client)), **options)


def metadata(arn: str = ARN, state: str = "PendingImport", origin: str = "EXTERNAL") -> dict[str, Any]:
    found = {
        "KeyId": arn.rpartition("/")[2],
        "Arn": arn,
        "KeyState": state,
        "Origin": origin,
        "KeySpec": "ECC_NIST_P256",
        "KeyUsage": "SIGN_VERIFY",
        "CreationDate": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return {"KeyMetadata": found}


def parameters(stub: Stubber) -> None:
    asked = {"KeyId": ARN, "WrappingAlgorithm": "RSA_AES_KEY_WRAP_SHA_256", "WrappingKeySpec": "RSA_4096"}
    stub.add_response("get_parameters_for_import", {"ImportToken": b"token", "PublicKey": WRAPPING_KEY}, asked)


def refused(act: Any, *arguments: Any) -> CantonError:
    with pytest.raises(CantonError) as caught:
        act(*arguments)
    return caught.value


def test_material_never_expires(stub: Stubber) -> None:
    parameters(stub)
    sent = {
        "KeyId": ARN,
        "ImportToken": b"token",
        "EncryptedKeyMaterial": ANY,
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
    }
    stub.add_response("import_key_material", {}, sent)
    importer(stub).send(KEY, bytearray(PRIVATE))


def test_an_expired_token_is_fetched_again_once(stub: Stubber) -> None:
    for _time in range(2):
        parameters(stub)
        stub.add_client_error("import_key_material", "ExpiredImportTokenException", "The import token has expired.")
    error = refused(importer(stub).send, KEY, bytearray(PRIVATE))
    assert error.error_id == "ExpiredImportTokenException"
    assert "24 hours" in error.hint


@pytest.mark.parametrize(
    ("code", "in_hint"),
    [
        ("IncorrectKeyMaterialException", "another alias"),
        ("InvalidCiphertextException", "endpoint_url"),
        ("KMSInvalidStateException", "state"),
        ("ThrottlingException", "run again"),
        ("UnsupportedOperationException", ""),
    ],
)
def test_other_refusals_are_not_repeated(stub: Stubber, code: str, in_hint: str) -> None:
    parameters(stub)
    stub.add_client_error("import_key_material", code, "no")
    error = refused(importer(stub).send, KEY, bytearray(PRIVATE))
    assert error.error_id == code
    assert in_hint in error.hint
    assert PRIVATE.hex() not in repr(error.__cause__) + str(error)


def test_a_timeout(stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    def silence(**_arguments: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://kms")

    monkeypatch.setattr(stub.client, "get_parameters_for_import", silence)
    error = refused(importer(stub).send, KEY, bytearray(PRIVATE))
    assert error.error_id == "ReadTimeoutError"
    assert error.retryable


def test_a_key_is_made_for_its_material(stub: Stubber) -> None:
    asked = {
        "KeySpec": "ECC_NIST_P256",
        "KeyUsage": "SIGN_VERIFY",
        "Origin": "EXTERNAL",
        "Description": "d",
        "Tags": [MARKED, {"TagKey": "host", "TagValue": "p1"}],
    }
    stub.add_response("create_key", metadata(), asked)
    # AWS is consistent only in the end: a new key may not be there at once
    stub.add_client_error("describe_key", "NotFoundException")
    stub.add_response("describe_key", metadata())
    stub.add_response("list_aliases", {"Aliases": []})
    stub.add_response("list_resource_tags", {"Tags": [MARKED]})
    stub.add_client_error("get_public_key", "KMSInvalidStateException")
    made = importer(stub, description="d", tags={"host": "p1"}, wait_timeout=5.0).create(DESIRED)
    assert (made.state, made.full_name, made.public_key_der) == ("pending_import", ARN, None)


def test_a_key_that_is_never_shown(stub: Stubber) -> None:
    stub.add_response("create_key", metadata())
    stub.add_client_error("describe_key", "NotFoundException")
    error = refused(importer(stub).create, DESIRED)
    assert error.error_id == "change_not_visible" and error.retryable


def test_only_keys_with_the_mark_are_found(stub: Stubber) -> None:
    arns = [ARN[:-1] + str(number) for number in range(1, 7)]
    stub.add_client_error("describe_key", "NotFoundException")
    stub.add_response("list_keys", {"Keys": [{"KeyArn": arn} for arn in arns]})
    stub.add_client_error("describe_key", "AccessDeniedException")  # another team's
    stub.add_client_error("describe_key", "NotFoundException")  # deleted meanwhile
    stub.add_response("describe_key", metadata(arns[2], "Enabled", "AWS_KMS"))
    stub.add_response("describe_key", metadata(arns[3], "PendingDeletion"))
    stub.add_response("describe_key", metadata(arns[4]))
    stub.add_response("list_resource_tags", {"Tags": [{**MARKED, "TagValue": "1220"}]})
    stub.add_response("describe_key", metadata(arns[5]))
    stub.add_response("list_resource_tags", {"Tags": [MARKED]})
    stub.add_response("describe_key", metadata(arns[5]))
    stub.add_response("list_aliases", {"Aliases": []})
    stub.add_response("list_resource_tags", {"Tags": [MARKED]})
    stub.add_client_error("get_public_key", "KMSInvalidStateException")
    found = importer(stub).find(DESIRED)
    assert found is not None and found.full_name == arns[5]


def test_tags_that_cannot_be_read_stop_it(stub: Stubber) -> None:
    """Otherwise a second key would be made beside the one that waits."""
    stub.add_client_error("describe_key", "NotFoundException")
    stub.add_response("list_keys", {"Keys": [{"KeyArn": ARN}]})
    stub.add_response("describe_key", metadata())
    stub.add_client_error(
        "list_resource_tags", "AccessDeniedException", "not authorized to perform: kms:ListResourceTags"
    )
    error = refused(importer(stub).find, DESIRED)
    assert error.details["action"] == "kms:ListResourceTags"


@pytest.mark.parametrize(
    ("refusals", "said"),
    [
        ([], "deleted in 7 days"),
        (["schedule_key_deletion"], "disabled"),
        (["schedule_key_deletion", "disable_key"], "neither deleted nor disabled"),
    ],
)
def test_what_became_of_a_wrong_key(stub: Stubber, refusals: list[str], said: str) -> None:
    if not refusals:
        stub.add_response("schedule_key_deletion", {}, {"KeyId": ID, "PendingWindowInDays": 7})
    for operation in refusals:
        stub.add_client_error(operation, "AccessDeniedException")
    if len(refusals) == 1:
        stub.add_response("disable_key", {}, {"KeyId": ID})
    assert said in importer(stub).discard(KEY)


def test_an_alias_that_another_took_meanwhile(stub: Stubber) -> None:
    stub.add_client_error("create_alias", "AlreadyExistsException")
    stub.add_response("describe_key", metadata(ARN[:-1] + "9"))
    view: dict[str, Any] = {"alias": None, "description": "", "tags": {}}
    error = refused(importer(stub).finish, KEY, view, {**view, "alias": "alias/one"})
    assert error.error_id == "AlreadyExistsException"
