# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a migration before its contracts, one after the other in one process. Each proves itself, as in the module of its own."""

from __future__ import annotations

import dataclasses
import typing as t

from ..._outcome import Outcome
from ..copying import packages, users
from ..model.interface import Reader
from ..topology import delegation, hosting, synchronizers

Params = t.Mapping[str, t.Any]
Copy = t.Callable[[Params, Reader, Reader, bool], Outcome]


def ensure_copied(params: Params, source: Reader, target: Reader, check: bool) -> Outcome:
    """The steps that are asked for, in their order; ``before``, ``after`` and ``result`` of each under its name."""
    whole = Outcome()
    for step in (each for each in COPIES if each in params["steps"]):
        found = COPIES[step](params, source, target, check)
        whole.before[step], whole.after[step] = found.before, found.after
        if found.result:
            whole.result[step] = found.result
        whole.warnings += found.warnings
    return whole


def _reach(params: Params, source: Reader, target: Reader, check: bool) -> Outcome:
    return _ensure_connected(params, target, check, connected=True)


def _ensure_connected(params: Params, target: Reader, check: bool, connected: bool) -> Outcome:
    """A target that is disconnected here stays so when it restarts: only the cutover connects it."""
    item = synchronizers.find(target, params["target_synchronizer"])
    after = dataclasses.replace(item, connected=connected, manual_connect=item.manual_connect or not connected)
    if not check and (item.connected, item.manual_connect) != (after.connected, after.manual_connect):
        node = target.require_live("connecting and disconnecting the target")
        synchronizers.change(node, item, after, params["wait_timeout"])
    return Outcome({"connected": item.connected}, {"connected": after.connected})


def _packages(params: Params, source: Reader, target: Reader, check: bool) -> Outcome:
    return packages.ensure_copied({**params, "exclude": params["exclude_dars"]}, source, target, check, {})


def _delegation(params: Params, source: Reader, target: Reader, check: bool) -> Outcome:
    """Of the source's own namespace; further ones are signed elsewhere."""
    options = {**params, "namespace": None, "synchronizer": params["target_synchronizer"]}
    return delegation.ensure_present(options, source, target, check)


def _parties(params: Params, source: Reader, target: Reader, check: bool) -> Outcome:
    """A target of Canton 2 hosts them while it is disconnected (docs/canton/migration.md#canton-2-hosts-parties-while-disconnected)."""
    if target.hosts_offline:
        _ensure_connected(params, target, check, connected=False)
    return hosting.ensure_hosted(params, source, target, check)


# In the order in which they are executed. Packages first: a delegation cannot be undone for its key.
COPIES: dict[str, Copy] = {
    "reach_synchronizer": _reach,
    "packages": _packages,
    "delegation": _delegation,
    "parties": _parties,
    "users": users.ensure_copied,
}
