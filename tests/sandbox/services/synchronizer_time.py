# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SynchronizerTimeService: the time of a synchronizer is the clock of this machine."""

from __future__ import annotations

import time
from typing import Any

import grpc

from sandbox import ids
from sandbox.node import Node

_POLL_SECONDS = 0.05


class SynchronizerTimeService:
    SERVICE = "com.digitalasset.canton.time.admin.v30.SynchronizerTimeService"

    def __init__(self, node: Node) -> None:
        self._node = node

    def FetchTime(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._node.messages.cls("time.admin.v30.FetchTimeResponse")()
        response.timestamp.FromMicroseconds(ids.now())
        return response

    def AwaitTime(self, request: Any, context: grpc.ServicerContext) -> Any:
        while ids.now() < request.timestamp.ToMicroseconds() and context.is_active():
            time.sleep(_POLL_SECONDS)
        return self._node.messages.cls("time.admin.v30.AwaitTimeResponse")()
