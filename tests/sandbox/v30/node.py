# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A participant of Canton 3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.node import node, parties
from sandbox.node.vault import Vault
from sandbox.state import participants
from sandbox.state.store import Store
from sandbox.v30.connecting import Connector
from sandbox.v30.dispatcher import Dispatcher
from sandbox.v30.manager import TopologyManager
from sandbox.v30.members import Members
from sandbox.v30.topology import TopologyState
from sandbox.v30.view import View


class Node(node.Node):
    view: View

    def __init__(self, name: str, config: dict[str, Any], store: Store, state_dir: Path) -> None:
        super().__init__(name, config, store, state_dir)
        self.topology = TopologyState(self.messages)
        self.vault = Vault(name, config, store, self.messages)
        self.members = Members(self, self.vault, self.topology)
        dispatcher = Dispatcher(self, self.topology, self.members)
        self.dispatcher = dispatcher
        self.manager = TopologyManager(self, self.vault, self.topology, dispatcher)
        self.connector = Connector(self, dispatcher, self.topology, self.manager)
        self.view = View(self, self.topology)

    def submission_obstacle(self, psid: str) -> str:
        return self.members.obstacle(psid)

    def encryption_key(self, psid: str, uid: str) -> str:
        return self.members.encryption_key(psid, uid)

    def may_confirm(self, psid: str, name: str) -> bool:
        with self.db.read() as db:
            row = participants.get(db, name)
        assert row is not None
        return self.members.may_send(psid, row["uid"], parties.vault_of(self, name))
