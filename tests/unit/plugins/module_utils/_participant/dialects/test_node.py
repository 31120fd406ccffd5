# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What both dialects share: a node by its two APIs, its users and its parties."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._participant.dialects.fake_api import ALICE, FakeApi, of_line
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v0 import V0
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v30 import V30
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    IdentityProvider,
    LocalParty,
    Right,
    User,
)

LINES = pytest.mark.parametrize("line", ["3.5", "3.4", "2.10", "2.8"])
RIGHTS = frozenset({Right("can_act_as", ALICE), Right("participant_admin")})


@LINES
def test_users_of_all_pages_with_their_rights(line: str) -> None:
    pages = {"": {"users": [{"id": "one"}], "next_page_token": "more"}, "more": {"users": [{"id": "two"}]}}
    rights = [{"can_act_as": {"party": ALICE}}, {"participant_admin": {}}]
    speaker, api = of_line(line, ListUsers=lambda request: pages[request.page_token], ListUserRights={"rights": rights})
    assert speaker.users("corp") == [User("one", rights=RIGHTS), User("two", rights=RIGHTS)]
    assert {request.identity_provider_id for request in api.requests("ListUsers")} == {"corp"}


@LINES
def test_only_the_rights_of_users_that_are_wanted_are_read(line: str) -> None:
    speaker, api = of_line(line, ListUsers={"users": [{"id": "one"}, {"id": "two"}]})
    assert [user.id for user in speaker.users("", {"two"}.__contains__)] == ["two"]
    assert [request.user_id for request in api.requests("ListUserRights")] == ["two"]


@LINES
def test_users_are_written_with_what_the_release_knows(line: str) -> None:
    user = User("three", ALICE, annotations=(("k", "v"),), primary_party_authentication=True, rights=RIGHTS)
    speaker, api = of_line(line)
    speaker.create_user(user)
    speaker.update_user(user)
    speaker.grant_rights(user, [Right("participant_admin")])
    (created,), (updated,), (granted,) = map(api.requests, ("CreateUser", "UpdateUser", "GrantUserRights"))
    assert created.user.primary_party == ALICE and len(created.rights) == 2
    assert dict(updated.user.metadata.annotations) == {"k": "v"}
    assert ("primary_party_authentication" in updated.update_mask.paths) is speaker.knows_authentication()
    assert speaker.knows_authentication() is (line == "3.5")
    assert [right.WhichOneof("kind") for right in granted.rights] == ["participant_admin"]


@LINES
def test_identity_providers(line: str) -> None:
    config = {"identity_provider_id": "corp", "issuer": "i", "jwks_url": "https://j", "audience": "a"}
    listed = {"identity_provider_configs": [config]}
    speaker, api = of_line(line, ListIdentityProviderConfigs=listed)
    (found,) = speaker.identity_providers()
    assert found == IdentityProvider("corp", "i", "https://j", "a", False)
    speaker.create_identity_provider(found)
    (sent,) = api.requests("CreateIdentityProviderConfig")
    assert (sent.identity_provider_config.issuer, sent.identity_provider_config.audience) == ("i", "a")


@LINES
def test_parties(line: str) -> None:
    """Only Canton 2 has display names."""
    details = {"party": ALICE, "is_local": True, "local_metadata": {"annotations": {"a": "b"}}}
    shown = {"display_name": "Alice & Sons"} if line.startswith("2") else {}
    speaker, api = of_line(line, ListKnownParties={"party_details": [{**details, **shown}]})
    assert speaker.local_parties() == [LocalParty(ALICE, True, (("a", "b"),), "", shown.get("display_name", ""))]
    speaker.annotate_party(ALICE, {"a": "c"}, "corp")
    speaker.assign_party_to_provider(ALICE, "corp")
    (annotated,), (assigned,) = map(api.requests, ("UpdatePartyDetails", "UpdatePartyIdentityProviderId"))
    assert dict(annotated.party_details.local_metadata.annotations) == {"a": "c"}
    assert list(annotated.update_mask.paths) == ["local_metadata.annotations"]
    assert (assigned.source_identity_provider_id, assigned.target_identity_provider_id) == ("", "corp")


@pytest.mark.parametrize("dialect", [V0, V30])
def test_without_a_ledger_endpoint_there_is_no_ledger_api(dialect: Any) -> None:
    speaker = dialect(FakeApi("2.10" if dialect is V0 else "3.5"), None)
    assert not speaker.has_ledger
    error = refused(lambda: speaker.users(""))
    assert error.error_id == "ledger_endpoint_missing" and "The source participant has no" in error.message
