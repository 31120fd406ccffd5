# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One gRPC connection to one API of one node. The only file that imports grpc.

It knows TLS, tokens, deadlines, retries, reflection and Canton's errors; it does not know any Canton service.
"""

from __future__ import annotations

import random
import socket
import ssl
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.ledgerops.canton.plugins.module_utils._api.descriptors import (
    PROTOBUF_IMPORT_ERROR,
    Descriptors,
    Message,
    declare,
    file_name_and_dependencies,
    missing,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, DependencyMissing

try:
    import grpc
except ImportError as exc:
    GRPC_IMPORT_ERROR: ImportError | None = exc
else:
    GRPC_IMPORT_ERROR = None

MAX_MESSAGE_BYTES = 128 * 1024 * 1024  # topology lists and DARs go far over grpc's 4 MiB (perf 2)
KEEPALIVE_MS = 40_000  # Canton closes connections that ping more often than every 20 s (admin-api-3 part E)
BACKOFF_SECONDS = (0.25, 0.5, 1.0, 2.0, 4.0)
READY_POLL_SECONDS = 0.5
REDACTED = "An error occurred. Please contact the operator"

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
_rpc = declare(
    "ledgerops.rpc.declared",
    {
        "Status": {"code": (1, "int32"), "message": (2, "string"), "details": (3, "*Any")},
        "Any": {"type_url": (1, "string"), "value": (2, "bytes")},
        "ErrorInfo": {"reason": (1, "string"), "domain": (2, "string"), "metadata": (3, "map")},
        "RequestInfo": {"request_id": (1, "string")},
    },
)


@dataclass(frozen=True)
class Endpoint:
    """Where one API is and how to speak to it. ``timeout`` and ``ready_timeout`` are seconds."""

    address: str
    label: str = "participant"
    tls: bool = False
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    server_name: str | None = None
    token: str | None = None
    token_file: str | None = None
    timeout: float = 60.0
    ready_timeout: float = 60.0
    descriptors_file: str | None = None

    def where(self) -> str:
        return f"the {self.label} at {self.address}"

    def at_start(self) -> str:
        """The same at the beginning of a sentence."""
        return f"The {self.label} at {self.address}"


def check_dependencies() -> None:
    """Raise DependencyMissing when grpcio or protobuf is not importable here."""
    if GRPC_IMPORT_ERROR is not None:
        raise DependencyMissing("grpcio", str(GRPC_IMPORT_ERROR))
    if PROTOBUF_IMPORT_ERROR is not None:
        raise DependencyMissing("protobuf", str(PROTOBUF_IMPORT_ERROR))


class Api:
    """Calls by full RPC name with plain dictionaries or messages, and messages back."""

    def __init__(self, endpoint: Endpoint) -> None:
        check_dependencies()
        self.endpoint = endpoint
        self._channel = _open(endpoint)
        self._descriptors: Descriptors | None = None

    def close(self) -> None:
        self._channel.close()

    # -- what the node offers -------------------------------------------------------------------------------------

    @property
    def descriptors(self) -> Descriptors:
        if self._descriptors is None:
            if self.endpoint.descriptors_file:
                self._descriptors = Descriptors.from_file(self.endpoint.descriptors_file, self.endpoint.at_start())
            else:
                self._descriptors = _retrying(self._reflect)
        return self._descriptors

    def has_rpc(self, rpc: str) -> bool:
        return self.descriptors.has_rpc(rpc)

    def has_field(self, message: str, field: str) -> bool:
        return self.descriptors.has_field(message, field)

    def message(self, name: str) -> type[Message]:
        return self.descriptors.message(name)

    # -- calls ----------------------------------------------------------------------------------------------------

    def read(self, rpc: str, deadline: float | None = None, **fields: t.Any) -> Message:
        """A unary call that changes nothing, or that is known to be safe to repeat: UNAVAILABLE is retried.

        ``deadline`` is for calls that wait for something: seconds, where the endpoint's own timeout would be too short.
        """
        return _retrying(lambda: self._when_ready(rpc, lambda: self._unary(rpc, fields, deadline)))

    repeatable = read

    def write(self, rpc: str, deadline: float | None = None, **fields: t.Any) -> Message:
        """A unary call that is sent once: when the answer is lost, the caller has to look at the node."""
        return self._when_ready(rpc, lambda: self._unary(rpc, fields, deadline))

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
        return answers

    def stream(self, rpc: str, **fields: t.Any) -> t.Iterator[Message]:
        """A server stream, without a deadline; it is cancelled when the caller stops reading."""
        request_class, start = self._when_ready(rpc, lambda: self._callable(self._channel.unary_stream, rpc))
        call = start(request_class(**fields), metadata=self._metadata())
        try:
            yield from call
        except grpc.RpcError as exc:
            raise self._translate(exc, rpc) from exc
        finally:
            call.cancel()

    def upload(self, rpc: str, requests: t.Iterable[dict[str, t.Any]]) -> Message:
        """A client stream, without a deadline.

        An error of ``requests`` aborts the call, never ends it: a clean end of a cut upload would be taken for a whole
        one (perf 4). The source's own error is what the caller gets.
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

    # -- inside ---------------------------------------------------------------------------------------------------

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
        """Wait out a node that is starting: it answers UNIMPLEMENTED for services that come up later (recordings)."""
        deadline = time.monotonic() + self.endpoint.ready_timeout
        while True:
            try:
                return attempt()
            except CantonError as exc:
                if exc.error_id != "not_offered" or self.endpoint.descriptors_file:
                    raise
                if time.monotonic() >= deadline or not self._is_starting(rpc):
                    raise
            self._descriptors = None
            time.sleep(READY_POLL_SECONDS)

    def _is_starting(self, rpc: str) -> bool:
        """Whether this node's status says that it is not ready. A node that waits for an operator is an error of its own."""
        status_rpc = "com.digitalasset.canton.admin.participant.v30.ParticipantStatusService/ParticipantStatus"
        if rpc == status_rpc:
            return False
        try:
            status = self._unary(status_rpc, {})
        except CantonError as exc:
            # Only the status service itself may be late; any other trouble is told as it is.
            if exc.error_id == "not_offered":
                return (
                    "com.digitalasset.canton" in " ".join(self.descriptors.services) and not self._serves_ledger_api()
                )
            raise
        if status.HasField("not_initialized"):
            waiting_for = status.not_initialized.waiting_for_external_input
            if waiting_for in (1, 2):
                raise CantonError(
                    f"{self.endpoint.at_start()} waits for its identity and serves only a part of its API",
                    error_id="not_initialized",
                    hint="Initialise it first (identity and node topology), then run this again.",
                )
            return True
        # An initialised node may still be bringing services up: give it time until its own list has the service.
        self._descriptors = None
        return rpc.partition("/")[0] not in self.descriptors.services

    def _serves_ledger_api(self) -> bool:
        return any(service.startswith("com.daml.ledger.api.") for service in self.descriptors.services)

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

    def _reflect(self) -> Descriptors:
        for version in ("v1", "v1alpha"):
            try:
                return self._reflect_with(f"grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
            except grpc.RpcError as exc:
                if exc.code() != grpc.StatusCode.UNIMPLEMENTED:
                    raise self._translate(exc, "reflection") from exc
        raise CantonError(
            f"{self.endpoint.at_start()} does not describe its API: gRPC reflection is not served there",
            error_id="no_reflection",
            hint="Check that the address is the one of the API; where a proxy strips reflection, give a descriptor set in api_descriptors.",
        )

    def _reflect_with(self, rpc: str) -> Descriptors:
        request, response = _reflection("Request"), _reflection("Response")
        call = _bind(self._channel.stream_stream, rpc, request, response)

        def ask(questions: t.Sequence[Message]) -> list[Message]:
            return list(call(iter(questions), timeout=self.endpoint.timeout, metadata=self._metadata()))

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
            asked = {question.file_by_filename for question in wanted}
            wanted = [request(file_by_filename=name) for name in sorted(unknown - asked)]
        return Descriptors([raw for raw, _needed in files.values()], services, self.endpoint.at_start())

    def _translate(self, exc: t.Any, rpc: str) -> CantonError:
        return translate(exc.code(), exc.details() or "", dict(exc.trailing_metadata() or ()), rpc, self.endpoint)


def _bind(kind: t.Callable[..., t.Any], rpc: str, request: type[Message], response: type[Message]) -> t.Any:
    return kind("/" + rpc, request_serializer=request.SerializeToString, response_deserializer=response.FromString)


def _retrying(attempt: t.Callable[[], t.Any]) -> t.Any:
    """Repeat what failed only because the node could not be reached, with growing pauses and a bound."""
    for pause in BACKOFF_SECONDS:
        try:
            return attempt()
        except CantonError as exc:
            if not exc.retryable:
                raise
            time.sleep(pause * random.uniform(0.8, 1.2))
    try:
        return attempt()
    except CantonError as exc:
        exc.retryable = False  # it was waited for: whoever called this must not wait again
        raise


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


# -- errors -----------------------------------------------------------------------------------------------------------


def translate(code: t.Any, text: str, trailers: dict[str, t.Any], rpc: str, endpoint: Endpoint) -> CantonError:
    """A gRPC status as one sentence that names the node, Canton's own error id and what to do (admin-api-3 part D)."""
    name = code.name if code is not None else "UNKNOWN"
    reason, metadata, request_id = _status_details(trailers.get("grpc-status-details-bin"))
    error_id = reason or _id_from_text(text)
    short_rpc = rpc.rpartition(".")[2]
    details: dict[str, object] = {"grpc_code": name, "rpc": rpc, "address": endpoint.address}
    trace = metadata.get("tid") or request_id
    if trace:
        details["trace_id"] = trace
    if name == "UNAVAILABLE" and not error_id:
        return _unreachable(text, endpoint, details)
    if name == "UNIMPLEMENTED" and not text.startswith(REDACTED):
        error = missing(endpoint.at_start(), "RPC " + rpc, rpc)
        error.details.update(details)
        return error
    if name == "UNAUTHENTICATED":
        return CantonError(
            f"{endpoint.at_start()} did not accept the credentials ({short_rpc})",
            "UNAUTHENTICATED",
            "Give a valid token (token or token_file); an expired one is refused in the same way, and a node takes no token "
            "that lives longer than its max-token-lifetime.",
            details=details,
        )
    if name == "PERMISSION_DENIED":
        return CantonError(
            f"{endpoint.at_start()} denies {short_rpc} to this token",
            "PERMISSION_DENIED",
            "Use a token with admin rights on this API.",
            details=details,
        )
    if text.startswith(REDACTED):
        return CantonError(
            f"{endpoint.at_start()} refused {short_rpc} ({name}) and keeps the reason to itself",
            error_id or "redacted",
            _where_to_look(text, trace),
            details=details,
        )
    if name == "DEADLINE_EXCEEDED":
        return CantonError(
            f"{endpoint.at_start()} did not answer {short_rpc} within {endpoint.timeout:g} s",
            error_id or name,
            "Raise timeout, or look whether the node is overloaded. The call may still have taken effect: running again is safe.",
            details=details,
        )
    cause = _cause(text, error_id)
    if metadata.get("reason") and metadata["reason"] not in cause:
        cause = f"{cause} ({metadata['reason']})"
    retryable = name == "UNAVAILABLE"
    if trace:
        cause = f"{cause}, trace id {trace}"
    return CantonError(
        f"{endpoint.at_start()} refused {short_rpc}: {cause}", error_id or name, retryable=retryable, details=details
    )


def _status_details(raw: bytes | None) -> tuple[str, dict[str, str], str]:
    reason, metadata, request_id = "", {}, ""
    if raw:
        for item in _rpc("Status").FromString(raw).details:
            kind = item.type_url.rpartition("/")[2]
            if kind == "google.rpc.ErrorInfo":
                info = _rpc("ErrorInfo").FromString(item.value)
                reason, metadata = info.reason, dict(info.metadata)
            elif kind == "google.rpc.RequestInfo":
                request_id = _rpc("RequestInfo").FromString(item.value).request_id
    return reason, metadata, request_id


def _id_from_text(text: str) -> str:
    head = text.partition("(")[0]
    return head if head and head == head.upper() and "_" in head and " " not in head else ""


def _cause(text: str, error_id: str) -> str:
    """The text after ``ERROR_ID(category,trace): ``; texts may name parties and contracts by id, never payloads."""
    head, separator, rest = text.partition("): ")
    return rest if separator and error_id and head.startswith(error_id + "(") else text


def _where_to_look(text: str, trace: str) -> str:
    tid = trace or text.partition(" with tid ")[2].strip().rstrip(".")
    if tid and tid != "<no-tid>":
        return f"Search the node's log for the trace id {tid}: the reason stands there."
    return "Search the node's log at this moment for this RPC: it gave no trace id; the reason stands only there."


def _unreachable(text: str, endpoint: Endpoint, details: dict[str, object]) -> CantonError:
    found, remedy, passing = _diagnose(endpoint)
    return CantonError(
        f"Cannot speak to {endpoint.where()}: {found or text}",
        "unreachable",
        remedy,
        retryable=passing,
        details=details,
    )


Diagnosis = tuple[str, str, bool]  # what was found, what to do, whether it may pass by itself
LOOK_AT_THE_LOG: Diagnosis = ("", "The port is open; look at the node's log, and run again.", True)


def _diagnose(endpoint: Endpoint) -> Diagnosis:
    """Look at the port with plain sockets: gRPC itself only says that it could not connect."""
    host, _colon, port = endpoint.address.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdigit():
        return "the address is not host:port", "Write the endpoint as host:port, for example 10.0.0.5:5012.", False
    try:
        with socket.create_connection((host, int(port)), timeout=3) as plain:
            return _diagnose_tls(plain, host, endpoint) if endpoint.tls else _diagnose_plain(plain)
    except socket.gaierror:
        return (
            f"the host name {host} is not known",
            "Check the name and the resolver on the host that runs the module.",
            False,
        )
    except ConnectionRefusedError:
        return (
            "nothing listens on this port",
            "Check host and port (admin API and ledger API have a port each), and that the node is running.",
            True,
        )
    except socket.timeout:
        return "the connection attempt timed out", "Check host, port and firewalls between here and the node.", True
    except OSError as exc:
        return (
            f"the connection failed ({exc.strerror or exc})",
            "Check host, port and network between here and the node.",
            True,
        )


def _diagnose_tls(plain: socket.socket, host: str, endpoint: Endpoint) -> Diagnosis:
    try:
        context = ssl.create_default_context(cafile=endpoint.ca_cert)
        context.set_alpn_protocols(["h2"])  # without it a gRPC server hangs up
        if endpoint.client_cert and endpoint.client_key:
            context.load_cert_chain(endpoint.client_cert, endpoint.client_key)
        with context.wrap_socket(plain, server_hostname=endpoint.server_name or host) as secure:
            return _diagnose_after_handshake(secure)
    except ssl.SSLCertVerificationError as exc:
        return (
            f"its certificate is not trusted ({exc.verify_message})",
            "Give the CA that signed the node's certificate in ca_cert, and connect by a name that the certificate holds (or set server_name).",
            False,
        )
    except ssl.SSLError as exc:
        if (exc.reason or "").upper() in (
            "WRONG_VERSION_NUMBER",
            "RECORD_LAYER_FAILURE",
            "HTTP_REQUEST",
            "PACKET_LENGTH_TOO_LONG",
        ):
            return (
                "it does not speak TLS",
                "Set tls to false for this endpoint, or connect to the port that has TLS.",
                False,
            )
        return f"the TLS handshake failed ({exc.reason or exc})", "Check ca_cert, client_cert and client_key.", False
    except socket.timeout:
        return (
            "it does not answer a TLS handshake",
            "Set tls to false for this endpoint, or connect to the port that has TLS.",
            False,
        )
    except ConnectionResetError:
        return (
            "it does not speak TLS, or dropped the handshake",
            "Set tls to false, or check client_cert and client_key.",
            False,
        )
    except OSError as exc:
        return (
            f"the TLS files cannot be used ({exc.strerror or exc})",
            "Check ca_cert, client_cert and client_key.",
            False,
        )


def _diagnose_after_handshake(secure: ssl.SSLSocket) -> Diagnosis:
    """With TLS 1.3 a node that wants a client certificate says so only after the handshake, or just hangs up."""
    found, remedy = (
        "it wants a client certificate that it trusts",
        "Give client_cert and client_key (the node uses mutual TLS).",
    )
    secure.settimeout(1)
    try:
        greeting = secure.recv(1)
    except ssl.SSLError as exc:
        return (found, remedy, False) if "CERTIFICATE" in (exc.reason or "").upper() else LOOK_AT_THE_LOG
    except ConnectionResetError:
        greeting = b""
    except OSError:
        return LOOK_AT_THE_LOG
    # A node that is stopping hangs up as well: that passes, so it is tried again.
    return LOOK_AT_THE_LOG if greeting else (found, remedy, True)


def _diagnose_plain(plain: socket.socket) -> Diagnosis:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with context.wrap_socket(plain):
            pass
    except ssl.SSLError as exc:
        if "CERTIFICATE" not in (exc.reason or "").upper():
            return LOOK_AT_THE_LOG
    except OSError:
        return LOOK_AT_THE_LOG
    return (
        "it speaks TLS and was addressed in plaintext",
        "Set tls to true, with ca_cert when its CA is not a public one.",
        False,
    )
