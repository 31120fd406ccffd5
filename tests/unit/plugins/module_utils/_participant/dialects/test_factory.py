# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._api import channel
from ansible_collections.ledgerops.canton.plugins.module_utils._api.description import Description, KeptDescriptions
from ansible_collections.ledgerops.canton.plugins.module_utils._api.endpoint import Endpoint
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import NotOffered
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.factory import (
    is_canton_2,
    open_participant,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v0 import V0
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v30 import V30
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Identity


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
    ("version", "now", "again"),
    [
        ("v30", Identity("node::1220aa", initialized=True, active=True, version="3.5.10"), False),
        ("v30", Identity("node::1220aa", initialized=True, active=True, version="3.5.11"), True),
        ("v30", Identity("other::1220bb", initialized=True, active=True, version="3.5.10"), True),
        ("v30", Identity("node::1220aa", initialized=False, active=True, version="3.5.10"), True),
        ("v30", Identity("node::1220aa", initialized=True, active=True, version=""), True),
        ("v30", NotOffered("no such service"), True),
        ("v0", Identity("node::1220aa", initialized=True, active=True, version="3.5.10"), True),
    ],
)
def test_a_kept_description_counts_only_for_the_same_node_and_release(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, now: Identity | NotOffered, again: bool
) -> None:
    name = f"com.digitalasset.canton.health.admin.{version}.StatusService"
    path = str(tmp_path / "api.json")
    kept = KeptDescriptions(path)
    kept.confirm("node::1220aa 3.5.10")
    kept.keep("10.0.0.5:5012", Description((), (name,)))
    asked = []

    def reflect(_api: channel.Api) -> Description:
        asked.append(name)
        return Description((), (name,))

    def identity(_participant: object) -> Identity:
        if isinstance(now, NotOffered):
            raise now
        return now

    monkeypatch.setattr(channel.Api, "_reflect", reflect)
    for dialect in (V0, V30):
        monkeypatch.setattr(dialect, "identity", identity)
    open_participant(Endpoint("10.0.0.5:5012", description_cache=path), None)
    assert bool(asked) is again


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
