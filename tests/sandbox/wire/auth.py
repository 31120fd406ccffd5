# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS and tokens (docs/canton/connections.md#tls-and-tokens)."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sandbox.wire.errors import CantonError

# Reachable without a token on a real node too.
_OPEN_SERVICES = ("grpc.health.v1.Health", "grpc.reflection.")


def check_token(expected: str | None, expired: bool, service: str, metadata: dict[str, str]) -> None:
    """Raises the redacted UNAUTHENTICATED or PERMISSION_DENIED unless the call carries the right bearer token."""
    if not expected or service.startswith(_OPEN_SERVICES):
        return
    header = metadata.get("authorization", "")
    if not header.startswith("Bearer "):
        raise CantonError("UNAUTHENTICATED", "The command is missing a (valid) token")
    if header.removeprefix("Bearer ") != expected:
        raise CantonError("PERMISSION_DENIED", "The token does not give this right")
    if expired:
        raise CantonError("UNAUTHENTICATED", "The token has expired")


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issued_by, signing_key = issuer or (subject, key)
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issued_by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
    )
    return builder.sign(signing_key, hashes.SHA256())


def _write(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)


def make_certificates(directory: Path) -> None:
    """A certificate authority with a server and a client certificate: ca.pem, server.pem, server.key, client.…"""
    directory.mkdir(parents=True, exist_ok=True)
    if (directory / "client.key").exists():
        return
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("sandbox CA", ca_key, None)
    _write(directory / "ca.pem", ca.public_bytes(serialization.Encoding.PEM))
    for name in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(f"sandbox {name}", key, (ca.subject, ca_key))
        _write(directory / f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM))
        _write(directory / f"{name}.key", _key_pem(key))


def server_credentials(directory: Path, mutual: bool) -> Any:
    """gRPC server credentials; ``mutual`` demands a client certificate of the same authority."""
    return grpc.ssl_server_credentials(
        [((directory / "server.key").read_bytes(), (directory / "server.pem").read_bytes())],
        root_certificates=(directory / "ca.pem").read_bytes() if mutual else None,
        require_client_auth=mutual,
    )
