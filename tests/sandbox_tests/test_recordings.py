# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox answers like the real nodes whose answers were recorded."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from sandbox_tests.replay import fingerprint
from sandbox_tests.stage import RECORDINGS, REPAIR, SETTLE_SECONDS, Stage, recording

from sandbox.cli import topology_file
from sandbox.cli.network import Network
from sandbox.v30.requests import CONNECTIVITY, READ, VAULT, WRITE

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings in {RECORDINGS}")

USERS = "v2.admin.UserManagementService"
PARTIES = "v2.admin.PartyManagementService"

# More than the recorded nodes ever waited: what is queued at that time stays queued.
_NEVER_MS = 600_000
# Bob, the second party, came into effect after the lists that follow his hosting and before the disconnect.
_BOB_MS = 2_000
_PROPOSAL_MS = 1_500
_CLEAR_MS = 2_500


def _settle(_unused: Stage) -> None:
    time.sleep(SETTLE_SECONDS)


# --- the networks


def _iou_dar(directory: Path) -> Path:
    target = directory / "iou.dar"
    answers = (each for each in recording("migration") if each.get("rpc", "").endswith("PackageService/GetDar"))
    target.write_bytes(base64.b64decode(next(answers)["response"]["payload"]))
    return target


def _two_participants(directory: Path, more: dict[str, Any] | None = None, native: Sequence[str] = ()) -> Network:
    """``more``: further participants; ``native``: parties of the new node itself."""
    topology = {
        "synchronizers": {"old": {}, "new": {}},
        "participants": {
            "participantOld": {
                "connections": [{"synchronizer": "old", "alias": "oldsync"}],
                "parties": ["Alice", "Bob"],
                "dars": [{"file": str(_iou_dar(directory))}],
                "contracts": [{"count": 20, "dar": "iou", "signatories": ["Alice"], "observers": ["Bob"]}],
            },
            "participantNew": {
                "crypto": "kms",
                "connections": [{"synchronizer": "new", "alias": "newsync"}],
                "parties": list(native),
            },
            **(more or {}),
        },
    }
    return Network(topology_file.check(topology), directory / "state", directory / "logs")


_NAMES = {"old": "participantOld", "new": "participantNew"}


def _report(stage: Stage) -> None:
    stage.close()
    assert not stage.differences, "\n".join([f"{len(stage.differences)} differences:", *stage.differences])


# --- a migration: reading, mistakes, every step of it, filters


def _as_before_the_migration(stage: Stage) -> None:
    """The recorder had tried the user and the annotation before."""
    alice, bob = (f"{name}::{stage.uid('old').partition('::')[2]}" for name in ("Alice", "Bob"))
    rights = [{"can_act_as": {"party": alice}}, {"can_read_as": {"party": bob}}]
    stage.call("old", f"{USERS}/CreateUser", {"user": {"id": "alice-app", "primary_party": alice}, "rights": rights})
    details = {"party": alice, "local_metadata": {"annotations": {"desk": "1"}}}
    update = {"party_details": details, "update_mask": "localMetadata.annotations"}
    stage.call("old", f"{PARTIES}/UpdatePartyDetails", update)


def _bob_in_a_while(stage: Stage) -> None:
    stage.knob("new", "sequencing_ms", _BOB_MS)


def _others_never(stage: Stage) -> None:
    """The two parties that follow were still on their way at the disconnect, and so were lost."""
    stage.knob("new", "sequencing_ms", _NEVER_MS)


def _until_bob_is_sequenced(stage: Stage) -> None:
    time.sleep(_BOB_MS / 1000)
    deadline = time.monotonic() + 30
    query = {"base_query": {"store": {"synchronizer": {"id": stage.synchronizer("new")}}, "head_state": {}}}
    while len(stage.call("new", f"{READ}/ListPartyToParticipant", query)["results"]) < 2:
        assert time.monotonic() < deadline, "Bob was not hosted"
        time.sleep(0.05)


def _as_usual(stage: Stage) -> None:
    stage.knob("new", "sequencing_ms", 100)


def _parties_of_the_filters(stage: Stage) -> None:
    stage.host(*(f"X1-{number}::{stage.uid('new').partition('::')[2]}" for number in range(13)))


def test_a_migration(tmp_path: Path) -> None:
    with _two_participants(tmp_path) as network:
        stage = Stage(network, _NAMES)
        stage.play("read", {})
        stage.play("refusals", {12: _settle})
        migration: dict[int, Callable[[Stage], None]] = {
            1: _as_before_the_migration,
            26: _settle,
            30: _bob_in_a_while,
            31: _others_never,
            36: _until_bob_is_sequenced,
            58: _as_usual,
            60: _settle,
        }
        stage.play("migration", migration)
        stage.play("filters", {1: _parties_of_the_filters})
        _report(stage)


# --- taking steps back, in another network


def _delegated(stage: Stage) -> None:
    """The state in which that recording begins: the delegation is in force on the new synchronizer."""
    _teach(stage, recording("rollback")[1]["request"])
    _load(stage, "new", _delegate(stage))
    time.sleep(SETTLE_SECONDS)


def _delegate(stage: Stage, source: str = "old", target: str = "new") -> list[dict[str, Any]]:
    """A namespace is delegated to another node's key; the signed delegations in the source's own store."""
    delegation = {
        "namespace": stage.uid(source).partition("::")[2],
        "target_key": _namespace_key(stage, target),
        "can_sign_all_but_namespace_delegations": {},
    }
    request = {
        "proposal": {"change": "TOPOLOGY_CHANGE_OP_ADD_REPLACE", "mapping": {"namespace_delegation": delegation}},
        "must_fully_authorize": True,
        "store": {"authorized": {}},
    }
    stage.call(source, f"{WRITE}/Authorize", request)
    query = {"base_query": {"store": {"authorized": {}}, "head_state": {}}, "include_mappings": ["nsd"]}
    items = stage.call(source, f"{READ}/ListAllV2", query)["result"]["items"]
    return [stage.replay.transaction(base64.b64decode(item["transaction"])) for item in items]


def _load(stage: Stage, node: str, transactions: list[dict[str, Any]]) -> None:
    stage.call(node, f"{WRITE}/AddTransactions", {"transactions": transactions, "store": {"authorized": {}}})


def _teach(stage: Stage, first: dict[str, Any]) -> None:
    """Nothing was learned yet when the first request is sent."""
    hosting = first["proposal"]["mapping"]["party_to_participant"]
    pairs = {
        hosting["party"]: stage.uid("old"),
        hosting["participants"][0]["participant_uid"]: stage.uid("new"),
        first["store"]["synchronizer"]["id"]: stage.synchronizer("new"),
    }
    for recorded, actual in pairs.items():
        stage.replay.tokens[recorded.partition("::")[2]] = actual.partition("::")[2]
    removal = next(each for each in recording("rollback") if each.get("note") == "remove the delegation on old")
    target = removal["request"]["proposal"]["mapping"]["namespace_delegation"]["target_key"]["public_key"]
    key = _namespace_key(stage)
    stage.replay.bytes[base64.b64decode(target)] = base64.b64decode(key["public_key"])


def _namespace_key(stage: Stage, node: str = "new") -> dict[str, Any]:
    """The public key of a node's namespace."""
    filters = {"filters": {"fingerprint": stage.uid(node).partition("::")[2]}}
    (found,) = stage.call(node, f"{VAULT}/ListMyKeys", filters)["private_keys_metadata"]
    key: dict[str, Any] = found["public_key_with_name"]["public_key"]["signing_public_key"]
    return key


def test_taking_steps_back(tmp_path: Path) -> None:
    with _two_participants(tmp_path) as network:
        dar = {"dars": [{"bytes": base64.b64encode(_iou_dar(tmp_path).read_bytes()).decode()}]}
        stage = Stage(network, _NAMES)
        stage.call("new", "admin.participant.v30.PackageService/UploadDar", dar)
        directions: dict[int, Callable[[Stage], None]] = {
            1: _delegated,
            3: Stage.disconnect,
            11: Stage.reconnect,
            21: _settle,
            25: _settle,
        }
        stage.play("rollback", directions)
        _report(stage)


# --- parties move on one synchronizer


def _pair(stage: Stage, recorded: dict[str, str]) -> None:
    """Recorded ids and what stands for them; nothing was learned yet when the first request is sent."""
    for before, now in recorded.items():
        stage.replay.tokens[before.partition("::")[2]] = now.partition("::")[2]


def _pair_ports(stage: Stage, step: dict[str, Any], synchronizer: str) -> None:
    """The sequencer of a recorded connection is that of this synchronizer."""
    recorded = step["request"]["config"]["sequencer_connections"]["sequencer_connections"][0]["grpc"]["connections"][0]
    url = stage.network.info()["synchronizers"][synchronizer]["sequencer_url"]
    stage.replay.tokens[recorded.rpartition(":")[2]] = url.rpartition(":")[2]


def _pair_delegations(stage: Stage, recorded: list[dict[str, Any]], actual: list[dict[str, Any]]) -> None:
    """Signed delegations of the same namespaces to the same keys, in any order."""

    def place(signed: dict[str, Any]) -> tuple[str, str]:
        mapping = stage.replay.transaction(base64.b64decode(signed["transaction"]))["mapping"]["namespace_delegation"]
        key = mapping["target_key"]
        return mapping["namespace"], fingerprint(base64.b64decode(key["public_key"]), key["key_spec"])

    there = {place(each): each for each in actual}
    for before in recorded:
        namespace, target = map(stage.replay.text, place(before))
        now = there[namespace, target]
        stage.replay.bytes[base64.b64decode(before["transaction"])] = base64.b64decode(now["transaction"])
        left, right = (base64.b64decode(each["signatures"][0]["signature"]) for each in (before, now))
        stage.replay.bytes[left] = right


def _pair_keys(stage: Stage, recorded: dict[str, Any], node: str) -> None:
    """A recorded public key is that of a node's namespace."""
    stage.replay.bytes[base64.b64decode(recorded["public_key"])] = base64.b64decode(
        _namespace_key(stage, node)["public_key"]
    )


def _on_the_way(stage: Stage) -> None:
    """The first proposal was not there yet when the new node listed it and disconnected."""
    stage.knob("old", "sequencing_ms", _PROPOSAL_MS)


def _proposal_is_there(stage: Stage) -> None:
    time.sleep(_PROPOSAL_MS / 1000 + SETTLE_SECONDS)
    stage.knob("old", "sequencing_ms", 100)


def _flag_is_cleared(stage: Stage) -> None:
    deadline = time.monotonic() + 30
    query = {"base_query": {"store": {"synchronizer": {"id": stage.synchronizer("old")}}, "head_state": {}}}
    while "'onboarding'" in repr(stage.call("old", f"{READ}/ListPartyToParticipant", query)):
        assert time.monotonic() < deadline, "the onboarding flag stays"
        time.sleep(0.05)


def _delegated_before(stage: Stage) -> None:
    """A migration by delegation to another synchronizer had gone before."""
    steps = recording("same-synchronizer")
    _pair_ports(stage, steps[2], "old")
    mapping = steps[6]["request"]["proposal"]["mapping"]["party_to_participant"]
    _pair(
        stage,
        {
            mapping["party"]: stage.uid("old"),
            mapping["participants"][1]["participant_uid"]: stage.uid("new"),
            steps[6]["request"]["store"]["synchronizer"]["id"]: stage.synchronizer("old"),
        },
    )
    _pair_keys(stage, steps[3]["request"]["proposal"]["mapping"]["namespace_delegation"]["target_key"], "new")
    signed = _delegate(stage)
    _load(stage, "new", signed)
    _pair_delegations(stage, steps[4]["request"]["transactions"], signed)


def test_parties_move_on_one_synchronizer(tmp_path: Path) -> None:
    with _two_participants(tmp_path) as network:
        dar = {"dars": [{"bytes": base64.b64encode(_iou_dar(tmp_path).read_bytes()).decode()}]}
        stage = Stage(network, _NAMES)
        stage.call("new", "admin.participant.v30.PackageService/UploadDar", dar)
        stage.knob("new", "onboarding_clear_ms", _CLEAR_MS)
        bob: dict[int, Callable[[Stage], None]] = {
            1: _delegated_before,
            5: _settle,
            6: _on_the_way,
            10: _proposal_is_there,
            21: _flag_is_cleared,
        }
        stage.play("same-synchronizer", bob)
        alice: dict[int, Callable[[Stage], None]] = {3: _settle, 16: _flag_is_cleared}
        stage.play("same-synchronizer-2", alice)
        _report(stage)


# --- the way back to a fresh participant


def _migrated_before(stage: Stage) -> None:
    """Alice, Bob and their contracts are on the new node; the old one is connected to nothing; both have delegated
    their namespaces to the third."""
    alice, bob = (f"{name}::{stage.uid('old').partition('::')[2]}" for name in ("Alice", "Bob"))
    _load(stage, "new", _delegate(stage))
    time.sleep(SETTLE_SECONDS)
    stage.host(alice, bob)
    snapshot = stage.export({stage.synchronizer("new")})
    stage.disconnect()
    request = {
        "acs_snapshot": base64.b64encode(snapshot).decode(),
        "contract_import_mode": "CONTRACT_IMPORT_MODE_VALIDATION",
        "synchronizer_id": stage.synchronizer("new"),
    }
    stage.call("new", f"{REPAIR}/ImportAcs", [request])
    stage.reconnect()
    stage.call("old", f"{CONNECTIVITY}/DisconnectAllSynchronizers")
    steps = recording("reverse")
    _pair_ports(stage, steps[2], "old")
    delegations = [steps[line]["request"]["proposal"]["mapping"]["namespace_delegation"] for line in (3, 4)]
    there = {
        steps[1]["response"]["unique_identifier"]: stage.uid("back"),
        f"old::{delegations[0]['namespace']}": stage.uid("old"),
        f"new::{delegations[1]['namespace']}": stage.uid("new"),
        steps[8]["request"]["base_query"]["store"]["synchronizer"]["id"]: stage.synchronizer("old"),
    }
    _pair(stage, there)
    _pair_keys(stage, delegations[0]["target_key"], "back")
    signed = [*_delegate(stage, "old", "back"), *_delegate(stage, "new", "back")]
    _pair_delegations(stage, steps[7]["request"]["transactions"], signed)
    stage.source = "new"


def test_the_way_back_to_a_fresh_participant(tmp_path: Path) -> None:
    dars = {"dars": [{"file": str(_iou_dar(tmp_path))}]}
    back = {"participantPrv": {"key_spec": "ec_p256", **dars}}
    with _two_participants(tmp_path, back, native=["Native"]) as network:
        stage = Stage(network, {**_NAMES, "back": "participantPrv"})
        dar = {"dars": [{"bytes": base64.b64encode(_iou_dar(tmp_path).read_bytes()).decode()}]}
        stage.call("new", "admin.participant.v30.PackageService/UploadDar", dar)
        stage.play("reverse", {1: _migrated_before, 8: _settle})
        _report(stage)


# --- identity of a KMS participant


def _keys_in_the_kms(stage: Stage) -> None:
    kms = stage.network.info()["kms"]
    client = boto3.client(
        "kms",
        endpoint_url=kms["endpoint"],
        region_name=kms["region"],
        aws_access_key_id=kms["aws_access_key_id"],
        aws_secret_access_key=kms["aws_secret_access_key"],
    )
    for step in recording("identity"):
        recorded = step.get("request", {}).get("kms_key_id")
        if recorded:
            encryption = step["rpc"].endswith("RegisterKmsEncryptionKey")
            spec: Any
            usage: Any
            spec, usage = ("RSA_2048", "ENCRYPT_DECRYPT") if encryption else ("ECC_NIST_P256", "SIGN_VERIFY")
            made = client.create_key(KeySpec=spec, KeyUsage=usage)
            stage.replay.tokens[recorded] = made["KeyMetadata"]["KeyId"]


def _until_initialised(stage: Stage) -> None:
    deadline = time.monotonic() + 30
    status = "admin.participant.v30.ParticipantStatusService/ParticipantStatus"
    while "status" not in stage.call("manual", status):
        assert time.monotonic() < deadline, "the node did not initialise itself"
        time.sleep(0.1)


def test_identity_of_a_kms_participant(tmp_path: Path) -> None:
    topology = {
        "synchronizers": {"new": {}},
        "participants": {
            "participantMan": {"crypto": "kms", "identity": "manual"},
            "participantPrv": {"key_spec": "ec_p256", "preview_commands": True},
        },
    }
    with Network(topology_file.check(topology), tmp_path / "state", tmp_path / "logs") as network:
        stage = Stage(network, {"manual": "participantMan", "jce-p256": "participantPrv"})
        directions: dict[int, Callable[[Stage], None]] = {1: _keys_in_the_kms, 17: _until_initialised}
        stage.play("identity", directions)
        _report(stage)
