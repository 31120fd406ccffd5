# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One gRPC connection to one API of one node. The only file that imports grpc.

It knows TLS, tokens, deadlines, retries, reflection and Canton's errors; it does not know any Canton service.
"""

from __future__ import annotations

import queue
import random
import time
import typing as t

from .._errors import Busy, CantonError, DependencyMissing, NoReflection, NotOffered
from .description import Description, KeptDescriptions
from .descriptors import PROTOBUF_IMPORT_ERROR, Descriptors, Message, declare, file_name_and_dependencies
from .endpoint import Endpoint
from .failures import translate
from .memory import Memory

try:
    import grpc
except ImportError as exc:
    GRPC_IMPORT_ERROR: ImportError | None = exc
else:
    GRPC_IMPORT_ERROR = None

# Topology lists and DARs go far over grpc's 4 MiB (docs/canton/connections.md#message-sizes).
MAX_MESSAGE_BYTES = 128 * 1024 * 1024
# Canton closes connections that ping more often than every 20 s (docs/canton/connections.md#keepalive).
KEEPALIVE_MS = 40_000
BACKOFF_SECONDS = (0.25, 0.5, 1.0, 2.0, 4.0)
READY_POLL_SECONDS = 0.5

_reflection = declare(
    "ledgerops.reflection.declared",
    {
        "Request": {
            "host": (1, "string"),
            "file_by_filename": (3, "string"),
            "file_containing_symbol": (4, "string"),
            "list_services": (7, "string"),
        },
        "FileResponse": {"file_descriptor_proto": (1, "*bytes")},
        "ServiceName": {"name": (1, "string")},
        "ServiceList": {"service": (1, "*ServiceName")},
        "ErrorResponse": {"error_code": (1, "int32"), "error_message": (2, "string")},
        "Response": {
            "file_descriptor_response": (4, "FileResponse"),
            "list_services_response": (6, "ServiceList"),
            "error_response": (7, "ErrorResponse"),
        },
    },
)


def check_dependencies() -> None:
    """Raise DependencyMissing when grpcio or protobuf is not importable here."""
    if GRPC_IMPORT_ERROR is not None:
        raise DependencyMissing("grpcio", str(GRPC_IMPORT_ERROR))
    if PROTOBUF_IMPORT_ERROR is not None:
        raise DependencyMissing("protobuf", str(PROTOBUF_IMPORT_ERROR))


class Api:
    """Calls by full RPC name with plain dictionaries or messages, and messages back."""

    def __init__(self, endpoint: Endpoint, kept: KeptDescriptions | None = None) -> None:
        check_dependencies()
        self.endpoint = endpoint
        self._kept = kept
        # whether the description in use is one that was kept
        self._is_old = False
        # Set by a dialect: whether a node that does not offer this RPC is still starting.
        self.starting: t.Callable[[str], bool] | None = None
        self._channel = _open(endpoint)
        self._descriptors: Descriptors | None = None
        self._memory: Memory | None = None

    def close(self) -> None:
        self._channel.close()

    @property
    def descriptors(self) -> Descriptors:
        if self._descriptors is None:
            if self.endpoint.descriptors_file:
                self._descriptors = Descriptors.from_file(self.endpoint.descriptors_file, self.endpoint.at_start())
            else:
                self._descriptors = self._describe()
        return self._descriptors

    def _describe(self) -> Descriptors:
        found = self._kept.read(self.endpoint.address) if self._kept else None
        self._is_old = found is not None
        if found is None:
            found = t.cast("Description", self._patiently(self._reflect))
            if self._kept:
                self._kept.keep(self.endpoint.address, found)
        return Descriptors(found.files, found.services, self.endpoint.at_start())

    def describe_again(self) -> None:
        """Ask the node for its description when it is needed next; one that was kept no longer counts."""
        self._descriptors = None
        if self._kept:
            self._kept.drop(self.endpoint.address)

    def _sure(self, known: t.Callable[[Descriptors], bool]) -> bool:
        """The answer of the description. What one that was kept does not know is asked of the node."""
        if not known(self.descriptors) and self._is_old:
            self.describe_again()
        return known(self.descriptors)

    @property
    def services(self) -> t.Collection[str]:
        """Full names of the services that the node lists."""
        return self.descriptors.services

    def has_rpc(self, rpc: str) -> bool:
        return self._sure(lambda found: found.has_rpc(rpc))

    def has_field(self, message: str, field: str) -> bool:
        return self._sure(lambda found: found.has_field(message, field))

    def message(self, name: str) -> type[Message]:
        return self.descriptors.message(name)

    def remember(self, memory: Memory) -> None:
        """From now on ``read`` asks a question once in a moment. Both APIs of a node share a memory."""
        self._memory = memory

    def _forget(self) -> None:
        if self._memory is not None:
            self._memory.forget()

    def read(self, rpc: str, **fields: t.Any) -> Message:
        """A unary call that changes nothing: what passes is waited out."""
        if self._memory is None:
            return self.fresh(rpc, **fields)
        return self._memory.ask(rpc, fields, lambda: self.fresh(rpc, **fields))

    def fresh(self, rpc: str, deadline: float | None = None, **fields: t.Any) -> Message:
        """The same for what moves while others write: always asked. ``deadline`` as in ``repeatable``."""
        return self._patiently(lambda: self._when_ready(rpc, lambda: self._unary(rpc, fields, deadline)))

    def repeatable(self, rpc: str, deadline: float | None = None, **fields: t.Any) -> Message:
        """A unary call that is safe to repeat, although it may change something: what passes is waited out.

        ``deadline`` is for calls that wait for something: seconds, where the endpoint's own timeout would be too short.
        """
        try:
            return self.fresh(rpc, deadline, **fields)
        finally:
            self._forget()

    def once(self, rpc: str, **fields: t.Any) -> Message:
        """A unary call as it is: no retry, no waiting for a node that starts."""
        try:
            return self._unary(rpc, fields)
        finally:
            self._forget()

    def write(self, rpc: str, deadline: float | None = None, **fields: t.Any) -> Message:
        """A unary call that takes effect once: when the answer is lost, the caller has to read from the node. A busy node did nothing."""
        try:
            return self._patiently(lambda: self._when_ready(rpc, lambda: self._unary(rpc, fields, deadline)), Busy)
        finally:
            self._forget()

    def write_many(
        self, rpc: str, requests: t.Sequence[dict[str, t.Any]], parallel: int
    ) -> list[Message | CantonError]:
        """Send the same unary RPC many times over this channel, ``parallel`` at a time; one answer or error per request, in order."""
        request_class, call = self._callable(self._channel.unary_unary, rpc)
        answers: list[Message | CantonError] = []
        pending: list[t.Any] = []

        def collect() -> None:
            try:
                answers.append(pending.pop(0).result())
            except grpc.RpcError as exc:
                answers.append(self._translate(exc, rpc))

        for fields in requests:
            if len(pending) >= parallel:
                collect()
            pending.append(
                call.future(request_class(**fields), timeout=self.endpoint.timeout, metadata=self._metadata())
            )
        while pending:
            collect()
        self._forget()
        return answers

    def stream(self, rpc: str, **fields: t.Any) -> t.Iterator[Message]:
        """A server stream, without a deadline; it is cancelled when the caller stops reading.

        A refusal that passes is waited out as long as nothing was received.
        """
        request_class, start = self._when_ready(rpc, lambda: self._callable(self._channel.unary_stream, rpc))
        end = object()

        def begin() -> tuple[t.Any, t.Any]:
            call = start(request_class(**fields), metadata=self._metadata())
            try:
                return call, next(call, end)
            except grpc.RpcError as exc:
                raise self._translate(exc, rpc) from exc

        call, item = self._patiently(begin)
        try:
            while item is not end:
                yield item
                item = next(call, end)
        except grpc.RpcError as exc:
            raise self._translate(exc, rpc) from exc
        finally:
            call.cancel()

    def upload(self, rpc: str, requests: t.Iterable[dict[str, t.Any]]) -> Message:
        """A client stream, without a deadline.

        An error of ``requests`` aborts the call, never ends it: a clean end of a cut upload would be taken for a whole
        one (docs/canton/connections.md#a-clean-end-of-a-cut-upload). The source's own error is what the caller gets.
        """
        request_class, call = self._when_ready(rpc, lambda: self._callable(self._channel.stream_unary, rpc))
        failure: list[BaseException] = []

        def messages() -> t.Iterator[Message]:
            try:
                for fields in requests:
                    yield request_class(**fields)
            except BaseException as exc:
                failure.append(exc)
                raise

        try:
            return call(messages(), metadata=self._metadata())
        except grpc.RpcError as exc:
            if failure:
                raise failure[0] from None
            raise self._translate(exc, rpc) from exc
        finally:
            self._forget()

    def _patiently(self, attempt: t.Callable[[], t.Any], passing: type[CantonError] = CantonError) -> t.Any:
        return _retrying(attempt, self.endpoint.timeout, passing)

    def _callable(self, kind: t.Callable[..., t.Any], rpc: str) -> tuple[type[Message], t.Any]:
        """The request class of an RPC and what calls it; ``kind`` is the channel's method for its cardinality."""
        request_class, response_class = self.descriptors.method(rpc)
        return request_class, _bind(kind, rpc, request_class, response_class)

    def _unary(self, rpc: str, fields: dict[str, t.Any], deadline: float | None = None) -> Message:
        request_class, call = self._callable(self._channel.unary_unary, rpc)
        try:
            return call(
                request_class(**fields), timeout=max(self.endpoint.timeout, deadline or 0.0), metadata=self._metadata()
            )
        except grpc.RpcError as exc:
            raise self._translate(exc, rpc) from exc

    def _when_ready(self, rpc: str, attempt: t.Callable[[], t.Any]) -> t.Any:
        """Wait out a node that is starting: it answers UNIMPLEMENTED for services that come up later
        (docs/canton/identity-and-start.md#a-starting-node-returns-unimplemented)."""
        deadline = time.monotonic() + self.endpoint.ready_timeout
        while True:
            try:
                return attempt()
            except NotOffered:
                if self.endpoint.descriptors_file:
                    raise
                if self._is_old:
                    self.describe_again()
                    continue
                if time.monotonic() >= deadline or self.starting is None or not self._starts(rpc, self.starting):
                    raise
            self.describe_again()
            time.sleep(READY_POLL_SECONDS)

    def _starts(self, rpc: str, starting: t.Callable[[str], bool]) -> bool:
        # The description that the node returned before may be outdated.
        self.describe_again()
        return starting(rpc)

    def _metadata(self) -> tuple[tuple[str, str], ...] | None:
        token = self.endpoint.token
        if self.endpoint.token_file:
            # Read at every call: tokens of Canton live five minutes and the file may be renewed meanwhile.
            try:
                with open(self.endpoint.token_file, encoding="utf-8") as handle:
                    token = handle.read().strip()
            except (OSError, UnicodeDecodeError) as exc:
                why = exc.strerror if isinstance(exc, OSError) else "it is not text"
                raise CantonError(
                    f"The token file {self.endpoint.token_file} cannot be read: {why}",
                    error_id="token_file_unreadable",
                    hint="Name a file that the user who runs the module can read.",
                ) from exc
        return (("authorization", f"Bearer {token}"),) if token else None

    def _reflect(self) -> Description:
        for version in ("v1", "v1alpha"):
            try:
                return self._reflect_with(f"grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
            except grpc.RpcError as exc:
                if exc.code() != grpc.StatusCode.UNIMPLEMENTED:
                    raise self._translate(exc, "reflection") from exc
        raise NoReflection(
            f"{self.endpoint.at_start()} does not offer gRPC reflection, which describes its API",
            hint="Check that the address is that of the API. If a proxy removes reflection, set api_descriptors to a descriptor set.",
        )

    def _reflect_with(self, rpc: str) -> Description:
        """One stream for all questions: the node answers each with one message, and what it answers leads to the next."""
        request, response = _reflection("Request"), _reflection("Response")
        questions: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        bound = _bind(self._channel.stream_stream, rpc, request, response)
        answers = bound(iter(questions.get, None), timeout=self.endpoint.timeout, metadata=self._metadata())

        def ask(wanted: t.Sequence[Message]) -> list[Message]:
            for question in wanted:
                questions.put(question)
            return [next(answers) for _question in wanted]

        try:
            described = self._described(ask, request)
            questions.put(None)
            # to its end: a node should not see a call that was broken off
            list(answers)
        except StopIteration as exc:
            raise CantonError(
                f"{self.endpoint.at_start()} ended its description before every question was answered",
                error_id="reflection_cut",
                hint="Run again. If a proxy stands before the node, set api_descriptors to a descriptor set.",
            ) from exc
        finally:
            questions.put(None)
            answers.cancel()
        return described

    def _described(self, ask: t.Callable[[t.Sequence[Message]], list[Message]], request: type[Message]) -> Description:
        listed = ask([request(list_services="*")])
        services = [item.name for answer in listed for item in answer.list_services_response.service]
        files: dict[str, tuple[bytes, list[str]]] = {}
        wanted = [request(file_containing_symbol=name) for name in services if not name.startswith("grpc.")]
        while wanted:
            for answer in ask(wanted):
                for raw in answer.file_descriptor_response.file_descriptor_proto:
                    name, dependencies = file_name_and_dependencies(raw)
                    files.setdefault(name, (raw, dependencies))
            unknown = {name for _raw, needed in files.values() for name in needed if name not in files}
            requested = {question.file_by_filename for question in wanted}
            wanted = [request(file_by_filename=name) for name in sorted(unknown - requested)]
        return Description(tuple(raw for raw, _needed in files.values()), tuple(services))

    def _translate(self, exc: t.Any, rpc: str) -> CantonError:
        return translate(exc.code(), exc.details() or "", dict(exc.trailing_metadata() or ()), rpc, self.endpoint)


def _bind(kind: t.Callable[..., t.Any], rpc: str, request: type[Message], response: type[Message]) -> t.Any:
    return kind("/" + rpc, request_serializer=request.SerializeToString, response_deserializer=response.FromString)


def _retrying(attempt: t.Callable[[], t.Any], patience: float, passing: type[CantonError]) -> t.Any:
    """Repeat what failed only for the moment, if it is of a kind that is ``passing``, with growing pauses.

    A busy node is waited for within ``patience`` seconds, one that cannot be reached for a few attempts.
    """
    deadline = time.monotonic() + patience
    number = 0
    while True:
        try:
            return attempt()
        except passing as exc:
            if not exc.retryable:
                raise
            pause = BACKOFF_SECONDS[min(number, len(BACKOFF_SECONDS) - 1)]
            if isinstance(exc, Busy):
                pause = max(pause, exc.retry_after)
                is_over = time.monotonic() + pause > deadline
            else:
                is_over = number >= len(BACKOFF_SECONDS)
            if is_over:
                exc.retryable = False  # the caller must not retry once more
                raise
            time.sleep(pause * random.uniform(0.8, 1.2))
        number += 1


def _open(endpoint: Endpoint) -> t.Any:
    options: list[tuple[str, t.Any]] = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.enable_http_proxy", 0),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 1000),
    ]
    if not endpoint.tls:
        return grpc.insecure_channel(endpoint.address, options=options)
    if endpoint.server_name:
        options.append(("grpc.ssl_target_name_override", endpoint.server_name))
    credentials = grpc.ssl_channel_credentials(
        root_certificates=_pem(endpoint.ca_cert, "ca_cert"),
        private_key=_pem(endpoint.client_key, "client_key"),
        certificate_chain=_pem(endpoint.client_cert, "client_cert"),
    )
    return grpc.secure_channel(endpoint.address, credentials, options=options)


def _pem(path: str | None, option: str) -> bytes | None:
    if not path:
        return None
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except OSError as exc:
        raise CantonError(
            f"The file {path} ({option}) cannot be read: {exc.strerror}",
            error_id="tls_file_unreadable",
            hint="Name a PEM file that the user who runs the module can read.",
        ) from exc
