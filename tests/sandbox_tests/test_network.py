# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports, reflection, tokens, TLS, connections, and the network as a program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from networks import playing

from sandbox.cli import topology_file
from sandbox.cli.topology_file import TopologyError
from sandbox.v30.requests import CONNECTIVITY, READ, STATUS, query
from sandbox.wire import client, definitions
from sandbox.wire.client import CallFailed, Client, Participant
from sandbox.wire.release import release

TOPOLOGY = {
    "synchronizers": {"old": {}, "new": {}},
    "participants": {
        "open": {"connections": [{"synchronizer": "old", "alias": "oldsync"}]},
        "slow": {"starting_ms": 1500, "connections": [{"synchronizer": "old"}]},
        "guarded": {"tls": "mutual", "admin_token": "a-token-of-the-tests"},
    },
}
PACKAGES = "com.digitalasset.canton.admin.participant.v30.PackageService"


@pytest.fixture(scope="module")
def network(make_network: Any, line: str) -> Any:
    return make_network(playing(TOPOLOGY, line))


@pytest.fixture(scope="module")
def nodes(network: Any) -> Iterator[dict[str, Participant]]:
    with client.participants(network.info()) as clients:
        yield clients


def refused(node: Participant | Client, rpc: str, request: Any = None) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        (node.admin if isinstance(node, Participant) else node.call)(rpc, request)
    return caught.value


def reflect(port: int, request: Any, line: str) -> Any:
    """One question, in the version of the protocol that this line serves."""
    package, messages = release(line).reflection, definitions.messages(release(line))
    asked = messages.cls(f"{package}.ServerReflectionRequest")(**request)
    answer = messages.cls(f"{package}.ServerReflectionResponse")
    rpc = f"/{package}.ServerReflection/ServerReflectionInfo"
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.stream_stream(rpc, lambda message: message.SerializeToString(), answer.FromString)
        return next(iter(call(iter([asked]))))


def services(port: int, line: str) -> list[str]:
    return [one.name for one in reflect(port, {"list_services": ""}, line).list_services_response.service]


def admin_port(network: Any, name: str) -> int:
    return int(network.info()["participants"][name]["admin_port"])


# Reflection.


def test_reflection_shows_what_services_need_and_no_more(network: Any, line: str) -> None:
    port = admin_port(network, "open")
    assert PACKAGES in services(port, line)
    assert "com.daml.ledger.api.v2.StateService" not in services(port, line)
    own = f"{release(line).reflection}.ServerReflection"
    for known in (PACKAGES, "com.digitalasset.canton.crypto.v30.CryptoKeyPair", own):
        answer = reflect(port, {"file_containing_symbol": known}, line)
        files = [
            descriptor_pb2.FileDescriptorProto.FromString(data)
            for data in answer.file_descriptor_response.file_descriptor_proto
        ]
        names = {file.name for file in files}
        assert names and all(set(file.dependency) <= names for file in files)
    inner = (
        "com.digitalasset.canton.version.v1.UntypedVersionedMessage",
        "com.digitalasset.canton.admin.participant.v30.ActiveContract",
        "com.daml.ledger.api.v2.StateService",
    )
    for unknown in inner:
        assert reflect(port, {"file_containing_symbol": unknown}, line).error_response.error_code == 5
    with pytest.raises(grpc.RpcError) as caught:
        reflect(port, {"list_services": ""}, "3.4" if line == "3.5" else "3.5")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_node_that_is_starting_does_not_know_its_later_services(network: Any, line: str) -> None:
    network.stop_node("slow")
    network.start_node("slow")
    port = admin_port(network, "slow")
    early = Client(port, line=line)
    assert PACKAGES not in services(port, line)
    waiting = early.call(STATUS)["not_initialized"]
    assert waiting.get("version") == (release(line).version if line == "3.5" else None)
    error = refused(early, f"{CONNECTIVITY}/ListConnectedSynchronizers")
    assert (error.code, error.text[:17]) == ("UNIMPLEMENTED", "Method not found:")
    deadline = time.monotonic() + 10
    while "status" not in early.call(STATUS):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert PACKAGES in services(port, line)
    assert early.call(STATUS)["status"]["common_status"]["version"] == release(line).version
    assert len(early.call(f"{CONNECTIVITY}/ListConnectedSynchronizers")["connected_synchronizers"]) == 1
    early.close()


# Tokens and TLS.


def test_token_and_certificate_are_demanded(network: Any, nodes: dict[str, Participant]) -> None:
    info = network.info()["participants"]["guarded"]
    assert nodes["guarded"].admin(STATUS)["status"]["active"] is True
    no_token = Participant({**info, "admin_token": None})
    wrong_token = Participant({**info, "admin_token": "wrong"})
    network.set("guarded", "token_expired", True)
    cases = [(no_token, "UNAUTHENTICATED"), (wrong_token, "PERMISSION_DENIED"), (nodes["guarded"], "UNAUTHENTICATED")]
    for participant, code in cases:
        error = refused(participant, STATUS)
        assert error.code == code
        assert error.text.startswith("An error occurred. Please contact the operator")
    network.set("guarded", "token_expired", False)
    only_ca = {key: value for key, value in info["tls"].items() if key == "ca_cert"}
    no_certificate = Participant({**info, "tls": only_ca})
    plain = Participant({**info, "tls": None})
    for participant in (no_certificate, plain):
        assert refused(participant, STATUS).code == "UNAVAILABLE"
    for participant in (no_token, wrong_token, no_certificate, plain):
        participant.close()


# Connections.


def config_of(node: Participant) -> dict[str, Any]:
    listed = node.admin(f"{CONNECTIVITY}/ListRegisteredSynchronizers")["results"]
    config: dict[str, Any] = listed[0]["config"]
    for sequencer in config["sequencer_connections"]["sequencer_connections"]:
        sequencer.pop("sequencer_id")
    return config


def test_another_synchronizer_is_registered_and_left(network: Any, nodes: dict[str, Participant], line: str) -> None:
    node = nodes["open"]
    synchronizer = network.info()["synchronizers"]["new"]
    config = config_of(node)
    config["synchronizer_alias"] = "second"
    config["manual_connect"] = True
    grpc_part = config["sequencer_connections"]["sequencer_connections"][0]["grpc"]
    grpc_part["connections"] = [synchronizer["sequencer_url"]]
    request = {"config": config, "sequencer_connection_validation": "SEQUENCER_CONNECTION_VALIDATION_ALL"}
    assert node.admin(f"{CONNECTIVITY}/ConnectSynchronizer", request) == {"connected_successfully": True}
    assert node.admin(f"{CONNECTIVITY}/ConnectSynchronizer", request) == {"connected_successfully": True}
    listed = node.admin(f"{CONNECTIVITY}/ListRegisteredSynchronizers")["results"][1]
    assert (listed["connected"], listed.get("status")) == (True, "STATUS_ACTIVE" if line == "3.5" else None)
    assert listed["physical_synchronizer_id"] == synchronizer["physical_id"]
    found = node.admin(f"{CONNECTIVITY}/GetSynchronizerId", {"synchronizer_alias": "second"})
    assert found["synchronizer_id"] == synchronizer["id"]
    alias = {"synchronizer_alias": "second"}
    for _unused in range(2):
        assert node.admin(f"{CONNECTIVITY}/DisconnectSynchronizer", alias) == {}
    for field in ("submission_request_amplification", "sequencer_connection_pool_delays"):
        without = json.loads(json.dumps(request))
        del without["config"]["sequencer_connections"][field]
        assert (
            refused(node, f"{CONNECTIVITY}/ConnectSynchronizer", without).metadata["reason"] == f"FieldNotSet({field})"
        )
    elsewhere = json.loads(json.dumps(request))
    elsewhere["config"]["synchronizer_alias"] = "third"
    connections = elsewhere["config"]["sequencer_connections"]["sequencer_connections"]
    connections[0]["grpc"]["connections"] = ["http://127.0.0.1:9"]
    error = refused(node, f"{CONNECTIVITY}/ConnectSynchronizer", elsewhere)
    assert error.reason == "FAILED_TO_CONNECT_TO_SEQUENCERS"


@pytest.mark.parametrize("rpc", ["ReconnectSynchronizer", "DisconnectSynchronizer", "GetSynchronizerId"])
def test_unknown_alias(nodes: dict[str, Participant], rpc: str) -> None:
    error = refused(nodes["open"], f"{CONNECTIVITY}/{rpc}", {"synchronizer_alias": "nope"})
    assert error.code == "NOT_FOUND"
    assert error.text == "SYNC_SERVICE_UNKNOWN_SYNCHRONIZER(11,0): The synchronizer with alias nope is unknown."
    assert error.metadata["synchronizerAlias"] == "Synchronizer 'nope'"


def test_unreachable_synchronizer(network: Any, nodes: dict[str, Participant]) -> None:
    node, alias = nodes["open"], {"synchronizer_alias": "oldsync"}
    node.admin(f"{CONNECTIVITY}/DisconnectSynchronizer", alias)
    network.set("open", "reachable", False)
    assert node.admin(f"{CONNECTIVITY}/ReconnectSynchronizer", {**alias, "retry": True}) == {}
    assert refused(node, f"{CONNECTIVITY}/ReconnectSynchronizer", alias).code == "FAILED_PRECONDITION"
    network.set("open", "reachable", True)
    assert node.admin(f"{CONNECTIVITY}/ReconnectSynchronizer", alias) == {"connected_successfully": True}


def test_restarted_node_reconnects_and_remembers(network: Any, nodes: dict[str, Participant]) -> None:
    before = nodes["open"].admin(f"{READ}/ListAll", query({"authorized": {}}))
    network.kill_node("open")
    network.start_node("open")
    with client.participants(network.info()) as fresh:
        node = fresh["open"]
        assert node.uid == nodes["open"].uid
        assert node.admin(f"{READ}/ListAll", query({"authorized": {}})) == before
        connected = node.admin(f"{CONNECTIVITY}/ListConnectedSynchronizers")["connected_synchronizers"]
        assert [one["synchronizer_alias"] for one in connected] == ["oldsync"]


def test_transactions_in_flight_are_a_knob(network: Any) -> None:
    # A channel of before the restart above would have to wait for its back-off.
    with client.participants(network.info()) as fresh:
        rpc = "admin.participant.v30.ParticipantInspectionService/CountInFlight"
        assert fresh["open"].admin(rpc) == {}
        network.set("open", "pending_transactions", 3)
        assert fresh["open"].admin(rpc) == {"pending_transactions": 3}


def test_overloaded_is_a_knob(network: Any) -> None:
    network.set("open", "overloaded", {"ListRegisteredSynchronizers": 2})
    with client.participants(network.info()) as fresh:
        rpc = f"{CONNECTIVITY}/ListRegisteredSynchronizers"
        for _call in range(2):
            error = refused(fresh["open"], rpc, {})
            assert (error.code, error.reason) == ("ABORTED", "SERVER_OVERLOADED")
        assert fresh["open"].admin(rpc)["results"]


def test_pruning_schedule_is_kept(network: Any) -> None:
    service = "admin.participant.v30.PruningService"
    schedule = {"cron": "0 0 20 * * ?", "max_duration": "3600s", "retention": "86400s"}
    with client.participants(network.info()) as fresh:
        assert fresh["open"].admin(f"{service}/GetSchedule") == {}
        fresh["open"].admin(f"{service}/SetSchedule", {"schedule": schedule})
        assert fresh["open"].admin(f"{service}/GetSchedule") == {"schedule": schedule}
        fresh["open"].admin(f"{service}/ClearSchedule")
        assert fresh["open"].admin(f"{service}/GetSchedule") == {}


# The program.


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"participants": {}}, "participants: a mapping of names is wanted"),
        ({"extra": 1}, "unknown key 'extra'"),
        ({"participants": {"a": {"crypto": "hsm"}}}, "participants.a.crypto: 'hsm' is none of jce, kms"),
        ({"participants": {"a": {"connections": [{"synchronizer": "no"}]}}}, "'no' is not among the synchronizers"),
        ({"participants": {"a": {"parties": "Alice"}}}, "participants.a.parties: a list is wanted"),
        ({"participants": {"a": {"admin_port": -1}}}, "participants.a.admin_port"),
        ({"participants": {"a": {"version": "3.4.8"}}}, "3.4.8 is no version of the line 3.5"),
        ({"participants": {"a": {"kms_keys": {"namespace": "x"}}}}, "participants.a.kms_keys"),
    ],
)
def test_topology_mistakes_are_named(change: dict[str, Any], text: str) -> None:
    topology = {"synchronizers": {"s": {}}, "participants": {"a": {}}, **change}
    with pytest.raises(TopologyError) as caught:
        topology_file.check(topology)
    assert text in str(caught.value)


def sandbox(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("end", ["stop", "SIGTERM", "SIGKILL"])
def test_up_runs_a_network_until_it_is_ended(tmp_path: Path, end: str) -> None:
    topology = tmp_path / "topology.yml"
    topology.write_text(
        "synchronizers: {s: {}}\nkms: {always: true}\nparticipants: {one: {connections: [{synchronizer: s}]}}\n"
    )
    state, ready = tmp_path / "state", tmp_path / "ready"
    with (tmp_path / "log").open("w") as log:
        up = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "up", str(topology), "--state", str(state), "--ready-file", str(ready)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert up.stdout is not None and up.stdout.readline() == "ready\n"
        assert ready.read_text().strip() == str(state / "network.json")
        info = json.loads((state / "network.json").read_text())
        assert (state / "network.json").stat().st_mode & 0o777 == 0o600
        assert sandbox("kill", "one", "--state", str(state)).returncode == 0
        assert sandbox("set", "one", "pending_submissions=1", "--state", str(state)).returncode == 0
        assert sandbox("start", "one", "--state", str(state)).returncode == 0
        twice = sandbox("start", "one", "--state", str(state))
        assert (twice.returncode, twice.stderr) == (1, "sandbox: participant one is running\n")
        now = json.loads((state / "network.json").read_text())
        assert now["participants"]["one"]["admin_port"] == info["participants"]["one"]["admin_port"]
        if end == "stop":
            assert sandbox("stop", "all", "--state", str(state)).returncode == 0
        else:
            up.send_signal(signal.Signals[end])
        up.wait(timeout=20)
        deadline = time.monotonic() + 10
        for pid in (now["participants"]["one"]["pid"], now["kms"]["pid"]):
            while not gone(pid):
                assert time.monotonic() < deadline, f"process {pid} outlived its supervisor"
                time.sleep(0.05)
        assert sandbox("stop", "one", "--state", str(state)).returncode == 1
    finally:
        if up.poll() is None:
            os.kill(up.pid, signal.SIGTERM)
            up.wait(timeout=20)
        if up.stdout is not None:
            up.stdout.close()
