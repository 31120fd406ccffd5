# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Namespace delegation and hosting of parties: what is there, what is missing, how it is brought about and proven."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant import synchronizers
from ansible_collections.ledgerops.canton.plugins.module_utils._participant._wait import wait_for
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.participant import (
    AUTHORIZED,
    Host,
    Hosting,
    Key,
    Participant,
    SignedDelegation,
    namespace_of,
)

ALREADY_EXISTS = "TOPOLOGY_MAPPING_ALREADY_EXISTS"
IS_ADMIN_PARTY = "it is the admin party of the source, which never moves"
LOST_AFTER_SECONDS = 10.0  # an accepted mapping that is not listed by then is taken for lost and sent again


def short(identifier: str) -> str:
    """An id that a person can read: the namespace cut after twelve characters."""
    name, separator, namespace = identifier.rpartition("::")
    return f"{name}{separator}{namespace[:12]}…" if len(namespace) > 16 else identifier


def some(items: t.Iterable[str], limit: int = 5) -> str:
    """The first few of a list of ids, and how many more there are."""
    ordered = sorted(items)
    text = ", ".join(short(item) for item in ordered[:limit])
    return text + (f" and {len(ordered) - limit} more" if len(ordered) > limit else "")


# -- delegation -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DelegationState:
    """Where a delegation is found: the source's own store, the target's own store, the synchronizer's store."""

    source: bool
    target: bool
    synchronizer: bool

    @property
    def complete(self) -> bool:
        return self.source and self.target and self.synchronizer


def namespace_key(participant: Participant, uid: str) -> Key:
    """The participant's namespace signing key: the one whose fingerprint is the namespace."""
    key = next((key for key in participant.own_keys() if key.fingerprint == namespace_of(uid)), None)
    if key is None:
        raise CantonError(
            f"The {participant.label} does not hold its own namespace key {namespace_of(uid)[:12]}…",
            error_id="namespace_key_missing",
            hint="Its root key is kept elsewhere (offline): bring it back into the vault for the time of the migration.",
        )
    return key


def delegation_state(
    source: Participant, target: Participant, namespace: str, target_key: str, synchronizer: str
) -> DelegationState:
    def listed(participant: Participant, store: str) -> bool:
        return any(item.target == target_key for item in participant.delegations(store, namespace))

    return DelegationState(listed(source, AUTHORIZED), listed(target, AUTHORIZED), listed(target, synchronizer))


def refuse_removed_delegation(
    source: Participant, target: Participant, namespace: str, target_key: str, synchronizer: str
) -> None:
    """A delegation that was removed never comes back for the same key, though every call answers OK (recordings)."""
    for participant, store in ((source, AUTHORIZED), (target, AUTHORIZED), (target, synchronizer)):
        removed = participant.signed_delegations(store, namespace, removed=True)
        if any(item.delegation.target == target_key for item in removed):
            raise CantonError(
                f"The delegation of namespace {namespace[:12]}… to key {target_key[:12]}… was removed once ({participant.label})",
                error_id="delegation_was_removed",
                hint="Canton never honours it again for this key: migrate to a participant with another namespace key.",
            )


def refuse_without_root_key(source: Participant, namespace: str, state: DelegationState) -> None:
    """Only the root key can sign the delegation; it is not needed once that is signed (procedure 1)."""
    if not state.source and not any(key.fingerprint == namespace for key in source.own_keys()):
        raise CantonError(
            f"The {source.label} does not hold the root key of its namespace {namespace[:12]}…, which alone can delegate it",
            error_id="namespace_key_missing",
            hint="Bring the root key back into the source's vault for the time of the migration.",
        )


def delegate(
    source: Participant, target: Participant, namespace: str, target_key: Key, synchronizer: str, seconds: float
) -> None:
    """Delegate ``namespace`` to the target's key and load it on the target (procedure 2, steps 3 to 6).

    Proof is the list of the synchronizer's store, never an answer.
    """
    if not any(item.target == target_key.fingerprint for item in source.delegations(AUTHORIZED, namespace)):
        source.authorize_delegation(namespace, target_key)
    written_for = target.written_for(synchronizers.find(target, synchronizer))
    chain = _chain(source, namespace, target_key.fingerprint, written_for)
    target.add_transactions(AUTHORIZED, [item.signed for item in chain])

    def in_force() -> bool:
        return delegation_state(source, target, namespace, target_key.fingerprint, synchronizer).complete

    if not wait_for(in_force, seconds):
        raise CantonError(
            f"The delegation of {namespace[:12]}… to {target_key.fingerprint[:12]}… was accepted, but the synchronizer does not list it",
            error_id="delegation_not_effective",
            hint="Look whether the target is connected to the synchronizer and healthy, then run again.",
        )


def _chain(source: Participant, namespace: str, target_key: str, written_for: int | None) -> list[SignedDelegation]:
    """Root certificate first, then the delegation: the other order is refused (recordings)."""
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


# -- parties ----------------------------------------------------------------------------------------------------------


def why_not_movable(
    item: Hosting, source: str, namespaces: t.Collection[str], decentralized: t.Collection[str]
) -> str | None:
    """Why the source's namespace cannot authorise a move of this party alone, or None (procedure 2, step 7)."""
    namespace = namespace_of(item.party)
    if item.party == source:
        return IS_ADMIN_PARTY
    if namespace in decentralized:
        return "its namespace is decentralised: the owners of that namespace have to authorise the move"
    if item.signing_keys:
        return "it is an external party: its own key has to authorise the move"
    if namespace not in namespaces:
        return "it belongs to another namespace, which the delegation does not cover"
    if len(item.hosts) > 1:
        return f"it is hosted by {len(item.hosts)} participants, which have to agree"
    if item.threshold > 1:
        return f"its confirmation threshold is {item.threshold}"
    if any(host.onboarding for host in item.hosts):
        return "it is still being onboarded on the source"
    return None


@dataclass
class PartySelection:
    """The parties of a source: those that can move, as mappings, and those that cannot, with the reason."""

    movable: dict[str, Hosting]
    refused: dict[str, str]


def select_parties(
    source: Participant,
    source_uid: str,
    store: str,
    wanted: t.Sequence[str] | None,
    excluded: t.Collection[str],
) -> PartySelection:
    """All parties hosted by the source less the excluded ones, or exactly ``wanted``.

    The admin party is left out silently unless it was asked for by name.
    """
    hosted = {item.party: item for item in source.hostings(store, source_uid)}
    decentralized = source.decentralized_namespaces(store)
    selection = PartySelection({}, {})
    for party in sorted(hosted) if wanted is None else wanted:
        if party in excluded or (wanted is None and party == source_uid):
            continue
        if party == source_uid:
            selection.refused[party] = IS_ADMIN_PARTY
        elif party not in hosted:
            selection.refused[party] = "the source does not host it on this synchronizer"
        else:
            reason = why_not_movable(hosted[party], source_uid, {namespace_of(source_uid)}, decentralized)
            if reason:
                selection.refused[party] = reason
            else:
                selection.movable[party] = hosted[party]
    return selection


def refuse_unmovable(selection: PartySelection) -> None:
    if selection.refused:
        listed = "; ".join(f"{short(party)}: {reason}" for party, reason in sorted(selection.refused.items())[:5])
        more = len(selection.refused) - 5
        raise CantonError(
            f"{len(selection.refused)} of the parties cannot be moved: {listed}"
            + (f"; and {more} more" if more > 0 else ""),
            error_id="parties_not_movable",
            hint="Exclude them (they stay with the source), or move them by their own authorisation first.",
            details={"refused": dict(sorted(selection.refused.items()))},
        )


def hosted_on(mapping: Hosting, participant: str) -> Hosting:
    """The same party with the same permission, hosted by ``participant`` alone."""
    return Hosting(mapping.party, 1, (Host(participant, mapping.hosts[0].permission),), mapping.signing_keys)


def missing_hostings(target: Participant, store: str, wanted: t.Mapping[str, Hosting]) -> dict[str, Hosting]:
    """Those of ``wanted`` that are not shown as they are to be proven; refuses when another mapping stands in the way.

    They are proven by the synchronizer's store, or, as long as a Canton 2 target is away from it, by the target's own.
    """
    in_force = {item.party: item for item in target.hostings(store) if item.party in wanted}
    proof = target.proof_store(store)
    shown = in_force if proof == store else {item.party: item for item in target.hostings(proof)}
    missing = {party: mapping for party, mapping in wanted.items() if party not in shown}
    elsewhere = [
        party
        for party, mapping in wanted.items()
        if any(item[party].hosts != mapping.hosts for item in (in_force, shown) if party in item)
    ]
    if elsewhere:
        first = elsewhere[0]
        found = next(
            item[first] for item in (in_force, shown) if first in item and item[first].hosts != wanted[first].hosts
        )
        raise CantonError(
            f"{len(elsewhere)} of the parties are hosted differently on the target's synchronizer: {some(elsewhere)}; "
            f"{short(first)} is hosted by {_hosts(found)}, and it should be by {_hosts(wanted[first])}",
            error_id="hosted_elsewhere",
            hint="Their mapping there would have to be replaced; exclude them, or remove that hosting first.",
            details={"parties": sorted(elsewhere)},
        )
    return missing


def _hosts(mapping: Hosting) -> str:
    return ", ".join(f"{short(host.participant)} with permission {host.permission}" for host in mapping.hosts)


def host_parties(
    target: Participant, store: str, wanted: t.Mapping[str, Hosting], parallel: int, seconds: float
) -> list[str]:
    """Host parties and stay until the synchronizer's store shows every one; returns those that had to be sent again.

    ``Authorize`` without waiting answers OK before the synchronizer has the mapping, and such an OK can be lost
    (recordings, "An OK that was lost"): what does not appear is sent again until ``seconds`` are over.
    """
    missing = dict(wanted)
    again: list[str] = []

    def all_there() -> bool:
        missing_now = missing_hostings(target, store, wanted)
        missing.clear()
        missing.update(missing_now)
        return not missing

    remaining = seconds
    while missing:
        errors = target.host_parties(store, list(missing.values()), parallel)
        failures = [
            error for error in errors if error is not None and error.error_id != ALREADY_EXISTS and not error.retryable
        ]
        if failures:
            raise _cannot_host(failures[0], len(failures), len(missing))
        if wait_for(all_there, min(LOST_AFTER_SECONDS, remaining)):
            break
        remaining -= LOST_AFTER_SECONDS
        if remaining <= 0:
            raise CantonError(
                f"{len(missing)} of {len(wanted)} parties are accepted by the {target.label} but not effective on the synchronizer: {some(missing)}",
                error_id="parties_not_effective",
                hint="Look at the target's connection to the synchronizer, then run again: hosted parties are skipped.",
            )
        again.extend(party for party in missing if party not in again)
    return again


def _cannot_host(error: CantonError, failed: int, asked: int) -> CantonError:
    hint = error.hint
    if error.error_id in (
        "redacted",
        "TOPOLOGY_UNAUTHORIZED_TRANSACTION",
        "TOPOLOGY_NO_APPROPRIATE_SIGNING_KEY_IN_STORE",
        "NO_APPROPRIATE_SIGNING_KEY_IN_STORE",
    ):
        hint = (
            "Most often the delegation of the namespace is missing on this synchronizer, or a KMS key of the target cannot sign "
            "(disabled, or without permission kms:Sign): check both. " + hint
        )
    return CantonError(
        f"{failed} of {asked} parties could not be hosted. First error: {error.message}",
        error.error_id,
        hint,
        details=error.details,
    )
