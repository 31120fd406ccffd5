# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hashes, fingerprints, key pairs and signatures in Canton's formats
(docs/canton/keys.md#hashes, docs/canton/keys.md#fingerprints, docs/canton/keys.md#key-formats)."""

from __future__ import annotations

import functools
import hashlib
import struct
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ED25519, P256, P384, SECP256K1 = 1, 2, 3, 4
ENC_P256, ENC_RSA2048 = 1, 2
SPKI, PKCS8 = 4, 5
CONCAT, DER = 3, 2

PURPOSE_TOPOLOGY, PURPOSE_FINGERPRINT, PURPOSE_MULTI_TOPOLOGY = 11, 12, 55

_CURVES: dict[int, Any] = {P256: ec.SECP256R1(), P384: ec.SECP384R1(), SECP256K1: ec.SECP256K1()}
_ALGORITHMS = {ED25519: 1, P256: 2, P384: 3, SECP256K1: 2}
_HASHES: dict[int, Any] = {2: hashes.SHA256(), 3: hashes.SHA384()}


def multihash(purpose: int, content: bytes) -> bytes:
    """34 bytes: multihash prefix and SHA-256 over purpose and content."""
    return b"\x12\x20" + hashlib.sha256(struct.pack(">i", purpose) + content).digest()


def signing_fingerprint(public_der: bytes, spec: int) -> str:
    """Ed25519 keys are hashed raw, all others as the whole SubjectPublicKeyInfo (docs/canton/keys.md#fingerprints)."""
    return multihash(PURPOSE_FINGERPRINT, public_der[-32:] if spec == ED25519 else public_der).hex()


def encryption_fingerprint(public_der: bytes) -> str:
    return multihash(PURPOSE_FINGERPRINT, public_der).hex()


def fingerprint(public_key: Any) -> str:
    """Of a ``crypto.v30.PublicKey``, ``SigningPublicKey`` or ``EncryptionPublicKey`` message."""
    name = public_key.DESCRIPTOR.name
    if name == "PublicKey":
        return fingerprint(getattr(public_key, public_key.WhichOneof("key")))
    if name == "SigningPublicKey":
        return signing_fingerprint(public_key.public_key, public_key.key_spec)
    return encryption_fingerprint(public_key.public_key)


def transaction_hash(wrapped: bytes) -> bytes:
    return multihash(PURPOSE_TOPOLOGY, wrapped)


def multi_transaction_hash(transaction_hashes: list[bytes]) -> bytes:
    """What one signature over several topology transactions signs (docs/canton/topology.md#one-signature-for-several-transactions)."""
    parts = [struct.pack(">i", len(transaction_hashes))]
    parts += [struct.pack(">i", len(item)) + item for item in sorted(transaction_hashes)]
    return multihash(PURPOSE_MULTI_TOPOLOGY, b"".join(parts))


def spki(public_key: Any) -> bytes:
    encoded: bytes = public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def spec_of(public_der: bytes) -> int | None:
    """The signing key spec of a public key; ``None`` when it can't sign for Canton."""
    key = serialization.load_der_public_key(public_der)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return ED25519
    if isinstance(key, ec.EllipticCurvePublicKey):
        return next((spec for spec, curve in _CURVES.items() if curve.name == key.curve.name), None)
    return None


def _tlv(tag: int, *content: bytes) -> bytes:
    body = b"".join(content)
    length = bytes([len(body)]) if len(body) < 128 else bytes([0x81, len(body)])
    return bytes([tag]) + length + body


def _private_der(key: Any) -> bytes:
    """PKCS#8. For P-256 with the curve repeated inside, as a real node exports it (docs/canton/keys.md#key-formats)."""
    plain: bytes = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    if not (isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1"):
        return plain
    ec_key_oid, curve_oid = bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06082a8648ce3d030107")
    number = key.private_numbers().private_value.to_bytes(32, "big")
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    inner = _tlv(0x30, b"\x02\x01\x01", _tlv(4, number), _tlv(0xA0, curve_oid), _tlv(0xA1, _tlv(3, b"\0", point)))
    return _tlv(0x30, b"\x02\x01\x00", _tlv(0x30, ec_key_oid, curve_oid), _tlv(4, inner))


def generate_signing(spec: int) -> tuple[bytes, bytes]:
    """(public SubjectPublicKeyInfo, private PKCS#8) of a new key."""
    key: Any = ed25519.Ed25519PrivateKey.generate() if spec == ED25519 else ec.generate_private_key(_CURVES[spec])
    return spki(key.public_key()), _private_der(key)


def generate_encryption(spec: int) -> tuple[bytes, bytes]:
    key: Any = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if spec == ENC_RSA2048
        else ec.generate_private_key(_CURVES[P256])
    )
    return spki(key.public_key()), _private_der(key)


@functools.lru_cache(maxsize=256)
def _load_private(private_der: bytes) -> Any:
    return serialization.load_der_private_key(private_der, password=None)


@functools.lru_cache(maxsize=1024)
def _load_public(public_der: bytes) -> Any:
    return serialization.load_der_public_key(public_der)


def public_of(private_der: bytes) -> bytes:
    """The public key that belongs to a private one."""
    return spki(_load_private(private_der).public_key())


def algorithm(spec: int) -> int:
    """The SigningAlgorithmSpec that goes with a key spec."""
    return _ALGORITHMS[spec]


def signature_format(spec: int) -> int:
    return CONCAT if spec == ED25519 else DER


def sign(private_der: bytes, spec: int, data: bytes) -> bytes:
    key = _load_private(private_der)
    signature: bytes = key.sign(data) if spec == ED25519 else key.sign(data, ec.ECDSA(_HASHES[algorithm(spec)]))
    return signature


def verify(public_key: Any, signature: Any, data: bytes) -> bool:
    """Whether a ``Signature`` over ``data`` is good under a ``SigningPublicKey``, formats and specs included."""
    spec = public_key.key_spec
    if signature.format != signature_format(spec) or signature.signing_algorithm_spec != algorithm(spec):
        return False
    return verifies(public_key.public_key, spec, signature.signature, data)


def verifies(public_der: bytes, spec: int, signature: bytes, data: bytes) -> bool:
    """The bare check; ``ValueError`` when the public key is none."""
    key = _load_public(public_der)
    try:
        if spec == ED25519:
            key.verify(signature, data)
        else:
            key.verify(signature, data, ec.ECDSA(_HASHES[algorithm(spec)]))
    except InvalidSignature:
        return False
    return True
