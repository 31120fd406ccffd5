# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a source may be retired, read from both participants and the journal: who can still sign for its namespace, and what is left to do
by hand. docs/retire.md describes it."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass

from ..._errors import CantonError
from ..contracts.proof import elsewhere
from ..contracts.request import TransferRequest
from ..contracts.tally import tally
from ..contracts.transfer import ensure_verified
from ..model.entities import Synchronizer
from ..model.interface import Reader
from ..preflight.findings import MigrationRequest
from ..replication import contracts as replicated
from ..topology import synchronizers
from .journal import Journal, JournalFiles
from .plan import CONNECTED
from .replicated import replication_of

# The paths of the release's console (docs/canton/keys.md#exporting-a-key-pair, docs/canton/keys.md#deleting-a-key-pair)
FINGERPRINT = {2: "participant.id.uid.namespace.fingerprint", 3: "participant.fingerprint"}


@dataclass(frozen=True)
class Power:
    """A key that can sign for the namespace on the target's synchronizer, and who holds it. ``in_kms``: it is the source's, in a KMS."""

    namespace: str
    target_key: str
    restriction: str
    root: bool
    held_by_source: bool
    held_by_target: bool
    in_kms: bool


@dataclass(frozen=True)
class Retirement:
    """``by_hand``: sentences, some of them commands of the Canton console, in the order in which they are carried out."""

    source: str
    target: str
    namespace: str
    powers: tuple[Power, ...]
    by_hand: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "powers": [asdict(each) for each in self.powers], "by_hand": list(self.by_hand)}


def plan_retirement(
    source: Reader,
    target: Reader,
    request: MigrationRequest,
    files: JournalFiles,
    journal: Journal,
    stops_source: bool,
    check: bool,
) -> Retirement:
    """Refuse unless the target serves with everything of the source. ``stops_source``: the caller stops the source's process."""
    old = synchronizers.known(source, request.source_synchronizer)
    new = synchronizers.known(target, request.target_synchronizer)
    _refuse_unfinished(source, target, request, files, journal, old, new)
    if request.stays_on_synchronizer:
        _verify_on_synchronizer(source, target, request, files, old, check)
    else:
        _verify(source, target, request, files, check)
    namespace = source.identity().namespace
    powers = _powers(source, target, namespace, new)
    return Retirement(
        source.identity().uid,
        target.identity().uid,
        namespace,
        powers,
        tuple(_by_hand(powers, FINGERPRINT[source.major], files, stops_source)),
    )


def _refuse_unfinished(
    source: Reader,
    target: Reader,
    request: MigrationRequest,
    files: JournalFiles,
    journal: Journal,
    old: Synchronizer,
    new: Synchronizer,
) -> None:
    imported = files.imported(target.identity().uid)
    if old.connected and imported:
        raise CantonError(
            f"The contracts of the source {source.identity().uid} were imported into the target, but the source is connected to {old.alias} again",
            error_id="source_connected_after_import",
            hint="Nothing was changed. Both participants would serve the same parties: disconnect the source now, or roll the migration back.",
        )
    if not ((imported or request.stays_on_synchronizer) and journal.last(CONNECTED) and new.connected):
        raise CantonError(
            "The target is not connected, or the journal has no receipt of the import",
            error_id="cutover_unfinished",
            hint="Nothing was changed. Run the migration to its end before the source is retired.",
        )


def _verify(source: Reader, target: Reader, request: MigrationRequest, files: JournalFiles, check: bool) -> None:
    """The selection that was imported; parties that were left out of it stay with the source."""
    manifest = files.snapshot.read_manifest()
    ensure_verified(
        TransferRequest(
            source=source,
            target=target,
            base=files.base,
            parties=sorted(manifest.parties) if manifest else (),
            source_synchronizer=request.source_synchronizer,
            target_synchronizer=request.target_synchronizer,
            check=check,
        )
    )


def _verify_on_synchronizer(
    source: Reader, target: Reader, request: MigrationRequest, files: JournalFiles, old: Synchronizer, check: bool
) -> None:
    """The source served on, and may have contracts of the moved parties on its further synchronizers."""
    moved = replicated.ensure_verified(replication_of(source, target, request, files, check)).result["parties"]
    parties = sorted(t.cast(t.Iterable[str], moved))
    listed = elsewhere(tally(source.active_contracts(parties, source.ledger_end()), parties), {old.id})
    if listed:
        raise CantonError(
            f"Contracts of these parties are on synchronizers that are not migrated: {listed}",
            error_id="contracts_on_other_synchronizers",
            hint="Nothing was changed. Reassign these contracts to source_synchronizer and move them, or keep the source.",
        )


def _powers(source: Reader, target: Reader, namespace: str, new: Synchronizer) -> tuple[Power, ...]:
    ours = {key.fingerprint: key for key in source.own_keys()}
    theirs = {key.fingerprint for key in target.own_keys()}
    return tuple(
        Power(
            item.namespace,
            item.target,
            item.restriction,
            item.is_root_certificate,
            item.target in ours,
            item.target in theirs,
            item.target in ours and bool(ours[item.target].kms_key_id),
        )
        for item in target.delegations(new.id, namespace)
    )


def _by_hand(powers: t.Collection[Power], fingerprint: str, files: JournalFiles, stops_source: bool) -> t.Iterator[str]:
    held = [item for item in powers if item.held_by_source]
    yield from _root_key([item for item in held if item.root], fingerprint)
    between = [item.target_key for item in held if not item.root]
    if between:
        yield (
            "The old participant also holds intermediate keys of the namespace, which can sign for its parties: "
            f"{', '.join(between)}. Delete them from its vault as well."
        )
    yield "Keep the old participant disconnected. Two participants of one namespace must never both serve."
    if not stops_source:
        yield (
            "Stop the process of the old participant and prevent its restart, for example with systemctl disable --now and systemctl mask "
            "for its unit."
        )
    yield "Keep the last backup of the old participant's database while its history is required. It contains its private keys."
    yield "Back up the database of the new participant."
    yield (
        "Delete the snapshot when the migration is accepted, with its copies under rolled-back names. It contains contract payloads in "
        f"cleartext: {files.base}.acs.gz"
    )


def _root_key(roots: t.Collection[Power], fingerprint: str) -> t.Iterator[str]:
    if not roots:
        yield (
            "The root key of the namespace is not in the vault of the old participant. Check that you have it: only this key can delegate the "
            "namespace again."
        )
        return
    if any(item.in_kms for item in roots):
        yield (
            "The root key of the namespace is in a KMS. Remove the permission of the old participant to sign with it, and do not delete the key: "
            "only this key can delegate the namespace again."
        )
        return
    yield (
        "The root key is in the vault of the old participant and has full power over the namespace. Take it offline in the Canton console, where "
        "participant is the name of the old participant; set canton.features.enable-preview-commands = true meanwhile:"
    )
    yield f'participant.keys.secret.download_to({fingerprint}, "/media/offline/root.key")'
    yield (
        "Keep that file in two safe places and check that it can be read: only this key can delegate the namespace again, also for a reverse "
        "migration. Only then delete the key from the vault:"
    )
    yield f"participant.keys.secret.delete({fingerprint}, force = true)"
    yield "Check that this list is empty:"
    yield f"participant.keys.secret.list(filterFingerprint = {fingerprint}.unwrap)"
