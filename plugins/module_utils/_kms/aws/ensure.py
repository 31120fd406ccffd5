# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``kms_key`` does with keys in AWS KMS, from its options to its result."""

from __future__ import annotations

import typing as t

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms import in_use
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.attributes import (
    DYING,
    Params,
    View,
    complete,
    wishes,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys, alias_name, connect
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.lifecycle import (
    aim,
    carry_out,
    former_owner,
    locate,
    predict,
    require_kind,
    view,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import (
    Key,
    check_fits,
    check_probe,
    requirement,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome


def check_values(params: Params) -> None:
    """What the argument spec can't say. Raises CantonError."""
    if not 7 <= params["pending_window"] <= 30:
        raise CantonError(
            f"pending_window is {params['pending_window']} days", "value_invalid", "AWS KMS takes 7 to 30."
        )
    check_probe(params)
    if (params["alias_move"] or params["alias_state"] == "absent") and not (params["alias"] and params["key_id"]):
        raise CantonError(
            "An alias is moved to, or removed from, a key that is named by its id",
            "value_invalid",
            "Set key_id and alias.",
        )


def ensure(params: dict[str, t.Any], check: bool) -> Outcome:
    check_values(params)
    if params["tags"] is not None:
        params = {**params, "tags": {str(name): str(value) for name, value in params["tags"].items()}}
    wanted = requirement(params["purpose"], params["spec"], params["usage"])
    alias = None if params["alias"] is None else alias_name(params["alias"])
    asked = wishes(params)
    keys = connect(params)

    present = params["state"] == "present"
    key = locate(keys, params["key_id"], alias, must_exist=present, parts=asked.parts)
    owner = None
    if key is not None:
        check_fits(wanted, key)
        if params["key_id"] and alias and params["alias_state"] == "present":
            owner = former_owner(keys, key, alias, params["alias_move"] and present)
    warnings: list[str] = []
    if present:
        if key is None:
            require_kind(wanted, alias)
        asked, warnings = complete(keys, asked, key, wanted)
    before = view(keys, key, alias, asked)
    after = aim(before, key, wanted, alias, params, asked, keys.region)
    if key is not None:
        nameless = alias if owner or (before["alias"] and not after["alias"]) else None
        refuse_in_use(keys, key, before, after, nameless, params)
        warnings += alias_warnings(before, after, owner) + deletion_warnings(key, before, after)

    usable = key is not None
    if check:
        usable = key is not None and key.state == "enabled"
        key = predict(key, after, asked, alias)
    elif after != before:
        key, after = carry_out(keys, key, before, after, params, asked)
        usable = True
    probe = keys.probe(key) if params["probe"] and usable and key is not None else None
    result: dict[str, t.Any] = {"key": None if key is None else key.as_result(), "probe": probe}
    return Outcome(before, after, result, [*warnings, *([] if key is None else key.notes)])


def refuse_in_use(keys: AwsKeys, key: Key, before: View, after: View, alias: str | None, params: Params) -> None:
    """Raise CantonError when the change takes a key, or ``alias``, away from a participant of ``in_use_by``."""
    participants = in_use.asked(params)
    if not participants:
        return
    dying = [name for name, state in after.get("replicas", {}).items() if state in DYING]
    dying = [name for name in dying if before["replicas"].get(name) not in DYING]
    if after["state"] in DYING and before["state"] not in DYING:
        in_use.refuse_while_listed(keys, key, participants, "can't be deleted")
    elif dying:
        in_use.refuse_while_listed(keys, key, participants, f"can't be deleted in {', '.join(dying)}")
    if alias:
        in_use.refuse_while_named(participants, alias)


def alias_warnings(before: View, after: View, owner: str | None) -> list[str]:
    """A moved or removed alias breaks a node that was given it, and nothing else would tell."""
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


def deletion_warnings(key: Key, before: View, after: View) -> list[str]:
    if after["state"] != "pending_replica_deletion" or before["state"] in DYING:
        return []
    regions = ", ".join(each.region for each in key.replicas)
    return [f"Key {key.arn} is deleted only when its replicas are: {regions}."]
