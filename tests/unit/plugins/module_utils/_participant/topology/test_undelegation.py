# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A delegation is given up when that is confirmed, when no party needs it, and for good."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, CAROL, NEW_NAMESPACE, NEW_SYNC, OLD_NAMESPACE, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED, Delegation
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology.undelegation import ensure_absent

BOTH = [Delegation(OLD_NAMESPACE, each, "all_but_namespace_delegations", 1) for each in (OLD_NAMESPACE, NEW_NAMESPACE)]


class Pair:
    def __init__(self, **target: Any) -> None:
        delegated = {AUTHORIZED: list(BOTH), NEW_SYNC: list(BOTH)}
        self.source: Any = old_participant(delegated={AUTHORIZED: list(BOTH)})
        self.target: Any = new_participant(
            **{"known": [synchronizer("newsync")], "hosted": {}, "delegated": delegated, **target}
        )

    def give_up(self, check: bool = False, confirmed: bool = True) -> Outcome:
        params = {"give_up_key": confirmed, "namespace": None, "synchronizer": "newsync", "wait_timeout": 0.01}
        return ensure_absent(params, self.source, self.target, check)

    def changes(self) -> list[Any]:
        return [*self.source.changes, *self.target.changes]

    def left(self) -> list[str]:
        return [item.target for item in self.target.delegated[NEW_SYNC]]


def test_it_is_given_up_and_the_root_certificate_stays() -> None:
    pair = Pair()
    predicted = pair.give_up(check=True)
    assert predicted.changed and pair.changes() == []
    done = pair.give_up()
    assert done.exit_values(True) == predicted.exit_values(True)
    assert done.result["delegation"] == {"source": False, "target": False, "synchronizer": False}
    assert pair.changes() == [("give up", NEW_NAMESPACE), ("unload", NEW_NAMESPACE)]
    assert pair.left() == [OLD_NAMESPACE] and not pair.give_up().changed


def test_a_removal_that_was_signed_before_needs_no_key() -> None:
    pair = Pair()
    pair.source.remove_delegation(OLD_NAMESPACE, pair.target.keys[0])
    pair.source.keys = []
    assert pair.give_up().changed and pair.left() == [OLD_NAMESPACE]


@pytest.mark.parametrize("check", [True, False])
def test_it_stays_unless_that_is_confirmed(check: bool) -> None:
    pair = Pair()
    error = refused(lambda: pair.give_up(check, confirmed=False))
    assert error.error_id == "give_up_key_missing" and pair.changes() == []


@pytest.mark.parametrize("check", [True, False])
def test_it_stays_as_long_as_parties_need_it(check: bool) -> None:
    pair = Pair(hosted=new_participant().hosted)
    error = refused(lambda: pair.give_up(check))
    assert error.error_id == "parties_still_hosted" and error.details == {"parties": sorted([ALICE, BOB, CAROL])}
    assert pair.changes() == []


def test_without_the_root_key_nothing_is_signed() -> None:
    pair = Pair()
    pair.source.keys = []
    assert refused(pair.give_up).error_id == "namespace_key_missing" and pair.changes() == []


def test_without_the_connection_nothing_is_signed() -> None:
    pair = Pair(known=[synchronizer("newsync", connected=False)])
    assert refused(pair.give_up).error_id == "not_connected" and pair.changes() == []
    assert pair.give_up(check=True).changed


@pytest.mark.parametrize(
    ("method", "error_id"),
    [("remove_delegation", "removal_missing"), ("add_transactions", "delegation_still_effective")],
)
def test_an_answer_is_no_proof(monkeypatch: pytest.MonkeyPatch, method: str, error_id: str) -> None:
    monkeypatch.setattr(Fake, method, lambda *_arguments: None)
    assert refused(Pair().give_up).error_id == error_id
