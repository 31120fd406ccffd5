# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from unit.plugins.module_utils._participant.support import Setting

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts import proof, purge
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import hosting


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here happens later by itself, so a wait that is not over at once never is."""
    monkeypatch.setattr(hosting, "LOST_AFTER_SECONDS", 0.01)
    monkeypatch.setattr(proof, "VISIBLE_SECONDS", 0.01)
    monkeypatch.setattr(purge, "VISIBLE_SECONDS", 0.01)


@pytest.fixture
def at(tmp_path: Path) -> Setting:
    return Setting(tmp_path)
