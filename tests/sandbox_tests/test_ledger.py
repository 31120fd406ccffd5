# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, identity providers, parties and contracts on the ledger API, pings, and what a topology file seeds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from networks import MakeNetwork, playing

from sandbox.cli.network import Network
from sandbox.v30.requests import CONNECTIVITY, READ, namespace, on, query
from sandbox.wire import client
from sandbox.wire.client import CallFailed, Client, Participant

USERS = "v2.admin.UserManagementService"
PARTIES = "v2.admin.PartyManagementService"
IDPS = "v2.admin.IdentityProviderConfigService"
STATE = "v2.StateService"
PING = "admin.participant.v30.PingService/Ping"
WILDCARD: dict[str, Any] = {"cumulative": [{"wildcard_filter": {}}]}
TOPOLOGY = {
    "synchronizers": {"one": {}},
    "participants": {
        "first": {
            "connections": [{"synchronizer": "one"}],
            "parties": [
                "Alice",
                "Bob",
                {"count": 30, "prefix": "client", "annotations": {"desk": "1"}},
                {"id": "Both", "hosts": ["first", "second"], "threshold": 2, "permission": "confirmation"},
                {"id": "Alien", "namespace": "other"},
                {"id": "Guest", "namespace": "second"},
            ],
            "dars": [{"name": "sandbox-iou", "version": "1.0.0"}],
            "contracts": [
                {"count": 9, "parties": ["Alice", "Bob"], "bytes": 300},
                {"count": 3, "signatories": ["Bob"], "template": "Main:Note", "archived": 1},
            ],
            "idps": [{"id": "corp", "issuer": "https://corp.example", "jwks_url": "https://corp.example/jwks.json"}],
            "users": [
                {
                    "id": "app",
                    "primary_party": "Alice",
                    "act_as": ["Alice"],
                    "read_as": ["Bob"],
                    "annotations": {"t": "a"},
                },
                {"id": "reader", "rights": ["can_read_as_any_party"], "idp": "corp"},
            ],
        },
        "second": {"connections": [{"synchronizer": "one"}]},
    },
}


class Net:
    def __init__(self, network: Network, clients: dict[str, Participant]) -> None:
        self.network = network
        self.first, self.second = clients["first"], clients["second"]
        self.one = network.info()["synchronizers"]["one"]["id"]

    def party(self, name: str) -> str:
        return f"{name}::{namespace(self.first.uid)}"

    def end(self) -> int:
        return int(self.first.ledger(f"{STATE}/GetLedgerEnd")["offset"])

    def contracts(self, event_format: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        request = {"active_at_offset": self.end(), "event_format": event_format, **more}
        return list(self.first.ledger(f"{STATE}/GetActiveContracts", request))


@pytest.fixture(scope="module")
def net(make_network: MakeNetwork, line: str) -> Iterator[Net]:
    network = make_network(playing(TOPOLOGY, line))
    with client.participants(network.info()) as clients:
        yield Net(network, clients)


def refused(call: Any, *arguments: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call(*arguments)
    return caught.value


# --- what the topology file seeds


def test_seeded_parties(net: Net) -> None:
    results = net.first.admin(f"{READ}/ListPartyToParticipant", query(on(net.one)))["results"]
    mappings = {each["item"]["party"].partition("::")[0]: each["item"] for each in results}
    assert len(mappings) == 2 + 30 + 3
    assert {host["participant_uid"] for host in mappings["Both"]["participants"]} == {net.first.uid, net.second.uid}
    assert mappings["Both"]["threshold"] == 2
    assert mappings["Guest"]["party"] == f"Guest::{namespace(net.second.uid)}"
    assert mappings["Alien"]["party"].partition("::")[2] not in (namespace(net.first.uid), namespace(net.second.uid))


def test_seeding_happens_once(net: Net) -> None:
    end, users = net.end(), net.first.ledger(f"{USERS}/ListUsers")
    net.network.stop_node("first")
    net.network.start_node("first")
    assert (net.end(), net.first.ledger(f"{USERS}/ListUsers")) == (end, users)


# --- contracts


def test_contracts_by_party_and_template(net: Net) -> None:
    assert len(net.contracts({"filters_for_any_party": WILDCARD})) == 11
    found = net.contracts({"filters_by_party": {net.party("Alice"): WILDCARD}})
    assert len(found) == 9
    event = found[0]["active_contract"]["created_event"]
    assert event["witness_parties"] == [net.party("Alice")]
    assert "created_event_blob" not in event
    template = {"template_id": {**event["template_id"], "module_name": "Main", "entity_name": "Note"}}
    notes = {"cumulative": [{"template_filter": {**template, "include_created_event_blob": True}}]}
    found = net.contracts({"filters_for_any_party": notes})
    assert len(found) == 2
    assert all("created_event_blob" in each["active_contract"]["created_event"] for each in found)
    template["template_id"]["package_id"] = "#sandbox-iou"
    assert len(net.contracts({"filters_for_any_party": {"cumulative": [{"template_filter": template}]}})) == 2
    assert net.contracts({"filters_by_party": {net.party("Nobody"): WILDCARD}}) == []


def test_contracts_at_an_offset(net: Net) -> None:
    everything = {"filters_for_any_party": WILDCARD}
    first = min(int(each["active_contract"]["created_event"]["offset"]) for each in net.contracts(everything))
    assert len(net.contracts(everything, active_at_offset=first)) == 1
    assert net.contracts(everything, active_at_offset=first - 1) == []
    assert net.contracts(everything, active_at_offset=0) == []
    assert len(net.contracts(everything, active_at_offset=net.end() - 1)) == 12  # the last offset is the archival
    assert refused(lambda: net.contracts(everything, active_at_offset=-1)).reason == "NEGATIVE_OFFSET"
    assert refused(lambda: net.contracts(everything, active_at_offset=10**6)).reason == "OFFSET_AFTER_LEDGER_END"


def test_a_format_that_asks_for_nothing(net: Net) -> None:
    assert refused(lambda: net.contracts({})).reason == "INVALID_ARGUMENT"
    request = {"active_at_offset": 1}
    assert refused(net.first.ledger, f"{STATE}/GetActiveContracts", request).reason == "MISSING_FIELD"


def test_a_stream_that_goes_on(net: Net, line: str) -> None:
    everything = {"filters_for_any_party": WILDCARD}
    found = net.contracts(everything)
    if line == "3.4":
        assert "stream_continuation_token" not in found[4]
        return
    token = found[4]["stream_continuation_token"]
    assert net.contracts(everything, stream_continuation_token=token) == found[5:]
    other = {"filters_by_party": {net.party("Alice"): WILDCARD}}
    assert refused(lambda: net.contracts(other, stream_continuation_token=token)).reason == "INVALID_CONTINUATION_TOKEN"


def test_pages_of_contracts(net: Net, line: str) -> None:
    request: dict[str, Any] = {"event_format": {"filters_for_any_party": WILDCARD}, "max_page_size": 4}
    if line == "3.4":
        of_3_5 = Client(net.network.info()["participants"]["first"]["ledger_port"], line="3.5")
        assert refused(of_3_5.call, f"{STATE}/GetActiveContractsPage", request).code == "UNIMPLEMENTED"
        of_3_5.close()
        return
    sizes, ids = [], set()
    for _unused in range(3):
        page = net.first.ledger(f"{STATE}/GetActiveContractsPage", request)
        sizes.append(len(page["active_contracts"]))
        ids |= {each["active_contract"]["created_event"]["contract_id"] for each in page["active_contracts"]}
        request |= {"page_token": page.get("next_page_token"), "active_at_offset": page["active_at_offset"]}
    assert (sizes, len(ids), request["page_token"]) == ([4, 4, 3], 11, None)


def test_events_of_a_contract(net: Net) -> None:
    everything = {"filters_for_any_party": WILDCARD}
    alive = {each["active_contract"]["created_event"]["contract_id"] for each in net.contracts(everything)}
    before = net.contracts(everything, active_at_offset=net.end() - 1)
    (gone,) = {each["active_contract"]["created_event"]["contract_id"] for each in before} - alive
    rpc = "v2.EventQueryService/GetEventsByContractId"
    found = net.first.ledger(rpc, {"contract_id": gone, "event_format": everything})
    assert (
        found["created"]["created_event"]["contract_id"] == found["archived"]["archived_event"]["contract_id"] == gone
    )
    found = net.first.ledger(rpc, {"contract_id": alive.pop(), "event_format": everything})
    assert "archived" not in found
    unknown = {"contract_id": "00" * 33 + "ca121220" + "00" * 32, "event_format": everything}
    assert refused(net.first.ledger, rpc, unknown).reason == "CONTRACT_EVENTS_NOT_FOUND"


# --- users


def test_seeded_users(net: Net) -> None:
    user = net.first.ledger(f"{USERS}/GetUser", {"user_id": "app"})["user"]
    assert user["primary_party"] == net.party("Alice")
    assert user["metadata"] == {"resource_version": "0", "annotations": {"t": "a"}}
    rights = net.first.ledger(f"{USERS}/ListUserRights", {"user_id": "app"})["rights"]
    assert rights == [{"can_act_as": {"party": net.party("Alice")}}, {"can_read_as": {"party": net.party("Bob")}}]
    request = {"user_id": "reader", "identity_provider_id": "corp"}
    assert net.first.ledger(f"{USERS}/ListUserRights", request)["rights"] == [{"can_read_as_any_party": {}}]
    assert refused(net.first.ledger, f"{USERS}/GetUser", {"user_id": "reader"}).reason == "USER_NOT_FOUND"


def test_the_life_of_a_user(net: Net) -> None:
    ledger = net.second.ledger
    ledger(f"{USERS}/CreateUser", {"user": {"id": "u", "metadata": {"annotations": {"a": "1", "b": "2"}}}})
    assert refused(ledger, f"{USERS}/CreateUser", {"user": {"id": "u"}}).reason == "USER_ALREADY_EXISTS"
    changed = {"id": "u", "is_deactivated": True, "metadata": {"annotations": {"b": "", "c": "3"}}}
    update = {"user": changed, "update_mask": "isDeactivated,metadata.annotations"}
    user = ledger(f"{USERS}/UpdateUser", update)["user"]
    assert user["is_deactivated"] is True
    assert user["metadata"] == {"resource_version": "1", "annotations": {"a": "1", "c": "3"}}
    stale = {"user": {**changed, "metadata": {"resource_version": "0"}}, "update_mask": "isDeactivated"}
    assert refused(ledger, f"{USERS}/UpdateUser", stale).reason == "CONCURRENT_USER_UPDATE_DETECTED"
    unknown = {"user": changed, "update_mask": "nothing"}
    assert refused(ledger, f"{USERS}/UpdateUser", unknown).reason == "INVALID_USER_UPDATE_REQUEST"
    right = {"can_execute_as": {"party": net.party("Alice")}}
    request = {"user_id": "u", "rights": [right, {"participant_admin": {}}]}
    assert ledger(f"{USERS}/GrantUserRights", request)["newly_granted_rights"] == request["rights"]
    assert ledger(f"{USERS}/GrantUserRights", request) == {}
    assert ledger(f"{USERS}/RevokeUserRights", {"user_id": "u", "rights": [right]}) == {"newly_revoked_rights": [right]}
    assert ledger(f"{USERS}/ListUserRights", {"user_id": "u"}) == {"rights": [{"participant_admin": {}}]}
    ledger(f"{USERS}/DeleteUser", {"user_id": "u"})
    assert refused(ledger, f"{USERS}/DeleteUser", {"user_id": "u"}).reason == "USER_NOT_FOUND"
    assert refused(ledger, f"{USERS}/DeleteUser", {"user_id": "participant_admin"}).reason == "INVALID_ARGUMENT"


def test_authentication_of_the_primary_party(net: Net, line: str) -> None:
    user = {"id": "p", "primary_party_authentication": True}
    update = {"user": {"id": "p"}, "update_mask": "primaryPartyAuthentication"}
    if line == "3.4":
        net.second.ledger(f"{USERS}/CreateUser", {"user": {"id": "p"}})
        assert refused(net.second.ledger, f"{USERS}/UpdateUser", update).reason == "INVALID_USER_UPDATE_REQUEST"
    else:
        created = net.second.ledger(f"{USERS}/CreateUser", {"user": user})["user"]
        assert created["primary_party_authentication"] is True
        assert "primary_party_authentication" not in net.second.ledger(f"{USERS}/UpdateUser", update)["user"]
    net.second.ledger(f"{USERS}/DeleteUser", {"user_id": "p"})


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ({"id": ""}, "MISSING_FIELD"),
        ({"id": "no spaces"}, "INVALID_FIELD"),
        ({"id": "v", "metadata": {"resource_version": "1"}}, "INVALID_FIELD"),
        ({"id": "v", "identity_provider_id": "nobody"}, "INVALID_ARGUMENT"),
        ({"id": "v", "metadata": {"annotations": {"k": "x" * 300_000}}}, "MAX_USER_ANNOTATIONS_SIZE_EXCEEDED"),
    ],
)
def test_users_that_are_refused(net: Net, user: dict[str, Any], reason: str) -> None:
    assert refused(net.first.ledger, f"{USERS}/CreateUser", {"user": user}).reason == reason


def test_pages_of_users(net: Net) -> None:
    for number in range(5):
        net.second.ledger(f"{USERS}/CreateUser", {"user": {"id": f"page{number}"}})
    seen: list[str] = []
    request: dict[str, Any] = {"page_size": 2}
    while True:
        answer = net.second.ledger(f"{USERS}/ListUsers", request)
        seen += [each["id"] for each in answer["users"]]
        if not answer.get("next_page_token"):
            break
        request["page_token"] = answer["next_page_token"]
    assert seen == [*(f"page{number}" for number in range(5)), "participant_admin"]
    assert refused(net.second.ledger, f"{USERS}/ListUsers", {"page_size": -1}).reason == "INVALID_ARGUMENT"


def test_identity_providers(net: Net) -> None:
    ledger = net.second.ledger
    config = {"identity_provider_id": "x", "issuer": "https://x.example", "jwks_url": "https://x.example/jwks"}
    create, update = f"{IDPS}/CreateIdentityProviderConfig", f"{IDPS}/UpdateIdentityProviderConfig"
    ledger(create, {"identity_provider_config": config})
    assert refused(ledger, create, {"identity_provider_config": config}).reason == "IDP_CONFIG_ALREADY_EXISTS"
    same_issuer = {"identity_provider_config": {**config, "identity_provider_id": "y"}}
    assert refused(ledger, create, same_issuer).reason == "IDP_CONFIG_ISSUER_ALREADY_EXISTS"
    bad_url = {"identity_provider_config": {**config, "identity_provider_id": "y", "jwks_url": "nowhere"}}
    assert refused(ledger, create, bad_url).reason == "INVALID_FIELD"
    changed = {"identity_provider_config": {"identity_provider_id": "x", "audience": "a"}, "update_mask": "audience"}
    assert ledger(update, changed)["identity_provider_config"] == {**config, "audience": "a"}
    assert len(ledger(f"{IDPS}/ListIdentityProviderConfigs")["identity_provider_configs"]) == 1
    ledger(f"{IDPS}/DeleteIdentityProviderConfig", {"identity_provider_id": "x"})
    get = f"{IDPS}/GetIdentityProviderConfig"
    assert refused(ledger, get, {"identity_provider_id": "x"}).reason == "IDP_CONFIG_NOT_FOUND"


# --- parties


def test_known_parties_of_both_participants(net: Net) -> None:
    there = {each["party"]: each for each in net.first.ledger(f"{PARTIES}/ListKnownParties")["party_details"]}
    here = {each["party"]: each for each in net.second.ledger(f"{PARTIES}/ListKnownParties")["party_details"]}
    assert set(there) == set(here)
    assert {net.first.uid, net.second.uid} < set(there)
    assert there[net.party("Alice")]["is_local"] is True
    assert "is_local" not in here[net.party("Alice")]
    assert here[net.party("Both")]["is_local"] is True
    assert there[net.party("client7")]["local_metadata"] == {"resource_version": "0", "annotations": {"desk": "1"}}
    assert here[net.party("client7")]["local_metadata"] == {}
    filtered = net.first.ledger(f"{PARTIES}/ListKnownParties", {"filter_party": "client2"})["party_details"]
    assert len(filtered) == 11


def test_a_new_party(net: Net) -> None:
    metadata = {"annotations": {"a": "b"}}
    request = {"party_id_hint": "Fresh", "local_metadata": metadata, "user_id": "participant_admin"}
    answer = net.second.ledger(f"{PARTIES}/AllocateParty", request)["party_details"]
    assert answer["local_metadata"] == {"resource_version": "0", **metadata}
    found = net.first.ledger(f"{PARTIES}/GetParties", {"parties": [answer["party"], "Nobody::1220"]})
    assert [each["party"] for each in found["party_details"]] == [answer["party"]]
    assert refused(net.second.ledger, f"{PARTIES}/AllocateParty", request).reason == "INVALID_ARGUMENT"
    update = {
        "party_details": {"party": answer["party"], "local_metadata": {"annotations": {"c": "d"}}},
        "update_mask": "localMetadata.annotations",
    }
    details = net.second.ledger(f"{PARTIES}/UpdatePartyDetails", update)["party_details"]
    assert details["local_metadata"] == {"resource_version": "1", "annotations": {"a": "b", "c": "d"}}
    update["party_details"]["local_metadata"]["resource_version"] = "0"  # type: ignore[index]
    failure = refused(net.second.ledger, f"{PARTIES}/UpdatePartyDetails", update)
    assert failure.reason == "CONCURRENT_PARTY_DETAILS_UPDATE_DETECTED"
    update["update_mask"] = "isLocal"
    failure = refused(net.second.ledger, f"{PARTIES}/UpdatePartyDetails", update)
    assert failure.reason == "INVALID_PARTY_DETAILS_UPDATE_REQUEST"


def test_connected_synchronizers(net: Net) -> None:
    rpc = f"{STATE}/GetConnectedSynchronizers"
    expected = {"synchronizer_alias": "one", "synchronizer_id": net.one}
    assert net.first.ledger(rpc) == {"connected_synchronizers": [expected]}
    confirming = {**expected, "permission": "PARTICIPANT_PERMISSION_CONFIRMATION"}
    assert net.second.ledger(rpc, {"party": net.party("Both")}) == {"connected_synchronizers": [confirming]}
    assert net.second.ledger(rpc, {"party": net.party("Alice")}) == {}


# --- pings


def test_pings(net: Net) -> None:
    answer = net.first.admin(PING, {"target_parties": [net.second.uid], "synchronizer_id": net.one})
    assert answer["success"]["responder"] == net.second.uid
    assert "failure" in net.first.admin(PING, {"target_parties": [f"nobody::{namespace(net.first.uid)}"]})
    net.first.admin(f"{CONNECTIVITY}/DisconnectAllSynchronizers")
    assert "Not connected" in net.first.admin(PING, {"target_parties": [net.first.uid]})["failure"]["reason"]
    failure = refused(net.first.ledger, f"{PARTIES}/AllocateParty", {"party_id_hint": "Away"})
    assert failure.reason == "PARTY_ALLOCATION_WITHOUT_CONNECTED_SYNCHRONIZER"
    net.first.admin(f"{CONNECTIVITY}/ReconnectSynchronizer", {"synchronizer_alias": "one"})
    assert "success" in net.first.admin(PING, {"target_parties": [net.first.uid]})
