# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which line of Canton a participant is of. Everything else that depends on it is in the room of the line."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, cast

from sandbox.node.node import Node
from sandbox.state import participants
from sandbox.state.store import Store
from sandbox.wire.release import Release, release


def line_of(line: Release) -> Any:
    """The module ``line`` of Canton 2 or 3: both have the same functions."""
    return importlib.import_module(f"sandbox.{line.dialect}.line")


def node(name: str, state_dir: Path) -> Node:
    """The node with its helpers, as the store knows it. ``KeyError`` for an unknown name."""
    store = Store(state_dir / "network.db")
    with store.read() as db:
        config = participants.config(db, name)
    if config is None:
        raise KeyError(f"this network has no participant {name}")
    return cast(Node, line_of(release(config["release"])).Node(name, config, store, state_dir))
