# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a target has served, read from its present state and not from a journal.

Contract ids are held in memory here: only its id distinguishes an archived contract from one that was never imported.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..._errors import CantonError
from ..model.entities import Offset
from ..model.interface import Participant, Reader
from .proof import SHOWN_DIFFERENCES
from .snapshot import Manifest, Receipt, SnapshotFiles, SnapshotUnusable
from .tally import IdDigest

ASKED = 200  # contracts whose events are read, one call each, spread over the missing ones
NO_ROLLBACK = "A rollback is no longer possible. Run a reverse migration, from this target to a fresh participant."


class Transacted(CantonError):
    """The target has transacted with the moved parties since their contracts were imported."""

    ID = "target_has_transacted"


class ServingUnknown(CantonError):
    """Neither the node nor the files show whether the target has served."""

    ID = "serving_unknown"


@dataclass(frozen=True)
class Since:
    """What changed on the target since an import: ids of contracts that are gone, and of contracts that no import brought.

    ``archived`` are those of the gone ones that the target itself archived, as far as they were read; None: not known.
    """

    imported: set[str]
    gone: set[str]
    created: set[str]
    archived: list[str] | None

    @property
    def has_served(self) -> bool | None:
        """None: not known."""
        if self.created or self.archived:
            return True
        return None if self.gone and self.archived is None else False


def active_ids(participant: Reader, parties: t.Iterable[str], offset: Offset, store: str = "") -> set[str]:
    """Ids of the active contracts of ``parties``; those on another synchronizer than ``store`` are left out, where it is known."""
    return {
        item.contract_id
        for item in participant.active_contracts(parties, offset)
        if not store or item.synchronizer in ("", store)
    }


def digest_of(identifiers: t.Iterable[str]) -> IdDigest:
    digest = IdDigest()
    for identifier in identifiers:
        digest.add(identifier)
    return digest


def is_of(identifiers: set[str], manifest: Manifest) -> bool:
    """Whether these are the ids of the manifest's contracts."""
    digest = digest_of(identifiers)
    return (digest.count, digest.value) == (manifest.contracts, manifest.digest)


def imported_ids(
    target: Participant, manifest: Manifest, files: SnapshotFiles, receipt: Receipt | None
) -> set[str] | None:
    """Ids of a snapshot's contracts: by its file, or by what the target showed when the import was proven; None: neither has them."""
    try:
        files.check(manifest, target.read_record)
        return {item.contract_id for item in files.contracts(target.read_record)}
    except SnapshotUnusable:
        proven = proven_ids(target, manifest, receipt)
        return proven if proven is not None and is_of(proven, manifest) else None


def proven_ids(target: Participant, manifest: Manifest, receipt: Receipt | None) -> set[str] | None:
    """What the target shows at the offset of the receipt; None when it cannot: pruned since, or restored to before."""
    if receipt is None:
        return None
    try:
        return active_ids(target, manifest.parties, receipt.offset)
    except CantonError:
        return None


def since_import(
    target: Participant, manifest: Manifest, files: SnapshotFiles, receipt: Receipt | None
) -> Since | None:
    """What changed on the target since this snapshot was imported; None when the contracts of the snapshot are unknown."""
    imported = imported_ids(target, manifest, files, receipt)
    if imported is None:
        return None
    here = active_ids(target, manifest.parties, target.ledger_end())
    gone = imported - here
    return Since(imported, gone, here - imported, archived_of(target, gone, manifest.parties))


def archived_of(target: Participant, gone: set[str], parties: t.Iterable[str]) -> list[str] | None:
    """Which of these the target has archived; a sample where they are many. None: its release does not report it."""
    ordered = sorted(gone)
    found = []
    for one in ordered[:: max(1, len(ordered) // ASKED)]:
        archived = target.was_archived(one, parties)
        if archived is None:
            return None
        if archived:
            found.append(one)
    return found


def refuse_served(target: Participant, since: Since | None, hint: str = NO_ROLLBACK) -> None:
    """Refuse a purge on a target that has served, or may have served."""
    if since is None:
        raise ServingUnknown(
            f"It is unknown which contracts were imported into the {target.label}: neither the snapshot nor the receipt of its import shows them",
            hint="Nothing was changed. Restore the files of this migration. If the target serves, the migration is finished.",
        )
    if since.has_served is False:
        return
    gone, created = sorted(since.archived or since.gone), sorted(since.created)
    details: dict[str, object] = {"gone": gone[:SHOWN_DIFFERENCES], "new": created[:SHOWN_DIFFERENCES]}
    if since.has_served is None:
        raise ServingUnknown(
            f"{len(gone)} of the {len(since.imported)} contracts that were imported into the {target.label} are gone, first {gone[0]}, "
            "and its release does not report whether it has archived them",
            hint="Nothing was changed. If the target has served, the migration is finished. If it has not, restore its database from "
            "the backup that was made before the import.",
            details=details,
        )
    raise Transacted(
        f"The {target.label} has transacted with the moved parties since their contracts were imported: {len(gone)} of the "
        f"{len(since.imported)} contracts are archived (or purged by hand) and {len(created)} are new, first {(gone or created)[0]}",
        hint=hint,
        details=details,
    )
