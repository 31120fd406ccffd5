# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The onboarding flag of a party that was replicated to a participant, and how the participant clears it.

The flag stays for a while after it took effect (docs/canton/party-replication.md#onboarding-flag): transactions that were under way must end first.
Then the participant takes it out of the mapping by itself, once it was asked to or has imported the party's contracts.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import Any

from sandbox.state import connections, onboarding, stores
from sandbox.state.topology_v30 import Query
from sandbox.v30 import mappings
from sandbox.v30.mappings import ADD, PTP
from sandbox.v30.node import Node
from sandbox.v30.topology import Row
from sandbox.wire import ids
from sandbox.wire.errors import CantonError

_DEFAULT_CLEAR_MS = 60_000
_POLL_SECONDS = 0.05


def rows_of(node: Node, db: sqlite3.Connection, psid: str, party: str, proposals: bool = False) -> list[Row]:
    """The mappings of a party on a synchronizer, as far as the node knows them, in their order."""
    query = Query(
        [stores.synchronizer(psid)],
        frozenset({PTP}),
        proposals=proposals,
        seen=connections.views(db, node.name),
        namespace=ids.namespace(party),
    )
    return [row for row in node.topology.query(db, query) if row.item.party == party]


def host_of(row: Row, participant_uid: str) -> Any | None:
    """The entry of a participant in a party's mapping."""
    if row.transaction.operation != ADD:
        return None
    return next((host for host in row.item.participants if host.participant_uid == participant_uid), None)


def is_onboarding(row: Row, participant_uid: str) -> bool:
    host = host_of(row, participant_uid)
    return host is not None and host.HasField("onboarding")


class Clearance:
    """Clears the flags of one participant. ``remember`` keeps a party over restarts until its flag is gone."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._running: set[tuple[str, str]] = set()
        node.on_connected.append(self._resume)

    def remember(self, psid: str, party: str) -> None:
        with self._node.db.write() as db:
            onboarding.remember(db, self._node.name, psid, party)

    def _resume(self, _alias: str, psid: str) -> None:
        with self._node.db.read() as db:
            parties = onboarding.parties(db, self._node.name, psid)
        for party in parties:
            self.start(psid, party)

    def wait(self, psid: str, party: str, seconds: float) -> None:
        """Until what is known of the party's mapping is in effect."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self._node.db.read() as db:
                rows = rows_of(self._node, db, psid, party)
            if not rows or rows[-1].row["valid_from"] <= ids.now():
                return
            time.sleep(_POLL_SECONDS)

    def earliest(self, psid: str, party: str) -> int | None:
        """When the flag can be cleared (microseconds); ``None`` when it is not set. ``LookupError``: not hosted here."""
        uid = self._node.uid
        with self._node.db.read() as db:
            rows = [row for row in rows_of(self._node, db, psid, party) if row.row["valid_from"] <= ids.now()]
        if not rows or host_of(rows[-1], uid) is None:
            raise LookupError(party)
        if not is_onboarding(rows[-1], uid):
            return None
        since = rows[-1]
        for row in reversed(rows):
            if not is_onboarding(row, uid):
                break
            since = row
        return int(since.row["valid_from"]) + 1000 * int(self._node.knob("onboarding_clear_ms", _DEFAULT_CLEAR_MS))

    def start(self, psid: str, party: str) -> None:
        """Clear the flag in the background when its time has come; ends with the connection. Safe to repeat."""
        with self._lock:
            if (psid, party) in self._running:
                return
            self._running.add((psid, party))
        threading.Thread(target=self._run, args=(psid, party), name=f"onboarding {party}", daemon=True).start()

    def _run(self, psid: str, party: str) -> None:
        try:
            while psid in self._node.connected().values():
                due = self.earliest(psid, party)
                if due is None:
                    self._forget(psid, party)
                    return
                if due <= ids.now():
                    self._clear(psid, party)
                time.sleep(_POLL_SECONDS)
        except LookupError:
            self._node.log.info("%s is no longer hosted here", ids.short(party))
        finally:
            with self._lock:
                self._running.discard((psid, party))

    def _forget(self, psid: str, party: str) -> None:
        with self._node.db.write() as db:
            onboarding.forget(db, self._node.name, psid, party)

    def _clear(self, psid: str, party: str) -> None:
        """Propose the mapping without the flag, and wait until it is in effect."""
        store = stores.synchronizer(psid)
        with self._node.db.read() as db:
            head = self._node.topology.head(db, store, rows_of(self._node, db, psid, party)[-1].transaction.key)
        if head is None or not is_onboarding(head, self._node.uid):
            return
        mapping = self._node.messages.cls("protocol.v30.TopologyMapping")()
        mapping.CopyFrom(head.mapping)
        for host in mapping.party_to_participant.participants:
            if host.participant_uid == self._node.uid:
                host.ClearField("onboarding")
        try:
            self._node.manager.authorize(store, mappings.ADD, mapping, wait=5)
        except CantonError as error:
            self._node.log.warning("the onboarding flag of %s was not cleared: %s", ids.short(party), error)
