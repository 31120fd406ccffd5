# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IAM policies of keys in GCP KMS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from unit.plugins.module_utils._kms.gcp.support import NODE, Gcp, key_of


@pytest.mark.parametrize(
    ("purpose", "roles"),
    [
        ("namespace", ["publicKeyViewer", "signer", "viewer"]),
        ("encryption", ["cryptoKeyDecrypter", "publicKeyViewer", "viewer"]),
        ("wrapper", ["cryptoKeyEncrypterDecrypter", "viewer"]),
    ],
)
def test_policy_of_least_privilege(cloud: Gcp, purpose: str, roles: list[str]) -> None:
    done = cloud.thrice(purpose=purpose, node_principals=[NODE])
    assert done.after["policy"] == [{"role": f"roles/cloudkms.{role}", "members": [NODE]} for role in roles]
    policy: Any = key_of(done)["policy"]
    assert {each["role"] for each in policy["bindings"]} == {f"roles/cloudkms.{role}" for role in roles}
    assert cloud.thrice(node_principals=[]).after["policy"] == []


def test_policy_counts_by_what_it_means(cloud: Gcp) -> None:
    other = "user:a@example.com"
    once = {"expression": 'request.time < timestamp("2030-01-01T00:00:00Z")', "title": "until 2030"}
    bindings: list[dict[str, Any]] = [
        {"role": "roles/cloudkms.signer", "members": [NODE, other]},
        {"role": "roles/cloudkms.viewer", "members": [NODE], "condition": once},
    ]
    cloud.thrice(purpose="namespace", policy=json.dumps({"bindings": bindings}))
    same = [
        {"role": "roles/cloudkms.viewer", "members": [NODE], "condition": {**once, "title": "other words"}},
        {"role": "roles/cloudkms.signer", "members": ["user:A@Example.com"]},
        {"role": "roles/cloudkms.signer", "members": [NODE]},
        {"role": "roles/cloudkms.admin", "members": []},
    ]
    assert not cloud.run(policy={"version": 3, "bindings": same}).changed
    always = [{name: part for name, part in each.items() if name != "condition"} for each in bindings]
    assert cloud.run(check=True, policy={"bindings": always}).changed
    without = [{**each, "members": [NODE]} for each in bindings]
    assert cloud.run(policy={"bindings": without}).changed


def test_policy_that_somebody_changes_meanwhile_is_not_overwritten(cloud: Gcp) -> None:
    cloud.run(purpose="namespace")
    cloud.service.faults.concurrent_policy_changes = 1
    error = cloud.refused(node_principals=[NODE])
    assert error.error_id == "ABORTED" and error.retryable and "run again" in error.hint
    assert cloud.run(node_principals=[NODE]).changed


@pytest.mark.parametrize(
    "policy",
    [
        "{",
        "[]",
        {"Statement": []},
        {"bindings": {}},
        {"bindings": [{"members": []}]},
        {"bindings": [{"role": "signer", "members": []}]},
        {"bindings": [{"role": "roles/cloudkms.signer", "members": NODE}]},
        {"bindings": [{"role": "roles/cloudkms.signer", "members": ["node@example.com"]}]},
        {"bindings": [{"role": "roles/cloudkms.signer", "members": [], "condition": {"title": "t"}}]},
        {"bindings": [{"role": "roles/cloudkms.signer", "members": [], "effect": "deny"}]},
    ],
)
def test_malformed_policy_is_an_error_before_anything_is_asked(cloud: Gcp, policy: Any) -> None:
    assert cloud.refused(purpose="namespace", policy=policy).error_id == "policy_malformed"
    assert not cloud.service.calls


def test_policy_that_google_refuses(cloud: Gcp) -> None:
    error = cloud.refused(purpose="namespace", node_principals=["serviceAccount:nobody@p-1.iam.gserviceaccount.com"])
    assert error.error_id == "INVALID_ARGUMENT" and "does not exist" in error.message
