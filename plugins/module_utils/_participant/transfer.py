# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moving active contracts: export to a snapshot, import of a snapshot, both in one, and the proof."""

from __future__ import annotations

import dataclasses
import typing as t
from datetime import datetime, timezone

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant import synchronizers
from ansible_collections.ledgerops.canton.plugins.module_utils._participant._wait import wait_for
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.participant import Offset, Participant
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.snapshot import (
    Counter,
    Manifest,
    Receipt,
    SnapshotFiles,
    Tally,
    private_file,
    tally,
    watch,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import short, some

SHOWN_DIFFERENCES = 10
VISIBLE_SECONDS = 60.0  # the target's index may lag behind an import that has answered


@dataclasses.dataclass(frozen=True)
class Move:
    """What is to be moved: between whom, which parties, and which synchronizer becomes which (logical ids).

    ``protocol_version`` is that of the synchronizer that contracts move to, as far as it is known.
    """

    source: str
    target: str
    parties: tuple[str, ...]
    renames: dict[str, str]
    protocol_version: int | None = None


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


# -- export -----------------------------------------------------------------------------------------------------------


def _elsewhere(found: Tally, expected: t.Collection[str]) -> str:
    """How many contracts are on which synchronizers that are not ``expected``, to be read; empty when there are none.

    The ledger API of Canton 2 does not name them: there the snapshot's records do, which pass here as well.
    """
    return ", ".join(
        f"{number} on {short(item)}" for item, number in found.synchronizers.items() if item and item not in expected
    )


def reference(source: Participant, move: Move, offset: Offset) -> Tally:
    """The contracts of the parties as the source's ledger API shows them: what an export has to contain (procedure 2, step 12)."""
    found = tally(source.active_contracts(move.parties, offset), move.parties)
    listed = _elsewhere(found, move.renames)
    if listed:
        raise CantonError(
            f"Contracts of these parties live on synchronizers that the move does not rename: {listed}",
            error_id="contracts_on_other_synchronizers",
            hint="Move each of these synchronizers as well, or reassign the contracts to the one that moves first.",
        )
    return found


def current_export(source: Participant, move: Move, files: SnapshotFiles) -> Manifest | None:
    """The manifest of an export that is still right: same pair, parties and renames, and the source's contracts unchanged since."""
    manifest = files.read_manifest()
    if manifest is None:
        return None
    refuse_other_pair(manifest, move.source, move.target)
    asked = (set(move.parties), move.renames, move.protocol_version)
    if (set(manifest.parties), manifest.renames, manifest.protocol_version) != asked:
        return None
    try:
        files.check(manifest, source.read_record)
    except CantonError as exc:
        if exc.error_id in ("snapshot_damaged", "snapshot_missing"):
            return None
        raise
    end = source.ledger_end()
    if end != manifest.offset and not reference(source, move, end).same_contracts(manifest.tally()):
        return None
    return manifest


def refuse_other_pair(manifest: Manifest, source: str | None, target: str) -> None:
    if (source is not None and manifest.source != source) or manifest.target != target:
        raise CantonError(
            f"The snapshot belongs to another pair of participants: it was exported from {short(manifest.source)} for {short(manifest.target)}",
            error_id="snapshot_of_another_pair",
            hint="Name the path of this pair's own snapshot; every migration needs a path of its own.",
        )


def export(source: Participant, move: Move, files: SnapshotFiles) -> Manifest:
    """Export to ``files`` and compare with the ledger API before the file gets its name. The source must be disconnected."""
    offset = source.ledger_end()
    expected = reference(source, move, offset)
    with private_file(files.data) as handle:
        measured = _follow(checked_export(source, move, offset, expected), handle.write)
    manifest = _manifest(move, offset, expected, *measured)
    files.write_manifest(manifest)
    return manifest


def checked_export(
    source: Participant, move: Move, offset: Offset, expected: Tally
) -> t.Generator[bytes, None, tuple[int, str]]:
    """The export's chunks as they come; raises after the last one unless stream and contracts are what they must be."""
    counter = Counter(move.parties)
    size_and_hash = yield from watch(
        source.export_contracts(move.parties, offset, move.renames, move.protocol_version), source.read_record, counter
    )
    refuse_difference(expected, counter.tally(), move, "the export", "the source's ledger API")
    return size_and_hash


def _follow(stream: t.Generator[bytes, None, tuple[int, str]], take: t.Callable[[bytes], object]) -> tuple[int, str]:
    while True:
        try:
            take(next(stream))
        except StopIteration as end:
            return t.cast("tuple[int, str]", end.value)


def _manifest(move: Move, offset: Offset, found: Tally, size: int, sha256: str) -> Manifest:
    return Manifest(
        source=move.source,
        target=move.target,
        offset=offset,
        renames=move.renames,
        bytes=size,
        sha256=sha256,
        contracts=found.contracts,
        digest=found.digest,
        parties=found.parties,
        packages=found.packages,
        exported_at=now(),
        protocol_version=move.protocol_version,
    )


def refuse_difference(expected: Tally, found: Tally, move: Move, what: str, against: str) -> None:
    listed = _elsewhere(found, set(move.renames.values()))
    if listed:
        raise CantonError(
            f"{what.capitalize()} has contracts on the wrong synchronizer: {listed}",
            error_id="contracts_on_wrong_synchronizer",
            hint="A node drops such contracts at import without a word. Check the renaming of synchronizers.",
        )
    if found.same_contracts(expected):
        return
    parties = [party for party in expected.parties if expected.parties[party] != found.parties.get(party)]
    raise CantonError(
        f"{what.capitalize()} has {found.contracts} contracts (digest {found.digest[:12]}…), "
        f"{against} {expected.contracts} (digest {expected.digest[:12]}…); they differ for {some(parties)}",
        error_id="contracts_differ",
        hint="Do not go on. Check that nothing was submitted meanwhile, then run again.",
        details={"expected": expected.contracts, "found": found.contracts},
    )


# -- import -----------------------------------------------------------------------------------------------------------


def refuse_unready_target(target: Participant, manifest: Manifest, store: str) -> None:
    """What the node itself would not notice, or would notice too late (admin-api-3 C8)."""
    if store not in manifest.renames.values():
        raise CantonError(
            f"The snapshot was exported for another synchronizer than {short(store)}: a node would answer OK and import nothing",
            error_id="synchronizer_not_renamed",
            hint="Export again with target_synchronizer set to the synchronizer that is meant.",
        )
    proof = target.proof_store(store)
    hosted = {item.party for item in target.hostings(proof, manifest.target)}
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
    unvetted = set(manifest.packages) - target.vetted_packages(proof, manifest.target)
    if unvetted:
        raise CantonError(
            f"The {target.label} has not vetted {len(unvetted)} packages of the contracts on this synchronizer: {', '.join(sorted(unvetted)[:3])}",
            error_id="packages_not_vetted",
            hint="Vet them first with ledgerops.canton.participant_package.",
        )


def target_tally(target: Participant, manifest: Manifest, offset: Offset) -> Tally:
    return tally(target.active_contracts(manifest.parties, offset), manifest.parties)


def already_imported(target: Participant, manifest: Manifest, files: SnapshotFiles) -> Receipt | None:
    """The receipt of this very snapshot, re-proven at its offset; or a new one when the contracts are all there without it."""
    receipt = files.read_receipt()
    if receipt is not None and receipt.sha256 == manifest.sha256 and receipt.target == manifest.target:
        return receipt if holds_all(target, manifest, receipt.offset) else None
    end = target.ledger_end()
    if manifest.contracts and holds_all(target, manifest, end):
        return Receipt(manifest.target, manifest.sha256, end, now())
    return None


def holds_all(target: Participant, manifest: Manifest, offset: Offset) -> bool:
    return is_all_of(target_tally(target, manifest, offset), manifest)


def is_all_of(found: Tally, manifest: Manifest) -> bool:
    """Whether these are the contracts of the manifest, of the same packages, and on no other synchronizer than meant."""
    misplaced = _elsewhere(found, set(manifest.renames.values()))
    return found.same_contracts(manifest.tally()) and found.packages == manifest.packages and not misplaced


def send(target: Participant, manifest: Manifest, files: SnapshotFiles, store: str) -> Receipt:
    """Send a checked snapshot and prove by the target's ledger API that every contract is there."""
    target.import_contracts(files.chunks(), store, workflow_prefix(manifest), sorted(manifest.parties))
    return prove(target, manifest, files)


def workflow_prefix(manifest: Manifest) -> str:
    """The same at every repetition of one migration, so that its transactions can be recognised."""
    return "kms-migration-" + manifest.digest[:12]


def prove(target: Participant, manifest: Manifest, files: SnapshotFiles | None) -> Receipt:
    """OK of an import proves nothing (recordings 3): compare the contracts, and wait a little for the target's index."""
    ends: list[Offset] = []

    def visible() -> bool:
        ends.append(target.ledger_end())
        return holds_all(target, manifest, ends[-1])

    if not wait_for(visible, VISIBLE_SECONDS):
        raise difference(target, manifest, ends[-1], files)
    receipt = Receipt(manifest.target, manifest.sha256, ends[-1], now())
    if files is not None:
        files.write_receipt(receipt)
    return receipt


def verify(target: Participant, manifest: Manifest, files: SnapshotFiles) -> Receipt:
    """Compare the target with the manifest at the ledger end at which the import was proven; later life is not compared."""
    receipt = files.read_receipt()
    if receipt is None or receipt.sha256 != manifest.sha256:
        raise CantonError(
            f"There is no receipt of an import of this snapshot beside {files.manifest}",
            error_id="receipt_missing",
            hint="Import first (state imported); its receipt tells at which offset the target can be compared.",
        )
    if not holds_all(target, manifest, receipt.offset):
        raise difference(target, manifest, receipt.offset, files)
    return receipt


def difference(target: Participant, manifest: Manifest, offset: Offset, files: SnapshotFiles | None) -> CantonError:
    """Name the first contract ids that differ; the ids are held in memory only for this error."""
    found = target_tally(target, manifest, offset)
    details: dict[str, object] = {"expected": manifest.contracts, "found": found.contracts, "offset": offset}
    text = f"The {target.label} shows {found.contracts} of the {manifest.contracts} contracts at offset {offset}"
    if files is not None:
        wanted = files.contract_ids(target.read_record)
        here = {item.contract_id for item in target.active_contracts(manifest.parties, offset)}
        details["missing"] = sorted(wanted - here)[:SHOWN_DIFFERENCES]
        details["unexpected"] = sorted(here - wanted)[:SHOWN_DIFFERENCES]
        if wanted - here:
            text += f"; {len(wanted - here)} are missing, first {min(wanted - here)}"
        if here - wanted:
            text += f"; {len(here - wanted)} are not of the snapshot, first {min(here - wanted)}"
    return CantonError(
        text,
        error_id="contracts_differ",
        hint="Do not connect the target and do not retire the source. Look at the target's log, then import again: what is there is skipped.",
        details=details,
    )


# -- pipe -------------------------------------------------------------------------------------------------------------


def pipe(source: Participant, target: Participant, move: Move, store: str, draft: Manifest) -> Manifest:
    """Send the export straight into the import; ``draft`` is the expectation, without size and hash.

    A source that fails or differs aborts the upload instead of ending it.
    """
    measured: list[tuple[int, str]] = []

    def chunks() -> t.Iterator[bytes]:
        measured.append((yield from checked_export(source, move, draft.offset, draft.tally())))

    target.import_contracts(chunks(), store, workflow_prefix(draft), sorted(draft.parties))
    size, sha256 = measured[0]
    return dataclasses.replace(draft, bytes=size, sha256=sha256)


def move_between(
    source: Participant,
    target_uid: str,
    parties: t.Sequence[str],
    source_synchronizer: str,
    target_synchronizer: str,
    protocol_version: int | None = None,
) -> Move:
    """A move of parties that the source really hosts: of an unknown party a node exports nothing and answers OK (recordings 4)."""
    uid = source.identity().uid
    source_id = synchronizers.known_id(source, source_synchronizer)
    hosted = {item.party for item in source.hostings(source_id, uid)}
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
    return Move(uid, target_uid, tuple(sorted(set(parties))), {source_id: target_synchronizer}, protocol_version)


# -- what the module asks for -----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Task:
    """One call of the module; ``base`` is the snapshot's path without ending, or nothing for a pipe."""

    source: Participant | None
    target: Participant
    base: str | None
    parties: t.Sequence[str]
    source_synchronizer: str | None
    target_synchronizer: str
    check: bool
    protocol_version: int | None = None

    def ends(self) -> tuple[Participant, Move]:
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
            raise CantonError(
                f"There is no snapshot {self.base}.acs.gz with a manifest",
                error_id="snapshot_missing",
                hint="Export first, or name the path that was exported to.",
            )
        refuse_other_pair(found, self.source.identity().uid if self.source else None, self.target.identity().uid)
        return found


def ensure_exported(task: Task) -> Outcome:
    source, move = task.ends()
    files = task.files()
    standing = current_export(source, move, files)
    if standing is None and imported_before(task.target, files):
        raise CantonError(
            f"The snapshot at {task.base} was imported already, and it is gone or the source's contracts or parties have changed since",
            error_id="exported_after_import",
            hint="Two participants would hold these contracts in different states. Find out what ran on the source after the cutover.",
        )
    if standing is not None:
        return _exported(standing, standing)
    refuse_busy_source(source, task.source_synchronizer or "")
    if task.check:
        offset = source.ledger_end()
        return _exported(None, _manifest(move, offset, reference(source, move, offset), 0, ""))
    return _exported(None, export(source, move, files))


def imported_before(target: Participant, files: SnapshotFiles) -> bool:
    receipt = files.read_receipt()
    return receipt is not None and receipt.target == target.identity().uid


def refuse_busy_source(source: Participant, synchronizer: str) -> None:
    """Whatever is created after the export is lost to the target (procedure 5, warning 4)."""
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


def _exported(before: Manifest | None, after: Manifest) -> Outcome:
    return Outcome(_shown(before), _shown(after), _result(after))


def _shown(manifest: Manifest | None) -> dict[str, object]:
    if manifest is None:
        return {"contracts": None, "digest": None}
    return {"contracts": manifest.contracts, "digest": manifest.digest}


def _result(manifest: Manifest, receipt: Receipt | None = None) -> dict[str, object]:
    result: dict[str, object] = {
        "contracts": manifest.contracts,
        "digest": manifest.digest,
        "parties": manifest.parties,
        "offset": manifest.offset,
    }
    if manifest.sha256:
        result.update(bytes=manifest.bytes, sha256=manifest.sha256, exported_at=manifest.exported_at)
    if receipt is not None:
        result.update(target_offset=receipt.offset, imported_at=receipt.imported_at)
    return result


def ensure_imported(task: Task) -> Outcome:
    manifest, files = task.manifest(), task.files()
    standing = already_imported(task.target, manifest, files)
    if standing is not None:
        if not task.check and files.read_receipt() != standing:
            files.write_receipt(standing)
        return Outcome(_shown(manifest), _shown(manifest), _result(manifest, standing))
    files.check(manifest, task.target.read_record)
    store = synchronizers.known_id(task.target, task.target_synchronizer)
    refuse_unready_target(task.target, manifest, store)
    synchronizers.refuse_connected(task.target, "and contracts can only be imported while it is not")
    before = target_tally(task.target, manifest, task.target.ledger_end())
    receipt = None if task.check else send(task.target, manifest, files, store)
    return Outcome(
        {"contracts": before.contracts, "digest": before.digest}, _shown(manifest), _result(manifest, receipt)
    )


def ensure_transferred(task: Task) -> Outcome:
    if task.base is None:
        return ensure_piped(task)
    exported = ensure_exported(task)
    if task.check and exported.changed:
        return exported
    imported = ensure_imported(task)
    return Outcome(
        {"exported": exported.before, **imported.before},
        {"exported": exported.after, **imported.after},
        imported.result,
    )


def ensure_piped(task: Task) -> Outcome:
    source, move = task.ends()
    offset = source.ledger_end()
    draft = _manifest(move, offset, reference(source, move, offset), 0, "")
    end = task.target.ledger_end()
    before = target_tally(task.target, draft, end)
    if is_all_of(before, draft):
        return Outcome(_shown(draft), _shown(draft), _result(draft, Receipt(move.target, "", end, now())))
    store = synchronizers.known_id(task.target, task.target_synchronizer)
    refuse_busy_source(source, task.source_synchronizer or "")
    refuse_unready_target(task.target, draft, store)
    synchronizers.refuse_connected(task.target, "and contracts can only be imported while it is not")
    receipt = None
    if not task.check:
        draft = pipe(source, task.target, move, store, draft)
        receipt = prove(task.target, draft, None)
    return Outcome({"contracts": before.contracts, "digest": before.digest}, _shown(draft), _result(draft, receipt))


def ensure_verified(task: Task) -> Outcome:
    manifest = task.manifest()
    receipt = verify(task.target, manifest, task.files())
    return Outcome(result=_result(manifest, receipt))
