# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and signatures in the formats of crypto.v0 (docs/canton/canton-2.md#keys)."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519

from sandbox.wire import crypto

DER, RAW = 2, 3
RAW_SIGNATURE = 1
SIGNING, ENCRYPTION = 1, 2
ECIES, RSA = 1, 3
# SigningKeyScheme counts Ed25519, P-256 and P-384 as SigningKeySpec of Canton 3 does.
SCHEMES = (crypto.ED25519, crypto.P256, crypto.P384)


def raw(public_der: bytes) -> bytes:
    """Ed25519 keys are kept as their 32 bytes, all others as SubjectPublicKeyInfo."""
    return public_der[-32:]


def fingerprint(key: Any) -> str:
    """Of a PublicKey, SigningPublicKey or EncryptionPublicKey message, whatever its own ``id`` says."""
    if key.DESCRIPTOR.name == "PublicKey":
        return fingerprint(getattr(key, key.WhichOneof("key")))
    return crypto.multihash(crypto.PURPOSE_FINGERPRINT, key.public_key).hex()


def spki(key: Any) -> bytes:
    """The SubjectPublicKeyInfo of a SigningPublicKey."""
    if key.format == RAW:
        return crypto.spki(ed25519.Ed25519PublicKey.from_public_bytes(key.public_key))
    return bytes(key.public_key)


def verify(key: Any, signature: Any, data: bytes) -> bool:
    """Whether a Signature over ``data`` is good under a SigningPublicKey that is what it says to be."""
    if key.scheme not in SCHEMES or signature.format != RAW_SIGNATURE:
        return False
    if not key.id == fingerprint(key) == signature.signed_by:
        return False
    try:
        return crypto.verifies(spki(key), key.scheme, signature.signature, data)
    except ValueError:
        return False
