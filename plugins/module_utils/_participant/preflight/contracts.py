# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of the preflight that reads contracts: those that move, those that stay, and those that the target must not have."""

from __future__ import annotations

import os
import shutil
import typing as t
from bisect import insort
from contextlib import suppress

from ..._errors import PartiesUnknown
from ..contracts import throughput
from ..contracts.serving import ASKED, archived_of
from ..contracts.tally import Tally, tally
from ..model.entities import ActiveContract, Identity, Synchronizer
from ..model.ids import short
from ..model.interface import Reader
from . import known_bugs
from .findings import Findings, Parties, Stage

BYTES_PER_CONTRACT = 4096  # to be free on disk, compressed; generous (docs/canton/performance.md#size-of-a-snapshot)
SHOWN_CONTRACTS = 3


def check_contracts(
    findings: Findings, identities: tuple[Identity, Identity], old: Synchronizer, new: Synchronizer, parties: Parties
) -> None:
    """Read all contracts of the source once, and compare them with those that the target has of the same parties."""
    local = {item.party for item in findings.source.local_parties() if item.is_local} - parties.arrived
    moving, only_on_source = parties.moving, parties.only_on_source
    # Target first: a contract that is archived in between then counts as one that the source no longer has.
    on_target = _contract_ids(findings.target, only_on_source)
    surplus = set(on_target)
    pass_through = _Sorting(local, moving, surplus, frozenset(on_target))
    found: Tally = tally(
        pass_through.sort(findings.source.active_contracts(local | moving, findings.source.ledger_end())), moving
    )
    _put_into_plan(findings, found, pass_through.counterparties)
    findings.plan.stage = _stage(old, new, found.contracts, len(on_target) - len(surplus))
    if (
        findings.plan.stage == "source_down"
        and new.connected
        and _has_served(findings, pass_through.lacking, surplus, moving)
    ):
        findings.plan.stage = "target_serves"
    _check_synchronizers_of_contracts(findings, found, old)
    _warn_of_others(findings, pass_through)
    _check_reassigned(findings, pass_through.reassigned)
    if surplus:
        # What the target archived while the source was read is no surplus.
        surplus &= _contract_ids(findings.target, only_on_source)
    if surplus:
        _report_surplus(findings, surplus, finished=new.connected and not old.connected)
    known_bugs.check_keyed(findings, *identities, pass_through.keyed)
    _check_packages(findings, found, set(findings.target.packages()))
    _check_disk(findings, found.contracts)


def _stage(old: Synchronizer, new: Synchronizer, contracts: int, on_both: int) -> Stage:
    """``on_both``: how many of the source's contracts the target has too."""
    if old.connected:
        return "source_serves"
    if not on_both:
        return "source_down"
    return "target_serves" if new.connected else "imported" if on_both == contracts else "source_down"


def _has_served(
    findings: Findings, lacking: t.Collection[str], surplus: t.Collection[str], parties: t.Collection[str]
) -> bool:
    """Whether a connected target that has none of the source's contracts has served, and archived them: read from its own events.

    A contract that only the target has means so too. Where the release does not tell (Canton 2), a target that serves these parties may have.
    """
    if surplus:
        return True
    if not lacking:
        return False
    target = findings.target.require_live("reading whether it has served")
    archived = archived_of(target, set(lacking), parties)
    return _knows_any(target, parties) if archived is None else bool(archived)


def _knows_any(participant: Reader, parties: t.Collection[str]) -> bool:
    return any(item.is_local and item.party in parties for item in participant.local_parties())


class _Sorting:
    """Yields the contracts that move, and counts their counterparties, the contracts that stay, and those with a key.

    ``surplus`` loses every id that the source has. ``lacking`` are ids that the target does not have, the first ASKED in their order.
    """

    def __init__(self, local: set[str], moving: set[str], surplus: set[str], on_target: frozenset[str]) -> None:
        self._local, self._moving, self._surplus, self._on_target = local, moving, surplus, on_target
        self.lacking: list[str] = []
        self.counterparties: dict[str, int] = {}
        self.left_behind: dict[str, int] = {}
        self.keyed = 0
        self.reassigned: list[str] = []

    def sort(self, contracts: t.Iterable[ActiveContract]) -> t.Iterator[ActiveContract]:
        for contract in contracts:
            self._surplus.discard(contract.contract_id)
            others = contract.stakeholders - self._moving
            if others == contract.stakeholders:
                _count(self.left_behind, others & self._local)
                continue
            if contract.contract_id not in self._on_target:
                # ids are hashes: the smallest ones are a fair sample
                insort(self.lacking, contract.contract_id)
                del self.lacking[ASKED:]
            _count(self.counterparties, others)
            self.keyed += contract.has_key
            if contract.reassignments:
                self.reassigned.append(contract.contract_id)
            yield contract


def _count(numbers: dict[str, int], parties: t.Iterable[str]) -> None:
    for party in parties:
        numbers[party] = numbers.get(party, 0) + 1


def _contract_ids(participant: Reader, parties: t.Collection[str]) -> set[str]:
    """Ids of the active contracts of these parties; nothing for parties that the participant does not know."""
    with suppress(PartiesUnknown):
        return {item.contract_id for item in participant.active_contracts(parties, participant.ledger_end())}
    # One unknown party makes it refuse all of them.
    found: set[str] = set()
    if len(parties) > 1:
        for party in parties:
            found |= _contract_ids(participant, [party])
    return found


def _put_into_plan(findings: Findings, found: Tally, counterparties: t.Mapping[str, int]) -> None:
    expected = throughput.estimate(found.contracts, throughput.read_speeds(findings.request.path))
    plan = findings.plan
    plan.contracts = found.contracts
    plan.packages = len([package for package in found.packages if package])
    plan.counterparties = dict(sorted(counterparties.items()))
    plan.snapshot_bytes = expected.snapshot_bytes
    plan.estimated_downtime_seconds, plan.estimate_basis = expected.seconds, expected.basis


def _check_synchronizers_of_contracts(findings: Findings, found: Tally, old: Synchronizer) -> None:
    elsewhere = {item: number for item, number in found.synchronizers.items() if item not in ("", old.id)}
    for synchronizer, number in elsewhere.items():
        findings.error(
            "contracts_on_other_synchronizers",
            f"{number} contracts of these parties are on {short(synchronizer)}, not on {old.alias}",
            f"Reassign them to {old.alias}, or exclude their parties.",
        )
    others = [item.alias for item in findings.source.synchronizers() if item.physical_id and item.id != old.id]
    if others and not findings.source.reports_synchronizer_of_contracts:
        findings.warn(
            "synchronizers_of_contracts_not_visible",
            f"The source knows {', '.join(sorted(others))} too, and Canton 2 does not report the domain of a contract",
            f"The export fails, without loss, if contracts are on other domains than {old.alias}: transfer them to it first.",
        )


def _warn_of_others(findings: Findings, found: _Sorting) -> None:
    if found.counterparties and not findings.request.stays_on_synchronizer:
        findings.warn(
            "shared_contracts",
            f"Contracts are shared with {len(found.counterparties)} parties that do not move: {_first(found.counterparties)}",
            "No transaction on these contracts is confirmed until these parties have moved to the same synchronizer too.",
        )
    if found.left_behind:
        findings.warn(
            "contracts_left_behind",
            f"Contracts stay on the source because none of their parties moves: {_first(found.left_behind)}",
            "If they are needed on the target, move one of their parties too.",
        )


def _check_reassigned(findings: Findings, reassigned: list[str]) -> None:
    """A node refuses the whole import because of one of them (docs/canton/contracts.md#contracts-that-an-import-refuses)."""
    if reassigned and not findings.request.stays_on_synchronizer:
        findings.error(
            "reassigned_contracts",
            f"{len(reassigned)} of the moving contracts have been reassigned between synchronizers, first {min(reassigned)}: "
            "the target refuses to import them",
            "Exclude their parties, or have the applications archive these contracts and create them again on this synchronizer.",
        )


def _first(numbers: t.Mapping[str, int]) -> str:
    return ", ".join(f"{short(party)} ({number})" for party, number in sorted(numbers.items())[:5])


def _report_surplus(findings: Findings, surplus: set[str], finished: bool) -> None:
    """Contracts that the target has and the source has not.

    Their meaning depends on the connections. While the source is connected, or both are disconnected, the source is right: such contracts were
    archived on the source, or are left on the target from an earlier migration (docs/canton/contracts.md#the-source-keeps-its-copies). A connected
    target and a disconnected source are the state of a finished migration, in which the target creates contracts that the source does not know. That
    is not refused, so that a finished migration can be run again; an import into such a target would fail its proof.
    """
    listed = ", ".join(sorted(surplus)[:SHOWN_CONTRACTS])
    text = f"The target has {len(surplus)} active contracts of these parties that the source does not have, first: {listed}"
    if finished:
        findings.warn(
            "target_moved_on",
            text,
            "This is expected after a finished migration. Otherwise purge them on the target first.",
        )
    elif findings.request.purge_stale:
        findings.warn(
            "stale_contracts_purged",
            text + ". They are purged at cutover, before the import",
            "Do not connect applications to the target until then: these contracts are still active there.",
        )
    else:
        findings.error(
            "stale_contracts_on_target",
            text + ". If they were archived on the source, they would become active again",
            "Set purge_stale to true to have them purged at cutover, purge them on the target now "
            "(ledgerops.canton.participant_acs_transfer with state purged), or migrate to a fresh participant.",
        )


def _check_packages(findings: Findings, found: Tally, available: set[str]) -> None:
    """``available``: packages that the target has. An import demands that each package of the contracts is stored there."""
    dars = findings.source.dars()
    findings.plan.dars = sum(1 for dar in dars if not dar.builtin)
    lacking = set(found.packages) - available - {""}
    excluded: set[str] = set()
    for dar in dars if lacking else ():
        packages = findings.source.dar_packages(dar.main)
        if dar.is_among(findings.request.exclude_dars):
            excluded |= packages
        else:
            available |= packages
    lacking -= available
    if lacking & excluded:
        findings.error(
            "excluded_dars_used",
            f"Contracts use {len(lacking & excluded)} packages of DARs that are excluded and that the target lacks: "
            f"{', '.join(sorted(lacking & excluded)[:3])}",
            "Do not exclude these DARs, or exclude the parties of these contracts.",
        )
    if lacking - excluded:
        findings.error(
            "packages_without_dar",
            f"Contracts use {len(lacking - excluded)} packages that no DAR of the source contains and that the target lacks: "
            f"{', '.join(sorted(lacking - excluded)[:3])}",
            "Upload their DAR files to the target with ledgerops.canton.participant_package (files).",
        )
    splice = sorted({dar.name for dar in dars if dar.name.startswith("splice-")})
    if splice:
        findings.warn(
            "splice_packages",
            f"The source runs Splice ({', '.join(splice[:3])}): the vendor does not support moving an existing validator to a KMS",
            "Ask the vendor first. The supported way is a fresh validator on a KMS and a transfer of the assets.",
        )


def _check_disk(findings: Findings, contracts: int) -> None:
    folder = findings.request.path
    if not folder:
        return
    while not os.path.isdir(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    free, needed = shutil.disk_usage(folder).free, contracts * BYTES_PER_CONTRACT
    if free < needed:
        findings.error(
            "disk_space",
            f"{folder} has {free // 2**20} MiB free; a snapshot of {contracts} contracts may need {needed // 2**20} MiB",
            "Free space, or set path to a folder with more space.",
        )
