# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the topology of Canton 2 says of parties and packages."""

from __future__ import annotations

import sqlite3

from sandbox.node import view
from sandbox.node.core import Core
from sandbox.node.view import Hosting
from sandbox.state import connections, stores, synchronizers, topology_v0
from sandbox.v0 import elements
from sandbox.v0.elements import BOTH, DISABLED, FROM, PTP, STATE, TO, VTP
from sandbox.v0.topology import Topology
from sandbox.wire import ids


class View(view.View):
    """The topology as one participant of Canton 2 sees it."""

    TABLE = topology_v0.TABLE

    def __init__(self, core: Core, topology: Topology) -> None:
        super().__init__(core)
        self._topology = topology

    # Domains.

    def alias_of(self, domain_id: str) -> str | None:
        """The alias under which this node registered a domain."""
        with self._core.db.read() as db:
            known = connections.registered(db, self._core.name)
        return next((one.alias for one in known if one.psid == domain_id), None)

    def domain_protocol_version(self, domain_id: str) -> int | None:
        with self._core.db.read() as db:
            return synchronizers.protocol_version(db, domain_id)

    def participants(self, psid: str) -> set[str]:
        """On a domain a participant is active when both sides say so."""
        with self._core.db.read() as db:
            return set(self._active(db, stores.synchronizer(psid)))

    def _active(self, db: sqlite3.Connection, store: str, at: int = 0) -> dict[str, int]:
        """uid -> permission of the active participants in a domain's store."""
        sides: dict[str, dict[int, int]] = {}
        for row in self._topology.effective(db, store, STATE, at or ids.now()):
            _note(sides.setdefault(elements.bare(row.item.participant), {}), row.item.side, row.item.permission)
        return {uid: found for uid, given in sides.items() if (found := _combined(given))}

    # Parties.

    def hosted_parties(self, db: sqlite3.Connection, store: str, at: int = 0) -> dict[str, dict[str, int]]:
        """party -> {participant uid: permission}, in effect at a time in microseconds (0 = now): both sides there, the lower permission of all.

        On a domain only active participants count, and their admin parties are among the parties. Disabled ones are not.
        """
        sides: dict[tuple[str, str], dict[int, int]] = {}
        for row in self._topology.effective(db, store, PTP, at or ids.now()):
            key = (row.item.party, elements.bare(row.item.participant))
            _note(sides.setdefault(key, {}), row.item.side, row.item.permission)
        active = self._active(db, store, at) if stores.psid_of(store) is not None else None
        found: dict[str, dict[str, int]] = {}
        for (party, uid), given in sides.items():
            permission = _combined(given)
            if permission and (active is None or uid in active):
                found.setdefault(party, {})[uid] = permission if active is None else max(permission, active[uid])
        for uid, permission in (active or {}).items():
            found.setdefault(uid, {}).setdefault(uid, permission)
        return found

    def hosting(self, psid: str, at: int | None = None) -> dict[str, Hosting]:
        with self._core.db.read() as db:
            found = self.hosted_parties(db, stores.synchronizer(psid), at or 0)
        return {party: Hosting(hosts) for party, hosts in found.items()}

    def known_parties(self) -> dict[str, bool]:
        """Over all domains that the node ever had contact with."""
        found: dict[str, bool] = {}
        with self._core.db.read() as db:
            for domain_id in connections.known(db, self._core.name):
                for party, hosts in self.hosted_parties(db, stores.synchronizer(domain_id)).items():
                    found[party] = found.get(party, False) or self._core.uid in hosts
        return dict(sorted(found.items()))

    # Packages.

    def vetted(self, psid: str, uid: str) -> set[str]:
        with self._core.db.read() as db:
            return self.vetted_in(db, stores.synchronizer(psid), uid)

    def vetted_in(self, db: sqlite3.Connection, store: str, uid: str) -> set[str]:
        """What a participant has vetted, in effect now in a store."""
        rows = self._topology.effective(db, store, VTP, ids.now())
        return {package for row in rows if row.item.participant == uid for package in row.item.package_ids}


def _note(sides: dict[int, int], side: int, permission: int) -> None:
    """Of several for one side the strongest (the lowest number) counts."""
    for each in (FROM, TO) if side == BOTH else (side,):
        sides[each] = min(permission, sides.get(each, DISABLED))


def _combined(sides: dict[int, int]) -> int:
    """The permission on which both sides agree, 0 for none."""
    weaker = max(sides.get(FROM, DISABLED), sides.get(TO, DISABLED))
    return 0 if weaker >= DISABLED else weaker
