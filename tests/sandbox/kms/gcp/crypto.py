# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys behind the KMS of Google in the sandbox: real ones, by the algorithms that Canton uses there
(docs/canton/kms-gcp.md#algorithms-in-use)."""

from __future__ import annotations

import os
from typing import Any

from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SYMMETRIC = "GOOGLE_SYMMETRIC_ENCRYPTION"
_CURVES: dict[str, tuple[type[ec.EllipticCurve], type[hashes.HashAlgorithm]]] = {
    "EC_SIGN_P256_SHA256": (ec.SECP256R1, hashes.SHA256),
    "EC_SIGN_P384_SHA384": (ec.SECP384R1, hashes.SHA384),
    "EC_SIGN_SECP256K1_SHA256": (ec.SECP256K1, hashes.SHA256),
}
_RSA_BITS = {"RSA_DECRYPT_OAEP_2048_SHA256": 2048, "RSA_DECRYPT_OAEP_3072_SHA256": 3072}
PURPOSES = {
    **dict.fromkeys(_CURVES, "ASYMMETRIC_SIGN"),
    "EC_SIGN_ED25519": "ASYMMETRIC_SIGN",
    **dict.fromkeys(_RSA_BITS, "ASYMMETRIC_DECRYPT"),
    SYMMETRIC: "ENCRYPT_DECRYPT",
}
_WRAPPED_AES_BYTES = 512  # by an RSA key of 4096 bits


def generate(algorithm: str) -> Any:
    """A private key, or the bytes of a symmetric one."""
    if algorithm == SYMMETRIC:
        return os.urandom(32)
    if algorithm in _RSA_BITS:
        return rsa.generate_private_key(65537, _RSA_BITS[algorithm])
    return (
        ed25519.Ed25519PrivateKey.generate()
        if algorithm not in _CURVES
        else ec.generate_private_key(_CURVES[algorithm][0]())
    )


def public_pem(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(key.public_key().public_bytes(serialization.Encoding.PEM, form).decode())


def fits(key: Any, algorithm: str) -> bool:
    """Whether imported material is of the algorithm that the import names."""
    if algorithm in _CURVES:
        return isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES[algorithm][0])
    if algorithm in _RSA_BITS:
        return isinstance(key, rsa.RSAPrivateKey) and key.key_size == _RSA_BITS[algorithm]
    return isinstance(key, ed25519.Ed25519PrivateKey)


def sign(key: Any, algorithm: str, data: bytes | None, digest: bytes | None) -> bytes:
    if algorithm not in _CURVES:
        return bytes(key.sign(data))
    chosen = _CURVES[algorithm][1]()
    if digest is not None:
        return bytes(key.sign(digest, ec.ECDSA(Prehashed(chosen))))
    return bytes(key.sign(data, ec.ECDSA(chosen)))


def digest_bytes(algorithm: str) -> int:
    """How long a digest has to be; 0 for an algorithm that takes none."""
    return _CURVES[algorithm][1]().digest_size if algorithm in _CURVES else 0


def decrypt(key: Any, ciphertext: bytes) -> bytes:
    return bytes(key.decrypt(ciphertext, _oaep()))


def seal(material: bytes, version: int, plaintext: bytes) -> bytes:
    """The number of the version goes in front, as the KMS has to find it again."""
    nonce = os.urandom(12)
    return version.to_bytes(4, "big") + nonce + AESGCM(material).encrypt(nonce, plaintext, None)


def sealed_with(ciphertext: bytes) -> int:
    return int.from_bytes(ciphertext[:4], "big")


def open_sealed(material: bytes, ciphertext: bytes) -> bytes:
    return AESGCM(material).decrypt(ciphertext[4:16], ciphertext[16:], None)


def unwrap(wrapping_key: rsa.RSAPrivateKey, wrapped: bytes) -> Any:
    """The private key inside; raises whatever cryptography raises when there is none."""
    once = wrapping_key.decrypt(wrapped[:_WRAPPED_AES_BYTES], _oaep())
    return serialization.load_der_private_key(
        keywrap.aes_key_unwrap_with_padding(once, wrapped[_WRAPPED_AES_BYTES:]), None
    )


def _oaep() -> padding.OAEP:
    return padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


def crc32c(data: bytes) -> int:
    """Bit by bit, and so in another way than the collection's."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _bit in range(8):
            value = (value >> 1) ^ (0x82F63B78 * (value & 1))
    return value ^ 0xFFFFFFFF
