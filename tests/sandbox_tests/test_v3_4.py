# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Canton 3.4 does otherwise than 3.5, and contracts that move between the two
(docs/canton/canton-3-4.md#arguments-of-an-import, docs/canton/canton-3-4.md#import-in-batches)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from networks import MakeNetwork
from sandbox_tests.canton_3 import ACCEPT, REPAIR, STATE, VALIDATION, active, active_ids, ledger_end, packed, records

from sandbox.cli.control import NetworkError
from sandbox.cli.network import Network, prune
from sandbox.state import ledger
from sandbox.v30.requests import CONNECTIVITY, STATUS
from sandbox.wire import client
from sandbox.wire.client import CallFailed, Participant

RECOMPUTATION = "CONTRACT_IMPORT_MODE_RECOMPUTATION"
BATCH = 1000
ON_NEW = 3
DAR = {"name": "sandbox-iou", "version": "1.0.0"}
IOU = {"dar": "sandbox-iou", "parties": ["Alice"]}
BOTH = [{"synchronizer": "old"}, {"synchronizer": "new"}]
TOPOLOGY = {
    "synchronizers": {"old": {"protocol_version": 34}, "new": {"protocol_version": 34}, "newest": {}},
    "participants": {
        "source": {
            "release": "3.4",
            "connections": BOTH,
            "parties": ["Alice"],
            "dars": [DAR],
            "contracts": [
                {"count": ON_NEW, "synchronizer": "new", **IOU},
                {"count": BATCH + 20, "synchronizer": "old", **IOU},
            ],
        },
        "target": {"release": "3.4", "version": "3.4.8", "connections": BOTH, "dars": [DAR]},
        "later": {"connections": [{"synchronizer": "new"}, {"synchronizer": "newest"}], "dars": [DAR]},
    },
}


class Net:
    def __init__(self, network: Network, clients: dict[str, Participant]) -> None:
        self.network = network
        self.source, self.target, self.later = clients["source"], clients["target"], clients["later"]
        synchronizers = network.info()["synchronizers"]
        self.new = synchronizers["new"]["id"]
        self.newest_url = synchronizers["newest"]["sequencer_url"]

    def snapshot(self, participant: Participant, **request: Any) -> bytes:
        request["ledger_offset"] = ledger_end(participant)
        return b"".join(base64.b64decode(one["chunk"]) for one in participant.admin(f"{REPAIR}/ExportAcs", request))


def load(participant: Participant, *requests: tuple[bytes, dict[str, Any]]) -> Any:
    """ImportAcs with these pieces and their arguments."""
    messages = [{"acs_snapshot": base64.b64encode(piece).decode(), **arguments} for piece, arguments in requests]
    return participant.admin(f"{REPAIR}/ImportAcs", messages)


def refused(call: Any, *arguments: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call(*arguments)
    return caught.value


@pytest.fixture(scope="module")
def running(make_network: MakeNetwork) -> Iterator[Net]:
    network = make_network(TOPOLOGY)
    with client.participants(network.info()) as clients:
        yield Net(network, clients)


@pytest.fixture
def net(running: Net) -> Net:
    """The network with empty, disconnected targets."""
    for participant in (running.target, running.later):
        participant.admin(f"{CONNECTIVITY}/DisconnectAllSynchronizers")
        for alias in ("old", "new"):
            left = [each["active_contract"] for each in active(participant)]
            ids = [
                each["created_event"]["contract_id"]
                for each in left
                if each["synchronizer_id"].startswith(f"{alias}::")
            ]
            if ids:
                participant.admin(f"{REPAIR}/PurgeContracts", {"synchronizer_alias": alias, "contract_ids": ids})
    return running


def test_versions_of_one_line(net: Net) -> None:
    versions = [one.admin(STATUS)["status"]["common_status"]["version"] for one in (net.source, net.target)]
    assert versions == ["3.4.12", "3.4.8"]
    assert net.source.admin(STATUS)["status"]["supported_protocol_versions"] == [34]


def test_a_newer_synchronizer_is_not_joined(net: Net) -> None:
    config = net.source.admin(f"{CONNECTIVITY}/ListRegisteredSynchronizers")["results"][0]["config"]
    config["synchronizer_alias"] = "newest"
    sequencer = config["sequencer_connections"]["sequencer_connections"][0]
    sequencer["grpc"]["connections"] = [net.newest_url]
    sequencer.pop("sequencer_id", None)
    request = {"config": config, "sequencer_connection_validation": "SEQUENCER_CONNECTION_VALIDATION_ALL"}
    error = refused(net.source.admin, f"{CONNECTIVITY}/ConnectSynchronizer", request)
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "SYNCHRONIZER_HANDSHAKE_FAILED")


def test_one_import_serves_all_synchronizers_of_the_snapshot(net: Net) -> None:
    mode = {"contract_import_mode": VALIDATION, "workflow_id_prefix": "move"}
    assert load(net.target, (net.snapshot(net.source), mode)) == {}
    assert sorted(active_ids(net.target)) == sorted(active_ids(net.source))
    found = {each["active_contract"]["created_event"]["contract_id"]: each for each in active(net.target)}
    workflows = [found[one]["workflow_id"] for one in active_ids(net.source)]
    assert workflows[:ON_NEW] == [f"move-{i}-{ON_NEW}" for i in range(1, ON_NEW + 1)]
    # Each batch counts for itself.
    batches = [(i, n) for n in (BATCH, 20) for i in range(1, n + 1)]
    assert workflows[ON_NEW:] == [f"move-{i}-{n}" for i, n in batches]


def test_every_message_repeats_the_arguments(net: Net) -> None:
    snapshot = net.snapshot(net.source, synchronizer_id=net.new)
    mode = {"contract_import_mode": VALIDATION, "workflow_id_prefix": "a"}
    first, second = snapshot[:50], snapshot[50:]
    error = refused(load, net.target, (first, mode), (second, {**mode, "workflow_id_prefix": "b"}))
    assert (error.code, error.details) == ("UNKNOWN", None)
    assert "cannot be changed from a to b" in error.text
    error = refused(load, net.target, (first, mode), (second, {**mode, "contract_import_mode": ACCEPT}))
    assert "cannot be changed from 2 to 1" in error.text
    for arguments in ({}, {"workflow_id_prefix": "a"}):
        assert refused(load, net.target, (first, mode), (second, arguments)).code == "UNKNOWN"
    assert active_ids(net.target) == []
    load(net.target, (first, mode), (second, mode))
    assert len(active_ids(net.target)) == ON_NEW


def test_batches_before_a_refusal_stay(net: Net) -> None:
    snapshot, mode = net.snapshot(net.source), {"contract_import_mode": VALIDATION}
    last = active_ids(net.source)[-1]
    load(net.target, (packed(records(snapshot)[-1:]), mode))
    with net.network.store.write() as db:
        ledger.end(db, "target", [bytes.fromhex(last)], "archived")
    assert "Cannot add previously archived contract" in refused(load, net.target, (snapshot, mode)).text
    assert active_ids(net.target) == active_ids(net.source)[: ON_NEW + BATCH]
    with net.network.store.write() as db:  # the other tests want to import it
        db.execute("UPDATE contract SET ended_by = 'purged' WHERE contract_id = ?", (bytes.fromhex(last),))


def test_recomputed_ids_are_told(net: Net) -> None:
    changed, same = records(net.snapshot(net.source, synchronizer_id=net.new))[:2]
    blob = changed.created_event.created_event_blob
    changed.created_event.created_event_blob = blob.replace(b"Alice", b"Alicf")
    snapshot = packed([changed, same])
    error = refused(load, net.target, (snapshot, {"contract_import_mode": VALIDATION}))
    assert "Failed to authenticate contract with id" in error.text
    answer = load(net.target, (snapshot, {"contract_import_mode": RECOMPUTATION}))
    renamed = answer["contract_id_mappings"]
    assert list(renamed) == [changed.created_event.contract_id]
    assert sorted(active_ids(net.target)) == sorted([*renamed.values(), same.created_event.contract_id])


def test_pruning_before_3_4_9_loses_imported_contracts(net: Net) -> None:
    snapshot, mode = net.snapshot(net.source, synchronizer_id=net.new), {"contract_import_mode": VALIDATION}
    store = net.network.store
    for name, participant, more in (("later", net.later, {"synchronizer_id": net.new}), ("target", net.target, {})):
        load(participant, (snapshot, {**mode, **more}))
        end = ledger_end(participant)
        prune(store, name, end - 1)
        assert participant.ledger(f"{STATE}/GetLatestPrunedOffsets") == {
            "participant_pruned_up_to_inclusive": str(end - 1)
        }
        error = refused(participant.admin, f"{REPAIR}/ExportAcs", {"ledger_offset": end - 2})
        assert error.reason == "INVALID_ARGUMENT_REPAIR"
    assert active_ids(net.later) == active_ids(net.source)[:ON_NEW]
    assert active_ids(net.target) == active_ids(net.source)[ON_NEW - 1 : ON_NEW]
    with pytest.raises(NetworkError):
        prune(store, "target", ledger_end(net.target) + 1)


def test_contracts_move_between_the_lines(net: Net) -> None:
    snapshot = net.snapshot(net.source, synchronizer_id=net.new)
    mode = {"contract_import_mode": VALIDATION}
    load(net.later, (snapshot, {"synchronizer_id": net.new, **mode}))
    assert active_ids(net.later) == active_ids(net.source)[:ON_NEW]
    load(net.target, (net.snapshot(net.later), mode))
    assert active_ids(net.target) == active_ids(net.later)
