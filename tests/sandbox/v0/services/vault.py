# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VaultService. Nodes with KMS keys play the enterprise edition, others the community one (docs/canton/canton-2.md#vault)."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.message import DecodeError

from sandbox.kms.facts import KmsRefused
from sandbox.node.services.service import Service
from sandbox.node.vault import Key
from sandbox.v0 import keys
from sandbox.v0.node import Node
from sandbox.wire import crypto, ids
from sandbox.wire.errors import BareError, field_not_set, proto_failure

_PRIVATE_KEY_FORMAT = keys.DER
_KMS_SCHEMES = (crypto.P256, crypto.P384)


class VaultService(Service[Node]):
    SERVICE = "com.digitalasset.canton.crypto.admin.v0.VaultService"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._vault = node.vault

    # Lists.

    def ListMyKeys(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._cls("ListMyKeysResponse")()
        for key in self._vault.all_keys():
            if key.own and _matches(key, request):
                entry = response.private_keys_metadata.add()
                entry.public_key_with_name.public_key.CopyFrom(key.public)
                entry.public_key_with_name.name = key.name
        return response

    def ListPublicKeys(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._cls("ListKeysResponse")()
        for key in self._vault.all_keys():
            if _matches(key, request):
                response.public_keys.add(public_key=key.public, name=key.name)
        return response

    # New keys.

    def GenerateSigningKey(self, request: Any, context: grpc.ServicerContext) -> Any:
        supported = _KMS_SCHEMES if self._vault.uses_kms else keys.SCHEMES
        if request.key_scheme and request.key_scheme not in supported:
            raise _precondition(f"Unsupported signing key scheme {request.key_scheme}")
        try:
            key = self._vault.generate_signing(request.name, [], request.key_scheme)
        except KmsRefused as error:
            raise _precondition(str(error)) from error
        return self._cls("GenerateSigningKeyResponse")(public_key=key)

    def GenerateEncryptionKey(self, request: Any, context: grpc.ServicerContext) -> Any:
        spec = crypto.ENC_RSA2048 if request.key_scheme == keys.RSA else 0
        try:
            key = self._vault.generate_encryption(request.name, spec)
        except KmsRefused as error:
            raise _precondition(str(error)) from error
        return self._cls("GenerateEncryptionKeyResponse")(public_key=key)

    def RegisterKmsSigningKey(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._enterprise()
        try:
            key = self._vault.register_signing(request.kms_key_id, request.name, [])
        except KmsRefused as error:
            raise _precondition(str(error)) from error
        return self._cls("RegisterKmsSigningKeyResponse")(public_key=key)

    def RegisterKmsEncryptionKey(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._enterprise()
        try:
            key = self._vault.register_encryption(request.kms_key_id, request.name)
        except KmsRefused as error:
            raise _precondition(str(error)) from error
        return self._cls("RegisterKmsEncryptionKeyResponse")(public_key=key)

    def _enterprise(self) -> None:
        if not self._vault.uses_kms:
            raise BareError(grpc.StatusCode.UNIMPLEMENTED, "This method is not supported by the community edition")

    # Import and export.

    def ImportPublicKey(self, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            public = self._node.messages.cls("crypto.v0.PublicKey").FromString(request.public_key)
        except DecodeError as error:
            raise proto_failure(f"BufferException({error})") from error
        which = public.WhichOneof("key")
        if not which:
            raise field_not_set("key")
        if getattr(public, which).id != keys.fingerprint(public):
            raise proto_failure("CryptoDeserializationError(the id of the key is not its fingerprint)")
        return self._cls("ImportPublicKeyResponse")(fingerprint=self._vault.insert(public, request.name))

    def ExportKeyPair(self, request: Any, context: grpc.ServicerContext) -> Any:
        if not self._node.config["preview_commands"]:
            raise _precondition("Remote export of private keys only allowed when preview is enabled")
        if self._vault.uses_kms:
            raise _precondition("The selected crypto provider does not support exporting of private keys.")
        key = self._vault.find(request.fingerprint)
        if key is None or key.private is None:
            name = ids.short(request.fingerprint)
            raise _precondition(f"Error retrieving private key [{name}] no private key found for [{name}]")
        if request.protocol_version not in self._node.release.protocol_versions:
            raise BareError(
                grpc.StatusCode.INVALID_ARGUMENT, f"Protocol version {request.protocol_version} is not supported"
            )
        pair = self._node.messages.wrap(self._pair(key), 0)
        return self._cls("ExportKeyPairResponse")(key_pair=pair)

    def _pair(self, key: Key) -> bytes:
        pair = self._node.messages.cls("crypto.v0.CryptoKeyPair")()
        which = key.public.WhichOneof("key").partition("_")[0]
        both = getattr(pair, f"{which}_key_pair")
        public = getattr(key.public, f"{which}_public_key")
        both.public_key.CopyFrom(public)
        both.private_key.id, both.private_key.scheme = key.fingerprint, public.scheme
        both.private_key.format, both.private_key.private_key = _PRIVATE_KEY_FORMAT, key.private
        return bytes(pair.SerializeToString())

    def ImportKeyPair(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self._vault.uses_kms:
            raise _precondition("The selected crypto provider does not support importing of private keys.")
        try:
            data = self._node.messages.unwrap(request.key_pair)
            pair = self._node.messages.cls("crypto.v0.CryptoKeyPair").FromString(data)
        except DecodeError as error:
            raise proto_failure(f"BufferException({error})") from error
        which = pair.WhichOneof("pair")
        if which is None:
            raise field_not_set("pair")
        both = getattr(pair, which)
        public = self._node.messages.cls("crypto.v0.PublicKey")()
        getattr(public, which.replace("_key_pair", "_public_key")).CopyFrom(both.public_key)
        self._vault.insert(public, request.name, private=both.private_key.private_key)
        return self._cls("ImportKeyPairResponse")()

    def DeleteKeyPair(self, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            self._vault.delete(request.fingerprint)
        except KmsRefused as error:
            raise _precondition(str(error)) from error
        return self._cls("DeleteKeyPairResponse")()

    # Wrapper key: no node of the sandbox encrypts its private store.

    def GetWrapperKeyId(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._enterprise()
        raise _precondition("The private key store is not encrypted")

    def RotateWrapperKey(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._enterprise()
        raise _precondition("The private key store is not encrypted")


def _precondition(text: str) -> BareError:
    return BareError(grpc.StatusCode.FAILED_PRECONDITION, text)


def _matches(key: Key, request: Any) -> bool:
    """The fingerprint may be cut short; of several purposes every one must be the key's."""
    purpose = keys.SIGNING if key.signing is not None else keys.ENCRYPTION
    return (
        key.fingerprint.startswith(request.filter_fingerprint)
        and request.filter_name in key.name
        and all(wanted == purpose for wanted in request.filter_purpose)
    )
