# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ApiInfoService: tells which API listens on a port."""

from __future__ import annotations

from typing import Any

import grpc

from sandbox.v30.node import Node


class ApiInfoService:
    SERVICE = "com.digitalasset.canton.connection.v30.ApiInfoService"

    def __init__(self, node: Node) -> None:
        self._response = node.messages.cls("connection.v30.GetApiInfoResponse")

    def GetApiInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._response(name="admin-api")
