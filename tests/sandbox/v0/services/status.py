# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of a participant of Canton 2: the service of 2.10 and the older one that 2.8 has alone
(docs/canton/canton-2.md#28-and-210)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.v0.node import Node
from sandbox.wire.errors import BareError

_COMPONENTS = ("sync-domain", "sync-domain-ephemeral", "sequencer-client")


class ParticipantStatusService(Service[Node]):
    SERVICE = "com.digitalasset.canton.participant.admin.v0.ParticipantStatusService"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._response = node.messages.cls("participant.admin.v0.ParticipantStatusResponse")

    def ParticipantStatus(self, request: Any, context: grpc.ServicerContext) -> Any:
        node = self._node
        response = self._response()
        if not node.ready:
            response.unavailable.active = True
            return response
        status = response.status
        status.common_status.uid = node.uid
        status.common_status.version = node.version
        fill(status.common_status, node)
        for domain_id in node.connected().values():
            status.connected_domains.add(domain_id=domain_id, healthy=True)
        status.active = True
        status.supported_protocol_versions.extend(node.release.protocol_versions)
        return response


class StatusService(Service[Node]):
    SERVICE = "com.digitalasset.canton.health.admin.v0.StatusService"

    def Status(self, request: Any, context: grpc.ServicerContext) -> Any:
        node = self._node
        response = self._cls("NodeStatus")()
        if not node.ready:
            response.not_initialized.active = True
            return response
        response.success.id = node.uid
        fill(response.success, node)
        info = self._cls("ParticipantStatusInfo")(active=True)
        for domain_id in node.connected().values():
            info.connected_domains.add(domain=domain_id, healthy=True)
        response.success.extra = info.SerializeToString()
        return response

    def HealthDump(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        raise BareError(grpc.StatusCode.UNIMPLEMENTED, "The sandbox makes no health dumps.")

    def SetLogLevel(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._node.log.setLevel(request.level)
        return self._cls("SetLogLevelResponse")()

    def GetLastErrors(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._cls("GetLastErrorsResponse")()

    def GetErrorTrace(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._cls("GetLastErrorTraceResponse")()


def fill(status: Any, node: Node) -> None:
    """What both kinds of status have in common."""
    status.uptime.FromMilliseconds(int((time.time() - node.started) * 1000))
    status.active = True
    stored = node.stored()
    status.topology_queues.clients = node.view.coming()
    status.ports["admin"] = stored["admin_port"]
    status.ports["ledger"] = stored["ledger_port"]
    status.topology_queues.dispatcher = node.dispatcher.queued()
    for name in _COMPONENTS:
        component = status.components.add(name=name)
        if node.connected():
            component.ok.SetInParent()
        else:
            component.failed.description.value = "Not connected to any domain"
