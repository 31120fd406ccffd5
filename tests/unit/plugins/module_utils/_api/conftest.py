# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator

import pytest
from unit.plugins.module_utils._api.certificates import Certificates
from unit.plugins.module_utils._api.server import Node, serve

from ansible_collections.ledgerops.canton.plugins.module_utils._api import channel


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many attempts as ever, without the pauses between them."""
    monkeypatch.setattr(channel, "BACKOFF_SECONDS", (0.0,) * len(channel.BACKOFF_SECONDS))
    monkeypatch.setattr(channel, "READY_POLL_SECONDS", 0.01)


@pytest.fixture
def node() -> Iterator[Node]:
    found = Node()
    server = serve(found)
    yield found
    server.stop(None).wait()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))
