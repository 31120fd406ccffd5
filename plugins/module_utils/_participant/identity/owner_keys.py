# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The owner-to-key mapping of a participant: the one way to write it, whoever signs, and its proof.

Its namespace signs it, and every signing key that it adds, to prove that its owner has it. The node does what its keys can; keys that
no node holds yet, or that are in a KMS which the node does not use, sign through ``OutsideKey`` (docs/canton/topology.md#required-signatures).
The order counts: senders encrypt for the last encryption key (docs/canton/keys.md#order-of-a-mapping).
"""

from __future__ import annotations

import operator
import typing as t
from dataclasses import dataclass, replace

from ..._errors import CantonError
from ..._waiting import wait_for
from ..model import ids
from ..model.entities import AUTHORIZED, Key, Signature
from ..model.ids import namespace_of
from ..model.interface import Canton3
from ..model.keys import PURPOSES, serves
from ..topology import synchronizers

MAPPED = tuple(purpose for purpose in PURPOSES if purpose != "namespace")


@dataclass(frozen=True)
class OutsideKey:
    """A key that signs outside of the node. ``sign`` takes a message of up to 4096 bytes, and returns only what verifies."""

    key: Key
    sign: t.Callable[[bytes], Signature]


@dataclass(frozen=True)
class Outside:
    """The signers outside of the node: for keys of the mapping, and for the namespace, which is used only when the node can't."""

    keys: tuple[OutsideKey, ...] = ()
    namespace: OutsideKey | None = None


NOBODY = Outside()
Stores = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Plan:
    """A key mapping as it is to be. ``keys`` have the KMS ids that are known. ``present`` and ``desired`` have the fingerprints in
    each store that counts, by its name in results."""

    uid: str
    mapped: tuple[Key, ...]
    keys: tuple[Key, ...]
    present: Stores
    desired: Stores

    @property
    def done(self) -> bool:
        return self.present == self.desired

    @property
    def written(self) -> bool:
        """Whether the node's own store has it: what is missing then are synchronizers."""
        return prints(self.mapped) == prints(self.keys)

    @property
    def previous(self) -> list[Key]:
        """The keys as they are mapped, with the KMS ids that are known of ``keys``."""
        known = {key.fingerprint: key for key in self.keys}
        return [known.get(key.fingerprint, key) for key in self.mapped]


def prints(keys: t.Iterable[Key]) -> tuple[str, ...]:
    return tuple(key.fingerprint for key in keys)


def plan(
    participant: Canton3,
    wanted: t.Sequence[tuple[Key | str, str]],
    outside: Outside = NOBODY,
    keep_others: bool = True,
    broadcaster: Canton3 | None = None,
) -> Plan:
    """The mapping with these keys in this order, and the others after them, if they are kept. Changes nothing.

    ``wanted`` are pairs of a key, or of the fingerprint of one that the node knows, and its purpose, empty for any. Raises CantonError
    for a mapping that no node could work with, and where a signature is missing that neither the node nor ``outside`` can make.
    """
    status = participant.identity()
    if not status.uid:
        raise CantonError(
            f"The {participant.label} has no identity, so it has no key mapping",
            error_id="not_initialized",
            hint="Initialise it first (participant_identity).",
        )
    mapped = tuple(_with_kms_id(participant, key) for key in participant.owner_keys(AUTHORIZED, status.uid))
    known = _known(participant, mapped)
    chosen = [_choose(participant, known, key, purpose) for key, purpose in wanted]
    if len(set(prints(chosen))) < len(chosen):
        raise _invalid("two of them are the same key")
    others = [key for key in mapped if key.fingerprint not in prints(chosen)] if keep_others else []
    keys = tuple(_with_kms_id(participant, key) for key in (*chosen, *others))
    _refuse_incomplete(participant, keys)
    views = _views(participant, status.uid, broadcaster)
    found = Plan(status.uid, mapped, keys, views, dict.fromkeys(views, prints(keys)))
    if not found.written:
        signers_of(participant, status.uid, keys, outside)
    return found


def _known(participant: Canton3, mapped: t.Sequence[Key]) -> dict[str, Key]:
    """Every key whose public key the node can name, in the form of the mapping where it is in that."""
    known = {key.fingerprint: key for key in participant.public_keys()}
    known.update((key.fingerprint, key) for key in participant.own_keys())
    known.update((key.fingerprint, key) for key in mapped)
    return known


def _choose(participant: Canton3, known: t.Mapping[str, Key], wanted: Key | str, purpose: str) -> Key:
    if isinstance(wanted, str):
        if wanted not in known:
            raise CantonError(
                f"The {participant.label} does not know a key {wanted}",
                error_id="key_unknown",
                hint="Set fingerprint to a key of its key mapping or its vault (participant_info lists them), or name a KMS key by kms_key_id.",
            )
        key = known[wanted]
    else:
        stored = known.get(wanted.fingerprint, wanted)
        key = replace(stored, kms_key_id=wanted.kms_key_id or stored.kms_key_id)
    purposes = [each for each in MAPPED if serves(key, each)]
    if not purposes or (purpose and purpose not in purposes):
        raise CantonError(
            f"Key {key.fingerprint} is for {' and '.join(key.usage) or key.purpose}, not for {purpose or ', '.join(MAPPED)}",
            error_id="key_purpose_unfit",
            hint="Use another key for this purpose. A namespace key is delegated to, not mapped (participant_kms_delegation).",
            details={"fingerprint": key.fingerprint},
        )
    return key


def _with_kms_id(participant: Canton3, key: Key) -> Key:
    own = next((each for each in participant.own_keys() if each.fingerprint == key.fingerprint), None)
    return replace(key, kms_key_id=own.kms_key_id) if own is not None and own.kms_key_id else key


def _invalid(why: str) -> CantonError:
    return CantonError(
        f"The option keys is not valid: {why}",
        error_id="keys_invalid",
        hint="Name each key once, by kms_key_id and purpose, or by fingerprint.",
    )


def _refuse_incomplete(participant: Canton3, keys: t.Sequence[Key]) -> None:
    missing = [purpose for purpose in MAPPED if not any(serves(key, purpose) for key in keys)]
    if missing:
        raise CantonError(
            f"The {participant.label} would have no {' and no '.join(missing)} key in its key mapping",
            error_id="mapping_incomplete",
            hint="A node without one of them cannot take part in any transaction. Name a key for it, or set other_keys to keep.",
            details={"purposes": missing},
        )


def _views(participant: Canton3, uid: str, broadcaster: Canton3 | None) -> Stores:
    """The mapping in the node's own store, in those of its connected synchronizers, and, as ``broadcaster`` sees them, of its others."""
    found = {
        label: prints(participant.owner_keys(store, uid)) for store, label in synchronizers.stores(participant).items()
    }
    for store, label in _broadcast_to(participant, broadcaster).items():
        if broadcaster is not None:
            found[label] = prints(broadcaster.owner_keys(store, uid))
    return found


def _broadcast_to(participant: Canton3, broadcaster: Canton3 | None) -> dict[str, str]:
    """The synchronizers of the node, by id, to which the broadcaster is connected, with the node's aliases."""
    if broadcaster is None:
        return {}
    reached = {item.id for item in broadcaster.synchronizers() if item.connected}
    return {item.id: item.alias for item in participant.synchronizers() if item.physical_id and item.id in reached}


@dataclass(frozen=True)
class Signers:
    """Who signs a mapping: keys outside of the node, and whether the node has to sign as well."""

    outside: tuple[OutsideKey, ...]
    node: bool


def signers_of(participant: Canton3, uid: str, keys: t.Sequence[Key], outside: Outside) -> Signers:
    """Who has to sign these keys. CantonError when a signature can't be had."""
    held = set(prints(participant.own_keys()))
    before = set(prints(participant.owner_keys(AUTHORIZED, uid)))
    added = [key for key in keys if key.purpose == "signing" and key.fingerprint not in before]
    by_print = {each.key.fingerprint: each for each in outside.keys}
    missing = [key.fingerprint for key in added if key.fingerprint not in held and key.fingerprint not in by_print]
    if missing:
        raise CantonError(
            f"The {participant.label} does not hold {len(missing)} of the new signing keys: {ids.some(missing)}",
            error_id="key_not_held",
            hint="A new signing key has to sign the mapping. Name a KMS key by kms_key_id, so that it signs through the KMS.",
            details={"fingerprints": missing},
        )
    foreign = [by_print[key.fingerprint] for key in added if key.fingerprint not in held]
    able = namespace_signers(participant, uid)
    if able & held:
        return Signers(tuple(foreign), node=True)
    if outside.namespace is None or outside.namespace.key.fingerprint not in able:
        raise _no_namespace_key(participant, able, outside.namespace)
    return Signers((*foreign, outside.namespace), node=any(key.fingerprint in held for key in added))


def namespace_signers(participant: Canton3, uid: str) -> set[str]:
    """The keys, by fingerprint, that may sign key mappings of the participant's namespace, whoever holds them."""
    listed = participant.delegations(AUTHORIZED, namespace_of(uid))
    return {item.target for item in listed if item.restriction != "specific"}


def _no_namespace_key(participant: Canton3, able: t.Collection[str], given: OutsideKey | None) -> CantonError:
    listed = ", ".join(sorted(able))
    what = "" if given is None else f", and KMS key {given.key.kms_key_id} ({given.key.fingerprint}) is none of them"
    return CantonError(
        f"The {participant.label} holds none of the keys that can sign for its namespace{what}",
        error_id="namespace_key_missing",
        hint=f"One of these keys has to sign: {listed}. Set namespace_kms_key_id to the KMS key that is one of them, or import the key "
        "into the node's vault.",
        details={"fingerprints": sorted(able)},
    )


def write(
    participant: Canton3,
    uid: str,
    keys: t.Sequence[Key],
    seconds: float,
    outside: Outside = NOBODY,
    broadcaster: Canton3 | None = None,
) -> None:
    """Make these the keys of the participant, in this order; proven in its own store and in that of every connected synchronizer.

    ``broadcaster`` is another participant, which hands what the node's own store has to the synchronizers that lack it.
    """
    if prints(participant.owner_keys(AUTHORIZED, uid)) != prints(keys):
        _sign(participant, uid, keys, outside)
    if broadcaster is not None:
        # a node that can't send: its own store has the mapping at once, a synchronizer only by the other one
        _await(participant, keys, seconds, lambda: {AUTHORIZED: prints(participant.owner_keys(AUTHORIZED, uid))})
        _broadcast(participant, broadcaster, uid, keys)
    _await(participant, keys, seconds, lambda: _views(participant, uid, broadcaster))


def _sign(participant: Canton3, uid: str, keys: t.Sequence[Key], outside: Outside) -> None:
    signers = signers_of(participant, uid, keys, outside)
    if not signers.outside:
        participant.authorize_owner_keys(uid, keys)
        return
    unsigned = participant.generate_owner_keys(uid, keys)
    signed = participant.with_signatures(unsigned, [each.sign(unsigned.hash) for each in signers.outside])
    if signers.node:
        (signed,) = participant.sign_transactions([signed])
    participant.add_transactions(AUTHORIZED, [signed])


def _broadcast(participant: Canton3, broadcaster: Canton3, uid: str, keys: t.Sequence[Key]) -> None:
    """Hand the synchronizers every mapping that they lack: they take no serial before the one that precedes it."""
    for store in _broadcast_to(participant, broadcaster):
        there = broadcaster.owner_mapping(store, uid)
        if prints(there.keys) != prints(keys):
            later = [raw for serial, raw in participant.signed_owner_keys(uid) if serial > there.serial]
            broadcaster.add_transactions(store, later, alien_member=True)


def _await(participant: Canton3, keys: t.Sequence[Key], seconds: float, look: t.Callable[[], Stores]) -> None:
    desired = prints(keys)

    def missing() -> list[str]:
        return ["its own store" if label == AUTHORIZED else label for label, each in look().items() if each != desired]

    _reached, left = wait_for(missing, seconds, until=operator.not_)
    if left:
        raise CantonError(
            f"The new key mapping of the {participant.label} was accepted, but is not listed in {', '.join(left)} after "
            f"{seconds:g} seconds",
            error_id="mapping_not_effective",
            hint="The old keys are still in force. Check that the synchronizer is healthy, then run again: it resumes. A node that holds "
            "none of the keys in force there can't send: then another participant has to (participant_key_mapping with broadcast_by).",
        )


def waiting_elsewhere(participant: Canton3, broadcaster: Canton3 | None = None) -> list[str]:
    """Synchronizers that get a new key only at their next connect."""
    reached = _broadcast_to(participant, broadcaster)
    return [
        item.alias
        for item in participant.synchronizers()
        if item.physical_id and not item.connected and item.id not in reached
    ]


def unusable(participant: Canton3, keys: t.Sequence[Key]) -> list[str]:
    """The purposes for which the node holds no key of these; for encryption the last one counts, which senders use."""
    held = set(prints(participant.own_keys()))
    found = [
        purpose
        for purpose in MAPPED
        if purpose != "encryption" and not any(serves(key, purpose) and key.fingerprint in held for key in keys)
    ]
    latest = [key.fingerprint for key in keys if serves(key, "encryption")][-1:]
    return [*found, *("encryption" for fingerprint in latest if fingerprint not in held)]
