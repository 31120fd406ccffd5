# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosting of parties in the dialect of Canton 2."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils._participant.dialects.fake_api import (
    ALICE,
    BOB,
    DOMAIN,
    NAMESPACE,
    OTHER,
    SECOND,
    UID,
    Node,
    hosting,
)

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import MappingExists
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Host,
    Hosting,
    Permission,
)

THERE = f"there::{OTHER}"


@pytest.mark.parametrize(
    ("mappings", "permission"),
    [
        ([("Both", "Submission")], "submission"),
        ([("Both", "Observation")], "observation"),
        ([("From", "Submission"), ("To", "Confirmation")], "confirmation"),
        ([("From", "Observation"), ("To", "Submission")], "observation"),
        ([("From", "Submission")], None),
        ([("To", "Submission")], None),
        ([("Both", "Disabled")], None),
        ([("From", "Submission"), ("To", "Disabled")], None),
    ],
)
def test_when_a_party_is_hosted(mappings: list[tuple[str, str]], permission: Permission | None) -> None:
    node = Node()
    node.rows(
        "ListPartyToParticipant", *(hosting(DOMAIN, ALICE, UID, side, permission) for side, permission in mappings)
    )
    expected = [Hosting(ALICE, 1, (Host(UID, permission),))] if permission else []
    assert node.speaker.hostings(DOMAIN, UID) == node.speaker.hostings(DOMAIN) == expected


def test_hostings_by_party_store_and_participant() -> None:
    node = Node()
    node.rows(
        "ListPartyToParticipant",
        hosting(DOMAIN, BOB, THERE),
        hosting(DOMAIN, ALICE, THERE),
        hosting(DOMAIN, ALICE, UID),
        hosting(DOMAIN, f"Carol::{NAMESPACE}", UID + "0"),
        hosting(SECOND, BOB, UID),
        hosting("Authorized", BOB, UID),
    )
    alice = Hosting(ALICE, 1, (Host(UID, "submission"), Host(THERE, "submission")))
    assert node.speaker.hostings(DOMAIN, UID) == [alice]
    assert [item.party for item in node.speaker.hostings(DOMAIN)] == [ALICE, BOB, f"Carol::{NAMESPACE}"]
    assert [item.party for item in node.speaker.hostings(AUTHORIZED, UID)] == [BOB]
    assert node.speaker.decentralized_namespaces(DOMAIN) == set()


def test_host_parties() -> None:
    there = MappingExists("there", "TOPOLOGY_MAPPING_ALREADY_EXISTS")
    node = Node(AuthorizePartyToParticipant=lambda request: there if request.party == BOB else {})
    wanted = [Hosting(ALICE, 1, (Host(UID, "observation"),)), Hosting(BOB, 1, (Host(UID, "submission"),))]
    assert node.speaker.host_parties(DOMAIN, wanted, 4) == [None, there]
    both, member, observation = 1, "PAR::" + UID, 3
    sent = node.api.requests("AuthorizePartyToParticipant")[0]
    assert (sent.side, sent.party, sent.participant, sent.permission) == (both, ALICE, member, observation)


def test_canton_2_removes_its_own_rows_as_they_are() -> None:
    node = Node()
    node.rows(
        "ListPartyToParticipant",
        hosting("Authorized", ALICE, UID, "Both", "Confirmation"),
        hosting("Authorized", BOB, UID),
        hosting("Authorized", ALICE, THERE, "From"),
    )
    assert node.speaker.unhost_parties(DOMAIN, [Hosting(ALICE, 1, (Host(UID, "confirmation"),))], 2) == [None]
    (sent,) = node.api.requests("AuthorizePartyToParticipant")
    assert (sent.authorization.change, sent.side, sent.permission) == (1, 1, 2)
    assert (sent.party, sent.participant) == (ALICE, f"PAR::{UID}")
    assert not sent.authorization.force_change
