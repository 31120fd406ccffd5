# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ResourceManagementService: limits are kept and shown, not enforced."""

from __future__ import annotations

from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.v30.node import Node


class ResourceManagementService(Service[Node]):
    SERVICE = "com.digitalasset.canton.admin.participant.v30.ResourceManagementService"

    def SetResourceLimits(self, request: Any, context: grpc.ServicerContext) -> Any:
        data = request.new_limits.SerializeToString()
        self._node.keep("resource_limits", data)
        return self._cls("SetResourceLimitsResponse")()

    def GetResourceLimits(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._cls("GetResourceLimitsResponse")()
        response.current_limits.MergeFromString(self._node.kept("resource_limits") or b"")
        return response
