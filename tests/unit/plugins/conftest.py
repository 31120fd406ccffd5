# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from unit.plugins.module_utils._kms.gcp.support import Gcp
    from unit.plugins.modules.support import Participants

    from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys

# The imports are late: moto and Google's libraries take seconds to load, which most unit tests do without.


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsKeys]:
    """The keys of an empty account of AWS, which the modules work with."""
    from unit.plugins.module_utils._kms.aws.support import aws_in_process

    from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws import keys as aws_keys

    with aws_in_process(monkeypatch) as found:
        monkeypatch.setattr(aws_keys, "connect", lambda _params: found)
        yield found


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gcp]:
    """An empty key ring of GCP."""
    from unit.plugins.module_utils._kms.gcp.support import gcp_in_process

    with gcp_in_process(monkeypatch) as found:
        yield found


@pytest.fixture
def participants(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Participants:
    from unit.plugins.modules.support import Participants

    from ansible_collections.ledgerops.canton.plugins.module_utils import _connection

    found = Participants(capsys)
    monkeypatch.setattr(_connection, "open_participant", found.open)
    return found
