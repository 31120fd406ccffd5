# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Further namespaces than the source's own, whose parties move: what root holders and signed files would delegate to the target.

A root holder has the root key of a namespace and no connection. Holders and files are read only while a delegation is missing: afterwards
those participants may be stopped and the files removed.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ..._errors import CantonError
from ..model.entities import Key
from ..model.ids import namespace_of
from ..model.interface import Participant, Reader, require_same_major
from ..preflight.findings import MigrationRequest
from ..topology import delegation, delegation_file


@dataclass(frozen=True)
class RootHolder:
    """``open`` connects to it. ``namespace``: the one that it signs for, if that is not its own."""

    open: t.Callable[[], Participant]
    namespace: str | None = None


@dataclass
class Further:
    """``namespaces`` will be delegated to the target. ``root_holders`` (by their number from 0) and ``signed_delegations`` (paths) are
    those whose delegation is not in force yet."""

    namespaces: list[str] = field(default_factory=list)
    root_holders: list[int] = field(default_factory=list)
    signed_delegations: list[str] = field(default_factory=list)

    def add(self, namespace: str) -> None:
        if namespace not in self.namespaces:
            self.namespaces.append(namespace)


def read_further(
    source: Reader,
    target: Reader,
    request: MigrationRequest,
    holders: t.Sequence[RootHolder],
    files: t.Sequence[str],
) -> Further:
    """Refuses holders and files that cannot give what is asked of them. Without a lacking namespace nothing of them is read."""
    found = Further()
    if not (holders or files) or not target.identity().initialized:
        return found
    old = _known(source, request.source_synchronizer)
    new = _known(target, request.target_synchronizer)
    if not old or not new:
        return found  # a finding of preflight
    lacking = _namespaces(source, request, old) - delegation.delegated_namespaces(target, new)
    if lacking:
        _read_files(found, target, request.target_synchronizer, new, files)
    if lacking - {source.identity().namespace}:
        _read_holders(found, target, new, holders)
    return found


def _known(participant: Reader, wanted: str) -> str:
    """The id of this synchronizer; empty where ``synchronizers.known`` would refuse it."""
    names = ((item, (item.alias, item.id, item.physical_id)) for item in participant.synchronizers())
    return next((item.id for item, known in names if wanted in known and item.physical_id), "")


def _namespaces(source: Reader, request: MigrationRequest, old: str) -> set[str]:
    """Those of the parties that move."""
    parties = request.parties
    if parties is None:
        parties = [item.party for item in source.hostings(old, source.identity().uid)]
    return {namespace_of(party) for party in parties if party not in request.exclude}


def _read_holders(found: Further, target: Reader, new: str, holders: t.Sequence[RootHolder]) -> None:
    key = delegation.namespace_key(target, target.identity().uid)
    opened = [(each.open(), each.namespace) for each in holders]
    for holder, _namespace in opened:
        require_same_major(holder, target)
        _refuse_connected(holder)
    for number, (holder, wanted) in enumerate(opened):
        namespace = wanted or holder.identity().namespace
        found.add(namespace)
        if _is_missing(holder, target, namespace, key, new):
            found.root_holders.append(number)


def _refuse_connected(holder: Reader) -> None:
    connected = sorted(item.alias for item in holder.synchronizers() if item.connected)
    if connected:
        raise CantonError(
            f"The root holder {holder.identity().uid} is connected to {', '.join(connected)}",
            error_id="root_holder_connected",
            hint="Nothing was changed. A root holder only signs, and two participants of one namespace must never both serve: disconnect it "
            "from all synchronizers and set manual_connect (ledgerops.canton.participant_synchronizer), then run again.",
        )


def _read_files(found: Further, target: Reader, alias: str, new: str, files: t.Sequence[str]) -> None:
    for path in files:
        chain = delegation_file.read_signed(
            delegation_file.read_file(path), target.require_live("reading what was signed"), path
        )
        wanted = delegation_file.target_key(target, alias)
        delegation_file.refuse_unfit(chain, target, wanted.key.fingerprint, wanted.written_for)
        found.add(chain.namespace)
        if _is_missing(None, target, chain.namespace, wanted.key, new):
            found.signed_delegations.append(path)


def _is_missing(holder: Reader | None, target: Reader, namespace: str, key: Key, new: str) -> bool:
    state = delegation.delegation_state(holder, target, namespace, key.fingerprint, new)
    if state.complete:
        return False
    delegation.refuse_removed_delegation(holder, target, namespace, key.fingerprint, new)
    if holder is not None:
        delegation.refuse_without_root_key(holder, namespace, state)
    return True
