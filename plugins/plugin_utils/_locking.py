# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action of modules that lock: it passes this run to the module, and checks whether the run that holds a lock has ended.

Only the controller of that run can check it.
"""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ._owner import is_gone, this_run

# Source and target may be locked by two different runs that have both ended.
ATTEMPTS = 3


class LockingAction(ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        arguments = {**self._task.args, "owner": this_run(), "dead_owners": []}
        result: dict[str, t.Any] = {}
        for _attempt in range(ATTEMPTS):
            result = self._execute_module(module_args=arguments, task_vars=task_vars)
            # Only the refusal of a lock that is held has its owner.
            owner = (result.get("lock") or {}).get("owner")
            if not owner or not is_gone(owner):
                break
            arguments["dead_owners"] = [*arguments["dead_owners"], owner]
        return result
