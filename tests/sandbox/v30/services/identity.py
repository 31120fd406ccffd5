# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IdentityInitializationService (docs/canton/identity-and-start.md#manual-identity)."""

from __future__ import annotations

from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.v30 import mappings
from sandbox.v30.node import Node
from sandbox.wire import ids
from sandbox.wire.errors import BareError


class IdentityInitializationService(Service[Node]):
    SERVICE = "com.digitalasset.canton.topology.admin.v30.IdentityInitializationService"

    def GetId(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._cls("GetIdResponse")(initialized=bool(self._node.uid), unique_identifier=self._node.uid)

    def CurrentTime(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._cls("CurrentTimeResponse")(current_time=ids.now())

    def InitId(self, request: Any, context: grpc.ServicerContext) -> Any:
        node = self._node
        if node.uid:
            raise _refused("Already initialised Init node id")
        if node.config["identity"] != "manual":
            raise _refused("The node's identity is not configured to be initialised through the API")
        namespace = self._namespace(request)
        uid = f"{request.identifier}::{namespace}"
        if not ids.is_uid(uid) or len(uid) > 255:
            raise _refused(f"Failed to initialize identifier: invalid unique identifier `{uid}`")
        node.manager.add(f"authorized:{node.name}", request.namespace_delegations)
        node.note(uid=uid)
        node.identified()
        return self._cls("InitIdResponse")()

    def _namespace(self, request: Any) -> str:
        """The namespace of the request, taken from the certificates when it is not given."""
        found = set()
        for signed in request.namespace_delegations:
            transaction = self._node.topology.parse(signed)
            if transaction.code != mappings.NSD or transaction.operation != mappings.ADD:
                raise _refused("Only namespace delegations that add are accepted")
            found.add(mappings.namespace(transaction.mapping))
        if not request.namespace and not found:
            raise _refused("No namespace or certificate provided")
        if len(found | ({request.namespace} - {""})) > 1:
            raise _refused("The namespace and those of the certificates differ")
        return str(request.namespace or found.pop())


def _refused(text: str) -> BareError:
    return BareError(grpc.StatusCode.FAILED_PRECONDITION, text)
