# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copying DARs from one participant, or from files, to another, and vetting them there."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Dar
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.interface import Participant, Reader
from ansible_collections.ledgerops.canton.plugins.module_utils._waiting import wait_for


@dataclass(frozen=True)
class PackagePlan:
    """DARs to store and DARs to vet on the target, from the source or from files (``files``: main package id to content).

    ``unreachable`` are packages that the source vets and that no DAR contains; ``to_be_vetted`` is what the DARs to vet contain.
    """

    upload: tuple[Dar, ...]
    vet: tuple[Dar, ...]
    files: dict[str, bytes]
    unreachable: frozenset[str]
    to_be_vetted: frozenset[str] = frozenset()

    @property
    def changes(self) -> bool:
        return bool(self.upload or self.vet)


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
    vetted_there = source.vetted_packages(source_store, source_uid) if vetting else set()
    vetted_here = target.vetted_packages(target.hosting_store(target_store), target_uid) if vetting else set()
    upload, vet = [], []
    contained: set[str] = set()
    to_be_vetted: set[str] = set()
    for dar in source.dars():
        contents = source.dar_packages(dar.main)
        contained |= contents
        if dar.builtin or dar.name in excluded or dar.main in excluded:
            continue
        if dar.main not in present:
            upload.append(dar)
        if dar.main in vetted_there and not contents & vetted_there <= vetted_here:
            vet.append(dar)
            to_be_vetted |= contents & vetted_there
    from_files = {
        target.require_live("reading DAR files").dar_main(payload, name): (name, payload)
        for name, payload in files.items()
    }
    for main, (name, _payload) in from_files.items():
        dar = Dar(main, name, "", name)
        if main not in present and dar.main not in {item.main for item in upload}:
            upload.append(dar)
        if vetting and main not in vetted_here and dar.main not in {item.main for item in vet}:
            vet.append(dar)
    unreachable = vetted_there - vetted_here - contained - set(target.packages())
    payloads = {main: payload for main, (_name, payload) in from_files.items()}
    to_be_vetted |= {dar.main for dar in vet}
    return PackagePlan(tuple(upload), tuple(vet), payloads, frozenset(unreachable), frozenset(to_be_vetted))


def copy(plan: PackagePlan, source: Reader, target: Participant, target_uid: str, store: str, seconds: float) -> None:
    """Execute a plan and prove it by the target's own lists."""
    to_vet = {dar.main for dar in plan.vet}
    for dar in plan.upload:
        payload = plan.files[dar.main] if dar.main in plan.files else source.download_dar(dar.main)
        target.upload_dar(payload, dar.main, dar.description, store if dar.main in to_vet else "")
    uploaded = {dar.main for dar in plan.upload}
    for dar in plan.vet:
        if dar.main not in uploaded:
            target.vet_dar(dar.main, store)
    _prove(target, target_uid, store, uploaded, to_vet | plan.to_be_vetted, seconds)


def _prove(target: Reader, target_uid: str, store: str, stored: set[str], vetted: set[str], seconds: float) -> None:
    absent = stored - {dar.main for dar in target.dars()}
    if absent:
        raise CantonError(
            f"The {target.label} accepted the upload but does not list the DARs {', '.join(sorted(absent))}",
            error_id="dar_not_listed",
            hint="Check the node's log, then run again.",
        )
    proof = target.hosting_store(store)
    reached, _last = wait_for(lambda: vetted <= target.vetted_packages(proof, target_uid), seconds)
    if not reached:
        raise CantonError(
            f"The {target.label} does not list all packages as vetted after {seconds:g} s",
            error_id="packages_not_vetted",
            hint="Check that it is connected to the synchronizer, then run again.",
        )
