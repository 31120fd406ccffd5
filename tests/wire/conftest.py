# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks for the tests that speak to the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from sandbox import topology_file
from sandbox.network import Network

V30_LINES = ("3.5", "3.4")
MakeNetwork = Callable[[dict[str, Any]], Network]


def playing(topology: dict[str, Any], line: str) -> dict[str, Any]:
    """The topology with all its participants of this line."""
    participants = {name: {"release": line, **entry} for name, entry in topology["participants"].items()}
    return {**topology, "participants": participants}


@pytest.fixture(scope="module", params=V30_LINES)
def line(request: pytest.FixtureRequest) -> str:
    """The lines of Canton 3 in turn: the same tests for what they have in common."""
    return str(request.param)


@pytest.fixture(scope="module")
def make_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeNetwork]:
    """Starts networks from topologies (as in a topology file); all of them end with the module."""
    with ExitStack() as stack:

        def make(topology: dict[str, Any]) -> Network:
            state = tmp_path_factory.mktemp("network")
            return stack.enter_context(Network(topology_file.check(topology), state, logs=state / "logs"))

        yield make
