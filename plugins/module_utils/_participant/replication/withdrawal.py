# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two ends of a move of parties on one synchronizer: its rollback while the source still hosts the parties, or the purge of
the source's copies afterwards."""

from __future__ import annotations

import typing as t

from ..._errors import CantonError
from ..._outcome import Outcome
from ..._waiting import wait_for
from ..contracts.purge import purge_in_batches
from ..model.ids import some
from ..model.interface import Canton3
from ..topology import synchronizers
from ..topology.hosting import authorize_until
from .journal import Away
from .move import BOTH, ONBOARDING, SOURCE, TARGET, VISIBLE_SECONDS, PartyStages, Replication

CLEANING_ROUNDS = 3


def take_back(replication: Replication) -> Outcome:
    """Host the parties on the source alone, purge their contracts on the target, and remove the move from the journal.

    Works as long as the source hosts them: it then has every contract, also those created while both did. Proposals
    that are left are harmless, since only the target can complete them, and a later move uses them.
    """
    stages = replication.read(started=True)
    gone = stages.at(TARGET)
    if gone:
        raise CantonError(
            f"{len(gone)} parties are hosted by the {replication.target.label} alone, so the move can't be rolled back: {some(gone)}",
            error_id="point_of_no_return",
            hint="Complete the migration. To undo it afterwards, run a reverse migration.",
        )
    shared = stages.at(ONBOARDING, BOTH)
    known = sorted(replication.journal.parties)
    theirs = sorted({*shared, *known})
    imported = _alone(replication, replication.target, replication.target_uid, theirs, leaving=theirs)
    if not replication.check:
        synchronizers.connected_id(replication.source, replication.store, "where it has to take over the parties")
        _host_on_source_alone(replication, stages, shared)
        _clean_target(replication, theirs, imported)
        if theirs:
            replication.journal.forget(theirs)
    return replication.outcome(
        stages,
        {"parties": dict(stages.by_party), "contracts_on_target": len(imported), "noted": known},
        {"parties": stages.moved_to(SOURCE, shared), "contracts_on_target": 0, "noted": []},
        withdrawn=shared,
        purged=len(imported),
        held=False,
    )


def _clean_target(replication: Replication, parties: t.Sequence[str], imported: t.Sequence[str]) -> None:
    """Purge the imported contracts, and connect the target again. It then receives the events of the time in which both hosted
    the parties, and may get contracts that were created then: these are purged as well."""
    for _round in range(CLEANING_ROUNDS):
        if imported:
            _purge(replication, replication.target, replication.journal.target_away, parties, imported)
        elif not replication.journal.target_away:
            return
        replication.bring_back(replication.target, replication.journal.target_away)
        imported = _alone(replication, replication.target, replication.target_uid, parties)
    if imported:
        raise CantonError(
            f"The {replication.target.label} received {len(imported)} contracts of these parties again after each connect",
            error_id="contracts_not_purged",
            hint="Stop the applications of these parties, then run again.",
        )


def _host_on_source_alone(replication: Replication, stages: PartyStages, parties: t.Sequence[str]) -> None:
    wanted = {party: replication.hosted_alone(stages.mappings[party], replication.source_uid) for party in parties}

    def left() -> tuple[list[str], list[str]]:
        listed = {item.party for item in replication.source.hostings(replication.store, replication.target_uid)}
        missing = [party for party in wanted if party in listed]
        return missing, missing

    authorize_until(
        lambda unsent: replication.source.host_parties(
            replication.store, [wanted[party] for party in unsent], replication.options.parallel
        ),
        left,
        replication.options.seconds,
        "could not be removed from the target",
    )


def ensure_purged(replication: Replication) -> Outcome:
    """Purge the source's copies of contracts without a stakeholder on the source; it is disconnected for that."""
    stages = replication.read()
    left = [party for party, stage in stages.by_party.items() if stage != TARGET]
    if left and not replication.check:
        raise CantonError(
            f"{len(left)} parties are not hosted by the {replication.target.label} alone and need their contracts on the "
            f"{replication.source.label}: {some(left)}",
            error_id="not_moved",
            hint="Complete the migration first.",
        )
    moved = stages.at(TARGET)
    copies = _alone(replication, replication.source, replication.source_uid, moved)
    away = sorted(replication.journal.source_away)
    if not replication.check:
        if copies:
            _purge(replication, replication.source, replication.journal.source_away, moved, copies)
        if replication.journal.source_away:
            replication.bring_back(replication.source, replication.journal.source_away)
    return replication.outcome(
        stages, {"copies": len(copies), "disconnected": away}, {"copies": 0, "disconnected": []}, purged=len(copies)
    )


def _alone(
    replication: Replication, participant: Canton3, uid: str, parties: t.Sequence[str], leaving: t.Collection[str] = ()
) -> list[str]:
    """Ids of contracts of ``parties`` on a participant that hosts none of their stakeholders except ``leaving``."""
    staying = {item.party for item in replication.witness().hostings(replication.store, uid)} - set(leaving)
    contracts = participant.active_contracts(parties, participant.ledger_end())
    return sorted(
        item.contract_id
        for item in contracts
        if item.synchronizer == replication.store and not item.incomplete and not item.stakeholders & staying
    )


def _purge(
    replication: Replication,
    participant: Canton3,
    noted: dict[str, Away],
    parties: t.Sequence[str],
    contract_ids: t.Sequence[str],
) -> None:
    replication.keep_away(participant, noted)
    alias = synchronizers.find(participant, replication.store).alias
    purge_in_batches(participant, alias, contract_ids, list(parties))
    purged = set(contract_ids)

    def gone() -> bool:
        active = participant.active_contracts(parties, participant.ledger_end())
        return not any(item.contract_id in purged for item in active)

    reached, _last = wait_for(gone, VISIBLE_SECONDS)
    if not reached:
        raise CantonError(
            f"The {participant.label} still shows contracts after their purge",
            error_id="contracts_not_purged",
            hint="Check its log, then run again: purged contracts are skipped.",
        )
