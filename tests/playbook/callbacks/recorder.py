# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what every task of a playbook came to, one JSON object a line, so that tests need not parse console output."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: recorder
type: notification
short_description: Record the results of all tasks
description:
  - Appends one JSON object a task and host to the file that the environment variable RECORDER_FILE names.
  - It has the keys host, task, action, outcome and result; outcome is ok, failed, skipped or unreachable.
  - The environment variable RECORDER_DATABASE may name the database of a network. Then there is also the key contents, a digest
    of what the network held right after the task.
"""

sys.path.append(str(Path(__file__).parents[1]))
digests = importlib.import_module("contents").digests


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "recorder"
    CALLBACK_NEEDS_ENABLED = True

    def _record(self, outcome: str, result: Any) -> None:
        entry = {
            "host": result.host.get_name(),
            "task": result.task.get_name(),
            "action": result.task.action,
            "outcome": outcome,
            "result": dict(result.result),
        }
        if database := os.environ.get("RECORDER_DATABASE"):
            entry["contents"] = digests(database)
        with open(os.environ["RECORDER_FILE"], "a", encoding="utf-8") as file:
            file.write(json.dumps(entry, default=str) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._record("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._record("failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._record("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._record("unreachable", result)
