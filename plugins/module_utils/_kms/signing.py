# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Public keys and signatures of keys in a KMS, in the form that Canton has them. Knows no provider, and nothing of what is signed.

A signature leaves this module only when it verifies with the public key of the KMS: a node's refusal of one names no reason.
"""

from __future__ import annotations

import typing as t

from .._errors import CantonError, DependencyMissing
from .._participant.model.entities import Signature
from .._participant.model.keys import KEY_SPECS, SIGNATURE_FORMS, fingerprint
from .interface import Use
from .model import SIGN, Key

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
except ImportError as exc:
    CRYPTOGRAPHY_IMPORT_ERROR: ImportError | None = exc
else:
    CRYPTOGRAPHY_IMPORT_ERROR = None


def check_dependencies() -> None:
    """Raise DependencyMissing when cryptography is not importable here."""
    if CRYPTOGRAPHY_IMPORT_ERROR is not None:
        raise DependencyMissing("cryptography", str(CRYPTOGRAPHY_IMPORT_ERROR))


def read(keys: Use, name: str) -> Key:
    """The enabled key of this name; it has a public key, and Canton a fingerprint for it (``fingerprint_of``)."""
    key = keys.public(name)
    if key is None:
        raise CantonError(
            f"There is no key {name} in the KMS",
            error_id="kms_key_not_found",
            hint="Check its id, and the region or key ring and the account or project in the options.",
            details={"kms_key_id": name},
        )
    if key.state != "enabled":
        raise CantonError(
            f"Key {key.full_name} is {key.state.replace('_', ' ')}, so no node can use it",
            error_id="kms_key_not_enabled",
            hint="Enable it (kms_key with enabled, or with cancel_deletion), or use another key.",
            details=key.details(state=key.state),
        )
    if key.public_key_der is None or key.spec not in KEY_SPECS:
        raise CantonError(
            f"Key {key.full_name} has spec {key.spec}, which no node of Canton can use as a key of its own",
            error_id="key_spec_unfit",
            hint="Use a key that was created for Canton (kms_key with purpose).",
            details=key.details(),
        )
    return key


def fingerprint_of(key: Key) -> str:
    """The fingerprint by which Canton knows a key that ``read`` has returned."""
    return fingerprint(key.spec, key.public_key_der or b"")


def sign(keys: Use, key: Key, message: bytes) -> Signature:
    """The signature of a message (up to 4096 bytes) with a key that ``read`` has returned, verified."""
    if key.usage != SIGN or key.spec not in SIGNATURE_FORMS:
        raise CantonError(
            f"Key {key.full_name} ({key.spec}, {key.usage}) cannot sign for Canton",
            error_id="key_usage_unfit",
            hint="Use a key of usage sign_verify (kms_key with purpose namespace, sequencer_authentication or protocol).",
            details=key.details(),
        )
    data = keys.sign(key, message)
    if not verifies(key, message, data):
        raise CantonError(
            f"The signature of key {key.full_name} does not verify with its public key",
            error_id="signature_invalid",
            hint="Check that endpoint_url is the address of the KMS that the node will use, and run again. Nothing was sent to a node.",
            details=key.details(),
        )
    form = SIGNATURE_FORMS[key.spec]
    return Signature(data, fingerprint_of(key), form.format, form.algorithm)


def verifies(key: Key, message: bytes, signature: bytes) -> bool:
    """Whether this is a signature of the message by the key, in the form of ``SIGNATURE_FORMS``."""
    public: t.Any = serialization.load_der_public_key(key.public_key_der or b"")
    digest = SIGNATURE_FORMS[key.spec].digest
    scheme = [] if digest is None else [ec.ECDSA(getattr(hashes, digest.upper())())]
    try:
        public.verify(signature, message, *scheme)
    except InvalidSignature:
        return False
    return True
