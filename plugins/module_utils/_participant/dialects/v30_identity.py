# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Identity and keys of a participant of Canton 3: registration, generation, initialisation, key mapping.

Canton 2 has other calls for it, of which only the enterprise edition serves those about a KMS; this collection does without
them there (docs/canton/canton-2.md#vault).
"""

from __future__ import annotations

import typing as t

from ..._api.descriptors import Message
from ..._errors import Redacted, StoreNotEncrypted
from ..model.entities import AUTHORIZED, Key, OwnerKeys, Unsigned
from ..model.keys import PROOF_OF_OWNERSHIP, encryption_enum, listed_usage, signing_enum
from .v30_messages import ADD_NUMBER, CRYPTO, READ, TOPOLOGY, VAULT, key_of, query
from .v30_signing import Signing

SPKI = "CRYPTO_KEY_FORMAT_DER_X509_SUBJECT_PUBLIC_KEY_INFO"


def _usages(usage: t.Iterable[str]) -> list[str]:
    """Canton's enum names; a node adds the proof of ownership by itself (docs/canton/keys.md#usages-in-messages)."""
    return [_usage_enum(word) for word in usage if word != PROOF_OF_OWNERSHIP]


def _usage_enum(word: str) -> str:
    return f"SIGNING_KEY_USAGE_{word.upper()}"


def _without_time(base_query: dict[str, t.Any]) -> dict[str, t.Any]:
    return {name: value for name, value in base_query.items() if name != "head_state"}


def _delegates(transaction: Message, namespace: str) -> bool:
    mapping = transaction.mapping
    is_delegation = mapping.WhichOneof("mapping") == "namespace_delegation"
    return bool(is_delegation and mapping.namespace_delegation.namespace == namespace)


def _maps(transaction: Message, uid: str) -> bool:
    mapping = transaction.mapping
    is_mapping = mapping.WhichOneof("mapping") == "owner_to_key_mapping"
    return bool(is_mapping and mapping.owner_to_key_mapping.member == f"PAR::{uid}")


class OwnIdentity(Signing):
    def public_keys(self) -> list[Key]:
        answer = self.admin.read(VAULT + "ListPublicKeys")
        return [key_of(item.public_key, item.name, "") for item in answer.public_keys]

    def public_key(self, spec: str, der: bytes, purpose: str) -> Key:
        inner: dict[str, t.Any] = {"format": SPKI, "public_key": der}
        if purpose == "encryption":
            return self._public("encryption_public_key", {**inner, "key_spec": encryption_enum(spec)}, "", "")
        usage = [_usage_enum(word) for word in listed_usage(purpose)]
        return self._public("signing_public_key", {**inner, "usage": usage, "key_spec": signing_enum(spec)}, "", "")

    def register_kms_signing_key(self, kms_key_id: str, name: str, usage: t.Sequence[str]) -> Key:
        answer = self.admin.write(
            VAULT + "RegisterKmsSigningKey", kms_key_id=kms_key_id, name=name, usage=_usages(usage)
        )
        return self._public("signing_public_key", answer.public_key, name, kms_key_id)

    def register_kms_encryption_key(self, kms_key_id: str, name: str) -> Key:
        answer = self.admin.write(VAULT + "RegisterKmsEncryptionKey", kms_key_id=kms_key_id, name=name)
        return self._public("encryption_public_key", answer.public_key, name, kms_key_id)

    def generate_signing_key(self, name: str, spec: str, usage: t.Sequence[str]) -> Key:
        answer = self.admin.write(
            VAULT + "GenerateSigningKey", key_spec=signing_enum(spec), name=name, usage=_usages(usage)
        )
        return self._public("signing_public_key", answer.public_key, name, "")

    def generate_encryption_key(self, name: str, spec: str) -> Key:
        answer = self.admin.write(VAULT + "GenerateEncryptionKey", key_spec=encryption_enum(spec), name=name)
        return self._public("encryption_public_key", answer.public_key, name, "")

    def wrapper_key_id(self) -> str | None:
        """See docs/canton/keys.md#wrapper-key."""
        try:
            return str(self.admin.read(VAULT + "GetWrapperKeyId").wrapper_key_id)
        except (StoreNotEncrypted, Redacted):
            return None

    def _public(self, kind: str, public: t.Any, name: str, kms_key_id: str) -> Key:
        return key_of(self.admin.message(CRYPTO + "PublicKey")(**{kind: public}), name, kms_key_id)

    def init_id(self, identifier: str, namespace: str) -> None:
        self.admin.write(TOPOLOGY + "IdentityInitializationService/InitId", identifier=identifier, namespace=namespace)

    def authorize_root_certificate(self, key: Key) -> None:
        public = self.admin.message(CRYPTO + "PublicKey").FromString(key.public_key)
        certificate = {
            "namespace": key.fingerprint,
            "target_key": public.signing_public_key,
            "can_sign_all_mappings": {},
        }
        self._authorize_again({"namespace_delegation": certificate})

    def owner_keys(self, store: str, uid: str) -> list[Key]:
        return list(self.owner_mapping(store, uid).keys)

    def owner_mapping(self, store: str, uid: str) -> OwnerKeys:
        answer = self.admin.read(READ + "ListOwnerToKeyMapping", base_query=query(store), filter_key_owner_uid=uid)
        for result in answer.results:
            if result.item.member == f"PAR::{uid}":
                keys = tuple(key_of(public, "", "") for public in result.item.public_keys)
                return OwnerKeys(keys, result.context.serial, tuple(result.context.signed_by_fingerprints))
        return OwnerKeys()

    def signed_owner_keys(self, uid: str) -> list[tuple[int, bytes]]:
        past = self._stored({**_without_time(query(AUTHORIZED)), "range": {}}, uid.rpartition("::")[2])
        mappings = [(each.serial, raw) for signed, each, raw in past if not signed.proposal and _maps(each, uid)]
        return sorted(mappings, key=lambda pair: pair[0])

    def authorize_owner_keys(self, uid: str, keys: t.Sequence[Key]) -> None:
        """Sign, with the namespace key and every new signing key, that these are the keys of ``uid`` (docs/canton/topology.md#required-signatures)."""
        self._authorize_again(self._owner_keys_message(uid, keys))

    def generate_owner_keys(self, uid: str, keys: t.Sequence[Key]) -> Unsigned:
        unsigned = self._generate(self._owner_keys_message(uid, keys))
        content = self._content(unsigned)
        mapped = [key_of(public, "", "").fingerprint for public in content.mapping.owner_to_key_mapping.public_keys]
        same = _maps(content, uid) and mapped == [key.fingerprint for key in keys]
        if not same or content.operation != ADD_NUMBER:
            raise self._other_content()
        return unsigned

    def _owner_keys_message(self, uid: str, keys: t.Sequence[Key]) -> dict[str, t.Any]:
        message = self.admin.message(CRYPTO + "PublicKey")
        public_keys = [message.FromString(key.public_key) for key in keys]
        return {"owner_to_key_mapping": {"member": f"PAR::{uid}", "public_keys": public_keys}}

    def signed_identity(self, uid: str) -> list[bytes]:
        """The signed transactions that make up this participant's identity, as its own store has them: its namespace's
        delegations, root certificate first, and its key mapping with its whole past.

        A later mapping is signed by the keys that it added only, so it is worth nothing without the earlier ones
        (docs/canton/topology.md#a-key-mapping-needs-its-past).
        """
        namespace = uid.rpartition("::")[2]
        stored = self._stored(query(AUTHORIZED), namespace)
        certificates = [
            (self._is_other(each, namespace), raw)
            for signed, each, raw in stored
            if not signed.proposal and _delegates(each, namespace)
        ]
        # sorted is stable: further delegations stay in the order in which the node has taken them
        ordered = [*sorted(certificates, key=lambda pair: pair[0]), *self.signed_owner_keys(uid)]
        return [raw for _rank, raw in ordered]

    def _is_other(self, transaction: Message, namespace: str) -> bool:
        """Whether a delegation is another than the root certificate."""
        key = transaction.mapping.namespace_delegation.target_key
        target = key_of(self.admin.message(CRYPTO + "PublicKey")(signing_public_key=key), "", "")
        return target.fingerprint != namespace
