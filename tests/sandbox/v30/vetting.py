# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vetted packages of a participant on a synchronizer: read, and changed through its topology
(docs/canton/packages.md#stored-and-vetted)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.state import connections, stores
from sandbox.state.topology_v30 import Query
from sandbox.v30.mappings import ADD, VTP
from sandbox.v30.node import Node
from sandbox.wire import ids
from sandbox.wire.errors import CantonError

_WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class Vetted:
    """What a participant has vetted: package ids as in the mapping, the mapping, its serial (0 = none yet)."""

    packages: tuple[str, ...]
    mapping: Any | None
    serial: int


def current(node: Node, psid: str, participant_uid: str = "", effective: bool = False) -> Vetted:
    """The newest state of the synchronizer's store, or the one in effect now."""
    uid = participant_uid or node.uid
    store = stores.synchronizer(psid)
    at = ids.now() if effective else None
    with node.db.read() as db:
        query = Query(
            [store],
            frozenset({VTP}),
            operation=ADD,
            at=at,
            namespace=ids.namespace(uid),
            seen=connections.views(db, node.name),
        )
        rows = [
            row
            for row in node.topology.query(db, query)
            if row.item.participant_uid == uid and (effective or row.row["valid_until"] is None)
        ]
    if not rows:
        return Vetted((), None, 0)
    newest = rows[-1]
    packages = tuple(package.package_id for package in newest.item.packages)
    return Vetted(packages, newest.item, newest.transaction.serial)


def vet(node: Node, psid: str, package_ids: Iterable[str], wait: bool) -> None:
    """Add packages; nothing is written when all of them are vetted without an end already."""
    before = current(node, psid)
    old = list(before.mapping.packages) if before.mapping is not None else []
    endless = {p.package_id for p in old if not p.HasField("valid_until_exclusive")}
    new = [each for each in dict.fromkeys(package_ids) if each not in endless]
    if new:
        _write(node, psid, [p for p in old if p.package_id not in new], new, wait)


def unvet(node: Node, psid: str, package_ids: Iterable[str]) -> None:
    """Take packages away; those that are not vetted do not matter."""
    before = current(node, psid)
    gone = set(package_ids)
    if before.mapping is not None and not gone.isdisjoint(before.packages):
        _write(node, psid, [p for p in before.mapping.packages if p.package_id not in gone], [], True)


def _write(node: Node, psid: str, kept: list[Any], new: list[str], wait: bool) -> None:
    mapping = node.messages.cls("protocol.v30.TopologyMapping")()
    vetted = mapping.vetted_packages
    vetted.participant_uid = node.uid
    vetted.packages.extend(kept)
    for package_id in new:
        vetted.packages.add(package_id=package_id)
    store = stores.synchronizer(psid)
    node.manager.authorize(store, ADD, mapping, wait=_WAIT_SECONDS if wait else 0)


def resolve(node: Node, synchronizer_id: str) -> str:
    """The physical id of the synchronizer to vet on: the given one, or the only one that is connected."""
    connected = list(node.connected().values())
    if synchronizer_id:
        for psid in connected:
            if synchronizer_id in (psid, ids.logical(psid)):
                return psid
        shown = ids.short(synchronizer_id)
        raise CantonError(
            "PACKAGE_SERVICE_NOT_CONNECTED_TO_SYNCHRONIZER",
            f"This participant is not connected to the requested synchronizer {shown} for package vetting.",
            {"requestedSynchronizerId": shown},
        )
    if len(connected) == 1:
        return connected[0]
    raise CantonError(
        "PACKAGE_SERVICE_CANNOT_AUTODETECT_SYNCHRONIZER",
        "Package vetting needs exactly one connected synchronizer when none is given; connected are: "
        f"[{', '.join(ids.short(psid) for psid in connected)}]",
    )
