# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the topology of Canton 2 means for parties and packages, and the writes that other services ask for."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sandbox import connections, ids, topology_state
from sandbox.errors import CantonError
from sandbox.v0 import elements
from sandbox.v0.elements import ADD, BOTH, DISABLED, FROM, PTP, REMOVE, STATE, SUBMISSION, TO, VTP, Element
from sandbox.v0.manager import Manager
from sandbox.v0.topology import Topology

if TYPE_CHECKING:
    from sandbox.node import Node

_POLL_SECONDS = 0.02


class View:
    """The topology of one participant for its other services. ``db`` is always a connection of the node's store."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.topology = Topology(node.messages)
        self.manager = Manager(node, self.topology)

    # Domains.

    def is_connected(self, alias: str) -> bool:
        return alias in self._node.connected()

    def alias_of(self, domain_id: str) -> str | None:
        """The alias under which this node registered a domain."""
        with self._node.db.read() as db:
            known = connections.registered(db, self._node.name)
        return next((one.alias for one in known if one.psid == domain_id), None)

    def domain_protocol_version(self, domain_id: str) -> int | None:
        with self._node.db.read() as db:
            return connections.protocol_version(db, domain_id)

    def participants(self, db: sqlite3.Connection, domain_id: str) -> set[str]:
        """The uids of the participants that are active on a domain: both sides say so."""
        return set(self._active(db, topology_state.synchronizer(domain_id)))

    def _active(self, db: sqlite3.Connection, store: str, at: int = 0) -> dict[str, int]:
        """uid -> permission of the active participants in a domain's store."""
        sides: dict[str, dict[int, int]] = {}
        for row in self.topology.effective(db, store, STATE, at or ids.now()):
            _note(sides.setdefault(elements.bare(row.item.participant), {}), row.item.side, row.item.permission)
        return {uid: found for uid, given in sides.items() if (found := _combined(given))}

    # Parties.

    def hosted_parties(self, db: sqlite3.Connection, store: str, at: int = 0) -> dict[str, dict[str, int]]:
        """party -> {participant uid: permission}, in effect at a time in microseconds (0 = now): both sides there, the lower permission of all.

        On a domain only active participants count, and their admin parties are among the parties. Disabled ones are not.
        """
        sides: dict[tuple[str, str], dict[int, int]] = {}
        for row in self.topology.effective(db, store, PTP, at or ids.now()):
            key = (row.item.party, elements.bare(row.item.participant))
            _note(sides.setdefault(key, {}), row.item.side, row.item.permission)
        active = self._active(db, store, at) if topology_state.psid_of(store) is not None else None
        found: dict[str, dict[str, int]] = {}
        for (party, uid), given in sides.items():
            permission = _combined(given)
            if permission and (active is None or uid in active):
                found.setdefault(party, {})[uid] = permission if active is None else max(permission, active[uid])
        for uid, permission in (active or {}).items():
            found.setdefault(uid, {}).setdefault(uid, permission)
        return found

    def known_parties(self, db: sqlite3.Connection) -> dict[str, bool]:
        """party -> hosted here, over all domains that the node ever had contact with, in the order of the ids."""
        found: dict[str, bool] = {}
        for domain_id in connections.known(db, self._node.name):
            for party, hosts in self.hosted_parties(db, topology_state.synchronizer(domain_id)).items():
                found[party] = found.get(party, False) or self._node.uid in hosts
        return dict(sorted(found.items()))

    def permission(self, db: sqlite3.Connection, domain_id: str, party: str, participant_uid: str) -> int:
        """The permission of a participant for a party on a domain, 0 when it does not host it."""
        hosts = self.hosted_parties(db, topology_state.synchronizer(domain_id)).get(party, {})
        return hosts.get(participant_uid, 0)

    def host_party(self, party: str, permission: int = SUBMISSION) -> str:
        """Host a party (a whole id, or a name in the own namespace) on this node; the party's id. Safe to repeat."""
        party_id = party if "::" in party else f"{party}::{self._node.namespace}"
        mapping = self._node.messages.cls("protocol.v0.PartyToParticipant")(
            side=BOTH, party=party_id, participant=f"PAR::{self._node.uid}", permission=permission
        )
        self.ensure(Element(PTP, mapping))
        return party_id

    def ensure(self, element: Element, force: bool = False) -> None:
        """Add an element to the own store, signed by the node itself, unless it is there."""
        try:
            self.manager.authorize(ADD, element, force=force)
        except CantonError as error:
            if error.error_id != "TOPOLOGY_MAPPING_ALREADY_EXISTS":
                raise

    # Packages.

    def vetted(self, db: sqlite3.Connection, store: str, uid: str) -> set[str]:
        """What a participant has vetted, in effect now in a store."""
        rows = self.topology.effective(db, store, VTP, ids.now())
        return {package for row in rows if row.item.participant == uid for package in row.item.package_ids}

    def _vetted_packages(self, package_ids: Iterable[str]) -> Element:
        cls = self._node.messages.cls("protocol.v0.VettedPackages")
        return Element(VTP, cls(participant=self._node.uid, package_ids=package_ids))

    def vet(self, package_ids: Iterable[str], force: bool = False) -> None:
        """Vet what is not vetted yet, with one transaction."""
        with self._node.db.read() as db:
            before = self.vetted(db, topology_state.authorized(self._node.name), self._node.uid)
        new = [each for each in dict.fromkeys(package_ids) if each not in before]
        if new:
            self.ensure(self._vetted_packages(new), force)

    def unvet(self, package_ids: Iterable[str], force: bool = False) -> None:
        """Take packages away; what the same transactions had vetted beside them stays vetted."""
        gone = set(package_ids)
        with self._node.db.read() as db:
            rows = list(self.topology.heads(db, topology_state.authorized(self._node.name), VTP))
        for row in rows:
            if row.item.participant != self._node.uid or gone.isdisjoint(row.item.package_ids):
                continue
            kept = [each for each in row.item.package_ids if each not in gone]
            if kept:
                self.ensure(self._vetted_packages(kept), force)
            self.manager.authorize(REMOVE, row.element, force=force)

    def wait_vetted(self, package_ids: Iterable[str], seconds: float = 30.0) -> None:
        """Until the packages are vetted on all connected domains; PACKAGE_TOPOLOGY_STATE_UPDATE_TIMEOUT."""
        wanted = set(package_ids)

        def there(db: sqlite3.Connection) -> bool:
            stores = map(topology_state.synchronizer, self._node.connected().values())
            return all(wanted <= self.vetted(db, store, self._node.uid) for store in stores)

        if not self._wait(there, seconds):
            raise CantonError(
                "PACKAGE_TOPOLOGY_STATE_UPDATE_TIMEOUT", "The vetting did not become effective in time on all domains"
            )

    def wait_queues(self, seconds: float = 30.0) -> None:
        """Until what was written so far is in effect on the connected domains; ``TimeoutError`` when it is not."""

        def idle(db: sqlite3.Connection) -> bool:
            return not self._node.dispatcher.queued() and not self.coming(db)

        if not self._wait(idle, seconds):
            raise TimeoutError(f"{self._node.name}: its topology did not get to the domains in time")

    def coming(self, db: sqlite3.Connection) -> int:
        """How many changes are sequenced on the connected domains and not in effect yet."""
        stores = [topology_state.synchronizer(domain_id) for domain_id in self._node.connected().values()]
        marks = ",".join("?" * len(stores))
        found = db.execute(
            f"SELECT count(*) FROM topology_v0 WHERE store IN ({marks}) AND valid_from>?", [*stores, ids.now()]
        )
        return int(found.fetchone()[0])

    def _wait(self, condition: Callable[[sqlite3.Connection], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            with self._node.db.read() as db:
                if condition(db):
                    return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)


def _note(sides: dict[int, int], side: int, permission: int) -> None:
    """Of several for one side the strongest (the lowest number) counts."""
    for each in (FROM, TO) if side == BOTH else (side,):
        sides[each] = min(permission, sides.get(each, DISABLED))


def _combined(sides: dict[int, int]) -> int:
    """The permission on which both sides agree, 0 for none."""
    weaker = max(sides.get(FROM, DISABLED), sides.get(TO, DISABLED))
    return 0 if weaker >= DISABLED else weaker
