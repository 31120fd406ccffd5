# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator

import pytest
from unit.plugins.module_utils._kms.support import aws_in_process
from unit.plugins.modules.support import Participants

from ansible_collections.ledgerops.canton.plugins.module_utils import _connection
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws import keys as aws_keys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys


@pytest.fixture
def participants(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Participants:
    found = Participants(capsys)
    monkeypatch.setattr(_connection, "open_participant", found.open)
    return found


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsKeys]:
    """The keys of an empty account, which kms_key and kms_key_info work with."""
    with aws_in_process(monkeypatch) as found:
        monkeypatch.setattr(aws_keys, "connect", lambda _params: found)
        yield found
