# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Export of active contracts: what moves, a snapshot that is still correct, and a new one that is compared with the ledger API."""

from __future__ import annotations

import dataclasses
import typing as t

from ..._errors import CantonError
from ..._files import private_file, stamp
from ..model.entities import ActiveContract, Offset
from ..model.ids import short, some
from ..model.interface import Participant, Reader
from ..topology import synchronizers
from .progress import LOOK_EVERY, Report, counted, silent
from .proof import elsewhere, refuse_difference
from .snapshot import Manifest, SnapshotFiles, SnapshotUnusable, follow, watch
from .tally import Counter, Tally, tally


@dataclasses.dataclass(frozen=True)
class TransferSpec:
    """What is transferred: between which participants, of which parties, and which synchronizer becomes which (logical ids).

    ``protocol_version`` is that of the synchronizer that contracts move to, as far as it is known.
    """

    source: str
    target: str
    parties: tuple[str, ...]
    renames: dict[str, str]
    protocol_version: int | None = None


def reference(source: Reader, spec: TransferSpec, offset: Offset, report: Report = silent) -> Tally:
    """The contracts of the parties as the source's ledger API shows them: what an export has to contain
    (docs/canton/contracts.md#only-the-ledger-api-counts-contracts)."""
    shown = counted(source.active_contracts(spec.parties, offset), report, "counting the contracts of the source")
    found = tally(shown, spec.parties)
    listed = elsewhere(found, spec.renames)
    if listed:
        raise CantonError(
            f"Contracts of these parties are on synchronizers that are not migrated: {listed}",
            error_id="contracts_on_other_synchronizers",
            hint="Reassign these contracts to source_synchronizer first, or exclude their parties.",
        )
    return found


def current_export(
    source: Participant, spec: TransferSpec, files: SnapshotFiles, report: Report = silent
) -> Manifest | None:
    """The manifest of an export that is still valid: same pair, parties and renames, and the source's contracts unchanged since."""
    manifest = files.read_manifest()
    if manifest is None:
        return None
    refuse_other_pair(manifest, spec.source, spec.target)
    if not is_of_selection(manifest, spec) or manifest.protocol_version != spec.protocol_version:
        return None
    try:
        check_snapshot(files, manifest, source, report)
    except SnapshotUnusable:
        return None
    return manifest if is_unchanged(source, spec, manifest, report) else None


def is_of_selection(manifest: Manifest, spec: TransferSpec) -> bool:
    return (set(manifest.parties), manifest.renames) == (set(spec.parties), spec.renames)


def is_unchanged(source: Reader, spec: TransferSpec, manifest: Manifest, report: Report = silent) -> bool:
    """Whether the source has what was exported: its ledger end is that of the export, or its contracts are counted again."""
    end = source.ledger_end()
    return end == manifest.offset or reference(source, spec, end, report).same_contracts(manifest.tally())


def refuse_moved_on(source: Reader, spec: TransferSpec, manifest: Manifest, report: Report = silent) -> None:
    """Refuse a snapshot that is not of this selection, or not of what the source has now."""
    if not is_of_selection(manifest, spec):
        new = sorted(set(spec.parties) - set(manifest.parties))
        left = sorted(set(manifest.parties) - set(spec.parties))
        raise CantonError(
            "The snapshot was exported for another selection of parties or synchronizers"
            + (f"; not in it: {some(new)}" if new else "")
            + (f"; in it and not selected now: {some(left)}" if left else ""),
            error_id="snapshot_of_another_selection",
            hint="Run with the selection that was migrated. If the target has not served, export and import again with this one.",
            details={"missing": new, "surplus": left},
        )
    if not is_unchanged(source, spec, manifest, report):
        raise CantonError(
            f"The {source.label} has other contracts of these parties now than were exported at offset {manifest.offset}",
            error_id="source_moved_on",
            hint="It was connected after the export. Disconnect it. If the target has not served, export and import again; if it has, "
            "repeat on the target what the source did since.",
        )


def check_snapshot(files: SnapshotFiles, manifest: Manifest, reader: Participant, report: Report) -> None:
    """Compare the whole file with its manifest; ``reader`` decodes its records."""
    number = 0

    def read(record: bytes) -> ActiveContract:
        nonlocal number
        number += 1
        if number % LOOK_EVERY == 0:
            report("checking the snapshot", number, 0, manifest.contracts)
        return reader.read_record(record)

    report("checking the snapshot", 0, 0, manifest.contracts)
    files.check(manifest, read)


def refuse_other_pair(manifest: Manifest, source: str | None, target: str) -> None:
    if (source is not None and manifest.source != source) or manifest.target != target:
        raise CantonError(
            f"The snapshot belongs to another pair of participants: it was exported from {short(manifest.source)} for {short(manifest.target)}",
            error_id="snapshot_of_another_pair",
            hint="Set path to the snapshot of this pair; every migration needs its own path.",
        )


def export(source: Participant, spec: TransferSpec, files: SnapshotFiles, report: Report = silent) -> Manifest:
    """Export to ``files`` and compare with the ledger API before the file is renamed into place. The source must be disconnected."""
    offset = source.ledger_end()
    expected = reference(source, spec, offset, report)
    with private_file(files.data) as handle:
        measured = follow(checked_export(source, spec, offset, expected, report), handle.write)
    manifest = manifest_of(spec, offset, expected, *measured)
    files.write_manifest(manifest)
    return manifest


def checked_export(
    source: Participant, spec: TransferSpec, offset: Offset, expected: Tally, report: Report = silent
) -> t.Generator[bytes, None, tuple[int, str]]:
    """The chunks of the export; raises after the last one unless the stream is complete and the contracts are as expected."""
    counter = Counter(spec.parties)
    size = 0

    def arriving() -> t.Iterator[bytes]:
        nonlocal size
        report("exporting", 0, 0, expected.contracts)
        for chunk in source.export_contracts(spec.parties, offset, spec.renames, spec.protocol_version):
            yield chunk
            size += len(chunk)
            report("exporting", counter.contracts, size, expected.contracts)

    size_and_hash = yield from watch(arriving(), source.read_record, counter)
    refuse_difference(expected, counter.tally(), spec.renames, "the export", "the source's ledger API")
    return size_and_hash


def manifest_of(spec: TransferSpec, offset: Offset, found: Tally, size: int, sha256: str) -> Manifest:
    return Manifest(
        source=spec.source,
        target=spec.target,
        offset=offset,
        renames=spec.renames,
        bytes=size,
        sha256=sha256,
        contracts=found.contracts,
        digest=found.digest,
        parties=found.parties,
        packages=found.packages,
        exported_at=stamp(),
        protocol_version=spec.protocol_version,
        counterparties=found.counterparties,
    )


def spec_between(
    source: Reader,
    target_uid: str,
    parties: t.Sequence[str],
    source_synchronizer: str,
    target_synchronizer: str,
    protocol_version: int | None = None,
) -> TransferSpec:
    """A transfer of parties that the source hosts: of an unknown party a node exports nothing and returns OK
    (docs/canton/contracts.md#an-unknown-party-exports-nothing)."""
    uid = source.identity().uid
    source_id = synchronizers.known_id(source, source_synchronizer)
    hosted = {item.party for item in source.hostings(source_id, uid)}
    if target_uid == uid:
        # No mapping names the admin party. It is transferred only together with the identity itself.
        hosted.add(uid)
    unknown = [party for party in parties if party not in hosted]
    if unknown:
        raise CantonError(
            f"The {source.label} does not host {len(unknown)} of the parties: {some(unknown)}",
            error_id="unknown_parties",
            hint="Correct parties: of a party that it does not host a node exports nothing and returns OK.",
        )
    if not parties:
        raise CantonError(
            "No parties were given", error_id="no_parties", hint="Set parties to those whose contracts are transferred."
        )
    return TransferSpec(
        uid, target_uid, tuple(sorted(set(parties))), {source_id: target_synchronizer}, protocol_version
    )


def refuse_busy_source(source: Reader, synchronizer: str) -> None:
    """The target would lack whatever is created after the export (docs/canton/contracts.md#what-comes-after-the-export-is-lost)."""
    item = synchronizers.find(source, synchronizer)
    if item.connected:
        raise CantonError(
            f"The {source.label} is still connected to {item.alias}: contracts created after the export would be lost",
            error_id="still_connected",
            hint="Disconnect it with ledgerops.canton.participant_synchronizer (state disconnected, quiet_timeout), then run again.",
        )
    in_flight = source.in_flight(item.id)
    if in_flight:
        raise CantonError(
            f"The {source.label} was disconnected from {item.alias} with {in_flight} submissions or transactions in flight",
            error_id="in_flight",
            hint="Connect it again, stop the applications, disconnect it with quiet_timeout, then run again.",
        )
