# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VaultService (docs/canton/keys.md#registering-a-kms-key, docs/canton/keys.md#exporting-a-key-pair)."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.message import DecodeError

from sandbox.kms.facts import SIGNING_SPECS, KmsRefused
from sandbox.node.services.service import Service
from sandbox.node.vault import NAMESPACE, PROOF, Key
from sandbox.v30.node import Node
from sandbox.wire import crypto, ids
from sandbox.wire.errors import BareError, CantonError, field_not_set, proto_failure

_SIGNING, _ENCRYPTION = 1, 2
_MAX_KMS_KEY_ID = 300


class VaultService(Service[Node]):
    SERVICE = "com.digitalasset.canton.crypto.admin.v30.VaultService"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._vault = node.vault

    # Lists.

    def ListMyKeys(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._cls("ListMyKeysResponse")()
        for key in self._vault.all_keys():
            if key.own and _matches(key, request.filters):
                entry = response.private_keys_metadata.add()
                entry.public_key_with_name.public_key.CopyFrom(key.public)
                entry.public_key_with_name.name = key.name
                if key.kms_key_id:
                    entry.kms_key_id = key.kms_key_id
                elif self._vault.is_encrypted:
                    entry.wrapper_key_id = self._vault.wrapper_key()
        return response

    def ListPublicKeys(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._cls("ListPublicKeysResponse")()
        for key in self._vault.all_keys():
            if _matches(key, request.filters):
                response.public_keys.add(public_key=key.public, name=key.name)
        return response

    # New keys.

    def GenerateSigningKey(self, request: Any, context: grpc.ServicerContext) -> Any:
        usage = _usage(request.usage)
        unfit = request.key_spec not in SIGNING_SPECS[self._vault.provider]
        if self._vault.uses_kms and request.key_spec and unfit:
            raise CantonError(
                "SIGNING_KEY_GENERATION_ERROR",
                "Unable to create signing key",
                {
                    "reason": "UnsupportedKeySpec(keySpec = EC-Curve25519,"
                    " supportedKeySpecs = Set(EC-P256, EC-P384, EC-Secp256k1))"
                },
            )
        try:
            key = self._vault.generate_signing(request.name, usage, request.key_spec)
        except KmsRefused as error:
            raise CantonError(
                "SIGNING_KEY_GENERATION_ERROR", "Unable to create signing key", {"reason": str(error)}
            ) from error
        return self._cls("GenerateSigningKeyResponse")(public_key=key)

    def GenerateEncryptionKey(self, request: Any, context: grpc.ServicerContext) -> Any:
        key = self._vault.generate_encryption(request.name, request.key_spec)
        return self._cls("GenerateEncryptionKeyResponse")(public_key=key)

    def RegisterKmsSigningKey(self, request: Any, context: grpc.ServicerContext) -> Any:
        usage = _usage(request.usage)
        self._check_kms(request.kms_key_id)
        try:
            key = self._vault.register_signing(request.kms_key_id, request.name, usage)
        except KmsRefused as error:
            raise CantonError("REGISTER_KMS_KEY_INTERNAL_ERROR", str(error)) from error
        return self._cls("RegisterKmsSigningKeyResponse")(public_key=key)

    def RegisterKmsEncryptionKey(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check_kms(request.kms_key_id)
        try:
            key = self._vault.register_encryption(request.kms_key_id, request.name)
        except KmsRefused as error:
            raise CantonError("REGISTER_KMS_KEY_INTERNAL_ERROR", str(error)) from error
        return self._cls("RegisterKmsEncryptionKeyResponse")(public_key=key)

    def _check_kms(self, key_id: str) -> None:
        if len(key_id) > _MAX_KMS_KEY_ID:
            raise CantonError("INVALID_KMS_KEY_ID", "The KMS key id is too long", {"kmsKeyId": key_id[:20]})
        if not self._vault.uses_kms:
            raise CantonError("REGISTER_KMS_KEY_INTERNAL_ERROR", "the node's crypto provider is not kms")

    # Import and export.

    def ImportPublicKey(self, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            public = self._node.messages.cls("crypto.v30.PublicKey").FromString(request.public_key)
        except DecodeError as error:
            raise proto_failure(f"BufferException({error})") from error
        if not public.WhichOneof("key"):
            raise field_not_set("key")
        fingerprint = self._vault.insert(public, request.name)
        return self._cls("ImportPublicKeyResponse")(fingerprint=fingerprint)

    def ExportKeyPair(self, request: Any, context: grpc.ServicerContext) -> Any:
        if not self._node.config["preview_commands"]:
            raise _precondition("Remote export of private keys only allowed when preview is enabled")
        if self._vault.uses_kms:
            raise _precondition("The selected crypto provider does not support exporting of private keys.")
        key = self._vault.find(request.fingerprint)
        if key is None or key.private is None:
            name = ids.short(request.fingerprint)
            raise _precondition(f"Error retrieving private key [{name}] no private key found for [{name}]")
        supported = self._node.release.protocol_versions
        if request.protocol_version not in supported:
            listed = ", ".join(map(str, supported))
            raise proto_failure(
                f"Protocol version failure: OtherError(Protocol version {request.protocol_version} is not supported."
                f" The supported versions are {listed}, dev.)"
            )
        if request.password:
            raise _precondition("The sandbox does not encrypt exported keys; leave the password empty.")
        return self._cls("ExportKeyPairResponse")(key_pair=self._node.messages.wrap(self._pair(key)))

    def _pair(self, key: Key) -> bytes:
        pair = self._node.messages.cls("crypto.v30.CryptoKeyPair")()
        if key.signing is not None:
            private = pair.signing_key_pair.private_key
            private.usage.extend(key.signing.usage)
            private.key_spec = key.signing.key_spec
        else:
            private = pair.encryption_key_pair.private_key
            private.key_spec = key.public.encryption_public_key.key_spec
        private.id, private.format, private.private_key = key.fingerprint, crypto.PKCS8, key.private
        return bytes(pair.SerializeToString())

    def ImportKeyPair(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self._vault.uses_kms:
            raise _precondition("The selected crypto provider does not support importing of private keys.")
        pair = self._parse_pair(request.key_pair)
        which = pair.WhichOneof("pair")
        if which is None:
            raise field_not_set("pair")
        private = getattr(pair, which).private_key
        public_der = crypto.public_of(private.private_key)
        if which == "signing_key_pair":
            public = self._vault.signing_public(public_der, private.key_spec, list(private.usage))
        else:
            public = self._vault.encryption_public(public_der, private.key_spec)
        self._vault.insert(public, request.name, private=private.private_key)
        return self._cls("ImportKeyPairResponse")()

    def _parse_pair(self, data: bytes) -> Any:
        """Wrapped or plain (docs/canton/contracts.md#versioned-wrapper)."""
        pair_class = self._node.messages.cls("crypto.v30.CryptoKeyPair")
        try:
            inner = self._node.messages.unwrap(data)
            return pair_class.FromString(inner or data)
        except DecodeError as error:
            raise proto_failure(f"BufferException({error})") from error

    def DeleteKeyPair(self, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            self._vault.delete(request.fingerprint)
        except KmsRefused as error:
            raise CantonError("CRYPTO_PRIVATE_STORE_ERROR", str(error)) from error
        return self._cls("DeleteKeyPairResponse")()

    # The wrapper key, where a node keeps its keys itself and encrypts them with a key of the KMS.

    def GetWrapperKeyId(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check_encrypted()
        return self._cls("GetWrapperKeyIdResponse")(wrapper_key_id=self._vault.wrapper_key())

    def RotateWrapperKey(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check_encrypted()
        new = request.new_wrapper_key_id
        try:
            state = self._vault.kms.state(new) if new else ""
            if new and not state:
                raise CantonError("WRAPPER_KEY_NOT_EXIST_ERROR", f"the KMS has no key {new}")
            if new and state != "Enabled":
                raise CantonError("WRAPPER_KEY_DISABLED_OR_DELETED_ERROR", f"key {new} is {state}")
            if new and new == self._vault.wrapper_key():
                raise CantonError("WRAPPER_KEY_ALREADY_IN_USE_ERROR", f"key {new} is in use already")
            self._vault.wrap_with(new or self._vault.kms.create_wrapper())
        except KmsRefused as error:
            raise CantonError("WRAPPER_KEY_ROTATION_INTERNAL_ERROR", str(error)) from error
        return self._cls("RotateWrapperKeyResponse")()

    def _check_encrypted(self) -> None:
        if not self._vault.is_encrypted:
            raise CantonError("NO_ENCRYPTED_PRIVATE_KEY_STORE_ERROR", "the private key store is not encrypted")


def _precondition(text: str) -> BareError:
    return BareError(grpc.StatusCode.FAILED_PRECONDITION, text)


def _usage(usage: Any) -> list[int]:
    if not usage:
        raise field_not_set("usage")
    if set(usage) in ({PROOF}, {NAMESPACE, PROOF}):
        raise proto_failure("InvariantViolation(Some(usage),Invalid combination of key usages)")
    return list(usage)


def _matches(key: Key, filters: Any) -> bool:
    if _ENCRYPTION in filters.purpose and filters.usage:
        raise BareError(grpc.StatusCode.INVALID_ARGUMENT, "Cannot specify a usage when listing encryption keys")
    if filters.fingerprint and filters.fingerprint != key.fingerprint:
        return False
    if filters.name not in key.name:
        return False
    purpose = _SIGNING if key.signing is not None else _ENCRYPTION
    if filters.purpose and purpose not in filters.purpose:
        return False
    wanted = set(filters.usage) - {PROOF}
    return not wanted or bool(key.signing is not None and wanted & set(key.signing.usage))
