# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that stands against a migration, found before anything is changed (procedure 1, users "Refuse list")."""

from __future__ import annotations

import os
import re
import shutil
import typing as t
from dataclasses import asdict, dataclass

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant import synchronizers, topology
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.participant import (
    AUTHORIZED,
    Identity,
    Participant,
    Synchronizer,
    refuse_unlike,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.snapshot import Tally, tally
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.users import plan_copy

KMS_SPECS = {"signing": ("ec_p256", "ec_p384", "ec_secp256k1"), "encryption": ("rsa_2048",)}
BYTES_PER_CONTRACT = 4096  # on disk, compressed; generous: small contracts take a few hundred bytes (recordings)
IMPORT_SECONDS_PER_CONTRACT = 0.0006  # the vendor's own figures (perf 1)
IMPORT_SECONDS = 18.5


@dataclass(frozen=True)
class Wish:
    """What is asked to be migrated. ``folder`` is where the snapshot will be written, if that is known here."""

    source_synchronizer: str
    target_synchronizer: str
    parties: t.Sequence[str] | None
    excluded: t.Collection[str]
    require_kms: bool
    folder: str | None
    protocol_version: int | None = None
    skipped_users: t.Collection[str] = ()


@dataclass(frozen=True)
class Finding:
    id: str
    severity: str
    message: str
    remedy: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


class Examination:
    """Collects findings; a check that cannot be made because another failed is left out, never passed."""

    def __init__(self, source: Participant, target: Participant, wish: Wish) -> None:
        self.source, self.target, self.wish = source, target, wish
        self.findings: list[Finding] = []
        self.plan: dict[str, t.Any] = {}

    def error(self, identifier: str, message: str, remedy: str) -> None:
        self.findings.append(Finding(identifier, "error", message, remedy))

    def warn(self, identifier: str, message: str, remedy: str) -> None:
        self.findings.append(Finding(identifier, "warning", message, remedy))

    def attempt(self, check: t.Callable[..., t.Any], *arguments: t.Any) -> t.Any:
        """Run a check; a refusal inside it becomes a finding, trouble with the connection ends the examination."""
        try:
            return check(*arguments)
        except CantonError as exc:
            if exc.error_id in ("unreachable", "UNAUTHENTICATED", "PERMISSION_DENIED", "no_reflection"):
                raise
            self.error(exc.error_id or "refused", exc.message, exc.hint)
            return None


def examine(source: Participant, target: Participant, wish: Wish) -> tuple[list[Finding], dict[str, t.Any]]:
    """All findings, and the plan with numbers as far as they could be read."""
    exam = Examination(source, target, wish)
    ours, theirs = source.identity(), target.identity()
    exam.plan.update(source=ours.uid, target=theirs.uid)
    ready = [_check_node(exam, participant, identity) for participant, identity in ((source, ours), (target, theirs))]
    if not all(ready):
        return exam.findings, exam.plan
    if ours.uid == theirs.uid:
        exam.error("same_participant", "Source and target are the same participant", "Correct the endpoints.")
        return exam.findings, exam.plan
    if source.MAJOR != target.MAJOR:
        exam.attempt(refuse_unlike, source, target)
        return exam.findings, exam.plan
    _check_known_bugs(exam, theirs)
    _check_keys(exam)
    exam.attempt(_check_pruning, exam)
    pair = exam.attempt(_check_synchronizers, exam, ours)
    if pair is None:
        return exam.findings, exam.plan
    old, new = pair
    exam.attempt(_check_delegation, exam, ours, theirs, new)
    parties = exam.attempt(_check_parties, exam, ours, theirs, old, new)
    exam.attempt(_check_contracts, exam, ours, old, parties)
    exam.attempt(_check_users, exam)
    return exam.findings, exam.plan


def _check_node(exam: Examination, participant: Participant, identity: Identity) -> bool:
    label = participant.label
    if not identity.initialized:
        waiting = f" and waits for: {identity.waiting_for.replace('_', ' ')}" if identity.waiting_for else ""
        exam.error(
            "not_initialized",
            f"The {label} is not initialised{waiting}",
            "Initialise it and connect it once, then run again.",
        )
        return False
    if not identity.active:
        exam.error(
            "passive_replica", f"The {label} answers as a passive replica", "Name the active replica as its endpoint."
        )
        return False
    if not participant.has_ledger:
        exam.error(
            "ledger_endpoint_missing", f"The {label} has no ledger_endpoint", "Set host and port of its ledger API."
        )
        return False
    return True


def _check_known_bugs(exam: Examination, target: Identity) -> None:
    match = re.match(r"3\.4\.(\d+)", target.version)
    if match and int(match.group(1)) <= 8:
        exam.error(
            "known_bug_25_013",
            f"Canton {target.version} of the target deletes imported contracts when it prunes (bug 25-013)",
            "Upgrade the target to 3.4.9 or later.",
        )


def _check_keys(exam: Examination) -> None:
    if not exam.wish.require_kms:
        return
    if not exam.target.SHOWS_KMS_KEYS:
        exam.warn(
            "kms_not_visible",
            "The API of Canton 2 does not tell whether the target's keys lie in a KMS",
            "Make sure of it in the target's configuration (crypto.provider = kms, enterprise edition).",
        )
        return
    keys = exam.target.own_keys()
    outside = [key for key in keys if not key.kms_key_id]
    if outside or not keys:
        exam.error(
            "target_not_on_kms",
            f"{len(outside)} of the target's {len(keys)} keys are not in a KMS: {', '.join(key.name or key.fingerprint[:12] for key in outside[:4])}",
            "Run the target with crypto.provider = kms, or set require_kms to false if that is not wanted.",
        )
    for key in keys:
        if key.kms_key_id and key.spec not in KMS_SPECS[key.purpose]:
            exam.error(
                "kms_key_spec",
                f"The target's key {key.name or key.fingerprint[:12]} has spec {key.spec}, which Canton cannot use from a KMS for {key.purpose}",
                "Use P-256, P-384 or secp256k1 for signing, and RSA-2048 for encryption.",
            )


def _check_pruning(exam: Examination) -> None:
    cron = exam.source.pruning_schedule()
    if cron is None:
        exam.warn(
            "pruning_not_visible",
            "The API of Canton 2 does not tell whether the source prunes on a schedule",
            "Clear the pruning schedule of the source for the time of the migration, if it has one.",
        )
    elif cron:
        exam.error(
            "pruning_scheduled",
            f"The source prunes on a schedule ({cron}); the offset of the export must not be pruned",
            "Clear the pruning schedule of the source for the time of the migration.",
        )


def _check_synchronizers(exam: Examination, source: Identity) -> tuple[Synchronizer, Synchronizer] | None:
    found = []
    for participant, wanted in (
        (exam.source, exam.wish.source_synchronizer),
        (exam.target, exam.wish.target_synchronizer),
    ):
        item = exam.attempt(synchronizers.find, participant, wanted)
        if item is not None and exam.attempt(synchronizers.known_id, participant, wanted) is not None:
            found.append(item)
    if len(found) < 2:
        return None
    old, new = found
    if old.id == new.id:
        exam.error(
            "same_synchronizer",
            f"Source and target are to use the same synchronizer {topology.short(old.id)}; this procedure moves contracts to another one",
            "Connect the target to the synchronizer that its KMS keys are meant for, and name that.",
        )
        return None
    _check_protocol_versions(exam, source, old, new)
    others = [item.alias for item in exam.target.synchronizers() if item.connected and item.id != new.id]
    if others:
        exam.error(
            "target_on_other_synchronizers",
            f"The target is also connected to {', '.join(sorted(others))}, and contracts can only be imported while it is connected to none",
            "Disconnect it there for the time of the migration, and connect it again afterwards.",
        )
    return old, new


def _check_protocol_versions(exam: Examination, source: Identity, old: Synchronizer, new: Synchronizer) -> None:
    ours = exam.source.protocol_version(old)
    theirs = exam.wish.protocol_version or exam.target.protocol_version(new)
    if ours and theirs and theirs < ours:
        exam.error(
            "protocol_version",
            f"The target's synchronizer runs protocol version {theirs}, the source's {ours}",
            "Move to a synchronizer of the same or a later protocol version: newer contract ids are refused by an older one.",
        )
    if exam.source.MAJOR > 2:
        return
    # Canton 2 writes the target's protocol version into the snapshot, and has to know how (procedure 1).
    if theirs is None:
        exam.error(
            "protocol_version_unknown",
            f"The target does not tell the protocol version of {new.alias}, which Canton 2 writes into the snapshot",
            "Set target_protocol_version (role: kms_migration_target_protocol_version) to that of the domain.",
        )
    elif source.protocol_versions and theirs not in source.protocol_versions:
        exam.error(
            "protocol_version_unsupported",
            f"The source does not know protocol version {theirs} of {new.alias} and cannot export for it",
            "Upgrade the source to a release that supports it, or move to a domain of a version that it supports.",
        )


def _check_delegation(exam: Examination, source: Identity, target: Identity, new: Synchronizer) -> None:
    key = topology.namespace_key(exam.target, target.uid)
    state = topology.delegation_state(exam.source, exam.target, source.namespace, key.fingerprint, new.id)
    exam.plan["delegation"] = asdict(state)
    if not state.complete:
        topology.refuse_without_root_key(exam.source, source.namespace, state)
        topology.refuse_removed_delegation(exam.source, exam.target, source.namespace, key.fingerprint, new.id)
        if not any(item.is_root_certificate for item in exam.source.delegations(AUTHORIZED, source.namespace)):
            exam.error(
                "certificate_missing",
                f"The source's store has no root certificate of its namespace {source.namespace[:12]}…",
                "Load the root certificate into the source's authorized store.",
            )


def _check_parties(
    exam: Examination, source: Identity, target: Identity, old: Synchronizer, new: Synchronizer
) -> set[str] | None:
    selection = topology.select_parties(exam.source, source.uid, old.id, exam.wish.parties, exam.wish.excluded)
    for party, reason in sorted(selection.refused.items()):
        exam.error(
            "party_not_movable",
            f"Party {topology.short(party)} cannot be moved: {reason}",
            "Exclude it (it stays with the source), or move it by its own authorisation.",
        )
    if not selection.movable:
        exam.error("no_parties", "There is no party to move", "Check source, synchronizer and exclusions.")
    exam.plan["parties"] = len(selection.movable)
    wanted = {party: topology.hosted_on(mapping, target.uid) for party, mapping in selection.movable.items()}
    exam.attempt(topology.missing_hostings, exam.target, new.id, wanted)
    return set(selection.movable)


def _check_contracts(exam: Examination, source: Identity, old: Synchronizer, moving: set[str] | None) -> None:
    """Count all contracts that the source holds for anybody, and look at those that do not move or not cleanly."""
    local = {item.party for item in exam.source.local_parties() if item.is_local}
    moving = moving or set()
    end = exam.source.ledger_end()
    left_behind: dict[str, int] = {}
    torn: dict[str, int] = {}

    def sort_out() -> t.Iterator[t.Any]:
        for contract in exam.source.active_contracts(local | moving, end):
            staying = (contract.stakeholders & local) - moving
            if not contract.stakeholders & moving:
                for party in staying:
                    left_behind[party] = left_behind.get(party, 0) + 1
                continue
            for party in contract.stakeholders - moving:
                torn[party] = torn.get(party, 0) + 1
            yield contract

    found: Tally = tally(sort_out(), moving)
    exam.plan.update(
        contracts=found.contracts,
        estimated_downtime_seconds=round(IMPORT_SECONDS + found.contracts * IMPORT_SECONDS_PER_CONTRACT),
    )
    elsewhere = {item: number for item, number in found.synchronizers.items() if item not in ("", old.id)}
    for synchronizer, number in elsewhere.items():
        exam.error(
            "contracts_on_other_synchronizers",
            f"{number} contracts of these parties live on {topology.short(synchronizer)}, not on {old.alias}",
            "Reassign them to the synchronizer that is moved from, or exclude their parties.",
        )
    others = [item.alias for item in exam.source.synchronizers() if item.physical_id and item.id != old.id]
    if others and not exam.source.SHOWS_SYNCHRONIZERS_OF_CONTRACTS:
        exam.warn(
            "synchronizers_of_contracts_not_visible",
            f"The source knows {', '.join(sorted(others))} too, and Canton 2 does not tell on which domain a contract lives",
            f"Contracts on other domains than {old.alias} make the export fail, with nothing lost: transfer them to it before.",
        )
    if torn:
        listed = ", ".join(f"{topology.short(party)} ({number})" for party, number in sorted(torn.items())[:5])
        exam.warn(
            "shared_contracts",
            f"Contracts are shared with {len(torn)} parties that do not move: {listed}",
            "Until these parties move to the same synchronizer too, no transaction on those contracts will be confirmed.",
        )
    if left_behind:
        listed = ", ".join(f"{topology.short(party)} ({number})" for party, number in sorted(left_behind.items())[:5])
        exam.warn(
            "contracts_left_behind",
            f"Contracts stay on the source because none of their parties moves: {listed}",
            "Move them by hand if they matter.",
        )
    _check_packages(exam, found)
    _check_disk(exam, found.contracts)


def _check_packages(exam: Examination, found: Tally) -> None:
    dars = exam.source.dars()
    exam.plan["dars"] = sum(1 for dar in dars if not dar.builtin)
    brought = set(exam.target.packages())
    for dar in dars:
        brought |= exam.source.dar_packages(dar.main)
    lacking = set(found.packages) - brought
    if lacking:
        exam.error(
            "packages_without_dar",
            f"Contracts use {len(lacking)} packages that no DAR of the source contains and that the target lacks: {', '.join(sorted(lacking)[:3])}",
            "Give their DAR files to ledgerops.canton.participant_package (files) for the target.",
        )


def _check_disk(exam: Examination, contracts: int) -> None:
    folder = exam.wish.folder
    if not folder:
        return
    while not os.path.isdir(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    free, needed = shutil.disk_usage(folder).free, contracts * BYTES_PER_CONTRACT
    if free < needed:
        exam.error(
            "disk_space",
            f"{folder} has {free // 2**20} MiB free; a snapshot of {contracts} contracts may need {needed // 2**20} MiB",
            "Free space, or name a folder with more room.",
        )


def _check_users(exam: Examination) -> None:
    """Planning the copy refuses what the copy would refuse half-way."""
    exam.plan["users"] = len(plan_copy(exam.source, exam.target, exam.wish.skipped_users, admin_rights=False).users)
