# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What both dialects send to take a step back: never more than what was done, and never with force."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils._participant.dialects import api_v0
from unit.plugins.module_utils._participant.dialects.api_v0 import (
    ALICE,
    BOB,
    DOMAIN,
    NAMESPACE,
    OTHER,
    UID,
    FakeApi,
    Node,
)

from ansible_collections.ledgerops.canton.plugins.module_utils._api.failures import answer_error
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v30 import V30
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Host, Hosting, Key

GUEST = f"guest::{OTHER}"
ADD, REMOVE = 1, 2


def canton_3(line: str = "3.5") -> tuple[V30, FakeApi]:
    api = FakeApi(line)
    return V30(api, None), api  # type: ignore[arg-type]


def key(speaker: V30) -> Key:
    public = speaker.admin.message("com.digitalasset.canton.crypto.v30.PublicKey")
    raw = public(signing_public_key={"public_key": b"spki", "key_spec": 2}).SerializeToString()
    return Key("1220ff", "root", "signing", (), "ec_p256", "", raw, b"spki")


# -- contracts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["3.5", "3.4"])
def test_purge(line: str) -> None:
    speaker, api = canton_3(line)
    speaker.purge_contracts("newsync", ["00a1", "00a2"], [ALICE])
    (sent,) = api.requests("PurgeContracts")
    assert (sent.synchronizer_alias, list(sent.contract_ids)) == ("newsync", ["00a1", "00a2"])
    assert sent.ignore_already_purged


@pytest.mark.parametrize(("line", "parties"), [("2.10", [ALICE]), ("2.8", None)])
def test_purge_of_canton_2_names_the_parties_where_it_can(line: str, parties: list[str] | None) -> None:
    node = Node(line)
    node.speaker.purge_contracts("da", ["00a1"], [ALICE])
    (sent,) = node.api.requests("PurgeContracts")
    assert (sent.domain, list(sent.contract_ids), sent.ignore_already_purged) == ("da", ["00a1"], True)
    assert parties is None or list(sent.offboarded_parties) == parties


# -- hosting ----------------------------------------------------------------------------------------------------------


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


def test_canton_2_removes_its_own_rows_as_they_are() -> None:
    node = Node()
    node.rows(
        "ListPartyToParticipant",
        api_v0.hosting("Authorized", ALICE, UID, "Both", "Confirmation"),
        api_v0.hosting("Authorized", BOB, UID),
        api_v0.hosting("Authorized", ALICE, GUEST, "From"),
    )
    assert node.speaker.unhost_parties(DOMAIN, [Hosting(ALICE, 1, (Host(UID, "confirmation"),))], 2) == [None]
    (sent,) = node.api.requests("AuthorizePartyToParticipant")
    assert (sent.authorization.change, sent.side, sent.permission) == (1, 1, 2)
    assert (sent.party, sent.participant) == (ALICE, f"PAR::{UID}")
    assert not sent.authorization.force_change


# -- delegation -------------------------------------------------------------------------------------------------------


def test_removal_of_a_delegation() -> None:
    speaker, api = canton_3()
    speaker.authorize_delegation(NAMESPACE, key(speaker))
    speaker.remove_delegation(NAMESPACE, key(speaker))
    added, removed = api.requests("Authorize")
    assert removed.proposal.change == REMOVE
    assert removed.proposal.mapping == added.proposal.mapping
    assert removed.store.HasField("authorized") and removed.must_fully_authorize


@pytest.mark.parametrize(("code", "told"), [("TOPOLOGY_MAPPING_ALREADY_EXISTS", False), ("redacted", True)])
def test_removal_that_is_there_is_done(code: str, told: bool) -> None:
    speaker, api = canton_3()
    api.answers["Authorize"] = answer_error("no", code)
    try:
        speaker.remove_delegation(NAMESPACE, key(speaker))
    except CantonError as exc:
        assert told and exc.error_id == code
    else:
        assert not told


def test_canton_2_lists_the_removals_that_it_signed() -> None:
    row = api_v0.delegation("Authorized", NAMESPACE, OTHER, serialized=b"signed removal")
    node = Node(ListNamespaceDelegation={"results": [row]})
    node.speaker.remove_delegation(NAMESPACE, Key(OTHER, "", "signing", (), "ec_p256", "", b"", b""))
    (sent,) = node.api.requests("AuthorizeNamespaceDelegation")
    assert (sent.authorization.change, sent.fingerprint_of_authorized_key) == (1, OTHER)
    assert [item.signed for item in node.speaker.delegation_removals("authorized", NAMESPACE, 5)] == [b"signed removal"]
    query = node.api.requests("ListNamespaceDelegation")[0].base_query
    assert (query.operation, query.filter_operation, query.protocol_version.value) == (1, True, "5")
