# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A party is replicated to another participant of its synchronizer while applications work
(docs/canton/party-replication.md#order-of-the-steps)."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from networks import MakeNetwork, playing

from sandbox.cli import live
from sandbox.cli.network import Network
from sandbox.v30.requests import (
    AUTHORIZED,
    CONNECTIVITY,
    READ,
    WRITE,
    change,
    host,
    hosting,
    namespace,
    on,
    query,
    unwrap,
)
from sandbox.wire import client
from sandbox.wire.client import CallFailed, Participant

PARTY = "admin.participant.v30.PartyManagementService"
REPAIR = "admin.participant.v30.ParticipantRepairService"
STATE = "v2.StateService"
VALIDATION = "CONTRACT_IMPORT_MODE_VALIDATION"
DAR = {"name": "sandbox-iou", "version": "1.0.0"}
TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"one": {}},
    "participants": {
        "source": {
            "connections": [{"synchronizer": "one"}],
            "parties": ["Alice", "Bob", "Carol", "Eve"],
            "dars": [DAR],
        },
        "target": {"connections": [{"synchronizer": "one"}], "parties": ["Dave"], "dars": [DAR]},
    },
}


class Net:
    def __init__(self, network: Network, clients: dict[str, Participant], line: str) -> None:
        self.network = network
        self.strict = line == "3.5"
        self.source, self.target = clients["source"], clients["target"]
        self.one: str = network.info()["synchronizers"]["one"]["id"]

    def party(self, name: str) -> str:
        return f"{name}::{namespace(self.source.uid)}"

    def create(self, name: str, signatory: str, *observers: str, count: int = 1) -> list[str]:
        return live.create(self.network.state, name, [signatory], observers, count)

    def active(self, node: Participant, name: str) -> set[str]:
        wildcard: dict[str, Any] = {"cumulative": [{"wildcard_filter": {}}]}
        wanted = {"filters_by_party": {self.party(name): wildcard}}
        request = {"active_at_offset": ledger_end(node), "event_format": wanted}
        answers = node.ledger(f"{STATE}/GetActiveContracts", request)
        return {each["active_contract"]["created_event"]["contract_id"] for each in answers}

    def propose(self, name: str, onboarding: bool = True) -> None:
        """The source asks the target to host a party beside it."""
        mapping = hosting(self.party(name), host(self.source.uid), host(self.target.uid, onboarding=onboarding))
        self.source.admin(f"{WRITE}/Authorize", change(mapping, on(self.one), must_fully_authorize=False))

    def proposals(self, node: Participant, name: str) -> list[dict[str, Any]]:
        """The signed proposals that a node knows of, for one party."""
        request = query(on(self.one), proposals=True, filter_party=self.party(name))
        if not node.admin(f"{READ}/ListPartyToParticipant", request).get("results"):
            return []
        listed = node.admin(f"{READ}/ListAll", query(on(self.one), proposals=True))["result"]["items"]
        return [unwrap(item["transaction"]) for item in listed]

    def add(self, name: str, onboarding: bool = True) -> None:
        """The party's mapping takes effect while the target is away."""
        self.propose(name, onboarding)
        eventually(lambda: bool(self.proposals(self.target, name)))
        signed = self.proposals(self.target, name)
        self.target.admin(f"{CONNECTIVITY}/DisconnectAllSynchronizers")
        sign = {"transactions": signed[-1:], "store": AUTHORIZED}
        both = self.target.admin(f"{WRITE}/SignTransactions", sign)["transactions"]
        add = {"transactions": both, "store": on(self.one), "wait_to_become_effective": "10s"}
        self.source.admin(f"{WRITE}/AddTransactions", add)

    def export(self, name: str, begin: int, wait: str = "10s") -> bytes:
        request = {
            "party_id": self.party(name),
            "synchronizer_id": self.one,
            "target_participant_uid": self.target.uid,
            "begin_offset_exclusive": begin,
            "wait_for_activation_timeout": wait,
        }
        answers = self.source.admin(f"{PARTY}/ExportPartyAcs", request)
        return b"".join(base64.b64decode(each["chunk"]) for each in answers)

    def load(self, name: str, snapshot: bytes) -> None:
        request = {"acs_snapshot": base64.b64encode(snapshot).decode(), "contract_import_mode": VALIDATION}
        if self.strict:
            request |= {"synchronizer_id": self.one, "party_id": self.party(name)}
        self.target.admin(f"{PARTY}/ImportPartyAcs", [request])

    def clear(self, name: str) -> dict[str, Any]:
        request = {"party_id": self.party(name), "synchronizer_id": self.one}
        answer: dict[str, Any] = self.target.admin(f"{PARTY}/ClearPartyOnboardingFlag", request)
        return answer

    def connect(self) -> None:
        self.target.admin(f"{CONNECTIVITY}/ReconnectSynchronizer", {"synchronizer_alias": "one"})


def ledger_end(node: Participant) -> int:
    return int(node.ledger(f"{STATE}/GetLedgerEnd").get("offset", 0))


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def refused(call: Callable[[], Any]) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call()
    return caught.value


@pytest.fixture(scope="module")
def net(make_network: MakeNetwork, line: str) -> Iterator[Net]:
    network = make_network(playing(TOPOLOGY, line))
    network.set("target", "onboarding_clear_ms", 700)
    with client.participants(network.info()) as clients:
        yield Net(network, clients, line)


def test_who_is_away_sees_only_what_it_knew(net: Net) -> None:
    net.target.admin(f"{CONNECTIVITY}/DisconnectAllSynchronizers")
    net.propose("Carol")
    eventually(lambda: bool(net.proposals(net.source, "Carol")))
    assert not net.proposals(net.target, "Carol")
    if net.strict:
        error = refused(lambda: net.load("Carol", b""))
        assert (error.code, error.reason) == ("FAILED_PRECONDITION", "PARTY_ACS_IMPORT_MISSING_ONBOARDING_MAPPING")
    change_of = hosting(net.party("Carol"), host(net.source.uid, permission="CONFIRMATION"))
    net.source.admin(f"{WRITE}/Authorize", change(change_of, on(net.one), wait_to_become_effective="10s"))
    (known,) = net.target.admin(f"{READ}/ListPartyToParticipant", query(on(net.one), filter_party="Carol"))["results"]
    assert (known["context"]["serial"], "valid_until" in known["context"]) == (1, False)
    net.connect()
    (known,) = net.target.admin(f"{READ}/ListPartyToParticipant", query(on(net.one), filter_party="Carol"))["results"]
    assert known["context"]["serial"] == 2


def test_a_party_moves_while_applications_work(net: Net) -> None:
    kept, ended = net.create("source", "Alice", "Bob", count=2)
    (shared,) = net.create("source", "Alice", f"Dave::{namespace(net.target.uid)}")
    net.create("source", "Bob")
    begin = ledger_end(net.source)
    net.add("Alice")
    (late,) = net.create("source", "Alice")
    live.archive(net.network.state, "source", [ended])

    snapshot = net.export("Alice", begin)
    assert net.active(net.target, "Alice") == {shared}
    net.load("Alice", snapshot)
    # as of the activation, and without what the target has through Dave
    assert net.active(net.target, "Alice") == {shared, kept, ended}
    net.load("Alice", snapshot)
    net.connect()
    assert net.active(net.target, "Alice") == {shared, kept, late}
    assert net.active(net.source, "Alice") == {shared, kept, late}

    with pytest.raises(live.Refused, match="target hosts none of"):
        net.create("target", net.party("Alice"))
    (meanwhile,) = net.create("source", "Alice")
    assert meanwhile in net.active(net.target, "Alice")
    first = net.clear("Alice")
    assert not first.get("onboarded")
    assert first["earliest_retry_timestamp"]
    eventually(lambda: net.clear("Alice") == {"onboarded": True})
    (mapping,) = net.source.admin(f"{READ}/ListPartyToParticipant", query(on(net.one), filter_party="Alice"))["results"]
    assert mapping["context"]["signed_by_fingerprints"] == [namespace(net.target.uid)]
    assert [one["participant_uid"] for one in mapping["item"]["participants"]] == [net.source.uid, net.target.uid]
    assert "onboarding" not in mapping["item"]["participants"][1]
    (own,) = net.create("target", net.party("Alice"))

    alone = change(hosting(net.party("Alice"), host(net.target.uid)), on(net.one), wait_to_become_effective="10s")
    error = refused(lambda: net.source.admin(f"{WRITE}/Authorize", alone))
    assert error.reason == "TOPOLOGY_DISABLE_PARTY_WITH_ACTIVE_CONTRACTS"
    force = {"force_changes": ["FORCE_FLAG_DISABLE_PARTY_WITH_ACTIVE_CONTRACTS"]}
    net.source.admin(f"{WRITE}/Authorize", {**alone, **force})
    (last,) = net.create("target", net.party("Alice"))
    assert {own, last} <= net.active(net.target, "Alice")
    assert last not in net.active(net.source, "Alice")
    known = net.source.ledger("v2.admin.PartyManagementService/ListKnownParties")["party_details"]
    assert next(each for each in known if each["party"] == net.party("Alice"))["is_local"]

    net.target.admin(f"{CONNECTIVITY}/DisconnectAllSynchronizers")
    purge = {"synchronizer_alias": "one", "contract_ids": [kept]}
    net.target.admin(f"{REPAIR}/PurgeContracts", purge)
    first_again = {"acs_snapshot": base64.b64encode(snapshot).decode(), "contract_import_mode": VALIDATION}
    first_again |= {"synchronizer_id": net.one} if net.strict else {}
    error = refused(lambda: net.target.admin(f"{PARTY}/ImportPartyAcs", [first_again]))
    assert "previously archived contract" in error.text
    now = {"ledger_offset": ledger_end(net.source), "party_ids": [net.party("Alice")]}
    exported = [each["chunk"] for each in net.source.admin(f"{REPAIR}/ExportAcs", now)]
    whole = base64.b64encode(b"".join(map(base64.b64decode, exported))).decode()
    again = {"acs_snapshot": whole, "contract_import_mode": VALIDATION}
    net.target.admin(f"{REPAIR}/ImportAcs", [again | ({"synchronizer_id": net.one} if net.strict else {})])
    net.connect()
    assert net.active(net.target, "Alice") == {shared, kept, late, meanwhile, own, last}


def test_what_is_out_of_order_is_refused(net: Net) -> None:
    begin = ledger_end(net.source)
    error = refused(lambda: net.export("Bob", begin, wait="0.1s"))
    assert error.reason == "EFFECTIVE_PARTY_TO_PARTICIPANT_MAPPING_NOT_FOUND"
    assert refused(lambda: net.export("Bob", -1)).reason == "INVALID_ARGUMENT_PARTY_MANAGEMENT_ERROR"
    assert refused(lambda: net.clear("Bob")).reason == "PARTY_ONBOARDING_CLEARANCE_MISSING_MAPPING"
    net.add("Bob", onboarding=False)
    if net.strict:
        error = refused(lambda: net.export("Bob", begin))
        assert error.reason == "PARTY_ACS_EXPORT_MISSING_TARGET_ONBOARDING_MAPPING"
    assert refused(lambda: net.clear("Bob")).reason == "INVALID_STATE_PARTY_MANAGEMENT_ERROR"
    net.connect()
    error = refused(lambda: net.load("Alice", net.export("Alice", 0)))
    assert error.reason == "IO_STREAM_PARTY_MANAGEMENT_ERROR"
    assert "still synchronizers connected" in error.text
    assert net.clear("Bob") == {"onboarded": True}


def test_the_flag_of_an_import_goes_by_itself_even_after_a_restart(net: Net) -> None:
    if not net.strict:
        pytest.skip("3.4 reads no party from an import")
    begin = ledger_end(net.source)
    net.add("Eve")
    net.load("Eve", net.export("Eve", begin))
    net.network.kill_node("target")
    net.network.start_node("target")

    def cleared() -> bool:
        request = query(on(net.one), filter_party="Eve")
        (mapping,) = net.source.admin(f"{READ}/ListPartyToParticipant", request)["results"]
        return "onboarding" not in mapping["item"]["participants"][1]

    eventually(cleared)
