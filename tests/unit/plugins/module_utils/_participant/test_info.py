# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What info modules tell of one side of a participant, in plain values."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.fakes import old_participant
from unit.plugins.module_utils._participant.support import new_of_canton_2
from unit.plugins.samples import (
    BOB,
    NEW,
    NEW_NAMESPACE,
    NEW_SYNC,
    OLD,
    OLD_NAMESPACE,
    OLD_SYNC,
    hosting,
    key,
    synchronizer,
)

from ansible_collections.ledgerops.canton.plugins.module_utils._participant import info
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Delegation,
    User,
)

SECOND = replace(synchronizer("never"), physical_id="")


def participant(**values: Any) -> Any:
    return old_participant(**values)


@pytest.mark.parametrize("name", info.READERS)
def test_every_answer_is_plain(name: str) -> None:
    found = info.READERS[name](participant(known=[synchronizer("oldsync"), SECOND], people=[User("app")]))
    assert json.loads(json.dumps(found))


def test_keys_in_a_kms() -> None:
    def backed(*ids: str) -> object:
        return info.identity(participant(keys=[key(f"1220{item}", kms_key_id=item) for item in ids]))["kms_backed"]

    assert [backed("a", "b"), backed("a", ""), backed()] == [True, False, False]


def test_a_synchronizer_that_was_never_connected_has_no_topology() -> None:
    node = participant(known=[synchronizer("oldsync"), SECOND])
    for reader in (info.delegations, info.parties, info.namespaces):
        assert list(reader(node)) == ["oldsync"]
    assert info.packages(node)["vetted"] == {"oldsync": 1}


def test_delegations_are_those_of_the_parties_that_it_hosts_too() -> None:
    guest = f"Eve::{NEW_NAMESPACE}"
    theirs = Delegation(NEW_NAMESPACE, OLD_NAMESPACE, "all_but_namespace_delegations", 1)
    hosted = {OLD_SYNC: [hosting(guest, OLD, NEW, threshold=2, permission="observation")]}
    other = Delegation("1220ff", OLD_NAMESPACE, "all", 1)
    node = participant(hosted=hosted, delegated={OLD_SYNC: [theirs, other], AUTHORIZED: [theirs]})
    (found,) = info.delegations(node)["oldsync"]
    assert found == {
        "namespace": NEW_NAMESPACE,
        "target_key": OLD_NAMESPACE,
        "restriction": theirs.restriction,
        "root": False,
    }
    assert info.parties(node)["oldsync"] == [
        {"party": guest, "permission": "observation", "threshold": 2, "participants": [OLD, NEW]}
    ]
    assert info.namespaces(node)["oldsync"] == [OLD_NAMESPACE, NEW_NAMESPACE]


def test_contracts_are_counted_for_local_parties() -> None:
    node = participant()
    node.parties = [replace(item, is_local=item.party != BOB) for item in node.parties]
    found = info.contracts(node)
    assert (found["active"], found["ledger_end"], found["synchronizers"]) == (3, 10, {OLD_SYNC: 3})
    assert NEW_SYNC not in str(found)


def test_identity_says_what_is_not_known() -> None:
    found = info.identity(new_of_canton_2())
    assert found["kms_backed"] is None and found["hosts_offline"] is True
    assert info.identity(old_participant())["hosts_offline"] is False
    assert info.synchronizers(new_of_canton_2())[0]["protocol_version"] == 7
