# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import of active contracts: what the target needs, the upload, and the pipe that sends an export straight into it."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..._errors import CantonError
from ..._files import stamp
from ..model.ids import short, some
from ..model.interface import Participant, Reader
from .export import TransferSpec, checked_export
from .progress import Report, silent
from .proof import TargetNow, difference, holds_all, is_all_of, prove
from .serving import refuse_served, since_import
from .snapshot import Manifest, Receipt, SnapshotFiles, SnapshotReader

CONTRACT_ID = re.compile(r"\b(?:ContractId\(|id )([0-9a-f]{8,})")
REFUSED_CONTRACTS = {
    "previously archived contract": (
        "The target had this contract before and archived it, so it has already transacted with contracts of this source, and a node never "
        "imports an archived contract again. Find out what ran on the target first. Then import into a target that has not transacted yet, "
        "or keep the source and exclude the stakeholders of this contract."
    ),
    "differs from this one": (
        "The target has another contract with this id. Do not continue; find out where it comes from. A fresh target can import."
    ),
}
AT_WORK = "all is sent, the target is processing it"


def refuse_unready_target(target: Reader, manifest: Manifest, store: str) -> list[str]:
    """What the node itself does not check, or checks too late (docs/canton/contracts.md#what-an-import-does-not-check).

    Returns warnings.
    """
    if store not in manifest.renames.values():
        raise CantonError(
            f"The snapshot was exported for another synchronizer than {short(store)}: a node would return OK and import nothing",
            error_id="synchronizer_not_renamed",
            hint="Export again with target_synchronizer set to the right synchronizer.",
        )
    # The same participant on other keys: hosting and vetting are its own already, and it sees them when it connects.
    is_itself = manifest.source == manifest.target
    proof = target.hosting_store(store)
    hosted = set(manifest.parties) if is_itself else {each.party for each in target.hostings(proof, manifest.target)}
    unhosted = [party for party in manifest.parties if party not in hosted]
    if unhosted:
        raise CantonError(
            f"The {target.label} does not host {len(unhosted)} of the parties on this synchronizer: {some(unhosted)}",
            error_id="parties_not_hosted",
            hint="Host them first with ledgerops.canton.participant_party: otherwise a node imports their contracts, but no party sees them.",
        )
    lacking = set(manifest.packages) - set(target.packages())
    if lacking:
        raise CantonError(
            f"The {target.label} lacks {len(lacking)} packages of the contracts: {', '.join(sorted(lacking)[:3])}",
            error_id="packages_missing",
            hint="Copy the DARs first with ledgerops.canton.participant_package.",
        )
    return [] if is_itself else unvetted(target, proof, manifest.target, manifest.packages)


def unvetted(target: Reader, store: str, uid: str, packages: t.Iterable[str]) -> list[str]:
    """A warning about packages that are not vetted: an import needs them only stored (docs/canton/packages.md#stored-and-vetted)."""
    lacking = set(packages) - {item.package_id for item in target.vettings(store, uid)}
    if not lacking:
        return []
    return [
        f"The {target.label} has not vetted {len(lacking)} packages of the contracts on this synchronizer: {', '.join(sorted(lacking)[:3])}. "
        "Transactions cannot use these contracts until it vets them"
    ]


def already_imported(now: TargetNow, files: SnapshotFiles, report: Report = silent) -> Receipt | None:
    """The receipt of this very snapshot, as far as it is still true; or a new one when the contracts are all there without it.

    A target that is connected, and may have served, keeps the receipt of its import. One that lost contracts without an archival gets
    them again. Of one that is disconnected it cannot be told whether contracts were archived or purged: that is refused.
    """
    target, manifest = now.target, now.manifest
    receipt = files.read_receipt()
    is_its_own = receipt is not None and (receipt.sha256, receipt.target) == (manifest.sha256, manifest.target)
    if receipt is not None and is_its_own and receipt.offset == now.end:
        return receipt  # nothing was written to this node since
    if manifest.contracts and is_all_of(now.tally, manifest):
        return Receipt(manifest.target, manifest.sha256, now.end, stamp())
    if receipt is None or not is_its_own:
        return None
    since = since_import(target, manifest, files, receipt)
    if since is not None and since.has_served is False:
        return None
    if since is not None and any(item.connected for item in target.synchronizers()):
        if holds_all(target, manifest, receipt.offset, report):
            return receipt
        raise difference(target, manifest, receipt.offset, files)
    refuse_served(
        target,
        since,
        "Nothing was changed. If the target has served, connect it with ledgerops.canton.participant_synchronizer: the migration is "
        f"finished. If contracts were purged by hand, or its database was restored, remove {files.receipt} and run again: the "
        "import brings what is missing.",
    )
    return None


def verify(target: Participant, manifest: Manifest, files: SnapshotFiles, report: Report = silent) -> Receipt:
    """The receipt of this snapshot, if it is still true: see ``already_imported``."""
    receipt = files.read_receipt()
    if receipt is None or receipt.sha256 != manifest.sha256:
        raise CantonError(
            f"There is no receipt of an import of this snapshot beside {files.manifest}",
            error_id="receipt_missing",
            hint="Import first (state imported): only then it is known what the target was given.",
        )
    found = already_imported(TargetNow(target, manifest, report), files, report)
    if found is None:
        raise difference(target, manifest, target.ledger_end(), files)
    return found


def send(target: Participant, manifest: Manifest, files: SnapshotFiles, store: str, report: Report = silent) -> Receipt:
    """Send a checked snapshot and prove by the target's ledger API that every contract is there."""
    load(target, manifest, _leaving(files.chunks(), manifest.contracts, report), store)
    return prove(target, manifest, files, report)


def _leaving(chunks: t.Iterable[bytes], total: int, report: Report) -> t.Iterator[bytes]:
    """Yield the chunks and report what was sent; 3.5 accepts no more of them than it has stored
    (docs/canton/performance.md#uploads-are-as-fast-as-the-database)."""
    number = 0

    def count(_record: bytes) -> None:
        nonlocal number
        number += 1

    reader = SnapshotReader(count)
    report("importing", 0, 0, total)
    for chunk in chunks:
        yield chunk
        reader.feed(chunk)
        report("importing", number, reader.bytes, total)
    report(AT_WORK, number, reader.bytes, total)


def load(target: Participant, manifest: Manifest, chunks: t.Iterable[bytes], store: str) -> None:
    """Send chunks to the target. An error about a single contract gets a hint (docs/canton/contracts.md#contracts-that-an-import-refuses)."""
    try:
        target.import_contracts(chunks, store, workflow_prefix(manifest), sorted(manifest.parties))
    except CantonError as exc:
        named = CONTRACT_ID.search(exc.message)
        for said, hint in REFUSED_CONTRACTS.items():
            if said in exc.message:
                raise exc.restated(hint=hint, **({"contract": named[1]} if named else {})) from exc
        raise


def workflow_prefix(manifest: Manifest) -> str:
    """The same in every run of one migration, so that its transactions can be recognised."""
    return "kms-migration-" + manifest.digest[:12]


def pipe(
    source: Participant, target: Participant, spec: TransferSpec, store: str, draft: Manifest, report: Report = silent
) -> Manifest:
    """Send the export straight into the import; ``draft`` is the expectation, without size and hash.

    A source that fails or differs aborts the upload instead of ending it.
    """
    measured: list[tuple[int, str]] = []

    def chunks() -> t.Iterator[bytes]:
        measured.append((yield from checked_export(source, spec, draft.offset, draft.tally(), report)))
        report(AT_WORK, draft.contracts, measured[0][0], draft.contracts)

    load(target, draft, chunks(), store)
    size, sha256 = measured[0]
    return dataclasses.replace(draft, bytes=size, sha256=sha256)
