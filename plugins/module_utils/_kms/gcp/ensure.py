# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``kms_key`` does with keys in GCP KMS, from its options to its result."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..._outcome import Outcome
from ..lifecycle import check_probe
from ..model import PENDING_DELETION, Params, requirement
from . import keys as gcp_keys
from . import lifecycle
from .in_use import refuse_in_use
from .model import key_name


def ensure(params: Params, check: bool) -> Outcome:
    check_probe(params)
    name = key_name(params["name"])
    required = requirement("gcp", params["purpose"], params["spec"], params["usage"])
    desired = lifecycle.desired_attributes(params)
    keys = gcp_keys.connect(params)

    key = lifecycle.locate(keys, name, params["wait_timeout"])
    if key is not None:
        lifecycle.check_fits(required, desired, key)
    desired = lifecycle.complete(desired, key, required)
    before = lifecycle.view(keys, key, desired)
    after = lifecycle.plan(before, key, required, name, params, desired)
    new_ring = (
        key is None and params["state"] == "present" and lifecycle.ring_missing(keys, create=params["create_key_ring"])
    )
    if key is None and params["state"] == "present":
        before["key_ring"], after["key_ring"] = ("absent" if new_ring else "present"), "present"
    if key is not None and after["state"] == PENDING_DELETION != before["state"]:
        refuse_in_use(key, params)
    warnings = lifecycle.notes(key, before, after)

    usable = key is not None
    if check:
        usable = key is not None and key.state == "enabled"
        key = lifecycle.predict(keys, name, key, after, desired)
    elif after != before:
        ring = {fact: after.pop(fact) for fact in ("key_ring",) if fact in after}
        timeout = params["wait_timeout"]
        key, after = lifecycle.apply(keys, name, key, before, after, desired, new_ring=new_ring, timeout=timeout)
        after.update(ring)
        usable = True
    if key is not None and desired.reads_policy and not check:
        key = replace(key, policy=keys.policy(str(key.full_name))[0])
    probe = keys.probe(key) if params["probe"] and usable and key is not None else None
    result: dict[str, t.Any] = {"key": None if key is None else key.as_result(), "probe": probe}
    return Outcome(before, after, result, warnings)
