# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small gRPC server inside the test process: one service, and reflection as it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import any_pb2, descriptor_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha import reflection_pb2

from ansible_collections.ledgerops.canton.plugins.module_utils._api.channel import Api
from ansible_collections.ledgerops.canton.plugins.module_utils._api.descriptors import Descriptors
from ansible_collections.ledgerops.canton.plugins.module_utils._api.endpoint import Endpoint

SERVICE = "demo.Demo"
SAY, SEND, LISTEN = (f"{SERVICE}/{method}" for method in ("Say", "Send", "Listen"))
STATUS_SERVICE = "com.digitalasset.canton.admin.participant.v30.ParticipantStatusService"
STATUS = STATUS_SERVICE + "/ParticipantStatus"

_FIELD = descriptor_pb2.FieldDescriptorProto


def word_file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="demo/word.proto", package="demo", syntax="proto3")
    word = file.message_type.add(name="Word")
    word.field.add(name="text", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    word.field.add(name="data", number=2, type=_FIELD.TYPE_BYTES, label=_FIELD.LABEL_OPTIONAL)
    return file


def demo_file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="demo/demo.proto", package="demo", syntax="proto3", dependency=["demo/word.proto"]
    )
    service = file.service.add(name="Demo")
    service.method.add(name="Say", input_type=".demo.Word", output_type=".demo.Word")
    service.method.add(name="Send", input_type=".demo.Word", output_type=".demo.Word", client_streaming=True)
    service.method.add(name="Listen", input_type=".demo.Word", output_type=".demo.Word", server_streaming=True)
    return file


def status_file() -> descriptor_pb2.FileDescriptorProto:
    """As much of a participant's status as the client reads to learn that a node is starting."""
    package = STATUS_SERVICE.rpartition(".")[0]
    file = descriptor_pb2.FileDescriptorProto(name="status.proto", package=package, syntax="proto3")
    file.message_type.add(name="Request")
    response = file.message_type.add(name="Response")
    waiting = response.nested_type.add(name="NotInitialized")
    waiting.field.add(name="waiting_for_external_input", number=1, type=_FIELD.TYPE_INT32, label=_FIELD.LABEL_OPTIONAL)
    response.field.add(
        name="not_initialized",
        number=1,
        type=_FIELD.TYPE_MESSAGE,
        type_name=f".{package}.Response.NotInitialized",
        label=_FIELD.LABEL_OPTIONAL,
    )
    service = file.service.add(name="ParticipantStatusService")
    service.method.add(name="ParticipantStatus", input_type=f".{package}.Request", output_type=f".{package}.Response")
    return file


FILES = {file.name: file for file in (demo_file(), word_file(), status_file())}
# the file of the service first, so that its import has to be asked for or sorted
DESCRIPTORS = Descriptors([file.SerializeToString() for file in FILES.values()], [SERVICE, STATUS_SERVICE])
Word: Any = DESCRIPTORS.message("demo.Word")
StatusResponse: Any = DESCRIPTORS.message(STATUS_SERVICE.rpartition(".")[0] + ".Response")

Behaviour = Callable[[Any, grpc.ServicerContext], Any]


def rich_error(code: grpc.StatusCode, text: str, *details: Any) -> tuple[tuple[str, bytes], ...]:
    """The trailers that carry ``google.rpc.Status`` with these details."""
    packed = []
    for detail in details:
        item = any_pb2.Any()
        item.Pack(detail)
        packed.append(item)
    status = status_pb2.Status(code=code.value[0], message=text, details=packed)
    return (("grpc-status-details-bin", status.SerializeToString()),)


def error_info(error_id: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=error_id, metadata=metadata)


def request_info(request_id: str) -> error_details_pb2.RequestInfo:
    return error_details_pb2.RequestInfo(request_id=request_id)


class Node(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """What the test wants the server to do; every call is written down with its token."""

    def __init__(self) -> None:
        self.reflection: set[str] = {"v1"}
        self.listed: list[str] = [SERVICE]
        self.behaviours: dict[str, Behaviour] = {SAY: lambda word, _context: word}
        self.calls: list[tuple[str, str]] = []
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def called(self, rpc: str) -> int:
        return sum(1 for name, _token in self.calls if name == rpc)

    def api(self, **options: Any) -> Api:
        values = {"address": self.address, "timeout": 5.0, "ready_timeout": 0.0, **options}
        return Api(Endpoint(**values))

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        rpc = details.method[1:]
        metadata = dict(details.invocation_metadata or ())
        self.calls.append((rpc, str(metadata.get("authorization", ""))))
        if rpc.startswith("grpc.reflection."):
            return self._reflection() if rpc.split(".")[2] in self.reflection else None
        behaviour = self.behaviours.get(rpc)
        if behaviour is None:
            return None
        if rpc == STATUS:
            request = DESCRIPTORS.method(STATUS)[0]
            return grpc.unary_unary_rpc_method_handler(behaviour, request.FromString, StatusResponse.SerializeToString)
        make = {
            SAY: grpc.unary_unary_rpc_method_handler,
            SEND: grpc.stream_unary_rpc_method_handler,
            LISTEN: grpc.unary_stream_rpc_method_handler,
        }[rpc]
        return make(behaviour, Word.FromString, Word.SerializeToString)

    def _reflection(self) -> grpc.RpcMethodHandler[Any, Any]:
        return grpc.stream_stream_rpc_method_handler(
            self._describe,
            reflection_pb2.ServerReflectionRequest.FromString,
            reflection_pb2.ServerReflectionResponse.SerializeToString,
        )

    def _describe(self, questions: Iterable[Any], _context: grpc.ServicerContext) -> Iterator[Any]:
        for question in questions:
            answer = reflection_pb2.ServerReflectionResponse()
            if question.HasField("list_services"):
                for name in [*self.listed, "grpc.reflection.v1.ServerReflection"]:
                    answer.list_services_response.service.add(name=name)
            elif question.HasField("file_by_filename"):
                raw = FILES[question.file_by_filename].SerializeToString()
                answer.file_descriptor_response.file_descriptor_proto.append(raw)
            else:
                name = "demo/demo.proto" if question.file_containing_symbol == SERVICE else "status.proto"
                answer.file_descriptor_response.file_descriptor_proto.append(FILES[name].SerializeToString())
            yield answer


def serve(node: Node, credentials: grpc.ServerCredentials | None = None) -> grpc.Server:
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(8), handlers=[node], options=options)
    if credentials is None:
        node.port = server.add_insecure_port("127.0.0.1:0")
    else:
        node.port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    return server
