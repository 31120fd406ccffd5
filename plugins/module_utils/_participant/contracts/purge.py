# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Purging contracts from a target: those of a snapshot, those that the source no longer has, or named ones.

A purge is no archival: a purged contract can be imported again, an archived one cannot (docs/canton/contracts.md#purged-and-archived-are-different).
Contract ids are held in memory here: only a comparison of sets distinguishes an archived contract from a purged one.
"""

from __future__ import annotations

import operator
import typing as t
from dataclasses import dataclass, replace

from ..._errors import CantonError
from ..._outcome import Outcome
from ..._waiting import wait_for
from ..model.ids import some
from ..model.interface import Participant, Reader
from ..topology import synchronizers
from .proof import SHOWN_DIFFERENCES
from .request import TransferRequest
from .serving import (
    Since,
    active_ids,
    archived_of,
    digest_of,
    imported_ids,
    is_of,
    proven_ids,
    refuse_served,
    since_import,
)
from .snapshot import Manifest, Receipt, SnapshotFiles

BATCH = 1000  # contract ids per call
VISIBLE_SECONDS = 60.0  # the target's index may lag behind a completed purge


@dataclass(frozen=True)
class Plan:
    """The ids to purge (sorted), and those of the same parties to keep. ``files`` are those of a snapshot whose import is
    rolled back, with the receipt of that import if there is one; ``purged``: a purge of it has started before."""

    parties: tuple[str, ...]
    wanted: list[str]
    others: set[str]
    inactive: int = 0
    files: SnapshotFiles | None = None
    receipt: Receipt | None = None
    purged: bool = False
    missing_on_source: list[str] | None = None

    @property
    def import_noted(self) -> bool:
        """Whether there is something left of the import: its receipt, or contracts that an interrupted purge did not reach."""
        return self.receipt is not None and bool(self.wanted or not self.purged)


def ensure_purged(request: TransferRequest, contract_ids: t.Sequence[str] | None = None) -> Outcome:
    new = synchronizers.known(request.target, request.target_synchronizer)
    alias, store = new.alias, new.id
    if request.base is not None:
        plan = _of_snapshot(request, store)
    elif contract_ids is not None:
        plan = _named(request, store, contract_ids)
    else:
        plan = _stale(request, store)
    if not request.check:
        _carry_out(request.live_target(), alias, store, plan)
    result: dict[str, object] = {
        "contracts": len(plan.wanted),
        "digest": digest_of(plan.wanted).value,
        "left": len(plan.others),
    }
    if plan.missing_on_source is not None:
        result["missing_on_source"] = plan.missing_on_source[:SHOWN_DIFFERENCES]
    return Outcome(
        {"active": len(plan.wanted), "import_noted": plan.import_noted},
        {"active": 0, "import_noted": False},
        result,
        [f"{plan.inactive} of the contracts are not active on the {request.target.label} and were skipped"]
        if plan.inactive
        else [],
    )


def _of_snapshot(request: TransferRequest, store: str) -> Plan:
    """The contracts of a snapshot; refuses once the target has transacted, and when the source lacks some of them."""
    manifest, files, target = request.manifest(), request.files(), request.live_target()
    receipt, resumed = _import_to_take_back(files, manifest)
    here = active_ids(target, manifest.parties, target.ledger_end(), store)
    since = since_import(target, manifest, files, receipt)
    snapshot_ids = None if since is None else since.imported
    if since is None and here:
        files.check(manifest, target.read_record)  # says what is wrong with it
    if since is not None:
        _refuse_transacted(target, since, receipt is not None, resumed)
    wanted = sorted((snapshot_ids or set()) & here)
    missing = None if request.source is None else _missing(request.source, manifest, snapshot_ids)
    if wanted and missing:
        raise CantonError(
            f"The source participant does not have {len(missing)} of the contracts that would be purged, first {missing[0]}",
            error_id="source_misses_contracts",
            hint="They may exist on the target only. Check in the source's history what happened to them before you purge anything.",
            details={"missing": missing[:SHOWN_DIFFERENCES]},
        )
    return Plan(tuple(manifest.parties), wanted, here - set(wanted), 0, files, receipt, resumed, missing)


def _import_to_take_back(files: SnapshotFiles, manifest: Manifest) -> tuple[Receipt | None, bool]:
    """The receipt of the import, and whether its purge has started already; none when no import was proven."""
    receipt, purged = files.read_receipt(), files.read_purge()
    found = receipt or purged
    if found is not None and (found.sha256, found.target) != (manifest.sha256, manifest.target):
        raise CantonError(
            f"The receipt beside {files.manifest} belongs to another snapshot",
            error_id="receipt_of_another_snapshot",
            hint="Find out which snapshot was imported. To purge what the source no longer has, set source and parties instead of path.",
        )
    return found, receipt is None and purged is not None


def _refuse_transacted(target: Participant, since: Since, proven: bool, resumed: bool) -> None:
    """The point of no return: the target has served the contracts that the import brought.

    What an interrupted purge took away is no transaction: it works in the order of the ids, a batch at a time. Of an import
    that was never proven, contracts may be missing, and others may have been there before.
    """
    if resumed and not since.created:
        reached = sorted(since.imported)[: (len(since.gone) // BATCH + 1) * BATCH]
        if since.gone <= set(reached):
            return
        refuse_served(target, replace(since, archived=sorted(since.gone)))
    if proven or since.archived:
        refuse_served(target, since)


def _missing(source: Reader, manifest: Manifest, snapshot_ids: set[str] | None) -> list[str] | None:
    """The contracts of a snapshot that the source lacks; None when the snapshot's ids are unknown and the digests differ."""
    there = active_ids(source, manifest.parties, source.ledger_end())
    if snapshot_ids is not None:
        return sorted(snapshot_ids - there)
    return [] if is_of(there, manifest) else None


def _named(request: TransferRequest, store: str, contract_ids: t.Sequence[str]) -> Plan:
    """Contracts that were named, as far as they are active for the given parties, or for all that the target hosts."""
    target = request.target
    parties = tuple(request.parties) or _hosted(target, store)
    here = active_ids(target, parties, target.ledger_end(), store)
    wanted = sorted(here & set(contract_ids))
    return Plan(parties, wanted, here - set(wanted), len(set(contract_ids)) - len(wanted))


def _hosted(target: Reader, store: str) -> tuple[str, ...]:
    uid = target.identity().uid
    return tuple(sorted({item.party for each in target.hosting_stores(store) for item in target.hostings(each, uid)}))


def _stale(request: TransferRequest, store: str) -> Plan:
    """Contracts that are active on the target and not on the source: archived there since, or never there."""
    source, spec = request.ends()
    here = active_ids(request.target, spec.parties, request.target.ledger_end(), store)
    stale = set(here)
    for item in source.active_contracts(spec.parties, source.ledger_end()):
        stale.discard(item.contract_id)
    return Plan(spec.parties, sorted(stale), here - stale)


def _carry_out(target: Participant, alias: str, store: str, plan: Plan) -> None:
    """Purge batch by batch and prove it by the ledger API.

    The receipt is removed first: a target with only a part of its contracts must never count as imported.
    """
    if plan.wanted:
        synchronizers.refuse_connected(target, "and contracts can only be purged while it is not")
    if plan.files is not None and plan.receipt is not None:
        plan.files.begin_purge(plan.receipt)
    purge_in_batches(target, alias, plan.wanted, plan.parties)
    if plan.wanted:
        _prove(target, store, plan)


def purge_superseded(target: Participant, alias: str, manifest: Manifest, files: SnapshotFiles) -> int:
    """Purge what an earlier import of this pair brought and the source has archived since: it would be unexpected contracts.

    Only as long as the target has not served, and shows nothing but what that import brought. Returns how many that were.
    """
    receipt = files.read_receipt()
    if receipt is None or receipt.sha256 == manifest.sha256:
        return 0
    before = proven_ids(target, manifest, receipt) or set()
    here = active_ids(target, manifest.parties, target.ledger_end())
    refuse_served(
        target, Since(before, before - here, here - before, archived_of(target, before - here, manifest.parties))
    )
    stale = sorted(here - (imported_ids(target, manifest, files, None) or here))
    purge_in_batches(target, alias, stale, list(manifest.parties))
    return len(stale)


def purge_in_batches(
    participant: Participant, alias: str, contract_ids: t.Sequence[str], parties: t.Sequence[str]
) -> None:
    """Purge in batches, so that no call takes long. An OK proves nothing: the caller reads afterwards."""
    for start in range(0, len(contract_ids), BATCH):
        participant.purge_contracts(alias, contract_ids[start : start + BATCH], parties)


def _prove(target: Reader, store: str, plan: Plan) -> None:
    wanted = set(plan.wanted)

    def active() -> set[str]:
        return active_ids(target, plan.parties, target.ledger_end(), store)

    _reached, left = wait_for(lambda: active() & wanted, VISIBLE_SECONDS, until=operator.not_)
    if left:
        raise CantonError(
            f"{len(left)} of {len(wanted)} contracts are still active on the {target.label} after the purge, first {min(left)}",
            error_id="contracts_not_purged",
            hint="Check the target's log, then run again: purged contracts are skipped.",
            details={"left": sorted(left)[:SHOWN_DIFFERENCES]},
        )
    others = active()
    if others != plan.others:
        changed = others ^ plan.others
        raise CantonError(
            f"Other contracts of {some(plan.parties)} changed on the {target.label} during the purge, first {min(changed)}",
            error_id="contracts_differ",
            hint="Find out which other process repairs this participant, stop it, and run again.",
            details={"changed": sorted(changed)[:SHOWN_DIFFERENCES]},
        )
