# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps back as modules: hosting, contracts, and the delegation, which goes only when that is confirmed."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.fakes import Fake, new_participant
from unit.plugins.modules.support import Participants
from unit.plugins.samples import ALICE, BOB, CAROL, NEW_NAMESPACE, NEW_SYNC, OLD_NAMESPACE, contract, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED, Delegation
from ansible_collections.ledgerops.canton.plugins.modules import (
    participant_acs_transfer,
    participant_namespace_delegation,
    participant_party,
)

BETWEEN: dict[str, Any] = {"source_synchronizer": "oldsync", "target_synchronizer": "newsync"}


def test_hosting(participants: Participants) -> None:
    participants.target = new_participant(known=[synchronizer("newsync")])
    done = participants.thrice(participant_party, state="absent", **BETWEEN)
    assert done["unhosted"] == sorted([ALICE, BOB, CAROL])
    assert done["diff"] == {"before": {"hosted": done["unhosted"]}, "after": {"hosted": []}}


def test_contracts_that_the_source_no_longer_has(participants: Participants) -> None:
    participants.target.contracts = [contract("00a1", ALICE, on=NEW_SYNC), contract("00e1", ALICE, on=NEW_SYNC)]
    done = participants.thrice(participant_acs_transfer, state="purged", parties=[ALICE], **BETWEEN)
    assert (done["contracts"], done["left"]) == (1, 1)


def test_purge_of_nothing_in_particular_is_refused(participants: Participants) -> None:
    refused = participants.between(participant_acs_transfer, state="purged", **BETWEEN)
    assert refused["failed"]
    assert "path, contract_ids, parties" in refused["msg"]


def delegated(participants: Participants) -> Fake:
    target = new_participant(known=[synchronizer("newsync")], hosted={})
    both = [
        Delegation(OLD_NAMESPACE, each, "all_but_namespace_delegations", 1) for each in (OLD_NAMESPACE, NEW_NAMESPACE)
    ]
    participants.source.delegated = {AUTHORIZED: list(both)}
    target.delegated = {AUTHORIZED: list(both), NEW_SYNC: list(both)}
    participants.target = target
    return target


def give_up(participants: Participants, **options: Any) -> dict[str, Any]:
    return participants.between(
        participant_namespace_delegation, state="absent", synchronizer="newsync", wait_timeout=0.01, **options
    )


def test_delegation_is_given_up(participants: Participants) -> None:
    target = delegated(participants)
    done = participants.thrice(
        participant_namespace_delegation, state="absent", synchronizer="newsync", give_up_key=True
    )
    assert done["delegation"] == {"source": False, "target": False, "synchronizer": False}
    assert participants.source.changes == [("give up", NEW_NAMESPACE)]
    assert target.changes == [("unload", NEW_NAMESPACE)]
    # the root certificate stays
    assert [item.target for item in target.delegated[NEW_SYNC]] == [OLD_NAMESPACE]


def test_delegation_stays_unless_that_is_confirmed(participants: Participants) -> None:
    target = delegated(participants)
    assert give_up(participants)["error_id"] == "give_up_key_missing"
    assert not target.changes + participants.source.changes


def test_delegation_stays_as_long_as_parties_need_it(participants: Participants) -> None:
    target = delegated(participants)
    target.hosted = new_participant().hosted
    refused = give_up(participants, give_up_key=True)
    assert (refused["error_id"], refused["parties"]) == ("parties_still_hosted", sorted([ALICE, BOB, CAROL]))
    assert not target.changes + participants.source.changes


def test_removal_that_was_signed_before_is_carried_on(participants: Participants) -> None:
    target = delegated(participants)
    participants.source.remove_delegation(OLD_NAMESPACE, target.keys[0])
    participants.source.keys = []
    assert give_up(participants, give_up_key=True)["changed"]
    assert [item.target for item in target.delegated[NEW_SYNC]] == [OLD_NAMESPACE]


@pytest.mark.parametrize(("what", "error"), [("key", "namespace_key_missing"), ("connection", "not_connected")])
def test_delegation_that_cannot_be_given_up(participants: Participants, what: str, error: str) -> None:
    target = delegated(participants)
    if what == "key":
        participants.source.keys = []
    else:
        target.known = [synchronizer("newsync", connected=False)]
    assert give_up(participants, give_up_key=True)["error_id"] == error
    assert not target.changes + participants.source.changes
