# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_key against an AWS KMS inside the test process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from unit.plugins.module_utils._kms.aws.support import ALIAS, key_of, record, refuse, refused, run, run_thrice, writes

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.model import AwsKey
from ansible_collections.ledgerops.canton.plugins.modules import kms_key

PURPOSES = {
    "namespace": ("ec_p256", "sign_verify"),
    "sequencer_authentication": ("ec_p256", "sign_verify"),
    "protocol": ("ec_p256", "sign_verify"),
    "encryption": ("rsa_2048", "encrypt_decrypt"),
    "wrapper": ("symmetric", "encrypt_decrypt"),
}


@pytest.mark.parametrize("purpose", PURPOSES)
def test_key_of_each_purpose(keys: AwsKeys, purpose: str) -> None:
    done = run_thrice(keys, alias=f"canton/p1/{purpose}", purpose=purpose, tags={"n": 1}, description="d", probe=False)
    key = key_of(done)
    assert done.before == {"state": "absent"}
    assert done.changed
    assert (key["spec"], key["usage"]) == PURPOSES[purpose]
    assert (key["state"], key["description"], key["tags"]) == ("enabled", "d", {"n": "1"})
    assert key["aliases"] == [f"alias/canton/p1/{purpose}"]
    assert len(keys.names()) == 1


def test_key_of_an_explicit_spec(keys: AwsKeys) -> None:
    assert key_of(run_thrice(keys, alias=ALIAS, spec="ec_p384", usage="sign_verify"))["spec"] == "ec_p384"


def test_new_key_that_is_to_be_disabled(keys: AwsKeys) -> None:
    assert key_of(run_thrice(keys, alias=ALIAS, purpose="namespace", enabled=False))["state"] == "disabled"


def test_check_mode_knows_no_ids_of_a_new_key(keys: AwsKeys) -> None:
    outcome = run(check=True, alias=ALIAS, purpose="namespace", probe=True)
    key = key_of(outcome)
    assert {name for name, value in key.items() if value is None} == {
        "key_id",
        "arn",
        "created",
        "deletion_date",
        "primary_region",
        "policy",
        "grants",
        "rotation",
        "public_key_pem",
        "public_key_der",
        "fingerprint",
    }
    assert (key["aliases"], key["tags"], outcome.result["probe"]) == ([ALIAS], {}, None)


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"description": "new"}, "description", "new"),
        ({"tags": {"b": "3", "c": "4"}}, "tags", {"b": "3", "c": "4"}),
        ({"tags": {"c": "4"}, "purge_tags": False}, "tags", {"a": "1", "b": "2", "c": "4"}),
        ({"tags": {}}, "tags", {}),
        ({"enabled": False}, "state", "disabled"),
    ],
)
def test_change_of_an_existing_key(keys: AwsKeys, change: dict[str, Any], field: str, value: object) -> None:
    first = run(alias=ALIAS, purpose="namespace", description="old", tags={"a": "1", "b": "2"})
    done = run_thrice(keys, alias=ALIAS, **change)
    assert key_of(done)[field] == value
    assert {name for name in done.after if done.after[name] != done.before[name]} == {field}
    assert key_of(done)["arn"] == key_of(first)["arn"]


def test_what_is_not_asked_is_left_alone(keys: AwsKeys) -> None:
    run(alias=ALIAS, purpose="namespace", description="old", tags={"a": "1"})
    done = run(alias=ALIAS, purpose="namespace")
    assert not done.changed
    assert (key_of(done)["description"], key_of(done)["tags"]) == ("old", {"a": "1"})


def test_alias_is_added_to_a_key_given_by_id(keys: AwsKeys) -> None:
    arn = keys.create("ec_p256", "sign_verify", "made by a node", {"CreatedBy": "Canton"})
    done = run_thrice(keys, key_id=arn, alias=ALIAS, purpose="namespace")
    assert done.before["alias"] is None
    assert key_of(done)["aliases"] == [ALIAS]
    assert key_of(done)["tags"] == {"CreatedBy": "Canton"}


def test_key_of_a_node_is_checked_without_any_change(keys: AwsKeys) -> None:
    arn = keys.create("ec_p256", "sign_verify", "made by a node", {"CreatedBy": "Canton"})
    done = run_thrice(keys, key_id=arn, purpose="protocol", probe=True)
    assert not done.changed
    assert done.result["probe"] == "sign_verify"


def test_absent_and_back_again(keys: AwsKeys) -> None:
    run(alias=ALIAS, purpose="namespace")
    gone = run_thrice(keys, alias=ALIAS, state="absent", pending_window=7)
    assert (key_of(gone)["state"], gone.changed) == ("pending_deletion", True)
    assert key_of(gone)["deletion_date"] is not None
    assert refused(alias=ALIAS, purpose="namespace").error_id == "key_pending_deletion"
    back = run_thrice(keys, alias=ALIAS, purpose="namespace", cancel_deletion=True, description="kept")
    assert (key_of(back)["state"], key_of(back)["description"]) == ("enabled", "kept")
    assert key_of(back)["deletion_date"] is None


@pytest.mark.parametrize("name", [{"alias": ALIAS}, {"key_id": "00000000-0000-4000-8000-000000000000"}])
def test_absent_without_a_key_is_nothing_to_do(keys: AwsKeys, name: dict[str, str]) -> None:
    done = run_thrice(keys, state="absent", **name)
    assert (done.changed, done.result["key"]) == (False, None)


def test_absent_does_not_delete_a_key_of_another_kind(keys: AwsKeys) -> None:
    run(alias=ALIAS, purpose="namespace")
    assert refused(alias=ALIAS, purpose="encryption", state="absent").error_id == "key_spec_mismatch"
    assert key_of(run(alias=ALIAS))["state"] == "enabled"


def test_probe_of_a_new_key(keys: AwsKeys) -> None:
    assert run(alias=ALIAS, purpose="namespace", probe=True).result["probe"] == "sign_verify"
    assert run(check=True, alias=ALIAS, probe=True).result["probe"] == "sign_verify"


def no_permission(key: AwsKey) -> str:
    raise CantonError(f"no permission to sign with {key.full_name}", "AccessDeniedException", "Allow it.")


def test_probe_that_is_refused_keeps_the_key_for_the_next_run(keys: AwsKeys) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "probe", no_permission)
        assert refused(alias=ALIAS, purpose="namespace", probe=True).error_id == "AccessDeniedException"
    assert not run(alias=ALIAS, purpose="namespace", probe=True).changed
    assert len(keys.names()) == 1


@pytest.mark.parametrize(
    "asked", [{"purpose": "encryption"}, {"spec": "ec_p384"}, {"purpose": "protocol", "spec": "ec_p384"}]
)
def test_wrong_spec_is_an_error_and_changes_nothing(keys: AwsKeys, asked: dict[str, Any]) -> None:
    run(alias=ALIAS, purpose="namespace")
    calls = record(keys)
    assert refused(alias=ALIAS, description="other", **asked).error_id == "key_spec_mismatch"
    assert not writes(calls)


def test_disabled_key_is_an_error_until_someone_decides(keys: AwsKeys) -> None:
    run(alias=ALIAS, purpose="namespace", enabled=False)
    error = refused(alias=ALIAS, purpose="namespace")
    assert error.error_id == "key_disabled"
    assert "Set enabled to true" in error.hint
    assert key_of(run(alias=ALIAS, purpose="namespace", enabled=True))["state"] == "enabled"


def test_alias_of_another_key_is_never_moved(keys: AwsKeys) -> None:
    first = key_of(run(alias=ALIAS, purpose="namespace"))
    other = keys.create("ec_p256", "sign_verify", "", {})
    error = refused(key_id=other, alias=ALIAS)
    assert error.error_id == "alias_taken"
    assert str(first["arn"]) in error.message
    assert keys.identify(ALIAS) == first["arn"]


@pytest.mark.parametrize(
    ("options", "error_id"),
    [
        ({"alias": ALIAS}, "key_spec_missing"),
        ({"key_id": "00000000-0000-4000-8000-000000000000", "purpose": "namespace"}, "key_not_found"),
        ({"alias": "no spaces please"}, "alias_invalid"),
        ({"alias": ALIAS, "purpose": "namespace", "spec": "rsa_2048"}, "key_spec_unfit"),
        ({"alias": ALIAS, "state": "absent", "pending_window": 3}, "value_invalid"),
        ({"alias": ALIAS, "purpose": "namespace", "enabled": False, "probe": True}, "value_invalid"),
        ({"alias": ALIAS, "state": "absent", "probe": True}, "value_invalid"),
    ],
)
def test_options_that_lead_nowhere_create_nothing(keys: AwsKeys, options: dict[str, Any], error_id: str) -> None:
    error = refused(**options)
    assert error.error_id == error_id
    assert error.hint
    assert keys.names() == []


@pytest.mark.parametrize("operation", ["DescribeKey", "CreateKey", "CreateAlias"])
def test_missing_permission_is_named_and_nothing_usable_is_left(keys: AwsKeys, operation: str) -> None:
    refuse(keys, operation, "AccessDeniedException")
    error = refused(alias=ALIAS, purpose="namespace")
    assert error.error_id == "AccessDeniedException"
    assert f"kms:{operation}" in error.message


def test_check_mode_needs_no_permission_to_write(keys: AwsKeys) -> None:
    refuse(keys, "CreateKey", "AccessDeniedException")
    assert run(check=True, alias=ALIAS, purpose="namespace").changed


def test_unreadable_tags_are_a_warning(keys: AwsKeys) -> None:
    run(alias=ALIAS, purpose="namespace")
    refuse(keys, "ListResourceTags", "AccessDeniedException")
    done = run(alias=ALIAS, purpose="namespace")
    assert key_of(done)["tags"] is None
    assert "kms:ListResourceTags" in done.warnings[0]
    assert refused(alias=ALIAS, tags={"a": "1"}).error_id == "tags_unreadable"


def module(arguments: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    with patch_module_args(arguments), pytest.raises(SystemExit):
        kms_key.main()
    result = json.loads(capfd.readouterr().out)
    assert isinstance(result, dict)
    return result


def test_module_from_arguments_to_json(keys: AwsKeys, capfd: pytest.CaptureFixture[str]) -> None:
    asked = {"alias": ALIAS, "purpose": "namespace", "region": "eu-central-1", "_ansible_diff": True}
    predicted = module({**asked, "_ansible_check_mode": True}, capfd)
    made = module(asked, capfd)
    assert made["changed"]
    assert predicted["diff"] == made["diff"]
    assert made["key"]["fingerprint"].startswith("1220")
    failed = module({**asked, "purpose": "encryption"}, capfd)
    assert (failed["failed"], failed["error_id"]) == (True, "key_spec_mismatch")
    assert failed["arn"] == made["key"]["arn"]
    nameless = module({"purpose": "namespace"}, capfd)
    assert "missing: alias, key_id" in nameless["msg"]
