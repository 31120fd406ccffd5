# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of the sandbox."""

from __future__ import annotations

import pytest
from networks import make_network, make_short_network, served

__all__ = ["line", "make_network", "make_short_network", "served"]

V30_LINES = ("3.5", "3.4")


@pytest.fixture(scope="module", params=V30_LINES)
def line(request: pytest.FixtureRequest) -> str:
    """The lines of Canton 3 in turn: the same tests for what they have in common."""
    return str(request.param)
