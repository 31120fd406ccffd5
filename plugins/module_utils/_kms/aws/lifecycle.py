# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the existing key to the desired one: find, plan, apply, wait until AWS shows it.

Planning is pure, so that check mode predicts with the very code that the real run follows.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..._errors import CantonError
from .. import lifecycle
from ..model import PENDING_DELETION, Params, Requirement, View
from . import attributes
from .attributes import DesiredAttributes
from .keys import AwsKeys
from .model import PENDING_REPLICA_DELETION, PENDING_STATES, AwsKey
from .policy import as_text

ABSENT: View = {"state": "absent"}
NOTHING = DesiredAttributes()

_STATE_HINTS = {
    "pending_import": "Import its key material first, or choose another key.",
    "unavailable": "Its custom key store is disconnected: connect it, or choose another key.",
    "creating": "Run again in a minute.",
    "updating": "Run again in a minute.",
}


def locate(
    keys: AwsKeys, key_id: str | None, alias: str | None, *, must_exist: bool, parts: t.Collection[str] = ()
) -> AwsKey | None:
    """The key that ``key_id`` or ``alias`` names. ``must_exist``: a ``key_id`` that names none is an error."""
    key = keys.find(key_id or alias or "", *parts)
    if key is None and key_id and must_exist:
        raise CantonError(
            f"There is no key {key_id} in {keys.region}",
            error_id="key_not_found",
            hint="Check key_id, region and the credentials' account; give an alias without key_id to create a key.",
        )
    if key is not None and key.managed_by_provider:
        raise CantonError(
            f"Key {key.full_name} is managed by AWS itself", "key_not_ours", "Name a key of your own account."
        )
    return key


def check_fits(required: Requirement | None, key: AwsKey) -> None:
    """Raise CantonError when the existing key isn't what the options require: spec and usage of a key never change."""
    if required is None or required.is_met_by(key):
        return
    reason = " Canton can't use Ed25519 keys of AWS KMS at all." if key.spec == "ec_curve25519" else ""
    raise CantonError(
        f"Key {key.full_name} has spec {key.spec} and usage {key.usage}, but {required.label} needs "
        f"{' or '.join(required.specs)} with {required.usage}",
        error_id="key_spec_mismatch",
        hint=f"Spec and usage of a key never change.{reason} Choose another alias or key_id, or set purpose, spec and usage to "
        "what the key is.",
        details=key.details(spec=key.spec, usage=key.usage),
    )


def former_owner(keys: AwsKeys, key: AwsKey, alias: str, *, move: bool) -> str | None:
    """The ARN of another key that has the alias now; None when there is none. Raises CantonError unless ``move``."""
    owner = keys.identify(alias)
    if owner in (None, key.full_name):
        return None
    if not move:
        raise CantonError(
            f"The alias {alias} is that of another key, {owner}, not of {key.full_name}",
            error_id="alias_taken",
            hint="Choose another alias, or leave key_id out to work with the alias's key. alias_move moves it, but a node "
            "that uses the alias doesn't notice.",
            details={"arn": key.full_name, "alias": alias, "alias_of": owner},
        )
    other = keys.find(str(owner))
    if other is not None and (other.usage, other.spec == "symmetric") != (key.usage, key.spec == "symmetric"):
        raise CantonError(
            f"The alias {alias} can't be moved from {owner} ({other.spec}, {other.usage}) to {key.full_name} ({key.spec}, "
            f"{key.usage}): AWS KMS moves aliases between keys of one type and usage only",
            error_id="alias_type_mismatch",
            hint="Choose another alias.",
        )
    return owner


def view(keys: AwsKeys, key: AwsKey | None, alias: str | None, desired: DesiredAttributes = NOTHING) -> View:
    """The facts that a change is about, as they are; the same in real and in check mode, hence without ids."""
    if key is None:
        return dict(ABSENT)
    return {
        "state": key.state,
        "spec": key.spec,
        "usage": key.usage,
        "alias": alias if alias and keys.identify(alias) == key.full_name else None,
        "description": key.description,
        "tags": key.tags,
        **attributes.view(keys, key, desired),
    }


def plan(
    before: View,
    key: AwsKey | None,
    required: Requirement | None,
    alias: str | None,
    params: Params,
    desired: DesiredAttributes = NOTHING,
    region: str | None = None,
) -> View:
    """The facts as they should be. Raises CantonError for what can't be changed to that."""
    if params["state"] == "absent":
        if key is None:
            return dict(before)
        extras = attributes.plan(key, before, desired, key.spec, region)
        # AWS starts the waiting period when the last replica is deleted
        waits = bool(key.replicas) and key.primary_region == region
        state = PENDING_REPLICA_DELETION if waits else PENDING_DELETION
        return {**before, **extras, "state": key.state if key.state in PENDING_STATES else state}
    if key is None:
        after = _new(lifecycle.require_kind(required, alias), alias, params)
    else:
        after = {
            **before,
            "state": lifecycle.planned_state(key, params, _STATE_HINTS),
            "alias": alias if params.get("alias_state", "present") == "present" else None,
            "description": before["description"] if params["description"] is None else params["description"],
            "tags": _plan_tags(key, params),
        }
    after.update(attributes.plan(key, before, desired, after["spec"], region))
    if key is not None and after["state"] == "disabled" and key.state != "enabled":
        _refuse_while_disabled(key, attributes.needs_enabled(before, after))
    return after


def _refuse_while_disabled(key: AwsKey, names: list[str]) -> None:
    if names:
        raise CantonError(
            f"{' and '.join(names)} of key {key.full_name} can't be changed while it is disabled",
            error_id="key_disabled",
            hint="Set enabled to true for this change, and disable the key afterwards.",
            details=key.details(),
        )


def _new(required: Requirement, alias: str | None, params: Params) -> View:
    return {
        "state": "disabled" if params["enabled"] is False else "enabled",
        "spec": required.specs[0],
        "usage": required.usage,
        "alias": alias,
        "description": params["description"] or "",
        "tags": dict(params["tags"] or {}),
    }


def _plan_tags(key: AwsKey, params: Params) -> dict[str, str] | None:
    tags = params["tags"]
    if tags is None:
        return key.tags
    if key.tags is None:
        raise CantonError(
            "tags can't be compared with what the key has. " + " ".join(key.notes),
            error_id="tags_unreadable",
            hint="Allow reading them, or leave tags out; tags of another account's key are never shown.",
        )
    return dict(tags) if params["purge_tags"] else {**key.tags, **tags}


def predict(
    key: AwsKey | None, after: View, desired: DesiredAttributes = NOTHING, alias: str | None = None
) -> AwsKey | None:
    """The key as it will be read after the change, without what only the KMS can know."""
    if after == ABSENT:
        return None
    base = key or AwsKey(state="", spec=after["spec"], usage=after["usage"], aliases=(), origin="aws_kms")
    aliases = base.aliases
    if aliases is not None and alias:
        aliases = (*(set(aliases) - {alias}), *([alias] if after["alias"] else []))
    date = base.deletion_date if after["state"] == base.state else None
    return replace(
        attributes.predict(base, after, desired),
        state=after["state"],
        description=after["description"],
        tags=after["tags"],
        aliases=aliases,
        deletion_date=date,
    )


def apply(
    keys: AwsKeys, key: AwsKey | None, before: View, after: View, params: Params, desired: DesiredAttributes = NOTHING
) -> tuple[AwsKey, View]:
    """Make the change, wait until the KMS shows it, and return the key and its facts as read afterwards."""
    arn = _create(keys, after, desired) if key is None else str(key.full_name)
    now = (
        {"state": "enabled", **{name: after[name] for name in ("alias", "description", "tags")}}
        if key is None
        else before
    )
    if now["state"] in PENDING_STATES and after["state"] not in PENDING_STATES:
        # first of all: a key that waits for its deletion refuses every other change
        keys.cancel_deletion(arn)
        now = {**now, "state": "disabled"}
    if after["state"] == "enabled" and now["state"] != "enabled":
        # and a disabled one refuses some
        keys.enable(arn)
        now = {**now, "state": "enabled"}
    _set_attributes(keys, arn, now, after)
    attributes.apply(keys, arn, key, now, after, desired)
    if now["state"] != after["state"]:
        _end(keys, arn, after["state"], params["pending_window"])
    return _await_change(keys, arn, before, after, params["wait_timeout"], desired)


def _create(keys: AwsKeys, after: View, desired: DesiredAttributes) -> str:
    more: dict[str, t.Any] = {"multi_region": True} if desired.multi_region else {}
    if desired.policy is not None:
        more.update(policy=as_text(desired.policy), lockout=desired.lockout)
    arn = keys.create(after["spec"], after["usage"], after["description"], after["tags"], **more)
    try:
        keys.add_alias(arn, after["alias"])
    except CantonError as exc:
        raise _undo_creation(keys, arn, exc) from exc
    return arn


def _undo_creation(keys: AwsKeys, arn: str, cause: CantonError) -> CantonError:
    """A new key without its alias would be created again by the next run, so it is deleted at once."""
    try:
        keys.schedule_deletion(arn, 7)
        left = f"The new key {arn} that was to get the alias is deleted again in 7 days."
    except CantonError as exc:
        left = f"The new key {arn} remains without an alias ({exc.message}): delete it, or run again with it as key_id."
    return cause.restated(hint=f"{cause.hint} {left}".strip(), arn=arn)


def _set_attributes(keys: AwsKeys, arn: str, now: View, after: View) -> None:
    if after["alias"] != now["alias"]:
        _set_alias(keys, arn, now["alias"], after["alias"])
    if after["description"] != now["description"]:
        keys.describe(arn, after["description"])
    had, wanted = now["tags"] or {}, after["tags"] or {}
    changed = {name: value for name, value in wanted.items() if had.get(name) != value}
    if changed:
        keys.tag(arn, changed)
    if set(had) - set(wanted):
        keys.untag(arn, set(had) - set(wanted))


def _set_alias(keys: AwsKeys, arn: str, now: str | None, alias: str | None) -> None:
    if alias is None:
        keys.remove_alias(str(now))
    elif keys.identify(alias) is None:
        keys.add_alias(arn, alias)
    else:
        keys.move_alias(arn, alias)


def _end(keys: AwsKeys, arn: str, state: str, pending_window: int) -> None:
    if state == "disabled":
        keys.disable(arn)
    else:
        keys.schedule_deletion(arn, pending_window)


def _await_change(
    keys: AwsKeys, arn: str, before: View, after: View, timeout: float, desired: DesiredAttributes
) -> tuple[AwsKey, View]:
    def look() -> tuple[AwsKey | None, View]:
        key = keys.find(arn, *desired.parts)
        return key, view(keys, key, after["alias"] or before.get("alias"), desired)

    key, seen = lifecycle.await_change(
        look,
        lambda found: found[0] is not None and _is_visible(found[1], before, after),
        timeout,
        f"The change of key {arn} was accepted, but is not visible",
        arn=arn,
    )
    return t.cast("AwsKey", key), seen


def _is_visible(seen: View, before: View, after: View) -> bool:
    """Tags that others put on a key meanwhile, as many organisations do by themselves, are no reason to wait."""
    both_pending = seen["state"] in PENDING_STATES and after["state"] in PENDING_STATES
    if not both_pending and seen["state"] != after["state"]:
        return False
    if any(seen[name] != after[name] for name in ("alias", "description")) or not attributes.is_visible(
        seen, before, after
    ):
        return False
    tags, wanted = seen["tags"], after["tags"] or {}
    purged = set(before.get("tags") or {}) - set(wanted)
    return tags is None or (wanted.items() <= tags.items() and not purged & set(tags))
