# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moving parties from one participant to another on one synchronizer, in the order that was verified with real nodes
(docs/canton/party-replication.md#order-of-the-steps). Each step reads the stage of the parties and does the rest of its work.
Steps 5 and 6, which carry the contracts, are in ``contracts``.
"""

from __future__ import annotations

import time
import typing as t
from functools import partial

from ..._errors import CantonError, OnboardingUnknown
from ..._outcome import Outcome
from ..._waiting import wait_for
from ..contracts.tally import tally
from ..model.ids import namespace_of, short, some
from ..model.interface import Reader
from ..topology import delegation, synchronizers
from ..topology.hosting import authorize_until
from .journal import Entry
from .move import BOTH, ONBOARDING, PROPOSED, SOURCE, TARGET, PartyStages, Replication

EFFECTIVE_SECONDS = 30  # for a transaction that the synchronizer delays
CLEARANCE_SECONDS = 20
LONGEST_PAUSE = 5.0


def ensure_proposed(replication: Replication) -> Outcome:
    """Step 1: the source signs that both host the parties, and the target, still connected, receives the proposals.

    If the target proposed, its delegated key would sign for both namespaces at once, and the mapping would take effect
    while it is connected; without the proposal in its store it refuses the import.
    """
    stages = replication.read()
    replication.refuse_back_too_early(stages)
    fresh, waiting, warnings = _fresh(replication, stages)
    known = [] if replication.unproven(stages) else stages.at(PROPOSED)
    mappings = {party: stages.mappings[party] for party in (*fresh, *known)}
    if fresh and not replication.check:
        _refuse_undelegated(replication, fresh)
    if fresh:
        _refuse_contracts_elsewhere(replication, fresh)
    if not replication.check:
        unseen, _unsent = _unseen(replication, mappings)
        if unseen:
            synchronizers.connected_id(replication.source, replication.store, "where it has to propose")
            synchronizers.connected_id(
                replication.target, replication.store, "where it has to receive the proposals before it is disconnected"
            )
        _note_beginning(replication, fresh, known)
        authorize_until(
            lambda unsent: replication.source.propose_hostings(
                replication.store,
                [replication.both_host(mappings[party]) for party in unsent],
                replication.options.parallel,
            ),
            lambda: _unseen(replication, mappings),
            replication.options.seconds,
            "could not be proposed",
        )
    return replication.outcome(
        stages,
        {"parties": dict(stages.by_party)},
        {"parties": stages.moved_to(PROPOSED, fresh)},
        warnings,
        waiting=waiting,
    )


def _fresh(replication: Replication, stages: PartyStages) -> tuple[list[str], list[str], list[str]]:
    """Parties that are not proposed yet; or, while the target must stay disconnected, those that wait for the next run, and a warning."""
    if not replication.unproven(stages):
        return stages.at(SOURCE), [], []
    return [], *_late(replication, stages)


def _late(replication: Replication, stages: PartyStages) -> tuple[list[str], list[str]]:
    """Parties whose move has not started while that of others is in progress, and a warning about them."""
    found = [party for party in stages.at(SOURCE, PROPOSED) if party not in replication.journal.parties]
    if not found:
        return [], []
    text = (
        f"{len(found)} parties are too late for the move in progress and will be moved by the next run: {some(found)}"
    )
    return found, [text]


def _unseen(replication: Replication, mappings: dict[str, t.Any]) -> tuple[list[str], list[str]]:
    """Parties whose proposal is not listed by both sides, and those of them that the source has not made."""
    here, there = (
        replication.proposals_on(replication.source, mappings),
        replication.proposals_on(replication.target, mappings),
    )
    return [party for party in mappings if party not in here & there], [p for p in mappings if p not in here]


def _note_beginning(replication: Replication, fresh: t.Sequence[str], known: t.Sequence[str]) -> None:
    """Keep the source's ledger end before the proposals. An entry for a proposal that is still open is kept."""
    unknown = [party for party in known if party not in replication.journal.parties]
    if not fresh and not unknown:
        return
    end = replication.source.ledger_end()
    replication.journal.parties.update({party: Entry(end) for party in (*fresh, *unknown)})
    replication.journal.write()


def _refuse_undelegated(replication: Replication, parties: t.Sequence[str]) -> None:
    """Without the delegation the last step, which only the target can do, would be refused."""
    lacking = {namespace_of(party) for party in parties} - delegation.delegated_namespaces(
        replication.target, replication.store
    )
    if lacking:
        raise CantonError(
            f"The {replication.target.label} can't sign for namespace {', '.join(f'{item[:12]}…' for item in sorted(lacking))} on this synchronizer",
            error_id="not_delegated",
            hint="Delegate it first with ledgerops.canton.participant_namespace_delegation.",
        )


def _refuse_contracts_elsewhere(replication: Replication, parties: t.Sequence[str]) -> None:
    found = tally(replication.source.active_contracts(parties, replication.source.ledger_end()), parties)
    others = {name: number for name, number in found.synchronizers.items() if name != replication.store}
    if others:
        raise CantonError(
            "Contracts of these parties are on other synchronizers: "
            + ", ".join(f"{number} on {short(name)}" for name, number in others.items()),
            error_id="contracts_on_other_synchronizers",
            hint="Reassign them to the synchronizer of the move first.",
        )


def ensure_activated(replication: Replication) -> Outcome:
    """Steps 2 to 4: the target leaves, signs, and the source makes it effective."""
    stages = replication.read()
    replication.refuse_back_too_early(stages)
    fresh, waiting, warnings = _fresh(replication, stages)
    todo = [party for party in stages.at(PROPOSED) if party not in waiting]
    if fresh and not replication.check:
        raise CantonError(
            f"{len(fresh)} parties are not proposed yet: {some(fresh)}",
            error_id="not_proposed",
            hint="Run state proposed first.",
        )
    if todo and not replication.check:
        _activate(replication, stages, todo)
    if replication.check:
        todo = [*fresh, *todo]
    return replication.outcome(
        stages,
        {"parties": dict(stages.by_party)},
        {"parties": stages.moved_to(ONBOARDING, todo)},
        warnings,
        waiting=waiting,
        held=bool(todo or replication.unproven(stages)),
    )


def _activate(replication: Replication, stages: PartyStages, todo: t.Sequence[str]) -> None:
    replication.journal.refuse_unnoted(todo)
    item = synchronizers.find(replication.source, replication.store)
    synchronizers.connected_id(replication.source, replication.store, "where it has to make the hosting effective")
    mappings = {party: stages.mappings[party] for party in todo}
    unseen, _unsent = _unseen(replication, mappings)
    if unseen:
        raise CantonError(
            f"The {replication.target.label} does not list the proposals of {len(unseen)} parties and would refuse to import their contracts: {some(unseen)}",
            error_id="proposals_not_seen",
            hint="Connect it and run state proposed again, which waits for that.",
        )
    # Before anything is changed, and once more right before it matters: signing takes a while with a KMS.
    synchronizers.wait_until_quiet(replication.source, item, replication.options.quiet_seconds)
    replication.keep_away(replication.target, replication.journal.target_away)
    signed = _signed_by_both(replication, mappings)
    synchronizers.wait_until_quiet(replication.source, item, replication.options.quiet_seconds)
    for party in todo:
        replication.source.add_transactions(replication.store, [signed[party]], EFFECTIVE_SECONDS)
        reached, _last = wait_for(partial(_hosted_by_both, replication, party), replication.options.seconds)
        if not reached:
            raise CantonError(
                f"The hosting of {short(party)} by both was accepted, but the synchronizer does not show it after {replication.options.seconds:g} s",
                error_id="not_effective",
                hint="Check the source's log and its connection to the synchronizer, then run again.",
            )


def _signed_by_both(replication: Replication, mappings: dict[str, t.Any]) -> dict[str, bytes]:
    """The proposals with the signature of the target as well, which it gives while it is off the synchronizer."""
    proposals = {}
    for namespace in {namespace_of(party) for party in mappings}:
        for item in replication.source.signed_proposals(replication.store, namespace):
            if item.hosting.party in mappings and set(item.hosting.hosts) == set(
                replication.both_host(mappings[item.hosting.party]).hosts
            ):
                proposals[item.hosting.party] = item.signed
    lacking = [party for party in mappings if party not in proposals]
    if lacking:
        raise CantonError(
            f"The {replication.source.label} lists the proposals of {len(lacking)} parties but does not return their signed transactions: {some(lacking)}",
            error_id="proposals_missing",
            hint="Run state proposed again.",
        )
    answers = replication.target.sign_transactions(list(proposals.values()))
    return dict(zip(proposals, answers))


def _hosted_by_both(replication: Replication, party: str) -> bool:
    return any(
        item.party == party
        and (item.host(replication.target_uid) is not None)
        and (item.host(replication.source_uid) is not None)
        for item in replication.source.hostings(replication.store, replication.target_uid)
    )


def ensure_onboarded(replication: Replication) -> Outcome:
    """Step 7: the target comes back, and the flags are cleared."""
    stages = replication.read()
    early = replication.unproven(stages)
    if early and not replication.check:
        raise CantonError(
            f"The contracts of {len(early)} parties are not proven to be on the {replication.target.label}, so it must stay disconnected: {some(early)}",
            error_id="not_imported",
            hint="Run the states exported and imported first.",
        )
    todo = stages.at(ONBOARDING)
    away = sorted(replication.journal.target_away)
    if not replication.check and (todo or away):
        replication.bring_back(replication.target, replication.journal.target_away)
        if todo:
            _clear(replication, todo)
            replication.compare(todo)
    if replication.check:
        todo = [*todo, *stages.at(SOURCE, PROPOSED)]
    return replication.outcome(
        stages,
        {"parties": dict(stages.by_party), "disconnected": away},
        {"parties": stages.moved_to(BOTH, todo), "disconnected": []},
        onboarded=sorted(todo),
    )


def _clear(replication: Replication, parties: t.Sequence[str]) -> None:
    """Repeat the request until neither side lists a flag; the node clears them about a minute after the activation."""
    deadline = time.monotonic() + replication.options.seconds
    last: CantonError | None = None
    while True:
        left = sorted(
            _flagged(replication, replication.source, parties) | _flagged(replication, replication.target, parties)
        )
        if not left:
            return
        retry: list[float] = []
        for party in left:
            proof = replication.journal.proven(party)
            begin = proof.target_offset if proof is not None else 0
            try:
                answer = replication.target.clear_onboarding(party, replication.store, begin, CLEARANCE_SECONDS)
            except CantonError as exc:
                # A target that has just been connected again may not see the hosting yet.
                if not isinstance(exc, OnboardingUnknown) and not exc.retryable:
                    raise
                last = exc
                continue
            if answer.retry_at is not None:
                retry.append(answer.retry_at - time.time())
        if time.monotonic() >= deadline:
            raise CantonError(
                f"{len(left)} parties are still marked as onboarding on the synchronizer after {replication.options.seconds:g} s: {some(left)}"
                + (f". Last error: {last.message}" if last else ""),
                error_id="onboarding_not_cleared",
                hint="All their contracts are on the target. Run again with a greater wait_timeout, and check the target's log.",
            )
        time.sleep(min(LONGEST_PAUSE, max(0.5, min(retry, default=0.5))))


def _flagged(replication: Replication, participant: Reader, parties: t.Collection[str]) -> set[str]:
    return {
        item.party
        for item in participant.hostings(replication.store, replication.target_uid)
        if item.party in parties and any(host.onboarding for host in item.hosts)
    }


def ensure_moved(replication: Replication) -> Outcome:
    """Step 8, the point of no return: from here on only the target hosts the parties."""
    stages = replication.read()
    todo = stages.at(BOTH)
    waiting, warnings = _late(replication, stages) if todo else ([], [])
    unfinished = [party for party in stages.at(SOURCE, PROPOSED, ONBOARDING) if party not in waiting]
    if unfinished and not replication.check:
        raise CantonError(
            f"{len(unfinished)} parties are not hosted by both participants yet: {some(unfinished)}",
            error_id="not_onboarded",
            hint="Run the earlier states first: these parties must be moved together.",
        )
    if todo and not replication.check:
        synchronizers.connected_id(replication.target, replication.store, "where it has to take over the parties")
        replication.compare(todo)
        wanted = {party: replication.hosted_alone(stages.mappings[party], replication.target_uid) for party in todo}
        authorize_until(
            lambda unsent: replication.target.host_parties(
                replication.store, [wanted[party] for party in unsent], replication.options.parallel
            ),
            lambda: _still_on_source(replication, todo),
            replication.options.seconds,
            "could not be removed from the source",
        )
    if replication.check:
        todo = [*todo, *unfinished]
    return replication.outcome(
        stages,
        {"parties": dict(stages.by_party)},
        {"parties": stages.moved_to(TARGET, todo)},
        warnings,
        moved=sorted(todo),
    )


def _still_on_source(replication: Replication, parties: t.Collection[str]) -> tuple[list[str], list[str]]:
    """Parties that either side still lists on the source, and those of them that the target has not written."""

    def listed(participant: Reader) -> set[str]:
        return {
            item.party
            for item in participant.hostings(replication.store, replication.source_uid)
            if item.party in parties
        }

    there = listed(replication.target)
    return sorted(listed(replication.source) | there), sorted(there)
