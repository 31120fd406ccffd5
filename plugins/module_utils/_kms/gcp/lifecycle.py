# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the GCP key that is there to the one that is asked for: find, aim, carry out, see that it shows.

Aiming is pure, so that check mode predicts with the very code that the real run follows. It differs from ``lifecycle`` because a
GCP key has a name that stays for ever, a ring, versions and a protection level, and none of aliases, descriptions and replicas.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp import policy as gcp_policy
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.model import (
    ALGORITHMS,
    DESTROYED,
    DYING,
    ED25519,
    ED25519_NOTE,
    GENERATING,
    PENDING_IMPORT,
    GcpKey,
    Ring,
    Version,
    check_days,
    check_protection,
    labels,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import Requirement, Rotation
from ansible_collections.ledgerops.canton.plugins.module_utils._waiting import wait_for

View = dict[str, t.Any]
Params = t.Mapping[str, t.Any]
DEFAULT_ROTATION_DAYS = 90

_STATE_HINTS = {
    PENDING_IMPORT: "Import its key material first (ledgerops.canton.kms_key_material), or choose another name.",
    "import_failed": "Import its key material again (ledgerops.canton.kms_key_material), or choose another name.",
    "generation_failed": "Choose another name: a first version that failed stays the first.",
}


class Keys(t.Protocol):
    """What is asked of GCP; ``gcp.GcpKeys`` is one."""

    ring: Ring

    def ring_exists(self) -> bool: ...
    def find(self, name: str) -> GcpKey | None: ...
    def policy(self, arn: str) -> tuple[dict[str, t.Any], bytes]: ...
    def create_ring(self) -> None: ...

    def create(
        self,
        name: str,
        spec: str,
        protection_level: str,
        labels: t.Mapping[str, str],
        *,
        destroy_days: int | None = None,
        rotation_days: int | None = None,
    ) -> None: ...
    def label(self, arn: str, labels: t.Mapping[str, str]) -> None: ...
    def rotate(self, arn: str, period: int | None) -> None: ...
    def set_policy(self, arn: str, policy: t.Mapping[str, t.Any], etag: bytes) -> None: ...
    def enable(self, arn: str, number: int) -> None: ...
    def disable(self, arn: str, number: int) -> None: ...
    def destroy(self, arn: str, number: int) -> None: ...
    def restore(self, arn: str, number: int) -> None: ...


@dataclass(frozen=True)
class Wishes:
    """What is asked beyond the state; None where it is to be left alone. ``nodes`` stands for a policy until the spec is known."""

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


def wishes(params: Params) -> Wishes:
    """What the module's options ask. Raises CantonError for what no key could have, before anything is read."""
    if params["state"] == "absent":
        return Wishes()
    check_days("destroy_scheduled_duration", params["destroy_scheduled_duration"], 1, 120)
    check_days("rotation_period", params["rotation_period"], 1, 36500)
    if params["rotation_period"] is not None and not params["rotation"]:
        raise CantonError("rotation_period needs rotation", "value_invalid", "Set rotation to true.")
    nodes = params["node_principals"]
    return Wishes(
        labels=labels(params["labels"]),
        purge_labels=params["purge_labels"],
        protection_level=params["protection_level"],
        destroy_days=params["destroy_scheduled_duration"],
        rotation=params["rotation"],
        rotation_period=params["rotation_period"],
        policy=None if params["policy"] is None else gcp_policy.parse(params["policy"]),
        nodes=None if nodes is None else tuple(gcp_policy.check_members("node_principals", nodes)),
    )


def complete(asked: Wishes, key: GcpKey | None, wanted: Requirement | None) -> Wishes:
    """The wishes with the policy that a preset stands for. Raises CantonError for what doesn't fit the key."""
    spec, usage = (key.spec, key.usage) if key else (wanted.specs[0], wanted.usage) if wanted else ("", "")
    if asked.rotation and spec != "symmetric":
        raise CantonError(
            f"A key of spec {spec} can't be rotated by GCP KMS",
            error_id="rotation_unfit",
            hint="Leave rotation out: only symmetric keys, such as a wrapper key, get new material by themselves. "
            "For Canton's other keys a new key is made and the node told to change over.",
        )
    if asked.nodes is None:
        return asked
    return replace(asked, policy=gcp_policy.for_node(spec, usage, asked.nodes))


# -- finding ----------------------------------------------------------------------------------------------------------


def locate(keys: Keys, name: str, timeout: float) -> GcpKey | None:
    """The key of this name; one that is still being generated is waited for."""
    key = keys.find(name)
    return key if key is None or key.state != GENERATING else _generated(keys, name, timeout)


def _generated(keys: Keys, name: str, timeout: float) -> GcpKey:
    key = _await(keys, name, timeout, lambda seen: seen.state != GENERATING, "was created, but isn't generated")
    if key.state == "generation_failed":
        raise _unusable(key)
    return key


def check_fits(wanted: Requirement | None, asked: Wishes, key: GcpKey) -> None:
    """Raise CantonError when the key that is there isn't what is asked, in what never changes."""
    wrong = []
    if wanted is not None and (key.spec not in wanted.specs or key.usage != wanted.usage):
        needs = f"{' or '.join(wanted.specs)} with {wanted.usage}"
        wrong.append(f"spec {key.spec} and usage {key.usage}, but {wanted.label} needs {needs}")
    if asked.protection_level not in (None, key.protection_level):
        wrong.append(f"protection level {key.protection_level}, not {asked.protection_level}")
    if asked.destroy_days is not None and key.destroy_days != asked.destroy_days:
        wrong.append(f"a destroy_scheduled_duration of {key.destroy_days} days, not {asked.destroy_days}")
    if wrong:
        raise CantonError(
            f"Key {key.arn} has {', and '.join(wrong)}",
            error_id="key_spec_mismatch",
            hint="That is fixed when a key is created. Choose another name, or ask for what the key is.",
            details={"resource_name": key.arn, "spec": key.spec, "usage": key.usage},
        )


def view(keys: Keys, key: GcpKey | None, asked: Wishes) -> View:
    """The facts that decide about a change, as they are; the same in real and in check mode."""
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
    if asked.reads_policy:
        facts["policy"] = gcp_policy.meaning(keys.policy(str(key.arn))[0])
    return facts


# -- aiming -----------------------------------------------------------------------------------------------------------


def aim(before: View, key: GcpKey | None, wanted: Requirement | None, name: str, params: Params, asked: Wishes) -> View:
    """The facts as they should be. Raises CantonError where no change can lead there."""
    if params["state"] == "absent":
        if key is None or key.state not in ("enabled", "disabled"):
            # what was never generated or imported has nothing that could be destroyed
            return dict(before)
        # or the KMS would go on making versions
        off = {"rotation": Rotation(False).as_result()} if "rotation" in before else {}
        return {**before, **off, "state": DYING}
    changes = _new(wanted, name, params, asked) if key is None else _changes(key, params, asked)
    after = {**before, **changes}
    if after["spec"] == "symmetric":
        after["rotation"] = _aim_rotation(key, asked).as_result()
    if asked.policy is not None:
        after["policy"] = gcp_policy.meaning(asked.policy)
    return after


def _new(wanted: Requirement | None, name: str, params: Params, asked: Wishes) -> View:
    if wanted is None:
        raise CantonError(
            f"There is no key {name} yet, and nothing says which kind to create",
            error_id="key_spec_missing",
            hint="Set purpose (or spec), or check project, location, key_ring and name if the key should be there already.",
        )
    level = asked.protection_level or "hsm"
    check_protection(wanted.specs[0], level)
    return {
        "state": "disabled" if params["enabled"] is False else "enabled",
        "spec": wanted.specs[0],
        "usage": wanted.usage,
        "protection_level": level,
        "labels": dict(asked.labels or {}),
    }


def _changes(key: GcpKey, params: Params, asked: Wishes) -> View:
    return {"state": _aim_state(key, params), "labels": _aim_labels(key, asked)}


def _aim_state(key: GcpKey, params: Params) -> str:
    enabled = params["enabled"]
    if key.state == DYING:
        if not params["cancel_deletion"]:
            raise CantonError(
                f"Key {key.arn} is waiting for its destruction on {key.deletion_date}",
                error_id="key_pending_deletion",
                hint="Set cancel_deletion to true to keep it, or choose another name.",
                details={"resource_name": key.arn, "deletion_date": key.deletion_date},
            )
        return "disabled" if enabled is False else "enabled"
    if key.state == DESTROYED:
        raise CantonError(
            f"Key {key.arn} is destroyed for good",
            error_id="key_destroyed",
            hint="Choose another name. Canton uses version 1 of a key only, and the name of a key can't be used again.",
            details={"resource_name": key.arn},
        )
    if key.state == "disabled" and enabled is None:
        raise CantonError(
            f"Key {key.arn} is disabled, so no node can use it",
            error_id="key_disabled",
            hint="Set enabled to true to enable it, or to false if it should stay disabled.",
            details={"resource_name": key.arn},
        )
    if key.state not in ("enabled", "disabled"):
        raise _unusable(key)
    return key.state if enabled is None else ("enabled" if enabled else "disabled")


def _unusable(key: GcpKey) -> CantonError:
    why = f" ({key.failure})" if key.failure else ""
    return CantonError(
        f"Key {key.arn} can't be used: its state is {key.state}{why}",
        error_id=f"key_{key.state}",
        hint=_STATE_HINTS.get(key.state, "Choose another name."),
        details={"resource_name": key.arn},
    )


def _aim_labels(key: GcpKey, asked: Wishes) -> dict[str, str]:
    there = key.tags or {}
    if asked.labels is None:
        return there
    return dict(asked.labels) if asked.purge_labels else {**there, **asked.labels}


def _aim_rotation(key: GcpKey | None, asked: Wishes) -> Rotation:
    there = (key.rotation if key is not None else None) or Rotation(False)
    if asked.rotation is None:
        return there
    if not asked.rotation:
        return Rotation(False)
    return Rotation(True, asked.rotation_period or there.period or DEFAULT_ROTATION_DAYS)


def predict(keys: Keys, name: str, key: GcpKey | None, after: View, asked: Wishes) -> GcpKey | None:
    """The key as it will be read after the change, without what only the KMS can know."""
    if after["state"] == "absent":
        return None
    base = key or GcpKey(
        state="",
        spec=after["spec"],
        usage=after["usage"],
        key_id=name,
        arn=keys.ring.key(name),
        origin="gcp_kms",
        protection_level=after["protection_level"],
        algorithm=ALGORITHMS[after["spec"]],
        destroy_days=asked.destroy_days,
    )
    return replace(
        base,
        state=after["state"],
        tags=after["labels"],
        rotation=Rotation(**after["rotation"]) if after.get("rotation") else None,
        policy=asked.policy,
        deletion_date=base.deletion_date if after["state"] == base.state else None,
    )


def ring_missing(keys: Keys, create: bool) -> bool:
    """Whether the ring has to be made first. Raises CantonError when it has and nobody allows it."""
    if keys.ring_exists():
        return False
    if not create:
        raise CantonError(
            f"There is no key ring {keys.ring.path}",
            error_id="key_ring_not_found",
            hint="Check project, location and key_ring. If it is to be made, set create_key_ring to true; a key ring stays for ever.",
        )
    return True


def notes(key: GcpKey | None, before: View, after: View) -> list[str]:
    """What somebody should know about this change."""
    found = [ED25519_NOTE] if key is None and after.get("spec") == ED25519 else []
    if key is not None and after["state"] == DYING and before["state"] != DYING:
        found.append(
            f"The material of key {key.arn} is destroyed in {key.destroy_days} days. Its name stays, and can't be used for "
            "another key of a node."
        )
    return found


# -- carrying out -----------------------------------------------------------------------------------------------------


def carry_out(
    keys: Keys, name: str, key: GcpKey | None, before: View, after: View, asked: Wishes, new_ring: bool, timeout: float
) -> tuple[GcpKey, View]:
    """Make the change, wait until the KMS shows it, and return the key and its facts as read afterwards."""
    if key is None:
        key = _create(keys, name, after, asked, new_ring, timeout)
        now = {**after, "state": key.state, "policy": None}
    else:
        now = before
    arn = str(key.arn)
    if now["state"] == DYING and after["state"] != DYING:
        # first of all: a version that waits for its destruction refuses every other change
        _each(key, DYING, lambda number: keys.restore(arn, number))
        key = replace(key, versions=tuple(_restored(each) for each in key.versions))
        now = {**now, "state": "disabled"}
    if after["state"] == "enabled" and now["state"] != "enabled":
        _each(key, "disabled", lambda number: keys.enable(arn, number))
    if now["labels"] != after["labels"]:
        keys.label(arn, after["labels"])
    if now.get("rotation") != after.get("rotation"):
        keys.rotate(arn, after["rotation"]["period"])
    if asked.policy is not None and now["policy"] != after["policy"]:
        _set_policy(keys, arn, asked.policy, after["policy"])
    if after["state"] == "disabled" and now["state"] != "disabled":
        _each(key, "enabled", lambda number: keys.disable(arn, number))
    if after["state"] == DYING:
        for state in ("enabled", "disabled"):
            _each(key, state, lambda number: keys.destroy(arn, number))
    return _settle(keys, name, after, asked, timeout)


def _restored(version: Version) -> Version:
    return replace(version, state="disabled") if version.state == DYING else version


def _each(key: GcpKey, state: str, act: t.Callable[[int], None]) -> None:
    for version in key.versions:
        if version.state == state:
            act(version.number)


def _create(keys: Keys, name: str, after: View, asked: Wishes, new_ring: bool, timeout: float) -> GcpKey:
    if new_ring:
        keys.create_ring()
    rotation = after.get("rotation") or {}
    keys.create(
        name,
        after["spec"],
        after["protection_level"],
        after["labels"],
        destroy_days=asked.destroy_days,
        rotation_days=rotation.get("period"),
    )
    return _generated(keys, name, timeout)


def _set_policy(keys: Keys, arn: str, policy: dict[str, t.Any], aimed: list[dict[str, t.Any]]) -> None:
    """With the etag of the policy as it is now. Whoever changes it in between is not overwritten."""
    there, etag = keys.policy(arn)
    if gcp_policy.meaning(there) != aimed:
        keys.set_policy(arn, policy, etag)


def _settle(keys: Keys, name: str, after: View, asked: Wishes, timeout: float) -> tuple[GcpKey, View]:
    """Read until the change shows. Labels that others put on a key meanwhile are no reason to wait."""
    seen: View = {}

    def shows(key: GcpKey) -> bool:
        seen.clear()
        seen.update(view(keys, key, asked))
        facts = [fact for fact in after if fact != "labels"]
        return (
            all(seen.get(fact) == after[fact] for fact in facts) and after["labels"].items() <= seen["labels"].items()
        )

    key = _await(keys, name, timeout, shows, "was changed, but doesn't show it")
    return key, dict(seen)


def _await(keys: Keys, name: str, timeout: float, shows: t.Callable[[GcpKey], bool], what: str) -> GcpKey:
    def look() -> GcpKey | None:
        key = keys.find(name)
        return key if key is not None and shows(key) else None

    _reached, found = wait_for(look, timeout)
    if found is None:
        raise CantonError(
            f"Key {keys.ring.key(name)} {what} after {timeout:g} seconds",
            error_id="change_not_visible",
            hint="Run again; a larger wait_timeout waits longer.",
            retryable=True,
            details={"resource_name": keys.ring.key(name)},
        )
    return found
