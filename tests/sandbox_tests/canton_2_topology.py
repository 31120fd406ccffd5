# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the sandbox's Canton 2 share that are about topology, keys and domains."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

import pytest
from sandbox_tests.canton_2 import RELEASES

from sandbox.wire import definitions
from sandbox.wire.client import CallFailed
from sandbox.wire.release import release

each_line = pytest.mark.parametrize("line", RELEASES, scope="module")


def domain(network: Any, name: str) -> str:
    return str(network.info()["synchronizers"][name]["id"])


def refused(call: Callable[[], Any]) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call()
    return caught.value


def eventually(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 10
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def opened(serialized: str, line: str) -> tuple[Any, Any, int]:
    """(SignedTopologyTransaction, TopologyTransaction, its version) of what the API hands out."""
    messages = definitions.messages(release(line))
    signed = messages.cls("protocol.v0.SignedTopologyTransaction").FromString(
        messages.unwrap(base64.b64decode(serialized))
    )
    inner, version = messages.unwrap_versioned(signed.transaction)
    return signed, messages.cls(f"protocol.v{version}.TopologyTransaction").FromString(inner), version
