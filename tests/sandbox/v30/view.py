# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the topology of Canton 3 says of parties and packages."""

from __future__ import annotations

from typing import Any

from sandbox.node import view
from sandbox.node.core import Core
from sandbox.node.view import Hosting
from sandbox.state import connections, stores, topology_v30
from sandbox.state.topology_v30 import Query
from sandbox.v30.mappings import ADD, DTC, PTP, VTP
from sandbox.v30.topology import TopologyState
from sandbox.wire import ids


class View(view.View):
    TABLE = topology_v30.TABLE

    def __init__(self, core: Core, topology: TopologyState) -> None:
        super().__init__(core)
        self._topology = topology

    def _effective(self, psids: list[str], code: int, at: int | None = None, ever: bool = False) -> list[Any]:
        """The mappings of a kind in effect at a time in microseconds (or now); with ``ever`` those that were before too."""
        time = ids.now() if at is None else at
        with self._core.db.read() as db:
            query = Query(
                stores=[stores.synchronizer(psid) for psid in psids],
                codes=frozenset({code}),
                operation=ADD,
                at=None if ever else time,
                between=(0, time) if ever else None,
                seen=connections.views(db, self._core.name),
            )
            return [row.item for row in self._topology.query(db, query)]

    def known_parties(self) -> dict[str, bool]:
        """In Canton 3 a party that was ever hosted here counts as local for good
        (docs/canton/party-replication.md#a-party-once-hosted-stays-local)."""
        found: dict[str, bool] = {}
        uid = self._core.uid
        with self._core.db.read() as db:
            psids = connections.known(db, self._core.name)
            for mapping in self._effective(psids, PTP, ever=True):
                local = any(host.participant_uid == uid for host in mapping.participants)
                found[mapping.party] = found.get(mapping.party, False) or local
            for certificate in self._effective(psids, DTC):
                found[certificate.participant_uid] = certificate.participant_uid == uid
        return dict(sorted(found.items()))

    def permission(self, psid: str, party: str, participant_uid: str) -> int:
        """The permission that a participant has for a party on a synchronizer, 0 when it does not host it."""
        if party == participant_uid:
            return 1 if participant_uid in self.participants(psid) else 0
        for mapping in self._effective([psid], PTP):
            if mapping.party == party:
                hosts = {host.participant_uid: int(host.permission) for host in mapping.participants}
                return hosts.get(participant_uid, 0)
        return 0

    def participants(self, psid: str) -> set[str]:
        return {certificate.participant_uid for certificate in self._effective([psid], DTC)}

    def hosting(self, psid: str, at: int | None = None) -> dict[str, Hosting]:
        found: dict[str, Hosting] = {}
        active = {certificate.participant_uid for certificate in self._effective([psid], DTC, at)}
        for mapping in self._effective([psid], PTP, at):
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

    def vetted(self, psid: str, uid: str) -> set[str]:
        now = ids.now()
        return {
            package.package_id
            for mapping in self._effective([psid], VTP)
            if mapping.participant_uid == uid
            for package in mapping.packages
            if (not package.HasField("valid_from_inclusive") or package.valid_from_inclusive.ToMicroseconds() <= now)
            and (not package.HasField("valid_until_exclusive") or package.valid_until_exclusive.ToMicroseconds() > now)
        }
