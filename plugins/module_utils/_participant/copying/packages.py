# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copying DARs from one participant, or from files, to another, and vetting them there as the source does."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..._errors import CantonError, SerialMismatch
from ..._outcome import Outcome
from ..._waiting import wait_for
from ..model.entities import Dar, Vetting
from ..model.interface import Participant, Reader
from ..topology import synchronizers
from ..topology.delegation import EFFECT_SECONDS


@dataclass(frozen=True)
class PackagePlan:
    """DARs to store on the target, from the source or from files (``files``: main package id to content), and what to vet there.

    ``vet`` are the DARs whose packages are not vetted as ``vettings`` has them; those in ``whole`` are from files, and vetted whole. ``unreachable``
    are packages that the source vets and that no DAR contains, ``surplus`` those of copied DARs that only the target vets.
    """

    upload: tuple[Dar, ...]
    vet: tuple[Dar, ...]
    files: dict[str, bytes]
    unreachable: frozenset[str]
    vettings: frozenset[Vetting] = frozenset()
    whole: frozenset[str] = frozenset()
    surplus: frozenset[str] = frozenset()

    @property
    def changes(self) -> bool:
        return bool(self.upload or self.vet)

    def missing(self) -> dict[str, list[str]]:
        """Return values of modules: the DARs to store and to vet, by their main package ids."""
        return {"uploaded": [dar.main for dar in self.upload], "vetted": [dar.main for dar in self.vet]}


def plan_copy(
    source: Reader,
    source_uid: str,
    source_store: str,
    target: Reader,
    target_uid: str,
    target_store: str,
    excluded: t.Collection[str],
    files: t.Mapping[str, bytes],
    vetting: bool = True,
) -> PackagePlan:
    """What the target lacks of the source's DARs and of their vetting; the built-in ones are left alone.

    docs/canton/packages.md#built-in-dars, docs/canton/packages.md#stored-and-vetted

    Without ``vetting`` only the DARs count: a target that is the same participant has vetted them already.
    """
    present = {dar.main for dar in target.dars()}
    theirs = source.vettings(source_store, source_uid) if vetting else set()
    ours = target.vettings(target.hosting_store(target_store), target_uid) if vetting else set()
    dars = source.dars()
    copied = [dar for dar in dars if not (dar.builtin or dar.is_among(excluded))]
    upload = [dar for dar in copied if dar.main not in present]
    # What the DARs contain does not matter where both vet the same.
    contents = {dar: source.dar_packages(dar.main) for dar in dars} if theirs != ours else {}
    packages = set().union(*(contents.get(dar, ()) for dar in copied))
    lacking = {item for item in theirs if item.package_id in packages} - ours
    vet = [dar for dar in copied if contents.get(dar, set()) & _ids(lacking)]
    from_files = {
        target.require_live("reading DAR files").dar_main(payload, name): (name, payload)
        for name, payload in files.items()
    }
    whole = set()
    for main, (name, _payload) in from_files.items():
        dar = Dar(main, name, "", name)
        if main not in present | {item.main for item in upload}:
            upload.append(dar)
        known = target.dar_packages(main) if main in present else {main}
        # one that the source vets is vetted as the source does
        if vetting and main not in _ids(theirs) and not known <= _ids(ours):
            whole.add(main)
            vet += [] if main in {item.main for item in vet} else [dar]
        packages -= known
    unreachable = _ids(theirs - ours) - _ids(ours) - set().union(*contents.values())
    surplus = (_ids(ours) & packages) - _ids(theirs) if vetting else set()
    # Most often there are none, and then the target need not be asked what it stores and what it vets by itself.
    return PackagePlan(
        upload=tuple(upload),
        vet=tuple(vet),
        files={main: payload for main, (_name, payload) in from_files.items()},
        unreachable=frozenset(unreachable - set(target.packages()) if unreachable else ()),
        vettings=frozenset(lacking),
        whole=frozenset(whole),
        surplus=frozenset(surplus - _builtin(target) if surplus else ()),
    )


def _ids(vettings: t.Iterable[Vetting]) -> set[str]:
    return {item.package_id for item in vettings}


def _builtin(participant: Reader) -> set[str]:
    """What a participant vets by itself."""
    return set().union(*(participant.dar_packages(dar.main) for dar in participant.dars() if dar.builtin))


def copy(plan: PackagePlan, source: Reader, target: Participant, target_uid: str, store: str, seconds: float) -> None:
    """Execute a plan and prove it by the target's own lists."""
    for dar in plan.upload:
        payload = plan.files[dar.main] if dar.main in plan.files else source.download_dar(dar.main)
        target.upload_dar(payload, dar.main, dar.description)
    absent = {dar.main for dar in plan.upload} - {dar.main for dar in target.dars()}
    if absent:
        raise CantonError(
            f"The {target.label} accepted the upload but does not list the DARs {', '.join(sorted(absent))}",
            error_id="dar_not_listed",
            hint="Check the node's log, then run again.",
        )
    if plan.vet:
        _vet(plan, target, target_uid, store, seconds)


def _vet(plan: PackagePlan, target: Participant, target_uid: str, store: str, seconds: float) -> None:
    existing = target.hosting_store(store)
    contents = set().union(*(target.dar_packages(main) for main in plan.whole))
    vetted = _ids(plan.vettings) | _ids(target.vettings(existing, target_uid))
    wanted = plan.vettings | {Vetting(package) for package in contents - vetted}

    def write() -> bool:
        try:
            target.vet(store, target_uid, wanted)
        except SerialMismatch:
            return False
        return True

    wait_for(write, seconds)
    reached, _last = wait_for(
        lambda: wanted <= target.vettings(existing, target_uid), seconds, not_before=EFFECT_SECONDS
    )
    if not reached:
        raise CantonError(
            f"The {target.label} does not list all packages as vetted after {seconds:g} s",
            error_id="packages_not_vetted",
            hint="Check that it is connected to the synchronizer, then run again.",
        )


def ensure_copied(
    params: t.Mapping[str, t.Any],
    source: Reader,
    target: Reader,
    check: bool,
    files: t.Mapping[str, bytes],
    vetting: bool = True,
) -> Outcome:
    """What ``participant_package`` does; ``files`` are contents by name."""
    source_uid, target_uid = source.identity().uid, target.identity().uid
    source_store = synchronizers.known_id(source, params["source_synchronizer"])
    store = synchronizers.known_id(target, params["target_synchronizer"])
    ends = (source, source_uid, source_store, target, target_uid, store)
    plan = plan_copy(*ends, params["exclude"], files, vetting)
    if plan.changes and not check:
        if vetting:
            synchronizers.refuse_away(target, params["target_synchronizer"], "where the packages have to be vetted")
        copy(plan, source, target.require_live("copying packages"), target_uid, store, params["wait_timeout"])
    outcome = Outcome(
        before={"missing": _names(plan.upload), "unvetted": _names(plan.vet)},
        after={"missing": [], "unvetted": []},
        result={**plan.missing(), "unreachable_packages": sorted(plan.unreachable)},
    )
    if plan.unreachable:
        outcome.warnings.append(
            f"{len(plan.unreachable)} packages that the source vets are in none of its DARs and not on the target: "
            + ", ".join(sorted(plan.unreachable)[:3])
        )
    if plan.surplus:
        outcome.warnings.append(
            f"The {target.label} vets {len(plan.surplus)} packages of the source's DARs that the source does not vet: "
            + ", ".join(sorted(plan.surplus)[:3])
        )
    return outcome


def _names(dars: t.Iterable[Dar]) -> list[str]:
    return [f"{dar.name} {dar.version}".strip() for dar in dars]
