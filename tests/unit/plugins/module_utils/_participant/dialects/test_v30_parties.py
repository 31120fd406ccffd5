# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosting of parties in the dialect of Canton 3."""

from __future__ import annotations

from unit.plugins.module_utils._participant.dialects.fake_api import ALICE, DOMAIN, UID, canton_3

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Host, Hosting

ADD, REMOVE = 1, 2


def test_removal_repeats_the_mapping() -> None:
    speaker, api = canton_3()
    mapping = Hosting(ALICE, 1, (Host(UID, "observation", onboarding=True),))
    assert speaker.unhost_parties(DOMAIN, [mapping], 2) == [None]
    speaker.host_parties(DOMAIN, [mapping], 2)
    removed, added = api.requests("Authorize")
    assert (removed.proposal.change, added.proposal.change) == (REMOVE, ADD)
    assert removed.proposal.mapping == added.proposal.mapping
    (host,) = removed.proposal.mapping.party_to_participant.participants
    assert host.HasField("onboarding")
    assert removed.must_fully_authorize and removed.store.synchronizer.id == DOMAIN
    assert not removed.force_changes
