# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SynchronizerTimeService: the time of a synchronizer is the clock of this machine."""

from __future__ import annotations

import time
from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.v30.node import Node
from sandbox.wire import ids

_POLL_SECONDS = 0.05


class SynchronizerTimeService(Service[Node]):
    SERVICE = "com.digitalasset.canton.time.admin.v30.SynchronizerTimeService"

    def FetchTime(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._node.messages.cls("time.admin.v30.FetchTimeResponse")()
        response.timestamp.FromMicroseconds(ids.now())
        return response

    def AwaitTime(self, request: Any, context: grpc.ServicerContext) -> Any:
        while ids.now() < request.timestamp.ToMicroseconds() and context.is_active():
            time.sleep(_POLL_SECONDS)
        return self._node.messages.cls("time.admin.v30.AwaitTimeResponse")()
