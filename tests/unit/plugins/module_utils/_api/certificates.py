# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two authorities, a server's certificate for localhost and a client's, made anew in every run."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Signer = tuple[x509.Name, ec.EllipticCurvePrivateKey]


class Certificates:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        authority = self._make("ca", None)
        self._make("other-ca", None)
        self._make("server", authority)
        self._make("client", authority)

    def path(self, name: str) -> str:
        return str(self._folder / name)

    def server(self, mutual: bool = False) -> grpc.ServerCredentials:
        pair = (self._read("server.key"), self._read("server.pem"))
        return grpc.ssl_server_credentials([pair], self._read("ca.pem") if mutual else None, mutual)

    def _read(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()

    def _make(self, name: str, issuer: Signer | None) -> Signer:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer_name, issuer_key = issuer or (subject, key)
        now = datetime.now(UTC)
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.DNSName("node.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )
        certificate = (
            x509.CertificateBuilder(issuer_name, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .add_extension(names, critical=False)
            .sign(issuer_key, hashes.SHA256())
        )
        (self._folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (self._folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return subject, key
