# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moving active contracts: export to a snapshot, import of a snapshot, both in one, and the proof."""

from __future__ import annotations

import dataclasses
import re
import time
import typing as t
from dataclasses import asdict

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._files import private_file, stamp
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.progress import (
    LOOK_EVERY,
    Report,
    counted,
    silent,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.proof import (
    elsewhere,
    holds_all,
    is_all_of,
    prove,
    refuse_difference,
    target_tally,
    verify,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.snapshot import (
    Manifest,
    Receipt,
    SnapshotFiles,
    SnapshotMissing,
    SnapshotReader,
    SnapshotUnusable,
    follow,
    watch,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.tally import Counter, Tally, tally
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.throughput import (
    TransferStats,
    remember_speed,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import ActiveContract, Offset
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.ids import short, some
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.interface import Participant
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import synchronizers

CONTRACT_ID = re.compile(r"\b(?:ContractId\(|id )([0-9a-f]{8,})")
REFUSED_CONTRACTS = {
    "previously archived contract": (
        "The target has had this contract and archived it, so it has already worked with contracts of this source: a node never takes an "
        "archived contract back. Do not go on with this target before you know what ran on it. A target that has not yet transacted can "
        "import; else set up a fresh one, or keep the source and exclude the stakeholders of this contract."
    ),
    "differs from this one": (
        "The target holds another contract under this id. Do not go on; find out where it came from. A fresh target can import."
    ),
}
AT_WORK = "all is sent, the target is at work"


@dataclasses.dataclass(frozen=True)
class TransferSpec:
    """What is to be moved: between whom, which parties, and which synchronizer becomes which (logical ids).

    ``protocol_version`` is that of the synchronizer that contracts move to, as far as it is known.
    """

    source: str
    target: str
    parties: tuple[str, ...]
    renames: dict[str, str]
    protocol_version: int | None = None


# -- export -----------------------------------------------------------------------------------------------------------


def reference(source: Participant, spec: TransferSpec, offset: Offset, report: Report = silent) -> Tally:
    """The contracts of the parties as the source's ledger API shows them: what an export has to contain
    (docs/canton/contracts.md#only-the-ledger-api-counts-contracts)."""
    shown = counted(source.active_contracts(spec.parties, offset), report, "counting the contracts of the source")
    found = tally(shown, spec.parties)
    listed = elsewhere(found, spec.renames)
    if listed:
        raise CantonError(
            f"Contracts of these parties live on synchronizers that the move does not rename: {listed}",
            error_id="contracts_on_other_synchronizers",
            hint="Move each of these synchronizers as well, or reassign the contracts to the one that moves first.",
        )
    return found


def current_export(
    source: Participant, spec: TransferSpec, files: SnapshotFiles, report: Report = silent
) -> Manifest | None:
    """The manifest of an export that is still right: same pair, parties and renames, and the source's contracts unchanged since."""
    manifest = files.read_manifest()
    if manifest is None:
        return None
    refuse_other_pair(manifest, spec.source, spec.target)
    desired = (set(spec.parties), spec.renames, spec.protocol_version)
    if (set(manifest.parties), manifest.renames, manifest.protocol_version) != desired:
        return None
    try:
        check_snapshot(files, manifest, source, report)
    except SnapshotUnusable:
        return None
    end = source.ledger_end()
    if end != manifest.offset and not reference(source, spec, end, report).same_contracts(manifest.tally()):
        return None
    return manifest


def check_snapshot(files: SnapshotFiles, manifest: Manifest, reader: Participant, report: Report) -> None:
    """Compare the whole file with its manifest; ``reader`` tells what its records say."""
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
            hint="Name the path of this pair's own snapshot; every migration needs a path of its own.",
        )


def export(source: Participant, spec: TransferSpec, files: SnapshotFiles, report: Report = silent) -> Manifest:
    """Export to ``files`` and compare with the ledger API before the file gets its name. The source must be disconnected."""
    offset = source.ledger_end()
    expected = reference(source, spec, offset, report)
    with private_file(files.data) as handle:
        measured = follow(checked_export(source, spec, offset, expected, report), handle.write)
    manifest = _manifest(spec, offset, expected, *measured)
    files.write_manifest(manifest)
    return manifest


def checked_export(
    source: Participant, spec: TransferSpec, offset: Offset, expected: Tally, report: Report = silent
) -> t.Generator[bytes, None, tuple[int, str]]:
    """The export's chunks as they come; raises after the last one unless stream and contracts are what they must be."""
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


def _manifest(spec: TransferSpec, offset: Offset, found: Tally, size: int, sha256: str) -> Manifest:
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


# -- import -----------------------------------------------------------------------------------------------------------


def refuse_unready_target(target: Participant, manifest: Manifest, store: str) -> None:
    """What the node itself would not notice, or would notice too late (docs/canton/contracts.md#what-an-import-does-not-check)."""
    if store not in manifest.renames.values():
        raise CantonError(
            f"The snapshot was exported for another synchronizer than {short(store)}: a node would answer OK and import nothing",
            error_id="synchronizer_not_renamed",
            hint="Export again with target_synchronizer set to the synchronizer that is meant.",
        )
    # The same participant on other keys: hosting and vetting are its own already, and it sees them when it connects.
    is_itself = manifest.source == manifest.target
    proof = target.proof_store(store)
    hosted = set(manifest.parties) if is_itself else {each.party for each in target.hostings(proof, manifest.target)}
    unhosted = [party for party in manifest.parties if party not in hosted]
    if unhosted:
        raise CantonError(
            f"The {target.label} does not host {len(unhosted)} of the parties on this synchronizer: {some(unhosted)}",
            error_id="parties_not_hosted",
            hint="Host them first with ledgerops.canton.participant_party: a node imports their contracts all the same, and nobody sees them.",
        )
    lacking = set(manifest.packages) - set(target.packages())
    if lacking:
        raise CantonError(
            f"The {target.label} lacks {len(lacking)} packages of the contracts: {', '.join(sorted(lacking)[:3])}",
            error_id="packages_missing",
            hint="Copy the DARs first with ledgerops.canton.participant_package.",
        )
    unvetted = set() if is_itself else set(manifest.packages) - target.vetted_packages(proof, manifest.target)
    if unvetted:
        raise CantonError(
            f"The {target.label} has not vetted {len(unvetted)} packages of the contracts on this synchronizer: {', '.join(sorted(unvetted)[:3])}",
            error_id="packages_not_vetted",
            hint="Vet them first with ledgerops.canton.participant_package.",
        )


def already_imported(
    target: Participant, manifest: Manifest, files: SnapshotFiles, report: Report = silent
) -> Receipt | None:
    """The receipt of this very snapshot, re-proven at its offset; or a new one when the contracts are all there without it."""
    receipt = files.read_receipt()
    if receipt is not None and receipt.sha256 == manifest.sha256 and receipt.target == manifest.target:
        return receipt if holds_all(target, manifest, receipt.offset, report) else None
    end = target.ledger_end()
    if manifest.contracts and holds_all(target, manifest, end, report):
        return Receipt(manifest.target, manifest.sha256, end, stamp())
    return None


def send(target: Participant, manifest: Manifest, files: SnapshotFiles, store: str, report: Report = silent) -> Receipt:
    """Send a checked snapshot and prove by the target's ledger API that every contract is there."""
    load(target, manifest, _leaving(files.chunks(), manifest.contracts, report), store)
    return prove(target, manifest, files, report)


def _leaving(chunks: t.Iterable[bytes], total: int, report: Report) -> t.Iterator[bytes]:
    """Let chunks pass and report what was handed over; 3.5 takes no more of them than it has stored
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
    """Hand chunks to the target. What it says of single contracts is answered with what can be done about it
    (docs/canton/contracts.md#contracts-that-an-import-refuses)."""
    try:
        target.import_contracts(chunks, store, workflow_prefix(manifest), sorted(manifest.parties))
    except CantonError as exc:
        named = CONTRACT_ID.search(exc.message)
        for said, hint in REFUSED_CONTRACTS.items():
            if said in exc.message:
                raise exc.restated(hint=hint, **({"contract": named[1]} if named else {})) from exc
        raise


def workflow_prefix(manifest: Manifest) -> str:
    """The same at every repetition of one migration, so that its transactions can be recognised."""
    return "kms-migration-" + manifest.digest[:12]


# -- pipe -------------------------------------------------------------------------------------------------------------


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


def move_between(
    source: Participant,
    target_uid: str,
    parties: t.Sequence[str],
    source_synchronizer: str,
    target_synchronizer: str,
    protocol_version: int | None = None,
) -> TransferSpec:
    """A move of parties that the source really hosts: of an unknown party a node exports nothing and answers OK
    (docs/canton/contracts.md#an-unknown-party-exports-nothing)."""
    uid = source.identity().uid
    source_id = synchronizers.known_id(source, source_synchronizer)
    hosted = {item.party for item in source.hostings(source_id, uid)}
    if target_uid == uid:
        # No mapping names the admin party. It stays behind everywhere but where the identity itself moves.
        hosted.add(uid)
    unknown = [party for party in parties if party not in hosted]
    if unknown:
        raise CantonError(
            f"The {source.label} does not host {len(unknown)} of the parties: {some(unknown)}",
            error_id="unknown_parties",
            hint="Correct the list: of a party that it does not host a node exports nothing and answers OK.",
        )
    if not parties:
        raise CantonError(
            "No party was given to move", error_id="no_parties", hint="List the parties whose contracts move."
        )
    return TransferSpec(
        uid, target_uid, tuple(sorted(set(parties))), {source_id: target_synchronizer}, protocol_version
    )


# -- what the module asks for -----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class TransferRequest:
    """One call of the module; ``base`` is the snapshot's path without ending, or nothing for a pipe."""

    source: Participant | None
    target: Participant
    base: str | None
    parties: t.Sequence[str]
    source_synchronizer: str | None
    target_synchronizer: str
    check: bool
    protocol_version: int | None = None
    report: Report = silent

    def ends(self) -> tuple[Participant, TransferSpec]:
        """The source and the move; the module's spec sees to it that both are given."""
        if self.source is None or self.source_synchronizer is None:
            raise CantonError("This state needs source and source_synchronizer", "source_missing", "Give both options.")
        store = synchronizers.known_id(self.target, self.target_synchronizer)
        known = self.target.protocol_version(synchronizers.find(self.target, self.target_synchronizer))
        return self.source, move_between(
            self.source,
            self.target.identity().uid,
            self.parties,
            self.source_synchronizer,
            store,
            self.protocol_version or known,
        )

    def files(self) -> SnapshotFiles:
        if self.base is None:
            raise CantonError("This state needs a path", "path_missing", "Give the base name of the snapshot's files.")
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
            f"The snapshot at {request.base} was imported already, and it is gone or the source's contracts or parties have changed since",
            error_id="exported_after_import",
            hint="Two participants would hold these contracts in different states. Find out what ran on the source after the cutover.",
        )
    if existing is not None:
        return _exported(existing, existing)
    refuse_busy_source(source, request.source_synchronizer or "")
    if request.check:
        offset = source.ledger_end()
        return _exported(None, _manifest(spec, offset, reference(source, spec, offset, request.report), 0, ""))
    began = time.monotonic()
    manifest = export(source, spec, files, request.report)
    stats = TransferStats(manifest.bytes, manifest.contracts, time.monotonic() - began)
    remember_speed(files.base, "exported", stats)
    return _exported(None, manifest, stats)


def imported_before(target: Participant, files: SnapshotFiles) -> bool:
    receipt = files.read_receipt()
    return receipt is not None and receipt.target == target.identity().uid


def refuse_busy_source(source: Participant, synchronizer: str) -> None:
    """Whatever is created after the export is lost to the target (docs/canton/contracts.md#what-comes-after-the-export-is-lost)."""
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
            hint="Connect it again, stop the applications, disconnect it with quiet_timeout, and run again.",
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
    manifest, files = request.manifest(), request.files()
    existing = already_imported(request.target, manifest, files, request.report)
    if existing is not None:
        if not request.check and files.read_receipt() != existing:
            files.write_receipt(existing)
        return Outcome(_shown(manifest), _shown(manifest), _result(manifest, existing))
    check_snapshot(files, manifest, request.target, request.report)
    store = synchronizers.known_id(request.target, request.target_synchronizer)
    refuse_unready_target(request.target, manifest, store)
    synchronizers.refuse_connected(request.target, "and contracts can only be imported while it is not")
    before = target_tally(request.target, manifest, request.target.ledger_end(), request.report)
    receipt = stats = None
    if not request.check:
        began = time.monotonic()
        receipt = send(request.target, manifest, files, store, request.report)
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
    """``transfer`` over both halves, as far as they were carried out now."""
    parts = [result["transfer"] for result in results if "transfer" in result]
    if not parts:
        return {}
    seconds = sum(part["seconds"] for part in parts)
    return {"transfer": TransferStats(parts[-1]["bytes"], parts[-1]["contracts"], seconds).shown()}


def ensure_piped(request: TransferRequest) -> Outcome:
    source, spec = request.ends()
    offset = source.ledger_end()
    draft = _manifest(spec, offset, reference(source, spec, offset, request.report), 0, "")
    end = request.target.ledger_end()
    before = target_tally(request.target, draft, end, request.report)
    if is_all_of(before, draft):
        return Outcome(_shown(draft), _shown(draft), _result(draft, Receipt(spec.target, "", end, stamp())))
    store = synchronizers.known_id(request.target, request.target_synchronizer)
    refuse_busy_source(source, request.source_synchronizer or "")
    refuse_unready_target(request.target, draft, store)
    synchronizers.refuse_connected(request.target, "and contracts can only be imported while it is not")
    receipt = stats = None
    if not request.check:
        began = time.monotonic()
        draft = pipe(source, request.target, spec, store, draft, request.report)
        receipt = prove(request.target, draft, None, request.report)
        stats = TransferStats(draft.bytes, draft.contracts, time.monotonic() - began)
    return Outcome(
        {"contracts": before.contracts, "digest": before.digest}, _shown(draft), _result(draft, receipt, stats)
    )


def ensure_verified(request: TransferRequest) -> Outcome:
    manifest = request.manifest()
    receipt = verify(request.target, manifest, request.files(), request.report)
    return Outcome(result=_result(manifest, receipt))
