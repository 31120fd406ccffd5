# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a migration stands, read from both participants and its journal, and what is left to do.

The nodes are the truth: the journal adds only what they cannot tell, and never outranks them. docs/plan.md shows the stages.
"""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, field

from ..._errors import CantonError
from ..contracts import transfer
from ..contracts.request import TransferRequest
from ..copying import packages, users
from ..model.entities import Synchronizer
from ..model.ids import some
from ..model.interface import Reader
from ..preflight.examine import examine
from ..preflight.findings import OTHER_SYNCHRONIZER, Findings, MigrationRequest
from ..topology import delegation, hosting, synchronizers
from .journal import Journal, JournalFiles

Stage = t.Literal["unprepared", "prepared", "moving", "source_down", "exported", "imported", "serving", "migrated"]
# What the journal calls the start of the cutover, and its end.
CUTOVER, CONNECTED = "cutover", "connected"


@dataclass(frozen=True)
class PlanRequest:
    """What is migrated, and whether admin rights of users are copied."""

    migration: MigrationRequest
    admin_rights: bool = False


@dataclass(frozen=True)
class Step:
    """One step of the role; ``why`` says why it is needed, or why not."""

    id: str
    needed: bool
    why: str


@dataclass(frozen=True)
class Copies:
    """What the target needs besides the contracts, compared with what it has."""

    namespace: str
    target_key: str
    delegation: delegation.DelegationState
    parties: hosting.HostingPlan
    packages: packages.PackagePlan
    users: users.UserPlan

    @classmethod
    def of(cls, source: Reader, target: Reader, old: Synchronizer, new: Synchronizer, request: PlanRequest) -> Copies:
        wanted = request.migration
        ours, theirs = source.identity(), target.identity()
        key = delegation.namespace_key(target, theirs.uid)
        return cls(
            ours.namespace,
            key.fingerprint,
            delegation.delegation_state(source, target, ours.namespace, key.fingerprint, new.id),
            hosting.plan_hosting(
                source, old.id, target, new.id, wanted.parties, wanted.exclude, wanted.namespaces, wanted.replace_hosts
            ),
            packages.plan_copy(source, ours.uid, old.id, target, theirs.uid, new.id, wanted.exclude_dars, {}),
            users.plan_copy(source, target, wanted.skip_users, request.admin_rights),
        )

    def steps(self) -> list[Step]:
        namespaces = set(self.parties.selection.namespaces()) - self.parties.delegated
        plan = self.users
        changed = [*plan.providers, *plan.create, *plan.update, *plan.grant, *plan.annotate]
        return [
            step(
                "packages",
                self.packages.changes,
                f"{len(self.packages.upload)} DARs to store, {len(self.packages.vet)} to vet",
            ),
            step(
                "delegation",
                bool(namespaces) or not self.delegation.complete,
                f"{len(namespaces) or 1} namespaces are not delegated to the target's key",
            ),
            step(
                "parties",
                bool(self.parties.missing),
                f"{len(self.parties.missing)} parties are not hosted by the target",
            ),
            # the target takes annotations of parties that it hosts
            step(
                "users",
                not plan.empty or bool(self.parties.missing),
                f"{len(changed)} users, identity providers or annotations differ",
            ),
        ]

    def as_dict(self) -> dict[str, object]:
        """The return values of the modules that copy, of the same names."""
        return {
            "delegation": {
                "namespace": self.namespace,
                "target_key": self.target_key,
                "delegation": asdict(self.delegation),
            },
            "hosted": self.parties.as_dict(),
            "packages": self.packages.missing(),
            "users": {**self.users.missing(), "users": self.users.users, "left_out": self.users.left_out},
        }


def step(identifier: str, needed: bool, why: str) -> Step:
    """``why`` it is needed, if it is."""
    return Step(identifier, needed, why if needed else "nothing is missing")


@dataclass
class Situation:
    """The answer: the stage, what preflight finds, the steps that are left, and the proof of both participants where there is one.

    ``stage`` and ``copies`` are None where the findings already refuse the migration.
    """

    findings: Findings
    journal: Journal
    files: JournalFiles
    stage: Stage | None = None
    copies: Copies | None = None
    proof: dict[str, object] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


def plan(source: Reader, target: Reader, request: PlanRequest, files: JournalFiles, journal: Journal) -> Situation:
    """Read both participants once. Nothing is changed, and nothing is raised that can be a finding."""
    findings = examine(source, target, request.migration)
    found = Situation(findings, journal, files)
    if findings.pair is None or request.migration.method != OTHER_SYNCHRONIZER:
        return found
    old, new = findings.pair
    imported = files.imported(target.identity().uid)
    _refuse_conflicts(found, old, imported)
    if not findings.can_migrate:
        return found
    copies: Copies | None = findings.as_finding(Copies.of, source, target, old, new, request)
    if copies is None:
        return found
    found.copies = copies
    todo = {each.id for each in copies.steps() if each.needed}
    found.stage = _stage(found, old, new, imported, todo)
    if found.stage == "serving" and imported and not todo and journal.last(CONNECTED):
        try:
            found.proof = _proof(source, target, request, files, copies, check=True)
            found.stage = "migrated"
        except CantonError:
            pass  # verify says what differs
    found.steps = _steps(found, copies, old, new)
    return found


def _stage(found: Situation, old: Synchronizer, new: Synchronizer, imported: bool, todo: t.Collection[str]) -> Stage:
    if old.connected:
        return "unprepared" if todo else "prepared"
    if new.connected and imported:
        return "serving"
    if imported:
        return "imported"
    return "exported" if found.files.snapshot.read_manifest() else "source_down"


def _refuse_conflicts(found: Situation, old: Synchronizer, imported: bool) -> None:
    """States in which both participants could serve the same parties, or in which contracts would be purged that are new."""
    findings = found.findings
    source, target = findings.plan.source, findings.plan.target
    if findings.plan.stage == "target_serves" and not imported:
        findings.error(
            "receipt_missing",
            f"Already migrated: the target {target} is connected and has contracts of these parties, or has served them, and the source is "
            "disconnected. "
            f"{found.files.folder} has no receipt of the import, so the migration cannot be verified",
            "Restore the journal folder of this migration, or set path to it.",
        )
    if old.connected and imported:
        findings.error(
            "source_connected_after_import",
            f"The contracts of the source {source} were imported into the target, but the source is connected to {old.alias} again. "
            "Both participants would serve the same parties",
            "Disconnect the source now, or roll the migration back.",
        )
    may_have_served = not old.connected and not (
        found.journal.data(CUTOVER).get("served")
        and not found.journal.last(CONNECTED)
        and not _is_connected(findings.target)
    )
    if (
        findings.request.count_contracts
        and findings.request.purge_stale
        and not imported
        and may_have_served
        and findings.plan.stage != "target_serves"
    ):
        findings.error(
            "purge_after_service",
            "purge_stale is set and the source is disconnected, so the target may have served since, and its new contracts would be purged",
            "If the target has not served, connect the source, or, if the journal has this cutover, disconnect the target from all "
            "synchronizers; then run again. If it has served, the migration is finished: unset purge_stale.",
        )


def _is_connected(participant: Reader) -> bool:
    return any(item.connected for item in participant.synchronizers())


def _steps(found: Situation, wanted: Copies, old: Synchronizer, new: Synchronizer) -> list[Step]:
    copies = wanted.steps()
    noted = bool(found.journal.last(CONNECTED))
    # a target that was connected once and is disconnected now has served, too
    serves = found.stage in ("serving", "migrated") or (found.stage == "imported" and noted)
    offline = found.findings.target.hosts_offline
    if serves:
        # Canton 2 takes annotations and display names only after the connection.
        copies = [
            each
            if each.id == "users" and offline and not found.journal.last("verified")
            else Step(each.id, needed=False, why="the target serves already")
            for each in copies
        ]
    # Canton 2 hosts parties and vets packages while it is disconnected; only a delegation has to reach the synchronizer first
    needs = ("delegation",) if offline else ("packages", "delegation", "parties")
    reach = not new.connected and any(each.needed and each.id in needs for each in copies)
    return [
        step("reach_synchronizer", reach, "the target has to be connected for the copies"),
        *copies,
        step(
            "disconnect_source",
            old.connected or not old.manual_connect,
            "the source serves, or would connect by itself",
        ),
        Step(
            "transfer",
            not serves,
            "the target serves already" if serves else "the target does not have the contracts, or is not proven to",
        ),
        step(
            "connect_target",
            not (new.connected and noted) or new.manual_connect,
            "the target does not serve yet, or would not connect by itself",
        ),
    ]


def _proof(
    source: Reader, target: Reader, request: PlanRequest, files: JournalFiles, copies: Copies, check: bool
) -> dict[str, object]:
    return transfer.ensure_verified(
        TransferRequest(
            source=source,
            target=target,
            base=files.base,
            parties=sorted(copies.parties.wanted),
            source_synchronizer=request.migration.source_synchronizer,
            target_synchronizer=request.migration.target_synchronizer,
            check=check,
        )
    ).result


def verify(
    source: Reader, target: Reader, request: PlanRequest, files: JournalFiles, journal: Journal, check: bool
) -> Situation:
    """Prove that the target has everything of the source, or raise what it lacks."""
    findings = Findings(source, target, request.migration)
    wanted = request.migration
    if not (files.imported(target.identity().uid) and journal.last(CONNECTED)):
        raise CantonError(
            "The cutover of this migration is not finished, so there is nothing to verify",
            error_id="cutover_unfinished",
            hint="Finish the migration first, then verify it.",
        )
    old = synchronizers.known(source, wanted.source_synchronizer)
    new = synchronizers.known(target, wanted.target_synchronizer)
    findings.pair = old, new
    copies = Copies.of(source, target, old, new, request)
    found = Situation(findings, journal, files, "serving", copies)
    found.proof = _proof(source, target, request, files, copies, check)
    refuse_differences(copies, target.identity().uid)
    found.stage = "migrated"
    found.steps = _steps(found, copies, old, new)
    return found


def refuse_differences(copies: Copies, target: str) -> None:
    """Raise what the target lacks besides the contracts."""
    if not any(each.needed for each in copies.steps()):
        return
    users_differ = [
        user.id
        for user in [*copies.users.create, *copies.users.update, *(user for user, _rights in copies.users.grant)]
    ]
    differences = {
        "delegation": "" if copies.delegation.complete else f"in the stores {asdict(copies.delegation)}",
        "parties not hosted": some(sorted(copies.parties.missing)),
        "DARs not stored or vetted": ", ".join(
            dar.name or dar.main for dar in [*copies.packages.upload, *copies.packages.vet]
        ),
        "users": ", ".join(sorted(set(users_differ))),
        "identity providers": ", ".join(item.id for item in copies.users.providers),
        "annotations": some([item.party for item, _existing in copies.users.annotate]),
    }
    raise CantonError(
        f"The target {target} differs from the source. "
        + "; ".join(f"{what}: {text}" for what, text in differences.items() if text),
        error_id="participants_differ",
        hint="Find out which side was changed since the cutover and which is correct, then make both equal with the modules of this "
        "collection or by hand.",
        details=copies.as_dict(),
    )
