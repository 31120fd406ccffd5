# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a refusal becomes (Canton's own id, the cause, a trace id), and what stands between client and node, each with a remedy."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from unit.plugins.module_utils._api.certificates import Certificates
from unit.plugins.module_utils._api.server import SAY, Node, error_info, request_info, rich_error, serve
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._api import channel, failures
from ansible_collections.ledgerops.canton.plugins.module_utils._api.channel import Api
from ansible_collections.ledgerops.canton.plugins.module_utils._api.endpoint import Endpoint
from ansible_collections.ledgerops.canton.plugins.module_utils._api.failures import ANSWERS
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import (
    CantonError,
    MessageTooLarge,
    NotAuthenticated,
    NotOffered,
    NotPermitted,
    Redacted,
    Unreachable,
)

REDACTED = "An error occurred. Please contact the operator and inquire about the request <no-correlation-id> with tid "
Code = grpc.StatusCode


@pytest.mark.parametrize("error_id", sorted(ANSWERS))
def test_answers_that_code_distinguishes(node: Node, error_id: str) -> None:
    error = answer(node, Code.FAILED_PRECONDITION, f"{error_id}(9,0a1b): no", error_info(error_id))
    assert (type(error), error.error_id) == (ANSWERS[error_id], error_id)


def answer(node: Node, code: grpc.StatusCode, text: str, *details: Any, **options: Any) -> CantonError:
    def refuse(_word: Any, context: grpc.ServicerContext) -> None:
        if details:
            context.set_trailing_metadata(rich_error(code, text, *details))
        context.abort(code, text)

    node.behaviours[SAY] = refuse
    return refused(lambda: node.api(**options).write(SAY))


@pytest.mark.parametrize(
    ("code", "text", "details", "error_id", "cause"),
    [
        (Code.NOT_FOUND, "PARTY_NOT_FOUND(11,0a1b): no such party", (), "PARTY_NOT_FOUND", "Say: no such party"),
        (
            Code.INVALID_ARGUMENT,
            "BAD(8,0a1b): wrong",
            (error_info("REAL_ID", reason="too long"),),
            "REAL_ID",
            "BAD(8,0a1b): wrong (too long)",
        ),
        (Code.INVALID_ARGUMENT, "BAD(8,0): wrong", (error_info("BAD", reason="wrong"),), "BAD", "Say: wrong"),
        (Code.INTERNAL, "Existing public key differs", (), "INTERNAL", "Say: Existing public key differs"),
        (Code.FAILED_PRECONDITION, "NOTE: not an id(1)", (), "FAILED_PRECONDITION", "NOTE: not an id(1)"),
    ],
)
def test_cause_and_id(
    node: Node, code: grpc.StatusCode, text: str, details: tuple[Any, ...], error_id: str, cause: str
) -> None:
    error = answer(node, code, text, *details)
    assert error.error_id == error_id
    assert error.message.startswith(f"The participant at {node.address} refused Demo/Say: ") and cause in error.message
    assert error.details == {"grpc_code": code.name, "rpc": SAY, "address": node.address}


@pytest.mark.parametrize(
    ("details", "trace"),
    [
        ((error_info("BAD", tid="0a1b"),), "0a1b"),
        ((error_info("BAD"), request_info("req-7")), "req-7"),
        ((error_info("BAD", tid="0a1b"), request_info("req-7")), "0a1b"),
    ],
)
def test_trace_id(node: Node, details: tuple[Any, ...], trace: str) -> None:
    error = answer(node, Code.ABORTED, "BAD(2,0): busy", *details)
    assert error.details["trace_id"] == trace and f"trace id {trace}" in error.message


@pytest.mark.parametrize(
    ("tid", "details", "hint"),
    [
        ("<no-tid>", (), "returned no trace id"),
        ("0a1b2c", (), "trace id 0a1b2c"),
        ("<no-tid>", (request_info("req-7"),), "trace id req-7"),
    ],
)
@pytest.mark.parametrize("code", [Code.INVALID_ARGUMENT, Code.INTERNAL, Code.UNIMPLEMENTED])
def test_redacted(node: Node, code: grpc.StatusCode, tid: str, details: tuple[Any, ...], hint: str) -> None:
    error = answer(node, code, REDACTED + tid, *details)
    assert error.error_id == "redacted" and isinstance(error, Redacted)
    assert f"refused Demo/Say ({code.name}) and returned a redacted error" in error.message
    assert hint in error.hint and "log" in error.hint


@pytest.mark.parametrize(
    ("code", "kind", "message", "hint"),
    [
        (Code.UNAUTHENTICATED, NotAuthenticated, "did not accept the credentials", "token"),
        (Code.PERMISSION_DENIED, NotPermitted, "denies Demo/Say to this token", "admin rights"),
    ],
)
@pytest.mark.parametrize("text", ["no", REDACTED + "<no-tid>"])
def test_credentials(
    node: Node, code: grpc.StatusCode, kind: type[CantonError], message: str, hint: str, text: str
) -> None:
    error = answer(node, code, text, token="very-secret")
    assert (type(error), error.error_id) == (kind, code.name) and message in error.message and hint in error.hint
    assert "very-secret" not in str(error) + repr(error.details)


def test_unimplemented_by_a_node_that_describes_it(node: Node) -> None:
    error = answer(node, Code.UNIMPLEMENTED, "Method not found: " + SAY)
    assert (
        isinstance(error, NotOffered)
        and error.error_id == "not_offered"
        and error.details["grpc_code"] == "UNIMPLEMENTED"
    )
    assert "admin API or ledger API" in error.hint


def slow(word: Any, _context: grpc.ServicerContext) -> Any:
    time.sleep(0.3)
    return word


def test_message_above_the_limit(node: Node) -> None:
    error = answer(node, Code.RESOURCE_EXHAUSTED, "gRPC message exceeds maximum size 10485760: 12582912")
    assert isinstance(error, MessageTooLarge) and "12582912" in error.message
    assert "max-inbound-message-size" in error.hint and not error.retryable


def test_deadline(node: Node) -> None:
    node.api().read(SAY)
    node.behaviours[SAY] = slow
    error = refused(lambda: node.api(timeout=0.1).write(SAY))
    assert error.error_id == "DEADLINE_EXCEEDED"
    assert "within 0.1 s" in error.message and "running again is safe" in error.hint


def test_a_deadline_of_its_own_outlasts_the_timeout(node: Node) -> None:
    node.behaviours[SAY] = slow
    assert node.api(timeout=0.1).write(SAY, deadline=5.0, text="slow").text == "slow"


def test_names_and_addresses_keep_their_capitals() -> None:
    error = refused(lambda: Api(Endpoint("Node.Example", "source's ledger API", ready_timeout=0.0)).read(SAY))
    assert (
        isinstance(error, Unreachable)
        and error.error_id == "unreachable"
        and "the source's ledger API at Node.Example" in error.message
    )


Serve = Callable[[grpc.ServerCredentials], Node]


@pytest.fixture
def secure() -> Iterator[Serve]:
    servers = []

    def start(credentials: grpc.ServerCredentials) -> Node:
        found = Node()
        servers.append(serve(found, credentials))
        return found

    yield start
    for server in servers:
        server.stop(None).wait()


@pytest.fixture
def tls_node(secure: Serve, certificates: Certificates) -> Node:
    return secure(certificates.server())


@pytest.fixture
def mutual_node(secure: Serve, certificates: Certificates) -> Node:
    return secure(certificates.server(mutual=True))


def unreachable(api: Api) -> CantonError:
    error = refused(lambda: api.read(SAY))
    assert error.error_id == "unreachable"
    return error


def test_tls(tls_node: Node, certificates: Certificates) -> None:
    api = tls_node.api(tls=True, ca_cert=certificates.path("ca.pem"))
    assert api.read(SAY, text="hello").text == "hello"


def test_tls_with_the_name_in_the_certificate(tls_node: Node, certificates: Certificates) -> None:
    options: dict[str, Any] = {"tls": True, "ca_cert": certificates.path("ca.pem")}
    assert tls_node.api(**options, server_name="node.example").read(SAY, text="hello").text == "hello"
    error = unreachable(tls_node.api(**options, server_name="elsewhere.example"))
    assert "certificate is not trusted" in error.message and "server_name" in error.hint
    assert not error.retryable


@pytest.mark.parametrize("mutual", [False, True])
def test_plaintext_to_tls(secure: Serve, certificates: Certificates, mutual: bool) -> None:
    error = unreachable(secure(certificates.server(mutual)).api())
    assert "it uses TLS, and tls is false" in error.message and "tls to true" in error.hint


def test_tls_to_plaintext(node: Node, certificates: Certificates) -> None:
    error = unreachable(node.api(tls=True, ca_cert=certificates.path("ca.pem")))
    assert "does not use TLS" in error.message and "tls to false" in error.hint


def test_another_authority(tls_node: Node, certificates: Certificates) -> None:
    error = unreachable(tls_node.api(tls=True, ca_cert=certificates.path("other-ca.pem")))
    assert "certificate is not trusted" in error.message and "ca_cert" in error.hint


def test_mutual_tls(mutual_node: Node, certificates: Certificates) -> None:
    api = mutual_node.api(
        tls=True,
        ca_cert=certificates.path("ca.pem"),
        client_cert=certificates.path("client.pem"),
        client_key=certificates.path("client.key"),
    )
    assert api.read(SAY, text="hello").text == "hello"


def test_missing_client_certificate(mutual_node: Node, certificates: Certificates) -> None:
    error = unreachable(mutual_node.api(tls=True, ca_cert=certificates.path("ca.pem")))
    assert "requires a client certificate" in error.message and "client_cert and client_key" in error.hint


def test_client_certificate_of_another_authority(mutual_node: Node, certificates: Certificates) -> None:
    api = mutual_node.api(
        tls=True,
        ca_cert=certificates.path("ca.pem"),
        client_cert=certificates.path("other-ca.pem"),
        client_key=certificates.path("other-ca.key"),
    )
    assert "client_cert and client_key" in unreachable(api).hint


@pytest.mark.parametrize("option", ["ca_cert", "client_cert", "client_key"])
def test_tls_file_that_is_not_there(certificates: Certificates, option: str) -> None:
    files = {"ca_cert": "ca.pem", "client_cert": "client.pem", "client_key": "client.key", option: "nothing"}
    options: dict[str, Any] = {name: certificates.path(file) for name, file in files.items()}
    error = refused(lambda: Api(Endpoint("127.0.0.1:1", tls=True, **options)))
    assert error.error_id == "tls_file_unreadable"
    assert f"nothing ({option})" in error.message


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_wrong_port() -> None:
    error = unreachable(Api(Endpoint(f"127.0.0.1:{free_port()}")))
    assert "nothing listens on this port" in error.message and "admin API and ledger API" in error.hint


def test_unreachable_node_is_tried_a_bounded_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def diagnose(_endpoint: Endpoint) -> failures.Diagnosis:
        looks.append(1)
        return "nothing", "", True

    monkeypatch.setattr(failures, "_diagnose", diagnose)
    unreachable(Api(Endpoint(f"127.0.0.1:{free_port()}")))
    assert len(looks) == len(channel.BACKOFF_SECONDS) + 1


def test_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: Any, **_options: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", unknown)
    error = unreachable(Api(Endpoint("no-such-node.invalid:5012")))
    assert "no-such-node.invalid cannot be resolved" in error.message and "resolver" in error.hint
    assert not error.retryable


@pytest.mark.parametrize("address", ["node.example", "127.0.0.1:port", ":5012"])
def test_address_without_host_and_port(address: str) -> None:
    error = unreachable(Api(Endpoint(address)))
    assert "not host:port" in error.message and "10.0.0.5:5012" in error.hint
