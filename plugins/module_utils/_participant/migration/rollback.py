# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rollback would take back, read from both participants and the journal, and when it is refused. docs/rollback.md shows the stages."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ..._errors import CantonError
from ..contracts.purge import ensure_purged
from ..contracts.request import TransferRequest
from ..model.interface import Reader
from ..preflight.findings import MigrationRequest
from ..replication import withdrawal
from ..topology import synchronizers, unhosting
from .journal import Journal, JournalFiles, archivable
from .plan import CONNECTED, CUTOVER, Step, step
from .replicated import replication_of

ROLLBACK = "rollback"  # what the journal calls its start
Stage = t.Literal[
    "nothing_begun", "prepared", "source_disconnected", "exported", "imported", "target_connected", "same_synchronizer"
]


FOUND: dict[Stage, str] = {
    "nothing_begun": "Neither the journal nor the target has anything of this migration. There is nothing to roll back.",
    "prepared": "The target was prepared. The source was not disconnected.",
    "source_disconnected": "The cutover was started. No contracts were exported.",
    "exported": "The contracts were exported. The journal has no receipt of the import.",
    "imported": "The contracts were imported. The target was not connected since.",
    "target_connected": "The contracts were imported and the target was connected.",
    "same_synchronizer": "The move on one synchronizer was begun. The source hosts all parties.",
}


@dataclass(frozen=True)
class Rollback:
    """``interrupted``: one was started before and is carried on, with the stage that it began with."""

    source: str
    target: str
    stage: Stage
    interrupted: bool
    hosted: dict[str, t.Any] = field(default_factory=dict)
    purge: dict[str, t.Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    def as_dict(self) -> dict[str, object]:
        return {
            "stage": self.stage,
            "interrupted": self.interrupted,
            "unhosted": self.hosted.get("unhosted", []),
            "purged": self.purge.get("contracts", 0),
            "missing_on_source": self.purge.get("missing_on_source"),
            "found": FOUND[self.stage] + (" This resumes an interrupted rollback." if self.interrupted else ""),
            "summary": self._summary(),
        }

    def _summary(self) -> list[str]:
        """What is true at its end, in lines for a person."""
        alone = self.stage == "same_synchronizer"
        missing = self.purge.get("missing_on_source")
        has = "has all of them"
        if not alone:
            has = "was not compared" if missing is None else "has every contract of the snapshot"
            has = f"lacks contracts of the snapshot, first {missing[0]}" if missing else has
        return [
            f"Source     {self.source} {'is the only host of all parties again' if alone else 'serves again'}",
            f"Contracts  {self.purge.get('contracts', 0)} purged on the target; the source {has}",
            f"Parties    {len(self.hosted.get('unhosted', []))} no longer hosted by {self.target}",
            "Left       users and packages on the target, and the delegation of the namespace: Canton never accepts a removed one again",
            "Again      the migration can be run again from the start",
        ]


def plan_rollback(
    source: Reader, target: Reader, request: MigrationRequest, files: JournalFiles, journal: Journal
) -> Rollback:
    """The stage and the steps; raises where a rollback would lose something."""
    if request.stays_on_synchronizer:
        return _plan_withdrawal(source, target, request, files)
    old = synchronizers.find(source, request.source_synchronizer)
    new = synchronizers.find(target, request.target_synchronizer)
    if old.id and old.id == new.id:
        raise CantonError(
            "Source and target are on the same synchronizer, where a party has one mapping for both",
            error_id="same_synchronizer",
            hint="Nothing was changed. Set method to same_synchronizer to roll such a move back.",
        )
    found = {name[len(files.name) + 1 :] for name in archivable(files)}
    hosted: dict[str, t.Any] = {}
    # A target that was never connected hosts no party there. On Canton 2 the id of the domain may just be unknown.
    if found or target.hosts_offline or new.physical_id:
        hosted = unhosting.ensure_absent(_hosting(request), source, target, check=True).result
    interrupted = journal.last(ROLLBACK) > journal.last(CUTOVER)
    stage: Stage = (
        journal.data(ROLLBACK)["stage"]
        if interrupted
        else _stage(files, journal, found, hosted, target.identity().uid, live=new.connected)
    )
    purge: dict[str, t.Any] = {}
    if "manifest.json" in found:
        purge = _purge(source, target, request, files, serving=old.connected)
    _refuse_lost_receipt(files, journal, found, target.identity().uid)
    _refuse_others(found, hosted, purge)
    noted = bool(found & {"receipt.json", "purge.json"})
    steps = (
        step(
            "purge",
            noted or purge.get("contracts", 0) > 0,
            f"{purge.get('contracts', 0)} imported contracts are on the target",
        ),
        step("reach_synchronizer", bool(hosted.get("on_synchronizer")), "the synchronizer lists the target as a host"),
        step(
            "parties",
            bool(hosted.get("unhosted")),
            f"{len(hosted.get('unhosted', []))} parties are hosted by the target",
        ),
        Step("connect_source", needed=True, why="the source serves again, and the target is kept disconnected"),
    )
    ends = source.identity().uid, target.identity().uid
    return Rollback(*ends, stage, interrupted, hosted, purge, steps if stage != "nothing_begun" else ())


def _plan_withdrawal(source: Reader, target: Reader, request: MigrationRequest, files: JournalFiles) -> Rollback:
    """While the source hosts the parties it has all their contracts, and the move can be rolled back at any stage."""
    found = withdrawal.take_back(replication_of(source, target, request, files, check=True))
    begun = found.changed or bool(archivable(files))
    return Rollback(
        source.identity().uid,
        target.identity().uid,
        "same_synchronizer" if begun else "nothing_begun",
        interrupted=False,
        hosted={"unhosted": found.result["withdrawn"]},
        purge={"contracts": found.result["purged"], "missing_on_source": []},
        steps=(step("withdraw", found.changed, "parties are hosted by both, or the journal has their move"),)
        if begun
        else (),
    )


def _hosting(request: MigrationRequest) -> dict[str, t.Any]:
    return {
        "source_synchronizer": request.source_synchronizer,
        "target_synchronizer": request.target_synchronizer,
        "parties": request.parties,
        "exclude": request.exclude,
    }


def _stage(
    files: JournalFiles, journal: Journal, found: set[str], hosted: dict[str, t.Any], target: str, live: bool
) -> Stage:
    if not found and not hosted.get("unhosted"):
        return "nothing_begun"
    if files.imported(target):
        return "target_connected" if live or journal.last(CONNECTED) else "imported"
    if "purge.json" in found:
        return "imported"
    if "manifest.json" in found:
        return "exported"
    return "source_disconnected" if journal.last(CUTOVER) else "prepared"


def _purge(
    source: Reader, target: Reader, request: MigrationRequest, files: JournalFiles, serving: bool
) -> dict[str, t.Any]:
    """What a purge would do; it refuses a target that has transacted. A source that serves may have changed since: it is not compared."""
    wanted = TransferRequest(
        source=None if serving else source,
        target=target,
        base=files.base,
        parties=(),
        source_synchronizer=request.source_synchronizer,
        target_synchronizer=request.target_synchronizer,
        check=True,
    )
    return ensure_purged(wanted).result


def _refuse_lost_receipt(files: JournalFiles, journal: Journal, found: set[str], target: str) -> None:
    if journal.last(CONNECTED) and not files.imported(target) and "purge.json" not in found:
        raise CantonError(
            f"The target was connected after the import, but {files.snapshot.receipt} is missing: without it the rollback cannot determine "
            "whether the target has transacted",
            error_id="receipt_missing",
            hint="Nothing was changed. Restore the receipt, or run the reverse migration.",
        )


def _refuse_others(found: set[str], hosted: dict[str, t.Any], purge: dict[str, t.Any]) -> None:
    others = purge.get("left", 0) > 0 if "manifest.json" in found else bool(hosted.get("with_contracts"))
    if others:
        raise CantonError(
            "The target has active contracts of these parties that this migration did not import",
            error_id="contracts_of_another_origin",
            hint="Nothing was changed. If they were created there, a rollback is not possible: run the reverse migration. If they are left "
            "from an earlier attempt, purge them first with ledgerops.canton.participant_acs_transfer (state purged, with source and parties).",
        )
