# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PingService of Canton 3."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sandbox.daml import dars
from sandbox.node.services import ping
from sandbox.state import participants, transactions
from sandbox.v30 import vetting
from sandbox.v30.node import Node
from sandbox.wire import ids


class PingService(ping.PingService[Node]):
    SERVICE = "com.digitalasset.canton.admin.participant.v30.PingService"
    DAR = dars.PING_DAR

    def _fail(self, failure: Any, reason: str) -> None:
        failure.reason = reason

    def _vetted(self, psid: str, uid: str) -> Collection[str]:
        return vetting.current(self._node, psid, uid, effective=True).packages

    def _send(self, psid: str, targets: list[str]) -> str:
        node = self._node
        with node.db.write() as db:
            names = participants.names(db, dict.fromkeys([node.uid, *targets]))
            keys = {name: node.encryption_key(psid, uid) for uid, all_names in names.items() for name in all_names}
            reading = [name for name, key in keys.items() if transactions.reads(db, name, psid, key)]
            transactions.deliver_request(db, psid, keys)
        # Whoever can't read the ping ends itself, this node first.
        node.connector.process_arrived()
        for uid in targets:
            if not any(name in reading and node.may_confirm(psid, name) for name in names[uid]):
                return f"Timeout: no response from {ids.short(uid)}"
        return ""

    def _signing_obstacle(self, psid: str) -> str:
        return self._node.submission_obstacle(psid)
