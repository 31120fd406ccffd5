# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Canton 2: contracts, users, parties and identity providers on the ledger API v1, pings, and what gets seeded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from networks import MakeNetwork
from sandbox_tests.canton_2 import ACTIVE, PARTIES, PROVIDERS, RELEASES, USERS, Net

from sandbox.wire import client
from sandbox.wire.client import CallFailed

PING = "participant.admin.v0.PingService/ping"
NAMES = "participant.admin.v0.PartyNameManagementService/setPartyDisplayName"
LIMITS = "participant.admin.v0.ResourceManagementService"


def topology(release: str) -> dict[str, Any]:
    first: dict[str, Any] = {
        "connections": [{"synchronizer": "one"}],
        "parties": [
            "Alice",
            "Bob",
            {"count": 8, "prefix": "client", "annotations": {"desk": "1"}},
            {"id": "Both", "hosts": ["first", "second"], "permission": "confirmation"},
            {"id": "Alien", "namespace": "other", "display_name": "From afar"},
            {"id": "Guest", "namespace": "second"},
        ],
        "dars": [{"name": "sandbox-iou", "version": "1.0.0"}],
        "contracts": [
            {"count": 9, "parties": ["Alice", "Bob"], "bytes": 300},
            {"count": 3, "signatories": ["Bob"], "template": "Main:Note", "archived": 1},
        ],
        "idps": [{"id": "corp", "issuer": "https://corp.example", "jwks_url": "https://corp.example/jwks.json"}],
        "users": [
            {"id": "app", "primary_party": "Alice", "act_as": ["Alice"], "read_as": ["Bob"], "annotations": {"t": "a"}},
            {"id": "admin", "rights": ["identity_provider_admin"], "idp": "corp"},
        ],
    }
    participants = {"first": first, "second": {"connections": [{"synchronizer": "one"}]}}
    return {
        "synchronizers": {"one": {}},
        "participants": {name: {"release": release, **entry} for name, entry in participants.items()},
    }


@pytest.fixture(scope="module", params=RELEASES)
def net(request: pytest.FixtureRequest, make_network: MakeNetwork) -> Iterator[Net]:
    network = make_network(topology(request.param))
    with client.participants(network.info()) as clients:
        yield Net(request.param, network, clients)


def refused(call: Callable[..., Any], rpc: str, request: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call(rpc, request)
    return caught.value


def known(net: Net, name: str) -> dict[str, dict[str, Any]]:
    return {each["party"]: each for each in net[name].ledger(f"{PARTIES}/ListKnownParties")["party_details"]}


# Contracts.


def test_contracts_of_a_party(net: Net) -> None:
    alice, bob = net.party("Alice", "first"), net.party("Bob", "first")
    answers = net.active("first", alice)
    (event,) = answers[0]["active_contracts"]
    assert len(answers) == 9
    assert event["event_id"] == "#000000000000000001:0"
    assert event["witness_parties"] == [alice]
    assert {tuple(each["active_contracts"][0]["signatories"]) for each in answers} == {(alice,), (bob,)}
    fields = event["create_arguments"]["fields"]
    assert [field["value"] for field in fields[:3]] == [{"party": alice}, {"party": bob}, {"int64": "1"}]
    assert "label" not in fields[0]
    assert len(net.active("first", alice, bob)) == 11
    assert net.active("second", alice) == []


def test_verbose_adds_labels(net: Net) -> None:
    (event,) = net.active("first", net.party("Alice", "first"), verbose=True)[0]["active_contracts"]
    assert event["create_arguments"]["record_id"] == event["template_id"]
    assert all(field["label"] for field in event["create_arguments"]["fields"])


@pytest.mark.parametrize("deprecated", [False, True])
def test_contracts_of_a_template(net: Net, deprecated: bool) -> None:
    bob = net.party("Bob", "first")
    (any_event,) = net.active("first", bob)[0]["active_contracts"]
    template = {**any_event["template_id"], "module_name": "Main", "entity_name": "Note"}
    filters: dict[str, Any] = {"template_filters": [{"template_id": template, "include_created_event_blob": True}]}
    if deprecated:
        filters = {"template_ids": [template]}
    request = {"filter": {"filters_by_party": {bob: {"inclusive": filters}}}}
    *found, last = net["first"].ledger(ACTIVE, request)
    assert len(found) == 2
    assert ("created_event_blob" in found[0]["active_contracts"][0]) == (not deprecated)
    assert int(last["offset"], 16) >= 12


def test_contracts_at_an_offset(net: Net) -> None:
    alice = net.party("Alice", "first")
    assert len(net.active("first", alice, active_at_offset="000000000000000004")) == 4
    request: dict[str, Any] = {"filter": {"filters_by_party": {alice: {}}}}
    ledger = net["first"].ledger
    assert ledger(ACTIVE, request)[-1]["offset"] == f"{13:018x}"
    late = refused(ledger, ACTIVE, {**request, "active_at_offset": "00000000000000ffff"})
    assert (late.code, late.reason) == ("OUT_OF_RANGE", "OFFSET_AFTER_LEDGER_END")
    assert refused(ledger, ACTIVE, {**request, "active_at_offset": "x"}).reason == "NON_HEXADECIMAL_OFFSET"
    assert refused(ledger, ACTIVE, {**request, "ledger_id": "other"}).reason == "LEDGER_ID_MISMATCH"
    assert refused(ledger, ACTIVE, {}).reason == "MISSING_FIELD"
    assert refused(ledger, ACTIVE, {"filter": {}}).reason == "INVALID_ARGUMENT"


# Users and identity providers.


def test_seeded_users(net: Net) -> None:
    ledger = net["first"].ledger
    assert [each["id"] for each in ledger(f"{USERS}/ListUsers")["users"]] == ["app", "participant_admin"]
    app = ledger(f"{USERS}/GetUser", {"user_id": "app"})["user"]
    assert app["metadata"] == {"resource_version": "0", "annotations": {"t": "a"}}
    alice, bob = net.party("Alice", "first"), net.party("Bob", "first")
    rights = ledger(f"{USERS}/ListUserRights", {"user_id": "app"})["rights"]
    assert rights == [{"can_act_as": {"party": alice}}, {"can_read_as": {"party": bob}}]
    of_corp = {"user_id": "admin", "identity_provider_id": "corp"}
    assert ledger(f"{USERS}/ListUserRights", of_corp)["rights"] == [{"identity_provider_admin": {}}]
    assert refused(ledger, f"{USERS}/GetUser", {"user_id": "admin"}).reason == "USER_NOT_FOUND"


def test_the_life_of_a_user(net: Net) -> None:
    ledger = net["second"].ledger
    created = ledger(f"{USERS}/CreateUser", {"user": {"id": "u"}, "rights": [{"participant_admin": {}}]})["user"]
    assert created == {"id": "u", "metadata": {"resource_version": "0"}}
    assert refused(ledger, f"{USERS}/CreateUser", {"user": {"id": "u"}}).reason == "USER_ALREADY_EXISTS"
    changed = {"id": "u", "is_deactivated": True, "metadata": {"annotations": {"c": "3"}}}
    update = {"user": changed, "update_mask": "isDeactivated,metadata.annotations"}
    user = ledger(f"{USERS}/UpdateUser", update)["user"]
    assert (user["is_deactivated"], user["metadata"]["annotations"]) == (True, {"c": "3"})
    only_in_3_5 = {"user": changed, "update_mask": "primaryPartyAuthentication"}
    assert refused(ledger, f"{USERS}/UpdateUser", only_in_3_5).reason == "INVALID_USER_UPDATE_REQUEST"
    right = {"can_act_as": {"party": net.party("Alice", "first")}}
    request = {"user_id": "u", "rights": [right]}
    assert ledger(f"{USERS}/GrantUserRights", request)["newly_granted_rights"] == [right]
    assert ledger(f"{USERS}/GrantUserRights", request) == {}
    assert ledger(f"{USERS}/RevokeUserRights", request) == {"newly_revoked_rights": [right]}
    provider = {"identity_provider_id": "x", "issuer": "https://x.example", "jwks_url": "https://x.example/jwks"}
    ledger(f"{PROVIDERS}/CreateIdentityProviderConfig", {"identity_provider_config": provider})
    ledger(f"{USERS}/UpdateUserIdentityProviderId", {"user_id": "u", "target_identity_provider_id": "x"})
    ledger(f"{USERS}/DeleteUser", {"user_id": "u", "identity_provider_id": "x"})
    assert refused(ledger, f"{USERS}/DeleteUser", {"user_id": "u"}).reason == "USER_NOT_FOUND"
    ledger(f"{PROVIDERS}/DeleteIdentityProviderConfig", {"identity_provider_id": "x"})


def test_identity_providers(net: Net) -> None:
    ledger = net["first"].ledger
    (corp,) = ledger(f"{PROVIDERS}/ListIdentityProviderConfigs")["identity_provider_configs"]
    create = f"{PROVIDERS}/CreateIdentityProviderConfig"
    assert refused(ledger, create, {"identity_provider_config": corp}).reason == "IDP_CONFIG_ALREADY_EXISTS"
    changed = {"identity_provider_config": {"identity_provider_id": "corp", "audience": "a"}, "update_mask": "audience"}
    answer = ledger(f"{PROVIDERS}/UpdateIdentityProviderConfig", changed)
    assert answer["identity_provider_config"] == {**corp, "audience": "a"}


# Parties.


def test_known_parties_of_both_participants(net: Net) -> None:
    there, here = known(net, "first"), known(net, "second")
    assert set(there) == set(here)
    assert {net["first"].uid, net["second"].uid} < set(there)
    alice, both, client7 = (net.party(name, "first") for name in ("Alice", "Both", "client7"))
    assert there[alice]["is_local"] is True
    assert "is_local" not in here[alice]
    assert (there[both]["is_local"], here[both]["is_local"]) == (True, True)
    assert there[net.party("Guest", "second")]["is_local"] is True
    assert there[client7]["local_metadata"] == {"resource_version": "0", "annotations": {"desk": "1"}}
    (alien,) = [each for each in there.values() if each["party"].startswith("Alien::")]
    assert (alien["is_local"], alien["display_name"]) == (True, "From afar")


def test_a_new_party(net: Net) -> None:
    request = {"party_id_hint": "Fresh", "display_name": "Fresh Ltd", "local_metadata": {"annotations": {"a": "b"}}}
    details = net["second"].ledger(f"{PARTIES}/AllocateParty", request)["party_details"]
    assert (details["party"], details["display_name"]) == (net.party("Fresh", "second"), "Fresh Ltd")
    assert details["is_local"] is True
    assert refused(net["second"].ledger, f"{PARTIES}/AllocateParty", request).reason == "INVALID_ARGUMENT"
    assert "display_name" not in known(net, "first")[details["party"]]
    net["second"].admin(NAMES, {"party_id": details["party"], "display_name": "Stale Ltd"})
    assert known(net, "second")[details["party"]] == {**details, "display_name": "Stale Ltd"}
    failure = refused(net["second"].admin, NAMES, {"party_id": net.party("Nobody", "first"), "display_name": "x"})
    assert failure.code == "INVALID_ARGUMENT"
    update = {"party_details": {"party": details["party"], "display_name": "x"}, "update_mask": "displayName"}
    failure = refused(net["second"].ledger, f"{PARTIES}/UpdatePartyDetails", update)
    assert failure.reason == "INVALID_PARTY_DETAILS_UPDATE_REQUEST"


def test_a_party_needs_a_connected_domain(net: Net) -> None:
    net.disconnect("second", "one")
    failure = refused(net["second"].ledger, f"{PARTIES}/AllocateParty", {"party_id_hint": "Late"})
    net.connect("second", "one")
    assert failure.reason == "PARTY_ALLOCATION_WITHOUT_CONNECTED_DOMAIN"


# Pings and limits.


def test_pings(net: Net) -> None:
    request = {"target_parties": [net["second"].uid], "timeout_milliseconds": 1000}
    answer = net["first"].admin(PING, request)
    assert answer["success"]["responder"] == net["second"].uid
    assert int(answer["success"]["ping_time"]) > 0
    net.disconnect("first", "one")
    assert net["first"].admin(PING, request) == {"failure": {}}
    net.connect("first", "one")


def test_resource_limits(net: Net) -> None:
    assert net["first"].admin(f"{LIMITS}/GetResourceLimits") == {}
    limits = {"max_dirty_requests": 5, "max_burst_factor": 0.5}
    net["first"].admin(f"{LIMITS}/UpdateResourceLimits", limits)
    assert net["first"].admin(f"{LIMITS}/GetResourceLimits") == limits
