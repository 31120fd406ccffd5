# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delegation, hosting, proposals and removals, as recorded from real nodes."""

from __future__ import annotations

import base64
import copy
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.protobuf import json_format
from networks import playing
from sandbox_tests.conftest import V30_LINES

from sandbox.cli.network import Network
from sandbox.v30.requests import (
    ADD,
    AUTHORIZED,
    CONNECTIVITY,
    READ,
    REMOVE,
    WRITE,
    change,
    delegation,
    host,
    hosting,
    namespace,
    namespace_key,
    on,
    query,
    signed_delegations,
    unwrap,
)
from sandbox.wire import client, crypto, definitions
from sandbox.wire.client import CallFailed, Participant
from sandbox.wire.release import release

REDACTED = (
    "An error occurred. Please contact the operator and inquire about the request <no-correlation-id> with tid <no-tid>"
)
TOPOLOGY = {
    "synchronizers": {"old": {}, "new": {}},
    "participants": {
        "source": {"connections": [{"synchronizer": "old"}], "parties": ["Alice", "Bob"]},
        "target": {"key_spec": "ec_p256", "connections": [{"synchronizer": "new"}]},
        "peer": {"connections": [{"synchronizer": "old"}]},
    },
}


class Net:
    """A running network with its clients."""

    def __init__(self, network: Network, clients: dict[str, Participant]) -> None:
        self.network = network
        self.source, self.target, self.peer = clients["source"], clients["target"], clients["peer"]
        synchronizers = network.info()["synchronizers"]
        self.old, self.new = synchronizers["old"]["id"], synchronizers["new"]["id"]

    def party(self, name: str) -> str:
        return f"{name}::{namespace(self.source.uid)}"

    def host_on_target(self, name: str, operation: str = ADD, **more: Any) -> Any:
        mapping = hosting(self.party(name), host(self.target.uid))
        return self.target.admin(f"{WRITE}/Authorize", change(mapping, on(self.new), operation, **more))

    def delegation(self) -> dict[str, Any]:
        mapping: dict[str, Any] = delegation(namespace(self.source.uid), namespace_key(self.target))
        return mapping

    def delegate(self) -> None:
        """The whole delegation of source's namespace to target, effective on the new synchronizer."""
        self.source.admin(f"{WRITE}/Authorize", change(self.delegation(), AUTHORIZED))
        load = {"transactions": signed_delegations(self.source), "store": AUTHORIZED}
        self.target.admin(f"{WRITE}/AddTransactions", load)
        eventually(lambda: len(self.delegations_on_new()) == 2)

    def delegations_on_new(self) -> list[dict[str, Any]]:
        request = query(on(self.new), filter_namespace=namespace(self.source.uid))
        return list(self.target.admin(f"{READ}/ListNamespaceDelegation", request).get("results", []))

    def parties_on(self, participant: Participant, synchronizer: str, **more: Any) -> list[str]:
        listed = participant.admin(f"{READ}/ListPartyToParticipant", query(on(synchronizer), **more))
        return [result["item"]["party"].partition("::")[0] for result in listed.get("results", [])]


def eventually(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


def refused(call: Callable[[], Any]) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call()
    return caught.value


@pytest.fixture(scope="module")
def shared(make_network: Any, line: str) -> Iterator[Net]:
    """One network for all tests that leave nothing behind that another would stumble over."""
    network = make_network(playing(TOPOLOGY, line))
    with client.participants(network.info()) as clients:
        yield Net(network, clients)


@pytest.fixture
def net(make_network: Any, request: pytest.FixtureRequest) -> Iterator[Net]:
    """A network of its own, of 3.5 unless the test names the line."""
    network = make_network(playing(TOPOLOGY, getattr(request, "param", "3.5")))
    with client.participants(network.info()) as clients:
        yield Net(network, clients)
    network.stop()


def test_listed_hash_and_signatures_are_those_of_the_signed_bytes(shared: Net) -> None:
    root = shared.source.admin(f"{READ}/ListNamespaceDelegation", query(AUTHORIZED))["results"][0]
    signed = signed_delegations(shared.source)[0]
    raw = base64.b64decode(signed["transaction"])
    assert base64.b64decode(root["context"]["transaction_hash"]) == crypto.transaction_hash(raw)
    assert root["context"]["signed_by_fingerprints"] == [namespace(shared.source.uid)]
    assert root["item"]["target_key"] == namespace_key(shared.source)
    assert "can_sign_all_mappings" in root["item"]


def test_hosting_needs_the_delegation(net: Net) -> None:
    error = refused(lambda: net.host_on_target("Alice"))
    assert (error.code, error.text, error.details) == ("INVALID_ARGUMENT", REDACTED, [])
    assert net.host_on_target("Carol", must_fully_authorize=False)["transaction"]["proposal"] is True
    eventually(lambda: net.parties_on(net.target, net.new, proposals=True) == ["Carol"])
    assert net.parties_on(net.target, net.new) == []


def test_delegation_is_refused_without_the_root_key_and_without_the_root_certificate(net: Net) -> None:
    error = refused(lambda: net.target.admin(f"{WRITE}/Authorize", change(net.delegation(), AUTHORIZED)))
    assert (error.code, error.reason) == ("NOT_FOUND", "TOPOLOGY_NO_APPROPRIATE_SIGNING_KEY_IN_STORE")
    short = namespace(net.source.uid)[:12] + "..."
    assert error.metadata["required"] == f"ReferencedAuthorizations(namespaces = {short})"
    signed = net.source.admin(f"{WRITE}/Authorize", change(net.delegation(), AUTHORIZED))["transaction"]
    load = {"transactions": [signed], "store": AUTHORIZED}
    error = refused(lambda: net.target.admin(f"{WRITE}/AddTransactions", load))
    assert (error.code, error.text) == ("INVALID_ARGUMENT", REDACTED)
    error = refused(lambda: net.source.admin(f"{WRITE}/Authorize", change(net.delegation(), AUTHORIZED)))
    assert (error.code, error.reason) == ("ALREADY_EXISTS", "TOPOLOGY_MAPPING_ALREADY_EXISTS")
    assert error.metadata["keys"] == f"Set({short})"
    assert error.metadata["existing"].startswith(f"NamespaceDelegation(\n  namespace = {short},\n")


@pytest.mark.parametrize("net", V30_LINES, indirect=True)
def test_migrated_party_is_signed_with_the_delegated_key(net: Net) -> None:
    net.delegate()
    load = {"transactions": signed_delegations(net.source), "store": AUTHORIZED}
    assert net.target.admin(f"{WRITE}/AddTransactions", load) == {}
    began = time.monotonic()
    signed = net.host_on_target("Alice", wait_to_become_effective="30s")["transaction"]
    assert time.monotonic() - began > 0.3
    assert [one["signed_by"] for one in signed["signatures"]] == [namespace(net.target.uid)]
    assert net.parties_on(net.target, net.new) == ["Alice"]
    error = refused(lambda: net.host_on_target("Alice"))
    assert error.reason == "TOPOLOGY_MAPPING_ALREADY_EXISTS"
    assert error.metadata["psid"].startswith("new::1220") and error.metadata["psid"].endswith(
        ("...::35-0", "...::34-0")
    )
    assert error.metadata["existing"].endswith(f"PAR::target::{namespace(net.target.uid)[:12]}... -> Submission)")


def test_delegated_key_cannot_pass_the_delegation_on(net: Net) -> None:
    net.delegate()
    mapping = delegation(namespace(net.source.uid), namespace_key(net.peer))
    error = refused(lambda: net.target.admin(f"{WRITE}/Authorize", change(mapping, AUTHORIZED)))
    assert error.reason == "TOPOLOGY_NO_APPROPRIATE_SIGNING_KEY_IN_STORE"


def test_altered_transactions_and_signatures_are_refused(net: Net) -> None:
    net.source.admin(f"{WRITE}/Authorize", change(net.delegation(), AUTHORIZED))
    good = signed_delegations(net.source)
    for field, where in (("signature", good[0]["signatures"][0]), ("transaction", good[0])):
        altered = copy.deepcopy(good)
        data = bytearray(base64.b64decode(where[field]))
        data[len(data) // 2] ^= 1
        place = altered[0]["signatures"][0] if field == "signature" else altered[0]
        place[field] = base64.b64encode(data).decode()
        load = {"transactions": altered, "store": AUTHORIZED}
        error = refused(lambda load=load: net.target.admin(f"{WRITE}/AddTransactions", load))  # type: ignore[misc]
        assert error.code == "INVALID_ARGUMENT"
    request = query(AUTHORIZED, filter_namespace=namespace(net.source.uid))
    assert net.target.admin(f"{READ}/ListNamespaceDelegation", request) == {}


def test_junk_and_missing_fields_are_named(shared: Net) -> None:
    cases: list[tuple[str, dict[str, Any], str]] = [
        (f"{WRITE}/AddTransactions", {"transactions": [{"transaction": "anVuaw=="}], "store": AUTHORIZED}, "Buffer"),
        (f"{WRITE}/Authorize", {"proposal": {"change": ADD}}, "FieldNotSet(store)"),
        (f"{READ}/ListAll", {}, "FieldNotSet(base_query)"),
        (f"{READ}/ListAll", {"base_query": {}}, "FieldNotSet(time_query)"),
    ]
    for rpc, request, reason in cases:
        error = refused(lambda rpc=rpc, request=request: shared.source.admin(rpc, request))  # type: ignore[misc]
        assert error.text == "PROTO_DESERIALIZATION_FAILURE(8,0): Deserialization of protobuf message failed"
        assert error.metadata["reason"].startswith(reason)
        assert error.metadata["participant"] == "source"


def test_unsigned_transactions_cannot_be_signed(shared: Net) -> None:
    mapping = hosting(shared.party("Dora"), host(shared.source.uid))
    proposal = {"operation": ADD, "mapping": mapping, "store": on(shared.old)}
    made = shared.source.admin(f"{WRITE}/GenerateTransactions", {"proposals": [proposal]})["generated_transactions"][0]
    raw = base64.b64decode(made["serialized_transaction"])
    assert base64.b64decode(made["transaction_hash"]) == crypto.transaction_hash(raw)
    unsigned = {"transactions": [{"transaction": made["serialized_transaction"]}], "store": on(shared.old)}
    error = refused(lambda: shared.source.admin(f"{WRITE}/SignTransactions", unsigned))
    expected = "InvariantViolation(Some(signatures),At least one signature must be provided)"
    assert error.metadata["reason"] == expected


def test_stores_of_unknown_and_disconnected_synchronizers(net: Net) -> None:
    mapping = hosting(net.party("Alice"), host(net.source.uid))
    unknown = f"nope::{namespace(net.source.uid)}"
    error = refused(lambda: net.source.admin(f"{WRITE}/Authorize", change(mapping, on(unknown))))
    assert error.text == f"TOPOLOGY_STORE_NOT_FOUND(11,0): No active synchronizer found for {unknown[:18]}...."
    net.source.admin(f"{CONNECTIVITY}/DisconnectAllSynchronizers")
    error = refused(lambda: net.source.admin(f"{WRITE}/Authorize", change(mapping, on(net.old))))
    shown = f"old::{namespace(net.old)[:12]}...::35-0"
    assert error.text == f"TOPOLOGY_STORE_NOT_FOUND(11,0): Topology store '{shown}' is not known."
    assert net.parties_on(net.source, net.old, filter_party="Alice") == ["Alice"]


def test_serials_count_up_and_wrong_ones_are_refused(net: Net) -> None:
    request = query(on(net.old), filter_party="Alice")
    assert net.source.admin(f"{READ}/ListPartyToParticipant", request)["results"][0]["context"]["serial"] == 1
    mapping = hosting(net.party("Alice"), host(net.source.uid, "CONFIRMATION"))
    error = refused(lambda: net.source.admin(f"{WRITE}/Authorize", change(mapping, on(net.old), serial=5)))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "TOPOLOGY_SERIAL_MISMATCH")
    net.source.admin(f"{WRITE}/Authorize", change(mapping, on(net.old), serial=2, wait_to_become_effective="10s"))
    assert net.source.admin(f"{READ}/ListPartyToParticipant", request)["results"][0]["context"]["serial"] == 2


def test_hosting_is_removed_and_given_again(net: Net) -> None:
    net.delegate()
    net.host_on_target("Bob", wait_to_become_effective="10s")
    net.host_on_target("Bob", REMOVE, wait_to_become_effective="10s")
    assert net.parties_on(net.target, net.new) == []
    assert refused(lambda: net.host_on_target("Bob", REMOVE)).reason == "TOPOLOGY_MAPPING_ALREADY_EXISTS"
    other = hosting(net.party("Bob"), host(net.target.uid, "OBSERVATION"))
    error = refused(lambda: net.target.admin(f"{WRITE}/Authorize", change(other, on(net.new), REMOVE)))
    assert error.reason == "TOPOLOGY_REMOVE_MUST_NOT_CHANGE_MAPPING"
    assert error.metadata["actual"].endswith("-> Observation)")
    assert error.metadata["expected"].endswith("-> Submission)")
    net.host_on_target("Bob", wait_to_become_effective="10s")
    assert net.parties_on(net.target, net.new) == ["Bob"]
    nothing = hosting(net.party("Nobody"), host(net.target.uid))
    error = refused(lambda: net.target.admin(f"{WRITE}/Authorize", change(nothing, on(net.new), REMOVE)))
    assert error.reason == "TOPOLOGY_NO_CORRESPONDING_ACTIVE_TX_TO_REVOKE"


def test_removed_delegation_never_comes_back_on_the_synchronizer(net: Net) -> None:
    net.delegate()
    net.host_on_target("Alice", wait_to_become_effective="10s")
    net.source.admin(f"{WRITE}/Authorize", change(net.delegation(), AUTHORIZED, REMOVE))
    assert len(net.delegations_on_new()) == 2
    removal = {"transactions": signed_delegations(net.source, REMOVE), "store": AUTHORIZED}
    net.target.admin(f"{WRITE}/AddTransactions", removal)
    eventually(lambda: len(net.delegations_on_new()) == 1)
    assert refused(lambda: net.host_on_target("Bob")).text == REDACTED
    again = net.source.admin(f"{WRITE}/Authorize", change(net.delegation(), AUTHORIZED))["transaction"]
    assert net.target.admin(f"{WRITE}/AddTransactions", {"transactions": [again], "store": AUTHORIZED}) == {}
    time.sleep(0.6)
    assert len(net.delegations_on_new()) == 1
    assert refused(lambda: net.host_on_target("Bob")).text == REDACTED
    own = query(AUTHORIZED, filter_namespace=namespace(net.source.uid))
    serials = [one["context"]["serial"] for one in net.target.admin(f"{READ}/ListNamespaceDelegation", own)["results"]]
    assert serials == [1, 3]
    assert net.parties_on(net.target, net.new) == ["Alice"]


@pytest.mark.parametrize("how", ["disconnect", "kill"])
def test_ok_is_lost_when_the_node_leaves_before_the_sequencing(net: Net, how: str) -> None:
    net.delegate()
    net.network.set("target", "sequencing_ms", 300)
    net.host_on_target("Alice", wait_to_become_effective="10s")
    net.host_on_target("Bob")
    if how == "kill":
        net.network.kill_node("target")
        net.network.start_node("target")
        with client.participants(net.network.info()) as fresh:
            time.sleep(0.8)
            assert net.parties_on(fresh["target"], net.new) == ["Alice"]
    else:
        net.target.admin(f"{CONNECTIVITY}/DisconnectAllSynchronizers")
        net.target.admin(f"{CONNECTIVITY}/ReconnectSynchronizer", {"synchronizer_alias": "new"})
        time.sleep(0.8)
        assert net.parties_on(net.target, net.new) == ["Alice"]


def test_proposal_is_signed_offline_and_takes_effect_with_both_signatures(net: Net) -> None:
    mapping = hosting(net.party("Bob"), host(net.source.uid), host(net.peer.uid, onboarding=True))
    request = change(mapping, on(net.old), must_fully_authorize=False)
    assert net.source.admin(f"{WRITE}/Authorize", request)["transaction"]["proposal"] is True
    eventually(lambda: net.parties_on(net.peer, net.old, proposals=True) == ["Bob"])
    items = net.peer.admin(f"{READ}/ListAllV2", query(on(net.old), proposals=True, include_mappings=["ptp"]))
    proposal = unwrap(items["result"]["items"][0]["transaction"])
    net.peer.admin(f"{CONNECTIVITY}/DisconnectAllSynchronizers")
    sign = {"transactions": [proposal], "store": AUTHORIZED}
    both = net.peer.admin(f"{WRITE}/SignTransactions", sign)["transactions"][0]
    assert [one["signed_by"] for one in both["signatures"]] == [namespace(net.source.uid), namespace(net.peer.uid)]
    add = {"transactions": [both], "store": on(net.old), "wait_to_become_effective": "10s"}
    net.source.admin(f"{WRITE}/AddTransactions", add)

    def listed() -> dict[str, Any]:
        found = net.source.admin(f"{READ}/ListPartyToParticipant", query(on(net.old), filter_party="Bob"))
        result: dict[str, Any] = found["results"][0]
        return result

    # recorded: for a proposal the wait is over before the change is in effect
    assert "valid_until" in listed()["context"]
    eventually(lambda: listed()["context"]["serial"] == 2)
    assert [one["participant_uid"] for one in listed()["item"]["participants"]] == [net.source.uid, net.peer.uid]
    assert net.parties_on(net.source, net.old, proposals=True) == []


def test_transactions_added_to_a_synchronizer_may_build_on_each_other(net: Net) -> None:
    net.source.admin(f"{WRITE}/Authorize", change(net.delegation(), AUTHORIZED))
    chain = signed_delegations(net.source)
    store = on(net.new)
    error = refused(lambda: net.target.admin(f"{WRITE}/AddTransactions", {"transactions": chain[1:], "store": store}))
    assert error.text == REDACTED
    load = {"transactions": chain, "store": store, "wait_to_become_effective": "10s"}
    net.target.admin(f"{WRITE}/AddTransactions", load)
    assert len(net.delegations_on_new()) == 2
    assert len(signed_delegations(net.target)) == 1


def test_proposal_is_cosigned_by_hash(net: Net) -> None:
    mapping = hosting(net.party("Alice"), host(net.source.uid), host(net.peer.uid))
    signed = net.source.admin(f"{WRITE}/Authorize", change(mapping, on(net.old), must_fully_authorize=False))
    hash_hex = crypto.transaction_hash(base64.b64decode(signed["transaction"]["transaction"])).hex()
    eventually(lambda: net.parties_on(net.peer, net.old, proposals=True) == ["Alice"])
    cosign = {"transaction_hash": hash_hex, "must_fully_authorize": True, "store": on(net.old)}
    assert "proposal" not in net.peer.admin(f"{WRITE}/Authorize", cosign)["transaction"]
    cosign["transaction_hash"] = "1220" + "00" * 32
    error = refused(lambda: net.peer.admin(f"{WRITE}/Authorize", cosign))
    assert (error.code, error.reason) == ("NOT_FOUND", "TOPOLOGY_TRANSACTION_NOT_FOUND")


def test_admin_parties_strangers_and_thresholds_are_refused(shared: Net) -> None:
    def authorize(mapping: dict[str, Any]) -> CallFailed:
        return refused(lambda: shared.source.admin(f"{WRITE}/Authorize", change(mapping, on(shared.old))))

    admin_party = authorize(hosting(shared.source.uid, host(shared.source.uid)))
    assert (admin_party.code, admin_party.reason) == ("ALREADY_EXISTS", "TOPOLOGY_PARTY_ID_CONFLICT_WITH_ADMIN_PARTY")
    stranger = authorize(hosting(shared.party("Zoe"), host(shared.source.uid), host(shared.target.uid)))
    assert (stranger.code, stranger.reason) == ("NOT_FOUND", "TOPOLOGY_UNKNOWN_MEMBERS")
    threshold = authorize(hosting(shared.party("Zoe"), host(shared.source.uid), threshold=2))
    assert threshold.reason == "TOPOLOGY_CONFIRMING_THRESHOLD_CANNOT_BE_REACHED"


def test_filters_match_as_recorded(shared: Net) -> None:
    def found(**filters: str) -> list[str]:
        return shared.parties_on(shared.source, shared.old, **filters)

    assert found(filter_party="Ali") == []
    assert found(filter_party="Alice") == ["Alice"]
    assert found(filter_party="Alice::1220") == ["Alice"]
    assert found(filter_party=shared.party("Bob")) == ["Bob"]
    assert found(filter_participant="PAR::source") == found(filter_participant="sou") == ["Alice", "Bob"]
    assert found(filter_participant="peer") == []


def test_lists_of_everything_select_kinds_and_namespaces(shared: Net, line: str) -> None:
    def kinds(rpc: str, **more: Any) -> list[str]:
        items = shared.source.admin(f"{READ}/{rpc}", query(AUTHORIZED, **more))["result"].get("items", [])
        return [next(iter(_mapping(item["transaction"]))) for item in items]

    everything = ["namespace_delegation", "owner_to_key_mapping", "synchronizer_trust_certificate"]
    assert kinds("ListAll") == everything
    assert kinds("ListAll", exclude_mappings=["otk"]) == [everything[0], everything[2]]
    if line == "3.5":
        assert kinds("ListAllV2", include_mappings=["dtc"]) == [everything[2]]
    assert kinds("ListAll", filter_namespace=namespace(shared.target.uid)) == []
    if line == "3.5":
        assert kinds("ListAll", exclude_mappings=["lsu"]) == everything
    else:
        error = refused(lambda: kinds("ListAll", exclude_mappings=["lsu"]))
        assert error.reason == "PROTO_DESERIALIZATION_FAILURE"
    stores = shared.source.admin(f"{READ}/ListAvailableStores")["store_ids"]
    physical_id = f"{shared.old}::{max(release(line).protocol_versions)}-0"
    assert stores == [{"synchronizer": {"physical_id": physical_id}}, {"authorized": {}}]


def _mapping(item: str) -> dict[str, Any]:
    messages = definitions.messages(release("3.5"))
    raw = messages.unwrap(base64.b64decode(unwrap(item)["transaction"]))
    transaction = messages.cls("protocol.v30.TopologyTransaction").FromString(raw)
    mapping: dict[str, Any] = json_format.MessageToDict(transaction.mapping, preserving_proto_field_name=True)
    return mapping


def test_snapshot_of_a_store_is_imported_into_a_temporary_one(shared: Net) -> None:
    chunks = shared.source.admin(f"{READ}/ExportTopologySnapshotV2", query(AUTHORIZED))
    shared.source.admin(f"{WRITE}/CreateTemporaryTopologyStore", {"name": "copy", "protocol_version": 34})
    store = {"temporary": {"name": "copy"}}
    requests = [{"topology_snapshot": one["chunk"], "store": store} for one in chunks]
    shared.source.admin(f"{WRITE}/ImportTopologySnapshotV2", requests)

    def hashes(where: dict[str, Any]) -> list[str]:
        listed = shared.source.admin(f"{READ}/ListNamespaceDelegation", query(where))["results"]
        return [one["context"]["transaction_hash"] for one in listed]

    assert hashes(store) == hashes(AUTHORIZED)


def test_many_parties_at_once_keep_up_a_hundred_a_second(net: Net) -> None:
    names = [f"X{number}" for number in range(200)]

    def authorize(name: str) -> None:
        mapping = hosting(net.party(name), host(net.source.uid))
        net.source.admin(f"{WRITE}/Authorize", change(mapping, on(net.old)))

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(authorize, names))
    assert time.monotonic() - began < 4
    eventually(lambda: set(names) < set(net.parties_on(net.source, net.old)))
