# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person reads at the end."""

from __future__ import annotations

from dataclasses import replace

from unit.plugins.module_utils._participant.migration.support import Pair
from unit.plugins.samples import BOB, CAROL, NEW, NEW_NAMESPACE, OLD, OLD_NAMESPACE

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.summary import summary


def test_the_lines(prepared: Pair) -> None:
    assert summary(prepared.look()) == []
    prepared.migrate()
    found = prepared.prove()
    lines = summary(found)
    assert lines[:5] == [
        f"Migrated   {OLD}",
        f"to         {NEW}",
        f"Delegation namespace {OLD_NAMESPACE} to key {NEW_NAMESPACE}",
        "Parties    1 hosted",
        "Users      0 with their rights",
    ]
    assert lines[5] == f"Contracts  2, digest {found.proof['digest']}, equal on both sides"
    assert lines[6] == f"Shared     with 1 parties that did not move: {BOB}"


def test_what_was_left_out_and_who_stays(prepared: Pair) -> None:
    prepared.migrate()
    found = prepared.prove()
    assert found.copies is not None
    found.copies.users.left_out.update({"ops": ["participant_admin"], "idp": ["identity_provider_admin"]})
    found.proof["counterparties"] = dict.fromkeys([*(f"p{number}" for number in range(6)), CAROL], 1)
    lines = summary(found)
    assert lines[4].endswith(", left out: idp (identity_provider_admin); ops (participant_admin)")
    assert lines[6] == f"Shared     with 7 parties that did not move: {CAROL}, p0, p1, p2, p3"


def test_on_one_synchronizer(prepared: Pair) -> None:
    prepared.migrate()
    found = prepared.prove()
    found.findings.request = replace(found.findings.request, method="same_synchronizer")
    lines = summary(found)
    assert lines[1] == f"to         {NEW} on the same synchronizer" and len(lines) == 6
