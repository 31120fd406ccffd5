# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from unit.plugins.fakes import new_participant
from unit.plugins.modules.support import TARGET, Participants
from unit.plugins.samples import synchronizer

from ansible_collections.ledgerops.canton.plugins.modules import participant_synchronizer as module


def run(participants: Participants, check: bool = False, **options: Any) -> dict[str, Any]:
    return participants.run(module, check, endpoint=TARGET, **options)


def two(*connected: bool) -> Any:
    return [synchronizer(f"s{number}", connected=state) for number, state in enumerate(connected)]


@pytest.mark.parametrize(
    ("state", "connected", "options", "changes"),
    [
        ("connected", False, {}, [("connect", "s0")]),
        ("connected", True, {}, []),
        ("connected", True, {"manual_connect": False}, []),
        ("connected", False, {"manual_connect": True}, [("manual", "s0"), ("connect", "s0")]),
        ("disconnected", True, {}, [("disconnect", "s0")]),
        ("disconnected", True, {"manual_connect": True}, [("manual", "s0"), ("disconnect", "s0")]),
        ("disconnected", False, {"manual_connect": True}, [("manual", "s0")]),
        ("disconnected", False, {}, []),
    ],
)
def test_state_of_one(
    participants: Participants, state: str, connected: bool, options: dict[str, Any], changes: list[Any]
) -> None:
    participants.target = new_participant(known=two(connected, True))
    values = {"state": state, "synchronizer": "s0", **options}
    predicted = run(participants, check=True, **values)
    assert participants.target.changes == []
    done = run(participants, **values)
    assert participants.target.changes == changes and done["changed"] is bool(changes)
    assert predicted["diff"] == done["diff"] and predicted["synchronizers"][1] == done["synchronizers"][1]
    assert done["synchronizers"][0]["connected"] is (state == "connected")
    assert not run(participants, **values)["changed"]


def test_all_are_disconnected(participants: Participants) -> None:
    participants.target = new_participant(known=two(True, False, True))
    assert run(participants, state="disconnected")["changed"]
    assert participants.target.changes == [("disconnect", "s0"), ("disconnect", "s2")]


def test_what_is_in_flight_is_not_cut_off(participants: Participants) -> None:
    participants.target = new_participant(known=two(True), flying=[2])
    values = run(participants, state="disconnected", synchronizer="s0", manual_connect=True, quiet_timeout=0.01)
    assert values["failed"] and values["error_id"] == "in_flight" and participants.target.changes == []
    assert not run(participants, state="disconnected", synchronizer="s0").get("failed")


def test_unknown(participants: Participants) -> None:
    values = run(participants, synchronizer="other")
    assert values["error_id"] == "unknown_synchronizer" and "It knows: newsync" in values["msg"]


@pytest.mark.parametrize("options", [{}, {"state": "registered", "synchronizer": "s0"}])
def test_options_that_are_missing(participants: Participants, options: dict[str, Any]) -> None:
    assert "missing" in run(participants, **options)["msg"]


def test_registration(participants: Participants, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"PEM")
    options: dict[str, Any] = {
        "state": "registered",
        "synchronizer": "third",
        "sequencers": ["https://s.example:443"],
        "sequencer_ca_cert": str(tmp_path / "ca.pem"),
        "manual_connect": True,
    }
    predicted = run(participants, check=True, **options)
    assert participants.target.changes == []
    done = run(participants, **options)
    assert done["changed"] and predicted["diff"] == done["diff"]
    assert not run(participants, **options)["changed"]
    assert participants.target.changes == [("register", "third", ["https://s.example:443"], b"PEM")]
