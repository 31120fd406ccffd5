# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The KMS of Google as a participant of the sandbox uses it: keys by their names in one key ring, always version 1
(docs/canton/kms-gcp.md#version-1)."""

from __future__ import annotations

import time
import uuid
from typing import Any
from urllib.parse import urlsplit

import grpc
from cryptography.hazmat.primitives import serialization
from google.api_core.exceptions import GoogleAPIError
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

from sandbox.kms.facts import KmsRefused
from sandbox.wire import crypto

# its classes take and give other types than those of their fields
kms: Any = kms_v1

_ALGORITHMS = {
    crypto.P256: "EC_SIGN_P256_SHA256",
    crypto.P384: "EC_SIGN_P384_SHA384",
    crypto.SECP256K1: "EC_SIGN_SECP256K1_SHA256",
    crypto.ED25519: "EC_SIGN_ED25519",
}
_USAGES = {"SIGN_VERIFY": tuple(_ALGORITHMS.values()), "ENCRYPT_DECRYPT": ("RSA_DECRYPT_OAEP_2048_SHA256",)}
_READY_SECONDS = 20
_POLL_SECONDS = 0.02


class Kms:
    """A key ring behind an address of the loopback, with the same methods as ``sandbox.kms.aws.client.Kms``."""

    def __init__(self, endpoint: str, ring: str) -> None:
        channel = grpc.insecure_channel(urlsplit(endpoint).netloc, options=[("grpc.enable_http_proxy", 0)])
        self._client = kms.KeyManagementServiceClient(transport=KeyManagementServiceGrpcTransport(channel=channel))
        self._ring = ring

    def _call(self, method: str, **request: Any) -> Any:
        try:
            return getattr(self._client, method)(request=request, timeout=20)
        except (GoogleAPIError, grpc.RpcError) as error:
            raise KmsRefused(str(error)) from error

    def _version(self, key_id: str) -> str:
        name = key_id if key_id.startswith("projects/") else f"{self._ring}/cryptoKeys/{key_id}"
        return name if "/cryptoKeyVersions/" in name else f"{name}/cryptoKeyVersions/1"

    def create_signing(self, spec: int, name: str) -> str:
        """The name of a new key in the ring."""
        return self._create("ASYMMETRIC_SIGN", _ALGORITHMS[spec])

    def create_encryption(self, name: str) -> str:
        return self._create("ASYMMETRIC_DECRYPT", _USAGES["ENCRYPT_DECRYPT"][0])

    def create_wrapper(self) -> str:
        return self._create("ENCRYPT_DECRYPT", "GOOGLE_SYMMETRIC_ENCRYPTION")

    def _create(self, purpose: str, algorithm: str) -> str:
        key_id = f"canton-{uuid.uuid4()}"
        key = {"purpose": purpose, "version_template": {"algorithm": algorithm, "protection_level": "HSM"}}
        self._call("create_crypto_key", parent=self._ring, crypto_key_id=key_id, crypto_key=key)
        deadline = time.monotonic() + _READY_SECONDS
        while self.state(key_id) != "Enabled":
            if time.monotonic() > deadline:
                raise KmsRefused(f"key {key_id} is not ready")
            time.sleep(_POLL_SECONDS)
        return key_id

    def state(self, key_id: str) -> str:
        """``Enabled``, or Google's word for another state of version 1; empty when there is none."""
        try:
            state = self._client.get_crypto_key_version(request={"name": self._version(key_id)}).state.name
        except GoogleAPIError as error:
            if getattr(error, "grpc_status_code", None) == grpc.StatusCode.NOT_FOUND:
                return ""
            raise KmsRefused(str(error)) from error
        return "Enabled" if state == "ENABLED" else str(state)

    def public_key(self, key_id: str, usage: str) -> bytes:
        """The SubjectPublicKeyInfo of an enabled key of this usage (in the words of AWS)."""
        answer = self._call("get_public_key", name=self._version(key_id))
        if answer.algorithm.name not in _USAGES[usage]:
            raise KmsRefused(f"key {key_id} is of {answer.algorithm.name}, not for {usage}")
        return crypto.spki(serialization.load_pem_public_key(answer.pem.encode()))

    def delete(self, key_id: str) -> None:
        self._call("destroy_crypto_key_version", name=self._version(key_id))

    def sign(self, key_id: str, spec: int, data: bytes) -> bytes:
        return bytes(self._call("asymmetric_sign", name=self._version(key_id), data=data).signature)
