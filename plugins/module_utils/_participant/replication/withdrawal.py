# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ends a move of parties on one synchronizer: taking it back as long as the source still hosts the parties, or purging
the source's copies afterwards."""

from __future__ import annotations

import typing as t

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.purge import purge_in_batches
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.ids import some
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.replication.journal import Away
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.replication.move import (
    BOTH,
    ONBOARDING,
    SOURCE,
    TARGET,
    VISIBLE_SECONDS,
    Move,
    Standings,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import synchronizers
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology.hosting import authorize_until
from ansible_collections.ledgerops.canton.plugins.module_utils._waiting import wait_for

if t.TYPE_CHECKING:
    from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v30 import V30


CLEANING_ROUNDS = 3


def take_back(move: Move) -> Outcome:
    """Give the parties back to the source alone, purge their contracts on the target, and forget the move.

    Works as long as the source hosts them: it then has every contract, also those of the time in which both did. Proposals
    that are left do no harm, since only the target can complete them, and a later move uses them.
    """
    stands = move.read(begun=True)
    gone = stands.at(TARGET)
    if gone:
        raise CantonError(
            f"{len(gone)} parties are hosted by the {move.target.label} alone, so the move can't be taken back: {some(gone)}",
            error_id="point_of_no_return",
            hint="Carry on to the end of the migration. The way back from there is a migration in the other direction.",
        )
    shared = stands.at(ONBOARDING, BOTH)
    known = sorted(move.journal.parties)
    theirs = sorted({*shared, *known})
    brought = _alone(move, move.target, move.target_uid, theirs, leaving=theirs)
    if not move.check:
        synchronizers.connected_id(move.source, move.store, "where it has to take the parties back")
        _host_on_source_alone(move, stands, shared)
        _clean_target(move, theirs, brought)
        if theirs:
            move.journal.forget(theirs)
    return move.outcome(
        stands,
        {"parties": dict(stands.stages), "contracts_on_target": len(brought), "noted": known},
        {"parties": stands.moved_to(SOURCE, shared), "contracts_on_target": 0, "noted": []},
        withdrawn=shared,
        purged=len(brought),
        held=False,
    )


def _clean_target(move: Move, parties: t.Sequence[str], brought: t.Sequence[str]) -> None:
    """Purge what was brought, and connect the target again. It then hears of the time in which both hosted the parties,
    and may get contracts that were made in it: these are purged as well."""
    for _round in range(CLEANING_ROUNDS):
        if brought:
            _purge(move, move.target, move.journal.target_away, parties, brought)
        elif not move.journal.target_away:
            return
        move.bring_back(move.target, move.journal.target_away)
        brought = _alone(move, move.target, move.target_uid, parties)
    if brought:
        raise CantonError(
            f"The {move.target.label} got {len(brought)} contracts of these parties again each time that it was connected",
            error_id="contracts_not_purged",
            hint="Stop the applications of these parties, then run again.",
        )


def _host_on_source_alone(move: Move, stands: Standings, parties: t.Sequence[str]) -> None:
    wanted = {party: move.hosted_alone(stands.mappings[party], move.source_uid) for party in parties}

    def left() -> tuple[list[str], list[str]]:
        listed = {item.party for item in move.source.hostings(move.store, move.target_uid)}
        missing = [party for party in wanted if party in listed]
        return missing, missing

    authorize_until(
        lambda unsent: move.source.host_parties(move.store, [wanted[party] for party in unsent], move.options.parallel),
        left,
        move.options.seconds,
        "could not be taken off the target",
    )


def ensure_purged(move: Move) -> Outcome:
    """Purge the source's copies of contracts that nobody on it is a stakeholder of any more; it is disconnected for that."""
    stands = move.read()
    left = [party for party, stage in stands.stages.items() if stage != TARGET]
    if left and not move.check:
        raise CantonError(
            f"{len(left)} parties are not hosted by the {move.target.label} alone, so the copies on the {move.source.label} are needed: {some(left)}",
            error_id="not_moved",
            hint="Run the migration to its end first.",
        )
    moved = stands.at(TARGET)
    copies = _alone(move, move.source, move.source_uid, moved)
    away = sorted(move.journal.source_away)
    if not move.check:
        if copies:
            _purge(move, move.source, move.journal.source_away, moved, copies)
        if move.journal.source_away:
            move.bring_back(move.source, move.journal.source_away)
    return move.outcome(
        stands, {"copies": len(copies), "disconnected": away}, {"copies": 0, "disconnected": []}, purged=len(copies)
    )


def _alone(
    move: Move, participant: V30, uid: str, parties: t.Sequence[str], leaving: t.Collection[str] = ()
) -> list[str]:
    """Ids of contracts of ``parties`` on a participant that hosts none of their stakeholders, those ``leaving`` aside."""
    staying = {item.party for item in move.witness().hostings(move.store, uid)} - set(leaving)
    contracts = participant.active_contracts(parties, participant.ledger_end())
    return sorted(
        item.contract_id
        for item in contracts
        if item.synchronizer == move.store and not item.incomplete and not item.stakeholders & staying
    )


def _purge(
    move: Move, participant: V30, noted: dict[str, Away], parties: t.Sequence[str], contract_ids: t.Sequence[str]
) -> None:
    move.keep_away(participant, noted)
    alias = synchronizers.find(participant, move.store).alias
    purge_in_batches(participant, alias, contract_ids, list(parties))
    purged = set(contract_ids)

    def gone() -> bool:
        standing = participant.active_contracts(parties, participant.ledger_end())
        return not any(item.contract_id in purged for item in standing)

    reached, _last = wait_for(gone, VISIBLE_SECONDS)
    if not reached:
        raise CantonError(
            f"The {participant.label} still shows contracts that it was told to purge",
            error_id="contracts_not_purged",
            hint="Look at its log, then run again: what is purged is skipped.",
        )
