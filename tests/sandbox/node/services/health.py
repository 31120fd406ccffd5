# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The standard health service."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import grpc

from sandbox.node.node import Node

_SERVING = 1


class HealthService:
    SERVICE = "grpc.health.v1.Health"

    def __init__(self, node: Node) -> None:
        self._response = node.messages.cls("grpc.health.v1.HealthCheckResponse")

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._response(status=_SERVING)

    def Watch(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield self._response(status=_SERVING)
        while context.is_active():
            time.sleep(0.2)
