# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Delegation of a participant's own namespace to one more key, which no node needs to hold yet.

The root key of a namespace can't be changed. With a delegation another key signs in its place, for all mappings or for all but further
delegations (docs/canton/topology.md#delegations).
"""

from __future__ import annotations

import typing as t

from ..._errors import CantonError
from ..._waiting import wait_for
from ..model.entities import AUTHORIZED, Key, Restriction
from ..model.interface import Canton3
from . import delegation, synchronizers

# How far the delegation goes in each store that counts, by its name in results; None: there is none.
State = dict[str, t.Optional[str]]
OWN = AUTHORIZED  # the node's own store in it
WORDS: dict[Restriction, str] = {
    "all": "can_sign_all_mappings",
    "all_but_namespace_delegations": "can_sign_all_but_namespace_delegations",
    "specific": "can_sign_specific_mappings",
}
RESTRICTIONS: dict[str, Restriction] = {word: restriction for restriction, word in WORDS.items()}


def state(participant: Canton3, namespace: str, fingerprint: str) -> State:
    """How far the delegation goes in the node's own store, and in those of its connected synchronizers."""
    return {
        label: _restriction(participant, store, namespace, fingerprint)
        for store, label in synchronizers.stores(participant).items()
    }


def _restriction(participant: Canton3, store: str, namespace: str, fingerprint: str) -> str | None:
    found = [item for item in participant.delegations(store, namespace) if item.target == fingerprint]
    return WORDS[found[0].restriction] if found else None


def refuse_removed(participant: Canton3, namespace: str, fingerprint: str) -> None:
    """Canton accepts a removed delegation never again for the same key, although every call returns OK."""
    for store in synchronizers.stores(participant):
        delegation.refuse_removed_delegation(participant, participant, namespace, fingerprint, store)


def refuse_without_signer(participant: Canton3, namespace: str, fingerprint: str) -> None:
    """A delegation, or the removal of one, is signed by the root key or by a key that may delegate further; not by ``fingerprint``."""
    able = {item.target for item in participant.delegations(AUTHORIZED, namespace) if item.restriction == "all"}
    able.discard(fingerprint)
    if not able & {key.fingerprint for key in participant.own_keys()}:
        raise CantonError(
            f"The {participant.label} holds none of the keys that can sign a delegation of its namespace",
            error_id="namespace_key_missing",
            hint=f"It needs the root key {namespace} or another key that was delegated with can_sign_all_mappings: one of "
            f"{', '.join(sorted(able)) or namespace}. Import it into the node's vault, or register it if it is a KMS key "
            "(participant_kms_key).",
            details={"fingerprints": sorted(able)},
        )


def refuse_root(namespace: str, fingerprint: str) -> None:
    if fingerprint == namespace:
        raise CantonError(
            "The KMS key is the root key of the namespace itself",
            error_id="root_key",
            hint="It needs no delegation, and its root certificate cannot be taken back. Register it (participant_kms_key).",
        )


def delegate(participant: Canton3, namespace: str, key: Key, restriction: str, seconds: float) -> None:
    """Delegate, and prove it by the lists of the node's own store and of every connected synchronizer."""
    if _restriction(participant, AUTHORIZED, namespace, key.fingerprint) != restriction:
        participant.authorize_delegation(namespace, key, RESTRICTIONS[restriction])
    _await(participant, namespace, key, restriction, seconds)


def undelegate(participant: Canton3, namespace: str, key: Key, seconds: float) -> None:
    """Take the delegation back for good; no store lists it afterwards."""
    if _restriction(participant, AUTHORIZED, namespace, key.fingerprint) is not None:
        participant.remove_delegation(namespace, key)
    _await(participant, namespace, key, None, seconds)


def _await(participant: Canton3, namespace: str, key: Key, restriction: str | None, seconds: float) -> None:
    def left() -> list[str]:
        found = state(participant, namespace, key.fingerprint)
        return [
            "its own store" if label == AUTHORIZED else label for label, each in found.items() if each != restriction
        ]

    _reached, late = wait_for(left, seconds, until=lambda labels: not labels)
    if late:
        raise CantonError(
            f"The {'delegation' if restriction else 'removal of the delegation'} to key {key.fingerprint[:12]}… was accepted, but does "
            f"not show in {', '.join(late)} after {seconds:g} s",
            error_id="delegation_not_effective" if restriction else "delegation_still_effective",
            hint="Check that the participant is connected to the synchronizer and healthy, and that it holds keys of its key mapping: "
            "without them it can't send. Then run again.",
        )
