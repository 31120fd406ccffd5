# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWS refuses, in words with a remedy."""

from __future__ import annotations

import botocore.exceptions as sdk
import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.errors import failed, refused

DENIED = (
    "User: arn:aws:iam::111122223333:user/op is not authorized to perform: kms:TagResource on resource: * "
    "because no identity-based policy allows the kms:TagResource action"
)


def test_missing_permission_is_named() -> None:
    error = refused("CreateAlias", "AccessDeniedException", "", "eu-central-1")
    assert error.error_id == "AccessDeniedException"
    assert "lack the permission kms:CreateAlias" in error.message
    assert "Allow kms:CreateAlias" in error.hint
    assert not error.retryable


def test_permission_that_aws_names_wins() -> None:
    error = refused("CreateKey", "AccessDeniedException", DENIED, "eu-central-1")
    assert error.details == {"operation": "CreateKey", "action": "kms:TagResource"}
    assert "user/op" in error.message


@pytest.mark.parametrize("code", ["ThrottlingException", "KMSInternalException", "DependencyTimeoutException"])
def test_passing_failures_are_retryable(code: str) -> None:
    error = refused("Sign", code, "Rate exceeded", "eu-central-1")
    assert error.retryable
    assert "run again" in error.hint


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("UnrecognizedClientException", "check the credentials"),
        ("InvalidSignatureException", "wrong clock"),
        ("ExpiredTokenException", "expired"),
        ("NotFoundException", "region"),
        ("DisabledException", "enabled=true"),
        ("LimitExceededException", "quota"),
        ("MalformedPolicyDocumentException", "policy_lockout"),
        ("UnsupportedOperationException", "of this kind"),
    ],
)
def test_lasting_failures_have_a_remedy(code: str, words: str) -> None:
    error = refused("DescribeKey", code, "text of AWS", "eu-central-1")
    assert words in error.hint
    assert "text of AWS" in error.message
    assert not error.retryable


@pytest.mark.parametrize(
    ("exc", "words", "retryable"),
    [
        (sdk.NoCredentialsError(), "No AWS credentials were found", False),
        (sdk.ProfileNotFound(profile="nobody"), "Check profile", False),
        (sdk.NoRegionError(), "Set region", False),
        (sdk.EndpointConnectionError(endpoint_url="https://kms.eu-nowhere-1.amazonaws.com/"), "Check region", True),
        (sdk.ReadTimeoutError(endpoint_url="https://kms"), "firewall", True),
        (sdk.SSLError(endpoint_url="https://kms", error=Exception("self-signed")), "AWS_CA_BUNDLE", False),
        (sdk.UnauthorizedSSOTokenError(), "expired", False),
    ],
)
def test_sdk_failures_have_a_remedy(exc: Exception, words: str, retryable: bool) -> None:
    error = failed("DescribeKey", exc)
    assert words in str(error)
    assert error.retryable is retryable
    assert error.error_id == type(exc).__name__
