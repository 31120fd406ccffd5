# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ParticipantStatusService (docs/canton/identity-and-start.md#status-of-a-node)."""

from __future__ import annotations

import time
from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.v30.node import Node

_NEEDS_CONNECTION = ("connected-synchronizer", "sync-ephemeral-state", "sequencer-client", "acs-commitment-processor")
_WHILE_CONNECTED = (
    "sequencer-connection-pool",
    "sequencer-subscription-pool",
    "internal-sequencer-connection-DefaultSequencer-0",
    "subscription-sequencer-connection-DefaultSequencer-0",
)
_WAITS_FOR_ID, _WAITS_FOR_TOPOLOGY = 1, 2
_HEALTHY = 1


class ParticipantStatusService(Service[Node]):
    SERVICE = "com.digitalasset.canton.admin.participant.v30.ParticipantStatusService"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._response = node.messages.cls("admin.participant.v30.ParticipantStatusResponse")

    def ParticipantStatus(self, request: Any, context: grpc.ServicerContext) -> Any:
        node = self._node
        response = self._response()
        if not node.ready:
            waiting = response.not_initialized
            waiting.active = True
            if "version" in waiting.DESCRIPTOR.fields_by_name:  # 3.5 only
                waiting.version = node.version
            if node.config["identity"] == "manual" and not node.initialized:
                waiting.waiting_for_external_input = _WAITS_FOR_ID
                if node.uid and not node.identifying:
                    waiting.waiting_for_external_input = _WAITS_FOR_TOPOLOGY
            return response
        connected = node.connected()
        status = response.status
        status.active = True
        status.supported_protocol_versions.extend(node.release.protocol_versions)
        for psid in connected.values():
            status.connected_synchronizers.add(physical_synchronizer_id=psid, health=_HEALTHY)
        self._common(status.common_status, bool(connected))
        return response

    def _common(self, common: Any, connected: bool) -> None:
        node = self._node
        common.uid = node.uid
        common.uptime.FromMilliseconds(int((time.time() - node.started) * 1000))
        common.active = True
        common.version = node.version
        stored = node.stored()
        common.topology_queues.clients = node.view.coming()
        common.ports["admin"] = stored["admin_port"]
        common.ports["ledger"] = stored["ledger_port"]
        common.topology_queues.dispatcher = node.dispatcher.queued()
        common.components.add(name="db-storage").ok.SetInParent()
        for name in _NEEDS_CONNECTION:
            component = common.components.add(name=name)
            if connected:
                component.ok.SetInParent()
            else:
                component.failed.description = "Not Initialized"
        for name in _WHILE_CONNECTED if connected else ():
            common.components.add(name=name).ok.SetInParent()
