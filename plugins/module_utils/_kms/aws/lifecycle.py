# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the key that is there to the key that is asked for: find, aim, carry out, see that it shows. Knows no provider.

Aiming is pure, so that check mode predicts with the very code that the real run follows.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws import attributes
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.attributes import DYING, Wishes
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.policy import as_text
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import Key, Requirement
from ansible_collections.ledgerops.canton.plugins.module_utils._waiting import wait_for

View = dict[str, t.Any]
Params = t.Mapping[str, t.Any]
ABSENT: View = {"state": "absent"}
NOTHING = Wishes()

_STATE_HINTS = {
    "pending_import": "Import its key material first, or choose another key.",
    "unavailable": "Its custom key store is disconnected: connect it, or choose another key.",
    "creating": "Run again in a minute.",
    "updating": "Run again in a minute.",
}


class Keys(attributes.Keys, t.Protocol):
    """What a provider has to offer; ``aws.AwsKeys`` is one."""

    region: str | None

    def identify(self, name: str) -> str | None: ...
    def find(self, name: str, *parts: str) -> Key | None: ...

    def create(
        self,
        spec: str,
        usage: str,
        description: str,
        tags: t.Mapping[str, str],
        *,
        multi_region: bool = False,
        policy: str | None = None,
        lockout: bool = False,
    ) -> str: ...
    def add_alias(self, arn: str, alias: str) -> None: ...
    def move_alias(self, arn: str, alias: str) -> None: ...
    def remove_alias(self, alias: str) -> None: ...
    def describe(self, arn: str, description: str) -> None: ...
    def tag(self, arn: str, tags: t.Mapping[str, str]) -> None: ...
    def untag(self, arn: str, names: t.Iterable[str]) -> None: ...
    def enable(self, arn: str) -> None: ...
    def disable(self, arn: str) -> None: ...
    def schedule_deletion(self, arn: str, days: int) -> None: ...
    def cancel_deletion(self, arn: str) -> None: ...


# -- finding ----------------------------------------------------------------------------------------------------------


def locate(
    keys: Keys, key_id: str | None, alias: str | None, must_exist: bool, parts: t.Collection[str] = ()
) -> Key | None:
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
            f"Key {key.arn} is managed by the provider itself", "key_not_ours", "Name a key of your own account."
        )
    return key


def former_owner(keys: Keys, key: Key, alias: str, move: bool) -> str | None:
    """The ARN of another key that has the alias now; None when there is none. Raises CantonError unless ``move``."""
    owner = keys.identify(alias)
    if owner in (None, key.arn):
        return None
    if not move:
        raise CantonError(
            f"The alias {alias} belongs to another key, {owner}, not to {key.arn}",
            error_id="alias_taken",
            hint="Choose another alias, or leave key_id out to work with the alias's key. alias_move moves it, but a node "
            "that uses the alias doesn't notice.",
            details={"arn": key.arn, "alias": alias, "alias_of": owner},
        )
    other = keys.find(str(owner))
    if other is not None and (other.usage, other.spec == "symmetric") != (key.usage, key.spec == "symmetric"):
        raise CantonError(
            f"The alias {alias} can't be moved from {owner} ({other.spec}, {other.usage}) to {key.arn} ({key.spec}, "
            f"{key.usage}): AWS KMS moves aliases between keys of one type and usage only",
            error_id="alias_type_mismatch",
            hint="Choose another alias.",
        )
    return owner


def view(keys: Keys, key: Key | None, alias: str | None, asked: Wishes = NOTHING) -> View:
    """The facts that decide about a change, as they are; the same in real and in check mode, hence without ids."""
    if key is None:
        return dict(ABSENT)
    return {
        "state": key.state,
        "spec": key.spec,
        "usage": key.usage,
        "alias": alias if alias and keys.identify(alias) == key.arn else None,
        "description": key.description,
        "tags": key.tags,
        **attributes.view(keys, key, asked),
    }


# -- aiming -----------------------------------------------------------------------------------------------------------


def aim(
    before: View,
    key: Key | None,
    wanted: Requirement | None,
    alias: str | None,
    params: Params,
    asked: Wishes = NOTHING,
    region: str | None = None,
) -> View:
    """The facts as they should be. Raises CantonError where no change can lead there."""
    if params["state"] == "absent":
        if key is None:
            return dict(before)
        extras = attributes.aim(key, before, asked, key.spec, region)
        # AWS begins to count when the last replica is gone
        waits = bool(key.replicas) and key.primary_region == region
        state = "pending_replica_deletion" if waits else "pending_deletion"
        return {**before, **extras, "state": key.state if key.state in DYING else state}
    if key is None:
        after = _new(require_kind(wanted, alias), alias, params)
    else:
        after = {
            **before,
            "state": _aim_state(key, params),
            "alias": alias if params.get("alias_state", "present") == "present" else None,
            "description": before["description"] if params["description"] is None else params["description"],
            "tags": _aim_tags(key, params),
        }
    after.update(attributes.aim(key, before, asked, after["spec"], region))
    if key is not None and after["state"] == "disabled" and key.state != "enabled":
        _refuse_while_disabled(key, attributes.needs_enabled(before, after))
    return after


def _refuse_while_disabled(key: Key, names: list[str]) -> None:
    if names:
        raise CantonError(
            f"{' and '.join(names)} of key {key.arn} can't be changed while it is disabled",
            error_id="key_disabled",
            hint="Set enabled to true for this change, and disable the key afterwards.",
            details={"arn": key.arn},
        )


def require_kind(wanted: Requirement | None, alias: str | None) -> Requirement:
    """Raise CantonError when a key is to be created and nothing says which kind."""
    if wanted is None:
        raise CantonError(
            f"There is no key {alias} yet, and nothing says which kind to create",
            error_id="key_spec_missing",
            hint="Set purpose (or spec), or check alias and region if the key should be there already.",
        )
    return wanted


def _new(wanted: Requirement, alias: str | None, params: Params) -> View:
    return {
        "state": "disabled" if params["enabled"] is False else "enabled",
        "spec": wanted.specs[0],
        "usage": wanted.usage,
        "alias": alias,
        "description": params["description"] or "",
        "tags": dict(params["tags"] or {}),
    }


def _aim_state(key: Key, params: Params) -> str:
    enabled = params["enabled"]
    if key.state in DYING:
        if not params["cancel_deletion"]:
            raise CantonError(
                f"Key {key.arn} is waiting for its deletion on {key.deletion_date or 'the day when its replicas are gone'}",
                error_id="key_pending_deletion",
                hint="Set cancel_deletion to true to keep it, or choose another alias or key_id.",
                details={"arn": key.arn, "deletion_date": key.deletion_date},
            )
        return "disabled" if enabled is False else "enabled"
    if key.state == "disabled" and enabled is None:
        raise CantonError(
            f"Key {key.arn} is disabled, so no node can use it",
            error_id="key_disabled",
            hint="Set enabled to true to enable it, or to false if it should stay disabled.",
            details={"arn": key.arn},
        )
    if key.state not in ("enabled", "disabled"):
        raise CantonError(
            f"Key {key.arn} can't be used: its state is {key.state}",
            error_id=f"key_{key.state}",
            hint=_STATE_HINTS.get(key.state, ""),
            retryable=key.state in ("creating", "updating"),
            details={"arn": key.arn},
        )
    return key.state if enabled is None else ("enabled" if enabled else "disabled")


def _aim_tags(key: Key, params: Params) -> dict[str, str] | None:
    asked = params["tags"]
    if asked is None:
        return key.tags
    if key.tags is None:
        raise CantonError(
            "tags can't be compared with what the key has. " + " ".join(key.notes),
            error_id="tags_unreadable",
            hint="Allow reading them, or leave tags out; tags of another account's key are never shown.",
        )
    return dict(asked) if params["purge_tags"] else {**key.tags, **asked}


def predict(key: Key | None, after: View, asked: Wishes = NOTHING, alias: str | None = None) -> Key | None:
    """The key as it will be read after the change, without what only the KMS can know."""
    if after == ABSENT:
        return None
    base = key or Key(state="", spec=after["spec"], usage=after["usage"], aliases=(), origin="aws_kms")
    aliases = base.aliases
    if aliases is not None and alias:
        aliases = (*(set(aliases) - {alias}), *([alias] if after["alias"] else []))
    date = base.deletion_date if after["state"] == base.state else None
    return replace(
        attributes.predict(base, after, asked),
        state=after["state"],
        description=after["description"],
        tags=after["tags"],
        aliases=aliases,
        deletion_date=date,
    )


# -- carrying out -----------------------------------------------------------------------------------------------------


def carry_out(
    keys: Keys, key: Key | None, before: View, after: View, params: Params, asked: Wishes = NOTHING
) -> tuple[Key, View]:
    """Make the change, wait until the KMS shows it, and return the key and its facts as read afterwards."""
    arn = _create(keys, after, asked) if key is None else str(key.arn)
    now = (
        {"state": "enabled", **{name: after[name] for name in ("alias", "description", "tags")}}
        if key is None
        else before
    )
    if now["state"] in DYING and after["state"] not in DYING:
        # first of all: a key that waits for its deletion refuses every other change
        keys.cancel_deletion(arn)
        now = {**now, "state": "disabled"}
    if after["state"] == "enabled" and now["state"] != "enabled":
        # and a disabled one refuses some
        keys.enable(arn)
        now = {**now, "state": "enabled"}
    _set_attributes(keys, arn, now, after)
    attributes.carry_out(keys, arn, key, now, after, asked)
    if now["state"] != after["state"]:
        _end(keys, arn, after["state"], params["pending_window"])
    return _settle(keys, arn, before, after, params["wait_timeout"], asked)


def _create(keys: Keys, after: View, asked: Wishes) -> str:
    more: dict[str, t.Any] = {"multi_region": True} if asked.multi_region else {}
    if asked.policy is not None:
        more.update(policy=as_text(asked.policy), lockout=asked.lockout)
    arn = keys.create(after["spec"], after["usage"], after["description"], after["tags"], **more)
    try:
        keys.add_alias(arn, after["alias"])
    except CantonError as exc:
        raise _take_back(keys, arn, exc) from exc
    return arn


def _take_back(keys: Keys, arn: str, cause: CantonError) -> CantonError:
    """A new key without its alias would be created once more by the next run, so it goes at once."""
    try:
        keys.schedule_deletion(arn, 7)
        left = f"The new key {arn} that was to get the alias is deleted again in 7 days."
    except CantonError as exc:
        left = f"The new key {arn} remains without an alias ({exc.message}): delete it, or run again with it as key_id."
    return CantonError(
        cause.message, cause.error_id, f"{cause.hint} {left}".strip(), cause.retryable, {**cause.details, "arn": arn}
    )


def _set_attributes(keys: Keys, arn: str, now: View, after: View) -> None:
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


def _set_alias(keys: Keys, arn: str, now: str | None, alias: str | None) -> None:
    if alias is None:
        keys.remove_alias(str(now))
    elif keys.identify(alias) is None:
        keys.add_alias(arn, alias)
    else:
        keys.move_alias(arn, alias)


def _end(keys: Keys, arn: str, state: str, pending_window: int) -> None:
    if state == "disabled":
        keys.disable(arn)
    else:
        keys.schedule_deletion(arn, pending_window)


def _settle(keys: Keys, arn: str, before: View, after: View, timeout: float, asked: Wishes) -> tuple[Key, View]:
    """Read until the change shows: a KMS may take seconds for what it has accepted, and a node would fail meanwhile."""

    def look() -> tuple[Key, View] | None:
        key = keys.find(arn, *asked.parts)
        seen = view(keys, key, after["alias"] or before.get("alias"), asked)
        return (key, seen) if key is not None and _shows(seen, before, after) else None

    _reached, settled = wait_for(look, timeout)
    if settled is None:
        raise CantonError(
            f"The change of key {arn} was accepted, but doesn't show after {timeout:g} seconds",
            error_id="change_not_visible",
            hint="Run again; a larger wait_timeout waits longer.",
            retryable=True,
            details={"arn": arn},
        )
    return settled


def _shows(seen: View, before: View, after: View) -> bool:
    """Tags that others put on a key meanwhile, as many organisations do by themselves, are no reason to wait."""
    both_dying = seen["state"] in DYING and after["state"] in DYING
    if not both_dying and seen["state"] != after["state"]:
        return False
    if any(seen[name] != after[name] for name in ("alias", "description")) or not attributes.shows(seen, before, after):
        return False
    tags, wanted = seen["tags"], after["tags"] or {}
    purged = set(before.get("tags") or {}) - set(wanted)
    return tags is None or (wanted.items() <= tags.items() and not purged & set(tags))
