# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A failed call as an error: from Canton's status, or from a diagnosis of a failed connection."""

from __future__ import annotations

import socket
import ssl
import typing as t
from dataclasses import dataclass, field

from .._errors import (
    Busy,
    CantonError,
    EventsUnknown,
    MappingExists,
    MappingGone,
    MessageTooLarge,
    NotAuthenticated,
    NotPermitted,
    OnboardingUnknown,
    PartiesUnknown,
    PartyHasContracts,
    Redacted,
    SerialMismatch,
    SigningRefused,
    StoreNotEncrypted,
    TransactionExists,
    Unreachable,
)
from .descriptors import declare, missing
from .endpoint import Endpoint

# Canton's categories of refusals that pass (docs/canton/errors.md#refusals-that-pass)
PASSING_CATEGORIES = ("1", "2")
BUSY_CODES = ("ABORTED", "RESOURCE_EXHAUSTED")
BUSY_HINT = "It was waited for within timeout. Reduce the load of the node, or raise timeout, and run again."
TOO_LARGE_HINT = "If the message is above its limit, raise max-inbound-message-size of this API in the node's configuration, and restart it."
REDACTED = "An error occurred. Please contact the operator"

# The error ids of nodes that code distinguishes; Canton 2 has other ids for some (docs/canton/canton-2.md#answers-that-mean-done).
ANSWERS: dict[str, type[CantonError]] = {
    Redacted.ID: Redacted,
    "TOPOLOGY_MAPPING_ALREADY_EXISTS": MappingExists,
    "TOPOLOGY_NO_CORRESPONDING_ACTIVE_TX_TO_REVOKE": MappingGone,
    "NO_CORRESPONDING_ACTIVE_TX_TO_REVOKE": MappingGone,
    "TOPOLOGY_SERIAL_MISMATCH": SerialMismatch,
    "DUPLICATE_TOPOLOGY_TRANSACTION": TransactionExists,
    "TOPOLOGY_UNAUTHORIZED_TRANSACTION": SigningRefused,
    "TOPOLOGY_NO_APPROPRIATE_SIGNING_KEY_IN_STORE": SigningRefused,
    "NO_APPROPRIATE_SIGNING_KEY_IN_STORE": SigningRefused,
    "TOPOLOGY_DISABLE_PARTY_WITH_ACTIVE_CONTRACTS": PartyHasContracts,
    "DISABLE_PARTY_WITH_ACTIVE_CONTRACTS_REQUIRES_FORCE": PartyHasContracts,
    "CONTRACT_EVENTS_NOT_FOUND": EventsUnknown,
    "PARTIES_NOT_KNOWN_ON_LEDGER": PartiesUnknown,
    "PARTY_ONBOARDING_CLEARANCE_MISSING_MAPPING": OnboardingUnknown,
    "NO_ENCRYPTED_PRIVATE_KEY_STORE_ERROR": StoreNotEncrypted,
}

_rpc = declare(
    "ledgerops.rpc.declared",
    {
        "Status": {"code": (1, "int32"), "message": (2, "string"), "details": (3, "*Any")},
        "Any": {"type_url": (1, "string"), "value": (2, "bytes")},
        "ErrorInfo": {"reason": (1, "string"), "domain": (2, "string"), "metadata": (3, "map")},
        "RequestInfo": {"request_id": (1, "string")},
        "RetryInfo": {"retry_delay": (1, "Duration")},
        "Duration": {"seconds": (1, "int64"), "nanos": (2, "int32")},
    },
)


def answer_error(message: str, error_id: str, hint: str = "", **more: t.Any) -> CantonError:
    """The error of the class that fits a node's error id."""
    return ANSWERS.get(error_id, CantonError)(message, error_id, hint, **more)


def translate(code: t.Any, text: str, trailers: dict[str, t.Any], rpc: str, endpoint: Endpoint) -> CantonError:
    """A gRPC status as one sentence that names the node, Canton's own error id and what to do (docs/canton/errors.md#form-of-an-error)."""
    name = code.name if code is not None else "UNKNOWN"
    status = _status_details(trailers.get("grpc-status-details-bin"))
    metadata = status.metadata
    error_id = status.reason or _id_from_text(text)
    short_rpc = rpc.rpartition(".")[2]
    details: dict[str, object] = {"grpc_code": name, "rpc": rpc, "address": endpoint.address}
    trace = metadata.get("tid") or status.request_id
    if trace:
        details["trace_id"] = trace
    if name == "UNAVAILABLE" and not error_id:
        return _unreachable(text, endpoint, details)
    if name == "UNIMPLEMENTED" and not text.startswith(REDACTED):
        error = missing(endpoint.at_start(), "RPC " + rpc, rpc)
        error.details.update(details)
        return error
    if name == "UNAUTHENTICATED":
        return NotAuthenticated(
            f"{endpoint.at_start()} did not accept the credentials ({short_rpc})",
            hint="Set a valid token (token or token_file). A node also refuses an expired token, and one "
            "that lives longer than its max-token-lifetime.",
            details=details,
        )
    if name == "PERMISSION_DENIED":
        return NotPermitted(
            f"{endpoint.at_start()} denies {short_rpc} to this token",
            hint="Use a token with admin rights on this API.",
            details=details,
        )
    if text.startswith(REDACTED):
        return answer_error(
            f"{endpoint.at_start()} refused {short_rpc} ({name}) and returned a redacted error",
            error_id or Redacted.ID,
            _where_to_look(text, trace),
            details=details,
        )
    if name == "DEADLINE_EXCEEDED":
        return CantonError(
            f"{endpoint.at_start()} did not answer {short_rpc} within {endpoint.timeout:g} s",
            error_id or name,
            "Raise timeout, or check whether the node is overloaded. The call may still have taken effect: running again is safe.",
            details=details,
        )
    cause = _cause(text, error_id)
    if metadata.get("reason") and metadata["reason"] not in cause:
        cause = f"{cause} ({metadata['reason']})"
    if trace:
        cause = f"{cause}, trace id {trace}"
    message = f"{endpoint.at_start()} refused {short_rpc}: {cause}"
    passing = status.retry_after is not None or metadata.get("category") in PASSING_CATEGORIES
    if passing and name in BUSY_CODES:
        busy = Busy(message, error_id or name, BUSY_HINT, retryable=True, details=details)
        busy.retry_after = status.retry_after or 0.0
        return busy
    if name == "RESOURCE_EXHAUSTED" and not error_id:
        # docs/canton/errors.md#messages-above-the-limit
        return MessageTooLarge(message, hint=TOO_LARGE_HINT, details=details)
    return answer_error(message, error_id or name, retryable=passing or name == "UNAVAILABLE", details=details)


@dataclass
class StatusDetails:
    """What Canton adds to a gRPC status (docs/canton/errors.md#form-of-an-error). ``retry_after``: seconds; None: not retryable by its word."""

    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    request_id: str = ""
    retry_after: float | None = None


def _status_details(raw: bytes | None) -> StatusDetails:
    found = StatusDetails()
    if raw:
        for item in _rpc("Status").FromString(raw).details:
            kind = item.type_url.rpartition("/")[2]
            if kind == "google.rpc.ErrorInfo":
                info = _rpc("ErrorInfo").FromString(item.value)
                found.reason, found.metadata = info.reason, dict(info.metadata)
            elif kind == "google.rpc.RequestInfo":
                found.request_id = _rpc("RequestInfo").FromString(item.value).request_id
            elif kind == "google.rpc.RetryInfo":
                delay = _rpc("RetryInfo").FromString(item.value).retry_delay
                found.retry_after = delay.seconds + delay.nanos / 1e9
    return found


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
        return f"Search the node's log for the trace id {tid}: it has the reason."
    return "Search the node's log for this RPC at the time of this call: only the log has the reason, and the node returned no trace id."


def _unreachable(text: str, endpoint: Endpoint, details: dict[str, object]) -> CantonError:
    found, remedy, passing = _diagnose(endpoint)
    return Unreachable(
        f"Cannot connect to {endpoint.where()}: {found or text}", hint=remedy, retryable=passing, details=details
    )


Diagnosis = tuple[str, str, bool]  # the cause, what to do, whether a retry may succeed
CHECK_THE_LOG: Diagnosis = ("", "The port is open. Check the node's log, then run again.", True)


def _diagnose(endpoint: Endpoint) -> Diagnosis:
    """Test the port with plain sockets, since gRPC only reports that it could not connect."""
    host, _colon, port = endpoint.address.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdigit():
        return "the address is not host:port", "Write the endpoint as host:port, for example 10.0.0.5:5012.", False
    try:
        with socket.create_connection((host, int(port)), timeout=3) as plain:
            return _diagnose_tls(plain, host, endpoint) if endpoint.tls else _diagnose_plain(plain)
    except socket.gaierror:
        return (
            f"the host name {host} cannot be resolved",
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
        context.set_alpn_protocols(["h2"])  # without it a gRPC server closes the connection
        if endpoint.client_cert and endpoint.client_key:
            context.load_cert_chain(endpoint.client_cert, endpoint.client_key)
        with context.wrap_socket(plain, server_hostname=endpoint.server_name or host) as secure:
            return _diagnose_after_handshake(secure)
    except ssl.SSLCertVerificationError as exc:
        return (
            f"its certificate is not trusted ({exc.verify_message})",
            "Set ca_cert to the CA of the node's certificate, and connect by a name that the certificate contains (or set server_name).",
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
                "it does not use TLS",
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
            "it does not use TLS, or dropped the handshake",
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
    """With TLS 1.3 a node that requires a client certificate reports it only after the handshake, or closes the connection."""
    found, remedy = (
        "it requires a client certificate that it trusts",
        "Set client_cert and client_key (the node uses mutual TLS).",
    )
    secure.settimeout(1)
    try:
        greeting = secure.recv(1)
    except ssl.SSLError as exc:
        return (found, remedy, False) if "CERTIFICATE" in (exc.reason or "").upper() else CHECK_THE_LOG
    except ConnectionResetError:
        greeting = b""
    except OSError:
        return CHECK_THE_LOG
    # A node that is stopping closes the connection as well, so a retry may succeed.
    return CHECK_THE_LOG if greeting else (found, remedy, True)


def _diagnose_plain(plain: socket.socket) -> Diagnosis:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with context.wrap_socket(plain):
            pass
    except ssl.SSLError as exc:
        if "CERTIFICATE" not in (exc.reason or "").upper():
            return CHECK_THE_LOG
    except OSError:
        return CHECK_THE_LOG
    return (
        "it uses TLS, and tls is false",
        "Set tls to true, and ca_cert unless a public CA signed its certificate.",
        False,
    )
