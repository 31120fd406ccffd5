# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a participant of Canton 2: no usages, and every key message carries its fingerprint
(docs/canton/canton-2.md#keys)."""

from __future__ import annotations

from typing import Any

from sandbox.node import vault
from sandbox.v0 import keys
from sandbox.wire import crypto


class Vault(vault.Vault):
    _PACKAGE = "crypto.v0"
    _NO_SECRET_KEY = "SECRET_KEY_NOT_IN_STORE"

    def fingerprint(self, public: Any) -> str:
        return keys.fingerprint(public)

    def _signing_key(self, public_der: bytes, spec: int, usage: list[int]) -> Any:
        public = self._public_key()
        key = public.signing_public_key
        key.scheme = spec
        if spec == crypto.ED25519:
            key.format, key.public_key = keys.RAW, keys.raw(public_der)
        else:
            key.format, key.public_key = keys.DER, public_der
        key.id = keys.fingerprint(key)
        return public

    def _encryption_key(self, public_der: bytes, spec: int) -> Any:
        public = self._public_key()
        key = public.encryption_public_key
        key.format, key.public_key = keys.DER, public_der
        key.scheme = keys.RSA if spec == crypto.ENC_RSA2048 else keys.ECIES
        key.id = keys.fingerprint(key)
        return public

    def signing_public(self, public_der: bytes, spec: int, usage: list[int]) -> Any:
        return self._signing_key(public_der, spec, [])

    def _spec(self, public: Any) -> int:
        return int(public.scheme)

    def _signed(self, fingerprint: str, spec: int, signature: bytes) -> Any:
        return self._signature(format=keys.RAW_SIGNATURE, signature=signature, signed_by=fingerprint)
