# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where ministack allows what AWS refuses, the refusal. Everything here runs inside ministack's request scope
(docs/canton/kms-aws.md#what-test-doubles-accept)."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

Answer = dict[str, Any]
_CURVES: dict[str, ec.EllipticCurve] = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
    "ECC_SECG_P256K1": ec.SECP256K1(),
}
_GOING = ("PendingDeletion", "PendingReplicaDeletion")
_NOT_WHEN_GOING = {
    "CreateAlias",
    "CreateGrant",
    "DisableKey",
    "EnableKey",
    "GetPublicKey",
    "PutKeyPolicy",
    "ScheduleKeyDeletion",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateKeyDescription",
}
_NOT_WITHOUT_MATERIAL = {"DisableKey", "EnableKey", "ReplicateKey"}
_FIRST_MATERIAL = "_first_material"
_LONGEST_MESSAGE = 4096  # bytes


def _error(code: str, text: str) -> Answer:
    return {"__type": code, "message": text}


def _record(request: Answer) -> Answer | None:
    from ministack.services import kms

    record: Answer | None = kms._resolve_key(request.get("TargetKeyId") or request.get("KeyId") or "")
    return record


def check(action: str, request: Answer) -> Answer | None:
    """The error that AWS answers to this request, where ministack would carry it out."""
    if action == "CreateKey":
        return _check_new(request)
    if action == "PutKeyPolicy" and _malformed(request.get("Policy", "")):
        return _malformed_policy()
    if action == "GetParametersForImport" and request.get("WrappingAlgorithm") == "RSAES_PKCS1_V1_5":
        return _error("UnsupportedOperationException", "RSAES_PKCS1_V1_5 is no longer supported.")
    key = _record(request)
    if key is None:
        return None
    state = key["KeyState"]
    if state in _GOING and action in _NOT_WHEN_GOING:
        return _error("KMSInvalidStateException", f"{key['Arn']} is pending deletion.")
    if state == "PendingImport" and action in _NOT_WITHOUT_MATERIAL:
        return _error("KMSInvalidStateException", f"{key['Arn']} is pending import.")
    if state == "Disabled" and action == "GetPublicKey":
        return _error("DisabledException", f"{key['Arn']} is disabled.")
    if action == "Sign" and len(base64.b64decode(request.get("Message", ""))) > _LONGEST_MESSAGE:
        return _error("ValidationException", "Value at 'message' failed to satisfy constraint: length at most 4096")
    if action == "CancelKeyDeletion" and state not in _GOING:
        return _error("KMSInvalidStateException", f"{key['Arn']} is not pending deletion.")
    if action == "EnableKeyRotation" and (key["KeySpec"] != "SYMMETRIC_DEFAULT" or key["Origin"] != "AWS_KMS"):
        return _error("UnsupportedOperationException", f"{key['Arn']} can't be rotated automatically.")
    if action == "UpdateAlias":
        return _check_move(request, key)
    if action == "ImportKeyMaterial":
        return _check_material(request, key)
    return None


def complete(action: str, request: Answer) -> None:
    """What AWS does besides, when it has carried out this request."""
    key = _record(request)
    if action == "ImportKeyMaterial" and key is not None:
        key.setdefault(_FIRST_MATERIAL, _digest(key.get("_public_key_der") or key["_symmetric_key"]))
    if action == "CancelKeyDeletion" and key is not None and not key.keys() & {"_public_key_der", "_symmetric_key"}:
        key["KeyState"] = "PendingImport"


def _check_new(request: Answer) -> Answer | None:
    spec, usage = request.get("KeySpec", "SYMMETRIC_DEFAULT"), request.get("KeyUsage", "ENCRYPT_DECRYPT")
    signs_only = spec.startswith("ECC_") and usage not in ("SIGN_VERIFY", "KEY_AGREEMENT")
    if signs_only or (spec == "SYMMETRIC_DEFAULT" and usage != "ENCRYPT_DECRYPT"):
        return _error("ValidationException", f"KeyUsage {usage} is not compatible with KeySpec {spec}")
    if "Policy" in request and _malformed(request["Policy"]):
        return _malformed_policy()
    return None


def _malformed(policy: str) -> bool:
    try:
        content = json.loads(policy)
    except ValueError:
        return True
    return not isinstance(content, dict) or not content.get("Statement")


def _malformed_policy() -> Answer:
    return _error("MalformedPolicyDocumentException", "The new key policy is malformed.")


def _check_move(request: Answer, target: Answer) -> Answer | None:
    present = _record({"KeyId": request.get("AliasName", "")})
    kinds = [(key["KeySpec"] == "SYMMETRIC_DEFAULT", key["KeyUsage"]) for key in (present, target) if key is not None]
    if len(set(kinds)) > 1:
        return _error(
            "ValidationException", "The current and new KMS key of an alias must be of the same type and usage."
        )
    return None


def _check_material(request: Answer, key: Answer) -> Answer | None:
    """A key takes the material that it had before, and no other. Other mistakes are ministack's to find."""
    from ministack.services import kms

    if _FIRST_MATERIAL not in key or "_import_wrapping_key" not in key:
        return None
    try:
        wrapped = base64.b64decode(request["EncryptedKeyMaterial"])
        material = kms._unwrap_key_material(key["_import_wrapping_key"], key["_import_algorithm"], wrapped)
        private: Any = serialization.load_der_private_key(material, None)
    except ValueError:
        return None
    if _digest(_spki(private.public_key())) == key[_FIRST_MATERIAL]:
        return None
    return _error("IncorrectKeyMaterialException", f"{key['Arn']} had other key material before.")


def _digest(material: bytes) -> str:
    return hashlib.sha256(material).hexdigest()


def _spki(public: Any) -> bytes:
    encoded: bytes = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded


@functools.cache
def other_public_key(spec: str) -> bytes:
    """A public key of this spec that belongs to no key of the KMS."""
    private: Any = (
        ec.generate_private_key(_CURVES[spec])
        if spec in _CURVES
        else rsa.generate_private_key(public_exponent=65537, key_size=int(spec.partition("_")[2]))
    )
    return _spki(private.public_key())


def expire_token(key_id: str) -> None:
    key = _record({"KeyId": key_id})
    assert key is not None
    key["_import_token_expires"] = 0
