# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a node of Canton 3 tells of its storage and of its synchronizer's time."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils._participant.dialects.api_v0 import Answer, FakeApi

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, Unreachable
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v30 import V30

LINES = pytest.mark.parametrize("line", ["3.5", "3.4"])


def node(line: str, **answers: Answer) -> tuple[V30, FakeApi]:
    api = FakeApi(line)
    api.answers.update(answers)
    return V30(api, None), api  # type: ignore[arg-type]


@LINES
@pytest.mark.parametrize(("component", "in_memory"), [("memory_storage", True), ("db-storage", False)])
def test_storage(line: str, component: str, in_memory: bool) -> None:
    components = [{"name": "sequencer-client", "ok": {}}, {"name": component, "ok": {}}]
    speaker, _api = node(line, ParticipantStatus={"status": {"common_status": {"components": components}}})
    assert speaker.in_memory() is in_memory


@LINES
def test_time_of_a_synchronizer(line: str) -> None:
    speaker, api = node(line, FetchTime={"timestamp": {"seconds": 1000, "nanos": 500_000_000}})
    assert speaker.last_time("da::1220") == 1000.5
    (sent,) = api.requests("FetchTime")
    assert sent.synchronizer.id == "da::1220"
    # older than anything that a node keeps from its synchronizer: it has no reason to ask for a fresh time
    assert sent.freshness_bound.seconds > 7 * 24 * 3600


def test_no_time_is_no_trouble_and_no_node_is() -> None:
    refused, _api = node("3.5", FetchTime=CantonError("no", "DEADLINE_EXCEEDED"))
    assert refused.last_time("da::1220") is None
    gone, _api = node("3.5", FetchTime=Unreachable("no"))
    with pytest.raises(CantonError):
        gone.last_time("da::1220")
