# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._api import channel
from ansible_collections.ledgerops.canton.plugins.module_utils._api.endpoint import Endpoint
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.factory import (
    is_canton_2,
    open_participant,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v0 import V0
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v30 import V30


@pytest.mark.parametrize(("version", "dialect"), [("v0", V0), ("v30", V30)])
@pytest.mark.parametrize("ledger", [None, Endpoint("10.0.0.5:5011")])
def test_a_node_is_spoken_to_in_its_own_dialect(
    monkeypatch: pytest.MonkeyPatch, version: str, dialect: Any, ledger: Endpoint | None
) -> None:
    services = frozenset([f"com.digitalasset.canton.health.admin.{version}.StatusService"])
    monkeypatch.setattr(channel.Api, "services", property(lambda _api: services))
    found: Any = open_participant(Endpoint("10.0.0.5:5012", "source participant"), ledger)
    assert isinstance(found, dialect) and found.label == "source participant"
    assert found.has_ledger is (ledger is not None)
    assert found.require_live("any step") is found
    assert found.as_canton_3() is (found if version == "v30" else None)


@pytest.mark.parametrize(
    ("services", "spoken"),
    [
        (["com.digitalasset.canton.health.admin.v0.StatusService", "grpc.health.v1.Health"], True),
        (["com.digitalasset.canton.health.admin.v30.StatusService"], False),
        (["com.digitalasset.canton.old.v0.Left", "com.digitalasset.canton.health.admin.v30.StatusService"], False),
        (["com.daml.ledger.api.v1.ActiveContractsService"], False),
        ([], False),
    ],
)
def test_who_is_canton_2(services: list[str], spoken: bool) -> None:
    assert is_canton_2(services) is spoken
