# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kms_key against the sandbox: what moto of the unit tests cannot show, and participants asked over real gRPC."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import boto3
import pytest
from networks import MakeNetwork

from ansible_collections.ledgerops.canton.plugins.module_utils._api import channel
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.modules import kms_key
from sandbox.v30.requests import VAULT
from sandbox.wire import client

ALIAS = "canton/protocol-2"
USAGE = ["SIGNING_KEY_USAGE_PROTOCOL"]
SIDE = {name: option.get("default") for name, option in kms_key.SPEC["in_use_by"]["options"].items()}


@pytest.fixture(scope="module")
def info(make_network: MakeNetwork) -> dict[str, Any]:
    participants: dict[str, Any] = {
        "new": {"crypto": "kms", "release": "3.5"},
        "old": {"crypto": "kms", "release": "2.10"},
        "wrapped": {"wrapper_key": True, "release": "3.5"},
    }
    return make_network({"synchronizers": {"s": {"protocol_version": 34}}, "participants": participants}).info()


def ensure(info: dict[str, Any], *ports: int, **options: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in kms_key.SPEC.items()}
    place = {
        "region": info["kms"]["region"],
        "endpoint_url": info["kms"]["endpoint"],
        "access_key": info["kms"]["aws_access_key_id"],
        "secret_key": info["kms"]["aws_secret_access_key"],
    }
    users = [{**SIDE, "endpoint": f"127.0.0.1:{port}", "ready_timeout": 0.1} for port in ports]
    outcome = kms_key.ensure({**defaults, **place, "in_use_by": users, "pending_window": 7, **options}, False)
    key = outcome.result["key"]
    assert isinstance(key, dict)
    return key


def test_no_key_is_taken_from_a_participant(info: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "BACKOFF_SECONDS", (0.0,))
    new, old = (info["participants"][name] for name in ("new", "old"))
    made = ensure(info, alias=ALIAS, purpose="protocol")
    request = {"kms_key_id": f"alias/{ALIAS}", "name": "second", "usage": USAGE}
    with closing(client.Participant(new)) as node:
        node.admin(f"{VAULT}/RegisterKmsSigningKey", request)
    for options in ({"alias": ALIAS}, {"key_id": made["key_id"]}):
        with pytest.raises(CantonError) as caught:
            ensure(info, new["admin_port"], old["admin_port"], state="absent", **options)
        assert caught.value.error_id == "key_in_use"
        assert caught.value.details["participants"] == [new["uid"]]
    with pytest.raises(CantonError) as caught:
        ensure(info, new["admin_port"], key_id=made["key_id"], alias=ALIAS, alias_state="absent")
    assert caught.value.error_id == "alias_in_use"
    with pytest.raises(CantonError) as caught:
        ensure(info, old["admin_port"], 1, state="absent", alias=ALIAS)
    assert caught.value.error_id == "in_use_unknown"
    assert "participant 2 of in_use_by" in caught.value.message
    assert ensure(info, old["admin_port"], state="absent", alias=ALIAS)["state"] == "pending_deletion"


def test_canton_2_tells_no_ids_but_its_public_keys_are_known(info: dict[str, Any]) -> None:
    new, old = (info["participants"][name] for name in ("new", "old"))
    place = info["kms"]
    signer = {name: place[name] for name in ("aws_access_key_id", "aws_secret_access_key")}
    kms: Any = boto3.client("kms", endpoint_url=place["endpoint"], region_name=place["region"], **signer)
    users = set()
    for key_id in (each["KeyId"] for each in kms.list_keys()["Keys"]):
        if kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Enabled":
            with pytest.raises(CantonError) as caught:
                ensure(info, new["admin_port"], old["admin_port"], key_id=key_id, state="absent")
            users |= {str(caught.value.details["participants"])}
    assert users == {str([new["uid"]]), str([old["uid"]])}


def test_wrapper_key_stays_with_its_node(info: dict[str, Any]) -> None:
    wrapped = info["participants"]["wrapped"]
    with closing(client.Participant(wrapped)) as node:
        key_id = node.admin(f"{VAULT}/GetWrapperKeyId")["wrapper_key_id"]
    with pytest.raises(CantonError) as caught:
        ensure(info, wrapped["admin_port"], key_id=key_id, state="absent")
    assert caught.value.details["participants"] == [wrapped["uid"]]


def test_regions_and_rotation_where_the_kms_keeps_them(info: dict[str, Any]) -> None:
    """moto, which answers in the unit tests, forgets periods and knows no primary that waits for its replicas."""
    asked: dict[str, Any] = {"alias": "canton/wrapper", "purpose": "wrapper", "rotation": True, "rotation_period": 180}
    made = ensure(info, **asked, replicas=["eu-west-1", "eu-north-1"], probe=True)
    assert made["rotation"] == {"enabled": True, "period": 180}
    assert [replica["region"] for replica in made["replicas"]] == ["eu-north-1", "eu-west-1"]
    again = ensure(info, **asked, replicas=["eu-west-1", "eu-north-1"])
    assert again == made
    fewer = ensure(info, **{**asked, "rotation_period": 90}, replicas=["eu-west-1"], purge_replicas=True)
    assert (fewer["rotation"]["period"], [replica["region"] for replica in fewer["replicas"]]) == (90, ["eu-west-1"])
    replica = {"region": "eu-west-1", "key_id": made["key_id"]}
    there = ensure(info, **replica, multi_region=True, probe=True)
    assert (there["primary_region"], there["arn"]) == (info["kms"]["region"], made["replicas"][1]["arn"])
    assert ensure(info, alias="canton/wrapper", state="absent")["state"] == "pending_replica_deletion"
    assert ensure(info, **replica, state="absent")["state"] == "pending_deletion"
    back = ensure(info, alias="canton/wrapper", cancel_deletion=True, probe=True)
    assert (back["state"], back["replicas"]) == ("enabled", [])


def test_policies_and_grants_where_the_kms_keeps_them(info: dict[str, Any]) -> None:
    node = "arn:aws:iam::000000000000:role/canton"
    grant = {"name": "n", "grantee_principal": node, "operations": ["GetPublicKey"], "retiring_principal": None}
    asked: dict[str, Any] = {"alias": "canton/kept", "purpose": "protocol", "grants": [{**grant, "constraints": None}]}
    policy = {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": ["kms:*"], "Resource": "*"}
    made = ensure(info, **asked, policy=json.dumps({"Statement": policy}))
    assert made["policy"] == {"Statement": policy}
    kept = ensure(info, **asked, node_principals=[node])
    assert [each["Action"] for each in kept["policy"]["Statement"]][1] == [
        "kms:Sign",
        "kms:GetPublicKey",
        "kms:DescribeKey",
    ]
    assert kept["grants"] == made["grants"] and kept["grants"][0]["grant_id"]
    assert ensure(info, **{**asked, "grants": []}, purge_grants=True)["grants"] == []
