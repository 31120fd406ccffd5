# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the key that is there to the key that is asked for: the parts that a run against moto doesn't reach."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils._kms.aws.support import record, refuse

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws import lifecycle
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.model import AwsKey
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import View, requirement

NAMESPACE = requirement("aws", "namespace", None, None)
PARAMS: dict[str, Any] = {
    "state": "present",
    "description": None,
    "tags": None,
    "purge_tags": True,
    "enabled": None,
    "cancel_deletion": False,
    "pending_window": 7,
    "wait_timeout": 0.0,
}


def existing(state: str = "enabled", tags: dict[str, str] | None = None) -> AwsKey:
    return AwsKey(state=state, spec="ec_p256", usage="sign_verify", full_name="arn:k", tags=tags, notes=("Tags: no.",))


def seen(key: AwsKey) -> View:
    return {
        "state": key.state,
        "spec": key.spec,
        "usage": key.usage,
        "alias": None,
        "description": "",
        "tags": key.tags,
    }


def plan(key: AwsKey, **params: Any) -> View:
    return lifecycle.plan(seen(key), key, NAMESPACE, None, {**PARAMS, **params})


@pytest.mark.parametrize(
    ("state", "params", "expected"),
    [
        ("enabled", {}, "enabled"),
        ("enabled", {"enabled": False}, "disabled"),
        ("disabled", {"enabled": True}, "enabled"),
        ("disabled", {"enabled": False}, "disabled"),
        ("pending_deletion", {"cancel_deletion": True}, "enabled"),
        ("pending_deletion", {"cancel_deletion": True, "enabled": False}, "disabled"),
        ("pending_deletion", {"state": "absent"}, "pending_deletion"),
        ("pending_replica_deletion", {"state": "absent"}, "pending_replica_deletion"),
        ("pending_import", {"state": "absent"}, "pending_deletion"),
        ("disabled", {"state": "absent"}, "pending_deletion"),
    ],
)
def test_where_each_state_leads(state: str, params: dict[str, Any], expected: str) -> None:
    assert plan(existing(state), **params)["state"] == expected


@pytest.mark.parametrize(
    ("state", "error_id", "words"),
    [
        ("disabled", "key_disabled", "Set enabled to true"),
        ("pending_deletion", "key_pending_deletion", "Set cancel_deletion to true"),
        ("pending_import", "key_pending_import", "Import its key material"),
        ("unavailable", "key_unavailable", "key store"),
        ("creating", "key_creating", "Run again"),
    ],
)
def test_states_that_no_node_can_use(state: str, error_id: str, words: str) -> None:
    with pytest.raises(CantonError) as caught:
        plan(existing(state))
    assert caught.value.error_id == error_id
    assert words in caught.value.hint
    assert caught.value.retryable is (state == "creating")


@pytest.mark.parametrize(
    ("asked", "purge", "expected"),
    [
        (None, True, {"a": "1"}),
        ({"b": "2"}, True, {"b": "2"}),
        ({"b": "2"}, False, {"a": "1", "b": "2"}),
        ({}, True, {}),
        ({}, False, {"a": "1"}),
    ],
)
def test_tags_are_purged_only_when_asked(asked: dict[str, str] | None, purge: bool, expected: dict[str, str]) -> None:
    assert plan(existing(tags={"a": "1"}), tags=asked, purge_tags=purge)["tags"] == expected


def test_unreadable_tags_matter_only_when_they_are_asked() -> None:
    assert plan(existing())["tags"] is None
    with pytest.raises(CantonError, match=r"Tags: no\. \[tags_unreadable\]"):
        plan(existing(), tags={"a": "1"})


def test_key_of_the_provider_is_refused(keys: AwsKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "find", lambda _name: replace(existing(), managed_by_provider=True))
    with pytest.raises(CantonError, match="managed by AWS"):
        lifecycle.locate(keys, "k", None, must_exist=True)


def test_no_requirement_fits_every_key() -> None:
    lifecycle.check_fits(None, existing())


def test_purpose_accepts_an_existing_key_of_each_fitting_spec() -> None:
    for spec in ("ec_p256", "ec_p384", "ec_secp256k1"):
        lifecycle.check_fits(NAMESPACE, replace(existing(), spec=spec))


def test_wrong_spec_is_an_error_that_says_both() -> None:
    with pytest.raises(CantonError) as caught:
        lifecycle.check_fits(requirement("aws", "encryption", None, None), existing())
    assert caught.value.error_id == "key_spec_mismatch"
    assert "arn:k has spec ec_p256 and usage sign_verify" in str(caught.value)
    assert "purpose encryption needs rsa_2048 with encrypt_decrypt" in str(caught.value)


def test_right_spec_with_wrong_usage_is_an_error() -> None:
    with pytest.raises(CantonError, match="key_spec_mismatch"):
        lifecycle.check_fits(NAMESPACE, replace(existing(), usage="key_agreement"))


def test_ed25519_key_is_refused_with_the_reason() -> None:
    with pytest.raises(CantonError, match="Canton can't use Ed25519 keys of AWS KMS"):
        lifecycle.check_fits(NAMESPACE, replace(existing(), spec="ec_curve25519"))


def create(keys: AwsKeys, alias: str = "alias/canton/p1") -> tuple[AwsKey, View]:
    after = lifecycle.plan(lifecycle.ABSENT, None, NAMESPACE, alias, PARAMS)
    return lifecycle.apply(keys, None, lifecycle.ABSENT, after, PARAMS)


def test_key_that_got_no_alias_is_deleted_again(keys: AwsKeys) -> None:
    refuse(keys, "CreateAlias", "AccessDeniedException")
    with pytest.raises(CantonError, match=r"Allow kms:CreateAlias .* deleted again in 7 days"):
        create(keys)
    (arn,) = keys.names()
    left = keys.find(arn)
    assert left is not None
    assert left.state == "pending_deletion"


def test_key_that_can_not_even_be_deleted_is_named(keys: AwsKeys) -> None:
    refuse(keys, "CreateAlias", "AccessDeniedException")
    refuse(keys, "ScheduleKeyDeletion", "AccessDeniedException")
    with pytest.raises(CantonError) as caught:
        create(keys)
    (arn,) = keys.names()
    assert caught.value.details["arn"] == arn
    assert f"{arn} remains without an alias" in str(caught.value)
    assert "kms:ScheduleKeyDeletion" in str(caught.value)
    assert "run again with it as key_id" in str(caught.value)


def test_change_is_awaited_until_it_shows(keys: AwsKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    hidden = [None, None]
    find = keys.find
    monkeypatch.setattr("time.sleep", pauses.append)
    monkeypatch.setattr(keys, "find", lambda name: hidden.pop() if hidden else find(name))
    after = lifecycle.plan(lifecycle.ABSENT, None, NAMESPACE, "alias/canton/p1", PARAMS)
    key, view = lifecycle.apply(keys, None, lifecycle.ABSENT, after, {**PARAMS, "wait_timeout": 60.0})
    assert pauses == [0.05, 0.1]
    assert view == after
    assert key.aliases == ("alias/canton/p1",)


@pytest.mark.parametrize(
    "stale",
    [
        {"state": "disabled"},
        {"description": "old"},
        {"tags": {"a": "1"}},
        {"tags": {"a": "1", "b": "2", "purged": "x"}},
    ],
)
def test_each_part_of_a_change_is_awaited(
    keys: AwsKeys, monkeypatch: pytest.MonkeyPatch, stale: dict[str, Any]
) -> None:
    arn = keys.create("ec_p256", "sign_verify", "old", {"purged": "x"})
    key = keys.find(arn)
    before = lifecycle.view(keys, key, None)
    params = {**PARAMS, "description": "new", "tags": {"a": "1", "b": "2"}, "wait_timeout": 60.0}
    after = lifecycle.plan(before, key, NAMESPACE, None, params)
    pauses: list[float] = []
    find = keys.find
    stale_once = [stale]

    def late(name: str) -> AwsKey | None:
        found = find(name)
        return replace(found, **stale_once.pop()) if found and stale_once else found

    monkeypatch.setattr("time.sleep", pauses.append)
    monkeypatch.setattr(keys, "find", late)
    assert lifecycle.apply(keys, key, before, after, params)[1] == after
    assert pauses == [0.05]


def test_deletion_is_taken_back_before_anything_else(keys: AwsKeys) -> None:
    arn = keys.create("ec_p256", "sign_verify", "old", {"a": "1"})
    keys.schedule_deletion(arn, 7)
    key = keys.find(arn)
    before = lifecycle.view(keys, key, "alias/canton/p1")
    params = {**PARAMS, "cancel_deletion": True, "description": "new", "tags": {"b": "2"}}
    after = lifecycle.plan(before, key, NAMESPACE, "alias/canton/p1", params)
    calls = record(keys)
    lifecycle.apply(keys, key, before, after, params)
    assert [call for call in calls if not call.startswith(("Describe", "List", "Get"))] == [
        "CancelKeyDeletion",
        "EnableKey",
        "CreateAlias",
        "UpdateKeyDescription",
        "TagResource",
        "UntagResource",
    ]


def test_change_that_never_shows_is_an_error(keys: AwsKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "find", lambda _name: None)
    with pytest.raises(CantonError, match="not visible after 0 seconds") as caught:
        create(keys)
    assert caught.value.retryable


def test_tags_that_others_add_are_no_reason_to_wait(keys: AwsKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    find = keys.find

    def tagged_by_others(name: str) -> AwsKey | None:
        key = find(name)
        return None if key is None else replace(key, tags={"added-by": "the organisation", **(key.tags or {})})

    monkeypatch.setattr(keys, "find", tagged_by_others)
    assert create(keys)[1]["tags"] == {"added-by": "the organisation"}
