# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a participant knows about parties from the synchronizers that it has had contact with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox import connections, ids, topology_state
from sandbox.mappings import ADD, DTC, PTP, VTP
from sandbox.node import Node


@dataclass(frozen=True)
class Hosting:
    """Who hosts a party: participant uid -> permission. Those that are ``onboarding`` get its transactions, but neither
    submit nor confirm."""

    hosts: dict[str, int]
    threshold: int = 1
    onboarding: dict[str, int] = field(default_factory=dict)


def _effective(
    node: Node, db: sqlite3.Connection, psids: list[str], code: int, at: int | None = None, ever: bool = False
) -> Iterator[Any]:
    """The mappings of a kind in effect at a time in microseconds (or now); with ``ever`` those that were before too."""
    time = ids.now() if at is None else at
    query = topology_state.Query(
        stores=[topology_state.synchronizer(psid) for psid in psids],
        codes=frozenset({code}),
        operation=ADD,
        at=None if ever else time,
        between=(0, time) if ever else None,
        seen=connections.views(db, node.name),
    )
    for row in node.topology.query(db, query):
        yield row.item


def known_parties(node: Node) -> dict[str, bool]:
    """party -> hosted here, in the order of the party ids; the admin party of each participant included.

    In Canton 3 a party that was ever hosted here counts as local for good
    (docs/canton/party-replication.md#a-party-once-hosted-stays-local).
    """
    if node.release.dialect == "v0":
        with node.db.read() as db:
            return dict(sorted(node.v0.known_parties(db).items()))
    found: dict[str, bool] = {}
    with node.db.read() as db:
        psids = connections.known(db, node.name)
        for mapping in _effective(node, db, psids, PTP, ever=True):
            local = any(host.participant_uid == node.uid for host in mapping.participants)
            found[mapping.party] = found.get(mapping.party, False) or local
        for certificate in _effective(node, db, psids, DTC):
            found[certificate.participant_uid] = certificate.participant_uid == node.uid
    return dict(sorted(found.items()))


def permission(node: Node, psid: str, party: str, participant_uid: str) -> int:
    """The permission that a participant has for a party on a synchronizer, 0 when it does not host it."""
    if party == participant_uid:
        return 1 if participant_uid in participants(node, psid) else 0
    with node.db.read() as db:
        for mapping in _effective(node, db, [psid], PTP):
            if mapping.party == party:
                hosts = {host.participant_uid: int(host.permission) for host in mapping.participants}
                return hosts.get(participant_uid, 0)
    return 0


def participants(node: Node, psid: str) -> set[str]:
    """The uids of the participants that are active on a synchronizer."""
    with node.db.read() as db:
        if node.release.dialect == "v0":
            return node.v0.participants(db, psid)
        return {certificate.participant_uid for certificate in _effective(node, db, [psid], DTC)}


def hosting(node: Node, db: sqlite3.Connection, psid: str, at: int | None = None) -> dict[str, Hosting]:
    """Who hosts each party on a synchronizer at a time in microseconds (or now), the admin party of each active
    participant included."""
    if node.release.dialect == "v0":
        found_v0 = node.v0.hosted_parties(db, topology_state.synchronizer(psid), at or 0)
        return {party: Hosting(hosts) for party, hosts in found_v0.items()}
    found: dict[str, Hosting] = {}
    active = {certificate.participant_uid for certificate in _effective(node, db, [psid], DTC, at)}
    for mapping in _effective(node, db, [psid], PTP, at):
        hosts: dict[str, int] = {}
        onboarding: dict[str, int] = {}
        for host in mapping.participants:
            if host.participant_uid in active:
                (onboarding if host.HasField("onboarding") else hosts)[host.participant_uid] = int(host.permission)
        if hosts or onboarding:
            found[mapping.party] = Hosting(hosts, max(1, mapping.threshold), onboarding)
    for uid in active:
        found.setdefault(uid, Hosting({uid: 1}))
    return found


def vetted(node: Node, db: sqlite3.Connection, psid: str, uid: str) -> set[str]:
    """The packages that a participant has vetted on a synchronizer, in effect now."""
    if node.release.dialect == "v0":
        return node.v0.vetted(db, topology_state.synchronizer(psid), uid)
    now = ids.now()
    return {
        package.package_id
        for mapping in _effective(node, db, [psid], VTP)
        if mapping.participant_uid == uid
        for package in mapping.packages
        if (not package.HasField("valid_from_inclusive") or package.valid_from_inclusive.ToMicroseconds() <= now)
        and (not package.HasField("valid_until_exclusive") or package.valid_until_exclusive.ToMicroseconds() > now)
    }
