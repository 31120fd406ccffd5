# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DomainConnectivityService (docs/canton/canton-2.md#domains). No domain has a service agreement."""

from __future__ import annotations

from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.v0.node import Node
from sandbox.wire.errors import BareError, CantonError, field_not_set


class DomainConnectivityService(Service[Node]):
    SERVICE = "com.digitalasset.canton.participant.admin.v0.DomainConnectivityService"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._connector = node.connector

    def RegisterDomain(self, request: Any, context: grpc.ServicerContext) -> Any:
        """A domain that is not marked for manual connection is connected at once."""
        config = _config(request, "add")
        self._connector.register(config, handshake=False)
        if not config.manual_connect:
            self._connector.connect(config.domain_alias)
        return self._cls("RegisterDomainResponse")()

    def ModifyDomain(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._connector.modify(_config(request, "modify"))
        return self._cls("ModifyDomainResponse")()

    def ConnectDomain(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._cls("ConnectDomainResponse")
        try:
            self._connector.connect(request.domain_alias)
        except CantonError as error:
            # With retry the node goes on trying in the background; the sandbox leaves that to the next call.
            if error.error_id != "DOMAIN_IS_NOT_AVAILABLE" or not request.retry:
                raise
            return response()
        return response(connected_successfully=True)

    def ReconnectDomains(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._connector.reconnect_all(request.ignore_failures)
        return self._cls("ReconnectDomainsResponse")()

    def DisconnectDomain(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._connector.disconnect(request.domain_alias)
        return self._cls("DisconnectDomainResponse")()

    def ListConnectedDomains(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._cls("ListConnectedDomainsResponse")()
        for alias, domain_id in self._node.connected().items():
            response.connected_domains.add(domain_alias=alias, domain_id=domain_id, healthy=True)
        return response

    def ListConfiguredDomains(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._cls("ListConfiguredDomainsResponse")()
        for registered in self._connector.all():
            response.results.add(connected=registered.connected).config.MergeFromString(registered.config)
        return response

    def GetAgreement(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._cls("GetAgreementResponse")(domain_id=self._connector.domain_id(request.domain_alias))

    def AcceptAgreement(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._connector.domain_id(request.domain_alias)
        raise CantonError(
            "SERVICE_AGREEMENT_ACCEPTANCE_FAILED",
            "Service agreement failed",
            {"reason": f"the domain has no service agreement {request.agreement_id}"},
        )

    def GetDomainId(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._cls("GetDomainIdResponse")(domain_id=self._connector.domain_id(request.domain_alias))


def _config(request: Any, field: str) -> Any:
    if not request.HasField(field):
        raise BareError(grpc.StatusCode.INVALID_ARGUMENT, "Empty request received")
    config = getattr(request, field)
    if not config.domain_alias:
        raise field_not_set("domain_alias")
    if not config.sequencerConnections:
        raise field_not_set("sequencerConnections")
    return config
