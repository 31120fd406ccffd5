# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is computed with a private key before it is sent to a KMS: its public key, and its wrapping.

No error here carries the private key, nor an exception of a library that might.
"""

from __future__ import annotations

import os
import resource
import typing as t

from .._errors import CantonError, DependencyMissing

try:
    from cryptography.hazmat.primitives import hashes, keywrap, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
except ImportError as exc:
    CRYPTOGRAPHY_IMPORT_ERROR: ImportError | None = exc
else:
    CRYPTOGRAPHY_IMPORT_ERROR = None

_AES_KEY_BYTES = 32
_CURVES = {"secp256r1": "ec_p256", "secp384r1": "ec_p384", "secp256k1": "ec_secp256k1"}


def check_dependencies() -> None:
    """Raise DependencyMissing when cryptography is not importable here."""
    if CRYPTOGRAPHY_IMPORT_ERROR is not None:
        raise DependencyMissing("cryptography", str(CRYPTOGRAPHY_IMPORT_ERROR))


def keep_secrets_in_memory() -> None:
    """For a process that will hold a private key: no core dump, and no trace of gRPC, which would log what it receives.

    To be called before gRPC is loaded.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    for variable in ("GRPC_TRACE", "GRPC_VERBOSITY"):
        os.environ.pop(variable, None)


def public_key_of(private_key: bytearray) -> tuple[str, bytes]:
    """Spec and DER SubjectPublicKeyInfo of a PKCS#8 private key; the spec is empty for a kind that Canton doesn't use."""
    try:
        key: t.Any = serialization.load_der_private_key(private_key, None)
        public = key.public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    except Exception:
        raise CantonError(
            "The private key that the participant exported cannot be read as PKCS#8",
            error_id="key_unreadable",
            hint="It may come from an old key store: rotate it to a new key on the old node first, and import that.",
        ) from None
    return _spec(public), bytes(der)


def spec_of_public(der: bytes) -> str:
    """The spec of a DER SubjectPublicKeyInfo; empty for one that can't be read or that Canton doesn't use."""
    try:
        return _spec(serialization.load_der_public_key(der))
    except Exception:
        return ""


def _spec(public: t.Any) -> str:
    if isinstance(public, ec.EllipticCurvePublicKey):
        return _CURVES.get(public.curve.name, "")
    if isinstance(public, ed25519.Ed25519PublicKey):
        return "ec_curve25519"
    if isinstance(public, rsa.RSAPublicKey):
        return f"rsa_{public.key_size}"
    return ""


def wrap(wrapping_key_der: bytes, private_key: bytearray) -> bytes:
    """The private key as a KMS accepts it: RSA-OAEP (SHA-256) of a fresh AES-256 key, then AES-KWP (RFC 5649) under that key.

    AWS calls it RSA_AES_KEY_WRAP_SHA_256, GCP rsa-oaep-…-sha256-aes-256. ``wrapping_key_der`` is the KMS's public key, a DER
    SubjectPublicKeyInfo. The result is not secret.
    """
    once = bytearray(os.urandom(_AES_KEY_BYTES))
    try:
        outer: t.Any = serialization.load_der_public_key(wrapping_key_der)
        oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
        return bytes(outer.encrypt(bytes(once), oaep) + keywrap.aes_key_wrap_with_padding(once, private_key))
    except Exception:
        raise CantonError(
            "The private key could not be wrapped for the KMS: its wrapping key is not an RSA public key",
            error_id="wrapping_failed",
            hint="Check that endpoint_url is the address of the KMS.",
        ) from None
    finally:
        once[:] = bytes(len(once))
