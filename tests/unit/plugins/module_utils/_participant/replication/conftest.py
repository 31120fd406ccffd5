# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from unit.plugins.module_utils._participant.replication.one_synchronizer import Setting

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.replication import move as replication_move
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.replication import steps, withdrawal
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import hosting as party_hosting
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import synchronizers


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication_move, "VISIBLE_SECONDS", 0.0)
    monkeypatch.setattr(withdrawal, "VISIBLE_SECONDS", 0.0)
    monkeypatch.setattr(steps, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(synchronizers, "QUIET_POLLS", 1)
    monkeypatch.setattr(party_hosting, "LOST_AFTER_SECONDS", 0.1)


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path)
