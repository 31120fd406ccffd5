# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policy, grants, rotation and replicas of a key: what is asked, how it is aimed at, carried out and recognised.

A view (see ``lifecycle``) holds a fact about each of them only where it is asked for, so that everything else is left
alone, needs no permission, and is no part of a diff.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws import grants, model, policy
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.model import Replica
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import Key, Requirement, Rotation

View = dict[str, t.Any]
Params = t.Mapping[str, t.Any]
DEFAULT_PERIOD_DAYS = 365
DYING = ("pending_deletion", "pending_replica_deletion")


@dataclass(frozen=True)
class Wishes:
    """What is asked beyond state, alias, description and tags; None where it is to be left alone."""

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
        """What ``Keys.find`` has to read for this."""
        asked = {
            "policy": self.policy is not None or self.nodes is not None,
            "grants": self.grants is not None,
            "rotation": self.rotation is not None,
        }
        return tuple(name for name, wanted in asked.items() if wanted)


class Keys(t.Protocol):
    """What a provider has to offer for this; ``aws.AwsKeys`` is one."""

    partition: str

    def account(self, key: Key | None) -> tuple[str, str]: ...
    def put_policy(self, arn: str, text: str, lockout: bool) -> None: ...
    def grant(self, arn: str, grant: model.Grant) -> None: ...
    def revoke(self, arn: str, grant: model.Grant) -> None: ...
    def rotate(self, arn: str, rotation: Rotation) -> None: ...
    def replica_state(self, arn: str, region: str) -> str | None: ...

    def replicate(
        self, arn: str, region: str, description: str, tags: t.Mapping[str, str], policy: str | None, lockout: bool
    ) -> None: ...
    def delete_replica(self, arn: str, region: str, days: int) -> None: ...


# -- asking -----------------------------------------------------------------------------------------------------------


def wishes(params: Params) -> Wishes:
    """What the module's options ask. Raises CantonError for what no key could have, before anything is read."""
    window = params["pending_window"]
    if params["state"] == "absent":
        # replicas have to be gone before their primary; everything else goes with the key
        return Wishes(replicas=() if params["purge_replicas"] else None, purge_replicas=True, pending_window=window)
    nodes, admins = params["node_principals"], params["admin_principals"] or []
    policy.check_principals("node_principals", nodes or ())
    policy.check_principals("admin_principals", admins)
    if admins and params["grants"]:
        raise CantonError(
            "A key with admin_principals can't have grants: nobody would be allowed to give them",
            "value_invalid",
            "Leave admin_principals or grants out, or write the whole policy.",
        )
    if params["replicas"] is not None and params["multi_region"] is False:
        raise CantonError("A key that isn't multi-Region has no replicas", "value_invalid", "Set multi_region to true.")
    _check_rotation(params)
    return Wishes(
        policy=None if params["policy"] is None else policy.parse(params["policy"]),
        nodes=None if nodes is None else tuple(nodes),
        admins=tuple(admins),
        lockout=params["policy_lockout"],
        grants=None if params["grants"] is None else grants.asked(params["grants"]),
        purge_grants=params["purge_grants"],
        rotation=params["rotation"],
        rotation_period=params["rotation_period"],
        multi_region=True if params["replicas"] else params["multi_region"],
        replicas=None if params["replicas"] is None else tuple(sorted(set(params["replicas"]))),
        purge_replicas=params["purge_replicas"],
        pending_window=window,
    )


def _check_rotation(params: Params) -> None:
    period = params["rotation_period"]
    if period is None:
        return
    if not params["rotation"]:
        raise CantonError("rotation_period needs rotation", "value_invalid", "Set rotation to true.")
    if not 90 <= period <= 2560:
        raise CantonError(f"rotation_period is {period} days", "value_invalid", "AWS KMS takes 90 to 2560.")


def complete(keys: Keys, asked: Wishes, key: Key | None, wanted: Requirement | None) -> tuple[Wishes, list[str]]:
    """The wishes with the policy that a preset stands for, and warnings. Raises CantonError for what doesn't fit the key."""
    spec, usage = (key.spec, key.usage) if key else (wanted.specs[0], wanted.usage) if wanted else ("", "")
    document = asked.policy
    if asked.nodes is not None:
        account, partition = keys.account(key)
        document = policy.for_node(account, partition, spec, usage, asked.nodes, asked.admins)
    warning = None if document is None or asked.lockout else policy.check_way_back(document)
    grants.check_fit(asked.grants or (), spec, usage)
    if asked.rotation and spec != "symmetric":
        raise CantonError(
            f"A key of spec {spec} can't be rotated by AWS KMS",
            error_id="rotation_unfit",
            hint="Leave rotation out: only symmetric keys, such as a wrapper key, get new material by themselves. "
            "For Canton's other keys a new key is made and the node told to change over.",
        )
    return replace(asked, policy=document, partition=keys.partition), [warning] if warning else []


# -- seeing and aiming ------------------------------------------------------------------------------------------------


def view(keys: Keys, key: Key, asked: Wishes) -> View:
    """The facts of a key that is there."""
    facts: View = {}
    if asked.policy is not None:
        facts["policy"] = None if key.policy is None else policy.meaning(key.policy, asked.partition)
    if asked.grants is not None:
        facts["grants"] = None if key.grants is None else model.facts(key.grants)
    if asked.rotation is not None and key.spec == "symmetric":
        facts["rotation"] = None if key.rotation is None else key.rotation.as_result()
    if asked.multi_region is not None:
        facts["multi_region"] = key.multi_region
    if asked.replicas is not None:
        states = {each.region: keys.replica_state(str(key.arn), each.region) for each in key.replicas}
        facts["replicas"] = {region: state for region, state in states.items() if state is not None}
    return facts


def aim(key: Key | None, before: View, asked: Wishes, spec: str, region: str | None) -> View:
    """The facts as they should be; ``before`` is what ``view`` saw. Raises CantonError where no change can lead there."""
    facts: View = {}
    if key is not None:
        _check_readable(key, asked)
    if asked.policy is not None:
        facts["policy"] = policy.meaning(asked.policy, asked.partition)
    if asked.grants is not None:
        there = () if key is None else key.grants or ()
        facts["grants"] = model.facts(grants.planned(there, asked.grants, asked.purge_grants))
    if asked.rotation is not None and spec == "symmetric":
        facts["rotation"] = _aim_rotation(key, asked, region).as_result()
    if asked.multi_region is not None:
        _check_multi_region(key, asked.multi_region)
        facts["multi_region"] = asked.multi_region
    if asked.replicas is not None:
        facts["replicas"] = _aim_replicas(key, before.get("replicas", {}), asked, region)
    return facts


def _check_readable(key: Key, asked: Wishes) -> None:
    asymmetric = key.spec != "symmetric"
    unread = [name for name in asked.parts if getattr(key, name) is None and not (name == "rotation" and asymmetric)]
    if unread:
        raise CantonError(
            f"{' and '.join(unread)} can't be compared with what key {key.arn} has. " + " ".join(key.notes),
            error_id=f"{unread[0]}_unreadable",
            hint=f"Allow reading, or leave {' and '.join(unread)} out.",
        )


def _aim_rotation(key: Key | None, asked: Wishes, region: str | None) -> Rotation:
    there = (key.rotation if key is not None else None) or Rotation(False)
    aimed = (
        Rotation(True, asked.rotation_period or there.period or DEFAULT_PERIOD_DAYS)
        if asked.rotation
        else Rotation(False)
    )
    if key is not None and aimed != there and key.primary_region not in (None, region):
        raise CantonError(
            f"Key {key.arn} is a replica; how it is rotated is decided at its primary key in {key.primary_region}",
            error_id="key_not_primary",
            hint=f"Set region to {key.primary_region}, or leave rotation out.",
        )
    if asked.rotation and key is not None and key.origin not in (None, "aws_kms"):
        raise CantonError(
            f"Key {key.arn} has imported material (origin {key.origin}), which AWS KMS doesn't rotate",
            error_id="rotation_unfit",
            hint="Leave rotation out.",
        )
    return aimed


def _check_multi_region(key: Key | None, wanted: bool) -> None:
    if key is not None and key.multi_region != wanted:
        kind = "a multi-Region key" if key.multi_region else "a key of one region"
        raise CantonError(
            f"Key {key.arn} is {kind}, and stays it",
            error_id="multi_region_mismatch",
            hint="That is fixed when a key is created: choose another alias or key_id, or ask for what the key is.",
            details={"arn": key.arn},
        )


def _aim_replicas(key: Key | None, there: dict[str, str], asked: Wishes, region: str | None) -> dict[str, str]:
    wanted = asked.replicas or ()
    home = region if key is None else key.primary_region
    if region in wanted:
        raise CantonError(
            f"replicas names {region}, where the key itself is",
            error_id="value_invalid",
            hint="Name other regions only.",
        )
    if wanted and key is not None and home != region:
        raise CantonError(
            f"Key {key.arn} is a replica itself; only its primary key in {home} can have replicas",
            error_id="key_not_primary",
            hint=f"Set region to {home}, or leave replicas out.",
        )
    if home != region:
        return dict(there)
    dying = [each for each in wanted if there.get(each) in DYING]
    if dying:
        raise CantonError(
            f"The replica of key {key.arn if key else ''} in {', '.join(dying)} is waiting for its deletion",
            error_id="key_pending_deletion",
            hint="Run this for that region first, with the key's id as key_id and cancel_deletion set to true.",
        )
    unsettled = ("creating", "updating")
    aimed = {each: "enabled" if there.get(each, unsettled[0]) in unsettled else there[each] for each in wanted}
    for each, state in there.items():
        if each not in wanted:
            aimed[each] = "pending_deletion" if asked.purge_replicas and state not in DYING else state
    return dict(sorted(aimed.items()))


def predict(base: Key, after: View, asked: Wishes) -> Key:
    """The key as it will be read after the change."""
    changes: dict[str, t.Any] = {}
    if asked.policy is not None:
        changes["policy"] = asked.policy
    if asked.grants is not None:
        known = {str(each.facts()): each for each in base.grants or ()}
        plan = grants.planned(base.grants or (), asked.grants, asked.purge_grants)
        changes["grants"] = tuple(known.get(str(each.facts()), each) for each in plan)
    if after.get("rotation"):
        changes["rotation"] = Rotation(**after["rotation"])
    if asked.multi_region is not None:
        changes["multi_region"] = asked.multi_region
    if after.get("replicas") is not None:
        arns = {each.region: each.arn for each in base.replicas}
        changes["replicas"] = tuple(Replica(region, arns.get(region)) for region in sorted(after["replicas"]))
    return replace(base, **changes)


# -- carrying out -----------------------------------------------------------------------------------------------------


def needs_enabled(before: View, after: View) -> list[str]:
    """Those of the changes that AWS refuses while the key is disabled."""
    return [name for name in ("grants", "rotation", "replicas") if name in after and before.get(name) != after[name]]


def carry_out(keys: Keys, arn: str, key: Key | None, now: View, after: View, asked: Wishes) -> None:
    """Make the changes from ``now`` to ``after``; a new key (``key`` is None) already has its policy."""
    if asked.policy is not None and key is not None and now["policy"] != after["policy"]:
        keys.put_policy(arn, policy.as_text(asked.policy), asked.lockout)
    if asked.grants is not None:
        _carry_out_grants(keys, arn, () if key is None else key.grants or (), asked)
    if "rotation" in after and now.get("rotation") != after["rotation"]:
        new_and_off = key is None and not asked.rotation
        if not new_and_off:
            keys.rotate(arn, Rotation(**after["rotation"]))
    there = now.get("replicas", {})
    for region, state in after.get("replicas", {}).items():
        if region not in there:
            text = None if asked.policy is None else policy.as_text(asked.policy)
            keys.replicate(arn, region, after["description"], after["tags"] or {}, text, asked.lockout)
        elif state in DYING and there[region] not in DYING:
            keys.delete_replica(arn, region, asked.pending_window)


def _carry_out_grants(keys: Keys, arn: str, there: t.Sequence[model.Grant], asked: Wishes) -> None:
    """New ones first: a node that is given other rights is never without any."""
    plan = grants.planned(there, asked.grants or (), asked.purge_grants)
    for grant in plan:
        if grant not in there:
            keys.grant(arn, grant)
    for grant in grants.unwanted(there, plan):
        keys.revoke(arn, grant)


def shows(seen: View, before: View, after: View) -> bool:
    """Whether the changes are to be seen. Grants that others give meanwhile are no reason to wait."""
    if any(name in after and seen[name] != after[name] for name in ("policy", "rotation", "multi_region")):
        return False
    if "grants" in after:
        revoked = [each for each in before.get("grants") or [] if each not in after["grants"]]
        if any(each not in seen["grants"] for each in after["grants"]) or any(it in seen["grants"] for it in revoked):
            return False
    # a replica that waits for its deletion may be told no more
    return all(
        seen["replicas"].get(region, state if state in DYING else "") == state
        for region, state in after.get("replicas", {}).items()
    )
