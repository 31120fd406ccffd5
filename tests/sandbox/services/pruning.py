# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PruningService: the schedule is kept, nothing is pruned by it."""

from __future__ import annotations

from typing import Any

import grpc

from sandbox.errors import field_not_set
from sandbox.node import Node

SCHEMA = """
CREATE TABLE IF NOT EXISTS pruning (node TEXT PRIMARY KEY, schedule BLOB NOT NULL);
"""


class PruningService:
    SERVICE = "com.digitalasset.canton.admin.participant.v30.PruningService"

    def __init__(self, node: Node) -> None:
        self._node = node

    def _cls(self, name: str) -> Any:
        return self._node.messages.cls(f"admin.pruning.v30.{name}")

    def GetSchedule(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self._node.db.read() as connection:
            row = connection.execute("SELECT schedule FROM pruning WHERE node=?", (self._node.name,)).fetchone()
        response = self._cls("GetScheduleResponse")()
        if row:
            response.schedule.MergeFromString(row["schedule"])
        return response

    def SetSchedule(self, request: Any, context: grpc.ServicerContext) -> Any:
        if not request.HasField("schedule"):
            raise field_not_set("schedule")
        data = request.schedule.SerializeToString()
        with self._node.db.write() as connection:
            connection.execute("INSERT OR REPLACE INTO pruning VALUES (?,?)", (self._node.name, data))
        return self._cls("SetScheduleResponse")()

    def ClearSchedule(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self._node.db.write() as connection:
            connection.execute("DELETE FROM pruning WHERE node=?", (self._node.name,))
        return self._cls("ClearScheduleResponse")()

    def GetSafePruningOffset(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._node.messages.cls("admin.participant.v30.GetSafePruningOffsetResponse")()
        response.no_safe_pruning_offset.SetInParent()
        return response
