# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A namespace delegation: signed, loaded and proven."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.module_utils._participant.support import new_of_canton_2, old_of_canton_2
from unit.plugins.refusals import refused
from unit.plugins.samples import NEW, NEW_NAMESPACE, NEW_SYNC, OLD, OLD_NAMESPACE, key, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED, Delegation
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import delegation


@pytest.mark.parametrize(
    ("own", "synchronizer_s", "expected"),
    [
        (Delegation("1220ee", NEW_NAMESPACE, "all_but_namespace_delegations", 1), True, {NEW_NAMESPACE, "1220ee"}),
        (Delegation("1220ee", NEW_NAMESPACE, "all_but_namespace_delegations", 1), False, {NEW_NAMESPACE}),
        (Delegation("1220ee", NEW_NAMESPACE, "specific", 1), True, {NEW_NAMESPACE}),
        (Delegation("1220ee", "1220dd", "all", 1), True, {NEW_NAMESPACE}),
    ],
)
def test_namespaces_that_a_target_signs_for(own: Delegation, synchronizer_s: bool, expected: set[str]) -> None:
    target = new_participant(delegated={AUTHORIZED: [own], NEW_SYNC: [own] if synchronizer_s else []})
    assert delegation.delegated_namespaces(target, NEW_SYNC) == expected


def connected_target(**values: Any) -> Fake:
    return new_participant(known=[synchronizer("newsync")], **values)


def delegate(source: Fake, target: Fake) -> None:
    target_key = delegation.namespace_key(target, NEW)
    delegation.delegate(source, target, OLD_NAMESPACE, target_key, NEW_SYNC, 0.01)


def state(source: Fake, target: Fake) -> delegation.DelegationState:
    return delegation.delegation_state(source, target, OLD_NAMESPACE, NEW_NAMESPACE, NEW_SYNC)


def test_delegation_root_certificate_first() -> None:
    source, target = old_participant(), connected_target()
    assert state(source, target) == delegation.DelegationState(False, False, False)
    delegate(source, target)
    assert state(source, target).complete
    assert source.changes == [("authorize", NEW_NAMESPACE)]
    assert target.changes == [("load", [OLD_NAMESPACE, NEW_NAMESPACE])]


def test_delegation_that_the_source_has_signed_already() -> None:
    source, target = old_participant(keys=[]), connected_target()
    source.delegated[AUTHORIZED].append(Delegation(OLD_NAMESPACE, NEW_NAMESPACE, "all_but_namespace_delegations", 1))
    delegation.refuse_without_root_key(source, OLD_NAMESPACE, state(source, target))
    delegate(source, target)
    assert state(source, target).complete and source.changes == []


def test_delegation_that_does_not_reach_the_synchronizer() -> None:
    error = refused(lambda: delegate(old_participant(), new_participant()))
    assert error.error_id == "delegation_not_effective" and "does not list it" in error.message


def test_source_without_root_certificate() -> None:
    error = refused(lambda: delegate(old_participant(delegated={}), connected_target()))
    assert error.error_id == "certificate_missing" and "no root certificate" in error.message


def test_keys_that_are_kept_elsewhere() -> None:
    source, target = old_participant(keys=[key("1220ff")]), connected_target()
    before = state(source, target)
    errors = [
        refused(lambda: delegation.namespace_key(source, OLD)),
        refused(lambda: delegation.refuse_without_root_key(source, OLD_NAMESPACE, before)),
    ]
    assert [error.error_id for error in errors] == ["namespace_key_missing"] * 2
    assert all("1220aaaaaaaa…" in error.message and "Import" in error.hint.title() for error in errors)


@pytest.mark.parametrize("place", ["source", "target", "synchronizer"])
def test_delegation_that_was_removed_once(place: str) -> None:
    source, target = old_participant(), connected_target()
    removed = [Delegation(OLD_NAMESPACE, NEW_NAMESPACE, "all", 2)]
    {"source": source, "target": target, "synchronizer": target}[place].removed = {
        NEW_SYNC if place == "synchronizer" else AUTHORIZED: removed
    }
    error = refused(
        lambda: delegation.refuse_removed_delegation(source, target, OLD_NAMESPACE, NEW_NAMESPACE, NEW_SYNC)
    )
    assert error.error_id == "delegation_was_removed"
    assert "was removed once" in error.message and "another namespace key" in error.hint


def test_another_key_s_removal_does_not_matter() -> None:
    source = old_participant(removed={AUTHORIZED: [Delegation(OLD_NAMESPACE, "1220ff", "all", 2)]})
    delegation.refuse_removed_delegation(source, new_participant(), OLD_NAMESPACE, NEW_NAMESPACE, NEW_SYNC)


def test_delegation_is_loaded_in_the_form_that_the_domain_takes() -> None:
    source, target = old_of_canton_2(), new_of_canton_2(known=[synchronizer("newsync")], versions={"newsync": 5})
    delegation.delegate(source, target, OLD_NAMESPACE, target.keys[0], NEW_SYNC, 1.0)
    assert source.delegations_written_for == 5
