# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing, encrypting and decrypting."""

from __future__ import annotations

from typing import Any

import grpc
from cryptography.exceptions import InvalidTag
from google.cloud import kms_v1

from sandbox.kms.gcp import crypto
from sandbox.kms.gcp.keys import Keys, State, Version
from sandbox.kms.gcp.rules import Refused, check_sum, invalid, wrong_state

# its classes take and give other types than those of their fields
kms: Any = kms_v1


class Use(Keys):
    def _usable(self, name: str, purpose: str) -> Version:
        version = self._version(name)
        if crypto.PURPOSES[version.shown.algorithm.name] != purpose:
            raise invalid(f"{name} is not of purpose {purpose}.")
        if version.shown.state != State.ENABLED:
            raise wrong_state(name, "enabled", version.shown.state)
        return version

    def _get_public_key(self, request: Any) -> Any:
        version = self._version(request.name)
        if version.shown.algorithm.name == crypto.SYMMETRIC:
            raise invalid(f"{request.name} has no public key.")
        if version.shown.state != State.ENABLED:
            raise wrong_state(request.name, "enabled", version.shown.state)
        algorithm = version.shown.algorithm
        key = crypto.generate(algorithm.name) if self.faults.wrong_public_key else version.material
        pem = crypto.public_pem(key)
        return kms.PublicKey(
            pem=pem,
            algorithm=algorithm,
            pem_crc32c=self._checksum(pem.encode()),
            name=request.name,
            protection_level=version.shown.protection_level,
        )

    def _checksum(self, data: bytes) -> int:
        return crypto.crc32c(data) ^ (1 if self.faults.damaged else 0)

    def _asymmetric_sign(self, request: Any) -> Any:
        version = self._usable(request.name, "ASYMMETRIC_SIGN")
        algorithm = version.shown.algorithm.name
        digest = request.digest.sha256 or request.digest.sha384 or request.digest.sha512 or None
        if digest is not None and len(digest) != crypto.digest_bytes(algorithm):
            raise invalid("The digest is not of the algorithm's kind.")
        if (digest is None) == (not request.data):
            raise invalid("Either data or digest has to be given.")
        check_sum("data", request.data, request.data_crc32c)
        check_sum("digest", digest or b"", request.digest_crc32c)
        data = request.data
        if self.faults.wrong_answers:
            data, digest = b"other" + data, digest and digest[::-1]
        signature = crypto.sign(version.material, algorithm, data, digest)
        return kms.AsymmetricSignResponse(
            signature=signature,
            signature_crc32c=self._checksum(signature),
            verified_data_crc32c=request.data_crc32c is not None,
            verified_digest_crc32c=request.digest_crc32c is not None,
            name=request.name,
        )

    def _asymmetric_decrypt(self, request: Any) -> Any:
        version = self._usable(request.name, "ASYMMETRIC_DECRYPT")
        check_sum("ciphertext", request.ciphertext, request.ciphertext_crc32c)
        try:
            plaintext = crypto.decrypt(version.material, request.ciphertext)
        except ValueError:
            raise invalid("Decryption failed: the ciphertext is invalid.") from None
        return kms.AsymmetricDecryptResponse(
            plaintext=plaintext,
            plaintext_crc32c=self._checksum(plaintext),
            verified_ciphertext_crc32c=request.ciphertext_crc32c is not None,
        )

    def _encrypt(self, request: Any) -> Any:
        key = self._key(request.name)
        if not key.versions:
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f"{request.name} has no primary version.")
        version = self._usable(key.versions[-1].shown.name, "ENCRYPT_DECRYPT")
        check_sum("plaintext", request.plaintext, request.plaintext_crc32c)
        sealed = crypto.seal(version.material, len(key.versions), request.plaintext)
        return kms.EncryptResponse(
            name=version.shown.name,
            ciphertext=sealed,
            ciphertext_crc32c=self._checksum(sealed),
            verified_plaintext_crc32c=request.plaintext_crc32c is not None,
        )

    def _decrypt(self, request: Any) -> Any:
        number = crypto.sealed_with(request.ciphertext)
        version = self._usable(f"{request.name}/cryptoKeyVersions/{number}", "ENCRYPT_DECRYPT")
        try:
            plaintext = crypto.open_sealed(version.material, request.ciphertext)
        except InvalidTag:
            raise invalid("Decryption failed: the ciphertext is invalid.") from None
        return kms.DecryptResponse(plaintext=plaintext, plaintext_crc32c=self._checksum(plaintext))
