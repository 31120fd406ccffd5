# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

from pathlib import Path

import pytest
from unit.plugins.module_utils._participant.migration.support import Pair

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.replication import steps
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import synchronizers


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(synchronizers, "QUIET_POLLS", 1)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


@pytest.fixture
def prepared(pair: Pair) -> Pair:
    pair.prepare()
    return pair
