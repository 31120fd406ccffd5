# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes reports on the controller; documented in the module of the same name."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils._errors import CantonError
from ..plugin_utils._fleet import FLEET
from ..plugin_utils._pages import write_fleet, write_host
from ..plugin_utils._report import document

SPEC: dict[str, t.Any] = {
    "folder": {"type": "path", "required": True},
    "name": {"type": "str"},
    "found": {"type": "dict"},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "gone": {"type": "list", "elements": "str", "default": []},
}


class ActionModule(ActionBase):
    """It runs on the controller only, so it works for unreachable hosts too."""

    TRANSFERS_FILES = False

    def run(self, tmp: t.Any = None, task_vars: t.Any = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, wanted = self.validate_argument_spec(SPEC, required_together=[("name", "found")])
        if not wanted["folder"]:
            result.update(changed=False, folder=None, report=None, fleet=None)
            return result
        folder = Path(wanted["folder"]).resolve()
        if wanted["name"] == FLEET or "/" in (wanted["name"] or ""):
            raise AnsibleActionFail(
                f"{wanted['name']} can't be the name of a host's report. Nothing was changed. Set name to another value for this host."
            )
        templates = Path(self._find_needle("templates", "report.html.j2")).parent
        result.update(changed=False, folder=str(folder), report=None, fleet=None)
        try:
            if wanted["name"]:
                result["report"] = document(wanted["found"])
                if not self._task.check_mode:
                    write_host(folder, wanted["name"], result["report"], templates)
            if wanted["hosts"] and not self._task.check_mode:
                result["fleet"] = write_fleet(folder, wanted["hosts"], wanted["gone"], templates)
        except (CantonError, OSError) as error:
            raise AnsibleActionFail(
                f"The report can't be written: {error}. Give the user who runs ansible-playbook write access to the folder {folder}."
            ) from error
        return result
