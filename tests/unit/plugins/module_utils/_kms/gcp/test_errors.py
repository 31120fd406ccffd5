# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refusals of GCP, each with a remedy."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._kms.gcp.support import NODE, Gcp

from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp import errors as gcp_errors


def denied_calls() -> list[tuple[str, dict[str, Any]]]:
    return [
        ("cryptoKeys.get", {"purpose": "namespace"}),
        ("cryptoKeyVersions.get", {}),
        ("cryptoKeyVersions.viewPublicKey", {}),
        ("cryptoKeyVersions.useToSign", {"probe": True}),
        ("cryptoKeyVersions.update", {"enabled": False}),
        ("cryptoKeyVersions.destroy", {"state": "absent"}),
        ("cryptoKeys.update", {"labels": {"a": "1"}}),
        ("cryptoKeys.getIamPolicy", {"node_principals": [NODE]}),
        ("cryptoKeys.setIamPolicy", {"node_principals": [NODE]}),
        ("cryptoKeys.create", {"name": "other", "purpose": "namespace"}),
        ("keyRings.get", {"name": "other", "purpose": "namespace"}),
        ("keyRings.create", {"name": "k", "key_ring": "other", "purpose": "namespace", "create_key_ring": True}),
    ]


@pytest.mark.parametrize(("permission", "asked"), denied_calls())
def test_missing_permission_is_named(cloud: Gcp, permission: str, asked: dict[str, Any]) -> None:
    cloud.run(purpose="namespace")
    cloud.service.faults.denied = {permission}
    error = cloud.refused(**asked)
    assert error.error_id == "PERMISSION_DENIED"
    assert error.details["action"] == f"cloudkms.{permission}" and f"cloudkms.{permission}" in error.hint
    cloud.service.faults.denied = set()
    assert cloud.run(**asked)


def test_wrong_location(cloud: Gcp) -> None:
    for location in ("eu-central-1", "europe-west33"):
        error = cloud.refused(purpose="namespace", location=location)
        assert error.error_id == "location_unknown" and "europe-west3" in error.hint


def test_refused_credentials_and_an_api_that_is_off(cloud: Gcp) -> None:
    cloud.service.faults.unauthenticated = True
    assert "credentials_file" in cloud.refused(purpose="namespace").hint
    cloud.service.faults.unauthenticated, cloud.service.faults.api_off = False, True
    assert "gcloud services enable" in cloud.refused(purpose="namespace").hint


def test_credentials_that_give_no_token() -> None:
    text = "Getting metadata from plugin failed with error: ('invalid_grant', 'Token has been expired or revoked.')"
    error = gcp_errors.refused("GetCryptoKey", "UNAVAILABLE", text)
    assert error.error_id == "RefreshError" and "log in again" in error.hint and not error.retryable
