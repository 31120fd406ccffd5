# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contracts that an application creates and archives while the network runs."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from networks import MakeNetwork, playing

from sandbox.cli import live, network
from sandbox.cli.network import Network

DAR = {"name": "sandbox-iou", "version": "1.0.0"}
TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"one": {}},
    "participants": {
        "old": {
            "connections": [{"synchronizer": "one"}],
            "parties": [
                "Alice",
                {"id": "Dave", "hosts": ["old", "other"]},
                {"id": "Watched", "permission": "observation"},
            ],
            "dars": [DAR],
        },
        "other": {"connections": [{"synchronizer": "one"}], "parties": ["Carol"], "dars": [DAR]},
        "bare": {"connections": [{"synchronizer": "one"}], "parties": ["Eve"]},
    },
}


@pytest.fixture(scope="module", params=["3.5", "2.10"])
def running(request: pytest.FixtureRequest, make_network: MakeNetwork) -> Network:
    return make_network(playing(TOPOLOGY, request.param))


def rows(running: Network, name: str) -> dict[str, tuple[int, int | None]]:
    """contract id -> offsets at which it began and ended, of what a participant ever had."""
    with sqlite3.connect(network.database(running.state)) as db:
        found = db.execute(
            "SELECT contract_id, created_offset, ended_offset FROM contract WHERE participant=? ORDER BY seq", (name,)
        ).fetchall()
    db.close()
    return {contract_id.hex(): (begun, ended) for contract_id, begun, ended in found}


def refused(running: Network, name: str, *signatories: str, **more: Any) -> str:
    with pytest.raises(live.Refused) as caught:
        live.create(running.state, name, signatories, **more)
    return str(caught.value)


def test_a_transaction_reaches_all_hosts_of_its_stakeholders(running: Network) -> None:
    mine = live.create(running.state, "old", ["Alice"], count=2)
    shared = live.create(running.state, "old", ["Alice"], ["Carol"])
    both = live.create(running.state, "other", ["Dave"])
    old, other, bare = (rows(running, name) for name in ("old", "other", "bare"))
    assert [*mine, *shared, *both] == list(old)
    assert [*shared, *both] == list(other)
    assert not bare
    begun = [begin for begin, _unused in old.values()]
    assert begun == sorted(set(begun))
    live.archive(running.state, "other", both)
    assert rows(running, "old")[both[0]][1] is not None
    assert rows(running, "other")[both[0]][1] is not None
    with pytest.raises(live.Refused, match="is not active on other"):
        live.archive(running.state, "other", both)


def test_what_can_not_be_is_refused(running: Network) -> None:
    assert "old hosts none of Carol" in refused(running, "old", "Carol")
    assert "old hosts none of Watched" in refused(running, "old", "Watched")
    assert "0 parties on the synchronizer are named Nobody" in refused(running, "old", "Alice", observers=["Nobody"])
    nobody = "Nobody::1220" + 64 * "0"
    assert "Nobody::122000000000... is hosted by no" in refused(running, "old", "Alice", observers=[nobody])
    assert "is not vetted by bare" in refused(running, "old", "Alice", observers=["Eve"])
    assert "need the DAR other-dar" in refused(running, "old", "Alice", dar="other-dar")
    assert "no participant stranger" in refused(running, "stranger", "Alice")
    assert "not connected to two" in refused(running, "old", "Alice", synchronizer="two")


def test_who_is_away_gets_it_at_the_next_connect(running: Network) -> None:
    there = live.create(running.state, "old", ["Alice"], ["Carol"])
    running.stop_node("other")
    assert "not connected to any" in refused(running, "other", "Dave")
    assert "confirm for Carol" in refused(running, "old", "Alice", "Carol")
    missed = live.create(running.state, "old", ["Dave"], ["Carol"], count=2)
    live.archive(running.state, "old", [there[0], missed[0]])
    before = rows(running, "other")
    assert not before.keys() & set(missed)
    assert before[there[0]][1] is None
    running.start_node("other")
    after = rows(running, "other")
    assert list(after)[-2:] == missed
    assert after[missed[1]][1] is None
    last = [after[missed[0]][0], after[missed[1]][0], after[there[0]][1], after[missed[0]][1]]
    assert None not in last
    assert last == sorted(set(last))  # type: ignore[type-var]
