# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls for the policy, grants, rotation and replicas of a key in AWS KMS. One method for each call."""

from __future__ import annotations

import json
import re
import typing as t

from ..errors import NotFound
from ..model import NO_ROTATION, Rotation
from .model import Grant, Replica
from .session import guarded

DEFAULT_PERIOD_DAYS = 365  # of a rotation without a period of its own
_CONSTRAINTS = {
    "EncryptionContextEquals": "encryption_context_equals",
    "EncryptionContextSubset": "encryption_context_subset",
    "SourceArn": "source_arn",
}
_BYPASS = {"BypassPolicyLockoutSafetyCheck": True}


class AwsCalls:
    """Calls of one client, whose refusals are CantonErrors."""

    def __init__(self, client: t.Any) -> None:
        self._client = client
        self.region: str | None = client.meta.region_name
        self.partition: str = client.meta.partition

    def _call(self, method: str, **arguments: t.Any) -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", guarded(self._client, method, **arguments))

    def _pages(self, method: str, part: str, **arguments: t.Any) -> list[dict[str, t.Any]]:
        paginator = self._client.get_paginator(method)
        pages = guarded(self._client, method, lambda: paginator.paginate(**arguments).build_full_result())
        return t.cast("list[dict[str, t.Any]]", pages.get(part, []))


class AwsAttributes(AwsCalls):
    """The part of ``AwsKeys`` for policies, grants, rotation and replicas."""

    def policy(self, arn: str) -> dict[str, t.Any]:
        answer = self._call("get_key_policy", KeyId=arn, PolicyName="default")
        return t.cast("dict[str, t.Any]", json.loads(answer["Policy"] or "{}"))

    def put_policy(self, arn: str, text: str, *, lockout: bool) -> None:
        """``lockout``: without AWS's own check that the caller can change the policy again."""
        self._call("put_key_policy", KeyId=arn, PolicyName="default", Policy=text, **(_BYPASS if lockout else {}))

    def grants(self, arn: str) -> tuple[Grant, ...]:
        return tuple(_grant(each) for each in self._pages("list_grants", "Grants", KeyId=arn))

    def grant(self, arn: str, grant: Grant) -> None:
        optional: dict[str, t.Any] = {}
        if grant.retiring_principal:
            optional["RetiringPrincipal"] = grant.retiring_principal
        if grant.constraints:
            words = {ours: theirs for theirs, ours in _CONSTRAINTS.items()}
            optional["Constraints"] = {words[name]: dict(context) for name, context in grant.constraints.items()}
        self._call(
            "create_grant",
            KeyId=arn,
            Name=grant.name,
            GranteePrincipal=grant.grantee_principal,
            Operations=list(grant.operations),
            **optional,
        )

    def revoke(self, arn: str, grant: Grant) -> None:
        self._call("revoke_grant", KeyId=arn, GrantId=grant.grant_id)

    def rotation(self, arn: str) -> Rotation:
        answer = self._call("get_key_rotation_status", KeyId=arn)
        if not answer["KeyRotationEnabled"]:
            return NO_ROTATION
        return Rotation(int(answer.get("RotationPeriodInDays") or DEFAULT_PERIOD_DAYS))

    def rotate(self, arn: str, rotation: Rotation) -> None:
        if rotation.period is not None:
            self._call("enable_key_rotation", KeyId=own_id(arn), RotationPeriodInDays=rotation.period)
        else:
            self._call("disable_key_rotation", KeyId=own_id(arn))

    def in_region(self, region: str) -> AwsCalls:
        """The same account's KMS in another region."""
        raise NotImplementedError

    def replica_state(self, arn: str, region: str) -> str | None:
        """The state of the replica in ``region`` of the multi-Region key ``arn``; None when there is none."""
        there = self.in_region(region)
        try:
            metadata = there._call("describe_key", KeyId=own_id(arn))["KeyMetadata"]
        except NotFound:
            return None
        return snake(metadata["KeyState"])

    def replicate(
        self, arn: str, region: str, description: str, tags: t.Mapping[str, str], policy: str | None, *, lockout: bool
    ) -> None:
        optional: dict[str, t.Any] = {"Tags": tag_list(tags)} if tags else {}
        if policy is not None:
            optional.update(Policy=policy, **(_BYPASS if lockout else {}))
        self._call("replicate_key", KeyId=own_id(arn), ReplicaRegion=region, Description=description, **optional)

    def delete_replica(self, arn: str, region: str, days: int) -> None:
        self.in_region(region)._call("schedule_key_deletion", KeyId=own_id(arn), PendingWindowInDays=days)


def replicas_of(metadata: t.Mapping[str, t.Any]) -> tuple[str | None, tuple[Replica, ...]]:
    """The region of the primary key and the replicas, from DescribeKey; None and () for a key of one region."""
    found = metadata.get("MultiRegionConfiguration")
    if not found:
        return None, ()
    replicas = sorted((each["Region"], each["Arn"]) for each in found.get("ReplicaKeys", ()))
    return found["PrimaryKey"]["Region"], tuple(Replica(region, arn) for region, arn in replicas)


def _grant(found: t.Mapping[str, t.Any]) -> Grant:
    return Grant(
        name=found.get("Name") or "",
        grantee_principal=found.get("GranteePrincipal") or found.get("GranteeServicePrincipal") or "",
        operations=tuple(sorted(found.get("Operations") or ())),
        retiring_principal=found.get("RetiringPrincipal") or found.get("RetiringServicePrincipal") or None,
        constraints={_CONSTRAINTS.get(name, name): value for name, value in (found.get("Constraints") or {}).items()},
        grant_id=found["GrantId"],
    )


def own_id(arn: str) -> str:
    """What changes a key's state works in the key's own account only, where the id is its name."""
    return arn.rpartition("/")[2]


def tag_list(tags: t.Mapping[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": name, "TagValue": value} for name, value in sorted(tags.items())]


def snake(word: str) -> str:
    """AWS's ``PendingDeletion`` as ``pending_deletion``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower()
