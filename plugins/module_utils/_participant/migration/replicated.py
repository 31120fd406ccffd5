# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a migration stands whose parties stay on their synchronizer: the stage of each party, what is left to copy, and the proof."""

from __future__ import annotations

import typing as t

from ..._errors import CantonError
from ..copying import packages, users
from ..model.entities import Synchronizer
from ..model.interface import Reader
from ..preflight.findings import Findings, MigrationRequest
from ..replication import contracts
from ..replication.move import BOTH, ONBOARDING, TARGET, Options, PartyStages, Replication
from ..topology import delegation, hosting, synchronizers
from .journal import Journal, JournalFiles
from .plan import CONNECTED, Copies, PlanRequest, Situation, Step, refuse_differences, step


def replication_of(
    source: Reader, target: Reader, request: MigrationRequest, files: JournalFiles, check: bool = False
) -> Replication:
    options = Options(
        request.source_synchronizer,
        request.target_synchronizer,
        files.base,
        wanted=request.parties,
        excluded=request.exclude,
        check=check,
    )
    return Replication(source, target, options)


def complete(found: Situation, source: Reader, target: Reader, request: PlanRequest) -> Situation:
    """Fill in stage, copies, steps and proof. Nothing is changed; what the move itself would refuse becomes a finding."""
    if found.findings.pair is None or not found.findings.can_migrate:
        return found
    read: tuple[Replication, PartyStages, Copies] | None = found.findings.as_finding(
        _read, source, target, request, found.files, found.findings.pair
    )
    if read is None:
        return found
    replication, stages, copies = read
    # from the activation to the receipt the target stays away: it must not receive events of parties whose contracts it lacks
    held = bool(replication.unproven(stages))
    left = [party for party, stage in stages.by_party.items() if stage != TARGET]
    todo = [] if held else [each for each in copies.steps() if each.needed]
    found.copies = copies
    noted = bool(found.journal.last(CONNECTED))
    moving = stages.at(ONBOARDING, BOTH) or not (left or noted)
    found.stage = "moving" if moving else "unprepared" if todo else "prepared"
    if noted and not left and not todo:
        try:
            found.proof = _proof(replication)
            found.stage = "migrated"
        except CantonError:
            pass  # verify says what differs
    found.steps = _steps(copies, held, noted, left, found.findings.pair[1])
    return found


def _steps(copies: Copies, held: bool, noted: bool, left: t.Sequence[str], new: Synchronizer) -> list[Step]:
    steps = copies.steps()
    if held:
        steps = [Step(each.id, needed=False, why="the target is kept disconnected") for each in steps]
    return [
        step(
            "reach_synchronizer",
            not new.connected and any(each.needed for each in steps),
            "the target has to be connected for the copies",
        ),
        *steps,
        step(
            "move",
            bool(left) or not noted,
            f"{len(left)} parties are not hosted by the target alone, or the end is not recorded",
        ),
    ]


def _read(
    source: Reader,
    target: Reader,
    request: PlanRequest,
    files: JournalFiles,
    pair: tuple[Synchronizer, Synchronizer],
) -> tuple[Replication, PartyStages, Copies]:
    replication = replication_of(source, target, request.migration, files)
    stages = replication.read()
    return replication, stages, _copies(source, target, request, pair, stages)


def _copies(
    source: Reader,
    target: Reader,
    request: PlanRequest,
    pair: tuple[Synchronizer, Synchronizer],
    stages: PartyStages,
) -> Copies:
    """Without the hosting, which the move changes."""
    old, new = pair
    ours, theirs, wanted = source.identity(), target.identity(), request.migration
    key = delegation.namespace_key(target, theirs.uid).fingerprint
    parties = {party: hosting.hosted_on(mapping, theirs.uid) for party, mapping in stages.mappings.items()}
    return Copies(
        ours.namespace,
        key,
        delegation.delegation_state(source, target, ours.namespace, key, new.id),
        hosting.HostingPlan(
            hosting.PartySelection(dict(stages.mappings), {}),
            frozenset(delegation.delegated_namespaces(target, new.id)),
            parties,
            {},
        ),
        packages.plan_copy(source, ours.uid, old.id, target, theirs.uid, new.id, wanted.exclude_dars, {}),
        users.plan_copy(source, target, wanted.skip_users, request.admin_rights),
    )


def _proof(replication: Replication) -> dict[str, object]:
    result = contracts.ensure_verified(replication).result
    proven = {party: replication.journal.proven(party) for party in t.cast(t.Iterable[str], result["parties"])}
    numbers = {
        party: {"contracts": proof.contracts, "digest": proof.digest}
        for party, proof in proven.items()
        if proof is not None
    }
    return {"contracts": result["contracts"], "digest": result["digest"], "parties": numbers}


def verify_replicated(
    source: Reader, target: Reader, request: PlanRequest, files: JournalFiles, journal: Journal
) -> Situation:
    """Prove that the target has everything of the moved parties, or raise what it lacks."""
    wanted = request.migration
    pair = (
        synchronizers.known(source, wanted.source_synchronizer),
        synchronizers.known(target, wanted.target_synchronizer),
    )
    replication, _stages, copies = _read(source, target, request, files, pair)
    found = Situation(Findings(source, target, wanted), journal, files, "serving", copies)
    found.proof = _proof(replication)
    refuse_differences(copies, target.identity().uid)
    found.stage = "migrated"
    found.steps = _steps(copies, held=False, noted=bool(journal.last(CONNECTED)), left=[], new=pair[1])
    return found
