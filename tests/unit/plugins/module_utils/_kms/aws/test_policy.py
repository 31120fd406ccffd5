# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key policies: which are well formed, which mean the same, and which lock everybody out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.policy import (
    as_text,
    check_changeable,
    check_principals,
    for_node,
    meaning,
    parse,
)

ACCOUNT = "111122223333"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
NODE = f"arn:aws:iam::{ACCOUNT}:role/canton"
ALL: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}
USE: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"AWS": [NODE, ROOT]},
    "Action": ["kms:Sign", "kms:DescribeKey"],
    "Resource": "*",
    "Condition": {"StringEquals": {"kms:SigningAlgorithm": "ECDSA_SHA_256"}, "Bool": {"aws:SecureTransport": True}},
}


def document(*statements: Any, **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements), **more}


@pytest.mark.parametrize(
    "same",
    [
        document(USE, ALL),
        document(ALL, USE, ALL, Id="an id"),
        document({**ALL, "Sid": "all"}, USE),
        document({**ALL, "Principal": {"AWS": ACCOUNT}}, USE),
        document({**ALL, "Principal": {"AWS": [ROOT]}, "Action": ["kms:*"], "Resource": ["*"]}, USE),
        document(ALL, {**USE, "Principal": {"AWS": [ROOT, NODE, ACCOUNT]}}),
        document(ALL, {**USE, "Action": ["kms:DescribeKey", "KMS:sign", "kms:Sign"]}),
        document(
            ALL,
            {
                **USE,
                "Condition": {
                    "Bool": {"aws:SecureTransport": ["true"]},
                    "StringEquals": {"kms:SigningAlgorithm": ["ECDSA_SHA_256"]},
                },
            },
        ),
    ],
)
def test_what_means_the_same_is_equal(same: dict[str, Any]) -> None:
    assert meaning(same) == meaning(document(ALL, USE))


@pytest.mark.parametrize(
    "other",
    [
        document(ALL),
        document(ALL, USE, {**USE, "Effect": "Deny"}),
        document({**ALL, "Principal": {"AWS": "444455556666"}}, USE),
        document({**ALL, "Principal": {"AWS": "AROAEXAMPLEEXAMPLE12"}}, USE),
        document({**ALL, "Principal": {"Service": ROOT}}, USE),
        document(ALL, {**USE, "Action": ["kms:Sign"]}),
        document(ALL, {**USE, "NotAction": USE["Action"], "Action": None}),
        document(ALL, {**USE, "Condition": {}}),
        document(ALL, {**USE, "Condition": {"StringEquals": {"kms:SigningAlgorithm": "ECDSA_SHA_384"}}}),
        document(ALL, USE, Version="2008-10-17"),
    ],
)
def test_what_means_something_else_is_not_equal(other: dict[str, Any]) -> None:
    assert meaning(other) != meaning(document(ALL, USE))


def test_everybody_is_written_in_two_ways_and_partitions_differ() -> None:
    assert meaning(document({**ALL, "Principal": "*"})) == meaning(document({**ALL, "Principal": {"AWS": "*"}}))
    china = document({**ALL, "Principal": {"AWS": f"arn:aws-cn:iam::{ACCOUNT}:root"}})
    assert meaning(document({**ALL, "Principal": {"AWS": ACCOUNT}}), "aws-cn") == meaning(china)
    assert meaning({"Statement": ALL}) == meaning({"Version": "2008-10-17", "Statement": [ALL]})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "isn't JSON"),
        ("[]", "no Statement"),
        ("{}", "no Statement"),
        (json.dumps(document(ALL, Version="2020-01-01")), "no Version 2020-01-01"),
        (json.dumps(document("x")), "statement 1 is not a mapping"),
        (json.dumps(document(ALL, {**ALL, "Actions": []})), "statement 2 has Actions"),
        (json.dumps(document({**ALL, "NotAction": "kms:Sign"})), "Action or NotAction, once"),
        (
            json.dumps(document({key: ALL[key] for key in ("Effect", "Action", "Resource")})),
            "Principal or NotPrincipal",
        ),
        (json.dumps(document({**ALL, "Principal": ROOT})), "write"),
        (json.dumps(document({**ALL, "Effect": "allow"})), "Allow or Deny"),
        (json.dumps(document({**ALL, "Action": [1]})), "Action of statement 1"),
        (json.dumps(document({**ALL, "Condition": "x"})), "Condition of statement 1"),
        (json.dumps(document({**ALL, "Sid": "x" * 33000})), "more than 32768 bytes"),
        (json.dumps(document({**ALL, "Sid": "\u20ac"})), "Latin-1"),
    ],
)
def test_malformed_policies_are_told_apart(text: str, words: str) -> None:
    with pytest.raises(CantonError) as caught:
        parse(text)
    assert caught.value.error_id == "policy_malformed"
    assert words in caught.value.message
    assert caught.value.hint


def test_what_is_sent_is_what_was_written() -> None:
    assert json.loads(as_text(parse(json.dumps(document(USE, ALL, Id="i"))))) == document(USE, ALL, Id="i")


@pytest.mark.parametrize(
    "locked",
    [
        document(USE),
        document({**ALL, "Condition": {"StringEquals": {"aws:PrincipalTag/team": "keys"}}}),
        document({**ALL, "Action": "kms:Describe*"}),
        document({**ALL, "NotAction": "kms:Put*", "Action": ()}),
        document(ALL, {**ALL, "Effect": "Deny", "Action": "kms:PutKeyPolicy"}),
        document(ALL, {**ALL, "Effect": "Deny", "Principal": "*"}),
    ],
)
def test_policy_that_locks_out_is_refused(locked: dict[str, Any]) -> None:
    locked = {**locked, "Statement": [{k: v for k, v in each.items() if v != ()} for each in locked["Statement"]]}
    with pytest.raises(CantonError) as caught:
        check_changeable(locked)
    assert caught.value.error_id == "policy_locks_out"
    assert "policy_lockout" in caught.value.hint


def test_ways_back() -> None:
    assert check_changeable(document(ALL, USE)) is None
    assert check_changeable(document({**ALL, "Principal": {"AWS": ACCOUNT}})) is None
    assert NODE in str(check_changeable(document({**ALL, "Principal": {"AWS": NODE}})))
    with_admins = for_node(ACCOUNT, "aws", "ec_p256", "sign_verify", [NODE], [NODE])
    assert check_changeable(with_admins) is None
    assert for_node(ACCOUNT, "aws", "ec_p256", "sign_verify", [], [])["Statement"][0]["Principal"] == {"AWS": ROOT}


@pytest.mark.parametrize("name", [NODE, ACCOUNT, "AROAEXAMPLEEXAMPLE12", f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b"])
def test_principals(name: str) -> None:
    check_principals("node_principals", [name])
    for bad in ("*", "role/canton", "arn:aws:kms:eu-central-1:111122223333:key/1", ""):
        with pytest.raises(CantonError, match="not a principal"):
            check_principals("node_principals", [name, bad])
