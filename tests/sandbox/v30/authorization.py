# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has to sign a topology transaction, and whether they did
(docs/canton/topology.md#required-signatures, docs/canton/topology.md#signatures-on-transactions)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.v30 import mappings
from sandbox.v30.mappings import ADD, DND, NSD, OTK, PTK, PTP, REMOVE
from sandbox.wire import crypto, ids
from sandbox.wire.errors import CantonError


@dataclass
class Required:
    """Every group of ``namespaces`` needs one of its members, every key of ``keys`` (by fingerprint) itself."""

    namespaces: list[frozenset[str]] = field(default_factory=list)
    keys: dict[str, Any] = field(default_factory=dict)

    def all_namespaces(self) -> list[str]:
        """Each namespace once, in the order of the groups."""
        return list(dict.fromkeys(ns for group in self.namespaces for ns in sorted(group)))

    def text(self) -> str:
        parts = [f"namespaces = {', '.join(map(ids.short, self.all_namespaces()))}"]
        if self.keys:
            parts.append(f"extraKeys = {', '.join(map(ids.short, self.keys))}")
        return f"ReferencedAuthorizations({', '.join(parts)})"


class Delegations:
    """The keys that may sign for one namespace, from the delegations in force in a store.

    ``entries`` are (NamespaceDelegation, fingerprints that signed it). Only keys that a chain of delegations leads to,
    beginning at the root certificate, count.
    """

    def __init__(self, namespace: str, entries: Iterable[tuple[Any, list[str]]]) -> None:
        self.namespace = namespace
        self._levels: dict[str, tuple[int, Any]] = {}
        waiting = [(crypto.fingerprint(delegation.target_key), delegation, signers) for delegation, signers in entries]
        for target, delegation, signers in waiting:
            if target == namespace and namespace in signers:
                self._levels[target] = (0, delegation)
        progress = bool(self._levels)
        while progress:
            progress = False
            for target, delegation, signers in waiting:
                if target in self._levels:
                    continue
                parents = [self._levels[key][0] for key in signers if self.may_sign(key, NSD)]
                if parents:
                    self._levels[target] = (min(parents) + 1, delegation)
                    progress = True

    def may_sign(self, key: str, code: int) -> bool:
        found = self._levels.get(key)
        return found is not None and mappings.may_sign(found[1], code)

    def key(self, fingerprint: str) -> Any | None:
        found = self._levels.get(fingerprint)
        return found[1].target_key if found else None

    def keys_for(self, code: int) -> list[str]:
        """Fingerprints that may sign this kind of mapping, the most specific (farthest from the root) first."""
        able = [key for key in self._levels if self.may_sign(key, code)]
        return sorted(able, key=lambda key: -self._levels[key][0])


@dataclass
class Namespaces:
    """What a store knows about namespaces: their delegations and, for decentralised ones, owners and threshold."""

    delegations: Callable[[str], Delegations]
    decentralized: Callable[[str], Any | None]

    def authorized(self, namespace: str, code: int, signers: set[str]) -> bool:
        """Whether these signatures speak for the namespace."""
        definition = self.decentralized(namespace)
        if definition is None:
            graph = self.delegations(namespace)
            return any(graph.may_sign(key, code) for key in signers)
        consenting = [owner for owner in definition.owners if self.authorized(owner, code, signers)]
        return bool(len(consenting) >= definition.threshold)

    def owners(self, namespace: str) -> list[str]:
        """The plain namespaces behind one."""
        definition = self.decentralized(namespace)
        return [namespace] if definition is None else list(definition.owners)


def _signing_keys(keys: Iterable[Any]) -> dict[str, Any]:
    return {
        crypto.fingerprint(key.signing_public_key): key.signing_public_key
        for key in keys
        if key.WhichOneof("key") == "signing_public_key"
    }


def _new_owner_keys(mapping: Any, previous: Any | None) -> dict[str, Any]:
    before = _signing_keys(previous.owner_to_key_mapping.public_keys) if previous is not None else {}
    now = _signing_keys(mapping.owner_to_key_mapping.public_keys)
    return {key: value for key, value in now.items() if key not in before}


def _party_keys(mapping: Any) -> dict[str, Any]:
    return {crypto.fingerprint(key): key for key in mapping.party_signing_keys.keys}


def _hosting_change(ours: str, before: Any | None, after: Any | None) -> list[frozenset[str]]:
    """The groups that one participant's entry in a party mapping asks for; ``ours`` is the party's namespace."""
    if after is None:
        return [frozenset([ours, ids.namespace(before.participant_uid)])] if before is not None else []
    theirs = ids.namespace(after.participant_uid)
    if before is None:
        return [frozenset([ours]), frozenset([theirs])]
    groups = []
    if after.permission < before.permission:
        groups += [frozenset([ours]), frozenset([theirs])]
    if after.permission > before.permission:
        groups.append(frozenset([ours, theirs]))
    if before.HasField("onboarding") and not after.HasField("onboarding"):
        groups.append(frozenset([theirs]))
    if after.HasField("onboarding") and not before.HasField("onboarding"):
        groups.append(frozenset([ours]))
    return groups


def _party_required(mapping: Any, previous: Any | None) -> Required:
    after = mapping.party_to_participant
    ours = ids.namespace(after.party)
    before = previous.party_to_participant if previous is not None else None
    old = {host.participant_uid: host for host in before.participants} if before is not None else {}
    new = {host.participant_uid: host for host in after.participants}
    required = Required()
    if before is None or before.threshold != after.threshold:
        required.namespaces.append(frozenset([ours]))
    for uid in dict.fromkeys([*new, *old]):
        required.namespaces += _hosting_change(ours, old.get(uid), new.get(uid))
    known = _party_keys(before) if before is not None else {}
    if before is not None and _party_keys(after) != known:
        required.namespaces.append(frozenset([ours]))
    required.keys = {key: value for key, value in _party_keys(after).items() if key not in known}
    return required


def required(operation: int, mapping: Any, previous: Any | None) -> Required:
    """Who must sign. ``previous`` is the mapping in force under the same unique key, if one is."""
    code = mappings.code(mapping)
    owner = frozenset([mappings.namespace(mapping)])
    if operation == REMOVE:
        return Required([owner])
    if code == PTP:
        return _party_required(mapping, previous)
    if code == OTK:
        return Required([owner], _new_owner_keys(mapping, previous))
    if code == PTK:
        keys = {crypto.fingerprint(key): key for key in mapping.party_to_key_mapping.signing_keys}
        return Required([owner], keys)
    if code == DND and previous is None:
        return Required([frozenset([ns]) for ns in mapping.decentralized_namespace_definition.owners])
    return Required([owner])


def is_root_certificate(operation: int, mapping: Any) -> bool:
    return operation == ADD and mappings.code(mapping) == NSD and mappings.is_root(mapping.namespace_delegation)


def _known_keys(operation: int, mapping: Any, need: Required, known: Namespaces) -> Callable[[str], Any | None]:
    graphs = [known.delegations(owner) for ns in need.all_namespaces() for owner in known.owners(ns)]

    def find(fingerprint: str) -> Any | None:
        if fingerprint in need.keys:
            return need.keys[fingerprint]
        if is_root_certificate(operation, mapping) and fingerprint == mapping.namespace_delegation.namespace:
            return mapping.namespace_delegation.target_key
        return next((graph.key(fingerprint) for graph in graphs if graph.key(fingerprint) is not None), None)

    return find


def _check(key: Any | None, signature: Any, data: bytes) -> None:
    if key is None:
        raise CantonError("TOPOLOGY_UNAUTHORIZED_TRANSACTION", f"no delegation for key {signature.signed_by}")
    if not crypto.verify(key, signature, data):
        raise CantonError("TOPOLOGY_INVALID_TX_SIGNATURE", f"signature of {signature.signed_by} does not verify")


def verify_signatures(
    signed: Any, transaction_hash: bytes, operation: int, mapping: Any, need: Required, known: Namespaces
) -> set[str]:
    """The fingerprints that signed, each signature checked; raises redacted errors for unknown keys and bad ones."""
    find = _known_keys(operation, mapping, need, known)
    signers = set()
    for signature in signed.signatures:
        _check(find(signature.signed_by), signature, transaction_hash)
        signers.add(signature.signed_by)
    for several in signed.multi_transaction_signatures:
        hashes = list(several.transaction_hashes)
        if transaction_hash not in hashes:
            raise CantonError("TOPOLOGY_MULTI_TRANSACTION_HASH_MISMATCH", "the transaction is not among those signed")
        for signature in several.signatures:
            _check(find(signature.signed_by), signature, crypto.multi_transaction_hash(hashes))
            signers.add(signature.signed_by)
    return signers


def satisfied(operation: int, mapping: Any, need: Required, known: Namespaces, signers: set[str]) -> bool:
    """Whether all that must sign have signed."""
    if is_root_certificate(operation, mapping):
        return mapping.namespace_delegation.namespace in signers
    code = mappings.code(mapping)
    if not set(need.keys) <= signers:
        return False
    return all(any(known.authorized(ns, code, signers) for ns in group) for group in need.namespaces)
