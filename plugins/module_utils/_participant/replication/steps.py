# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moving parties from one participant to another on one synchronizer, in the order in which real nodes did it
(docs/canton/party-replication.md#order-of-the-steps). Each step reads where the parties stand and does what is left of it.

Why the parties become effective one after the other: the export of a party is taken at the moment from which the target
hosts it, and leaves out contracts that have a stakeholder which the target hosts already. Of two parties that share a
contract the later one so leaves it to the earlier one, and each contract is in exactly one snapshot. If both became
effective at the same moment, each would leave it to the other, and nobody would export it. The comparison of all contracts
of all parties with the source, before the target is connected again, is the net below that.
"""

from __future__ import annotations

import time
import typing as t
from functools import partial

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, OnboardingUnknown
from ansible_collections.ledgerops.canton.plugins.module_utils._files import make_folder, private_file, stamp
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.snapshot import (
    Manifest,
    SnapshotMissing,
    SnapshotUnusable,
    follow,
    watch,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.tally import (
    Counter,
    PartyTally,
    tally,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.ids import namespace_of, short, some
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.replication.journal import Entry, Proof
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.replication.move import (
    BOTH,
    ONBOARDING,
    PROPOSED,
    SOURCE,
    TARGET,
    Move,
    Standings,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import (
    delegation,
    hosting,
    synchronizers,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology.hosting import authorize_until
from ansible_collections.ledgerops.canton.plugins.module_utils._waiting import wait_for

EFFECTIVE_SECONDS = 30  # for a transaction that is only delayed by the synchronizer
ACTIVATION_SECONDS = 60  # the export looks for a moment that has passed already
CLEARANCE_SECONDS = 20
WORKFLOW_PREFIX = "kms-migration"
LONGEST_PAUSE = 5.0


# -- 1. the source proposes -------------------------------------------------------------------------------------------


def ensure_proposed(move: Move) -> Outcome:
    """The source signs that both host the parties, and the target, still connected, gets to know it.

    If the target proposed, its delegated key would sign for both namespaces at once, and the mapping would take effect
    while it is connected; without the proposal in its store it refuses the import.
    """
    stands = move.read()
    move.refuse_back_too_early(stands)
    fresh, waiting, warnings = _fresh(move, stands)
    known = [] if move.unproven(stands) else stands.at(PROPOSED)
    mappings = {party: stands.mappings[party] for party in (*fresh, *known)}
    if fresh and not move.check:
        _refuse_undelegated(move, fresh)
    if fresh:
        _refuse_contracts_elsewhere(move, fresh)
    if not move.check:
        unseen, _unsent = _unseen(move, mappings)
        if unseen:
            synchronizers.connected_id(move.source, move.store, "where it has to propose")
            synchronizers.connected_id(move.target, move.store, "where it has to see the proposals before it leaves")
        _note_beginning(move, fresh, known)
        authorize_until(
            lambda unsent: move.source.propose_hostings(
                move.store, [move.both_host(mappings[party]) for party in unsent], move.options.parallel
            ),
            lambda: _unseen(move, mappings),
            move.options.seconds,
            "could not be proposed",
        )
    return move.outcome(
        stands,
        {"parties": dict(stands.stages)},
        {"parties": stands.moved_to(PROPOSED, fresh)},
        warnings,
        waiting=waiting,
    )


def _fresh(move: Move, stands: Standings) -> tuple[list[str], list[str], list[str]]:
    """Parties that are not proposed yet; or, while the target must stay away, those that wait for the next run, and a warning."""
    if not move.unproven(stands):
        return stands.at(SOURCE), [], []
    return [], *_late(move, stands)


def _late(move: Move, stands: Standings) -> tuple[list[str], list[str]]:
    """Parties whose move has not begun while that of others is going on, and a warning that says so."""
    found = [party for party in stands.at(SOURCE, PROPOSED) if party not in move.journal.parties]
    if not found:
        return [], []
    text = (
        f"{len(found)} parties came too late for the move that is going on, and are left to the next run: {some(found)}"
    )
    return found, [text]


def _unseen(move: Move, mappings: dict[str, t.Any]) -> tuple[list[str], list[str]]:
    """Parties whose proposal is not listed by both sides, and those of them that the source has not made."""
    here, there = move.proposals_on(move.source, mappings), move.proposals_on(move.target, mappings)
    return [party for party in mappings if party not in here & there], [p for p in mappings if p not in here]


def _note_beginning(move: Move, fresh: t.Sequence[str], known: t.Sequence[str]) -> None:
    """Keep the source's ledger end before the proposals. One that was noted for a proposal which is still open stays."""
    unknown = [party for party in known if party not in move.journal.parties]
    if not fresh and not unknown:
        return
    end = move.source.ledger_end()
    move.journal.parties.update({party: Entry(end) for party in (*fresh, *unknown)})
    move.journal.write()


def _refuse_undelegated(move: Move, parties: t.Sequence[str]) -> None:
    """Without the delegation the last step, which only the target can do, would be refused."""
    lacking = {namespace_of(party) for party in parties} - delegation.delegated_namespaces(move.target, move.store)
    if lacking:
        raise CantonError(
            f"The {move.target.label} can't sign for namespace {', '.join(f'{item[:12]}…' for item in sorted(lacking))} on this synchronizer",
            error_id="not_delegated",
            hint="Delegate it first with ledgerops.canton.participant_namespace_delegation.",
        )


def _refuse_contracts_elsewhere(move: Move, parties: t.Sequence[str]) -> None:
    found = tally(move.source.active_contracts(parties, move.source.ledger_end()), parties)
    others = {name: number for name, number in found.synchronizers.items() if name != move.store}
    if others:
        raise CantonError(
            "Contracts of these parties live on other synchronizers: "
            + ", ".join(f"{number} on {short(name)}" for name, number in others.items()),
            error_id="contracts_on_other_synchronizers",
            hint="Reassign them to the synchronizer of the move first.",
        )


# -- 2 to 4. the target leaves, signs, and the source makes it effective ----------------------------------------------


def ensure_activated(move: Move) -> Outcome:
    stands = move.read()
    move.refuse_back_too_early(stands)
    fresh, waiting, warnings = _fresh(move, stands)
    todo = [party for party in stands.at(PROPOSED) if party not in waiting]
    if fresh and not move.check:
        raise CantonError(
            f"{len(fresh)} parties are not proposed yet: {some(fresh)}",
            error_id="not_proposed",
            hint="Run state proposed first.",
        )
    if todo and not move.check:
        _activate(move, stands, todo)
    if move.check:
        todo = [*fresh, *todo]
    return move.outcome(
        stands,
        {"parties": dict(stands.stages)},
        {"parties": stands.moved_to(ONBOARDING, todo)},
        warnings,
        waiting=waiting,
        held=bool(todo or move.unproven(stands)),
    )


def _activate(move: Move, stands: Standings, todo: t.Sequence[str]) -> None:
    _refuse_unnoted(move, todo)
    item = synchronizers.find(move.source, move.store)
    synchronizers.connected_id(move.source, move.store, "where it has to make the hosting effective")
    mappings = {party: stands.mappings[party] for party in todo}
    unseen, _unsent = _unseen(move, mappings)
    if unseen:
        raise CantonError(
            f"The {move.target.label} does not list the proposals of {len(unseen)} parties, so it would refuse to import their contracts: {some(unseen)}",
            error_id="proposals_not_seen",
            hint="Connect it and run state proposed again, which waits for that.",
        )
    # Before anything is changed, and once more right before it matters: signing takes a while with a KMS.
    synchronizers.wait_until_quiet(move.source, item, move.options.quiet_seconds)
    move.keep_away(move.target, move.journal.target_away)
    signed = _signed_by_both(move, mappings)
    synchronizers.wait_until_quiet(move.source, item, move.options.quiet_seconds)
    for party in todo:
        move.source.add_transactions(move.store, [signed[party]], EFFECTIVE_SECONDS)
        reached, _last = wait_for(partial(_hosted_by_both, move, party), move.options.seconds)
        if not reached:
            raise CantonError(
                f"The hosting of {short(party)} by both was accepted, but the synchronizer does not show it after {move.options.seconds:g} s",
                error_id="not_effective",
                hint="Look at the source's log and its connection to the synchronizer, then run again.",
            )


def _refuse_unnoted(move: Move, parties: t.Sequence[str]) -> None:
    unknown = [party for party in parties if party not in move.journal.parties]
    if unknown:
        raise CantonError(
            f"{move.journal.path} has no ledger end of the source from before the proposals of {len(unknown)} parties: {some(unknown)}",
            error_id="beginning_not_noted",
            hint="Run state proposed first, which notes it.",
        )


def _signed_by_both(move: Move, mappings: dict[str, t.Any]) -> dict[str, bytes]:
    """The proposals with the signature of the target as well, which it gives while it is off the synchronizer."""
    proposals = {}
    for namespace in {namespace_of(party) for party in mappings}:
        for item in move.source.signed_proposals(move.store, namespace):
            if item.hosting.party in mappings and set(item.hosting.hosts) == set(
                move.both_host(mappings[item.hosting.party]).hosts
            ):
                proposals[item.hosting.party] = item.signed
    lacking = [party for party in mappings if party not in proposals]
    if lacking:
        raise CantonError(
            f"The {move.source.label} lists the proposals of {len(lacking)} parties but does not give them out: {some(lacking)}",
            error_id="proposals_missing",
            hint="Run state proposed again.",
        )
    answers = move.target.sign_transactions(list(proposals.values()))
    return dict(zip(proposals, answers))


def _hosted_by_both(move: Move, party: str) -> bool:
    return any(
        item.party == party and (item.host(move.target_uid) is not None) and (item.host(move.source_uid) is not None)
        for item in move.source.hostings(move.store, move.target_uid)
    )


# -- 5. export --------------------------------------------------------------------------------------------------------


def ensure_exported(move: Move) -> Outcome:
    stands = move.read()
    move.refuse_back_too_early(stands)
    todo = [party for party in move.unproven(stands) if not _exported(move, party)]
    if todo and not move.check:
        _refuse_unnoted(move, todo)
        make_folder(move.journal.folder)
        for party in todo:
            _export(move, party)
    if move.check:
        todo += stands.at(SOURCE, PROPOSED)
    return move.outcome(stands, {"not_exported": sorted(todo)}, {"not_exported": []}, exported=sorted(todo))


def _exported(move: Move, party: str) -> bool:
    """Whether the party's snapshot is there, whole, and of this very activation."""
    files, entry = move.journal.files(party), move.journal.parties.get(party)
    manifest = files.read_manifest()
    if entry is None or manifest is None or manifest.offset != entry.begin or list(manifest.parties) != [party]:
        return False
    if (manifest.source, manifest.target) != (move.source_uid, move.target_uid):
        return False
    try:
        files.check(manifest, move.source.read_record)
    except SnapshotUnusable:
        return False
    return True


def _export(move: Move, party: str) -> None:
    begin, files, counter = move.journal.parties[party].begin, move.journal.files(party), Counter([party])
    chunks = move.source.export_party_contracts(party, move.store, move.target_uid, begin, ACTIVATION_SECONDS)
    stream = watch(chunks, move.source.read_record, counter)
    with private_file(files.data) as handle:
        size, sha256 = follow(stream, handle.write)
        found = counter.tally()
        if found.parties[party].contracts != found.contracts or set(found.synchronizers) - {move.store}:
            raise CantonError(
                f"The export of {short(party)} has contracts of other parties or of another synchronizer",
                error_id="export_of_others",
                hint="Do not go on: report this with the release of the source.",
            )
    files.write_manifest(
        Manifest(
            source=move.source_uid,
            target=move.target_uid,
            offset=begin,
            renames={move.store: move.store},
            bytes=size,
            sha256=sha256,
            contracts=found.contracts,
            digest=found.digest,
            parties=found.parties,
            packages=found.packages,
            exported_at=stamp(),
        )
    )


# -- 6. import, and the proof -----------------------------------------------------------------------------------------


def ensure_imported(move: Move) -> Outcome:
    stands = move.read()
    move.refuse_back_too_early(stands)
    todo = move.unproven(stands)
    shown: dict[str, object] = {}
    if todo and not move.check:
        manifests = {party: _checked(move, party) for party in todo}
        synchronizers.refuse_connected(move.target, "and contracts can only be imported while it is not")
        _refuse_missing_packages(move, manifests.values())
        for party in todo:
            files = move.journal.files(party)
            move.target.import_party_contracts(files.chunks(), party, move.store, WORKFLOW_PREFIX)
        shown = _prove(move, todo)
    if move.check:
        todo = [*todo, *stands.at(SOURCE, PROPOSED)]
    outcome = move.outcome(
        stands, {"not_imported": sorted(todo)}, {"not_imported": []}, imported=sorted(todo), held=False
    )
    outcome.result.update(shown)
    return outcome


def _checked(move: Move, party: str) -> Manifest:
    manifest = move.journal.files(party).read_manifest()
    if manifest is None or not _exported(move, party):
        raise SnapshotMissing(
            f"There is no whole snapshot of {short(party)} in {move.journal.folder}",
            hint="Run state exported first.",
        )
    return manifest


def _refuse_missing_packages(move: Move, manifests: t.Iterable[Manifest]) -> None:
    packages = {package for manifest in manifests for package in manifest.packages}
    stored, vetted = set(move.target.packages()), move.target.vetted_packages(move.store, move.target_uid)
    for lacking, verb in ((packages - stored, "lacks"), (packages - vetted, "has not vetted")):
        if lacking:
            raise CantonError(
                f"The {move.target.label} {verb} {len(lacking)} packages of the contracts: {', '.join(sorted(lacking)[:3])}",
                error_id="packages_missing",
                hint="Take the move back (state withdrawn), bring them with ledgerops.canton.participant_package, and begin again.",
            )


def _prove(move: Move, parties: t.Sequence[str]) -> dict[str, object]:
    """Compare all contracts of all these parties at once: a shared one is in the snapshot of one party only."""
    found = move.compare(parties)
    at = stamp()
    for party, numbers in found.target.parties.items():
        proof = Proof(numbers.contracts, numbers.digest, found.source_offset, found.target_offset, at)
        move.journal.parties[party] = Entry(move.journal.parties[party].begin, proof)
    move.journal.write()
    return {"contracts": found.target.contracts, "digest": found.target.digest, "target_offset": found.target_offset}


# -- 7. the target comes back, and the flags are cleared --------------------------------------------------------------


def ensure_onboarded(move: Move) -> Outcome:
    stands = move.read()
    early = move.unproven(stands)
    if early and not move.check:
        raise CantonError(
            f"The contracts of {len(early)} parties are not proven to be on the {move.target.label}, so it must stay off: {some(early)}",
            error_id="not_imported",
            hint="Run the states exported and imported first.",
        )
    todo = stands.at(ONBOARDING)
    away = sorted(move.journal.target_away)
    if not move.check and (todo or away):
        move.bring_back(move.target, move.journal.target_away)
        if todo:
            _clear(move, todo)
            move.compare(todo)
    if move.check:
        todo = [*todo, *stands.at(SOURCE, PROPOSED)]
    return move.outcome(
        stands,
        {"parties": dict(stands.stages), "disconnected": away},
        {"parties": stands.moved_to(BOTH, todo), "disconnected": []},
        onboarded=sorted(todo),
    )


def _clear(move: Move, parties: t.Sequence[str]) -> None:
    """Ask again and again until no flag is listed by either side; the node clears them about a minute after the activation."""
    deadline = time.monotonic() + move.options.seconds
    last: CantonError | None = None
    while True:
        left = sorted(_flagged(move, move.source, parties) | _flagged(move, move.target, parties))
        if not left:
            return
        retry: list[float] = []
        for party in left:
            proof = move.journal.proven(party)
            begin = proof.target_offset if proof is not None else 0
            try:
                answer = move.target.clear_onboarding(party, move.store, begin, CLEARANCE_SECONDS)
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
                f"{len(left)} parties are still marked as onboarding on the synchronizer after {move.options.seconds:g} s: {some(left)}"
                + (f". Last error: {last.message}" if last else ""),
                error_id="onboarding_not_cleared",
                hint="Their contracts are all there. Run again, with a greater wait_timeout, and look at the target's log.",
            )
        time.sleep(min(LONGEST_PAUSE, max(0.5, min(retry, default=0.5))))


def _flagged(move: Move, participant: t.Any, parties: t.Collection[str]) -> set[str]:
    return {
        item.party
        for item in participant.hostings(move.store, move.target_uid)
        if item.party in parties and any(host.onboarding for host in item.hosts)
    }


# -- 8. the source is out ---------------------------------------------------------------------------------------------


def ensure_moved(move: Move) -> Outcome:
    """The point of no return: from here on only the target hosts the parties."""
    stands = move.read()
    todo = stands.at(BOTH)
    waiting, warnings = _late(move, stands) if todo else ([], [])
    unfinished = [party for party in stands.at(SOURCE, PROPOSED, ONBOARDING) if party not in waiting]
    if unfinished and not move.check:
        raise CantonError(
            f"{len(unfinished)} parties are not hosted by both participants yet: {some(unfinished)}",
            error_id="not_onboarded",
            hint="Run the states before this one first; nobody is moved alone.",
        )
    if todo and not move.check:
        synchronizers.connected_id(move.target, move.store, "where it has to take the parties over")
        move.compare(todo)
        wanted = {party: move.hosted_alone(stands.mappings[party], move.target_uid) for party in todo}
        authorize_until(
            lambda unsent: move.target.host_parties(
                move.store, [wanted[party] for party in unsent], move.options.parallel
            ),
            lambda: _still_on_source(move, todo),
            move.options.seconds,
            "could not be taken off the source",
        )
    if move.check:
        todo = [*todo, *unfinished]
    return move.outcome(
        stands,
        {"parties": dict(stands.stages)},
        {"parties": stands.moved_to(TARGET, todo)},
        warnings,
        moved=sorted(todo),
    )


def _still_on_source(move: Move, parties: t.Collection[str]) -> tuple[list[str], list[str]]:
    """Parties that either side still lists on the source, and those of them that the target has not written."""

    def listed(participant: t.Any) -> set[str]:
        return {item.party for item in participant.hostings(move.store, move.source_uid) if item.party in parties}

    there = listed(move.target)
    return sorted(listed(move.source) | there), sorted(there)


# -- afterwards -------------------------------------------------------------------------------------------------------


def ensure_verified(move: Move) -> Outcome:
    """Compare the target with what was proven before it came back, at the ledger end of that time, and the hosting with now."""
    stands = move.read()
    elsewhere = [party for party, stage in stands.stages.items() if stage != TARGET]
    if elsewhere:
        raise CantonError(
            f"{len(elsewhere)} parties are not hosted by the {move.target.label} alone: {some(elsewhere)}",
            error_id="not_moved",
            hint="Run the migration again, to its end.",
            details={"stages": {party: stands.stages[party] for party in elsewhere}},
        )
    proofs = {party: move.journal.proven(party) for party in stands.stages}
    unproven = [party for party, proof in proofs.items() if proof is None]
    if unproven or not proofs:
        raise CantonError(
            f"{move.journal.path} has no proof of an import for {some(unproven) or 'any party'}",
            error_id="receipt_missing",
            hint="Name the path of this move's journal.",
        )
    groups: dict[t.Any, dict[str, Proof]] = {}
    for party, proof in proofs.items():
        if proof is not None:
            groups.setdefault(proof.target_offset, {})[party] = proof
    contracts, digests = 0, []
    for offset, group in groups.items():
        found = tally(move.target.active_contracts(sorted(group), offset), sorted(group))
        differing = [
            party for party, proof in group.items() if found.parties[party] != PartyTally(proof.contracts, proof.digest)
        ]
        if differing:
            raise CantonError(
                f"The {move.target.label} does not show the contracts of {len(differing)} parties at offset {offset} as they were proven: {some(differing)}",
                error_id="contracts_differ",
                hint="Do not purge or retire the source. Look at the target's log, and whether it was pruned.",
                details={"parties": differing, "offset": offset},
            )
        contracts += found.contracts
        digests.append(found.digest)
    return move.outcome(
        stands,
        {},
        {},
        contracts=contracts,
        digest=f"{sum(int(item, 16) for item in digests) % 2**256:064x}",
        namespaces=hosting.PartySelection(stands.mappings, {}).namespaces(),
    )
