# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Participants of Canton 2 on the network: services, connections, protocol versions, restarts, several lines at once."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from sandbox_tests.canton_2_topology import domain, eventually, opened, refused

from sandbox.cli import topology_file
from sandbox.cli.topology_file import TopologyError
from sandbox.v0.requests import (
    CONNECTIVITY,
    IDENTITY,
    OLD_STATUS,
    READ,
    STATUS,
    add,
    authorize,
    delegate,
    hosting,
    listed,
    namespace,
    query,
)
from sandbox.v30.requests import CONNECTIVITY as CONNECTIVITY_OF_3
from sandbox.wire import client, definitions
from sandbox.wire.client import Participant
from sandbox.wire.release import release

# One network with all lines: 2.10 and 2.8 share the domain "both", which so has protocol version 5.
TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"both": {}, "new": {}, "three": {}, "four": {"protocol_version": 4}},
    "participants": {
        "newer": {
            "release": "2.10",
            "connections": [{"synchronizer": "both", "alias": "shared"}, {"synchronizer": "new", "connect": False}],
        },
        "older": {"release": "2.8", "connections": [{"synchronizer": "both"}]},
        "guarded": {"release": "2.8", "tls": "mutual", "admin_token": "a-token-of-the-tests"},
        "helper": {"release": "2.10", "connections": [{"synchronizer": "new"}]},
        "modern": {"connections": [{"synchronizer": "three"}]},
    },
}


@pytest.fixture(scope="module")
def network(make_network: Any) -> Any:
    return make_network(TOPOLOGY)


@pytest.fixture(scope="module")
def nodes(network: Any) -> Iterator[dict[str, Participant]]:
    with client.participants(network.info()) as clients:
        yield clients


def services(network: Any, name: str) -> list[str]:
    info = network.info()["participants"][name]
    messages = definitions.messages(release(info["release"]))
    package = release(info["release"]).reflection
    answer = messages.cls(f"{package}.ServerReflectionResponse")
    asked = messages.cls(f"{package}.ServerReflectionRequest")(list_services="")
    with grpc.insecure_channel(f"127.0.0.1:{info['admin_port']}") as channel:
        call = channel.stream_stream(
            f"/{package}.ServerReflection/ServerReflectionInfo", lambda one: one.SerializeToString(), answer.FromString
        )
        return [one.name for one in next(iter(call(iter([asked])))).list_services_response.service]


def sequencer(network: Any, name: str) -> list[dict[str, Any]]:
    url = network.info()["synchronizers"][name]["sequencer_url"]
    return [{"grpc": {"connections": [url]}, "alias": "DefaultSequencer"}]


def test_protocol_versions_follow_from_the_participants(network: Any) -> None:
    found = {name: one["protocol_version"] for name, one in network.info()["synchronizers"].items()}
    assert found == {"both": 5, "new": 7, "three": 35, "four": 4}
    two: dict[str, Any] = {"old": {"release": "2.8", "connections": [{"synchronizer": "s"}]}, "new": {"release": "3.5"}}
    assert topology_file.check({"synchronizers": {"s": {}}, "participants": two})["synchronizers"]["s"] == {
        "protocol_version": 5
    }
    two["new"]["connections"] = [{"synchronizer": "s"}]
    with pytest.raises(TopologyError, match="none in common"):
        topology_file.check({"synchronizers": {"s": {}}, "participants": two})
    with pytest.raises(TopologyError, match="is none of"):
        topology_file.check({"synchronizers": {"s": {"protocol_version": 6}}, "participants": two})
    keys = {"namespace": "a", "sequencer_auth": "b", "signing": "c", "encryption": "d"}
    with pytest.raises(TopologyError, match="kms_keys"):
        topology_file.check({"synchronizers": {"s": {}}, "participants": {"a": {"release": "2.10", "kms_keys": keys}}})


def test_services_of_the_lines(network: Any, nodes: dict[str, Participant]) -> None:
    newer, older = services(network, "newer"), services(network, "older")
    status = "com.digitalasset.canton.participant.admin.v0.ParticipantStatusService"
    assert status in newer and set(newer) - set(older) == {status}
    assert "grpc.reflection.v1alpha.ServerReflection" in older
    assert not [name for name in newer if ".v30." in name]


def test_status_tells_domains_in_both_ways(network: Any, nodes: dict[str, Participant]) -> None:
    both = domain(network, "both")
    status = nodes["newer"].admin(STATUS)["status"]
    assert status["common_status"]["version"].startswith("2.10.")
    assert status["supported_protocol_versions"] == [5, 7]
    assert {"domain_id": both, "healthy": True} in status["connected_domains"]
    success = nodes["older"].admin(OLD_STATUS)["success"]
    info = definitions.messages(release("2.8")).cls("health.admin.v0.ParticipantStatusInfo")
    parsed = info.FromString(base64.b64decode(success["extra"]))
    assert success["id"] == nodes["older"].uid and parsed.active
    assert [(one.domain, one.healthy) for one in parsed.connected_domains] == [(both, True)]
    assert nodes["older"].admin(f"{IDENTITY}/GetId")["unique_identifier"] == nodes["older"].uid


def test_two_lines_share_a_domain_in_its_own_form(network: Any, nodes: dict[str, Participant]) -> None:
    """2.10 writes in the form of protocol version 7 and sends that of the domain."""
    newer, both = nodes["newer"], domain(network, "both")
    party = f"Alice::{namespace(newer)}"
    before = opened(authorize(newer, "PartyToParticipant", **hosting(newer, party)), "2.10")
    assert before[2] == 3
    found = eventually(lambda: listed(nodes["older"], "PartyToParticipant", both, filter_party=party))
    _signed, transaction, version = opened(found[0]["context"]["serialized"], "2.8")
    assert version == 1 and transaction.state_update.id == before[1].state_update.id


def test_delegation_on_an_older_protocol_version(network: Any, nodes: dict[str, Participant]) -> None:
    """A node can't bring what another's key signed into the form of its domain: it has to come in that form."""
    newer, helper = nodes["newer"], nodes["helper"]
    certificate, delegation = delegate(helper, newer, "2.10")
    add(newer, certificate)
    add(newer, delegation)
    newer.admin(f"{CONNECTIVITY}/DisconnectDomain", {"domain_alias": "shared"})
    error = refused(lambda: newer.admin(f"{CONNECTIVITY}/ConnectDomain", {"domain_alias": "shared"}))
    assert (error.code, error.reason) == ("NOT_FOUND", "TOPOLOGY_CONVERSION_ERROR")
    request = query(filter_namespace=namespace(helper))
    request["base_query"]["protocol_version"] = "5"
    for result in helper.admin(f"{READ}/ListNamespaceDelegation", request)["results"]:
        add(newer, result["context"]["serialized"])
    newer.admin(f"{CONNECTIVITY}/ConnectDomain", {"domain_alias": "shared"})
    both = domain(network, "both")
    assert len(eventually(lambda: listed(newer, "NamespaceDelegation", both, filter_namespace=namespace(helper)))) == 2


def test_connecting(network: Any, nodes: dict[str, Participant]) -> None:
    newer, older = nodes["newer"], nodes["older"]
    configured = newer.admin(f"{CONNECTIVITY}/ListConfiguredDomains")["results"]
    assert {one["config"]["domain_alias"]: one.get("connected", False) for one in configured} == {
        "shared": True,
        "new": False,
    }
    new = domain(network, "new")
    assert newer.admin(f"{CONNECTIVITY}/GetDomainId", {"domain_alias": "new"}) == {"domain_id": new}
    assert newer.admin(f"{CONNECTIVITY}/GetAgreement", {"domain_alias": "new"}) == {"domain_id": new}
    unknown = refused(lambda: newer.admin(f"{CONNECTIVITY}/ConnectDomain", {"domain_alias": "nowhere"}))
    assert (unknown.code, unknown.reason) == ("NOT_FOUND", "SYNC_SERVICE_UNKNOWN_DOMAIN")
    config = {"domain_alias": "shared", "sequencerConnections": sequencer(network, "both")}
    again = refused(lambda: newer.admin(f"{CONNECTIVITY}/RegisterDomain", {"add": config}))
    assert (again.code, again.reason) == ("ALREADY_EXISTS", "SYNC_SERVICE_ALREADY_ADDED")
    newer.admin(f"{CONNECTIVITY}/ReconnectDomains")
    connected = newer.admin(f"{CONNECTIVITY}/ListConnectedDomains")["connected_domains"]
    assert {"domain_alias": "new", "domain_id": new, "healthy": True} in connected and len(connected) == 2

    # Registering connects at once unless it is to be done by hand.
    config = {"domain_alias": "four", "sequencerConnections": sequencer(network, "four")}
    older.admin(f"{CONNECTIVITY}/RegisterDomain", {"add": {**config, "manual_connect": True}})
    four = [
        one
        for one in older.admin(f"{CONNECTIVITY}/ListConfiguredDomains")["results"]
        if one["config"]["domain_alias"] == "four"
    ]
    assert not four[0].get("connected") and four[0]["config"]["manual_connect"]
    older.admin(f"{CONNECTIVITY}/ModifyDomain", {"modify": config})
    older.admin(f"{CONNECTIVITY}/ReconnectDomains")
    assert len(older.admin(f"{CONNECTIVITY}/ListConnectedDomains")["connected_domains"]) == 2
    config = {**config, "domain_alias": "again"}
    error = refused(lambda: newer.admin(f"{CONNECTIVITY}/RegisterDomain", {"add": config}))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "DOMAIN_HANDSHAKE_FAILED")
    assert "(4)" in error.metadata["reason"]


def test_lines_do_not_meet(network: Any, nodes: dict[str, Participant]) -> None:
    config = {"domain_alias": "three", "sequencerConnections": sequencer(network, "three")}
    error = refused(lambda: nodes["older"].admin(f"{CONNECTIVITY}/RegisterDomain", {"add": config}))
    assert error.reason == "DOMAIN_HANDSHAKE_FAILED"
    modern = nodes["modern"]
    config = modern.admin(f"{CONNECTIVITY_OF_3}/ListRegisteredSynchronizers")["results"][0]["config"]
    config["synchronizer_alias"] = "both"
    url = network.info()["synchronizers"]["both"]["sequencer_url"]
    config["sequencer_connections"]["sequencer_connections"] = [{"grpc": {"connections": [url]}, "alias": "x"}]
    request = {"config": config, "sequencer_connection_validation": "SEQUENCER_CONNECTION_VALIDATION_ACTIVE"}
    error = refused(lambda: modern.admin(f"{CONNECTIVITY_OF_3}/ConnectSynchronizer", request))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "SYNCHRONIZER_HANDSHAKE_FAILED")


def test_domain_out_of_reach(network: Any, nodes: dict[str, Participant]) -> None:
    older = nodes["older"]
    older.admin(f"{CONNECTIVITY}/DisconnectDomain", {"domain_alias": "both"})
    network.set("older", "reachable", False)
    error = refused(lambda: older.admin(f"{CONNECTIVITY}/ConnectDomain", {"domain_alias": "both"}))
    assert (error.code, error.reason) == ("UNAVAILABLE", "DOMAIN_IS_NOT_AVAILABLE")
    assert older.admin(f"{CONNECTIVITY}/ConnectDomain", {"domain_alias": "both", "retry": True}) == {}
    network.set("older", "reachable", True)
    answer = older.admin(f"{CONNECTIVITY}/ConnectDomain", {"domain_alias": "both"})
    assert answer == {"connected_successfully": True}


def test_guarded_port(network: Any, nodes: dict[str, Participant]) -> None:
    assert nodes["guarded"].admin(OLD_STATUS)["success"]["id"] == nodes["guarded"].uid
    info = network.info()["participants"]["guarded"]
    stranger = Participant({**info, "admin_token": None})
    assert refused(lambda: stranger.admin(OLD_STATUS)).code == "UNAUTHENTICATED"
    stranger.close()


def test_killed_node_comes_back(network: Any, nodes: dict[str, Participant]) -> None:
    newer = nodes["newer"]
    party = f"Survivor::{namespace(newer)}"
    authorize(newer, "PartyToParticipant", **hosting(newer, party))
    network.kill_node("newer")
    network.start_node("newer")
    with client.participants(network.info()) as anew:
        status = anew["newer"].admin(STATUS)["status"]
        assert status["common_status"]["uid"] == newer.uid
        assert domain(network, "both") in [one["domain_id"] for one in status["connected_domains"]]
        assert listed(anew["newer"], "PartyToParticipant", filter_party=party)
        eventually(lambda: listed(anew["newer"], "PartyToParticipant", domain(network, "both"), filter_party=party))
