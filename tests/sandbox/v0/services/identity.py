# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""InitializationService (docs/canton/canton-2.md#initialisation)."""

from __future__ import annotations

from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.v0.node import Node
from sandbox.wire import ids
from sandbox.wire.errors import BareError


class InitializationService(Service[Node]):
    SERVICE = "com.digitalasset.canton.topology.admin.v0.InitializationService"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._timestamp = node.messages.cls("google.protobuf.Timestamp")

    def GetId(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._cls("GetIdResponse")(
            initialized=bool(self._node.uid), unique_identifier=self._node.uid, instance=self._node.name
        )

    def CurrentTime(self, request: Any, context: grpc.ServicerContext) -> Any:
        now = self._timestamp()
        now.FromMicroseconds(ids.now())
        return now

    def InitId(self, request: Any, context: grpc.ServicerContext) -> Any:
        node = self._node
        uid = f"{request.identifier}::{request.fingerprint}"
        found = node.vault.find(request.fingerprint)
        if found is None or found.signing is None:
            text = f"Unknown public key [{ids.short(request.fingerprint)}], you need to import it first."
            raise BareError(grpc.StatusCode.INVALID_ARGUMENT, text)
        if node.uid:
            raise BareError(grpc.StatusCode.ALREADY_EXISTS, f"Node is already initialized with id [{node.uid}]")
        if node.config["identity"] != "manual":
            raise BareError(grpc.StatusCode.FAILED_PRECONDITION, "Node is initialised automatically")
        if not ids.is_uid(uid) or len(uid) > 255:
            raise BareError(grpc.StatusCode.INVALID_ARGUMENT, f"Invalid unique identifier `{uid}`")
        node.note(uid=uid)
        node.topology_changed()
        return self._cls("InitIdResponse")(unique_identifier=uid)
