# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands between the client and the node: names, ports, TLS and certificates, each with its own remedy."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from unit.plugins.module_utils._api.certificates import Certificates
from unit.plugins.module_utils._api.server import SAY, Node, serve

from ansible_collections.ledgerops.canton.plugins.module_utils._api import channel, failures
from ansible_collections.ledgerops.canton.plugins.module_utils._api.channel import Api
from ansible_collections.ledgerops.canton.plugins.module_utils._api.endpoint import Endpoint
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError

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
    with pytest.raises(CantonError) as caught:
        api.read(SAY)
    assert caught.value.error_id == "unreachable"
    return caught.value


def test_tls(tls_node: Node, certificates: Certificates) -> None:
    api = tls_node.api(tls=True, ca_cert=certificates.path("ca.pem"))
    assert api.read(SAY, text="hello").text == "hello"


def test_tls_with_the_name_in_the_certificate(tls_node: Node, certificates: Certificates) -> None:
    options: dict[str, Any] = {"tls": True, "ca_cert": certificates.path("ca.pem")}
    assert tls_node.api(**options, server_name="node.example").read(SAY, text="hello").text == "hello"
    error = unreachable(tls_node.api(**options, server_name="elsewhere.example"))
    assert "certificate is not trusted" in error.message and "server_name" in error.hint
    assert not error.retryable


def test_plaintext_to_tls(tls_node: Node) -> None:
    error = unreachable(tls_node.api())
    assert "it speaks TLS and was addressed in plaintext" in error.message and "tls to true" in error.hint


def test_plaintext_to_mutual_tls(mutual_node: Node) -> None:
    error = unreachable(mutual_node.api())
    assert "it speaks TLS and was addressed in plaintext" in error.message and "tls to true" in error.hint


def test_tls_to_plaintext(node: Node, certificates: Certificates) -> None:
    error = unreachable(node.api(tls=True, ca_cert=certificates.path("ca.pem")))
    assert "does not speak TLS" in error.message and "tls to false" in error.hint


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
    assert "wants a client certificate" in error.message and "client_cert and client_key" in error.hint


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
    options = {name: certificates.path(file) for name, file in files.items()}
    with pytest.raises(CantonError) as caught:
        Api(Endpoint("127.0.0.1:1", tls=True, **options))  # type: ignore[arg-type]
    assert caught.value.error_id == "tls_file_unreadable"
    assert f"nothing ({option})" in caught.value.message


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
    assert "no-such-node.invalid is not known" in error.message and "resolver" in error.hint
    assert not error.retryable


@pytest.mark.parametrize("address", ["node.example", "127.0.0.1:port", ":5012"])
def test_address_without_host_and_port(address: str) -> None:
    error = unreachable(Api(Endpoint(address)))
    assert "not host:port" in error.message and "10.0.0.5:5012" in error.hint
