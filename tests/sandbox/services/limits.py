# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ResourceManagementService: limits are kept and shown, not enforced."""

from __future__ import annotations

from typing import Any

import grpc

from sandbox.node import Node

SCHEMA = """
CREATE TABLE IF NOT EXISTS resource_limits (node TEXT PRIMARY KEY, limits BLOB NOT NULL);
"""


class ResourceManagementService:
    SERVICE = "com.digitalasset.canton.admin.participant.v30.ResourceManagementService"

    def __init__(self, node: Node) -> None:
        self._node = node

    def _cls(self, name: str) -> Any:
        return self._node.messages.cls(f"admin.participant.v30.{name}")

    def SetResourceLimits(self, request: Any, context: grpc.ServicerContext) -> Any:
        data = request.new_limits.SerializeToString()
        with self._node.db.write() as connection:
            connection.execute("INSERT OR REPLACE INTO resource_limits VALUES (?,?)", (self._node.name, data))
        return self._cls("SetResourceLimitsResponse")()

    def GetResourceLimits(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self._node.db.read() as connection:
            row = connection.execute("SELECT limits FROM resource_limits WHERE node=?", (self._node.name,)).fetchone()
        response = self._cls("GetResourceLimitsResponse")()
        response.current_limits.MergeFromString(row["limits"] if row else b"")
        return response
