# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ResourceManagementService of Canton 2."""

from __future__ import annotations

from typing import Any

from google.protobuf import empty_pb2

from sandbox.node.services.service import Service
from sandbox.v0.node import Node


class ResourceManagementService(Service[Node]):
    """Limits are kept and shown, not enforced."""

    SERVICE = "com.digitalasset.canton.participant.admin.v0.ResourceManagementService"

    def UpdateResourceLimits(self, request: Any, context: Any) -> Any:
        self._node.keep("resource_limits", request.SerializeToString())
        return empty_pb2.Empty()

    def GetResourceLimits(self, request: Any, context: Any) -> Any:
        return self._cls("ResourceLimits").FromString(self._node.kept("resource_limits") or b"")
