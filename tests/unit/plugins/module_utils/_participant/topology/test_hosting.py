# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.module_utils._participant.support import new_of_canton_2
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, CAROL, NEW, NEW_SYNC, OLD, OLD_NAMESPACE, OLD_SYNC, hosting, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._api.failures import answer_error
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, MappingExists, Unreachable
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model import ids
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Host,
    Hosting,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import hosting as party_hosting

ELSEWHERE = "other::1220" + "e" * 64
WANTED = {party: hosting(party, NEW) for party in (ALICE, BOB, CAROL)}


# -- which parties can move -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (hosting(ALICE, OLD), None),
        (hosting(ALICE, OLD, permission="observation"), None),
        (hosting(OLD, OLD), "admin party"),
        (hosting("Dan::1220dd", OLD), "decentralised"),
        (replace(hosting(ALICE, OLD), signing_keys=b"key"), "external party"),
        (hosting("Eve::1220ee", OLD), "another namespace"),
        (hosting(ALICE, OLD, ELSEWHERE), "hosted by 2 participants"),
        (hosting(ALICE, OLD, threshold=2), "threshold is 2"),
        (Hosting(ALICE, 1, (Host(OLD, "submission", onboarding=True),)), "still being onboarded"),
    ],
)
def test_why_not_movable(item: Hosting, reason: str | None) -> None:
    found = party_hosting.why_not_movable(item, OLD, {OLD_NAMESPACE}, {"1220dd"})
    assert found is None if reason is None else found is not None and reason in found


@pytest.mark.parametrize(
    ("wanted", "excluded", "movable", "refused_parties"),
    [
        (None, [], [ALICE, BOB, CAROL], []),
        (None, [BOB, "unknown"], [ALICE, CAROL], []),
        ([BOB, ALICE], [], [BOB, ALICE], []),
        ([BOB, OLD], [], [BOB], [OLD]),
        ([BOB, "No::1220"], [], [BOB], ["No::1220"]),
        ([BOB, ALICE], [ALICE], [BOB], []),
    ],
)
def test_select_parties(
    wanted: list[str] | None, excluded: list[str], movable: list[str], refused_parties: list[str]
) -> None:
    found = party_hosting.select_parties(old_participant(), OLD, OLD_SYNC, wanted, excluded)
    assert list(found.movable) == movable and list(found.refused) == refused_parties


def test_parties_of_further_namespaces() -> None:
    eve = "Eve::1220ee"
    source = old_participant()
    source.hosted[OLD_SYNC].append(hosting(eve, OLD))
    without = party_hosting.select_parties(source, OLD, OLD_SYNC, None, [])
    assert without.refused == {eve: party_hosting.OF_ANOTHER_NAMESPACE} and without.namespaces() == {OLD_NAMESPACE: 3}
    assert "holder of its root key" in refused(lambda: party_hosting.refuse_unmovable(without)).hint
    found = party_hosting.select_parties(source, OLD, OLD_SYNC, None, [], {"1220ee"})
    assert eve in found.movable and found.namespaces() == {OLD_NAMESPACE: 3, "1220ee": 1}


def test_all_refusals_at_once() -> None:
    parties = {f"P{number}::{OLD_NAMESPACE}": "it has a reason" for number in range(7)}
    error = refused(lambda: party_hosting.refuse_unmovable(party_hosting.PartySelection({}, parties)))
    assert error.error_id == "parties_not_movable"
    assert error.message.startswith("7 of the parties") and "and 2 more" in error.message
    assert "P0::1220aaaaaaaa…: it has a reason" in error.message and "Exclude them" in error.hint
    assert error.details["refused"] == parties


def test_hosted_on_keeps_the_permission() -> None:
    assert party_hosting.hosted_on(hosting(ALICE, OLD, permission="confirmation"), NEW) == Hosting(
        ALICE, 1, (Host(NEW, "confirmation"),)
    )


# -- hosting them -----------------------------------------------------------------------------------------------------


def host(target: Fake, seconds: float = 1.0) -> list[str]:
    return party_hosting.host_parties(target, NEW_SYNC, WANTED, 8, seconds)


@pytest.mark.parametrize(
    ("standing", "missing"),
    [
        ([], [ALICE, BOB, CAROL]),
        ([hosting(BOB, NEW)], [ALICE, CAROL]),
        ([*WANTED.values(), hosting("Eve::1220ee", ELSEWHERE)], []),
    ],
)
def test_missing_hostings(standing: list[Hosting], missing: list[str]) -> None:
    target = new_participant(hosted={NEW_SYNC: standing})
    assert list(party_hosting.missing_hostings(target, NEW_SYNC, WANTED)) == missing


@pytest.mark.parametrize(
    "standing", [hosting(BOB, ELSEWHERE), hosting(BOB, NEW, ELSEWHERE), hosting(BOB, NEW, permission="observation")]
)
def test_parties_that_are_hosted_differently(standing: Hosting) -> None:
    target = new_participant(hosted={NEW_SYNC: [standing]})
    error = refused(lambda: party_hosting.missing_hostings(target, NEW_SYNC, WANTED))
    assert error.error_id == "hosted_elsewhere" and error.details["parties"] == [BOB]
    listed = ", ".join(f"{ids.short(host.participant)} with permission {host.permission}" for host in standing.hosts)
    assert f"is hosted by {listed}, not by {ids.short(NEW)} with permission " in error.message
    assert "Bob::1220aaaaaaaa…" in error.message


REPLACED = hosting(BOB, ELSEWHERE)


def test_a_host_that_was_given_up_is_replaced() -> None:
    target = new_participant(hosted={NEW_SYNC: [REPLACED, WANTED[CAROL]]})
    missing = party_hosting.missing_hostings(target, NEW_SYNC, WANTED, [ELSEWHERE])
    assert list(missing) == [ALICE, BOB]
    party_hosting.host_parties(target, NEW_SYNC, missing, 8, 1.0, [ELSEWHERE])
    assert target.changes == [("host", [ALICE, BOB])]
    assert not party_hosting.missing_hostings(target, NEW_SYNC, WANTED)


@pytest.mark.parametrize(
    "standing",
    [
        hosting(BOB, ELSEWHERE, OLD),
        hosting(BOB, OLD),
        replace(hosting(BOB, ELSEWHERE), signing_keys=b"key"),
        hosting(BOB, ELSEWHERE, threshold=2),
    ],
)
def test_only_the_sole_hosting_of_a_host_that_was_given_up_is_replaced(standing: Hosting) -> None:
    target = new_participant(hosted={NEW_SYNC: [standing]})
    error = refused(lambda: party_hosting.missing_hostings(target, NEW_SYNC, WANTED, [ELSEWHERE]))
    assert error.error_id == "hosted_elsewhere" and "replace_hosts" in error.hint
    assert error.details["hosts"] == sorted(host.participant for host in standing.hosts)


def test_canton_2_replaces_no_host() -> None:
    target = new_participant(major=2, known=[synchronizer("newsync")], hosted={NEW_SYNC: [REPLACED]})
    error = refused(lambda: party_hosting.missing_hostings(target, NEW_SYNC, WANTED, [ELSEWHERE]))
    assert error.error_id == "hosted_elsewhere" and "Canton 2 cannot replace" in error.message


def test_hosting() -> None:
    target = new_participant(hosted={})
    assert host(target) == []
    assert target.changes == [("host", [ALICE, BOB, CAROL])]


def test_lost_hostings_are_sent_again_and_only_those() -> None:
    target = new_participant(hosted={}, lose=2)
    assert host(target) == [ALICE, BOB]
    assert target.changes == [("host", [ALICE, BOB, CAROL]), ("host", [ALICE, BOB])]


def test_hostings_that_are_lost_for_good() -> None:
    target = new_participant(hosted={}, lose=1_000_000)
    error = refused(lambda: host(target, seconds=0.05))
    assert error.error_id == "parties_not_effective"
    assert "3 of 3 parties are accepted by the target participant but not effective" in error.message
    assert "run again" in error.hint and 1 < len(target.changes) < 20


@pytest.mark.parametrize("error", [MappingExists("there"), Unreachable("gone", retryable=True)])
def test_errors_that_do_not_matter_when_the_list_shows_the_party(error: CantonError) -> None:
    target = new_participant(hosted={}, host_errors={BOB: error})

    def shows_it_nonetheless(store: str, participant: str = "") -> list[Hosting]:
        return [*target.hosted.get(store, []), WANTED[BOB]]

    target.hostings = shows_it_nonetheless  # type: ignore[method-assign]
    assert host(target) == []


@pytest.mark.parametrize(
    ("error_id", "kms"),
    [("redacted", True), ("TOPOLOGY_UNAUTHORIZED_TRANSACTION", True), ("TOPOLOGY_STORE_NOT_FOUND", False)],
)
def test_hosting_that_is_refused(error_id: str, kms: bool) -> None:
    error = answer_error("The node refused it", error_id, "Look there.", details={"trace_id": "0a1b"})
    target = new_participant(hosted={}, host_errors={BOB: error, CAROL: error})
    found = refused(lambda: host(target))
    assert found.error_id == error_id and found.details == {"trace_id": "0a1b"}
    assert found.message == "2 of 3 parties could not be hosted. First error: The node refused it"
    assert ("kms:Sign" in found.hint) is kms and "Look there." in found.hint


@pytest.mark.parametrize("connected", [True, False])
def test_hosting_is_proven_where_it_shows(connected: bool) -> None:
    target = new_of_canton_2(hosted={}, known=[synchronizer("newsync", connected=connected)])
    wanted = {party: hosting(party, NEW) for party in (ALICE, BOB)}
    assert party_hosting.missing_hostings(target, NEW_SYNC, wanted) == wanted
    assert party_hosting.host_parties(target, NEW_SYNC, wanted, 8, 1.0) == []
    assert set(target.hosted) == {NEW_SYNC if connected else AUTHORIZED}
    assert party_hosting.missing_hostings(target, NEW_SYNC, wanted) == {}


def test_a_party_that_somebody_else_hosts_on_the_domain_is_seen_from_afar() -> None:
    target = new_of_canton_2(
        hosted={NEW_SYNC: [hosting(ALICE, "third::1220cc")]}, known=[synchronizer("newsync", connected=False)]
    )
    error = refused(lambda: party_hosting.missing_hostings(target, NEW_SYNC, {ALICE: hosting(ALICE, NEW)}))
    assert error.error_id == "hosted_elsewhere"
