# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policy, grants, rotation and replicas of a key: read, planned, applied and awaited.

A view (see ``lifecycle``) has a fact about each of them only where the options set it, so that everything else is left
alone, needs no permission, and is no part of a diff.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ..._errors import CantonError
from .. import lifecycle
from ..model import NO_ROTATION, Params, Requirement, Rotation, View
from . import grants, model, policy
from .calls import DEFAULT_PERIOD_DAYS
from .keys import AwsKeys
from .model import PENDING_STATES, AwsKey, Replica


@dataclass(frozen=True)
class DesiredAttributes:
    """What the options set beyond state, alias, description and tags; None where it is to be left alone."""

    policy: policy.Document | None = None
    nodes: tuple[str, ...] | None = None
    admins: tuple[str, ...] = ()
    lockout: bool = False
    grants: tuple[model.Grant, ...] | None = None
    purge_grants: bool = False
    rotation: bool | None = None
    rotation_period: int | None = None
    multi_region: bool | None = None
    replicas: tuple[str, ...] | None = None
    purge_replicas: bool = False
    pending_window: int = 30
    partition: str = "aws"

    @property
    def parts(self) -> tuple[str, ...]:
        """What ``AwsKeys.find`` has to read for this."""
        set_here = {
            "policy": self.policy is not None or self.nodes is not None,
            "grants": self.grants is not None,
            "rotation": self.rotation is not None,
        }
        return tuple(name for name, is_set in set_here.items() if is_set)


def desired_attributes(params: Params) -> DesiredAttributes:
    """The attributes that the options describe. Raises CantonError for what no key can have, before anything is read."""
    window = params["pending_window"]
    if params["state"] == "absent":
        # replicas have to be deleted before their primary; everything else is deleted with the key
        return DesiredAttributes(
            replicas=() if params["purge_replicas"] else None, purge_replicas=True, pending_window=window
        )
    nodes, admins = params["node_principals"], params["admin_principals"] or []
    policy.check_principals("node_principals", nodes or ())
    policy.check_principals("admin_principals", admins)
    if admins and params["grants"]:
        raise CantonError(
            "A key with admin_principals can't have grants: nobody would be allowed to create them",
            "value_invalid",
            "Leave admin_principals or grants out, or write the whole policy.",
        )
    if params["replicas"] is not None and params["multi_region"] is False:
        raise CantonError("A key that isn't multi-Region has no replicas", "value_invalid", "Set multi_region to true.")
    lifecycle.check_rotation(params, 90, 2560)
    return DesiredAttributes(
        policy=None if params["policy"] is None else policy.parse(params["policy"]),
        nodes=None if nodes is None else tuple(nodes),
        admins=tuple(admins),
        lockout=params["policy_lockout"],
        grants=None if params["grants"] is None else grants.desired_grants(params["grants"]),
        purge_grants=params["purge_grants"],
        rotation=params["rotation"],
        rotation_period=params["rotation_period"],
        multi_region=True if params["replicas"] else params["multi_region"],
        replicas=None if params["replicas"] is None else tuple(sorted(set(params["replicas"]))),
        purge_replicas=params["purge_replicas"],
        pending_window=window,
    )


def complete(
    keys: AwsKeys, desired: DesiredAttributes, key: AwsKey | None, required: Requirement | None
) -> tuple[DesiredAttributes, list[str]]:
    """With the policy that node_principals stand for, and warnings. Raises CantonError for what doesn't fit the key."""
    spec, usage = lifecycle.kind_of(key, required)
    document = desired.policy
    if desired.nodes is not None:
        account, partition = keys.account(key)
        document = policy.for_node(account, partition, spec, usage, desired.nodes, desired.admins)
    warning = None if document is None or desired.lockout else policy.check_changeable(document)
    grants.check_fit(desired.grants or (), spec, usage)
    lifecycle.require_rotatable(spec, rotation=desired.rotation)
    return replace(desired, policy=document, partition=keys.partition), [warning] if warning else []


def view(keys: AwsKeys, key: AwsKey, desired: DesiredAttributes) -> View:
    """The facts of a key that is there."""
    facts: View = {}
    if desired.policy is not None:
        facts["policy"] = None if key.policy is None else policy.meaning(key.policy, desired.partition)
    if desired.grants is not None:
        facts["grants"] = None if key.grants is None else model.facts(key.grants)
    if desired.rotation is not None and key.spec == "symmetric":
        facts["rotation"] = None if key.rotation is None else key.rotation.as_result()
    if desired.multi_region is not None:
        facts["multi_region"] = key.multi_region
    if desired.replicas is not None:
        states = {each.region: keys.replica_state(str(key.full_name), each.region) for each in key.replicas}
        facts["replicas"] = {region: state for region, state in states.items() if state is not None}
    return facts


def plan(key: AwsKey | None, before: View, desired: DesiredAttributes, spec: str, region: str | None) -> View:
    """The facts as they should be; ``before`` is what ``view`` returned. Raises CantonError for what can't be changed to that."""
    facts: View = {}
    if key is not None:
        _check_readable(key, desired)
    if desired.policy is not None:
        facts["policy"] = policy.meaning(desired.policy, desired.partition)
    if desired.grants is not None:
        there = () if key is None else key.grants or ()
        facts["grants"] = model.facts(grants.planned(there, desired.grants, purge=desired.purge_grants))
    if desired.rotation is not None and spec == "symmetric":
        facts["rotation"] = _plan_rotation(key, desired, region).as_result()
    if desired.multi_region is not None:
        _check_multi_region(key, multi_region=desired.multi_region)
        facts["multi_region"] = desired.multi_region
    if desired.replicas is not None:
        facts["replicas"] = _plan_replicas(key, before.get("replicas", {}), desired, region)
    return facts


def _check_readable(key: AwsKey, desired: DesiredAttributes) -> None:
    asymmetric = key.spec != "symmetric"
    unread = [name for name in desired.parts if getattr(key, name) is None and not (name == "rotation" and asymmetric)]
    if unread:
        raise CantonError(
            f"{' and '.join(unread)} can't be compared with what key {key.full_name} has. " + " ".join(key.notes),
            error_id=f"{unread[0]}_unreadable",
            hint=f"Allow reading, or leave {' and '.join(unread)} out.",
        )


def _plan_rotation(key: AwsKey | None, desired: DesiredAttributes, region: str | None) -> Rotation:
    planned = lifecycle.planned_rotation(key, desired.rotation, desired.rotation_period, DEFAULT_PERIOD_DAYS)
    if key is not None and planned != (key.rotation or NO_ROTATION) and key.primary_region not in (None, region):
        raise CantonError(
            f"Key {key.full_name} is a replica; its rotation is set at its primary key in {key.primary_region}",
            error_id="key_not_primary",
            hint=f"Set region to {key.primary_region}, or leave rotation out.",
        )
    if desired.rotation and key is not None and key.origin not in (None, "aws_kms"):
        raise CantonError(
            f"Key {key.full_name} has imported material (origin {key.origin}), which AWS KMS doesn't rotate",
            error_id="rotation_unfit",
            hint="Leave rotation out.",
        )
    return planned


def _check_multi_region(key: AwsKey | None, *, multi_region: bool) -> None:
    if key is not None and key.multi_region != multi_region:
        kind = "a multi-Region key" if key.multi_region else "a key of one region"
        raise CantonError(
            f"Key {key.full_name} is {kind}, which never changes",
            error_id="multi_region_mismatch",
            hint="That is fixed when a key is created: choose another alias or key_id, or set multi_region to what the key is.",
            details=key.details(),
        )


def _plan_replicas(
    key: AwsKey | None, there: dict[str, str], desired: DesiredAttributes, region: str | None
) -> dict[str, str]:
    regions = desired.replicas or ()
    home = region if key is None else key.primary_region
    if region in regions:
        raise CantonError(
            f"replicas names {region}, where the key itself is",
            error_id="value_invalid",
            hint="Name other regions only.",
        )
    if regions and key is not None and home != region:
        raise CantonError(
            f"Key {key.full_name} is a replica itself; only its primary key in {home} can have replicas",
            error_id="key_not_primary",
            hint=f"Set region to {home}, or leave replicas out.",
        )
    if home != region:
        return dict(there)
    pending = [each for each in regions if there.get(each) in PENDING_STATES]
    if pending:
        raise CantonError(
            f"The replica of key {key.full_name if key else ''} in {', '.join(pending)} is waiting for its deletion",
            error_id="key_pending_deletion",
            hint="Run this for that region first, with the key's id as key_id and cancel_deletion set to true.",
        )
    changing = ("creating", "updating")
    planned = {each: "enabled" if there.get(each, changing[0]) in changing else there[each] for each in regions}
    for each, state in there.items():
        if each not in regions:
            planned[each] = "pending_deletion" if desired.purge_replicas and state not in PENDING_STATES else state
    return dict(sorted(planned.items()))


def predict(base: AwsKey, after: View, desired: DesiredAttributes) -> AwsKey:
    """The key as it will be read after the change."""
    changes: dict[str, t.Any] = {}
    if desired.policy is not None:
        changes["policy"] = desired.policy
    if desired.grants is not None:
        known = {str(each.facts()): each for each in base.grants or ()}
        given = grants.planned(base.grants or (), desired.grants, purge=desired.purge_grants)
        changes["grants"] = tuple(known.get(str(each.facts()), each) for each in given)
    if after.get("rotation"):
        changes["rotation"] = Rotation(after["rotation"]["period"])
    if desired.multi_region is not None:
        changes["multi_region"] = desired.multi_region
    if after.get("replicas") is not None:
        arns = {each.region: each.arn for each in base.replicas}
        changes["replicas"] = tuple(Replica(region, arns.get(region)) for region in sorted(after["replicas"]))
    return replace(base, **changes)


def needs_enabled(before: View, after: View) -> list[str]:
    """Those of the changes that AWS refuses while the key is disabled."""
    return [name for name in ("grants", "rotation", "replicas") if name in after and before.get(name) != after[name]]


def apply(keys: AwsKeys, arn: str, key: AwsKey | None, now: View, after: View, desired: DesiredAttributes) -> None:
    """Make the changes from ``now`` to ``after``; a new key (``key`` is None) already has its policy."""
    if desired.policy is not None and key is not None and now["policy"] != after["policy"]:
        keys.put_policy(arn, policy.as_text(desired.policy), lockout=desired.lockout)
    if desired.grants is not None:
        _apply_grants(keys, arn, () if key is None else key.grants or (), desired)
    if "rotation" in after and now.get("rotation") != after["rotation"]:
        new_and_off = key is None and not desired.rotation
        if not new_and_off:
            keys.rotate(arn, Rotation(after["rotation"]["period"]))
    there = now.get("replicas", {})
    for region, state in after.get("replicas", {}).items():
        if region not in there:
            text = None if desired.policy is None else policy.as_text(desired.policy)
            keys.replicate(arn, region, after["description"], after["tags"] or {}, text, lockout=desired.lockout)
        elif state in PENDING_STATES and there[region] not in PENDING_STATES:
            keys.delete_replica(arn, region, desired.pending_window)


def _apply_grants(keys: AwsKeys, arn: str, there: t.Sequence[model.Grant], desired: DesiredAttributes) -> None:
    """New ones first, so that a node is never without any rights."""
    plan = grants.planned(there, desired.grants or (), purge=desired.purge_grants)
    for grant in plan:
        if grant not in there:
            keys.grant(arn, grant)
    for grant in grants.unwanted(there, plan):
        keys.revoke(arn, grant)


def is_visible(seen: View, before: View, after: View) -> bool:
    """Whether AWS shows the changes. Grants that others create meanwhile are no reason to wait."""
    if any(name in after and seen[name] != after[name] for name in ("policy", "rotation", "multi_region")):
        return False
    if "grants" in after:
        revoked = [each for each in before.get("grants") or [] if each not in after["grants"]]
        if any(each not in seen["grants"] for each in after["grants"]) or any(it in seen["grants"] for it in revoked):
            return False
    # a replica that waits for its deletion may no longer be listed
    return all(
        seen["replicas"].get(region, state if state in PENDING_STATES else "") == state
        for region, state in after.get("replicas", {}).items()
    )
