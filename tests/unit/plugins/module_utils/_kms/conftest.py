# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator

import pytest
from unit.plugins.module_utils._kms.support import aws_in_process

from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsKeys]:
    with aws_in_process(monkeypatch) as found:
        yield found
