# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from unit.plugins.modules.support import Participants

from ansible_collections.ledgerops.canton.plugins.module_utils import _runner


@pytest.fixture
def participants(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Participants:
    found = Participants(capsys)
    monkeypatch.setattr(_runner, "open_participant", found.open)
    return found
