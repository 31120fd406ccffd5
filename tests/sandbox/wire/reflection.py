# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gRPC reflection as Canton serves it: one version of the protocol, only the services that are up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.protobuf import descriptor_pb2

from sandbox.wire.definitions import Messages


class Reflection:
    """The reflection service over those services that ``served`` names at the moment of each question."""

    def __init__(self, messages: Messages, served: Callable[[], list[str]]) -> None:
        self.SERVICE = messages.release.reflection + ".ServerReflection"
        self._messages = messages
        self._served = served
        self._answer = messages.cls(messages.release.reflection + ".ServerReflectionResponse")
        # protobuf's descriptors do not stand being wrapped by several threads at a time: each question is worked out once, by one of them
        self._one = threading.Lock()
        self._answers: dict[tuple[tuple[str, ...], bytes], Any] = {}

    def ServerReflectionInfo(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        for request in requests:
            with self._one:
                question = (tuple(self._served()), request.SerializeToString())
                if question not in self._answers:
                    self._answers[question] = self._respond(request)
                answer = self._answers[question]
            yield answer

    def _respond(self, request: Any) -> Any:
        answer = self._answer(valid_host=request.host, original_request=request)
        which = request.WhichOneof("message_request")
        if which == "list_services":
            for name in sorted(self._served()):
                answer.list_services_response.service.add(name=name)
            return answer
        file = self._find(which, request)
        if file is None:
            answer.error_response.error_code = grpc.StatusCode.NOT_FOUND.value[0]
            answer.error_response.error_message = "Not found"
            return answer
        for one in _with_imports(file):
            proto = descriptor_pb2.FileDescriptorProto()
            one.CopyToProto(proto)
            answer.file_descriptor_response.file_descriptor_proto.append(proto.SerializeToString())
        return answer

    def _find(self, which: str | None, request: Any) -> Any | None:
        """The file asked for, if a served service leads to it."""
        pool = self._messages.pool
        try:
            if which == "file_by_filename":
                file = pool.FindFileByName(request.file_by_filename)
            elif which == "file_containing_symbol":
                file = pool.FindFileContainingSymbol(request.file_containing_symbol)
            else:
                return None
        except KeyError:
            return None
        return file if file.name in self._reachable() else None

    def _reachable(self) -> set[str]:
        names: set[str] = set()
        for service in self._served():
            names |= {file.name for file in _with_imports(self._messages.service(service).file)}
        return names


def _with_imports(file: Any) -> list[Any]:
    """The file and all that it imports, each once."""
    seen: dict[str, Any] = {}
    waiting = [file]
    while waiting:
        one = waiting.pop()
        if one.name not in seen:
            seen[one.name] = one
            waiting += one.dependencies
    return list(seen.values())
