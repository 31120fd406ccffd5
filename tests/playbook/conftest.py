# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for tests with real ansible-playbook runs: networks and runs, shared by the tests of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from playbook.harness import Ansible, Sandbox

StartNetwork = Callable[[Mapping[str, Any]], Sandbox]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartNetwork]:
    """Starts networks of a topology (as in a topology file) on free ports; all of them end with the file's tests."""
    with ExitStack() as stack:

        def start(topology: Mapping[str, Any]) -> Sandbox:
            started = Sandbox(topology, tmp_path_factory.mktemp("sandbox"))
            stack.callback(started.stop)
            return started

        yield start


@pytest.fixture(scope="module")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Ansible:
    """Runs playbooks and lists of tasks."""
    return Ansible(tmp_path_factory.mktemp("ansible"))
