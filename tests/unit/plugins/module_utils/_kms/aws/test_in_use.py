# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_key takes no key away from a participant that lists it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils._kms.aws.support import ALIAS, key_of, run
from unit.plugins.modules.support import SOURCE, TARGET, Participants
from unit.plugins.samples import NEW

from ansible_collections.ledgerops.canton.plugins.module_utils import _connection
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, DependencyMissing
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys
from ansible_collections.ledgerops.canton.plugins.modules import kms_key

OTHER = b"another key"


def listed(participants: Participants, **values: Any) -> None:
    """The target's only key is one that no KMS key looks like, but for ``values``."""
    participants.target.keys = [
        replace(participants.target.own_keys()[0], **{"der": OTHER, "kms_key_id": "", **values})
    ]


def delete(participants: Participants, *ends: str, check: bool = False, **options: Any) -> dict[str, Any]:
    users = [{"endpoint": each} for each in ends or (SOURCE, TARGET)]
    asked = {"alias": ALIAS, "state": "absent", "region": "eu-central-1", "in_use_by": users}
    return participants.run(kms_key, check, **{**asked, **options})


@pytest.mark.parametrize(
    "name", ["key_id", "arn", "other-region", ALIAS, "alias/second", f"arn:aws:kms:eu-central-1:1:{ALIAS}"]
)
@pytest.mark.parametrize("field", ["kms_key_id", "wrapper_key_id"])
def test_key_that_a_participant_names_stays(keys: AwsKeys, participants: Participants, name: str, field: str) -> None:
    key = key_of(run(alias=ALIAS, purpose="wrapper"))
    keys.add_alias(key["arn"], "alias/second")
    other = str(key["arn"]).replace("eu-central-1", "eu-west-1")
    listed(participants, **{field: {"other-region": other, **key}.get(name, name)})
    for check in (True, False):
        values = delete(participants, check=check)
        assert (values["failed"], values["error_id"], values["participants"]) == (True, "key_in_use", [NEW])
        assert "in use by" in values["msg"] and "force" in values["hint"]
    assert keys.find(ALIAS).state == "enabled"  # type: ignore[union-attr]


def test_key_is_found_by_its_public_key(keys: AwsKeys, participants: Participants) -> None:
    run(alias=ALIAS, purpose="namespace")
    der = keys.find(ALIAS).public_key_der  # type: ignore[union-attr]
    listed(participants, der=der, kms_key_id="alias/of/another/account")
    assert delete(participants)["error_id"] == "key_in_use"
    values = delete(participants, force=True)
    assert (values["changed"], values["key"]["state"]) == (True, "pending_deletion")
    assert delete(participants)["changed"] is False


def test_alias_is_followed_when_aliases_may_not_be_listed(
    keys: AwsKeys, participants: Participants, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(alias=ALIAS, purpose="wrapper")
    listed(participants, wrapper_key_id=ALIAS)
    monkeypatch.setattr(keys, "_list_if_allowed", lambda *_arguments: None)
    assert delete(participants)["error_id"] == "key_in_use"


def test_key_that_nobody_lists_goes(keys: AwsKeys, participants: Participants) -> None:
    run(alias=ALIAS, purpose="namespace")
    run(alias="alias/other", purpose="namespace")
    listed(participants, kms_key_id="alias/other")
    assert delete(participants)["key"]["state"] == "pending_deletion"


def test_participant_that_can_not_be_asked_is_a_refusal(
    keys: AwsKeys, participants: Participants, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(alias=ALIAS, purpose="namespace")

    def unreachable() -> None:
        raise CantonError("participant 2 of in_use_by can't be reached", "UNAVAILABLE", "Start it.", True)

    monkeypatch.setattr(participants.target, "own_keys", unreachable)
    values = delete(participants)
    assert values["error_id"] == "in_use_unknown"
    assert "participant 2 of in_use_by can't be reached" in values["msg"] and "force" in values["hint"]
    assert keys.find(ALIAS).state == "enabled"  # type: ignore[union-attr]
    assert delete(participants, force=True)["changed"]


def test_grpc_is_needed_only_to_ask_participants(
    keys: AwsKeys, participants: Participants, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(alias=ALIAS, purpose="namespace")

    def missing() -> None:
        raise DependencyMissing("grpcio", "No module named grpc")

    monkeypatch.setattr(_connection, "check_dependencies", missing)
    assert delete(participants)["error_id"] == "dependency_missing"
    assert delete(participants, in_use_by=[])["key"]["state"] == "pending_deletion"


def test_replica_counts_as_the_key(keys: AwsKeys, participants: Participants) -> None:
    key = key_of(run(alias=ALIAS, purpose="protocol", replicas=["eu-west-1"]))
    listed(participants, kms_key_id=str(key["arn"]).replace("eu-central-1", "eu-west-1"))
    values = delete(participants, state="present", replicas=[], purge_replicas=True)
    assert (values["error_id"], "in eu-west-1" in values["msg"]) == ("key_in_use", True)
    assert delete(participants, state="present", tags={"a": "1"})["changed"]


@pytest.mark.parametrize("change", [{"alias_move": True}, {"alias_state": "absent"}])
def test_alias_that_a_participant_knows_stays(
    keys: AwsKeys, participants: Participants, change: dict[str, Any]
) -> None:
    first = key_of(run(alias=ALIAS, purpose="namespace"))["arn"]
    other = keys.create("ec_p256", "sign_verify", "", {})
    options = {"state": "present", "key_id": other if "alias_move" in change else first, **change}
    listed(participants, kms_key_id=ALIAS)
    assert delete(participants, **options)["error_id"] == "alias_in_use"
    assert keys.identify(ALIAS) == first
    listed(participants, kms_key_id=first)
    assert delete(participants, **options)["changed"]
