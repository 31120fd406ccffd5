# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is checked, planned and awaited alike for keys of all providers."""

from __future__ import annotations

import typing as t

from .._errors import CantonError
from .._waiting import wait_for
from .model import NO_ROTATION, Key, Params, Requirement, Rotation

Seen = t.TypeVar("Seen")


def check_days(option: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise CantonError(f"{option} is {value} days", "value_invalid", f"Set it to {least} to {most}.")


def check_probe(params: Params) -> None:
    """Raise CantonError when the options ask to probe a key that they disable or delete."""
    if params["probe"] and (params["enabled"] is False or params["state"] == "absent"):
        raise CantonError(
            "A key that is to be disabled or deleted can't be probed",
            "value_invalid",
            "Set probe to false, or leave the key enabled.",
        )


def check_rotation(params: Params, least: int, most: int) -> None:
    if params["rotation_period"] is not None and not params["rotation"]:
        raise CantonError("rotation_period needs rotation", "value_invalid", "Set rotation to true.")
    check_days("rotation_period", params["rotation_period"], least, most)


def require_rotatable(spec: str, *, rotation: bool | None) -> None:
    if rotation and spec != "symmetric":
        raise CantonError(
            f"A KMS can't rotate a key of spec {spec}",
            error_id="rotation_unfit",
            hint="Leave rotation out: only symmetric keys, such as a wrapper key, get new material by themselves. For Canton's other "
            "keys, create a new key and change the node to it (ledgerops.canton.participant_key_rotation).",
        )


def require_kind(required: Requirement | None, name: str | None) -> Requirement:
    """Raise CantonError when a key is to be created and the options do not say which kind."""
    if required is None:
        raise CantonError(
            f"There is no key {name}, and the options do not say which kind to create",
            error_id="key_spec_missing",
            hint="Set purpose (or spec). If the key should be there already, check its name and the options of the connection.",
        )
    return required


def kind_of(key: Key | None, required: Requirement | None) -> tuple[str, str]:
    """Spec and usage of a key, or of one that is to be created; empty when that is unknown."""
    if key is not None:
        return key.spec, key.usage
    return (required.specs[0], required.usage) if required else ("", "")


def planned_state(key: Key, params: Params, hints: t.Mapping[str, str]) -> str:
    """The state of an existing key after the change. Raises CantonError for one that no node can use, unless the options mend that.

    ``hints`` are what to do about the other states of a provider.
    """
    enabled = params["enabled"]
    if key.is_pending_deletion:
        if not params["cancel_deletion"]:
            raise CantonError(
                f"Key {key.full_name} is waiting for its deletion on {key.deletion_date or 'a day that is not fixed yet'}",
                error_id="key_pending_deletion",
                hint="Set cancel_deletion to true to keep it, or choose another key.",
                details=key.details(deletion_date=key.deletion_date),
            )
        return "disabled" if enabled is False else "enabled"
    if key.state == "disabled" and enabled is None:
        raise CantonError(
            f"Key {key.full_name} is disabled, so no node can use it",
            error_id="key_disabled",
            hint="Set enabled to true to enable it, or to false if it should stay disabled.",
            details=key.details(),
        )
    if key.state not in ("enabled", "disabled"):
        raise unusable(key, hints)
    return key.state if enabled is None else ("enabled" if enabled else "disabled")


def unusable(key: Key, hints: t.Mapping[str, str], reason: str = "") -> CantonError:
    return CantonError(
        f"Key {key.full_name} can't be used: its state is {key.state}{f' ({reason})' if reason else ''}",
        error_id=f"key_{key.state}",
        hint=hints.get(key.state, "Choose another key."),
        retryable=key.state in ("creating", "updating"),
        details=key.details(),
    )


def planned_rotation(key: Key | None, rotation: bool | None, period: int | None, default: int) -> Rotation:
    """Without a period, one that is set stays."""
    existing = (key.rotation if key is not None else None) or NO_ROTATION
    if rotation is None:
        return existing
    return Rotation(period or existing.period or default) if rotation else NO_ROTATION


def await_change(
    look: t.Callable[[], Seen], until: t.Callable[[Seen], object], timeout: float, what: str, **details: object
) -> Seen:
    """Read until a change is visible: a KMS may take seconds for what it has accepted, and a node would fail meanwhile."""
    visible, seen = wait_for(look, timeout, until)
    if not visible:
        raise CantonError(
            f"{what} after {timeout:g} seconds",
            error_id="change_not_visible",
            hint="Run again to resume; a larger wait_timeout waits longer.",
            retryable=True,
            details=details,
        )
    return seen
