# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Contracts in the dialect of Canton 3."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils._participant.dialects.fake_api import ALICE, canton_3


@pytest.mark.parametrize("line", ["3.5", "3.4"])
def test_purge(line: str) -> None:
    speaker, api = canton_3(line)
    speaker.purge_contracts("newsync", ["00a1", "00a2"], [ALICE])
    (sent,) = api.requests("PurgeContracts")
    assert (sent.synchronizer_alias, list(sent.contract_ids)) == ("newsync", ["00a1", "00a2"])
    assert sent.ignore_already_purged
