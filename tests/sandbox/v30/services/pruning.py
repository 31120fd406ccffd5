# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PruningService: the schedule is kept, nothing is pruned by it."""

from __future__ import annotations

from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.v30.node import Node
from sandbox.wire.errors import field_not_set


class PruningService(Service[Node]):
    SERVICE = "com.digitalasset.canton.admin.participant.v30.PruningService"

    def _cls(self, name: str) -> Any:
        return self._node.messages.cls(f"admin.pruning.v30.{name}")

    def GetSchedule(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._cls("GetScheduleResponse")()
        schedule = self._node.kept("pruning_schedule")
        if schedule is not None:
            response.schedule.MergeFromString(schedule)
        return response

    def SetSchedule(self, request: Any, context: grpc.ServicerContext) -> Any:
        if not request.HasField("schedule"):
            raise field_not_set("schedule")
        self._node.keep("pruning_schedule", request.schedule.SerializeToString())
        return self._cls("SetScheduleResponse")()

    def ClearSchedule(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._node.keep("pruning_schedule", None)
        return self._cls("ClearScheduleResponse")()

    def GetSafePruningOffset(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._node.messages.cls("admin.participant.v30.GetSafePruningOffsetResponse")()
        response.no_safe_pruning_offset.SetInParent()
        return response
