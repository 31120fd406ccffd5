# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SynchronizerConnectivityService (docs/canton/synchronizers.md#registering, docs/canton/synchronizers.md#connecting)."""

from __future__ import annotations

from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.v30.node import Node
from sandbox.wire import ids
from sandbox.wire.errors import CantonError, field_not_set

_ACTIVE = 1
_REGISTER_ONLY, _HANDSHAKE = 1, 2


class SynchronizerConnectivityService(Service[Node]):
    SERVICE = "com.digitalasset.canton.admin.participant.v30.SynchronizerConnectivityService"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._connector = node.connector

    def ConnectSynchronizer(self, request: Any, context: grpc.ServicerContext) -> Any:
        config = _config(request, "config")
        self._connector.register(config, handshake=True)
        self._connector.connect(config.synchronizer_alias)
        return self._cls("ConnectSynchronizerResponse")(connected_successfully=True)

    def RegisterSynchronizer(self, request: Any, context: grpc.ServicerContext) -> Any:
        config = _config(request, "config")
        if request.synchronizer_connection not in (_REGISTER_ONLY, _HANDSHAKE):
            raise field_not_set("synchronizer_connection")
        self._connector.register(config, handshake=request.synchronizer_connection == _HANDSHAKE)
        return self._cls("RegisterSynchronizerResponse")()

    def ModifySynchronizer(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._connector.modify(_config(request, "new_config"))
        return self._cls("ModifySynchronizerResponse")()

    def ReconnectSynchronizer(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._cls("ReconnectSynchronizerResponse")
        try:
            self._connector.connect(request.synchronizer_alias)
        except CantonError as error:
            # With retry the node goes on trying in the background; the sandbox leaves that to the next call.
            if error.error_id != "FAILED_TO_CONNECT_TO_SEQUENCERS" or not request.retry:
                raise
            return response()
        return response(connected_successfully=True)

    def ReconnectSynchronizers(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._connector.reconnect_all(request.ignore_failures)
        return self._cls("ReconnectSynchronizersResponse")()

    def DisconnectSynchronizer(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._connector.disconnect(request.synchronizer_alias)
        return self._cls("DisconnectSynchronizerResponse")()

    def DisconnectAllSynchronizers(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._connector.disconnect_all()
        return self._cls("DisconnectAllSynchronizersResponse")()

    def Logout(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._connector.find(request.synchronizer_alias)
        return self._cls("LogoutResponse")()

    def ListConnectedSynchronizers(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._cls("ListConnectedSynchronizersResponse")()
        for alias, psid in self._node.connected().items():
            response.connected_synchronizers.add(
                synchronizer_alias=alias, synchronizer_id=ids.logical(psid), physical_synchronizer_id=psid, healthy=True
            )
        return response

    def ListRegisteredSynchronizers(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._cls("ListRegisteredSynchronizersResponse")()
        for registered in self._connector.all():
            result = response.results.add(connected=registered.connected)
            if "status" in result.DESCRIPTOR.fields_by_name:  # 3.5 only
                result.status = _ACTIVE
            result.config.MergeFromString(registered.config)
            if registered.psid:
                result.physical_synchronizer_id = registered.psid
        return response

    def GetSynchronizerId(self, request: Any, context: grpc.ServicerContext) -> Any:
        registered = self._connector.find(request.synchronizer_alias)
        if not registered.psid:
            raise CantonError(
                "SYNC_SERVICE_PHYSICAL_ID_REGISTRATION",
                f"The physical synchronizer id of {registered.alias} is not known yet",
                {"synchronizerAlias": f"Synchronizer '{registered.alias}'"},
            )
        return self._cls("GetSynchronizerIdResponse")(
            synchronizer_id=ids.logical(registered.psid), physical_synchronizer_id=registered.psid
        )


def _config(request: Any, field: str) -> Any:
    """The configuration of a request, complete as a real node demands it (docs/canton/synchronizers.md#registering)."""
    if not request.HasField(field):
        raise field_not_set(field)
    config = getattr(request, field)
    if not config.synchronizer_alias:
        raise field_not_set("synchronizer_alias")
    if not config.HasField("sequencer_connections"):
        raise field_not_set("sequencer_connections")
    sequencers = config.sequencer_connections
    if not sequencers.sequencer_connections:
        raise field_not_set("sequencer_connections")
    for name in ("submission_request_amplification", "sequencer_connection_pool_delays"):
        if not sequencers.HasField(name):
            raise field_not_set(name)
    if not config.HasField("time_tracker"):
        raise field_not_set("time_tracker")
    if not request.sequencer_connection_validation:
        raise field_not_set("sequencer_connection_validation")
    return config
