# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a KMS of Google refuses by itself, and what goes wrong in it on demand."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import grpc

from sandbox.kms.gcp import crypto

LOCATIONS = ("global", "europe-west3", "us-east1")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,63}")
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")
ROLE = re.compile(r"roles/cloudkms\.\w+|projects/[^/]+/roles/\w+")

# What each call needs (https://cloud.google.com/kms/docs/reference/permissions-and-roles)
PERMISSIONS = {
    "GetKeyRing": "keyRings.get",
    "CreateKeyRing": "keyRings.create",
    "ListCryptoKeys": "cryptoKeys.list",
    "GetCryptoKey": "cryptoKeys.get",
    "CreateCryptoKey": "cryptoKeys.create",
    "UpdateCryptoKey": "cryptoKeys.update",
    "ListCryptoKeyVersions": "cryptoKeyVersions.list",
    "GetCryptoKeyVersion": "cryptoKeyVersions.get",
    "UpdateCryptoKeyVersion": "cryptoKeyVersions.update",
    "DestroyCryptoKeyVersion": "cryptoKeyVersions.destroy",
    "RestoreCryptoKeyVersion": "cryptoKeyVersions.restore",
    "GetPublicKey": "cryptoKeyVersions.viewPublicKey",
    "AsymmetricSign": "cryptoKeyVersions.useToSign",
    "AsymmetricDecrypt": "cryptoKeyVersions.useToDecrypt",
    "Encrypt": "cryptoKeyVersions.useToEncrypt",
    "Decrypt": "cryptoKeyVersions.useToDecrypt",
    "ListImportJobs": "importJobs.list",
    "GetImportJob": "importJobs.get",
    "CreateImportJob": "importJobs.create",
    "ImportCryptoKeyVersion": "importJobs.useToImport",
    "GetIamPolicy": "cryptoKeys.getIamPolicy",
    "SetIamPolicy": "cryptoKeys.setIamPolicy",
}


class Refused(Exception):
    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def missing(name: str) -> Refused:
    return Refused(grpc.StatusCode.NOT_FOUND, f"{_kind(name)} {name} not found.")


def invalid(text: str) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, text)


def wrong_state(name: str, needs: str, state: Any) -> Refused:
    text = f"{name} is not {needs}, current state is: {state.name}."
    return Refused(grpc.StatusCode.FAILED_PRECONDITION, text)


def denied(permission: str, name: str) -> Refused:
    text = f"Permission 'cloudkms.{permission}' denied on resource '{name}' (or it may not exist)."
    return Refused(grpc.StatusCode.PERMISSION_DENIED, text)


def _kind(name: str) -> str:
    collection = name.split("/")[-2]
    return collection[0].upper() + collection[1:-1]


def subject(request: Any) -> str:
    for name in ("name", "parent", "resource"):
        if getattr(request, name, ""):
            return str(getattr(request, name))
    return str(request.crypto_key.name if hasattr(request, "crypto_key") else request.crypto_key_version.name)


def check_key(key_id: str, key: Any, skips_version: bool) -> None:
    algorithm = key.version_template.algorithm.name
    if not _NAME.fullmatch(key_id):
        raise invalid(f"Invalid id: {key_id}.")
    if crypto.PURPOSES.get(algorithm) != key.purpose.name:
        raise invalid(f"The algorithm {algorithm} does not fit the purpose {key.purpose.name}.")
    if algorithm == "EC_SIGN_SECP256K1_SHA256" and key.version_template.protection_level.name != "HSM":
        raise invalid("EC_SIGN_SECP256K1_SHA256 is only supported for protection level HSM.")
    if key.import_only and not skips_version:
        raise invalid("import_only requires skip_initial_version_creation.")
    wait = key.destroy_scheduled_duration
    if wait and not timedelta(days=1) <= wait <= timedelta(days=120):
        raise invalid("destroy_scheduled_duration must be between 24 hours and 120 days.")
    check_settings(key)


def check_settings(key: Any) -> None:
    if any(
        not _LABEL.fullmatch(name) or len(value) > 63 or value != value.lower() for name, value in key.labels.items()
    ):
        raise invalid("Invalid labels.")
    if key.rotation_period and (key.purpose.name != "ENCRYPT_DECRYPT" or not key.next_rotation_time):
        raise invalid("rotation_period needs next_rotation_time and the purpose ENCRYPT_DECRYPT.")


def check_sum(what: str, data: bytes, checksum: int | None) -> None:
    if checksum is not None and checksum != crypto.crc32c(data):
        raise invalid(f"The checksum of {what} does not match.")
