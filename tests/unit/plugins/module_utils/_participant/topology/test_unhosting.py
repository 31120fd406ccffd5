# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking back the hosting of parties."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, CAROL, NEW, NEW_SYNC, OLD, OLD_SYNC, contract, hosting, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._api.failures import answer_error
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology.unhosting import ensure_absent

THIRD = "third::1220" + "d" * 64


def connected(**values: Any) -> Fake:
    return new_participant(known=[synchronizer("newsync")], **values)


def absent(target: Fake, source: Fake | None = None, check: bool = False, **params: Any) -> Outcome:
    given = {
        "source_synchronizer": "oldsync",
        "target_synchronizer": "newsync",
        "parties": None,
        "exclude": [],
        "parallel": 2,
        "wait_timeout": 0.05,
        **params,
    }
    return ensure_absent(given, source or old_participant(), target, check)


def test_all_that_the_source_hosts() -> None:
    target = connected()
    target.hosted[NEW_SYNC].append(hosting("Own::" + NEW.partition("::")[2], NEW))
    predicted = absent(target, check=True)
    assert not target.changes
    outcome = absent(target)
    assert outcome.before == predicted.before == {"hosted": sorted([ALICE, BOB, CAROL])}
    assert outcome.result["on_synchronizer"] == sorted([ALICE, BOB, CAROL])
    assert [item.party.partition("::")[0] for item in target.hosted[NEW_SYNC]] == ["Own"]
    assert not absent(target).changed


def test_excluded_parties_stay() -> None:
    target = connected()
    absent(target, exclude=[ALICE], parties=[ALICE, BOB])
    assert {item.party for item in target.hosted[NEW_SYNC]} == {ALICE, CAROL}


def test_other_hosts_stay() -> None:
    target = connected(hosted={NEW_SYNC: [hosting(ALICE, NEW, THIRD), hosting(BOB, NEW)]})
    absent(target)
    assert target.hosted[NEW_SYNC] == [hosting(ALICE, THIRD)]
    assert target.changes == [("host", [ALICE]), ("unhost", [BOB])]


def test_threshold_that_the_others_cannot_reach() -> None:
    target = connected(hosted={NEW_SYNC: [hosting(ALICE, NEW, THIRD, threshold=2)]})
    for check in (True, False):
        assert refused(lambda check=check: absent(target, check=check)).error_id == "threshold_too_high"
    assert not target.changes


def test_party_that_nobody_else_hosts() -> None:
    source = old_participant(hosted={OLD_SYNC: [hosting(BOB, OLD)]})
    error = refused(lambda: absent(connected(), source, parties=[ALICE, BOB]))
    assert (error.error_id, error.details) == ("hosted_nowhere_else", {"parties": [ALICE]})


def test_removal_that_was_lost_is_sent_again() -> None:
    target = connected(lose=1)
    absent(target, wait_timeout=60)
    assert not target.hosted[NEW_SYNC]
    assert len(target.changes) == 2


def test_removal_that_never_arrives() -> None:
    assert refused(lambda: absent(connected(lose=10**6))).error_id == "parties_still_hosted"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [("TOPOLOGY_DISABLE_PARTY_WITH_ACTIVE_CONTRACTS", "Purge"), ("redacted", "owner of the party's namespace")],
)
def test_refusals_of_the_node_name_the_remedy(code: str, remedy: str) -> None:
    error = refused(lambda: absent(connected(host_errors={BOB: answer_error("no", code)})))
    assert (error.error_id, remedy in error.hint) == (code, True)


def test_needs_the_connection_unless_predicted() -> None:
    target = new_participant(contracts=[contract("00a1", ALICE, on=NEW_SYNC)])
    assert absent(target, check=True).result["with_contracts"]
    assert refused(lambda: absent(target)).error_id == "not_connected"


def test_canton_2_takes_back_offline_what_never_reached_the_domain() -> None:
    source = old_participant(major=2)
    target = new_participant(major=2, hosted={AUTHORIZED: [hosting(ALICE, NEW)]})
    outcome = absent(target, source)
    assert (outcome.result["unhosted"], outcome.result["on_synchronizer"]) == ([ALICE], [])
    assert not target.hosted[AUTHORIZED]


def test_canton_2_needs_the_domain_for_what_it_lists() -> None:
    source = old_participant(major=2)
    target = new_participant(major=2, hosted={AUTHORIZED: [hosting(ALICE, NEW)], NEW_SYNC: [hosting(ALICE, NEW)]})
    assert refused(lambda: absent(target, source)).error_id == "not_connected"
    target.known = [synchronizer("newsync")]
    absent(target, source)
    assert not target.hosted[AUTHORIZED]
    assert not target.hosted[NEW_SYNC]
