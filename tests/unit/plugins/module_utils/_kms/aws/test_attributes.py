# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_key and what a key has beside itself: aliases, policy, grants, rotation, replicas."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils._kms.aws.support import (
    ALIAS,
    CONNECTION,
    aws_in_process,
    key_of,
    record,
    refuse,
    refused,
    run,
    run_thrice,
    writes,
)

from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws import keys as aws_keys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys, connect
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.model import AwsKey
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import NO_ROTATION, Rotation

ACCOUNT = "123456789012"


ROOT = f"arn:aws:iam::{ACCOUNT}:root"


NODE = f"arn:aws:iam::{ACCOUNT}:role/canton"


ADMIN = f"arn:aws:iam::{ACCOUNT}:role/keeper"


EVERYTHING = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}


READ = {"Effect": "Allow", "Principal": {"AWS": [NODE]}, "Action": ["kms:DescribeKey"], "Resource": "*"}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def grant(name: str = "node", *operations: str, **more: Any) -> dict[str, Any]:
    plain = {"retiring_principal": None, "constraints": None}
    return {"name": name, "grantee_principal": NODE, "operations": list(operations or ("Sign",)), **plain, **more}


def test_policy_of_a_new_key_and_its_meaning_later(keys: AwsKeys) -> None:
    calls = record(keys)
    done = run_thrice(keys, alias=ALIAS, purpose="namespace", policy=policy(EVERYTHING, READ))
    assert "PutKeyPolicy" not in calls
    assert done.after["policy"]["Statement"][0]["Action"] == ["kms:*"]  # type: ignore[index]
    assert key_of(done)["policy"]["Statement"] == [EVERYTHING, READ]
    account = {**EVERYTHING, "Sid": "all", "Principal": {"AWS": [ACCOUNT]}, "Action": ["kms:*"]}
    assert not run(alias=ALIAS, policy=policy({**READ, "Action": "kms:DescribeKey"}, account)).changed
    changed = run_thrice(keys, alias=ALIAS, policy=policy(EVERYTHING))
    assert {name for name in changed.after if changed.after[name] != changed.before[name]} == {"policy"}
    assert not run(alias=ALIAS).changed
    assert key_of(run(alias=ALIAS))["policy"] is None


def test_accounts_of_another_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    with aws_in_process(monkeypatch):
        china = connect({**CONNECTION, "region": "cn-north-1"})
        monkeypatch.setattr(aws_keys, "connect", lambda _params: china)
        root = f"arn:aws-cn:iam::{ACCOUNT}:root"
        by_account = policy({**EVERYTHING, "Principal": {"AWS": ACCOUNT}})
        done = run_thrice(china, alias=ALIAS, purpose="namespace", policy=by_account, multi_region=False)
        assert done.after["policy"]["Statement"][0]["Principal"] == {"AWS": [root]}  # type: ignore[index]
        preset = run(alias="alias/other", purpose="namespace", node_principals=[NODE.replace("aws", "aws-cn", 1)])
        assert key_of(preset)["policy"]["Statement"][0]["Principal"] == {"AWS": root}


def test_deleted_principal_is_a_difference(keys: AwsKeys) -> None:
    arn = key_of(run(alias=ALIAS, purpose="namespace", policy=policy(EVERYTHING, READ)))["arn"]
    gone = {**READ, "Principal": {"AWS": "AROAEXAMPLEEXAMPLE12"}}
    keys.put_policy(arn, policy(EVERYTHING, gone), lockout=False)
    assert run(alias=ALIAS, policy=policy(EVERYTHING, READ)).changed


@pytest.mark.parametrize(
    ("purpose", "actions"),
    [
        ("namespace", ["kms:Sign", "kms:GetPublicKey", "kms:DescribeKey"]),
        ("encryption", ["kms:Decrypt", "kms:GetPublicKey", "kms:DescribeKey"]),
        ("wrapper", ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"]),
    ],
)
def test_least_privilege_of_a_node(keys: AwsKeys, purpose: str, actions: list[str]) -> None:
    done = run_thrice(keys, alias=ALIAS, purpose=purpose, node_principals=[NODE])
    keep, use = key_of(done)["policy"]["Statement"]
    assert (keep["Principal"], keep["Action"]) == ({"AWS": ROOT}, "kms:*")
    assert (use["Principal"], use["Action"]) == ({"AWS": [NODE]}, actions)
    assert done.warnings == []


def test_administrators_that_can_not_use_the_key(keys: AwsKeys) -> None:
    done = run_thrice(keys, alias=ALIAS, purpose="namespace", node_principals=[NODE], admin_principals=[ADMIN])
    keep = key_of(done)["policy"]["Statement"][0]
    assert keep["Principal"] == {"AWS": [ROOT, ADMIN]}
    assert "kms:PutKeyPolicy" in keep["Action"]
    assert not {"kms:*", "kms:Sign", "kms:Decrypt", "kms:CreateGrant"} & set(keep["Action"])


def test_policy_of_an_existing_key_needs_no_sts(keys: AwsKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    run(alias=ALIAS, purpose="namespace")
    monkeypatch.setattr(keys, "_clients", None)
    assert run(alias=ALIAS, node_principals=[NODE]).changed


@pytest.mark.parametrize(
    ("options", "error_id"),
    [
        ({"policy": "{"}, "policy_malformed"),
        ({"policy": policy({**READ, "Efect": "Allow"}, EVERYTHING)}, "policy_malformed"),
        ({"policy": policy(READ)}, "policy_locks_out"),
        ({"node_principals": ["*"]}, "principal_invalid"),
        ({"node_principals": [NODE], "admin_principals": ["canton"]}, "principal_invalid"),
        ({"node_principals": [NODE], "admin_principals": [ADMIN], "grants": [grant()]}, "value_invalid"),
        ({"grants": [grant("a"), grant("a")]}, "value_invalid"),
        ({"grants": [grant("a", "Decrypt")]}, "grant_unfit"),
        ({"rotation": True}, "rotation_unfit"),
        ({"rotation_period": 100}, "value_invalid"),
        ({"rotation": True, "rotation_period": 3}, "value_invalid"),
        ({"multi_region": False, "replicas": ["eu-west-1"]}, "value_invalid"),
        ({"replicas": ["eu-central-1"]}, "value_invalid"),
    ],
)
def test_bad_wishes_create_nothing(keys: AwsKeys, options: dict[str, Any], error_id: str) -> None:
    for check in (True, False):
        assert refused(check, alias=ALIAS, purpose="namespace", **options).error_id == error_id
    assert keys.names() == []


def test_policy_that_aws_refuses_creates_nothing(keys: AwsKeys) -> None:
    refuse(
        keys, "CreateKey", "MalformedPolicyDocumentException", "Policy contains a statement with invalid principals."
    )
    error = refused(alias=ALIAS, purpose="namespace", policy=policy(EVERYTHING, READ))
    assert (error.error_id, "each principal has to exist" in error.hint) == ("MalformedPolicyDocumentException", True)
    assert keys.names() == []


def test_lockout_only_when_told(keys: AwsKeys) -> None:
    done = run_thrice(keys, alias=ALIAS, purpose="namespace", policy=policy(READ), policy_lockout=True)
    assert key_of(done)["policy"]["Statement"] == [READ]


def test_one_administrator_alone_is_told(keys: AwsKeys) -> None:
    (warning,) = run(
        alias=ALIAS, purpose="namespace", policy=policy({**EVERYTHING, "Principal": {"AWS": ADMIN}})
    ).warnings
    assert ADMIN in warning and "root" in warning


@pytest.mark.parametrize(
    ("operation", "options", "error_id"),
    [
        ("GetKeyPolicy", {"node_principals": [NODE]}, "policy_unreadable"),
        ("ListGrants", {"grants": [grant()]}, "grants_unreadable"),
    ],
)
def test_what_can_not_be_compared_is_not_changed(
    keys: AwsKeys, operation: str, options: dict[str, Any], error_id: str
) -> None:
    run(alias=ALIAS, purpose="namespace")
    refuse(keys, operation, "AccessDeniedException")
    error = refused(alias=ALIAS, **options)
    assert (error.error_id, f"kms:{operation}" in error.message) == (error_id, True)
    assert not run(alias=ALIAS).warnings


def test_one_missing_permission_is_named(keys: AwsKeys) -> None:
    arn = key_of(run(alias=ALIAS, purpose="wrapper", multi_region=True, rotation=True))["arn"]
    run(alias="alias/other", purpose="wrapper", grants=[grant("old", "Decrypt")])
    other = {"key_id": arn, "alias": "alias/other", "alias_move": True}
    wishes: dict[str, dict[str, Any]] = {
        "PutKeyPolicy": {"alias": ALIAS, "node_principals": [NODE]},
        "CreateGrant": {"alias": ALIAS, "grants": [grant("node", "Decrypt")]},
        "RevokeGrant": {"alias": "alias/other", "grants": [], "purge_grants": True},
        "EnableKeyRotation": {"alias": "alias/other", "rotation": True},
        "DisableKeyRotation": {"alias": ALIAS, "rotation": False},
        "ReplicateKey": {"alias": ALIAS, "replicas": ["eu-west-1"]},
        "UpdateAlias": other,
        "DeleteAlias": {"alias": ALIAS, "key_id": arn, "alias_state": "absent"},
    }
    for operation, options in wishes.items():
        refuse(keys, operation, "AccessDeniedException")
        assert run(check=True, **options).changed
        error = refused(**options)
        assert (error.error_id, error.details["action"]) == ("AccessDeniedException", f"kms:{operation}")
        assert f"Allow kms:{operation}" in error.hint


def test_grants_are_given_replaced_and_purged(keys: AwsKeys) -> None:
    one, two = grant("one", "Sign", "GetPublicKey"), grant("two", retiring_principal=ADMIN)
    first = run_thrice(keys, alias=ALIAS, purpose="namespace", grants=[one, two])
    assert [each["operations"] for each in key_of(first)["grants"]] == [["GetPublicKey", "Sign"], ["Sign"]]
    changed = run_thrice(keys, alias=ALIAS, grants=[grant("one", "DescribeKey")])
    assert {each["name"]: each["operations"] for each in key_of(changed)["grants"]} == {
        "one": ["DescribeKey"],
        "two": ["Sign"],
    }
    assert not run(alias=ALIAS, grants=[]).changed
    purged = run_thrice(keys, alias=ALIAS, grants=[grant("one", "DescribeKey")], purge_grants=True)
    assert [each["name"] for each in key_of(purged)["grants"]] == ["one"]
    assert key_of(run_thrice(keys, alias=ALIAS, grants=[], purge_grants=True))["grants"] == []


def test_new_grant_comes_before_the_old_one_goes(keys: AwsKeys) -> None:
    run(alias=ALIAS, purpose="namespace", grants=[grant("one", "Sign")])
    calls = record(keys)
    run(alias=ALIAS, grants=[grant("one", "DescribeKey")])
    assert writes(calls) == ["CreateGrant", "RevokeGrant"]


def test_constraints_of_grants(keys: AwsKeys) -> None:
    wanted = {"encryption_context_equals": {"node": 1}, "encryption_context_subset": None}
    done = run_thrice(keys, alias=ALIAS, purpose="wrapper", grants=[grant("node", "Decrypt", constraints=wanted)])
    assert key_of(done)["grants"][0]["constraints"] == {"encryption_context_equals": {"node": "1"}}
    error = refused(alias="alias/other", purpose="encryption", grants=[grant("node", "Decrypt", constraints=wanted)])
    assert error.error_id == "grant_unfit"


def test_interrupted_creation_is_carried_on(keys: AwsKeys) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "grant", lambda *_a: keys._call("describe_key", KeyId="alias/nothing"))
        assert refused(alias=ALIAS, purpose="namespace", grants=[grant()]).error_id == "NotFoundException"
    done = run_thrice(keys, alias=ALIAS, purpose="namespace", grants=[grant()])
    assert (len(keys.names()), len(key_of(done)["grants"])) == (1, 1)


def test_rotation_goes_on_and_off(keys: AwsKeys) -> None:
    done = run_thrice(keys, alias=ALIAS, purpose="wrapper", rotation=True)
    assert key_of(done)["rotation"] == {"enabled": True, "period": 365}
    off = run_thrice(keys, alias=ALIAS, rotation=False)
    assert key_of(off)["rotation"] == {"enabled": False, "period": None}


def test_rotation_period(keys: AwsKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    """moto forgets the period, so it is kept here."""
    kept = {"rotation": NO_ROTATION}
    monkeypatch.setattr(keys, "rotation", lambda _arn: kept["rotation"])
    monkeypatch.setattr(keys, "rotate", lambda _arn, rotation: kept.update(rotation=rotation))
    run_thrice(keys, alias=ALIAS, purpose="wrapper", rotation=True, rotation_period=180)
    assert kept["rotation"] == Rotation(180)
    assert not run(alias=ALIAS, rotation=True).changed
    assert run(alias=ALIAS, rotation=True, rotation_period=90).after["rotation"] == {"enabled": True, "period": 90}


def test_rotation_is_no_matter_for_other_keys_unless_it_is_wanted(keys: AwsKeys) -> None:
    assert "rotation" not in run_thrice(keys, alias=ALIAS, purpose="namespace", rotation=False).after
    assert refused(alias=ALIAS, rotation=True).error_id == "rotation_unfit"


@pytest.mark.parametrize("options", [{"rotation": True}, {"grants": [grant("node", "Decrypt")]}])
def test_disabled_key_is_not_asked_for_what_it_would_refuse(keys: AwsKeys, options: dict[str, Any]) -> None:
    run(alias=ALIAS, purpose="wrapper", enabled=False)
    assert refused(alias=ALIAS, enabled=False, **options).error_id == "key_disabled"
    calls = record(keys)
    run(alias=ALIAS, enabled=True, **options)
    assert writes(calls)[0] == "EnableKey"
    assert run(alias=ALIAS, enabled=False, **options).after["state"] == "disabled"


def test_imported_material_is_not_rotated(keys: AwsKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    run(alias=ALIAS, purpose="wrapper")
    find = keys.find

    def imported(name: str, *parts: str) -> AwsKey | None:
        key = find(name, *parts)
        return None if key is None else replace(key, origin="external")

    monkeypatch.setattr(keys, "find", imported)
    assert refused(alias=ALIAS, rotation=True).error_id == "rotation_unfit"


def test_multi_region_twice_and_its_drift(keys: AwsKeys) -> None:
    done = run_thrice(keys, alias=ALIAS, purpose="namespace", multi_region=True)
    assert (key_of(done)["multi_region"], key_of(done)["primary_region"]) == (True, "eu-central-1")
    assert refused(alias=ALIAS, multi_region=False).error_id == "multi_region_mismatch"
    run(alias="alias/one", purpose="namespace")
    for options in ({"multi_region": True}, {"replicas": ["eu-west-1"]}):
        assert refused(alias="alias/one", **options).error_id == "multi_region_mismatch"


def test_replicas_come_and_go(keys: AwsKeys) -> None:
    done = run_thrice(keys, alias=ALIAS, purpose="protocol", replicas=["eu-west-1", "eu-north-1"])
    assert done.after["replicas"] == {"eu-north-1": "enabled", "eu-west-1": "enabled"}
    assert [each["region"] for each in key_of(done)["replicas"]] == ["eu-north-1", "eu-west-1"]
    there = keys.in_region("eu-west-1").find(key_of(done)["key_id"])
    assert there is not None and there.public_key_der
    assert not run(alias=ALIAS, replicas=["eu-west-1"]).changed
    purged = run_thrice(keys, alias=ALIAS, replicas=["eu-west-1"], purge_replicas=True, pending_window=7)
    assert purged.after["replicas"] == {"eu-north-1": "pending_deletion", "eu-west-1": "enabled"}
    error = refused(alias=ALIAS, replicas=["eu-north-1"])
    assert (error.error_id, "eu-north-1" in error.message) == ("key_pending_deletion", True)


def test_replica_has_no_replicas(keys: AwsKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    key_id = key_of(run(alias=ALIAS, purpose="wrapper", replicas=["eu-west-1"]))["key_id"]
    there = keys.in_region("eu-west-1")
    monkeypatch.setattr(aws_keys, "connect", lambda _params: there)
    assert not run(key_id=key_id, multi_region=True, replicas=[]).changed
    error = refused(key_id=key_id, replicas=["eu-north-1"])
    assert (error.error_id, "Set region to eu-central-1" in error.hint) == ("key_not_primary", True)
    assert refused(key_id=key_id, rotation=True).error_id == "key_not_primary"


def test_new_replica_is_awaited(keys: AwsKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    states = ["creating", "creating"]
    pauses: list[float] = []
    real = keys.replica_state
    monkeypatch.setattr("time.sleep", pauses.append)
    monkeypatch.setattr(keys, "replica_state", lambda arn, region: states.pop() if states else real(arn, region))
    run(alias=ALIAS, purpose="protocol", replicas=["eu-west-1"])
    assert len(pauses) == 2


def test_primary_waits_for_its_replicas(keys: AwsKeys) -> None:
    run(alias=ALIAS, purpose="protocol", replicas=["eu-west-1"])
    predicted = run(check=True, alias=ALIAS, state="absent")
    assert predicted.after["state"] == "pending_replica_deletion"
    assert "eu-west-1" in predicted.warnings[0]
    gone = run(alias=ALIAS, state="absent", purge_replicas=True)
    assert gone.after["replicas"] == {"eu-west-1": "pending_deletion"}
    assert keys.replica_state(key_of(gone)["arn"], "eu-west-1") == "pending_deletion"
    assert not run(alias=ALIAS, state="absent", purge_replicas=True).changed


def test_replicas_are_purged_while_their_primary_waits(keys: AwsKeys) -> None:
    run(alias=ALIAS, purpose="protocol", replicas=["eu-west-1"])
    run(alias=ALIAS, state="absent")
    gone = run_thrice(keys, alias=ALIAS, state="absent", purge_replicas=True)
    assert (gone.before["state"], gone.after["replicas"]) == (gone.after["state"], {"eu-west-1": "pending_deletion"})


def test_deletion_of_a_waiting_primary_is_taken_back(keys: AwsKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    run(alias=ALIAS, purpose="protocol", multi_region=True)
    run(alias=ALIAS, state="absent")
    find, waiting = keys.find, ["pending_replica_deletion"]

    def before(name: str, *parts: str) -> AwsKey | None:
        key = find(name, *parts)
        return replace(key, state=waiting.pop()) if key and waiting else key

    monkeypatch.setattr(keys, "find", before)
    assert key_of(run(alias=ALIAS, cancel_deletion=True))["state"] == "enabled"
