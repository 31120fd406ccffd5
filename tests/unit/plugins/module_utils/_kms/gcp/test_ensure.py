# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_key against a GCP KMS inside the test process, from its options to its result."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from unit.plugins.module_utils._kms.gcp.support import RING, Gcp, key_of

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import fingerprint
from ansible_collections.ledgerops.canton.plugins.modules import kms_key

PURPOSES = {
    "namespace": ("ec_p256", "sign_verify", "EC_SIGN_P256_SHA256"),
    "sequencer_authentication": ("ec_p256", "sign_verify", "EC_SIGN_P256_SHA256"),
    "protocol": ("ec_p256", "sign_verify", "EC_SIGN_P256_SHA256"),
    "encryption": ("rsa_2048", "encrypt_decrypt", "RSA_DECRYPT_OAEP_2048_SHA256"),
    "wrapper": ("symmetric", "encrypt_decrypt", "GOOGLE_SYMMETRIC_ENCRYPTION"),
}


@pytest.mark.parametrize("purpose", PURPOSES)
def test_key_of_each_purpose(cloud: Gcp, purpose: str) -> None:
    done = cloud.thrice(purpose=purpose, labels={"n": 1}, probe=True)
    key = key_of(done)
    assert done.before == {"state": "absent", "key_ring": "present"}
    assert (key["spec"], key["usage"], key["algorithm"]) == PURPOSES[purpose]
    assert (key["state"], key["labels"], key["protection_level"]) == ("enabled", {"n": "1"}, "hsm")
    assert (key["key_id"], key["resource_name"]) == ("key", f"{RING}/cryptoKeys/key")
    assert (key["arn"], key["tags"], key["aliases"], key["destroy_scheduled_duration"]) == (None, None, None, 30)
    assert done.result["probe"] == PURPOSES[purpose][1]
    if purpose == "wrapper":
        assert (key["public_key_pem"], key["fingerprint"]) == (None, None)
    else:
        der = base64.b64decode(key["public_key_der"])
        assert key["fingerprint"] == fingerprint(key["spec"], der)
        assert key["public_key_pem"].startswith("-----BEGIN PUBLIC KEY-----\n")


def test_absent_key_needs_nothing(cloud: Gcp) -> None:
    outcome = cloud.run(state="absent")
    assert (outcome.changed, outcome.result["key"]) == (False, None)


def test_check_mode_knows_no_public_key_of_a_new_key(cloud: Gcp) -> None:
    key = key_of(cloud.run(check=True, purpose="namespace", probe=True))
    assert key["resource_name"] == f"{RING}/cryptoKeys/key"
    assert (key["public_key_pem"], key["fingerprint"], key["created"]) == (None, None, None)


@pytest.mark.parametrize(
    ("asked", "error_id"),
    [
        ({"purpose": "namespace", "spec": "rsa_2048"}, "key_spec_unfit"),
        ({"purpose": "namespace", "usage": "encrypt_decrypt"}, "key_usage_unfit"),
        ({"usage": "sign_verify"}, "key_spec_missing"),
        ({}, "key_spec_missing"),
        ({"spec": "ec_secp256k1", "protection_level": "software"}, "protection_level_unfit"),
        ({"purpose": "namespace", "rotation": True}, "rotation_unfit"),
        ({"purpose": "wrapper", "rotation_period": 3}, "value_invalid"),
        ({"purpose": "wrapper", "rotation": True, "rotation_period": 0}, "value_invalid"),
        ({"purpose": "namespace", "destroy_scheduled_duration": 121}, "value_invalid"),
        ({"purpose": "namespace", "labels": {"Upper": "x"}}, "label_invalid"),
        ({"purpose": "namespace", "labels": {"x": "Y"}}, "label_invalid"),
        ({"purpose": "namespace", "labels": {f"l{number}": "" for number in range(65)}}, "label_invalid"),
        ({"purpose": "namespace", "name": "a/b"}, "name_invalid"),
        ({"purpose": "namespace", "project": "projects/p"}, "name_invalid"),
        ({"purpose": "namespace", "probe": True, "enabled": False}, "value_invalid"),
        ({"purpose": "namespace", "node_principals": ["node"]}, "policy_malformed"),
        ({"purpose": "namespace", "endpoint_url": "http://example.com"}, "endpoint_invalid"),
        ({"purpose": "namespace", "endpoint_url": "cloudkms.googleapis.com"}, "endpoint_invalid"),
        ({"purpose": "namespace", "endpoint_url": "https://example.com:port"}, "endpoint_invalid"),
        ({"purpose": "namespace", "endpoint_url": "https://user:word@example.com"}, "endpoint_invalid"),
        ({"purpose": "namespace", "alias": "a", "description": "b"}, "option_unfit"),
    ],
)
def test_what_can_not_be_is_refused_before_anything_changes(cloud: Gcp, asked: dict[str, Any], error_id: str) -> None:
    assert cloud.refused(**asked).error_id == error_id
    assert not cloud.writes({})


def test_module_asks_for_the_place_of_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    with patch_module_args({"provider": "gcp", "project": "p"}), pytest.raises(SystemExit):
        kms_key.main()
    assert "location, key_ring, name" in json.loads(capsys.readouterr().out)["msg"]
