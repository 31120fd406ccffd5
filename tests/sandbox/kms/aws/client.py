# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The KMS as a participant of the sandbox uses it: through boto3, as Canton does through the AWS SDK
(docs/canton/kms-aws.md#algorithms)."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.kms.facts import DUMMY_CREDENTIALS, KmsRefused
from sandbox.wire import crypto

_ALGORITHMS = {crypto.P256: "ECDSA_SHA_256", crypto.P384: "ECDSA_SHA_384", crypto.SECP256K1: "ECDSA_SHA_256"}
_SPECS = {crypto.P256: "ECC_NIST_P256", crypto.P384: "ECC_NIST_P384", crypto.SECP256K1: "ECC_SECG_P256K1"}

_SHORTEST_WAIT_DAYS = 7


class Kms:
    """A KMS endpoint. Thread-safe, as boto3 clients are."""

    def __init__(self, endpoint: str, region: str) -> None:
        config = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 4}, max_pool_connections=32)
        self._client = boto3.client(
            "kms",
            endpoint_url=endpoint,
            region_name=region,
            config=config,
            aws_access_key_id=DUMMY_CREDENTIALS["aws_access_key_id"],
            aws_secret_access_key=DUMMY_CREDENTIALS["aws_secret_access_key"],
        )

    def _call(self, name: str, **arguments: Any) -> Any:
        try:
            return getattr(self._client, name)(**arguments)
        except (ClientError, BotoCoreError) as error:
            raise KmsRefused(str(error)) from error

    def create_signing(self, spec: int, name: str) -> str:
        """The id of a new key, tagged and described as Canton does it."""
        return self._create(_SPECS[spec], "SIGN_VERIFY", name)

    def create_encryption(self, name: str) -> str:
        return self._create("RSA_2048", "ENCRYPT_DECRYPT", name)

    def create_wrapper(self) -> str:
        return self._create("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "wrapper")

    def state(self, key_id: str) -> str:
        """AWS's word for the state of a key; empty when there is none."""
        try:
            return str(self._client.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "NotFoundException":
                return ""
            raise KmsRefused(str(error)) from error

    def _create(self, spec: str, usage: str, name: str) -> str:
        tags = [{"TagKey": "CreatedBy", "TagValue": "Canton"}]
        answer = self._call("create_key", KeySpec=spec, KeyUsage=usage, Description=name, Tags=tags)
        return str(answer["KeyMetadata"]["KeyId"])

    def public_key(self, key_id: str, usage: str) -> bytes:
        """The SubjectPublicKeyInfo of an enabled key of this usage (``SIGN_VERIFY`` or ``ENCRYPT_DECRYPT``)."""
        metadata = self._call("describe_key", KeyId=key_id)["KeyMetadata"]
        if metadata["KeyUsage"] != usage:
            raise KmsRefused(f"key {key_id} is for {metadata['KeyUsage']}, not for {usage}")
        if metadata["KeyState"] != "Enabled":
            raise KmsRefused(f"key {key_id} is {metadata['KeyState']}")
        return bytes(self._call("get_public_key", KeyId=key_id)["PublicKey"])

    def delete(self, key_id: str) -> None:
        """Schedules the deletion for as soon as AWS allows it."""
        self._call("schedule_key_deletion", KeyId=key_id, PendingWindowInDays=_SHORTEST_WAIT_DAYS)

    def sign(self, key_id: str, spec: int, data: bytes) -> bytes:
        answer = self._call("sign", KeyId=key_id, Message=data, MessageType="RAW", SigningAlgorithm=_ALGORITHMS[spec])
        return bytes(answer["Signature"])
