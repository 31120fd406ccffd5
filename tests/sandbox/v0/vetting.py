# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploading, vetting and unvetting packages in Canton 2: everything goes through the Authorized store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from sandbox.daml.dars import Dar
from sandbox.state import stores
from sandbox.v0 import dar_store
from sandbox.v0.elements import REMOVE, VTP, Element
from sandbox.v0.node import Node
from sandbox.wire.errors import CantonError

_WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.02


def upload(node: Node, dar: Dar, name: str, vets: bool, synchronize: bool) -> str:
    """Store a DAR and vet its packages if asked; returns its hash. `synchronize` waits for the connected domains."""
    with node.db.write() as db:
        key = dar_store.keep(db, node, dar, name)
    if vets:
        packages = [package.package_id for package in dar.packages]
        vet(node, packages)
        if synchronize:
            wait_vetted(node, packages)
    return key


def _mapping(node: Node, package_ids: Iterable[str]) -> Element:
    cls = node.messages.cls("protocol.v0.VettedPackages")
    return Element(VTP, cls(participant=node.uid, package_ids=package_ids))


def vet(node: Node, package_ids: Iterable[str]) -> None:
    """Vet what is not vetted yet, with one transaction."""
    with node.db.read() as db:
        before = node.view.vetted_in(db, stores.authorized(node.name), node.uid)
    new = [each for each in dict.fromkeys(package_ids) if each not in before]
    if new:
        node.manager.ensure(_mapping(node, new))


def unvet(node: Node, package_ids: Iterable[str], force: bool = False) -> None:
    """Take packages away; what the same transactions had vetted beside them stays vetted."""
    gone = set(package_ids)
    with node.db.read() as db:
        rows = list(node.topology.heads(db, stores.authorized(node.name), VTP))
    for row in rows:
        if row.item.participant != node.uid or gone.isdisjoint(row.item.package_ids):
            continue
        kept = [each for each in row.item.package_ids if each not in gone]
        if kept:
            node.manager.ensure(_mapping(node, kept), force)
        node.manager.authorize(REMOVE, row.element, force=force)


def wait_vetted(node: Node, package_ids: Iterable[str]) -> None:
    """Until the packages are vetted on all connected domains; PACKAGE_TOPOLOGY_STATE_UPDATE_TIMEOUT."""
    wanted = set(package_ids)
    if not _wait(lambda: all(wanted <= node.view.vetted(psid, node.uid) for psid in node.connected().values())):
        raise CantonError(
            "PACKAGE_TOPOLOGY_STATE_UPDATE_TIMEOUT", "The vetting did not become effective in time on all domains"
        )


def wait_queues(node: Node) -> None:
    """Until what was written so far is in effect on the connected domains; ``TimeoutError`` when it is not."""
    if not _wait(lambda: not node.dispatcher.queued() and not node.view.coming()):
        raise TimeoutError(f"{node.name}: its topology did not get to the domains in time")


def _wait(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
