# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refusals of GCP and failures of its libraries, as one error with a remedy. Imports none of the libraries."""

from __future__ import annotations

import re

from ..._errors import CantonError
from ..errors import AlreadyExists, InvalidState, NotFound, PermissionDenied, unanswered

NOT_FOUND = "NOT_FOUND"
PERMISSION_DENIED = "PERMISSION_DENIED"
_CLASSES: dict[str, type[CantonError]] = {
    NOT_FOUND: NotFound,
    "ALREADY_EXISTS": AlreadyExists,
    "FAILED_PRECONDITION": InvalidState,
}
# google-auth's name for credentials that give no token
CREDENTIALS_FAILED = "RefreshError"
# The reason that GCP itself gives, which distinguishes it from a missing permission
API_OFF = "SERVICE_DISABLED"
# Ours: GCP has no code of its own for it
LOCATION_UNKNOWN = "location_unknown"

_TRY_AGAIN = "This is a temporary failure of GCP: run again."
_REACH = "Check endpoint_url, and from the host that runs the module its DNS, proxy and firewall."
_LOCATIONS = "Check location, for example europe-west3 or global. Some regions have no Cloud KMS, or none with protection level hsm."
CREDENTIALS = (
    "Set credentials_file, or one of Google's own sources where the module runs (GOOGLE_APPLICATION_CREDENTIALS, gcloud auth "
    "application-default login, the service account of the instance)."
)

HINTS: dict[str, str] = {
    "UNAUTHENTICATED": "The credentials are wrong, expired or revoked. " + CREDENTIALS,
    "RESOURCE_EXHAUSTED": "GCP limits the rate of these calls in a project; run again, with lower forks, serial or throttle, or raise the "
    "quota. HSM keys have a quota of their own.",
    NOT_FOUND: "Check project, location, key_ring and name.",
    "FAILED_PRECONDITION": "The key's state doesn't allow this; read it with ledgerops.canton.kms_key_info.",
    "ALREADY_EXISTS": "Something else has just taken the name: run again.",
    "ABORTED": "Something else has changed the key's policy at the same time: run again.",
    "INVALID_ARGUMENT": "Check the values that are given to the module.",
    "UNAVAILABLE": _TRY_AGAIN + " If it persists: " + _REACH,
    "DEADLINE_EXCEEDED": _TRY_AGAIN + " If it persists: " + _REACH,
    "INTERNAL": _TRY_AGAIN,
    "UNIMPLEMENTED": "Check that endpoint_url is an address of GCP KMS that serves gRPC.",
}
_TEMPORARY = ("RESOURCE_EXHAUSTED", "ALREADY_EXISTS", "ABORTED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL")

# Class names of google-auth's own exceptions.
SDK_HINTS: dict[str, str] = {
    "DefaultCredentialsError": CREDENTIALS,
    "RefreshError": "The credentials can't be renewed: log in again, or check that they, and impersonate_service_account, are "
    "still there and may be used (roles/iam.serviceAccountTokenCreator).",
    "TransportError": _REACH,
    "GoogleAuthError": CREDENTIALS,
    "OSError": CREDENTIALS,
    "ValueError": CREDENTIALS,
}

_NO_TOKEN = "metadata from plugin failed"
_PERMISSION = re.compile(r"[Pp]ermission '?(\w+(?:\.\w+)+)'?")
_MISROUTED = re.compile(r"location '[^']*'|locations/\S+ is not")


def refused(operation: str, code: str, text: str) -> CantonError:
    """For an error that GCP answered; ``operation`` is the API's name of it, ``code`` the one of gRPC."""
    if code == PERMISSION_DENIED:
        return _denied(operation, text)
    if _NO_TOKEN in text:
        # gRPC reports credentials that give no token as an unavailable service
        code = CREDENTIALS_FAILED
    hint = HINTS.get(code) or SDK_HINTS.get(code, "")
    if code in ("INVALID_ARGUMENT", NOT_FOUND) and _MISROUTED.search(text):
        code, hint = LOCATION_UNKNOWN, _LOCATIONS
    return _CLASSES.get(code, CantonError)(
        f"GCP KMS refused {operation}: {text or code}",
        error_id=code,
        hint=hint,
        retryable=code in _TEMPORARY,
        details={"operation": operation},
    )


def _denied(operation: str, text: str) -> CantonError:
    if API_OFF in text or "has not been used in project" in text:
        return CantonError(
            f"The Cloud KMS API is off in the project: {text}",
            error_id=API_OFF,
            hint="Enable it (gcloud services enable cloudkms.googleapis.com), wait a few minutes, and run again.",
            details={"operation": operation},
        )
    named = _PERMISSION.search(text)
    action = named.group(1) if named else f"for {operation}"
    return PermissionDenied(
        f"These GCP credentials lack the permission {action}: {text or 'permission denied'}",
        error_id=PERMISSION_DENIED,
        hint=f"Give them a role with {action} on the key, its key ring or the project. GCP returns the same when there is no "
        "such key: check project, location, key_ring and name, too.",
        details={"operation": operation, "action": action},
    )


def failed(operation: str, exc: Exception) -> CantonError:
    """For an error of a library itself, without an answer of GCP."""
    return unanswered("GCP KMS", operation, exc, SDK_HINTS, _REACH)
