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
