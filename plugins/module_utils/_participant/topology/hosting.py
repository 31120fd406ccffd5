# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosting of parties: which can move, what is missing on the target, how it is authorised and proven."""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass
from functools import partial

from ..._errors import CantonError, MappingExists, Redacted, SigningRefused
from ..._outcome import Outcome
from ..._waiting import wait_for
from ..model.entities import Host, Hosting
from ..model.ids import namespace_of, short, some
from ..model.interface import Participant, Reader
from . import synchronizers
from .delegation import EFFECT_SECONDS, delegated_namespaces


def failures_of(
    errors: t.Iterable[CantonError | None], done: tuple[type[CantonError], ...] = (MappingExists,)
) -> list[CantonError]:
    """The errors of many calls that matter; ``done`` ones had nothing to change, and retryable ones are sent again."""
    return [error for error in errors if error is not None and not isinstance(error, done) and not error.retryable]


def refuse_failed(errors: t.Iterable[CantonError | None], what: str) -> None:
    """Raise the first of the errors that matter."""
    failures = failures_of(errors)
    if failures:
        raise failures[0].restated(f"{len(failures)} parties {what}. First error: {failures[0].message}")


def authorize_until(
    send: t.Callable[[list[str]], t.Sequence[CantonError | None]],
    missing: t.Callable[[], tuple[list[str], list[str]]],
    seconds: float,
    what: str,
) -> None:
    """Send, and wait until everything is listed. ``missing`` returns what is not listed yet, and which of it has to be sent.

    What does not appear is sent again (docs/canton/topology.md#an-accepted-transaction-can-be-lost).
    """
    remaining = seconds
    left, unsent = missing()
    while left:
        if unsent:
            refuse_failed(send(unsent), what)
        reached, (left, unsent) = wait_for(
            missing, min(LOST_AFTER_SECONDS, remaining), until=lambda found: not found[0]
        )
        if reached:
            return
        remaining -= LOST_AFTER_SECONDS
        if left and remaining <= 0:
            raise CantonError(
                f"{len(left)} parties {what}: it was accepted, but the synchronizer does not show it after {seconds:g} s: {some(left)}",
                error_id="not_effective",
                hint="Check that both participants are connected to the synchronizer, then run again.",
            )


IS_ADMIN_PARTY = "it is the admin party of the source, which never moves"
OF_ANOTHER_NAMESPACE = "it belongs to another namespace, which no delegation to the target covers"
# No delegated key can do it (docs/canton/migration.md#two-namespaces-on-a-reverse-migration).
HAVE_IT_DELEGATED = (
    "Delegate that namespace to the target with participant_namespace_delegation, signed by the holder of its root key, "
    "or exclude these parties."
)
# Usual cause of these errors: the keys of this node may not sign for the party.
UNSIGNED = (Redacted, SigningRefused)
LOST_AFTER_SECONDS = 10.0  # an accepted mapping that is not listed by then is taken for lost and sent again


def why_not_movable(
    item: Hosting, source: str, namespaces: t.Collection[str], decentralized: t.Collection[str]
) -> str | None:
    """Why these namespaces, which the target signs for, cannot authorise a move of this party alone, or None
    (docs/canton/migration.md#parties-that-the-delegation-does-not-cover)."""
    namespace = namespace_of(item.party)
    if item.party == source:
        return IS_ADMIN_PARTY
    if namespace in decentralized:
        return "its namespace is decentralised: the owners of that namespace must authorise the move"
    if item.signing_keys:
        return "it is an external party: its own key must authorise the move"
    if namespace not in namespaces:
        return OF_ANOTHER_NAMESPACE
    if len(item.hosts) > 1:
        return f"it is hosted by {len(item.hosts)} participants, which must all authorise the move"
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

    def namespaces(self) -> dict[str, int]:
        """The namespaces of those that can move, each with the number of its parties."""
        return dict(sorted(Counter(namespace_of(party) for party in self.movable).items()))


def select_parties(
    source: Reader,
    source_uid: str,
    store: str,
    wanted: t.Sequence[str] | None,
    excluded: t.Collection[str],
    namespaces: t.Collection[str] = (),
) -> PartySelection:
    """All parties hosted by the source less the excluded ones, or exactly ``wanted``.

    ``namespaces`` are those that the target signs for besides the source's own. The admin party is left out silently
    unless it is named in ``wanted``.
    """
    hosted = {item.party: item for item in source.hostings(store, source_uid)}
    own = namespace_of(source_uid)
    # The source's own namespace has a root key, so it is not decentralised.
    others = any(namespace_of(party) != own for party in hosted)
    decentralized = source.decentralized_namespaces(store) if others else ()
    covered = {own, *namespaces}
    selection = PartySelection({}, {})
    for party in sorted(hosted) if wanted is None else wanted:
        if party in excluded or (wanted is None and party == source_uid):
            continue
        if party == source_uid:
            selection.refused[party] = IS_ADMIN_PARTY
        elif party not in hosted:
            selection.refused[party] = "the source does not host it on this synchronizer"
        else:
            reason = why_not_movable(hosted[party], source_uid, covered, decentralized)
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
            hint=HAVE_IT_DELEGATED
            if set(selection.refused.values()) == {OF_ANOTHER_NAMESPACE}
            else "Exclude them (they stay on the source), or move them first with their own authorisation.",
            details={"refused": dict(sorted(selection.refused.items()))},
        )


@dataclass(frozen=True)
class HostingPlan:
    """What a target has to host: ``wanted`` as it has to be shown, ``missing`` of it. ``delegated``: the namespaces that it signs for."""

    selection: PartySelection
    delegated: frozenset[str]
    wanted: dict[str, Hosting]
    missing: dict[str, Hosting]

    def as_dict(self) -> dict[str, t.Any]:
        """Return values of modules: the parties, their namespaces, and those that are not hosted yet."""
        return {
            "namespaces": self.selection.namespaces(),
            "parties": sorted(self.wanted),
            "hosted": sorted(self.missing),
        }


def plan_hosting(
    source: Reader,
    source_store: str,
    target: Reader,
    store: str,
    parties: t.Sequence[str] | None,
    excluded: t.Collection[str],
    namespaces: t.Collection[str] = (),
    replaceable: t.Collection[str] = (),
) -> HostingPlan:
    """Select the parties of a source and compare them with what the target hosts; refuses parties that cannot move."""
    delegated = delegated_namespaces(target, store)
    selection = select_parties(
        source, source.identity().uid, source_store, parties, excluded, {*delegated, *namespaces}
    )
    refuse_unmovable(selection)
    uid = target.identity().uid
    wanted = {party: hosted_on(mapping, uid) for party, mapping in selection.movable.items()}
    return HostingPlan(selection, frozenset(delegated), wanted, missing_hostings(target, store, wanted, replaceable))


def hosted_on(mapping: Hosting, participant: str) -> Hosting:
    """The same party with the same permission, hosted by ``participant`` alone."""
    return Hosting(mapping.party, 1, (Host(participant, mapping.hosts[0].permission),), mapping.signing_keys)


def missing_hostings(
    target: Reader, store: str, wanted: t.Mapping[str, Hosting], replaceable: t.Collection[str] = ()
) -> dict[str, Hosting]:
    """Those of ``wanted`` that are not shown as they are to be proven; refuses when another mapping conflicts.

    They are proven by the synchronizer's store, or, as long as a Canton 2 target is disconnected from it, by the target's own.
    Participants that are ``replaceable`` are no conflict where they host a party alone: the new mapping replaces theirs
    (docs/canton/topology.md#a-hosting-replaces-the-one-before).
    """
    in_force = {item.party: item for item in target.hostings(store) if item.party in wanted}
    proof = target.hosting_store(store)
    shown = in_force if proof == store else {item.party: item for item in target.hostings(proof)}
    different = {
        party: item[party]
        for party, mapping in wanted.items()
        for item in (shown, in_force)
        if party in item and item[party].hosts != mapping.hosts
    }
    elsewhere = {party: item for party, item in different.items() if not _is_replaceable(item, replaceable)}
    if elsewhere:
        raise _hosted_elsewhere(elsewhere, wanted)
    if different and target.one_mapping_per_host:
        raise CantonError(
            f"{len(different)} of the parties have other hosts on the target's synchronizer, and Canton 2 cannot replace a host: {some(different)}",
            error_id="hosted_elsewhere",
            hint="Remove the hosting on the former host while it is connected there, or migrate to another domain.",
            details={"parties": sorted(different)},
        )
    return {party: mapping for party, mapping in wanted.items() if party not in shown or party in different}


def _is_replaceable(item: Hosting, replaceable: t.Collection[str]) -> bool:
    alone = len(item.hosts) == 1 and item.threshold == 1 and not item.signing_keys
    return alone and item.hosts[0].participant in replaceable


def _hosted_elsewhere(found: t.Mapping[str, Hosting], wanted: t.Mapping[str, Hosting]) -> CantonError:
    hosts = sorted({host.participant for item in found.values() for host in item.hosts})
    first = min(found)
    return CantonError(
        f"{len(found)} of the parties are hosted differently on the target's synchronizer: {some(found)}; "
        f"{short(first)} is hosted by {_hosts(found[first])}, not by {_hosts(wanted[first])}",
        error_id="hosted_elsewhere",
        hint="Exclude these parties, or remove that hosting first. If its participant was abandoned, name it in replace_hosts; "
        f"its full id is among: {', '.join(hosts[:3])}",
        details={"parties": sorted(found), "hosts": hosts},
    )


def _hosts(mapping: Hosting) -> str:
    return ", ".join(f"{short(host.participant)} with permission {host.permission}" for host in mapping.hosts)


def host_parties(
    target: Participant,
    store: str,
    wanted: t.Mapping[str, Hosting],
    parallel: int,
    seconds: float,
    replaceable: t.Collection[str] = (),
) -> list[str]:
    """Host parties, and wait until the synchronizer's store lists each of them; returns those that were sent again.

    ``Authorize`` without waiting returns OK before the synchronizer has the mapping, and the mapping can then be lost
    (docs/canton/topology.md#an-accepted-transaction-can-be-lost): what does not appear is sent again until ``seconds`` are over.
    """
    missing = dict(wanted)
    again: list[str] = []
    uid = target.identity().uid
    remaining = seconds
    while missing:
        errors = target.host_parties(store, list(missing.values()), parallel)
        failures = failures_of(errors)
        if failures:
            raise _cannot_host(failures[0], len(failures), len(missing))
        wait_for(
            partial(_are_shown, target, uid, store, wanted),
            min(LOST_AFTER_SECONDS, remaining),
            not_before=EFFECT_SECONDS,
        )
        missing = missing_hostings(target, store, wanted, replaceable)
        if not missing:
            break
        remaining -= LOST_AFTER_SECONDS
        if remaining <= 0:
            raise CantonError(
                f"{len(missing)} of {len(wanted)} parties are accepted by the {target.label} but not effective on the synchronizer: {some(missing)}",
                error_id="parties_not_effective",
                hint="Check that the target is connected to the synchronizer, then run again: hosted parties are skipped.",
            )
        again.extend(party for party in missing if party not in again)
    return again


def _are_shown(target: Reader, uid: str, store: str, wanted: t.Mapping[str, Hosting]) -> bool:
    """Whether the target's own hostings have all of ``wanted``. It is asked often, and so not for those of the whole network."""
    shown = {item.party: item.hosts for item in target.hostings(target.hosting_store(store), uid)}
    return all(shown.get(party) == mapping.hosts for party, mapping in wanted.items())


def _cannot_host(error: CantonError, failed: int, total: int) -> CantonError:
    hint = error.hint
    if isinstance(error, UNSIGNED):
        hint = (
            "Check that the delegation of the namespace is on this synchronizer, and that the target's KMS key can sign (enabled, with "
            "permission kms:Sign). " + hint
        )
    return error.restated(f"{failed} of {total} parties could not be hosted. First error: {error.message}", hint)


def ensure_hosted(params: t.Mapping[str, t.Any], source: Reader, target: Reader, check: bool) -> Outcome:
    """What ``participant_party`` does with the state ``present``."""
    source_store = synchronizers.known_id(source, params["source_synchronizer"])
    store = synchronizers.known_id(target, params["target_synchronizer"])
    plan = plan_hosting(
        source,
        source_store,
        target,
        store,
        params["parties"],
        params["exclude"],
        params["namespaces"],
        params["replace_hosts"],
    )
    missing = plan.missing
    again: list[str] = []
    if missing and not check:
        synchronizers.refuse_away(target, params["target_synchronizer"], "where the parties have to be hosted")
        lacking = set(plan.selection.namespaces()) - plan.delegated - {source.identity().namespace}
        if lacking:
            raise CantonError(
                f"Namespaces of these parties are not delegated to the target on its synchronizer: {some(lacking)}",
                error_id="namespace_not_delegated",
                hint="Delegate them first with ledgerops.canton.participant_namespace_delegation.",
            )
        again = host_parties(
            target.require_live("hosting parties"),
            store,
            missing,
            params["parallel"],
            params["wait_timeout"],
            params["replace_hosts"],
        )
    return Outcome(
        before={"not_hosted": sorted(missing)},
        after={"not_hosted": []},
        result={**plan.as_dict(), "sent_again": sorted(again)},
    )
