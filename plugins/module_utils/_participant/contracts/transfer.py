# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``participant_acs_transfer`` does in each of its states."""

from __future__ import annotations

import dataclasses
import time
import typing as t
from dataclasses import asdict

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._files import stamp
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.export import (
    TransferSpec,
    check_snapshot,
    current_export,
    export,
    manifest_of,
    reference,
    refuse_busy_source,
    refuse_other_pair,
    spec_between,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.load import (
    already_imported,
    pipe,
    refuse_unready_target,
    send,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.progress import Report, silent
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.proof import (
    is_all_of,
    prove,
    target_tally,
    verify,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.snapshot import (
    Manifest,
    Receipt,
    SnapshotFiles,
    SnapshotMissing,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.throughput import (
    TransferStats,
    remember_speed,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.interface import Participant, Reader
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import synchronizers

# -- what the module asks for -----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class TransferRequest:
    """One call of the module; ``base`` is the snapshot's path without ending, or nothing for a pipe."""

    source: Reader | None
    target: Reader
    base: str | None
    parties: t.Sequence[str]
    source_synchronizer: str | None
    target_synchronizer: str
    check: bool
    protocol_version: int | None = None
    report: Report = silent

    def live_target(self) -> Participant:
        return self.target.require_live("importing and purging contracts")

    def ends(self) -> tuple[Participant, TransferSpec]:
        """The source and the transfer; the module's spec requires both options."""
        if self.source is None or self.source_synchronizer is None:
            raise CantonError(
                "This state requires source and source_synchronizer", "source_missing", "Set both options."
            )
        store = synchronizers.known_id(self.target, self.target_synchronizer)
        known = self.target.protocol_version(synchronizers.find(self.target, self.target_synchronizer))
        return self.source.require_live("exporting contracts"), spec_between(
            self.source,
            self.target.identity().uid,
            self.parties,
            self.source_synchronizer,
            store,
            self.protocol_version or known,
        )

    def files(self) -> SnapshotFiles:
        if self.base is None:
            raise CantonError(
                "This state requires path", "path_missing", "Set path to the base name of the snapshot's files."
            )
        return SnapshotFiles(self.base)

    def manifest(self) -> Manifest:
        found = self.files().read_manifest()
        if found is None:
            raise SnapshotMissing(
                f"There is no snapshot {self.base}.acs.gz with a manifest",
                hint="Export first, or name the path that was exported to.",
            )
        refuse_other_pair(found, self.source.identity().uid if self.source else None, self.target.identity().uid)
        return found


def ensure_exported(request: TransferRequest) -> Outcome:
    source, spec = request.ends()
    files = request.files()
    existing = current_export(source, spec, files, request.report)
    if existing is None and imported_before(request.target, files):
        raise CantonError(
            f"The snapshot at {request.base} was imported already, but its file is missing, or the source's contracts or parties changed since",
            error_id="exported_after_import",
            hint="Both participants would have these contracts in different states. Find out what ran on the source after the cutover.",
        )
    if existing is not None:
        return _exported(existing, existing)
    refuse_busy_source(source, request.source_synchronizer or "")
    if request.check:
        offset = source.ledger_end()
        return _exported(None, manifest_of(spec, offset, reference(source, spec, offset, request.report), 0, ""))
    began = time.monotonic()
    manifest = export(source, spec, files, request.report)
    stats = TransferStats(manifest.bytes, manifest.contracts, time.monotonic() - began)
    remember_speed(files.base, "exported", stats)
    return _exported(None, manifest, stats)


def imported_before(target: Reader, files: SnapshotFiles) -> bool:
    receipt = files.read_receipt()
    return receipt is not None and receipt.target == target.identity().uid


def _exported(before: Manifest | None, after: Manifest, stats: TransferStats | None = None) -> Outcome:
    return Outcome(_shown(before), _shown(after), _result(after, stats=stats))


def _shown(manifest: Manifest | None) -> dict[str, object]:
    if manifest is None:
        return {"contracts": None, "digest": None}
    return {"contracts": manifest.contracts, "digest": manifest.digest}


def _result(
    manifest: Manifest, receipt: Receipt | None = None, stats: TransferStats | None = None
) -> dict[str, object]:
    result: dict[str, object] = {
        "contracts": manifest.contracts,
        "digest": manifest.digest,
        "parties": {party: asdict(numbers) for party, numbers in manifest.parties.items()},
        "offset": manifest.offset,
    }
    if manifest.sha256:
        result.update(bytes=manifest.bytes, sha256=manifest.sha256, exported_at=manifest.exported_at)
    if receipt is not None:
        result.update(target_offset=receipt.offset, imported_at=receipt.imported_at)
    if manifest.counterparties is not None:
        result["counterparties"] = manifest.counterparties
    if stats is not None:
        result["transfer"] = stats.shown()
    return result


def ensure_imported(request: TransferRequest) -> Outcome:
    target, manifest, files = request.live_target(), request.manifest(), request.files()
    existing = already_imported(target, manifest, files, request.report)
    if existing is not None:
        if not request.check and files.read_receipt() != existing:
            files.write_receipt(existing)
        return Outcome(_shown(manifest), _shown(manifest), _result(manifest, existing))
    check_snapshot(files, manifest, target, request.report)
    store = synchronizers.known_id(target, request.target_synchronizer)
    refuse_unready_target(target, manifest, store)
    synchronizers.refuse_connected(target, "and contracts can only be imported while it is not")
    before = target_tally(target, manifest, target.ledger_end(), request.report)
    receipt = stats = None
    if not request.check:
        began = time.monotonic()
        receipt = send(target, manifest, files, store, request.report)
        stats = TransferStats(manifest.bytes, manifest.contracts, time.monotonic() - began)
        remember_speed(files.base, "imported", stats)
    return Outcome(
        {"contracts": before.contracts, "digest": before.digest}, _shown(manifest), _result(manifest, receipt, stats)
    )


def ensure_transferred(request: TransferRequest) -> Outcome:
    if request.base is None:
        return ensure_piped(request)
    exported = ensure_exported(request)
    if request.check and exported.changed:
        return exported
    imported = ensure_imported(request)
    return Outcome(
        {"exported": exported.before, **imported.before},
        {"exported": exported.after, **imported.after},
        {**imported.result, **_sum_of(exported.result, imported.result)},
    )


def _sum_of(*results: dict[str, t.Any]) -> dict[str, object]:
    """``transfer`` over export and import, as far as this run executed them."""
    parts = [result["transfer"] for result in results if "transfer" in result]
    if not parts:
        return {}
    seconds = sum(part["seconds"] for part in parts)
    return {"transfer": TransferStats(parts[-1]["bytes"], parts[-1]["contracts"], seconds).shown()}


def ensure_piped(request: TransferRequest) -> Outcome:
    target = request.live_target()
    source, spec = request.ends()
    offset = source.ledger_end()
    draft = manifest_of(spec, offset, reference(source, spec, offset, request.report), 0, "")
    end = target.ledger_end()
    before = target_tally(target, draft, end, request.report)
    if is_all_of(before, draft):
        return Outcome(_shown(draft), _shown(draft), _result(draft, Receipt(spec.target, "", end, stamp())))
    store = synchronizers.known_id(target, request.target_synchronizer)
    refuse_busy_source(source, request.source_synchronizer or "")
    refuse_unready_target(target, draft, store)
    synchronizers.refuse_connected(target, "and contracts can only be imported while it is not")
    receipt = stats = None
    if not request.check:
        began = time.monotonic()
        draft = pipe(source, target, spec, store, draft, request.report)
        receipt = prove(target, draft, None, request.report)
        stats = TransferStats(draft.bytes, draft.contracts, time.monotonic() - began)
    return Outcome(
        {"contracts": before.contracts, "digest": before.digest}, _shown(draft), _result(draft, receipt, stats)
    )


def ensure_verified(request: TransferRequest) -> Outcome:
    manifest = request.manifest()
    receipt = verify(request.live_target(), manifest, request.files(), request.report)
    return Outcome(result=_result(manifest, receipt))
