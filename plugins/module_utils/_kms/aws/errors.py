# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refusals of AWS and failures of its SDK, as one error with a remedy. Imports no SDK."""

from __future__ import annotations

import re

from ..._errors import CantonError
from ..errors import AlreadyExists, InvalidState, NotFound, PermissionDenied, unanswered

ACCESS_DENIED = "AccessDeniedException"


class Disabled(CantonError):
    """The key is disabled."""


class Unsupported(CantonError):
    """AWS KMS can't do this with a key of this kind."""


class ImportTokenExpired(CantonError):
    """The import token is too old, by the clock of AWS."""


_CLASSES: dict[str, type[CantonError]] = {
    "NotFoundException": NotFound,
    "AlreadyExistsException": AlreadyExists,
    "KMSInvalidStateException": InvalidState,
    "DisabledException": Disabled,
    "UnsupportedOperationException": Unsupported,
    "ExpiredImportTokenException": ImportTokenExpired,
}

_CREDENTIALS_WRONG = (
    "The access key, its secret or the session token is wrong, or of another AWS partition; check the credentials."
)
_CREDENTIALS_EXPIRED = (
    "The session has expired: log in again (for example aws sso login), or pass a fresh session_token."
)
_SLOW_DOWN = (
    "AWS limits the rate of these calls in this account and region; run again, with lower forks, serial or throttle."
)
_TRY_AGAIN = "This is a temporary failure of AWS: run again."
_REACH = "Check region and endpoint_url, and from the host that runs the module its DNS, proxy and firewall."

HINTS: dict[str, str] = {
    "UnrecognizedClientException": _CREDENTIALS_WRONG,
    "InvalidClientTokenId": _CREDENTIALS_WRONG,
    "InvalidSignatureException": _CREDENTIALS_WRONG + " A wrong clock on this host has the same effect.",
    "SignatureDoesNotMatch": _CREDENTIALS_WRONG,
    "IncompleteSignature": _CREDENTIALS_WRONG,
    "MissingAuthenticationToken": _CREDENTIALS_WRONG,
    "ExpiredTokenException": _CREDENTIALS_EXPIRED,
    "ExpiredToken": _CREDENTIALS_EXPIRED,
    "RequestExpired": _CREDENTIALS_EXPIRED,
    "ThrottlingException": _SLOW_DOWN,
    "Throttling": _SLOW_DOWN,
    "TooManyRequestsException": _SLOW_DOWN,
    "RequestLimitExceeded": _SLOW_DOWN,
    "LimitExceededException": "A quota is used up (keys, aliases or tags); raise it, or delete what isn't needed.",
    "NotFoundException": "Check the name or id, the region, and whether the credentials are of the account that holds the key.",
    "DisabledException": "Enable the key first: ledgerops.canton.kms_key with enabled=true.",
    "InvalidKeyUsageException": "The key is for something else (sign_verify or encrypt_decrypt); read it with ledgerops.canton.kms_key_info.",
    "KMSInvalidStateException": "The key's state doesn't allow this; read it with ledgerops.canton.kms_key_info.",
    "AlreadyExistsException": "Something else has just taken the name: run again.",
    "ExpiredImportTokenException": "An import token lives 24 hours; check the clocks, and run again.",
    "InvalidImportTokenException": "The import token is of another key; run again.",
    "InvalidCiphertextException": "AWS could not unwrap the key material; check that endpoint_url leads to AWS KMS, and run again.",
    "IncorrectKeyMaterialException": "The key once had other key material, which can never be replaced; choose another alias.",
    "UnsupportedOperationException": "AWS KMS can't do this with a key of this kind; read it with ledgerops.canton.kms_key_info.",
    "MalformedPolicyDocumentException": "Check the policy: each principal has to exist, and the caller has to keep the "
    "permission to change the policy (unless policy_lockout is true). AWS may know a new role only after a minute.",
    "InvalidGrantIdException": "Something else has just revoked the grant: run again.",
    "InvalidArnException": "Check the ARN: arn:aws:kms:REGION:ACCOUNT:key/ID.",
    "InvalidAliasNameException": "Use letters, digits, and the signs / _ - only.",
    "TagException": "Check the tags: no name may begin with aws: and there may be 50 at most.",
    "KeyUnavailableException": _TRY_AGAIN,
    "DependencyTimeoutException": _TRY_AGAIN,
    "KMSInternalException": _TRY_AGAIN,
    "InternalFailure": _TRY_AGAIN,
    "ServiceUnavailable": _TRY_AGAIN,
}
_TEMPORARY = (_SLOW_DOWN, _TRY_AGAIN)

# Class names of botocore's own exceptions.
SDK_HINTS: dict[str, str] = {
    "NoCredentialsError": "No AWS credentials were found where the module runs: set profile, or access_key and "
    "secret_key, or one of AWS's own sources (AWS_PROFILE, AWS_ACCESS_KEY_ID, the instance's role).",
    "PartialCredentialsError": "Give both halves: access_key and secret_key.",
    "ProfileNotFound": "Check profile (or AWS_PROFILE) against ~/.aws/config of the user that runs the module.",
    "CredentialRetrievalError": _CREDENTIALS_EXPIRED,
    "SSOError": _CREDENTIALS_EXPIRED,
    "NoRegionError": "Set region, or AWS_REGION in the module's environment.",
    "InvalidRegionError": "Check region, for example eu-central-1.",
    "SSLError": _REACH + " If a proxy replaces certificates, name its CA in AWS_CA_BUNDLE.",
    "HTTPClientError": _REACH,
    "ConnectionError": _REACH,
    "ParamValidationError": "Check the values that are given to the module.",
}


def refused(operation: str, code: str, text: str, region: str | None, service: str = "kms") -> CantonError:
    """For an error that AWS answered; ``operation`` is the API's name of it, such as CreateKey."""
    if code.removeprefix("Client.") in (ACCESS_DENIED, "AccessDenied", "UnauthorizedOperation"):
        return _denied(f"{service}:{operation}", operation, text)
    hint = HINTS.get(code, "")
    return _CLASSES.get(code, CantonError)(
        f"AWS {service.upper()} in {region} refused {operation}: {text or code}",
        error_id=code,
        hint=hint,
        retryable=hint in _TEMPORARY,
        details={"operation": operation},
    )


def _denied(action: str, operation: str, text: str) -> CantonError:
    # CreateKey with tags is refused for want of another action than its own; AWS names it
    named = re.search(r"perform: ([a-z]+:\w+)", text)
    if named:
        action = named.group(1)
    other = "neither the key's policy nor an organisation's policy denies it"
    if action == "sts:AssumeRole":
        other = "the role exists and that its trust policy lets them (with the external_id, if it asks for one)"
    return PermissionDenied(
        f"These AWS credentials lack the permission {action}: {text or 'access denied'}",
        error_id=ACCESS_DENIED,
        hint=f"Allow {action} to them in an IAM policy, and check that {other}.",
        details={"operation": operation, "action": action},
    )


def failed(operation: str, exc: Exception, service: str = "kms") -> CantonError:
    """For an error of the SDK itself, without an answer of AWS."""
    return unanswered(f"AWS {service.upper()}", operation, exc, SDK_HINTS, _REACH)
