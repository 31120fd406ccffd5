# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A participant with those helpers that it has on every line."""

from __future__ import annotations

from sandbox.node.connecting import Connector
from sandbox.node.core import Core
from sandbox.node.dispatcher import Dispatcher
from sandbox.node.vault import Vault
from sandbox.node.view import View


class Node(Core):
    """Each line has a node of its own, with helpers of its own kind and some more."""

    vault: Vault
    dispatcher: Dispatcher
    connector: Connector
    view: View

    def submission_obstacle(self, psid: str) -> str:
        """Why the node can't send anything to a synchronizer although it is connected; empty when it can."""
        return ""

    def encryption_key(self, psid: str, uid: str) -> str:
        """The fingerprint of the key that transactions for a participant are encrypted for; empty where none is."""
        return ""

    def may_confirm(self, psid: str, name: str) -> bool:
        """Whether a participant (by name) has the keys to confirm transactions on a synchronizer."""
        return True
