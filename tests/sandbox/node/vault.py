# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a participant: in its own store (JCE) or in a KMS, where only their ids are known (docs/canton/keys.md#kms-keys-in-lists).

A node may change from one to the other: what it has of the other kind stays where it is and counts for nothing meanwhile.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc

from sandbox.kms.facts import SIGNING_SPECS, KeyService, KmsRefused
from sandbox.state import keys
from sandbox.state.store import Store
from sandbox.wire import crypto, ids
from sandbox.wire.definitions import Messages
from sandbox.wire.errors import BareError, CantonError

NAMESPACE, SEQUENCER_AUTH, PROTOCOL, PROOF = 1, 3, 4, 5
_WRAPPER = "wrapper_key_id"


@dataclass(frozen=True)
class Key:
    """A key of the public store; ``own`` when the node also has, or can use, the private part: of ``private`` and
    ``kms_key_id`` only the one that goes with its crypto provider can be there."""

    fingerprint: str
    name: str
    public: Any
    private: bytes | None
    kms_key_id: str | None

    @property
    def own(self) -> bool:
        return self.private is not None or self.kms_key_id is not None

    @property
    def signing(self) -> Any | None:
        return self.public.signing_public_key if self.public.HasField("signing_public_key") else None


def full_usage(usage: list[int]) -> list[int]:
    """The usages that a key gets when these were asked: all but namespace keys also prove their ownership
    (docs/canton/keys.md#usages-in-messages)."""
    return usage if usage == [NAMESPACE] or PROOF in usage else [*usage, PROOF]


class Vault:
    """The keys of one participant. Also usable for a node of another process: seeds sign for it this way."""

    _PACKAGE = "crypto.v30"
    _NO_SECRET_KEY = "TOPOLOGY_SECRET_KEY_NOT_IN_STORE"

    def __init__(self, node: str, config: dict[str, Any], store: Store, messages: Messages) -> None:
        self.node = node
        self.config = config
        self._store = store
        self._messages = messages
        self._public_key = messages.cls(f"{self._PACKAGE}.PublicKey")
        self._signature = messages.cls(f"{self._PACKAGE}.Signature")

    @property
    def uses_kms(self) -> bool:
        return bool(self.config["crypto"] == "kms")

    @property
    def is_encrypted(self) -> bool:
        """Whether the keys of the own store are encrypted with a key of the KMS, the wrapper key."""
        return bool(self.config["wrapper_key"]) and not self.uses_kms

    def wrapper_key(self) -> str:
        """The id of the wrapper key, which is made when it is first needed. Nothing is really encrypted: nobody could tell."""
        known = self._store.knob(self.node, _WRAPPER, "")
        return str(known) if known else self.wrap_with(self.kms.create_wrapper())

    def wrap_with(self, key_id: str) -> str:
        self._store.set_knob(self.node, _WRAPPER, key_id)
        return key_id

    @functools.cached_property
    def kms(self) -> KeyService:
        # the libraries of both are slow to import, and JCE nodes never need them
        if self.provider == "gcp":
            from sandbox.kms.gcp import client as gcp

            return gcp.Kms(self.kms_endpoint, self.config["kms_ring"])
        from sandbox.kms.aws import client as aws

        shared = self._store.kms() or {"region": ""}
        return aws.Kms(self.kms_endpoint, self.config.get("kms_region") or shared["region"])

    @property
    def provider(self) -> str:
        return str(self.config.get("kms_provider", "aws"))

    @property
    def kms_endpoint(self) -> str:
        """The node's own setting, or the address of the network's KMS."""
        return str(self.config.get("kms_endpoint") or (self._store.kms() or {}).get("endpoint", ""))

    # Reading.

    def _key(self, row: sqlite3.Row) -> Key:
        public = self._public_key.FromString(row["public"])
        private, kms_key_id = (None, row["kms_key_id"]) if self.uses_kms else (row["private"], None)
        return Key(row["fingerprint"], row["name"], public, private, kms_key_id)

    def all_keys(self) -> Iterator[Key]:
        """All keys, own and imported ones, in the order in which they came."""
        with self._store.read() as connection:
            rows = keys.everything(connection, self.node)
        return (self._key(row) for row in rows)

    def find(self, fingerprint: str) -> Key | None:
        with self._store.read() as connection:
            row = keys.get(connection, self.node, fingerprint)
        return self._key(row) if row else None

    def holds(self, fingerprint: str) -> bool:
        """Whether the node can sign with this key."""
        found = self.find(fingerprint)
        return found is not None and found.own and found.signing is not None

    # Making and adding keys.

    def insert(self, public: Any, name: str, private: bytes | None = None, kms_key_id: str | None = None) -> str:
        """Put a key into the store, idempotent for the same key and name; returns the fingerprint
        (docs/canton/keys.md#a-public-key-is-stored-once)."""
        fingerprint = self.fingerprint(public)
        data = public.SerializeToString(deterministic=True)
        with self._store.write() as connection:
            known = keys.get(connection, self.node, fingerprint)
            if known and (known["public"], known["name"]) != (data, name):
                raise BareError(
                    grpc.StatusCode.INTERNAL,
                    f"Existing public key for {ids.short(fingerprint)} is different than inserted key",
                )
            keys.put(connection, self.node, fingerprint, name, data, private, kms_key_id)
        return fingerprint

    def fingerprint(self, public: Any) -> str:
        """Of a PublicKey message of this line."""
        return crypto.fingerprint(public)

    def delete(self, fingerprint: str) -> None:
        """The private key and the public one; in the KMS where it lies there. ``KmsRefused`` when the KMS keeps it."""
        found = self.find(fingerprint)
        if found is not None and found.kms_key_id:
            self.kms.delete(found.kms_key_id)
        with self._store.write() as connection:
            keys.delete(connection, self.node, fingerprint, registration=self.uses_kms)

    def _signing_key(self, public_der: bytes, spec: int, usage: list[int]) -> Any:
        public = self._public_key()
        key = public.signing_public_key
        key.format, key.public_key, key.key_spec = crypto.SPKI, public_der, spec
        key.usage.extend(full_usage(usage))
        return public

    def _encryption_key(self, public_der: bytes, spec: int) -> Any:
        public = self._public_key()
        key = public.encryption_public_key
        key.format, key.public_key, key.key_spec = crypto.SPKI, public_der, spec
        return public

    def default_spec(self) -> int:
        return crypto.P256 if self.uses_kms or self.config["key_spec"] == "ec_p256" else crypto.ED25519

    def generate_signing(self, name: str, usage: list[int], spec: int = 0) -> Any:
        """A new key, in the KMS on a KMS node; the SigningPublicKey message."""
        spec = spec or self.default_spec()
        if self.uses_kms:
            key_id = self.kms.create_signing(spec, name)
            return self.register_signing(key_id, name, usage)
        public_der, private = crypto.generate_signing(spec)
        public = self._signing_key(public_der, spec, usage)
        self.insert(public, name, private=private)
        return public.signing_public_key

    def generate_encryption(self, name: str, spec: int = 0) -> Any:
        if self.uses_kms:
            return self.register_encryption(self.kms.create_encryption(name), name)
        # Recorded: a node set up for P-256 signing keys had an RSA encryption key.
        default = crypto.ENC_RSA2048 if self.config["key_spec"] == "ec_p256" else crypto.ENC_P256
        spec = spec or default
        public_der, private = crypto.generate_encryption(spec)
        public = self._encryption_key(public_der, spec)
        self.insert(public, name, private=private)
        return public.encryption_public_key

    def first_signing(self, purpose: str, name: str, usage: list[int]) -> Any:
        """The key for a purpose of a node that sets itself up: a new one, or that of the KMS which the topology file names."""
        given = self.config["kms_keys"]
        if given == "auto" or not self.uses_kms:
            return self.generate_signing(name, usage)
        return self.register_signing(given[purpose], name, usage)

    def first_encryption(self, name: str) -> Any:
        given = self.config["kms_keys"]
        if given == "auto" or not self.uses_kms:
            return self.generate_encryption(name)
        return self.register_encryption(given["encryption"], name)

    def register_signing(self, key_id: str, name: str, usage: list[int]) -> Any:
        """Make a key of the KMS known; ``KmsRefused`` when it is not there or not fit."""
        public_der = self.kms.public_key(key_id, "SIGN_VERIFY")
        spec = crypto.spec_of(public_der)
        if spec not in SIGNING_SPECS[self.provider]:
            raise CantonError("REGISTER_KMS_KEY_INTERNAL_ERROR", f"key {key_id} is of no supported spec")
        assert spec is not None
        public = self._signing_key(public_der, spec, usage)
        self.insert(public, name, kms_key_id=key_id)
        return public.signing_public_key

    def register_encryption(self, key_id: str, name: str) -> Any:
        public_der = self.kms.public_key(key_id, "ENCRYPT_DECRYPT")
        public = self._encryption_key(public_der, crypto.ENC_RSA2048)
        self.insert(public, name, kms_key_id=key_id)
        return public.encryption_public_key

    def signing_public(self, public_der: bytes, spec: int, usage: list[int]) -> Any:
        """A PublicKey message for a key that comes from outside; its usages are taken as they are."""
        public = self._signing_key(public_der, spec, [])
        del public.signing_public_key.usage[:]
        public.signing_public_key.usage.extend(usage)
        return public

    def encryption_public(self, public_der: bytes, spec: int) -> Any:
        return self._encryption_key(public_der, spec)

    # Signing.

    def sign(self, fingerprint: str, data: bytes) -> Any:
        """A Signature message over ``data``; TOPOLOGY_SECRET_KEY_NOT_IN_STORE when the private part is not here."""
        key = self.find(fingerprint)
        if key is None or key.signing is None or not key.own:
            raise CantonError(
                self._NO_SECRET_KEY,
                f"The private key {ids.short(fingerprint)} is not in the private key store",
                {"keyId": ids.short(fingerprint)},
            )
        spec = self._spec(key.signing)
        if key.kms_key_id:
            signature = self._sign_in_kms(key.kms_key_id, spec, data)
        else:
            assert key.private is not None
            signature = crypto.sign(key.private, spec, data)
        return self._signed(fingerprint, spec, signature)

    def _spec(self, public: Any) -> int:
        return int(public.key_spec)

    def _signed(self, fingerprint: str, spec: int, signature: bytes) -> Any:
        return self._signature(
            format=crypto.signature_format(spec),
            signature=signature,
            signed_by=fingerprint,
            signing_algorithm_spec=crypto.algorithm(spec),
        )

    def _sign_in_kms(self, key_id: str, spec: int, data: bytes) -> bytes:
        try:
            return self.kms.sign(key_id, spec, data)
        except KmsRefused as error:
            raise CantonError("TOPOLOGY_MANAGER_INTERNAL_ERROR", f"the KMS did not sign: {error}") from error
