# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gRPC port of a participant: finds the method, checks the token, logs, and turns exceptions into Canton's errors."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import grpc
from google.protobuf import message_factory

from sandbox.wire import auth, errors
from sandbox.wire.definitions import Messages
from sandbox.wire.errors import BareError, CantonError
from sandbox.wire.reflection import Reflection

if TYPE_CHECKING:
    GenericHandler = grpc.GenericRpcHandler[Any, Any]
    MethodHandler = grpc.RpcMethodHandler[Any, Any]
else:
    GenericHandler = grpc.GenericRpcHandler

_THREADS = 32
_MAX_INBOUND = 10 * 1024 * 1024
_OPTIONS = [
    ("grpc.max_receive_message_length", _MAX_INBOUND),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_permit_without_calls", 0),
]
_KEEPALIVE = {
    "admin": [
        ("grpc.keepalive_time_ms", 40_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
    ],
    "ledger": [
        ("grpc.keepalive_time_ms", 600_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ],
}


class Served(Protocol):
    """What a port asks of its node."""

    name: str
    config: dict[str, Any]
    state_dir: Path
    messages: Messages

    def knob(self, key: str, default: Any = None) -> Any: ...

    def strikes(self, key: str, call: str) -> bool: ...


@dataclass(frozen=True)
class Method:
    """``requests`` and ``answers``: unary or stream."""

    requests: str
    answers: str
    request: Any


class Port(GenericHandler):
    """One API ("admin" or "ledger") of a node. Services can be added while it runs."""

    def __init__(self, node: Served, api: str) -> None:
        self._node = node
        self._api = api
        self._services: dict[str, Any] = {}
        self._log = logging.getLogger(f"{node.name}.{api}")
        self._server: grpc.Server | None = None
        self._one = threading.Lock()
        self._methods: dict[tuple[str, str], Method | None] = {}
        self.number = 0
        self.add(Reflection(node.messages, lambda: list(self._services)))

    def add(self, service: Any) -> None:
        """Serve an object with one method an RPC and the full name of its service in ``SERVICE``."""
        self._services[service.SERVICE] = service

    def withdraw(self, service: Any) -> None:
        """Serve it no longer, until it is added again."""
        self._services.pop(service.SERVICE, None)

    def start(self, wanted: int) -> int:
        """Open the port (0 = any); returns its number. ``OSError`` when it is taken."""
        server = grpc.server(
            futures.ThreadPoolExecutor(_THREADS, thread_name_prefix=self._api),
            handlers=[self],
            options=_OPTIONS + _KEEPALIVE[self._api],
        )
        address = f"127.0.0.1:{wanted}"
        tls = self._node.config["tls"]
        try:
            if tls == "none":
                self.number = server.add_insecure_port(address)
            else:
                credentials = auth.server_credentials(self._node.state_dir / "tls", mutual=tls == "mutual")
                self.number = server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise OSError(f"port {wanted} of {self._node.name} can't be opened: {error}") from error
        server.start()
        self._server = server
        return self.number

    def stop(self, grace: float) -> None:
        if self._server is not None:
            self._server.stop(grace).wait()

    # Calls.

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> MethodHandler | None:
        path = handler_call_details.method
        name, _unused, method_name = path.lstrip("/").rpartition("/")
        service = self._services.get(name)
        implementation = getattr(service, method_name, None) if service else None
        method = self._method(name, method_name) if implementation else None
        if method is None or implementation is None:
            return _not_found(path)
        metadata = dict(handler_call_details.invocation_metadata or ())
        return self._handler(name, method_name, method, implementation, metadata)

    def _method(self, service: str, name: str) -> Method | None:
        """Worked out once: protobuf's descriptors do not stand being wrapped by several threads at a time."""
        with self._one:
            if (service, name) not in self._methods:
                found = self._node.messages.service(service).methods_by_name.get(name)
                self._methods[(service, name)] = found and Method(
                    "stream" if found.client_streaming else "unary",
                    "stream" if found.server_streaming else "unary",
                    message_factory.GetMessageClass(found.input_type),
                )
            return self._methods[(service, name)]

    def _handler(
        self, service: str, name: str, method: Method, implementation: Callable[..., Any], metadata: Any
    ) -> MethodHandler:
        call = f"{service.rpartition('.')[2]}/{name}"

        def unary(request: Any, context: grpc.ServicerContext) -> Any:
            with _Outcome(self, call, context):
                self._admit(service, name, metadata)
                return implementation(request, context)

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            with _Outcome(self, call, context):
                self._admit(service, name, metadata)
                yield from implementation(request, context)

        make = getattr(grpc, f"{method.requests}_{method.answers}_rpc_method_handler")
        handler: MethodHandler = make(
            unary if method.answers == "unary" else stream,
            request_deserializer=method.request.FromString,
            response_serializer=lambda answer: answer.SerializeToString(),
        )
        return handler

    def _admit(self, service: str, method: str, metadata: dict[str, str]) -> None:
        token = self._node.config["admin_token"]
        if token:
            auth.check_token(token, self._node.knob("token_expired", False), service, metadata)
        if self._node.strikes("overloaded", method):
            # what a node under load answers before it has done anything
            raise CantonError("SERVER_OVERLOADED", "the knob says that this node has too much to do", retry=1)

    def fail(self, call: str, context: grpc.ServicerContext, error: BaseException, started: float) -> None:
        """Log the failure and end the call with it; returns when the call is over already."""
        milliseconds = (time.monotonic() - started) * 1000
        if isinstance(error, (CantonError, BareError)):
            self._log.info("%s %s %.0f ms (%s)", call, error.code.name, milliseconds, error)
            errors.abort(context, error, self._node.name, self._api)
        if isinstance(error, Exception) and context.is_active():
            self._log.error("%s INTERNAL %.0f ms", call, milliseconds, exc_info=error)
            errors.abort(context, error, self._node.name, self._api)
        self._log.info("%s CANCELLED %.0f ms", call, milliseconds)

    def done(self, call: str, started: float) -> None:
        self._log.info("%s OK %.0f ms", call, (time.monotonic() - started) * 1000)


class _Outcome:
    """Logs how a call ended and translates its exception."""

    def __init__(self, port: Port, call: str, context: grpc.ServicerContext) -> None:
        self._port = port
        self._call = call
        self._context = context

    def __enter__(self) -> None:
        self._started = time.monotonic()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None:
            self._port.done(self._call, self._started)
        else:
            self._port.fail(self._call, self._context, error, self._started)


def _not_found(path: str) -> MethodHandler:
    """What Java's gRPC answers for a method that is not there."""

    def refuse(requests: Any, context: Any) -> Iterator[bytes]:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"Method not found: {path.lstrip('/')}")
        yield b""

    handler: MethodHandler = grpc.stream_stream_rpc_method_handler(refuse)
    return handler
