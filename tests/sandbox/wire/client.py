# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain client for tests of the sandbox itself: requests and answers as dictionaries, as protobuf's JSON has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format, message_factory
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from sandbox.wire import definitions
from sandbox.wire.release import release

_MAX_MESSAGE = 64 * 1024 * 1024
_DETAILS = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.RequestInfo,
    error_details_pb2.ResourceInfo,
    error_details_pb2.RetryInfo,
)


class CallFailed(Exception):
    """``code``, ``text`` and ``details`` ({"ErrorInfo": {...}}, …; ``None`` when the status carried none at all)."""

    def __init__(self, error: Any) -> None:
        self.code: str = error.code().name
        self.text: str = error.details() or ""
        super().__init__(f"{self.code}: {self.text}")
        status = rpc_status.from_call(error)
        self.details: list[dict[str, Any]] | None = None
        if status is not None:
            self.details = [_detail(packed) for packed in status.details]

    @property
    def reason(self) -> str:
        """The error id; empty for redacted and bare errors."""
        return str(self._info().get("reason", ""))

    @property
    def metadata(self) -> dict[str, str]:
        return dict(self._info().get("metadata", {}))

    def _info(self) -> dict[str, Any]:
        return next((one["ErrorInfo"] for one in self.details or [] if "ErrorInfo" in one), {})


def _detail(packed: Any) -> dict[str, Any]:
    for cls in _DETAILS:
        message = cls()
        if packed.Unpack(message):
            return {cls.DESCRIPTOR.name: json_format.MessageToDict(message)}
    return {packed.type_url: {}}


class Client:
    """One port of a participant."""

    def __init__(
        self, port: int, credentials: grpc.ChannelCredentials | None = None, token: str | None = None, line: str = "3.5"
    ) -> None:
        self._messages = definitions.messages(release(line))
        options = [("grpc.max_receive_message_length", _MAX_MESSAGE), ("grpc.use_local_subchannel_pool", 1)]
        address = f"127.0.0.1:{port}"
        self.channel = (
            grpc.secure_channel(address, credentials, options)
            if credentials
            else grpc.insecure_channel(address, options)
        )
        self._metadata = [("authorization", f"Bearer {token}")] if token else []

    def call(self, rpc: str, request: Any = None, timeout: float = 60) -> Any:
        """``rpc``: service and method, e.g. ``topology.admin.v30.TopologyManagerReadService/ListAll``.

        A list of requests for a client stream; a list of answers from a server stream. ``CallFailed`` on any error.
        """
        service, _unused, name = rpc.partition("/")
        method = self._messages.service(service).methods_by_name[name]
        kinds = ("stream" if method.client_streaming else "unary", "stream" if method.server_streaming else "unary")
        call = getattr(self.channel, "_".join(kinds))(
            f"/{method.containing_service.full_name}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
        cls = message_factory.GetMessageClass(method.input_type)
        if method.client_streaming:
            argument: Any = iter([json_format.ParseDict(one, cls()) for one in request or []])
        else:
            argument = json_format.ParseDict(request or {}, cls())
        try:
            answer = call(argument, timeout=timeout, metadata=self._metadata)
            if method.server_streaming:
                return [_to_dict(one) for one in answer]
            return _to_dict(answer)
        except grpc.RpcError as error:
            raise CallFailed(error) from error

    def close(self) -> None:
        self.channel.close()


def _to_dict(message: Any) -> dict[str, Any]:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


class Participant:
    """Both APIs of a participant, by what ``Network.info()`` (or network.json) says of it."""

    def __init__(self, info: dict[str, Any]) -> None:
        self.uid: str = info["uid"]
        credentials = _credentials(info["tls"]) if info["tls"] else None
        self._admin = Client(info["admin_port"], credentials, info["admin_token"], info["release"])
        self._ledger = Client(info["ledger_port"], credentials, info["admin_token"], info["release"])

    def admin(self, rpc: str, request: Any = None, timeout: float = 60) -> Any:
        return self._admin.call(rpc, request, timeout)

    def ledger(self, rpc: str, request: Any = None, timeout: float = 60) -> Any:
        return self._ledger.call(rpc, request, timeout)

    def close(self) -> None:
        self._admin.close()
        self._ledger.close()


def _credentials(tls: dict[str, str]) -> grpc.ChannelCredentials:
    def read(name: str) -> bytes | None:
        return Path(tls[name]).read_bytes() if name in tls else None

    return grpc.ssl_channel_credentials(read("ca_cert"), read("client_key"), read("client_cert"))


@contextmanager
def participants(info: dict[str, Any]) -> Iterator[dict[str, Participant]]:
    """Clients of all participants of a network, closed at the end."""
    clients = {name: Participant(one) for name, one in info["participants"].items()}
    try:
        yield clients
    finally:
        for client in clients.values():
            client.close()
