# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Namespace delegation: how its state is read, and how it is signed, loaded and proven."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass

from ..._errors import CantonError
from ..._outcome import Outcome
from ..._waiting import wait_for
from ..model.entities import AUTHORIZED, Key, SignedDelegation
from ..model.ids import namespace_of
from ..model.interface import Participant, Reader
from . import synchronizers

# A write reaches the synchronizer, and is in effect a quarter of a second later (docs/canton/topology.md#effect-after-a-delay).
EFFECT_SECONDS = 0.4
SIGNED_SECONDS = 30.0  # a node's own store lists what it has signed at once, unless a read lags behind


@dataclass(frozen=True)
class DelegationState:
    """Where a delegation is found: the source's own store, the target's own store, the synchronizer's store."""

    source: bool
    target: bool
    synchronizer: bool

    @classmethod
    def nowhere(cls) -> DelegationState:
        return cls(source=False, target=False, synchronizer=False)

    @classmethod
    def everywhere(cls) -> DelegationState:
        return cls(source=True, target=True, synchronizer=True)

    @property
    def complete(self) -> bool:
        """In force. The source's own store need not have it: the root key may have signed elsewhere."""
        return self.target and self.synchronizer


def namespace_key(participant: Reader, uid: str) -> Key:
    """The participant's namespace signing key: the one whose fingerprint is the namespace."""
    key = next((key for key in participant.own_keys() if key.fingerprint == namespace_of(uid)), None)
    if key is None:
        raise CantonError(
            f"The {participant.label} does not hold its own namespace key {namespace_of(uid)[:12]}…",
            error_id="namespace_key_missing",
            hint="Its root key is offline: import it into the vault for the time of the migration.",
        )
    return key


def is_delegated(participant: Reader, store: str, namespace: str, target_key: str) -> bool:
    return any(item.target == target_key for item in participant.delegations(store, namespace))


def delegation_state(
    source: Reader | None, target: Reader, namespace: str, target_key: str, synchronizer: str
) -> DelegationState:
    """Without a ``source`` its signature is at hand: it came in a file."""
    return DelegationState(
        source is None or is_delegated(source, AUTHORIZED, namespace, target_key),
        namespace in _namespaces_of(target, AUTHORIZED, target_key),
        namespace in _namespaces_of(target, synchronizer, target_key),
    )


def _namespaces_of(target: Reader, store: str, key: str, whole: bool = False) -> set[str]:
    """The namespaces that a store delegates to a key, all in one question; with ``whole`` only where it is for all parties."""
    found = target.delegations(store, target=key)
    return {item.namespace for item in found if not (whole and item.restriction == "specific")}


def refuse_removed_delegation(
    source: Reader | None, target: Reader | None, namespace: str, target_key: str, synchronizer: str
) -> None:
    """A delegation that was removed is never accepted again for the same key, although every call returns OK
    (docs/canton/topology.md#removed-delegations-never-return)."""
    places = ((source, AUTHORIZED), (target, AUTHORIZED), (target, synchronizer))
    for participant, store in places:
        if participant is None:
            continue
        removed = participant.signed_delegations(store, namespace, removed=True)
        if any(item.delegation.target == target_key for item in removed):
            raise CantonError(
                f"The delegation of namespace {namespace[:12]}… to key {target_key[:12]}… was removed once ({participant.label})",
                error_id="delegation_was_removed",
                hint="Canton never accepts it again for this key: migrate to a participant with another namespace key.",
            )


def refuse_without_root_key(source: Reader, namespace: str, state: DelegationState) -> None:
    """Only the root key can sign the delegation; it is not needed once that is signed (docs/canton/topology.md#who-can-delegate)."""
    if not state.source and not any(key.fingerprint == namespace for key in source.own_keys()):
        raise CantonError(
            f"The {source.label} does not hold the root key of namespace {namespace[:12]}…, and only that key can delegate it",
            error_id="namespace_key_missing",
            hint="Import the root key into its vault for the time of the migration, or sign with the node that holds it: "
            "online as source, or offline into a signed_file.",
        )


def delegate(
    source: Reader, target: Participant, namespace: str, target_key: Key, synchronizer: str, seconds: float
) -> None:
    """Delegate ``namespace`` to the target's key and load it on the target (docs/canton/migration.md#steps-of-a-delegation)."""
    written_for = target.written_for(synchronizers.find(target, synchronizer))
    chain = sign(source, namespace, target_key, written_for)
    load(source, target, chain, synchronizer, seconds)


def sign(source: Reader, namespace: str, target_key: Key, written_for: int | None) -> list[SignedDelegation]:
    """Root certificate and delegation of ``namespace``, signed by the source's root key unless they are there already."""
    if not is_delegated(source, AUTHORIZED, namespace, target_key.fingerprint):
        source.require_live("signing the delegation").authorize_delegation(namespace, target_key)
        wait_for(lambda: is_delegated(source, AUTHORIZED, namespace, target_key.fingerprint), SIGNED_SECONDS)
    return _chain(source, namespace, target_key.fingerprint, written_for)


def load(
    source: Reader | None, target: Participant, chain: t.Sequence[SignedDelegation], synchronizer: str, seconds: float
) -> None:
    """Load root certificate and delegation, in this order, on the target whose key the delegation is for.

    The proof is the list of the synchronizer's store, not the response.
    """
    target.add_transactions(AUTHORIZED, [item.signed for item in chain])
    delegation = chain[-1].delegation

    def in_force() -> bool:
        return delegation.namespace in _namespaces_of(target, synchronizer, delegation.target)

    wait_for(in_force, seconds, not_before=EFFECT_SECONDS)
    if not delegation_state(source, target, delegation.namespace, delegation.target, synchronizer).complete:
        raise CantonError(
            f"The delegation of {delegation.namespace[:12]}… to {delegation.target[:12]}… was accepted, but the synchronizer does not list it",
            error_id="delegation_not_effective",
            hint="Check that the target is connected to the synchronizer and healthy, then run again.",
        )


def _chain(source: Reader, namespace: str, target_key: str, written_for: int | None) -> list[SignedDelegation]:
    """Root certificate first, then the delegation: the other order is refused (docs/canton/topology.md#the-root-certificate-comes-first)."""
    stored = source.signed_delegations(AUTHORIZED, namespace, written_for=written_for)
    root = [item for item in stored if item.delegation.is_root_certificate]
    delegation = [item for item in stored if item.delegation.target == target_key]
    if not root or not delegation:
        raise CantonError(
            f"The {source.label} has no {'root certificate' if not root else 'delegation'} for namespace {namespace[:12]}… in its store",
            error_id="certificate_missing",
            hint="Check that the source is the participant that owns this namespace.",
        )
    return [root[0], delegation[0]]


def delegated_namespaces(target: Reader, synchronizer: str) -> set[str]:
    """The namespaces for whose parties the target can sign on this synchronizer: its own, and those delegated to its key.

    A delegation counts when both the target's own store and the synchronizer's list it, and when it is for all parties.
    """
    own = target.identity().namespace
    listed, in_force = (_namespaces_of(target, store, own, whole=True) for store in (AUTHORIZED, synchronizer))
    return {own} | (listed & in_force)


def ensure_present(params: t.Mapping[str, t.Any], source: Reader, target: Reader, check: bool) -> Outcome:
    """What ``participant_namespace_delegation`` does with the state ``present``: the source signs, unless it has signed."""
    namespace = params["namespace"] or source.identity().namespace
    key = namespace_key(target, target.identity().uid)

    def sign_and_load(store: str) -> None:
        loader = target.require_live("loading the delegation")
        delegate(source, loader, namespace, key, store, params["wait_timeout"])

    return ensure_in_force(params, source, target, namespace, key, sign_and_load, check)


def ensure_in_force(
    params: t.Mapping[str, t.Any],
    source: Reader | None,
    target: Reader,
    namespace: str,
    key: Key,
    bring: t.Callable[[str], None],
    check: bool,
) -> Outcome:
    """The delegation is effective on the synchronizer; ``bring`` loads it where it is not."""
    store = synchronizers.known_id(target, params["synchronizer"])
    before = delegation_state(source, target, namespace, key.fingerprint, store)
    after = before
    if not before.complete:
        after = DelegationState.everywhere()
        refuse_removed_delegation(source, target, namespace, key.fingerprint, store)
        if source is not None:
            refuse_without_root_key(source, namespace, before)
        if not check:
            synchronizers.connected_id(target, params["synchronizer"], "which the delegation has to reach")
            bring(store)
            after = delegation_state(source, target, namespace, key.fingerprint, store)
    return Outcome(
        asdict(before),
        asdict(after),
        {"namespace": namespace, "target_key": key.fingerprint, "delegation": asdict(after)},
    )
