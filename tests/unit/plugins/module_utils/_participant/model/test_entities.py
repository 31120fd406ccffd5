# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from unit.plugins.samples import ALICE, NEW, OLD, OLD_NAMESPACE, hosting

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    BUILTIN_DAR_PREFIXES,
    Dar,
    Delegation,
    Host,
    Right,
    Synchronizer,
)


@pytest.mark.parametrize(
    ("physical", "logical"), [("", ""), ("da::1220dd", "da::1220dd"), ("da::1220dd::35-0", "da::1220dd")]
)
def test_a_synchronizer_keeps_its_logical_id_over_upgrades(physical: str, logical: str) -> None:
    assert Synchronizer("da", physical, False, False, False).id == logical


def test_a_host_of_a_party_is_found_by_its_whole_id() -> None:
    found = hosting(ALICE, OLD, NEW)
    assert found.host(NEW) == Host(NEW, "submission") and found.host(OLD[:-1]) is None


@pytest.mark.parametrize(("target", "root"), [(OLD_NAMESPACE, True), ("1220ff", False)])
def test_a_root_certificate_is_a_delegation_to_the_namespace_itself(target: str, root: bool) -> None:
    assert Delegation(OLD_NAMESPACE, target, "all", 1).is_root_certificate is root


def test_built_in_dars_are_told_by_their_names() -> None:
    assert all(Dar("p", prefix + "-2.0", "").builtin for prefix in BUILTIN_DAR_PREFIXES)
    assert not Dar("p", "my-canton-builtin-admin-workflow", "").builtin


@pytest.mark.parametrize(("right", "text"), [(Right("can_act_as", "A"), "can_act_as(A)"), (Right("z"), "z")])
def test_rights_are_shown_with_their_party(right: Right, text: str) -> None:
    assert str(right) == text
