# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``kms_key`` does with keys in AWS KMS, from its options to its result."""

from __future__ import annotations

import typing as t

from ..._errors import CantonError
from ..._outcome import Outcome
from ..lifecycle import check_days, check_probe, require_kind
from ..model import Params, View, requirement
from . import keys as aws_keys
from . import lifecycle
from .attributes import complete, desired_attributes
from .in_use import refuse_in_use
from .model import PENDING_REPLICA_DELETION, PENDING_STATES, AwsKey


def check_values(params: Params) -> None:
    """What the argument spec can't check. Raises CantonError."""
    check_days("pending_window", params["pending_window"], 7, 30)
    check_probe(params)
    if (params["alias_move"] or params["alias_state"] == "absent") and not (params["alias"] and params["key_id"]):
        raise CantonError(
            "An alias is moved to, or removed from, a key that key_id names", "value_invalid", "Set key_id and alias."
        )


def ensure(params: Params, check: bool) -> Outcome:
    check_values(params)
    if params["tags"] is not None:
        params = {**params, "tags": {str(name): str(value) for name, value in params["tags"].items()}}
    required = requirement("aws", params["purpose"], params["spec"], params["usage"])
    alias = None if params["alias"] is None else aws_keys.alias_name(params["alias"])
    desired = desired_attributes(params)
    keys = aws_keys.connect(params)

    present = params["state"] == "present"
    key = lifecycle.locate(keys, params["key_id"], alias, must_exist=present, parts=desired.parts)
    owner = None
    if key is not None:
        lifecycle.check_fits(required, key)
        if params["key_id"] and alias and params["alias_state"] == "present":
            owner = lifecycle.former_owner(keys, key, alias, move=params["alias_move"] and present)
    warnings: list[str] = []
    if present:
        if key is None:
            require_kind(required, alias)
        desired, warnings = complete(keys, desired, key, required)
    before = lifecycle.view(keys, key, alias, desired)
    after = lifecycle.plan(before, key, required, alias, params, desired, keys.region)
    if key is not None:
        lost_alias = alias if owner or (before["alias"] and not after["alias"]) else None
        refuse_in_use(keys, key, before, after, lost_alias, params)
        warnings += alias_warnings(before, after, owner) + deletion_warnings(key, before, after)

    usable = key is not None
    if check:
        usable = key is not None and key.state == "enabled"
        key = lifecycle.predict(key, after, desired, alias)
    elif after != before:
        key, after = lifecycle.apply(keys, key, before, after, params, desired)
        usable = True
    probe = keys.probe(key) if params["probe"] and usable and key is not None else None
    result: dict[str, t.Any] = {"key": None if key is None else key.as_result(), "probe": probe}
    return Outcome(before, after, result, [*warnings, *([] if key is None else key.notes)])


def alias_warnings(before: View, after: View, owner: str | None) -> list[str]:
    """A moved or removed alias breaks a node that has registered it, without any other sign."""
    if owner and after["alias"]:
        what = f"{after['alias']} is moved here from {owner}"
    elif before["alias"] and not after["alias"]:
        what = f"{before['alias']} is removed"
    else:
        return []
    return [
        f"{what}. Canton doesn't notice: a node that has registered a key by this alias keeps the old public key and "
        "fails at its next signature. Register keys by their ARN."
    ]


def deletion_warnings(key: AwsKey, before: View, after: View) -> list[str]:
    if after["state"] != PENDING_REPLICA_DELETION or before["state"] in PENDING_STATES:
        return []
    regions = ", ".join(each.region for each in key.replicas)
    return [f"Key {key.full_name} is deleted only when its replicas are: {regions}."]
