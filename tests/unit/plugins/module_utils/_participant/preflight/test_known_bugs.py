# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Known bugs, by the exact releases that have them, on the side and for the contracts that they concern."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.fakes import new_participant, old_participant
from unit.plugins.module_utils._participant.preflight.support import look_at, severities
from unit.plugins.samples import ALICE, NEW, OLD, contract

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Identity
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight import known_bugs

REPLAY, MACROS = ("known_bug_3_4_7_replay", "warning"), ("known_bug_24_028", "warning")
STATE, PROTOCOL = ("known_bug_25_001", "warning"), ("known_bug_24_024", "error")
PRUNING, KEYS = ("known_bug_25_013", "error"), ("known_bug_25_004", "error")
UNUSABLE, UNKNOWN = ("known_bug_24_003", "error"), ("release_not_visible", "warning")
NOT_VISIBLE = {"kms_not_visible", "pruning_not_visible"}


def bugs(source: str, target: str, keyed: int = 0, protocol: int = 5) -> list[tuple[str, str]]:
    major = int(target[0])
    contracts = [replace(contract(f"00a{number}", ALICE), has_key=number < keyed) for number in range(4)]
    versions = {"oldsync": protocol, "newsync": 5}
    old = old_participant(
        major=major, versions=versions, status=Identity(OLD, True, True, source, "", ()), contracts=contracts
    )
    new = new_participant(major=major, versions=versions, status=Identity(NEW, True, True, target, "", ()))
    return [item for item in severities(look_at(old, new)) if item[0] not in NOT_VISIBLE]


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        ("3.5.10-SNAPSHOT", "3.5.10-SNAPSHOT", []),
        ("3.4.8", "3.4.9", []),
        ("3.4.9", "3.4.8", [PRUNING]),
        ("3.4.9", "3.4.0-rc1", [PRUNING]),
        ("3.4.7", "3.4.12", [REPLAY]),
        ("3.4.12", "3.4.7-SNAPSHOT", [PRUNING, REPLAY]),
        ("3.4.10", "3.4.11", []),
        ("2.10.4", "2.10.4", []),
        ("2.9.6", "2.9.7", []),
        ("2.9.5", "2.9.6", [MACROS]),
        ("2.8.12", "2.8.11", [STATE, MACROS]),
        ("2.8.12", "2.8", [UNKNOWN]),
        ("2.8", "2.8", [UNKNOWN, UNKNOWN]),
        ("nightly", "nightly", []),
    ],
)
def test_by_release(source: str, target: str, found: list[tuple[str, str]]) -> None:
    if target == "nightly":
        assert known_bugs.parse(target) is None
    else:
        assert bugs(source, target) == found


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("2.10.0", [KEYS]),
        ("2.10.1", []),
        ("2.9.6", [KEYS]),
        ("2.9.7", []),
        ("2.8.12", [KEYS]),
        ("2.8.1", [STATE, MACROS, KEYS, UNUSABLE]),
        ("2.7.9", [UNUSABLE]),
        ("2.8", [UNKNOWN, KEYS, UNKNOWN]),
    ],
)
def test_contracts_with_keys(target: str, found: list[tuple[str, str]]) -> None:
    assert bugs("2.10.4", target, keyed=2) == found
    assert KEYS not in bugs("2.10.4", target) and UNUSABLE not in bugs("2.10.4", target)


@pytest.mark.parametrize(("source", "target"), [("2.9.4", "2.9.7"), ("2.9.7", "2.9.0"), ("2.9.0", "2.9.4")])
def test_contracts_of_an_older_protocol(source: str, target: str) -> None:
    affected = sum(version < "2.9.5" for version in (source, target))
    assert bugs(source, target, protocol=3).count(PROTOCOL) == affected
    assert PROTOCOL not in bugs(source, target) and PROTOCOL not in bugs("2.9.5", "2.9.7", protocol=3)


def test_what_is_said() -> None:
    old, new = old_participant(), new_participant(status=Identity(NEW, True, True, "3.4.8", "", ()))
    (finding,) = look_at(old, new)
    assert "Canton 3.4.8 of the target" in finding.message and "bug 25-013" in finding.message
    assert "3.4.9" in finding.remedy


def test_the_table() -> None:
    assert len({bug.id for bug in known_bugs.BUGS}) == len(known_bugs.BUGS)
    assert {bug.severity for bug in known_bugs.BUGS} == {"error", "warning"}
    assert [str(item) for bug in known_bugs.BUGS if bug.number == "25-004" for item in bug.affected] == [
        "2.8.x",
        "2.9.0 to 2.9.6",
        "2.10.0",
    ]
