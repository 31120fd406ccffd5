# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The contracts of parties that move on one synchronizer: exported from the source, imported on the target, and compared.

Why the parties become effective one after the other: the export of a party is taken at the moment from which the target hosts it, and leaves out
contracts that have a stakeholder which the target hosts already. So of two parties that share a contract, only the snapshot of the earlier one has
it. If both became effective at the same moment, neither snapshot would have it. The comparison of all contracts of all parties with the source,
before the target is connected again, detects that.
"""

from __future__ import annotations

import typing as t

from ..._errors import CantonError
from ..._files import make_folder, private_file, stamp
from ..._outcome import Outcome
from ..contracts.export import TransferSpec, manifest_of
from ..contracts.load import unvetted
from ..contracts.snapshot import Manifest, SnapshotMissing, SnapshotUnusable, follow, watch
from ..contracts.tally import Counter, PartyTally, tally
from ..model.ids import short, some
from ..topology import hosting, synchronizers
from .journal import Entry, Proof
from .move import PROPOSED, SOURCE, TARGET, Replication

ACTIVATION_SECONDS = 60  # the export searches for a moment in the past
WORKFLOW_PREFIX = "kms-migration"


def ensure_exported(replication: Replication) -> Outcome:
    """Step 5: the source exports a snapshot of each party."""
    stages = replication.read()
    replication.refuse_back_too_early(stages)
    todo = [party for party in replication.unproven(stages) if not _exported(replication, party)]
    if todo and not replication.check:
        replication.journal.refuse_unnoted(todo)
        make_folder(replication.journal.folder)
        for party in todo:
            _export(replication, party)
    if replication.check:
        todo += stages.at(SOURCE, PROPOSED)
    return replication.outcome(stages, {"not_exported": sorted(todo)}, {"not_exported": []}, exported=sorted(todo))


def _exported(replication: Replication, party: str) -> bool:
    """Whether the party's snapshot is there, whole, and of this very activation."""
    files, entry = replication.journal.files(party), replication.journal.parties.get(party)
    manifest = files.read_manifest()
    if entry is None or manifest is None or manifest.offset != entry.begin or list(manifest.parties) != [party]:
        return False
    if (manifest.source, manifest.target) != (replication.source_uid, replication.target_uid):
        return False
    try:
        files.check(manifest, replication.source.read_record)
    except SnapshotUnusable:
        return False
    return True


def _export(replication: Replication, party: str) -> None:
    begin, files, counter = replication.journal.parties[party].begin, replication.journal.files(party), Counter([party])
    chunks = replication.source.export_party_contracts(
        party, replication.store, replication.target_uid, begin, ACTIVATION_SECONDS
    )
    stream = watch(chunks, replication.source.read_record, counter)
    with private_file(files.data) as handle:
        size, sha256 = follow(stream, handle.write)
        found = counter.tally()
        if found.parties[party].contracts != found.contracts or set(found.synchronizers) - {replication.store}:
            raise CantonError(
                f"The export of {short(party)} has contracts of other parties or of another synchronizer",
                error_id="export_of_others",
                hint="Do not continue. Report this with the release of the source.",
            )
    store = replication.store
    spec = TransferSpec(replication.source_uid, replication.target_uid, (party,), {store: store})
    files.write_manifest(manifest_of(spec, begin, found, size, sha256))


def ensure_imported(replication: Replication) -> Outcome:
    """Step 6: the target imports the snapshots, and all contracts are compared."""
    stages = replication.read()
    replication.refuse_back_too_early(stages)
    todo = replication.unproven(stages)
    shown: dict[str, object] = {}
    warnings: list[str] = []
    if todo and not replication.check:
        manifests = {party: _checked(replication, party) for party in todo}
        synchronizers.refuse_connected(replication.target, "and contracts can only be imported while it is not")
        warnings = _refuse_missing_packages(replication, manifests.values())
        for party in todo:
            files = replication.journal.files(party)
            replication.target.import_party_contracts(files.chunks(), party, replication.store, WORKFLOW_PREFIX)
        shown = _prove(replication, todo)
    if replication.check:
        todo = [*todo, *stages.at(SOURCE, PROPOSED)]
    outcome = replication.outcome(
        stages, {"not_imported": sorted(todo)}, {"not_imported": []}, imported=sorted(todo), held=False
    )
    outcome.result.update(shown)
    outcome.warnings += warnings
    return outcome


def _checked(replication: Replication, party: str) -> Manifest:
    manifest = replication.journal.files(party).read_manifest()
    if manifest is None or not _exported(replication, party):
        raise SnapshotMissing(
            f"There is no complete snapshot of {short(party)} in {replication.journal.folder}",
            hint="Run state exported first.",
        )
    return manifest


def _refuse_missing_packages(replication: Replication, manifests: t.Iterable[Manifest]) -> list[str]:
    """Returns warnings of packages that are not vetted."""
    packages = {package for manifest in manifests for package in manifest.packages}
    lacking = packages - set(replication.target.packages())
    if lacking:
        raise CantonError(
            f"The {replication.target.label} lacks {len(lacking)} packages of the contracts: {', '.join(sorted(lacking)[:3])}",
            error_id="packages_missing",
            hint="Roll the move back (state withdrawn), copy them with ledgerops.canton.participant_package, and start again.",
        )
    return unvetted(replication.target, replication.store, replication.target_uid, packages)


def _prove(replication: Replication, parties: t.Sequence[str]) -> dict[str, object]:
    """Compare all contracts of all these parties at once: a shared one is in the snapshot of one party only."""
    found = replication.compare(parties)
    at = stamp()
    for party, numbers in found.target.parties.items():
        proof = Proof(numbers.contracts, numbers.digest, found.source_offset, found.target_offset, at)
        replication.journal.parties[party] = Entry(replication.journal.parties[party].begin, proof)
    replication.journal.write()
    return {"contracts": found.target.contracts, "digest": found.target.digest, "target_offset": found.target_offset}


def ensure_verified(replication: Replication) -> Outcome:
    """Compare the target with what was proven before it was connected again, at the ledger end of that time, and the hosting now."""
    stages = replication.read()
    elsewhere = [party for party, stage in stages.by_party.items() if stage != TARGET]
    if elsewhere:
        raise CantonError(
            f"{len(elsewhere)} parties are not hosted by the {replication.target.label} alone: {some(elsewhere)}",
            error_id="not_moved",
            hint="Complete the migration: run it again.",
            details={"stages": {party: stages.by_party[party] for party in elsewhere}},
        )
    proofs = {party: replication.journal.proven(party) for party in stages.by_party}
    unproven = [party for party, proof in proofs.items() if proof is None]
    if unproven or not proofs:
        raise CantonError(
            f"{replication.journal.path} has no proof of an import for {some(unproven) or 'any party'}",
            error_id="receipt_missing",
            hint="Set path to the journal of this move.",
        )
    groups: dict[t.Any, dict[str, Proof]] = {}
    for party, proof in proofs.items():
        if proof is not None:
            groups.setdefault(proof.target_offset, {})[party] = proof
    contracts, digests = 0, []
    for offset, group in groups.items():
        found = tally(replication.target.active_contracts(sorted(group), offset), sorted(group))
        differing = [
            party for party, proof in group.items() if found.parties[party] != PartyTally(proof.contracts, proof.digest)
        ]
        if differing:
            raise CantonError(
                f"The {replication.target.label} shows other contracts of {len(differing)} parties than were proven at offset {offset}: {some(differing)}",
                error_id="contracts_differ",
                hint="Do not purge or retire the source. Check the target's log, and whether the target was pruned.",
                details={"parties": differing, "offset": offset},
            )
        contracts += found.contracts
        digests.append(found.digest)
    return replication.outcome(
        stages,
        {},
        {},
        contracts=contracts,
        digest=f"{sum(int(item, 16) for item in digests) % 2**256:064x}",
        namespaces=hosting.PartySelection(stages.mappings, {}).namespaces(),
    )
