# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``participant_acs_transfer`` does in each of its states."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ..._errors import CantonError
from ..._files import stamp
from ..._outcome import Outcome
from ..model.entities import Synchronizer
from ..model.interface import Reader
from ..topology import synchronizers
from .export import check_snapshot, current_export, export, manifest_of, reference, refuse_busy_source, refuse_moved_on
from .load import already_imported, pipe, refuse_unready_target, send, verify
from .proof import TargetNow, is_all_of, prove, target_tally
from .purge import purge_superseded
from .request import TransferRequest
from .serving import since_import
from .snapshot import Manifest, Receipt, SnapshotFiles
from .throughput import TransferStats, remember_speed


def ensure_exported(request: TransferRequest) -> Outcome:
    """A snapshot of what the source has now. One that exists is kept as long as it is still correct.

    A source that serves, or moved on after its contracts were imported and the target has served them, is refused.
    """
    _source, spec = request.ends()
    source, files = request.live_source(), request.files()
    existing = current_export(source, spec, files, request.report)
    imported = imported_before(request.target, files)
    if existing is not None and imported:
        return _exported(existing, existing)
    if imported:
        _refuse_second_life(request, files)
    refuse_busy_source(source, request.source_synchronizer or "")
    if existing is not None:
        return _exported(existing, existing)
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


def _refuse_second_life(request: TransferRequest, files: SnapshotFiles) -> None:
    """The source's contracts or the selection of parties changed after the import: only a target that never served can get them again."""
    if any(item.connected for item in request.target.synchronizers()):
        reason = "the target is connected, so it may serve them"
    else:
        manifest = files.read_manifest()
        since = None if manifest is None else since_import(request.live_target(), manifest, files, files.read_receipt())
        if since is not None and since.has_served is False:
            return
        reason = (
            "the target has served them since"
            if since is not None and since.has_served
            else "nothing tells whether the target has served"
        )
    raise CantonError(
        f"The contracts of {request.base} were imported already and {reason}; the snapshot is gone, or the contracts of the source or the "
        "selection of parties have changed since",
        error_id="exported_after_import",
        hint="Nothing was changed. Two participants would hold these contracts in different states. To migrate the same selection, run again "
        "with the same parties and exclusions. If the source was connected after the import, find out what it created and archived, and "
        "repeat that on the target, which serves.",
    )


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
        "parties": {party: dataclasses.asdict(numbers) for party, numbers in manifest.parties.items()},
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
    now = TargetNow(target, manifest, request.report)
    existing = already_imported(now, files, request.report)
    if existing is not None:
        if not request.check and files.read_receipt() != existing:
            files.write_receipt(existing)
        return Outcome(_shown(manifest), _shown(manifest), _result(manifest, existing))
    check_snapshot(files, manifest, target, request.report)
    new = synchronizers.known(target, request.target_synchronizer)
    warnings = refuse_unready_target(target, manifest, new.id)
    synchronizers.refuse_connected(target, "and contracts can only be imported while it is not")
    before = now.tally
    receipt = stats = None
    if not request.check:
        began = time.monotonic()
        purge_superseded(target, new.alias, manifest, files)
        receipt = send(target, manifest, files, new.id, request.report)
        stats = TransferStats(manifest.bytes, manifest.contracts, time.monotonic() - began)
        remember_speed(files.base, "imported", stats)
    return Outcome(
        {"contracts": before.contracts, "digest": before.digest},
        _shown(manifest),
        _result(manifest, receipt, stats),
        warnings,
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
        imported.warnings,
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
    _source, spec = request.ends()
    source = request.live_source()
    offset = source.ledger_end()
    draft = manifest_of(spec, offset, reference(source, spec, offset, request.report), 0, "")
    end = target.ledger_end()
    before = target_tally(target, draft, end, request.report)
    if is_all_of(before, draft):
        return Outcome(_shown(draft), _shown(draft), _result(draft, Receipt(spec.target, "", end, stamp())))
    store = synchronizers.known_id(target, request.target_synchronizer)
    refuse_busy_source(source, request.source_synchronizer or "")
    warnings = refuse_unready_target(target, draft, store)
    synchronizers.refuse_connected(target, "and contracts can only be imported while it is not")
    receipt = stats = None
    if not request.check:
        began = time.monotonic()
        draft = pipe(source, target, spec, store, draft, request.report)
        receipt = prove(target, draft, None, request.report)
        stats = TransferStats(draft.bytes, draft.contracts, time.monotonic() - began)
    return Outcome(
        {"contracts": before.contracts, "digest": before.digest},
        _shown(draft),
        _result(draft, receipt, stats),
        warnings,
    )


def ensure_verified(request: TransferRequest) -> Outcome:
    """Proof of now: the source has what was exported, and the target what was imported, or served from there."""
    manifest, receipt = _proven_now(request)
    return Outcome(result=_result(manifest, receipt))


def ensure_connected(request: TransferRequest) -> Outcome:
    """Connect the target, if it has at its ledger end what the source has at its own. The source has to be disconnected."""
    target = request.live_target()
    item = synchronizers.find(target, request.target_synchronizer)
    manifest, receipt = _proven_now(request)
    after = dataclasses.replace(item, connected=True, manual_connect=False)
    if not item.connected and request.source is not None:
        refuse_busy_source(request.source, request.source_synchronizer or "")
    result = _result(manifest, receipt)
    if not request.check:
        synchronizers.change(target, item, after, request.seconds)
    if not item.connected:
        result["connected_at"] = stamp()
    return Outcome(_connection(item), _connection(after), result)


def _connection(item: Synchronizer) -> dict[str, object]:
    return {"connected": item.connected, "manual_connect": item.manual_connect}


def _proven_now(request: TransferRequest) -> tuple[Manifest, Receipt]:
    """The manifest and the receipt, read again from both nodes; a receipt of another offset is written anew.

    Both ledger ends are asked first: where nothing was written since the last comparison, nothing is counted again.
    """
    manifest, files = request.manifest(), request.files()
    if request.source is not None:
        source, spec = request.ends()
        refuse_moved_on(source, spec, manifest, request.report)
    receipt = verify(request.live_target(), manifest, files, request.report)
    if receipt != files.read_receipt() and not request.check:
        files.write_receipt(receipt)
    return manifest, receipt
