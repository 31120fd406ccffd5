# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A participant of Canton 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.node import node
from sandbox.state.store import Store
from sandbox.v0.connecting import Connector
from sandbox.v0.dispatcher import Dispatcher
from sandbox.v0.manager import Manager
from sandbox.v0.topology import Topology
from sandbox.v0.vault import Vault
from sandbox.v0.view import View


class Node(node.Node):
    view: View
    connector: Connector

    def __init__(self, name: str, config: dict[str, Any], store: Store, state_dir: Path) -> None:
        super().__init__(name, config, store, state_dir)
        self.topology = Topology(self.messages)
        vault = Vault(name, config, store, self.messages)
        dispatcher = Dispatcher(self, vault, self.topology)
        self.vault, self.dispatcher = vault, dispatcher
        self.manager = Manager(self, vault, self.topology, dispatcher)
        self.view = View(self, self.topology)
        self.connector = Connector(self, dispatcher, self.topology, self.manager, self.view)
