# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node of Canton 3 that manages keys: its own, or those of a KMS, and perhaps waits for its identity."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from unit.plugins.fakes import Fake
from unit.plugins.samples import synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, NoIdentity, SigningRefused
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Delegation,
    Identity,
    Key,
    OwnerKeys,
    Signature,
    Unsigned,
    WaitingFor,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.key_pair import KeyUnknown
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import (
    PURPOSES,
    fingerprint,
    listed_usage,
    transaction_hash,
)


class Killed(BaseException):
    """A module that was killed."""


@dataclass
class Vault(Fake):
    """``mapped``: the key mapping by store. ``ignores`` answers OK to a call and does nothing; ``dies_at`` is the call, before or
    after which the module is killed."""

    mapped: dict[str, list[Key]] = field(default_factory=dict)
    waits_for: WaitingFor = "id"
    refuses: dict[str, CantonError] = field(default_factory=dict)
    ignores: str = ""
    dies_at: str = ""
    dies_after: bool = False
    wrapper: str | None = None
    preview: CantonError | None = None
    stored: list[Key] = field(default_factory=list)  # public keys without private ones
    prepared: list[Key] = field(default_factory=list)
    signers: tuple[str, ...] = ()
    serial: int = 1
    # how many reads of its topology it refuses after it got its id
    slow_reads: int = 0

    def as_canton_3(self) -> Any:
        return self

    def identity(self) -> Identity:
        ready = bool(self.mapped.get(AUTHORIZED)) and bool(self.delegated.get(AUTHORIZED))
        return self.status or Identity(self.uid, ready, True, "3.5.10", "" if ready else self.waits_for, (34, 35))

    def _done(self, call: str) -> bool:
        """Write the call down; False when it must have no effect."""
        if self.dies_at == call and not self.dies_after:
            raise Killed
        if call in self.refuses:
            raise self.refuses[call]
        self.changes.append(call)
        return call != self.ignores

    def _die(self, call: str) -> None:
        if self.dies_at == call:
            raise Killed

    # -- keys ---------------------------------------------------------------------------------------------------------

    def _add(self, call: str, name: str, purpose: str, usage: Sequence[str], spec: str, kms_key_id: str = "") -> Key:
        # which a node adds by itself
        usages = tuple(dict.fromkeys((*usage, "proof_of_ownership"))) if usage else ()
        made = Key("1220" + (kms_key_id or name), name, purpose, usages, spec, kms_key_id, b"public", b"der")
        if self._done(call):
            self.keys.append(made)
        self._die(call)
        return made

    def register_kms_signing_key(self, kms_key_id: str, name: str, usage: Sequence[str]) -> Key:
        return self._add("register", name, "signing", usage, "ec_p256", kms_key_id)

    def register_kms_encryption_key(self, kms_key_id: str, name: str) -> Key:
        return self._add("register", name, "encryption", (), "rsa_2048", kms_key_id)

    def generate_signing_key(self, name: str, spec: str, usage: Sequence[str]) -> Key:
        return self._add("generate", name, "signing", usage, spec)

    def generate_encryption_key(self, name: str, spec: str) -> Key:
        return self._add("generate", name, "encryption", (), spec)

    def wrapper_key_id(self) -> str | None:
        return self.wrapper

    def export_key_pair(self, _fingerprint: str, _protocol_version: int) -> Any:
        raise self.preview or KeyUnknown("no such key")

    def public_keys(self) -> list[Key]:
        return [replace(key, kms_key_id="") for key in (*self.stored, *self.keys)]

    def public_key(self, spec: str, der: bytes, purpose: str) -> Key:
        kind = "encryption" if purpose == "encryption" else "signing"
        return Key(fingerprint(spec, der), "", kind, listed_usage(purpose), spec, "", der, der)

    # -- identity -----------------------------------------------------------------------------------------------------

    def init_id(self, identifier: str, namespace: str) -> None:
        if self._done("id"):
            self.uid = f"{identifier}::{namespace}"
        self._die("id")

    def authorize_root_certificate(self, key: Key) -> None:
        if self._done("certificate"):
            self.delegated[AUTHORIZED] = [Delegation(key.fingerprint, key.fingerprint, "all", 1)]
        self._die("certificate")

    def delegations(self, store: str, namespace: str = "", target: str = "") -> list[Delegation]:
        if self.uid and self.slow_reads > 0:
            self.slow_reads -= 1
            raise NoIdentity("not yet")
        return super().delegations(store, namespace, target)

    def owner_keys(self, store: str, uid: str) -> list[Key]:
        return self.mapped.get(store, []) if uid == self.uid else []

    def owner_mapping(self, store: str, uid: str) -> OwnerKeys:
        return OwnerKeys(tuple(self.owner_keys(store, uid)), self.serial, self.signers)

    def authorize_owner_keys(self, _uid: str, keys: Sequence[Key]) -> None:
        self._map(keys, self._own_signers(keys))

    def _map(self, keys: Sequence[Key], signers: Sequence[str]) -> None:
        if self._done("mapping"):
            self.mapped[AUTHORIZED] = list(keys)
            self.mapped.update({item.id: list(keys) for item in self.known if item.connected})
            self.serial, self.signers = self.serial + 1, tuple(signers)
        self._die("mapping")

    def _added(self, keys: Sequence[Key]) -> list[str]:
        before = {key.fingerprint for key in self.mapped.get(AUTHORIZED, [])}
        return [key.fingerprint for key in keys if key.purpose == "signing" and key.fingerprint not in before]

    def _able(self) -> list[str]:
        """The keys that can sign for the namespace."""
        return [item.target for item in self.delegated.get(AUTHORIZED, [])]

    def _own_signers(self, keys: Sequence[Key]) -> list[str]:
        held = {key.fingerprint for key in self.keys}
        return [each for each in (*self._able(), *self._added(keys)) if each in held]

    def generate_owner_keys(self, uid: str, keys: Sequence[Key]) -> Unsigned:
        self.prepared = list(keys)
        raw = json.dumps({"uid": uid}).encode()
        return Unsigned(raw, transaction_hash(raw))

    def with_signatures(self, unsigned: Unsigned, signatures: Sequence[Signature]) -> bytes:
        return json.dumps(
            {**json.loads(unsigned.transaction), "signed_by": [each.signed_by for each in signatures]}
        ).encode()

    def sign_transactions(self, signed: Sequence[bytes], signed_by: Sequence[str] = ()) -> list[bytes]:
        (values,) = map(json.loads, signed)
        own = self._own_signers(self.prepared)
        assert values["signed_by"] and own, "a node refuses what nobody has signed, and what it can't sign"
        return [json.dumps({**values, "signed_by": [*values["signed_by"], *own]}).encode()]

    def signed_identity(self, uid: str) -> list[bytes]:
        return [json.dumps([uid, [key.fingerprint for key in self.mapped[AUTHORIZED]]]).encode()]

    def add_transactions(
        self, store: str, signed: Sequence[bytes], wait_seconds: int = 0, alien_member: bool = False
    ) -> None:
        values = json.loads(signed[0])
        if isinstance(values, dict):
            signers = set(values["signed_by"])
            if not signers >= set(self._added(self.prepared)) or not signers & set(self._able()):
                raise SigningRefused("not fully signed", "redacted")
            self._map(self.prepared, values["signed_by"])
            return
        uid, mapped = values
        if self._done("load"):
            own = {key.fingerprint: key for key in self.keys}
            namespace = uid.rpartition("::")[2]
            self.delegated[AUTHORIZED] = [Delegation(namespace, namespace, "all", 1)]
            self.mapped[AUTHORIZED] = [own[fingerprint] for fingerprint in mapped]
        self._die("load")


def waiting(**values: Any) -> Any:
    """A node that waits for its identity."""
    return Vault(**{"uid": "", "label": "participant", **values})


def running(kms: bool = True, spec: str = "ec_p256", **values: Any) -> Any:
    """A node with an identity and one key for each purpose, connected to newsync."""
    node = Vault(**{"uid": "", "label": "participant", "known": [synchronizer("newsync")], **values})
    for purpose, usage in PURPOSES.items():
        kind = ("signing", usage, spec) if usage else ("encryption", usage, "rsa_2048")
        node._add("register", purpose, *kind, f"kms-{purpose}" if kms else "")
    node.init_id("node", node.keys[0].fingerprint)
    node.authorize_root_certificate(node.keys[0])
    node.authorize_owner_keys(node.uid, node.keys[1:])
    node.changes.clear()
    return node
