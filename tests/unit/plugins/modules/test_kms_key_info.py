# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_key_info against an AWS KMS inside the test process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from unit.plugins.module_utils._kms.aws.support import CONNECTION, refuse

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.model import Grant
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import Rotation
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.modules import kms_key_info


def run(names: list[str] | None = None, tags: dict[str, Any] | None = None) -> Outcome:
    return kms_key_info.ensure({**CONNECTION, "names": names, "tags": tags}, False)


def found_by(outcome: Outcome) -> list[dict[str, Any]]:
    shown = outcome.result["keys"]
    assert isinstance(shown, list)
    return shown


def test_named_keys_come_in_their_order(keys: AwsKeys) -> None:
    signing = keys.create("ec_p256", "sign_verify", "", {})
    encryption = keys.create("rsa_2048", "encrypt_decrypt", "", {})
    keys.add_alias(signing, "alias/canton/signing")
    outcome = run([encryption, "alias/nothing", "alias/canton/signing"])
    assert [key["arn"] for key in found_by(outcome)] == [encryption, signing]
    assert outcome.result["missing"] == ["alias/nothing"]
    assert not outcome.changed


def test_all_keys_with_a_tag(keys: AwsKeys) -> None:
    keys.create("ec_p256", "sign_verify", "", {"CreatedBy": "someone"})
    mine = keys.create("ec_p256", "sign_verify", "namespace-key", {"CreatedBy": "Canton", "n": "1"})
    (key,) = found_by(run(tags={"CreatedBy": "Canton", "n": 1}))
    assert (key["arn"], key["description"]) == (mine, "namespace-key")
    assert len(found_by(run())) == 2


def test_keys_that_may_not_be_seen_are_told(keys: AwsKeys) -> None:
    arn = keys.create("ec_p256", "sign_verify", "", {})
    refuse(keys, "DescribeKey", "AccessDeniedException")
    outcome = run()
    assert found_by(outcome) == []
    assert arn in outcome.warnings[0]
    assert "kms:DescribeKey" in outcome.warnings[0]


def test_named_key_that_may_not_be_seen_is_an_error(keys: AwsKeys) -> None:
    arn = keys.create("ec_p256", "sign_verify", "", {})
    refuse(keys, "DescribeKey", "AccessDeniedException")
    with pytest.raises(CantonError, match="kms:DescribeKey"):
        run([arn])


def test_throttling_is_not_taken_for_a_missing_permission(keys: AwsKeys) -> None:
    keys.create("ec_p256", "sign_verify", "", {})
    refuse(keys, "DescribeKey", "ThrottlingException")
    with pytest.raises(CantonError, match="lower forks"):
        run()


def test_everything_that_can_be_set_is_shown(keys: AwsKeys) -> None:
    reader = "arn:aws:iam::111122223333:role/reader"
    arn = keys.create("symmetric", "encrypt_decrypt", "", {}, multi_region=True)
    keys.grant(arn, Grant("reader", reader, ("DescribeKey",)))
    keys.rotate(arn, Rotation(365))
    keys.replicate(arn, "eu-west-1", "", {}, None, lockout=False)
    (key,) = found_by(run([arn]))
    assert key["policy"]["Statement"][0]["Action"] == "kms:*"
    assert [(grant["name"], grant["grantee_principal"]) for grant in key["grants"]] == [("reader", reader)]
    assert key["rotation"] == {"enabled": True, "period": 365}
    assert (key["multi_region"], key["primary_region"]) == (True, "eu-central-1")
    assert [replica["region"] for replica in key["replicas"]] == ["eu-west-1"]


@pytest.mark.parametrize(
    ("operation", "part"), [("GetKeyPolicy", "policy"), ("ListGrants", "grants"), ("GetKeyRotationStatus", "rotation")]
)
def test_what_may_not_be_read_is_a_note(keys: AwsKeys, operation: str, part: str) -> None:
    arn = keys.create("symmetric", "encrypt_decrypt", "", {})
    refuse(keys, operation, "AccessDeniedException")
    outcome = run([arn])
    assert {name for name in ("policy", "grants", "rotation") if found_by(outcome)[0][name] is None} == {part}
    (warning,) = outcome.warnings
    assert warning == f"{part.capitalize()} of {arn} can't be read: the permission kms:{operation} is missing."


def test_a_note_on_many_keys_is_one_warning(keys: AwsKeys) -> None:
    for spec in ("ec_p256", "ec_p384", "ec_secp256k1"):
        keys.create(spec, "sign_verify", "", {})
    refuse(keys, "GetKeyPolicy", "AccessDeniedException")
    assert run().warnings == ["Policy of 3 keys can't be read: the permission kms:GetKeyPolicy is missing."]


def test_module_from_arguments_to_json(keys: AwsKeys, capfd: pytest.CaptureFixture[str]) -> None:
    arn = keys.create("symmetric", "encrypt_decrypt", "", {})
    with patch_module_args({"names": [arn], "region": "eu-central-1"}), pytest.raises(SystemExit):
        kms_key_info.main()
    result = json.loads(capfd.readouterr().out)
    assert result["changed"] is False
    assert result["keys"][0]["spec"] == "symmetric"
    assert result["keys"][0]["fingerprint"] is None
