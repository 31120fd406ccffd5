# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Export, import and purge of contracts
(docs/canton/contracts.md#export, docs/canton/contracts.md#import, docs/canton/contracts.md#purge)."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from networks import MakeNetwork, playing
from sandbox_tests.canton_3 import ACCEPT, REPAIR, VALIDATION, active, active_ids, ledger_end, packed, records

from sandbox.cli.network import Network
from sandbox.daml import contracts
from sandbox.daml.acs_stream import write_snapshot
from sandbox.state import ledger
from sandbox.v30.requests import CONNECTIVITY, namespace
from sandbox.wire import client
from sandbox.wire.client import CallFailed, Participant
from sandbox.wire.release import release

COUNT = 300
DAR = {"name": "sandbox-iou", "version": "1.0.0", "packages": 2}
TOPOLOGY = {
    "synchronizers": {"old": {}, "new": {}},
    "participants": {
        "source": {
            "connections": [{"synchronizer": "old"}],
            "parties": ["Alice", "Bob", "Carol"],
            "dars": [DAR],
            "contracts": [
                {"count": COUNT - 20, "dar": "sandbox-iou", "parties": ["Alice", "Bob"], "bytes": 400},
                {"count": 20, "dar": "sandbox-iou", "parties": ["Carol"]},
            ],
        },
        "target": {"connections": [{"synchronizer": "new"}], "dars": [DAR]},
        "bare": {"connections": [{"synchronizer": "new"}]},
        "volatile": {"connections": [{"synchronizer": "new"}], "dars": [DAR], "storage": "memory"},
    },
}


class Net:
    def __init__(self, network: Network, clients: dict[str, Participant], line: str) -> None:
        self.network = network
        self.buffered = release(line).buffered_import
        self.clients = clients
        self.source, self.target = clients["source"], clients["target"]
        synchronizers = network.info()["synchronizers"]
        self.old, self.new = synchronizers["old"]["id"], synchronizers["new"]["id"]

    def party(self, name: str) -> str:
        return f"{name}::{namespace(self.source.uid)}"

    def chunks(self, **request: Any) -> list[bytes]:
        wanted = {"ledger_offset": ledger_end(self.source), **request}
        return [base64.b64decode(one["chunk"]) for one in self.source.admin(f"{REPAIR}/ExportAcs", wanted)]

    def snapshot(self, **request: Any) -> bytes:
        renames = {self.old: {"target_synchronizer_id": self.new}}
        return b"".join(self.chunks(contract_synchronizer_renames=renames, **request))

    def load(self, snapshot: bytes, name: str = "target", piece: int = 20_000, **first: Any) -> None:
        requests: list[dict[str, Any]] = [
            {"acs_snapshot": base64.b64encode(snapshot[i : i + piece]).decode()} for i in range(0, len(snapshot), piece)
        ]
        arguments = {"contract_import_mode": VALIDATION, **first}
        if self.buffered:
            requests = [each | arguments for each in requests]
        else:
            requests[0] |= {"synchronizer_id": self.new, **arguments}
        self.clients[name].admin(f"{REPAIR}/ImportAcs", requests)

    def refused(self, snapshot: bytes, name: str = "target", **more: Any) -> CallFailed:
        with pytest.raises(CallFailed) as caught:
            self.load(snapshot, name, **more)
        return caught.value

    def purge(self, contract_ids: list[str], **more: Any) -> None:
        request = {"synchronizer_alias": "new", "contract_ids": contract_ids, **more}
        self.target.admin(f"{REPAIR}/PurgeContracts", request)


@pytest.fixture(scope="module")
def running(make_network: MakeNetwork, line: str) -> Iterator[Net]:
    network = make_network(playing(TOPOLOGY, line))
    with client.participants(network.info()) as clients:
        yield Net(network, clients, line)


@pytest.fixture
def net(running: Net) -> Iterator[Net]:
    """The network with an empty, disconnected target."""
    running.target.admin(f"{CONNECTIVITY}/DisconnectAllSynchronizers")
    left = active_ids(running.target)
    if left:
        running.purge(left)
    yield running
    for name in running.clients:
        for knob in (
            "import_abort_after_bytes",
            "export_abort_after_chunks",
            "export_chunk_bytes",
            "import_ms_per_chunk",
        ):
            running.network.set(name, knob, KNOBS_OFF[knob])


KNOBS_OFF = {
    "import_abort_after_bytes": None,
    "export_abort_after_chunks": None,
    "export_chunk_bytes": 2 * 1024 * 1024,
    "import_ms_per_chunk": 0,
}


def test_export_holds_what_the_ledger_shows(net: Net) -> None:
    exported = records(b"".join(net.chunks()))
    assert [each.created_event.contract_id for each in exported] == active_ids(net.source)
    assert len(exported) == COUNT
    assert {each.synchronizer_id for each in exported} == {net.old}
    assert all(contracts.is_authentic(contracts.parse_blob(e.created_event.created_event_blob)) for e in exported)


def test_export_chunks_do_not_follow_records(net: Net) -> None:
    net.network.set("source", "export_chunk_bytes", 1111)
    chunks = net.chunks()
    assert len(chunks) > 10
    assert {len(chunk) for chunk in chunks[:-1]} == {1111}
    assert len(records(b"".join(chunks))) == COUNT


def test_export_filters(net: Net) -> None:
    carol, alice = net.party("Carol"), net.party("Alice")
    assert len(records(b"".join(net.chunks(party_ids=[carol])))) == 20
    assert len(records(b"".join(net.chunks(party_ids=[carol, alice])))) == COUNT
    assert len(records(b"".join(net.chunks(excluded_stakeholder_ids=[carol])))) == COUNT - 20
    assert len(records(b"".join(net.chunks(synchronizer_id=net.old)))) == COUNT
    first = ledger_end(net.source) - COUNT + 1
    assert len(records(b"".join(net.chunks(ledger_offset=first)))) == 1


def test_an_export_that_breaks_off(net: Net) -> None:
    net.network.set("source", "export_chunk_bytes", 1000)
    net.network.set("source", "export_abort_after_chunks", 3)
    with pytest.raises(CallFailed) as caught:
        net.chunks()
    assert caught.value.code == "UNAVAILABLE"


def test_import_brings_everything_and_again_nothing(net: Net) -> None:
    snapshot = net.snapshot()
    before = ledger_end(net.target)
    net.load(snapshot, workflow_id_prefix="move")
    found = active(net.target)
    assert active_ids(net.target) == active_ids(net.source)
    of_how_many = f"-{COUNT}" if net.buffered else ""
    assert [each["workflow_id"] for each in found] == [f"move-{number}{of_how_many}" for number in range(1, COUNT + 1)]
    assert {each["active_contract"]["synchronizer_id"] for each in found} == {net.new}
    assert ledger_end(net.target) == before + COUNT
    net.load(snapshot, workflow_id_prefix="again")
    assert active(net.target) == found
    assert ledger_end(net.target) == before + COUNT
    assert len(active_ids(net.target, net.party("Carol"))) == 20


def test_import_completes_what_is_there_in_part(net: Net) -> None:
    net.load(net.snapshot(party_ids=[net.party("Carol")]))
    assert len(active_ids(net.target)) == 20
    net.load(net.snapshot())
    assert sorted(active_ids(net.target)) == sorted(active_ids(net.source))


def test_contracts_of_another_synchronizer_are_refused_or_dropped_without_a_word(net: Net) -> None:
    end = ledger_end(net.target)
    if net.buffered:
        failure = net.refused(b"".join(net.chunks()))
        assert failure.reason == "IMPORT_ACS_ERROR"
        assert "Not able to find synchronizer alias for old::1220" in failure.text
    else:
        net.load(b"".join(net.chunks()))
    assert active_ids(net.target) == []
    assert ledger_end(net.target) == end


def test_excluded_stakeholders(net: Net) -> None:
    net.load(net.snapshot(), excluded_stakeholder_ids=[net.party("Alice")])
    assert len(active_ids(net.target)) == 20


def test_import_while_connected(net: Net) -> None:
    net.target.admin(f"{CONNECTIVITY}/ReconnectSynchronizer", {"synchronizer_alias": "new"})
    failure = net.refused(net.snapshot())
    assert failure.reason == "IMPORT_ACS_ERROR"
    assert "There are still synchronizers connected" in failure.text


def test_import_without_the_package(net: Net) -> None:
    net.clients["bare"].admin(f"{CONNECTIVITY}/DisconnectAllSynchronizers")
    failure = net.refused(net.snapshot(), "bare")
    assert (failure.code, failure.reason) == ("INVALID_ARGUMENT", "IMPORT_ACS_ERROR")
    assert "Could not select a representative package-id" in failure.text
    assert active_ids(net.clients["bare"]) == []


def test_import_into_memory_storage(net: Net) -> None:
    net.clients["volatile"].admin(f"{CONNECTIVITY}/DisconnectAllSynchronizers")
    failure = net.refused(net.snapshot(), "volatile")
    assert "is in memory which is not supported by repair" in failure.text


def test_import_for_an_unknown_synchronizer(net: Net) -> None:
    if net.buffered:
        pytest.skip("3.4 is not asked for one synchronizer")
    assert net.refused(net.snapshot(), synchronizer_id=net.old).reason == "IMPORT_ACS_ERROR"


def test_archived_contracts_are_refused_with_all_the_others(net: Net) -> None:
    snapshot = net.snapshot()
    net.load(packed(records(snapshot)[:2]))
    first, second = active_ids(net.target)
    with net.network.store.write() as db:
        ledger.end(db, "target", [bytes.fromhex(second)], "archived")
    failure = net.refused(snapshot)
    assert failure.reason == "IMPORT_ACS_ERROR"
    assert f"Cannot add previously archived contract ContractId({second})" in failure.text
    assert active_ids(net.target) == [first]
    with net.network.store.write() as db:  # the other tests want to import it
        db.execute("UPDATE contract SET ended_by = 'purged' WHERE contract_id = ?", (bytes.fromhex(second),))


def test_a_changed_contract_is_not_authentic(net: Net) -> None:
    entries = records(net.snapshot())
    blob = entries[7].created_event.created_event_blob
    entries[7].created_event.created_event_blob = blob.replace(b"Alice", b"Alicf")
    assert "Failed to authenticate contract with id" in net.refused(packed(entries)).text
    assert active_ids(net.target) == []


def test_other_content_under_a_known_id(net: Net) -> None:
    entries = records(net.snapshot())[:1]
    net.load(packed(entries))
    blob = entries[0].created_event.created_event_blob
    entries[0].created_event.created_event_blob = blob.replace(b"Alice", b"Alicf")
    failure = net.refused(packed(entries), contract_import_mode=ACCEPT)
    assert failure.reason == "IMPORT_ACS_ERROR"
    assert "exists in participant contract store" in failure.text


def test_reassigned_contracts_are_refused(net: Net) -> None:
    entries = records(net.snapshot())[:1]
    entries[0].reassignment_counter = 1
    assert "reassignment counter" in net.refused(packed(entries)).text


def test_accept_mode_keeps_the_representative_package(net: Net) -> None:
    entries = records(net.snapshot())[:1]
    entries[0].created_event.representative_package_id = "ff" * 32
    assert "Accept" in net.refused(packed(entries), contract_import_mode=ACCEPT).text
    net.load(packed(entries))
    (found,) = active(net.target)
    event = found["active_contract"]["created_event"]
    assert event["representative_package_id"] == event["template_id"]["package_id"]


def test_records_that_are_none(net: Net) -> None:
    failure = net.refused(b"".join(write_snapshot([b"\xff\xff\xff"])))
    assert failure.reason == "PROTO_DESERIALIZATION_FAILURE"


@pytest.mark.parametrize("cut", [1, 9, 4000])
def test_a_cut_snapshot_leaves_nothing(net: Net, cut: int) -> None:
    failure = net.refused(net.snapshot()[:-cut])
    assert failure.reason == "PROTO_DESERIALIZATION_FAILURE"
    assert failure.metadata["reason"] == "OtherError(null)"
    assert active_ids(net.target) == []


def test_an_altered_snapshot_leaves_nothing(net: Net) -> None:
    snapshot = net.snapshot()
    for position in (100, len(snapshot) // 2, len(snapshot) - 6):
        altered = bytearray(snapshot)
        altered[position] ^= 4
        failure = net.refused(bytes(altered))
        assert failure.reason == "PROTO_DESERIALIZATION_FAILURE"
        assert active_ids(net.target) == []


def test_an_import_that_breaks_off_leaves_nothing(net: Net) -> None:
    net.network.set("target", "import_abort_after_bytes", 30_000)
    assert net.refused(net.snapshot(), piece=10_000).code == "UNAVAILABLE"
    assert active_ids(net.target) == []
    net.network.set("target", "import_abort_after_bytes", None)
    net.load(net.snapshot())
    assert len(active_ids(net.target)) == COUNT


def test_an_empty_upload_does_nothing(net: Net) -> None:
    if net.buffered:
        with pytest.raises(CallFailed) as caught:
            net.target.admin(f"{REPAIR}/ImportAcs", [])
        assert caught.value.code == "UNKNOWN"
        return
    assert net.target.admin(f"{REPAIR}/ImportAcs", []) == {}


def test_an_import_that_is_killed_leaves_nothing(net: Net) -> None:
    net.network.set("target", "import_ms_per_chunk", 300)
    snapshot = net.snapshot()
    failures: list[CallFailed] = []
    upload = threading.Thread(target=lambda: failures.append(net.refused(snapshot, piece=5_000)))
    upload.start()
    time.sleep(1)
    net.network.kill_node("target")
    upload.join(timeout=60)
    assert failures[0].code == "UNAVAILABLE"
    net.network.start_node("target")
    assert active_ids(net.target) == []


def test_what_was_imported_survives_a_kill(net: Net) -> None:
    net.load(net.snapshot())
    end = ledger_end(net.target)
    net.network.kill_node("target")
    net.network.start_node("target")
    assert active_ids(net.target) == active_ids(net.source)
    assert ledger_end(net.target) >= end


def test_purge(net: Net) -> None:
    net.load(net.snapshot())
    gone, *left = active_ids(net.target)
    net.purge([gone])
    assert active_ids(net.target) == left
    with pytest.raises(CallFailed) as caught:
        net.purge([left[0], gone])
    assert caught.value.reason == "CONTRACT_PURGE_ERROR"
    assert active_ids(net.target) == left
    net.purge([left[0], gone], ignore_already_purged=True)
    assert active_ids(net.target) == left[1:]
    net.load(net.snapshot())
    assert sorted(active_ids(net.target)) == sorted([gone, *left])


def test_purge_while_connected(net: Net) -> None:
    net.load(net.snapshot())
    net.target.admin(f"{CONNECTIVITY}/ReconnectSynchronizer", {"synchronizer_alias": "new"})
    with pytest.raises(CallFailed) as caught:
        net.purge(active_ids(net.target))
    assert caught.value.reason == "CONTRACT_PURGE_ERROR"
    assert "There are still synchronizers connected" in caught.value.text
