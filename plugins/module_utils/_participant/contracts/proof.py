# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof of a transfer: the contracts that a ledger API shows, compared with those that are expected, and what differs."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from functools import cached_property

from ..._errors import CantonError
from ..._files import stamp
from ..._waiting import wait_for
from ..model.entities import ActiveContract, Offset
from ..model.ids import short, some
from ..model.interface import Participant, Reader
from .progress import Report, counted, silent
from .snapshot import Manifest, Receipt, SnapshotFiles
from .tally import Tally, tally

SHOWN_DIFFERENCES = 10
SHOWN_OF_A_PARTY = 3
VISIBLE_SECONDS = 60.0  # the target's index may lag behind a completed import


def elsewhere(found: Tally, expected: t.Collection[str]) -> str:
    """How many contracts are on which synchronizers that are not ``expected``, to be read; empty when there are none.

    The ledger API of Canton 2 does not name them: there the snapshot's records do, which pass here as well.
    """
    return ", ".join(
        f"{number} on {short(item)}" for item, number in found.synchronizers.items() if item and item not in expected
    )


def refuse_difference(expected: Tally, found: Tally, renames: t.Mapping[str, str], what: str, against: str) -> None:
    """Raise unless these are the same contracts, and on the synchronizers to which ``renames`` maps."""
    listed = elsewhere(found, set(renames.values()))
    if listed:
        raise CantonError(
            f"{what.capitalize()} has contracts on the wrong synchronizer: {listed}",
            error_id="contracts_on_wrong_synchronizer",
            hint="A node silently drops such contracts at import. Check source_synchronizer and target_synchronizer.",
        )
    if found.same_contracts(expected):
        return
    parties = [party for party in expected.parties if expected.parties[party] != found.parties.get(party)]
    raise CantonError(
        f"{what.capitalize()} has {found.contracts} contracts (digest {found.digest[:12]}…), "
        f"{against} {expected.contracts} (digest {expected.digest[:12]}…); they differ for {some(parties)}",
        error_id="contracts_differ",
        hint="Do not continue. Check that no application submitted in the meantime, then run again.",
        details={"expected": expected.contracts, "found": found.contracts},
    )


def target_tally(target: Reader, manifest: Manifest, offset: Offset, report: Report = silent) -> Tally:
    shown = target.active_contracts(manifest.parties, offset)
    counting = counted(shown, report, "counting the contracts of the target", manifest.contracts)
    return tally(counting, manifest.parties)


class TargetNow:
    """What a target has now of a manifest's parties: each answer is asked for once, and only when it is needed."""

    def __init__(self, target: Participant, manifest: Manifest, report: Report = silent) -> None:
        self.target, self.manifest, self._report = target, manifest, report

    @cached_property
    def end(self) -> Offset:
        return self.target.ledger_end()

    @cached_property
    def tally(self) -> Tally:
        return target_tally(self.target, self.manifest, self.end, self._report)


def holds_all(target: Reader, manifest: Manifest, offset: Offset, report: Report = silent) -> bool:
    return is_all_of(target_tally(target, manifest, offset, report), manifest)


def is_all_of(found: Tally, manifest: Manifest) -> bool:
    """Whether these are the contracts of the manifest, of the same packages, and on no other synchronizer than meant."""
    misplaced = elsewhere(found, set(manifest.renames.values()))
    return found.same_contracts(manifest.tally()) and found.packages == manifest.packages and not misplaced


def prove(target: Participant, manifest: Manifest, files: SnapshotFiles | None, report: Report = silent) -> Receipt:
    """The OK of an import proves nothing: compare the contracts, and wait a little for the target's index
    (docs/canton/contracts.md#an-ok-proves-nothing)."""

    def look() -> tuple[bool, Offset]:
        end = target.ledger_end()
        return holds_all(target, manifest, end, report), end

    _reached, (equal, end) = wait_for(look, VISIBLE_SECONDS, until=lambda found: found[0])
    if not equal:
        raise difference(target, manifest, end, files)
    receipt = Receipt(manifest.target, manifest.sha256, end, stamp())
    if files is not None:
        files.write_receipt(receipt)
    return receipt


def difference(target: Participant, manifest: Manifest, offset: Offset, files: SnapshotFiles | None) -> CantonError:
    """Name the first contract ids that differ, overall and per party; the ids are held in memory only for this error."""
    shown = list(target.active_contracts(manifest.parties, offset))
    details: dict[str, object] = {"expected": manifest.contracts, "found": len(shown), "offset": offset}
    text = f"The {target.label} shows {len(shown)} of the {manifest.contracts} contracts at offset {offset}"
    if files is not None:
        compared = Comparison.of(files.contracts(target.read_record), shown, manifest)
        details.update(compared.details())
        text += compared.text()
    return CantonError(
        text,
        error_id="contracts_differ",
        hint="Do not connect the target and do not retire the source. Check the target's log, then import again: existing contracts are skipped.",
        details=details,
    )


@dataclass(frozen=True)
class Comparison:
    """Contract ids that a target lacks, that it has in addition, and whose contracts differ.

    ``misplaced`` are on another synchronizer, ``altered`` have other stakeholders or another package, as far as both sides
    report them. ``parties``: what each party lacks and has in addition.
    """

    missing: list[str]
    unexpected: list[str]
    misplaced: dict[str, str]
    altered: list[str]
    parties: dict[str, dict[str, list[str]]]

    @classmethod
    def of(
        cls, wanted: t.Iterable[ActiveContract], shown: t.Iterable[ActiveContract], manifest: Manifest
    ) -> Comparison:
        snapshot = {item.contract_id: item for item in wanted}
        target = {item.contract_id: item for item in shown}
        both = sorted(snapshot.keys() & target.keys())
        right = set(manifest.renames.values())
        return cls(
            sorted(snapshot.keys() - target.keys()),
            sorted(target.keys() - snapshot.keys()),
            {
                one: item.synchronizer
                for one, item in sorted(target.items())
                if item.synchronizer and item.synchronizer not in right
            },
            [one for one in both if _altered(snapshot[one], target[one])],
            {
                party: found
                for party in sorted(manifest.parties)
                if any((found := _of_party(party, snapshot, target)).values())
            },
        )

    def details(self) -> dict[str, object]:
        """For machines: the first of each kind."""
        first = slice(SHOWN_DIFFERENCES)
        return {
            "missing": self.missing[first],
            "unexpected": self.unexpected[first],
            "misplaced": dict(list(self.misplaced.items())[first]),
            "altered": self.altered[first],
            "differing_parties": {
                party: {kind: ids[:SHOWN_OF_A_PARTY] for kind, ids in found.items()}
                for party, found in list(self.parties.items())[first]
            },
        }

    def text(self) -> str:
        """For people: how many of each kind, and the first."""
        parts = []
        if self.missing:
            parts.append(f"{len(self.missing)} are missing, first {self.missing[0]}")
        if self.unexpected:
            parts.append(f"{len(self.unexpected)} are not in the snapshot, first {self.unexpected[0]}")
        if self.misplaced:
            one, synchronizer = next(iter(self.misplaced.items()))
            parts.append(f"{len(self.misplaced)} are on another synchronizer, first {one} on {short(synchronizer)}")
        if self.altered:
            parts.append(f"{len(self.altered)} have other stakeholders or another package, first {self.altered[0]}")
        if self.parties:
            party, found = next(iter(self.parties.items()))
            lacks = f"lacks {found['missing'][0]}" if found["missing"] else f"has {found['unexpected'][0]} in addition"
            parts.append(f"{len(self.parties)} parties are affected, first {short(party)}, which {lacks}")
        return "".join("; " + part for part in parts)


def _altered(one: ActiveContract, other: ActiveContract) -> bool:
    packages = {one.package_id, other.package_id} - {""}
    return one.stakeholders != other.stakeholders or len(packages) > 1


def _of_party(
    party: str, snapshot: t.Mapping[str, ActiveContract], target: t.Mapping[str, ActiveContract]
) -> dict[str, list[str]]:
    wanted, shown = (
        {one for one, item in contracts.items() if party in item.stakeholders} for contracts in (snapshot, target)
    )
    return {"missing": sorted(wanted - shown), "unexpected": sorted(shown - wanted)}
