# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``kms_key`` and ``kms_key_info`` do with keys in GCP KMS, from their options to their result."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms import in_use
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp import errors as gcp_errors
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.keys import FIRST, GcpKeys, connect
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.lifecycle import (
    Params,
    aim,
    carry_out,
    check_fits,
    complete,
    locate,
    notes,
    predict,
    ring_missing,
    view,
    wishes,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.model import (
    DYING,
    GcpKey,
    key_name,
    labels,
    requirement,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import check_probe
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome


def ensure(params: dict[str, t.Any], check: bool) -> Outcome:
    """``kms_key``: bring the key to what the options say."""
    check_probe(params)
    name = key_name(params["name"])
    wanted = requirement(params["purpose"], params["spec"], params["usage"])
    asked = wishes(params)
    keys = connect(params)

    key = locate(keys, name, params["wait_timeout"])
    if key is not None:
        check_fits(wanted, asked, key)
    asked = complete(asked, key, wanted)
    before = view(keys, key, asked)
    after = aim(before, key, wanted, name, params, asked)
    new_ring = key is None and params["state"] == "present" and ring_missing(keys, params["create_key_ring"])
    if key is None and params["state"] == "present":
        before["key_ring"], after["key_ring"] = ("absent" if new_ring else "present"), "present"
    if key is not None and after["state"] == DYING != before["state"]:
        refuse_in_use(keys, key, params)
    warnings = notes(key, before, after)

    usable = key is not None
    if check:
        usable = key is not None and key.state == "enabled"
        key = predict(keys, name, key, after, asked)
    elif after != before:
        ring = {fact: after.pop(fact) for fact in ("key_ring",) if fact in after}
        key, after = carry_out(keys, name, key, before, after, asked, new_ring, params["wait_timeout"])
        after.update(ring)
        usable = True
    if key is not None and asked.reads_policy and not check:
        key = replace(key, policy=keys.policy(str(key.arn))[0])
    probe = keys.probe(key) if params["probe"] and usable and key is not None else None
    result: dict[str, t.Any] = {"key": None if key is None else key.as_result(), "probe": probe}
    return Outcome(before, after, result, warnings)


def refuse_in_use(keys: GcpKeys, key: GcpKey, params: Params) -> None:
    """Raise CantonError when a participant of ``in_use_by`` lists the key that is to be destroyed."""
    participants = in_use.asked(params)
    if not participants:
        return
    # a node may know its wrapper key by the whole resource name, with the version or without it
    # (docs/canton/kms-gcp.md#names-of-a-wrapper-key)
    arn = str(key.arn)
    named = replace(key, aliases=(arn, f"{arn}/cryptoKeyVersions/{FIRST}"))
    in_use.refuse_while_listed(keys, named, participants, "can't be destroyed")


def info(params: dict[str, t.Any]) -> Outcome:
    """``kms_key_info``: the keys of these names, or all of the ring."""
    names = None if params["names"] is None else [key_name(name) for name in params["names"]]
    wanted = labels(params["labels"]) or {}
    keys = connect(params)
    warnings: list[str] = []
    missing: list[str] = []
    found: list[GcpKey] = []
    for name in keys.names() if names is None else names:
        try:
            key = keys.find(name)
        except CantonError as exc:
            if names is not None or exc.error_id != gcp_errors.PERMISSION_DENIED:
                raise
            warnings.append(f"{keys.ring.key(name)} is left out. {exc}")
            continue
        if key is None:
            missing.append(name)
        elif wanted.items() <= (key.tags or {}).items():
            found.append(_with_policy(keys, key, warnings))
    return Outcome(result={"keys": [key.as_result() for key in found], "missing": missing}, warnings=warnings)


def _with_policy(keys: GcpKeys, key: GcpKey, warnings: list[str]) -> GcpKey:
    try:
        return replace(key, policy=keys.policy(str(key.arn))[0])
    except CantonError as exc:
        if exc.error_id != gcp_errors.PERMISSION_DENIED:
            raise
        warnings.append(f"The policy of {key.arn} can't be read: the permission {exc.details['action']} is missing.")
        return key
