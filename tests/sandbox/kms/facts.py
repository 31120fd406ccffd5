# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others need to know of the KMS without loading boto3, which is slow."""

from __future__ import annotations

from typing import Protocol

from sandbox.wire import crypto


class KeyService(Protocol):
    """What a participant asks of a KMS, whoever provides it; keys by the ids of the provider. Raises KmsRefused."""

    def create_signing(self, spec: int, name: str) -> str: ...

    def create_encryption(self, name: str) -> str: ...

    def create_wrapper(self) -> str: ...

    def state(self, key_id: str) -> str: ...

    def public_key(self, key_id: str, usage: str) -> bytes: ...

    def delete(self, key_id: str) -> None: ...

    def sign(self, key_id: str, spec: int, data: bytes) -> bytes: ...


# The specs of signing keys that Canton uses in the KMS of each provider.
SIGNING_SPECS = {
    "aws": frozenset({crypto.P256, crypto.P384, crypto.SECP256K1}),
    "gcp": frozenset({crypto.P256, crypto.P384, crypto.SECP256K1, crypto.ED25519}),
}


class KmsRefused(Exception):
    """The KMS did not do what was asked; the text is its own."""


# The name under which the KMS is killed and started again and has knobs, as participants are and have by theirs.
KMS = "kms"

# All its keys are in this account.
ACCOUNT = "123456789012"

# The KMS of the sandbox accepts any credentials; these are what its own participants send.
DUMMY_CREDENTIALS = {"aws_access_key_id": "sandbox-access", "aws_secret_access_key": "sandbox-secret"}

# Calls with this one are answered AccessDeniedException.
POWERLESS_ACCESS_KEY_ID = "sandbox-without-permission"
