# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Initialisation of a node that waits for its identity: KMS keys, identifier and namespace, certificate, key mapping.

A node gets its identity once and cannot change it, so everything that can be compared is compared first. Every step reads the
state before it writes, so an interrupted run can be started again.

docs/canton/identity-and-start.md#manual-identity
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ..._errors import CantonError, NoIdentity
from ..._waiting import wait_for
from ..model.entities import AUTHORIZED, OPERATORS_TURN, Key
from ..model.ids import namespace_of
from ..model.interface import Canton3
from ..model.keys import PURPOSES, purpose_of
from . import registration
from .registration import MAX_KMS_KEY_ID, Wanted

IDENTIFIER = re.compile(r"(?!.*::)[a-zA-Z0-9:\-_ ]{1,185}")  # docs/canton/identity-and-start.md#identifiers
SHOWN_SECONDS = 30.0  # a node's own store lists what it has accepted at once, unless a read lags behind
MANUAL_LINES = "init.identity.type = manual and init.generate-topology-transactions-and-keys = false"


@dataclass(frozen=True)
class OldKey:
    """A key of an existing identity: its fingerprint, and how a node has to register it."""

    fingerprint: str
    purpose: str
    usage: tuple[str, ...]
    spec: str
    name: str

    @property
    def signs(self) -> bool:
        return self.purpose != "encryption"


@dataclass(frozen=True)
class OldIdentity:
    """What another node needs to take over this identity. ``signed`` holds its signed transactions in their order."""

    uid: str
    keys: tuple[OldKey, ...]
    mapped: tuple[str, ...]
    signed: tuple[bytes, ...]


@dataclass(frozen=True)
class State:
    """The state of a node's initialisation. ``keys`` has the fingerprint of each wanted key that is registered, or None."""

    uid: str | None
    keys: dict[str, str | None]
    root_certificate: bool
    key_mapping: bool
    initialized: bool

    def as_dict(self) -> dict[str, object]:
        return {
            "uid": self.uid,
            "keys": dict(self.keys),
            "root_certificate": self.root_certificate,
            "key_mapping": self.key_mapping,
            "initialized": self.initialized,
        }


def read_old(participant: Canton3) -> OldIdentity:
    """The identity of an initialised node, with the keys that its successor needs."""
    uid = participant.identity().uid
    mapped = [key.fingerprint for key in participant.owner_keys(AUTHORIZED, uid)]
    certified = {item.target for item in participant.delegations(AUTHORIZED, namespace_of(uid))}
    own = {key.fingerprint: key for key in participant.own_keys()}
    missing = [fingerprint for fingerprint in mapped if fingerprint not in own]
    if missing or not mapped:
        raise CantonError(
            f"The {participant.label} does not hold {len(missing) or 'any'} of the keys in its own key mapping",
            error_id="mapped_key_missing",
            hint="Its identity cannot be copied without them. Import the keys into its vault, or use method delegation.",
            details={"fingerprints": missing},
        )
    needed = [key for key in own.values() if key.fingerprint in {*mapped, *certified}]
    keys = tuple(OldKey(key.fingerprint, purpose_of(key), key.usage, key.spec, key.name) for key in needed)
    return OldIdentity(uid, keys, tuple(mapped), tuple(participant.signed_identity(uid)))


def read_state(participant: Canton3, wanted: t.Sequence[Wanted], seconds: float) -> State:
    """``seconds``: how long a node that was given its id by an earlier run may take to offer its topology."""
    identity = participant.identity()
    if identity.uid and not identity.initialized:
        _await_topology_services(participant, namespace_of(identity.uid), seconds)
    own = participant.own_keys()
    found = {_label(item): registration.registered(own, item) for item in wanted}
    uid = identity.uid
    mapped = {key.fingerprint for key in participant.owner_keys(AUTHORIZED, uid)} if uid else set()
    root = bool(uid) and any(
        item.is_root_certificate for item in participant.delegations(AUTHORIZED, namespace_of(uid))
    )
    return State(
        uid or None,
        {label: None if key is None else key.fingerprint for label, key in found.items()},
        root,
        bool(mapped) and mapped == _to_map(wanted, found),
        identity.initialized,
    )


def _to_map(wanted: t.Sequence[Wanted], found: t.Mapping[str, Key | None]) -> set[str]:
    keys = {_label(item): found[_label(item)] for item in wanted if item.purpose != "namespace"}
    return {key.fingerprint for key in keys.values() if key is not None} if all(keys.values()) else set()


def _label(item: Wanted) -> str:
    """The name of a key in results: its purpose; for an old identity, which may have several of one, with the fingerprint."""
    return f"{item.purpose} {item.fingerprint}" if item.fingerprint else item.purpose


def wanted_new(keys: t.Sequence[t.Mapping[str, t.Any]], identifier: str) -> list[Wanted]:
    """One key for each purpose, in Canton's order. Raises CantonError for more, fewer or impossible ones."""
    if not IDENTIFIER.fullmatch(identifier):
        raise CantonError(
            f"{identifier!r} is no valid identifier of a participant",
            error_id="identifier_invalid",
            hint="Use 1 to 185 letters, digits, hyphens and underscores.",
        )
    by_purpose: dict[str, t.Mapping[str, t.Any]] = {}
    for item in keys:
        if item["purpose"] is None or item["purpose"] in by_purpose:
            raise _keys_invalid("each key needs a purpose, and each purpose exactly one key")
        by_purpose[item["purpose"]] = item
    missing = [purpose for purpose in PURPOSES if purpose not in by_purpose]
    if missing:
        raise _keys_invalid(f"there is no key for {' and '.join(missing)}")
    found = [
        Wanted(
            purpose,
            by_purpose[purpose]["kms_key_id"],
            by_purpose[purpose]["name"] or f"{identifier}-{purpose.replace('_', '-')}",
            usage,
        )
        for purpose, usage in PURPOSES.items()
    ]
    _check_ids(found)
    return found


def wanted_old(keys: t.Sequence[t.Mapping[str, t.Any]], old: OldIdentity) -> list[Wanted]:
    """Every key of the old identity by its own usage, with the KMS key into which it was imported."""
    ids = {item["fingerprint"]: item["kms_key_id"] for item in keys}
    missing = [key for key in old.keys if key.fingerprint not in ids]
    if missing:
        listed = ", ".join(f"{key.purpose} {key.fingerprint}" for key in missing)
        raise _keys_invalid(f"there is no KMS key for these keys of the old participant: {listed}")
    found = [
        Wanted(key.purpose, ids[key.fingerprint], key.name, key.usage, key.fingerprint)
        for key in sorted(old.keys, key=lambda key: list(PURPOSES).index(key.purpose))
    ]
    _check_ids(found)
    return found


def _check_ids(wanted: t.Sequence[Wanted]) -> None:
    for item in wanted:
        if not 0 < len(item.kms_key_id) <= MAX_KMS_KEY_ID:
            raise _keys_invalid(f"the kms_key_id for {item.purpose} has {len(item.kms_key_id)} characters")
    if len({item.kms_key_id for item in wanted}) < len(wanted):
        raise _keys_invalid("two of them have the same kms_key_id")


def _keys_invalid(why: str) -> CantonError:
    return CantonError(
        f"The option keys is not valid: {why}",
        error_id="keys_invalid",
        hint=f"Set one KMS key (an id of at most {MAX_KMS_KEY_ID} characters) for each of {', '.join(PURPOSES)}; to take over an "
        "identity, one for each of its keys, by fingerprint.",
    )


def require_same_identity(
    participant: Canton3, state: State, wanted: t.Sequence[Wanted], identifier: str, namespace: str | None
) -> None:
    """Refuse what no later step could correct: another identity, another key mapping, a node that does not wait for one."""
    identity = participant.identity()
    if state.uid is not None:
        name, _separator, own = state.uid.rpartition("::")
        label = next((_label(item) for item in wanted if item.purpose == "namespace" and not namespace), None)
        expected = namespace or (state.keys[label] if label else None)
        if name != identifier or own != expected:
            raise CantonError(
                f"The {participant.label} has the identity {state.uid}, which cannot be changed",
                error_id="other_identity",
                hint=f"It cannot become {identifier}. Check the endpoint and the keys; another identity needs a new node with an empty "
                "database.",
                details={"uid": state.uid},
            )
    if identity.initialized and not state.key_mapping:
        raise CantonError(
            f"The {participant.label} is initialised with other keys than those in the option keys",
            error_id="other_keys",
            hint="Its keys are changed with participant_key_rotation. If it made keys for itself although it was to get some: set "
            f"{MANUAL_LINES}, and begin with an empty database.",
            details={"uid": state.uid},
        )
    if not identity.initialized and identity.waiting_for not in OPERATORS_TURN:
        raise CantonError(
            f"The {participant.label} does not wait for an identity (it waits for {identity.waiting_for or 'nothing that it names'})",
            error_id="not_waiting",
            hint=f"Set {MANUAL_LINES} in its configuration, and begin with an empty database.",
        )


def initialize_new(participant: Canton3, wanted: t.Sequence[Wanted], identifier: str, seconds: float) -> None:
    """Everything that is missing, in Canton's order, each step proven by a read (docs/canton/identity-and-start.md#manual-identity)."""
    keys = {item.purpose: registration.register(participant, item) for item in wanted}
    own = keys.pop("namespace")
    _give_id(participant, identifier, own.fingerprint)
    _await_topology_services(participant, own.fingerprint, seconds)
    _certify(participant, own)
    _map_keys(participant, f"{identifier}::{own.fingerprint}", list(keys.values()))
    _await(participant, seconds)


def initialize_like(participant: Canton3, wanted: t.Sequence[Wanted], old: OldIdentity, seconds: float) -> None:
    """The same for an identity that exists: its topology is loaded, not made. Its root key may be kept offline."""
    for item in wanted:
        registration.register(participant, item, "The node got no identity.")
    identifier, _separator, namespace = old.uid.rpartition("::")
    _give_id(participant, identifier, namespace)
    _await_topology_services(participant, namespace, seconds)
    _load(participant, old)
    _await(participant, seconds)


def _await_topology_services(participant: Canton3, namespace: str, seconds: float) -> None:
    """A slow node has its id for a while before it offers topology services (docs/canton/identity-and-start.md#manual-identity)."""

    def offered() -> bool:
        try:
            participant.delegations(AUTHORIZED, namespace)
        except NoIdentity:
            return False
        return True

    reached, _last = wait_for(offered, seconds)
    if not reached:
        raise CantonError(
            f"The {participant.label} has its id but offers no topology services after {seconds:g} seconds",
            error_id="not_initialized",
            hint="Check its log and its connection to the database, then run again: it resumes.",
        )


def _await(participant: Canton3, seconds: float) -> None:
    reached, _last = wait_for(lambda: participant.identity().initialized, seconds)
    if not reached:
        raise CantonError(
            f"The {participant.label} has identity and topology but is not initialised after {seconds:g} seconds",
            error_id="not_initialized",
            hint="Check its log and its connections to the database and the KMS, then run again: it resumes.",
        )


def _give_id(participant: Canton3, identifier: str, namespace: str) -> None:
    if participant.identity().uid:
        return
    participant.init_id(identifier, namespace)
    _reached, uid = wait_for(lambda: participant.identity().uid, SHOWN_SECONDS)
    if uid != f"{identifier}::{namespace}":
        raise CantonError(
            f"The {participant.label} has the identity {uid or 'none'} after its initialisation as {identifier}::{namespace}",
            error_id="other_identity",
            hint="Check whether another run initialises it at the same time.",
        )


def _certify(participant: Canton3, key: Key) -> None:
    def certified() -> bool:
        return any(item.is_root_certificate for item in participant.delegations(AUTHORIZED, key.fingerprint))

    if not certified():
        participant.authorize_root_certificate(key)
        _shown(participant, certified, "root certificate")


def _map_keys(participant: Canton3, uid: str, keys: t.Sequence[Key]) -> None:
    desired = {key.fingerprint for key in keys}

    def mapped() -> bool:
        return {key.fingerprint for key in participant.owner_keys(AUTHORIZED, uid)} == desired

    if not mapped():
        participant.authorize_owner_keys(uid, keys)
        _shown(participant, mapped, "key mapping")


def _load(participant: Canton3, old: OldIdentity) -> None:
    """Certificates and key mapping as the old participant signed them; known ones are a no-op (docs/canton/topology.md#signatures-on-transactions)."""

    def loaded() -> bool:
        mapped = {key.fingerprint for key in participant.owner_keys(AUTHORIZED, old.uid)}
        roots = participant.delegations(AUTHORIZED, namespace_of(old.uid))
        return mapped == set(old.mapped) and any(item.is_root_certificate for item in roots)

    if not loaded():
        participant.add_transactions(AUTHORIZED, old.signed)
        _shown(participant, loaded, "topology of the old participant")


def _shown(participant: Canton3, look: t.Callable[[], bool], what: str) -> None:
    reached, _last = wait_for(look, SHOWN_SECONDS)
    if not reached:
        raise CantonError(
            f"The {participant.label} accepted the {what} but does not list it",
            error_id="topology_not_effective",
            hint="Check the node's log, then run again.",
        )
