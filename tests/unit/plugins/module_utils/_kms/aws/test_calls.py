# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls beside those for the key itself: what is sent, and how answers are read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from unit.plugins.module_utils._kms.aws.support import ALIAS, key_of, run

from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.calls import own_id, replicas_of, snake
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.model import Grant

ACCOUNT = "123456789012"


ROOT = f"arn:aws:iam::{ACCOUNT}:root"


NODE = f"arn:aws:iam::{ACCOUNT}:role/canton"


EVERYTHING = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def test_replica_gets_what_the_task_says(keys: AwsKeys) -> None:
    sent: list[dict[str, Any]] = []
    keys._client.meta.events.register("provide-client-params.kms.ReplicateKey", lambda params, **_: sent.append(params))
    run(
        alias=ALIAS,
        purpose="protocol",
        replicas=["eu-west-1"],
        tags={"a": 1},
        description="d",
        policy=policy(EVERYTHING),
    )
    (asked,) = sent
    assert asked["KeyId"].startswith("mrk-")
    assert (asked["Description"], asked["Tags"]) == ("d", [{"TagKey": "a", "TagValue": "1"}])
    assert json.loads(asked["Policy"])["Statement"] == [EVERYTHING]


def test_unused_grant_of_a_service_is_shown(keys: AwsKeys) -> None:
    arn = key_of(run(alias=ALIAS, purpose="wrapper"))["arn"]
    keys.grant(arn, Grant("by-hand", NODE, ("Decrypt",)))
    assert [each["name"] for each in key_of(run(alias=ALIAS, grants=[]))["grants"]] == ["by-hand"]


@pytest.mark.parametrize(("theirs", "ours"), [("PendingDeletion", "pending_deletion"), ("Enabled", "enabled")])
def test_words_of_aws(theirs: str, ours: str) -> None:
    assert snake(theirs) == ours


def test_regions_of_a_key() -> None:
    arn = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1"
    found = {"PrimaryKey": {"Region": "eu-central-1"}, "ReplicaKeys": [{"Region": "eu-west-1", "Arn": arn}]}
    primary, replicas = replicas_of({"MultiRegionConfiguration": found})
    assert (primary, [(each.region, each.arn) for each in replicas]) == ("eu-central-1", [("eu-west-1", arn)])
    assert replicas_of({}) == (None, ())
    assert own_id(arn) == "mrk-1"
