# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and fingerprints of Canton's keys. Imports nothing but the standard library: modules and tests share it."""

from __future__ import annotations

import hashlib
import struct
import typing as t

KmsProvider = t.Literal["aws", "gcp"]
KMS_PROVIDERS: tuple[KmsProvider, ...] = ("aws", "gcp")


class KmsKeys(t.NamedTuple):
    """What Canton uses keys of one spec for in a KMS, which providers generate them, and which import them."""

    use: t.Literal["signing", "encryption", "wrapper"]
    generated_by: tuple[KmsProvider, ...]
    imported_by: tuple[KmsProvider, ...]


# Of several specs for one use, the first one is what Canton itself generates (docs/canton/kms.md#keys-that-can-be-imported).
KMS_KEYS: dict[str, KmsKeys] = {
    "ec_p256": KmsKeys("signing", KMS_PROVIDERS, KMS_PROVIDERS),
    "ec_p384": KmsKeys("signing", KMS_PROVIDERS, KMS_PROVIDERS),
    "ec_secp256k1": KmsKeys("signing", KMS_PROVIDERS, KMS_PROVIDERS),
    "ec_curve25519": KmsKeys("signing", ("gcp",), ("gcp",)),
    "rsa_2048": KmsKeys("encryption", KMS_PROVIDERS, KMS_PROVIDERS),
    "symmetric": KmsKeys("wrapper", KMS_PROVIDERS, ()),
}


def generated_specs(provider: str, use: str) -> tuple[str, ...]:
    """The specs of keys that a provider's KMS generates and that Canton can use there as ``use``."""
    return tuple(spec for spec, keys in KMS_KEYS.items() if keys.use == use and provider in keys.generated_by)


def imported_specs(provider: str) -> tuple[str, ...]:
    """The specs of keys that can be imported into a provider's KMS and that Canton can use there afterwards."""
    return tuple(spec for spec, keys in KMS_KEYS.items() if provider in keys.imported_by)


def can_import(provider: str, spec: str, *, signs: bool) -> bool:
    """Whether a signing or an encryption key of this spec can be imported. An encryption key on a curve is ECIES."""
    return spec in imported_specs(provider) and (KMS_KEYS[spec].use == "signing") is signs


# Purposes of hashes (docs/canton/keys.md#hashes)
TRANSACTION_PURPOSE = 11  # TopologyTransactionSignature
FINGERPRINT_PURPOSE = 12  # PublicKeyFingerprint
SHA256_MULTIHASH = "1220"
PROOF_OF_OWNERSHIP = "proof_of_ownership"
ED25519_SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")
ED25519_KEY_BYTES = 32

SIGNING_SPECS: dict[str, str] = {
    "ec_curve25519": "SIGNING_KEY_SPEC_EC_CURVE25519",
    "ec_p256": "SIGNING_KEY_SPEC_EC_P256",
    "ec_p384": "SIGNING_KEY_SPEC_EC_P384",
    "ec_secp256k1": "SIGNING_KEY_SPEC_EC_SECP256K1",
}
ENCRYPTION_SPECS: dict[str, str] = {
    "ec_p256": "ENCRYPTION_KEY_SPEC_EC_P256",
    "rsa_2048": "ENCRYPTION_KEY_SPEC_RSA_2048",
}
KEY_SPECS = frozenset(SIGNING_SPECS) | frozenset(ENCRYPTION_SPECS)


class SignatureForm(t.NamedTuple):
    """How Canton has the signatures of keys of one spec: with which hash (None: the scheme has its own), and its words for it."""

    digest: t.Literal["sha256", "sha384"] | None
    format: str
    algorithm: str


# docs/canton/keys.md#signatures
SIGNATURE_FORMS: dict[str, SignatureForm] = {
    "ec_curve25519": SignatureForm(None, "SIGNATURE_FORMAT_CONCAT", "SIGNING_ALGORITHM_SPEC_ED25519"),
    "ec_p256": SignatureForm("sha256", "SIGNATURE_FORMAT_DER", "SIGNING_ALGORITHM_SPEC_EC_DSA_SHA_256"),
    "ec_p384": SignatureForm("sha384", "SIGNATURE_FORMAT_DER", "SIGNING_ALGORITHM_SPEC_EC_DSA_SHA_384"),
    "ec_secp256k1": SignatureForm("sha256", "SIGNATURE_FORMAT_DER", "SIGNING_ALGORITHM_SPEC_EC_DSA_SHA_256"),
}
# What a participant needs keys for, in the order in which it is given them, and the usage of each; encryption keys have none
# (docs/canton/keys.md#keys-of-a-participant).
PURPOSES: dict[str, tuple[str, ...]] = {
    "namespace": ("namespace",),
    "sequencer_authentication": ("sequencer_authentication",),
    "protocol": ("protocol",),
    "encryption": (),
}
_BY_ENUM = {enum: spec for names in (SIGNING_SPECS, ENCRYPTION_SPECS) for spec, enum in names.items()}


def spec_of(enum_name: str) -> str | None:
    """Our name of a key spec for Canton's enum value name; None for one that is not known (or UNSPECIFIED)."""
    return _BY_ENUM.get(enum_name)


def signing_enum(spec: str) -> str:
    """Canton's ``SIGNING_KEY_SPEC_...`` for one of our names; KeyError when Canton can't sign with it."""
    return SIGNING_SPECS[spec]


def encryption_enum(spec: str) -> str:
    """Canton's ``ENCRYPTION_KEY_SPEC_...`` for one of our names; KeyError when Canton can't encrypt with it."""
    return ENCRYPTION_SPECS[spec]


class Used(t.Protocol):
    """What of a key says what it is used for: ``purpose`` is ``signing`` or ``encryption``."""

    @property
    def purpose(self) -> str: ...
    @property
    def usage(self) -> tuple[str, ...]: ...


def serves(key: Used, purpose: str) -> bool:
    """Whether a key can be used for this purpose. A signing key without usages is for all of them, as in Canton 2
    (docs/canton/keys.md#usages-in-messages)."""
    if purpose == "encryption":
        return key.purpose == "encryption"
    return key.purpose == "signing" and (not key.usage or purpose in key.usage)


def listed_usage(purpose: str) -> tuple[str, ...]:
    """The usages of a key for this purpose as nodes list them: all but a namespace's prove their ownership, too
    (docs/canton/keys.md#usages-in-messages)."""
    usage = PURPOSES[purpose]
    return usage if not usage or purpose == "namespace" else (*usage, PROOF_OF_OWNERSHIP)


def purpose_of(key: Used) -> str:
    """The first purpose that a key serves: keys of old nodes may serve several."""
    return next(purpose for purpose in PURPOSES if serves(key, purpose))


def fingerprint(spec: str, spki_der: bytes) -> str:
    """The 68 hexadecimal characters by which Canton knows a public key (docs/canton/keys.md#fingerprints).

    ``spki_der`` is the DER SubjectPublicKeyInfo. Of an Ed25519 key only the raw key is hashed.
    Raises ValueError for an unknown spec, and for a key that is not an Ed25519 key although ``spec`` says so.
    """
    if spec not in KEY_SPECS:
        raise ValueError(f"Canton has no key spec {spec!r}; it knows {', '.join(sorted(KEY_SPECS))}")
    data = _raw_ed25519(spki_der) if spec == "ec_curve25519" else spki_der
    return _hash(FINGERPRINT_PURPOSE, data).hex()


def transaction_hash(transaction: bytes) -> bytes:
    """The 34 bytes that are signed of a topology transaction; ``transaction`` is in its versioned wrapper."""
    return _hash(TRANSACTION_PURPOSE, transaction)


def _hash(purpose: int, content: bytes) -> bytes:
    return bytes.fromhex(SHA256_MULTIHASH) + hashlib.sha256(struct.pack(">i", purpose) + content).digest()


def _raw_ed25519(spki_der: bytes) -> bytes:
    raw = spki_der[len(ED25519_SPKI_PREFIX) :]
    if not spki_der.startswith(ED25519_SPKI_PREFIX) or len(raw) != ED25519_KEY_BYTES:
        raise ValueError("not the DER SubjectPublicKeyInfo of an Ed25519 key")
    return raw
