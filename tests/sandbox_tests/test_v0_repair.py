# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Canton 2: export, import and purge of contracts, and what the inspection service says
(docs/canton/canton-2.md#export-and-import, docs/canton/canton-2.md#requests-in-flight)."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from networks import MakeNetwork
from sandbox_tests.canton_2 import INSPECTION, RELEASES, REPAIR, Net

from sandbox.daml.acs_stream import write_snapshot
from sandbox.state import ledger
from sandbox.v0.requests import CONNECTIVITY
from sandbox.wire import client
from sandbox.wire.client import CallFailed
from sandbox.wire.definitions import messages
from sandbox.wire.reflection import Reflection
from sandbox.wire.release import release

COUNT = 60
DAR = {"name": "sandbox-iou", "version": "1.0.0", "packages": 2}
PROTOCOL_VERSIONS = {"2.10": (5, 7), "2.8": (4, 5)}
# The form of a SerializableContract on the domains old and new.
FORMS = {"2.10": (1, 2), "2.8": (1, 1)}
KNOBS = {
    "export_abort_after_chunks": None,
    "export_chunk_bytes": 2 * 1024 * 1024,
    "import_abort_after_bytes": None,
    "import_ms_per_chunk": 0,
    "dirty_requests": False,
}


def topology(line: str) -> dict[str, Any]:
    old, new = PROTOCOL_VERSIONS[line]
    third = {"synchronizer": "third"}
    participants: dict[str, Any] = {
        "source": {
            "connections": [{"synchronizer": "old"}, third],
            "parties": ["Alice", "Bob", "Carol"],
            "dars": [DAR],
            "contracts": [
                {"count": COUNT - 20, "parties": ["Alice", "Bob"], "bytes": 400, "synchronizer": "old"},
                {"count": 20, "parties": ["Carol"], "synchronizer": "old"},
            ],
        },
        "target": {"connections": [{"synchronizer": "new"}, third], "dars": [DAR]},
        "bare": {"connections": [{"synchronizer": "new"}]},
        "volatile": {"connections": [{"synchronizer": "new"}], "storage": "memory", "dars": [DAR]},
    }
    return {
        "synchronizers": {
            "old": {"protocol_version": old},
            "new": {"protocol_version": new},
            "third": {"protocol_version": new},
        },
        "participants": {name: {"release": line, **entry} for name, entry in participants.items()},
    }


@pytest.fixture(scope="module", params=RELEASES)
def running(request: pytest.FixtureRequest, make_network: MakeNetwork) -> Iterator[Net]:
    network = make_network(topology(request.param))
    with client.participants(network.info()) as clients:
        yield Net(request.param, network, clients)


@pytest.fixture
def net(running: Net) -> Iterator[Net]:
    """The network with a target that has no contracts and is away from the domain new."""
    for knob, value in KNOBS.items():
        for name in running.clients:
            running.network.set(name, knob, value)
    running.disconnect("target", "new")
    for domain in ("new", "third"):
        left = [each for each, on in on_domains(running, "target").items() if on == domain]
        if left:
            running.disconnect("target", "third")
            running.purge("target", domain, left)
            running.connect("target", "third")
    yield running


def parties(net: Net) -> list[str]:
    return [net.party(name) for name in ("Alice", "Bob", "Carol")]


def target_ids(net: Net) -> list[str]:
    return net.active_ids("target", *parties(net))


def on_domains(net: Net, name: str) -> dict[str, str]:
    """contract id -> alias of its domain"""
    ids = net.active_ids(name, *parties(net))
    found = net[name].admin(f"{INSPECTION}/LookupContractDomain", {"contract_id": ids})
    return dict(found.get("results", {}))


def snapshot(net: Net, wanted: list[str] | None = None) -> bytes:
    return net.export("source", wanted or parties(net), **net.renamed("old", "new"))


def export_refused(net: Net, **more: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        net.export("source", parties(net), **more)
    return caught.value


# Export.


def test_export_holds_what_the_ledger_shows(net: Net) -> None:
    exported = net.records(net.export("source", parties(net)))
    events = [each for answer in net.active("source", *parties(net)) for each in answer["active_contracts"]]
    assert [contract.contract_id for _unused, _version, contract in exported] == [e["contract_id"] for e in events]
    assert len(exported) == COUNT
    old, _new = FORMS[net.release]
    for (entry, version, contract), event in zip(exported, events, strict=True):
        assert (entry.domain_id, entry.protocol_version) == (net.domain("old"), net.protocol_version("old"))
        assert version == old
        assert list(contract.metadata.non_maintainer_signatories) == event["signatories"]
        assert list(contract.metadata.non_signatory_stakeholders) == event.get("observers", [])
        assert contract.contract_salt.salt
        assert contract.ledger_create_time.ToJsonString() == event["created_at"]


def test_renamed_contracts_take_the_form_of_the_other_protocol_version(net: Net) -> None:
    exported = net.records(snapshot(net))
    _old, new = FORMS[net.release]
    assert {version for _entry, version, _contract in exported} == {new}
    assert {(entry.domain_id, entry.protocol_version) for entry, _version, _contract in exported} == {
        (net.domain("new"), net.protocol_version("new"))
    }


def test_export_takes_the_contracts_of_the_listed_parties_only(net: Net) -> None:
    carol, alice = net.party("Carol"), net.party("Alice")
    assert len(net.records(net.export("source", [carol]))) == 20
    assert len(net.records(net.export("source", [carol, alice]))) == COUNT
    assert net.records(net.export("source", [])) == []
    assert net.records(net.export("source", [net.party("Nobody")])) == []


def test_export_filters_domains_by_the_beginning_of_their_id(net: Net) -> None:
    for prefix, count in (("ol", COUNT), (net.domain("old"), COUNT), ("third", 0)):
        assert len(net.records(net.export("source", parties(net), filter_domain_id=prefix))) == count


def test_export_chunks_do_not_follow_records(net: Net) -> None:
    net.network.set("source", "export_chunk_bytes", 999)
    answers = net["source"].admin(f"{REPAIR}/ExportAcs", {"parties": parties(net)})
    chunks = [base64.b64decode(one["chunk"]) for one in answers]
    assert {len(chunk) for chunk in chunks[:-1]} == {999}
    assert len(net.records(b"".join(chunks))) == COUNT


def test_export_refuses_a_wrong_protocol_version(net: Net) -> None:
    renames = net.renamed("old", "third")
    to = renames["contract_domain_renames"][net.domain("old")]
    to["protocol_version"] = net.protocol_version("old")
    failure = export_refused(net, **renames)
    assert (failure.code, failure.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT_REPAIR")
    assert "Inconsistent protocol versions" in failure.text
    # The source does not know the domain new: it believes what it is told.
    renames = net.renamed("old", "new")
    to = renames["contract_domain_renames"][net.domain("old")]
    to["protocol_version"] = net.protocol_version("old")
    assert len(net.records(net.export("source", parties(net), **renames))) == COUNT
    to["protocol_version"] = 35
    assert export_refused(net, **renames).reason == "INVALID_ARGUMENT_REPAIR"


def test_export_at_a_time(net: Net) -> None:
    failure = export_refused(net, timestamp="2100-01-01T00:00:00Z")
    assert (failure.code, failure.reason) == ("ABORTED", "INVALID_ACS_SNAPSHOT_TIMESTAMP")
    _entry, _version, tenth = net.records(net.export("source", parties(net)))[9]
    until = tenth.ledger_create_time.ToJsonString()
    assert len(net.records(net.export("source", parties(net), timestamp=until))) == 10


def test_parties_offboarding_needs_the_domain(net: Net) -> None:
    fields = net.messages.cls("participant.admin.v0.ExportAcsRequest").DESCRIPTOR.fields_by_name
    assert ("parties_offboarding" in fields) == (net.release != "2.8")
    if net.release == "2.8":
        return
    assert len(net.records(net.export("source", parties(net), parties_offboarding=True))) == COUNT
    net.disconnect("source", "old")
    try:
        failure = export_refused(net, parties_offboarding=True)
        assert len(net.records(net.export("source", parties(net)))) == COUNT
    finally:
        net.connect("source", "old")
    assert failure.reason == "INVALID_ARGUMENT_REPAIR"
    assert "Parties offboarding on domain" in failure.text


def test_an_export_that_breaks_off(net: Net) -> None:
    net.network.set("source", "export_chunk_bytes", 500)
    net.network.set("source", "export_abort_after_chunks", 2)
    assert export_refused(net).code == "UNAVAILABLE"


def test_what_is_not_played(net: Net) -> None:
    with pytest.raises(CallFailed) as caught:
        net["source"].admin(f"{REPAIR}/MigrateDomain", {"source_alias": "old"})
    assert caught.value.code == "UNIMPLEMENTED"


@pytest.mark.parametrize("line", RELEASES)
def test_reflection_does_not_know_what_snapshots_are_made_of(line: str) -> None:
    wire = messages(release(line))
    package = release(line).reflection
    reflection = Reflection(wire, lambda: [wire.service(REPAIR).full_name])
    known = {}
    for name in (REPAIR, "participant.admin.v0.ActiveContract", "protocol.v0.SerializableContract"):
        request = wire.cls(f"{package}.ServerReflectionRequest")(
            file_containing_symbol=f"com.digitalasset.canton.{name}"
        )
        (answer,) = reflection.ServerReflectionInfo(iter([request]), Mock())
        known[name.rpartition(".")[2]] = answer.HasField("file_descriptor_response")
    assert known == {"ParticipantRepairService": True, "ActiveContract": False, "SerializableContract": False}


# Import.


def test_import_brings_everything_and_again_nothing(net: Net) -> None:
    """While the target stays connected to a domain that the snapshot does not touch."""
    arguments: dict[str, Any] = {"workflow_id_prefix": "move"}
    if net.release != "2.8":
        arguments["onboarded_parties"] = parties(net)
    net.load("target", snapshot(net), piece=500, **arguments)
    found = net.active("target", *parties(net))
    assert target_ids(net) == net.active_ids("source", *parties(net))
    assert all(answer["workflow_id"].startswith("move-") for answer in found)
    assert set(on_domains(net, "target").values()) == {"new"}
    net.load("target", snapshot(net), workflow_id_prefix="again")
    assert net.active("target", *parties(net)) == found
    assert len(net.active_ids("target", net.party("Carol"))) == 20


def test_contracts_come_back_as_they_went(net: Net) -> None:
    net.load("target", snapshot(net))
    there = net.records(net.export("target", parties(net)))
    here = net.records(snapshot(net))
    assert [contract for _entry, _version, contract in there] == [contract for _entry, _version, contract in here]


def test_import_completes_what_is_there_in_part(net: Net) -> None:
    net.load("target", snapshot(net, [net.party("Carol")]))
    assert len(target_ids(net)) == 20
    net.load("target", snapshot(net))
    assert sorted(target_ids(net)) == sorted(net.active_ids("source", *parties(net)))


def test_import_while_connected_to_the_domain(net: Net) -> None:
    net.connect("target", "new")
    failure = net.refused("target", snapshot(net))
    assert (failure.code, failure.reason) == ("INVALID_ARGUMENT", "IMPORT_ACS_ERROR")
    assert "Participant is still connected to domain" in failure.text
    assert target_ids(net) == []


@pytest.mark.parametrize("field", ["workflow_id_prefix", "onboarded_parties"])
def test_arguments_that_change_between_messages(net: Net, field: str) -> None:
    fields = net.messages.cls("participant.admin.v0.ImportAcsRequest").DESCRIPTOR.fields_by_name
    if field == "onboarded_parties":
        assert (field in fields) == (net.release != "2.8")
    if field not in fields:
        return
    whole = snapshot(net)
    halves = [base64.b64encode(part).decode() for part in (whole[:400], whole[400:])]
    value: Any = "one" if field == "workflow_id_prefix" else [net.party("Alice")]
    with pytest.raises(CallFailed) as caught:
        net["target"].admin(
            f"{REPAIR}/ImportAcs", [{"acs_snapshot": halves[0], field: value}, {"acs_snapshot": halves[1]}]
        )
    assert caught.value.code == "UNKNOWN"
    assert "cannot be changed from" in caught.value.text
    assert target_ids(net) == []


def test_import_without_the_package(net: Net) -> None:
    net.disconnect("bare", "new")
    failure = net.refused("bare", snapshot(net))
    assert failure.reason == "IMPORT_ACS_ERROR"
    assert "Failed to locate package" in failure.text
    assert net.active_ids("bare", *parties(net)) == []


def test_import_into_memory_storage(net: Net) -> None:
    net.disconnect("volatile", "new")
    assert "is in memory which is not supported by repair" in net.refused("volatile", snapshot(net)).text


def test_import_for_a_domain_that_is_not_registered(net: Net) -> None:
    failure = net.refused("target", net.export("source", parties(net)))
    assert failure.reason == "IMPORT_ACS_ERROR"
    assert "Not able to find domain alias for" in failure.text


def test_import_for_a_domain_that_was_never_connected(net: Net) -> None:
    url = net.network.info()["synchronizers"]["third"]["sequencer_url"]
    config = {
        "domain_alias": "third",
        "sequencerConnections": [{"grpc": {"connections": [url]}}],
        "manual_connect": True,
    }
    net["volatile"].admin(f"{CONNECTIVITY}/RegisterDomain", {"add": config})
    failure = net.refused("volatile", net.export("source", parties(net), **net.renamed("old", "third")))
    assert "Not able to find domain alias for" in failure.text


def test_each_domain_of_a_snapshot_is_imported_for_itself(net: Net) -> None:
    entries = net.records(snapshot(net))
    for entry, _version, _contract in entries[:15]:
        entry.domain_id = net.domain("third")
    net.disconnect("target", "third")
    net.load("target", net.packed(entries))
    where = list(on_domains(net, "target").values())
    assert (where.count("third"), where.count("new")) == (15, COUNT - 15)


def test_what_was_imported_before_a_refusal_stays(net: Net) -> None:
    entries = net.records(snapshot(net))
    for entry, _version, _contract in entries[15:]:
        entry.domain_id = net.domain("old")
    assert "Not able to find domain alias" in net.refused("target", net.packed(entries)).text
    assert len(target_ids(net)) == 15


def test_archived_contracts_are_refused(net: Net) -> None:
    net.load("target", snapshot(net))
    gone = target_ids(net)[3]
    with net.network.store.write() as db:
        ledger.end(db, "target", [bytes.fromhex(gone)], "archived")
    failure = net.refused("target", snapshot(net))
    assert f"Cannot add previously archived contract ContractId({gone})" in failure.text
    with net.network.store.write() as db:  # the other tests want to import it
        db.execute("UPDATE contract SET ended_by = 'purged' WHERE contract_id = ?", (bytes.fromhex(gone),))


@pytest.mark.parametrize("part", ["instance", "observers", "salt", "time"])
def test_other_content_under_a_known_id(net: Net, part: str) -> None:
    entries = net.records(snapshot(net))[:1]
    net.load("target", net.packed(entries))
    _entry, _version, contract = entries[0]
    if part == "instance":
        contract.raw_contract_instance = contract.raw_contract_instance.replace(b"Alice", b"Alicf")
    elif part == "observers":
        contract.metadata.non_signatory_stakeholders.append(net.party("Carol"))
    elif part == "salt":
        contract.contract_salt.salt = bytes(32)
    else:
        contract.ledger_create_time.seconds += 1
    failure = net.refused("target", net.packed(entries))
    assert failure.reason == "IMPORT_ACS_ERROR"
    assert "differs" in failure.text


@pytest.mark.parametrize("split", [False, True])
def test_two_contracts_with_one_key(net: Net, split: bool) -> None:
    """In one import, or the second one later; only keys whose maintainers are hosted here count."""
    entries = net.records(snapshot(net))[:2]
    for _entry, _version, contract in entries:
        # Not the ids of contracts that other tests import without a key.
        contract.contract_id = f"00{int(split):064x}{contract.contract_id[66:]}"
        signatories = contract.metadata.non_maintainer_signatories
        contract.metadata.maintainers.extend(signatories)
        del signatories[:]
        contract.metadata.key.key = b"key"
        contract.metadata.key.template_id = b"template"
    if net.release == "2.8":  # it can't be told who will be hosted
        net.load("target", net.packed(entries))
        assert len(target_ids(net)) == 2
        return
    onboarded = parties(net)
    if split:
        net.load("target", net.packed(entries[:1]), onboarded_parties=onboarded)
        exported = net.records(net.export("target", onboarded))
        assert [contract.metadata for _entry, _version, contract in exported] == [entries[0][2].metadata]
    failure = net.refused("target", net.packed(entries), onboarded_parties=onboarded)
    assert "Cannot add multiple contracts for the same key(s)" in failure.text
    assert len(target_ids(net)) == int(split)


def test_requests_under_way_need_a_reconnect(net: Net) -> None:
    net.network.set("target", "dirty_requests", True)
    failure = net.refused("target", snapshot(net))
    assert failure.reason == "IMPORT_ACS_ERROR"
    assert "Cannot apply a repair command" in failure.text
    assert "Reconnect to the domain" in failure.text
    net.connect("target", "new")
    net.disconnect("target", "new")
    net.load("target", snapshot(net))
    assert len(target_ids(net)) == COUNT


def test_records_that_are_none(net: Net) -> None:
    assert net.refused("target", b"".join(write_snapshot([b"\xff\xff\xff"]))).reason == "PROTO_DESERIALIZATION_FAILURE"


@pytest.mark.parametrize("cut", [1, 9, 700])
def test_a_cut_snapshot_leaves_nothing(net: Net, cut: int) -> None:
    failure = net.refused("target", snapshot(net)[:-cut])
    assert failure.code == "INVALID_ARGUMENT"
    assert target_ids(net) == []


def test_an_import_that_breaks_off_leaves_nothing(net: Net) -> None:
    net.network.set("target", "import_abort_after_bytes", 900)
    assert net.refused("target", snapshot(net), piece=500).code == "UNAVAILABLE"
    assert target_ids(net) == []


def test_an_import_that_is_killed_leaves_nothing(net: Net) -> None:
    net.network.set("target", "import_ms_per_chunk", 200)
    whole = snapshot(net)
    failures: list[CallFailed] = []
    upload = threading.Thread(target=lambda: failures.append(net.refused("target", whole, piece=300)))
    upload.start()
    time.sleep(0.6)
    net.network.kill_node("target")
    upload.join(timeout=60)
    assert failures[0].code == "UNAVAILABLE"
    net.network.start_node("target")
    assert target_ids(net) == []


# Purge and inspection.


def test_purge(net: Net) -> None:
    net.load("target", snapshot(net))
    gone, *left = target_ids(net)
    net.purge("target", "new", [gone])
    assert target_ids(net) == left
    with pytest.raises(CallFailed) as caught:
        net.purge("target", "new", [left[0], gone])
    assert (caught.value.code, caught.value.reason) == ("FAILED_PRECONDITION", "CONTRACT_PURGE_ERROR")
    assert target_ids(net) == left
    net.purge("target", "new", [left[0], gone], ignore_already_purged=True)
    net.load("target", snapshot(net))
    assert sorted(target_ids(net)) == sorted([gone, *left])


@pytest.mark.parametrize("alias", ["new", "nowhere"])
def test_purge_where_it_can_not_be(net: Net, alias: str) -> None:
    net.load("target", snapshot(net))
    net.connect("target", "new")
    with pytest.raises(CallFailed) as caught:
        net.purge("target", alias, target_ids(net))
    assert caught.value.reason == "CONTRACT_PURGE_ERROR"
    expected = {"new": "Participant is still connected to domain", "nowhere": "Could not find Domain 'nowhere'"}
    assert expected[alias] in caught.value.text
    net.disconnect("target", "new")
    assert len(target_ids(net)) == COUNT


def test_what_is_in_flight(net: Net) -> None:
    request = {"domain_id": net.domain("old")}
    if net.release == "2.8":
        assert "CountInFlight" not in net.messages.service(INSPECTION).methods_by_name
        return
    assert net["source"].admin(f"{INSPECTION}/CountInFlight", request) == {}
    net.network.set("source", "pending_transactions", 3)
    assert net["source"].admin(f"{INSPECTION}/CountInFlight", request) == {"pending_transactions": 3}
    net.network.set("source", "pending_transactions", 0)


def test_offsets_by_index(net: Net) -> None:
    assert net["source"].admin(f"{INSPECTION}/LookupOffsetByIndex", {"index": 10}) == {"offset": "00000000000000000a"}
    with pytest.raises(CallFailed) as caught:
        net["source"].admin(f"{INSPECTION}/LookupOffsetByIndex", {"index": 1_000_000})
    assert caught.value.code == "INVALID_ARGUMENT"
