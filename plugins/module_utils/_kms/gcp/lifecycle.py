# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the existing key to the desired one: find, plan, apply, wait until GCP shows it.

Planning is pure, so that check mode predicts with the very code that the real run follows. It differs from that of AWS because a
GCP key has a name that stays for ever, a ring, versions and a protection level, and no aliases, descriptions and replicas.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ..._errors import CantonError
from .. import lifecycle
from ..model import NO_ROTATION, PENDING_DELETION, PENDING_IMPORT, Params, Requirement, Rotation, View
from . import policy as gcp_policy
from .keys import GcpKeys
from .model import ALGORITHMS, DESTROYED, ED25519, ED25519_NOTE, GENERATING, GcpKey, Version, check_protection, labels

DEFAULT_ROTATION_DAYS = 90

_STATE_HINTS = {
    PENDING_IMPORT: "Import its key material first (ledgerops.canton.kms_key_material), or choose another name.",
    "import_failed": "Import its key material again (ledgerops.canton.kms_key_material), or choose another name.",
    DESTROYED: "Choose another name. Canton uses version 1 of a key only, and the name of a key can't be used again.",
    "generation_failed": "Choose another name: a first version that failed stays the first.",
}


@dataclass(frozen=True)
class DesiredAttributes:
    """What the options set beyond the state; None where it is to be left alone. ``nodes`` stands for a policy until the spec is known."""

    labels: dict[str, str] | None = None
    purge_labels: bool = True
    protection_level: str | None = None
    destroy_days: int | None = None
    rotation: bool | None = None
    rotation_period: int | None = None
    policy: dict[str, t.Any] | None = None
    nodes: tuple[str, ...] | None = None

    @property
    def reads_policy(self) -> bool:
        return self.policy is not None or self.nodes is not None


def desired_attributes(params: Params) -> DesiredAttributes:
    """The attributes that the options describe. Raises CantonError for what no key can have, before anything is read."""
    if params["state"] == "absent":
        return DesiredAttributes()
    lifecycle.check_days("destroy_scheduled_duration", params["destroy_scheduled_duration"], 1, 120)
    lifecycle.check_rotation(params, 1, 36500)
    nodes = params["node_principals"]
    return DesiredAttributes(
        labels=labels(params["labels"]),
        purge_labels=params["purge_labels"],
        protection_level=params["protection_level"],
        destroy_days=params["destroy_scheduled_duration"],
        rotation=params["rotation"],
        rotation_period=params["rotation_period"],
        policy=None if params["policy"] is None else gcp_policy.parse(params["policy"]),
        nodes=None if nodes is None else tuple(gcp_policy.check_members("node_principals", nodes)),
    )


def complete(desired: DesiredAttributes, key: GcpKey | None, required: Requirement | None) -> DesiredAttributes:
    """With the policy that node_principals stand for. Raises CantonError for what doesn't fit the key."""
    spec, usage = lifecycle.kind_of(key, required)
    lifecycle.require_rotatable(spec, rotation=desired.rotation)
    if desired.nodes is None:
        return desired
    return replace(desired, policy=gcp_policy.for_node(spec, usage, desired.nodes))


def locate(keys: GcpKeys, name: str, timeout: float) -> GcpKey | None:
    """The key of this name; one that is still being generated is waited for."""
    key = keys.find(name)
    return key if key is None or key.state != GENERATING else _generated(keys, name, timeout)


def _generated(keys: GcpKeys, name: str, timeout: float) -> GcpKey:
    key = _await(keys, name, timeout, lambda seen: seen.state != GENERATING, "was created, but isn't generated")
    if key.state == "generation_failed":
        raise lifecycle.unusable(key, _STATE_HINTS, key.failure)
    return key


def check_fits(required: Requirement | None, desired: DesiredAttributes, key: GcpKey) -> None:
    """Raise CantonError when the existing key isn't what the options require, in what never changes."""
    wrong = []
    if required is not None and not required.is_met_by(key):
        needs = f"{' or '.join(required.specs)} with {required.usage}"
        wrong.append(f"spec {key.spec} and usage {key.usage}, but {required.label} needs {needs}")
    if desired.protection_level not in (None, key.protection_level):
        wrong.append(f"protection level {key.protection_level}, not {desired.protection_level}")
    if desired.destroy_days is not None and key.destroy_days != desired.destroy_days:
        wrong.append(f"a destroy_scheduled_duration of {key.destroy_days} days, not {desired.destroy_days}")
    if wrong:
        raise CantonError(
            f"Key {key.full_name} has {', and '.join(wrong)}",
            error_id="key_spec_mismatch",
            hint="That is fixed when a key is created. Choose another name, or set the options to what the key is.",
            details=key.details(spec=key.spec, usage=key.usage),
        )


def view(keys: GcpKeys, key: GcpKey | None, desired: DesiredAttributes) -> View:
    """The facts that a change is about, as they are; the same in real and in check mode."""
    if key is None:
        return {"state": "absent"}
    facts: View = {
        "state": key.state,
        "spec": key.spec,
        "usage": key.usage,
        "protection_level": key.protection_level,
        "labels": key.tags,
    }
    if key.rotation is not None:
        facts["rotation"] = key.rotation.as_result()
    if desired.reads_policy:
        facts["policy"] = gcp_policy.meaning(keys.policy(str(key.full_name))[0])
    return facts


def plan(
    before: View,
    key: GcpKey | None,
    required: Requirement | None,
    name: str,
    params: Params,
    desired: DesiredAttributes,
) -> View:
    """The facts as they should be. Raises CantonError for what can't be changed to that."""
    if params["state"] == "absent":
        if key is None or key.state not in ("enabled", "disabled"):
            # a key that was never generated or imported has no material to destroy
            return dict(before)
        # or the KMS would continue to generate versions
        off = {"rotation": NO_ROTATION.as_result()} if "rotation" in before else {}
        return {**before, **off, "state": PENDING_DELETION}
    if key is None:
        after = {**before, **_new(lifecycle.require_kind(required, name), params, desired)}
    else:
        state = lifecycle.planned_state(key, params, _STATE_HINTS)
        after = {**before, "state": state, "labels": _plan_labels(key, desired)}
    if after["spec"] == "symmetric":
        rotation = lifecycle.planned_rotation(key, desired.rotation, desired.rotation_period, DEFAULT_ROTATION_DAYS)
        after["rotation"] = rotation.as_result()
    if desired.policy is not None:
        after["policy"] = gcp_policy.meaning(desired.policy)
    return after


def _new(required: Requirement, params: Params, desired: DesiredAttributes) -> View:
    level = desired.protection_level or "hsm"
    check_protection(required.specs[0], level)
    return {
        "state": "disabled" if params["enabled"] is False else "enabled",
        "spec": required.specs[0],
        "usage": required.usage,
        "protection_level": level,
        "labels": dict(desired.labels or {}),
    }


def _plan_labels(key: GcpKey, desired: DesiredAttributes) -> dict[str, str]:
    there = key.tags or {}
    if desired.labels is None:
        return there
    return dict(desired.labels) if desired.purge_labels else {**there, **desired.labels}


def predict(keys: GcpKeys, name: str, key: GcpKey | None, after: View, desired: DesiredAttributes) -> GcpKey | None:
    """The key as it will be read after the change, without what only the KMS can know."""
    if after["state"] == "absent":
        return None
    base = key or GcpKey(
        state="",
        spec=after["spec"],
        usage=after["usage"],
        key_id=name,
        full_name=keys.ring.key(name),
        origin="gcp_kms",
        protection_level=after["protection_level"],
        algorithm=ALGORITHMS[after["spec"]],
        destroy_days=desired.destroy_days,
    )
    return replace(
        base,
        state=after["state"],
        tags=after["labels"],
        rotation=Rotation(after["rotation"]["period"]) if after.get("rotation") else None,
        policy=desired.policy,
        deletion_date=base.deletion_date if after["state"] == base.state else None,
    )


def ring_missing(keys: GcpKeys, *, create: bool) -> bool:
    """Whether the ring has to be created first. Raises CantonError when it has and ``create`` does not allow it."""
    if keys.ring_exists():
        return False
    if not create:
        raise CantonError(
            f"There is no key ring {keys.ring.path}",
            error_id="key_ring_not_found",
            hint="Check project, location and key_ring. To create it, set create_key_ring to true; a key ring stays for ever.",
        )
    return True


def notes(key: GcpKey | None, before: View, after: View) -> list[str]:
    """What the operator should know about this change."""
    found = [ED25519_NOTE] if key is None and after.get("spec") == ED25519 else []
    if key is not None and after["state"] == PENDING_DELETION and before["state"] != PENDING_DELETION:
        found.append(
            f"The material of key {key.full_name} is destroyed in {key.destroy_days} days. Its name stays, and can't be used for "
            "another key of a node."
        )
    return found


def apply(
    keys: GcpKeys,
    name: str,
    key: GcpKey | None,
    before: View,
    after: View,
    desired: DesiredAttributes,
    *,
    new_ring: bool,
    timeout: float,
) -> tuple[GcpKey, View]:
    """Make the change, wait until the KMS shows it, and return the key and its facts as read afterwards."""
    if key is None:
        key = _create(keys, name, after, desired, new_ring=new_ring, timeout=timeout)
        now = {**after, "state": key.state, "policy": None}
    else:
        now = before
    resource = str(key.full_name)
    if now["state"] == PENDING_DELETION and after["state"] != PENDING_DELETION:
        # first of all: a version that waits for its destruction refuses every other change
        _each(key, PENDING_DELETION, lambda number: keys.restore(resource, number))
        key = replace(key, versions=tuple(_restored(each) for each in key.versions))
        now = {**now, "state": "disabled"}
    if after["state"] == "enabled" and now["state"] != "enabled":
        _each(key, "disabled", lambda number: keys.enable(resource, number))
    if now["labels"] != after["labels"]:
        keys.label(resource, after["labels"])
    if now.get("rotation") != after.get("rotation"):
        keys.rotate(resource, after["rotation"]["period"])
    if desired.policy is not None and now["policy"] != after["policy"]:
        _set_policy(keys, resource, desired.policy, after["policy"])
    if after["state"] == "disabled" and now["state"] != "disabled":
        _each(key, "enabled", lambda number: keys.disable(resource, number))
    if after["state"] == PENDING_DELETION:
        for state in ("enabled", "disabled"):
            _each(key, state, lambda number: keys.destroy(resource, number))
    return _await_change(keys, name, after, desired, timeout)


def _restored(version: Version) -> Version:
    return replace(version, state="disabled") if version.state == PENDING_DELETION else version


def _each(key: GcpKey, state: str, act: t.Callable[[int], None]) -> None:
    for version in key.versions:
        if version.state == state:
            act(version.number)


def _create(
    keys: GcpKeys, name: str, after: View, desired: DesiredAttributes, *, new_ring: bool, timeout: float
) -> GcpKey:
    if new_ring:
        keys.create_ring()
    rotation = after.get("rotation") or {}
    keys.create(
        name,
        after["spec"],
        after["protection_level"],
        after["labels"],
        destroy_days=desired.destroy_days,
        rotation_days=rotation.get("period"),
    )
    return _generated(keys, name, timeout)


def _set_policy(keys: GcpKeys, resource: str, policy: dict[str, t.Any], planned: list[dict[str, t.Any]]) -> None:
    """With the etag of the current policy, so that a change that somebody else makes in between is not overwritten."""
    there, etag = keys.policy(resource)
    if gcp_policy.meaning(there) != planned:
        keys.set_policy(resource, policy, etag)


def _await_change(
    keys: GcpKeys, name: str, after: View, desired: DesiredAttributes, timeout: float
) -> tuple[GcpKey, View]:
    """Read until the change is visible. Labels that others put on a key meanwhile are no reason to wait."""

    def is_visible(key: GcpKey) -> bool:
        seen = view(keys, key, desired)
        facts = [fact for fact in after if fact != "labels"]
        return (
            all(seen.get(fact) == after[fact] for fact in facts) and after["labels"].items() <= seen["labels"].items()
        )

    key = _await(keys, name, timeout, is_visible, "was changed, but the change is not visible")
    return key, view(keys, key, desired)


def _await(keys: GcpKeys, name: str, timeout: float, until: t.Callable[[GcpKey], bool], what: str) -> GcpKey:
    path = keys.ring.key(name)
    key = lifecycle.await_change(
        lambda: keys.find(name),
        lambda seen: seen is not None and until(seen),
        timeout,
        f"Key {path} {what}",
        resource_name=path,
    )
    return t.cast("GcpKey", key)
