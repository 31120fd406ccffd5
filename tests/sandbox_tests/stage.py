# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network of the sandbox to which recordings of real nodes are played.

The recordings lie outside of the checkout: in `shared/recordings` beside it, or where LEDGEROPS_RECORDINGS points.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox_tests.replay import Replay

from sandbox.cli.network import Network
from sandbox.v30.requests import CONNECTIVITY, WRITE
from sandbox.wire import definitions
from sandbox.wire.client import CallFailed, Participant
from sandbox.wire.release import release

RECORDINGS = Path(os.environ.get("LEDGEROPS_RECORDINGS", Path(__file__).resolve().parents[3] / "shared" / "recordings"))
REPAIR = "admin.participant.v30.ParticipantRepairService"
SETTLE_SECONDS = 0.6


def recording(name: str) -> list[dict[str, Any]]:
    lines = (RECORDINGS / f"canton-3.5-{name}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


class Stage:
    """One network, and the recordings that are played to it in turn. `names`: node of the recordings -> participant."""

    def __init__(self, network: Network, names: dict[str, str]) -> None:
        self.network = network
        self.messages = definitions.messages(release("3.5"))
        self.replay = Replay(self.messages)
        self.names = names
        self.differences: list[str] = []
        # the node whose contracts are exported; its synchronizer has the same name
        self.source = "old"
        # recorded snapshot of a party -> the sandbox's
        self._party_acs: dict[str, str] = {}
        participants = network.info()["participants"]
        self._clients = {node: Participant(participants[name]) for node, name in names.items()}

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def call(self, node: str, rpc: str, request: Any = None) -> Any:
        client = self._clients[node]
        return (client.ledger if rpc.startswith(("com.daml.", "v2.")) else client.admin)(rpc, request)

    def _exchange(self, node: str, rpc: str, request: Any) -> dict[str, Any]:
        try:
            return {"response": self.call(node, rpc, request)}
        except CallFailed as error:
            answer = {"code": error.code, "details": error.text}
            return {"error": answer if error.details is None else {**answer, "status_details": error.details}}

    def uid(self, node: str) -> str:
        return str(self.network.info()["participants"][self.names[node]]["uid"])

    def synchronizer(self, name: str) -> str:
        return str(self.network.info()["synchronizers"][name]["id"])

    def knob(self, node: str, key: str, value: Any) -> None:
        self.network.set(self.names[node], key, value)

    def play(self, name: str, directions: dict[int, Callable[[Stage], None]]) -> None:
        """`directions` are what the recorder did, unrecorded, before a line: pauses, and calls by other means."""
        for number, step in enumerate(recording(name)):
            if number in directions:
                directions[number](self)
            if "rpc" in step:
                self._step(f"{name} {number} {step['rpc'].rpartition('.')[2]} ({step.get('note', '')})", step)

    def _step(self, title: str, step: dict[str, Any]) -> None:
        node = step["node"]
        request = self.replay.request(node, step["request"])
        if step["rpc"].endswith("/ImportAcs"):
            self._put_snapshot(step["request"], request)
        if step["rpc"].endswith("/ImportPartyAcs"):
            request[0]["acs_snapshot"] = self._party_acs[step["request"][0]["acs_snapshot"]]
        answer = self._exchange(node, step["rpc"], request)
        if step["rpc"].endswith("/ExportPartyAcs") and "response" in answer:
            self._party_acs[step["response"][0]["chunk"]] = answer["response"][0]["chunk"]
        recorded = _recorded_answer(step)
        recorded, answer = _without_system_packages(recorded), _without_system_packages(answer)
        self.differences += [f"{title} {each}" for each in self.replay.differences(node, recorded, answer)]

    # --- snapshots

    def _put_snapshot(self, recorded: list[Any], request: list[Any]) -> None:
        """The sandbox's own export in place of the recorded snapshot, cut, altered and divided in the same way."""
        pieces = [base64.b64decode(each["acs_snapshot"]) for each in recorded]
        whole = b"".join(pieces)
        snapshot = self.replay.damaged(whole)
        named = self.replay.synchronizers_in(whole) if snapshot is None else set()
        if named:
            snapshot = self.export({self.replay.text(each) for each in named})
            self.differences += self.replay.pair_snapshots(self.source, whole, snapshot)
        for piece, message in zip(pieces, request, strict=True):
            sent, snapshot = (snapshot[: len(piece)], snapshot[len(piece) :]) if snapshot else (piece, None)
            message["acs_snapshot"] = base64.b64encode(sent).decode()
        if snapshot:
            last = base64.b64decode(request[-1]["acs_snapshot"])
            request[-1]["acs_snapshot"] = base64.b64encode(last + snapshot).decode()

    def export(self, targets: set[str]) -> bytes:
        (target,) = targets
        end = self.call(self.source, "v2.StateService/GetLedgerEnd")["offset"]
        renames = {self.synchronizer(self.source): {"target_synchronizer_id": target}}
        parties = [f"{name}::{self.uid('old').partition('::')[2]}" for name in ("Alice", "Bob")]
        request = {"ledger_offset": end, "party_ids": parties, "contract_synchronizer_renames": renames}
        answers = self.call(self.source, f"{REPAIR}/ExportAcs", request)
        return b"".join(base64.b64decode(each["chunk"]) for each in answers)

    # --- what several directions need

    def host(self, *parties: str) -> None:
        for party in parties:
            hosting = {"participant_uid": self.uid("new"), "permission": "PARTICIPANT_PERMISSION_SUBMISSION"}
            mapping = {"party_to_participant": {"party": party, "threshold": 1, "participants": [hosting]}}
            store = {"synchronizer": {"id": self.synchronizer("new")}}
            proposal = {"change": "TOPOLOGY_CHANGE_OP_ADD_REPLACE", "mapping": mapping}
            request = {"proposal": proposal, "must_fully_authorize": True, "store": store}
            self.call("new", f"{WRITE}/Authorize", request)
        time.sleep(SETTLE_SECONDS)

    def disconnect(self) -> None:
        self.call("new", f"{CONNECTIVITY}/DisconnectAllSynchronizers")

    def reconnect(self) -> None:
        self.call("new", f"{CONNECTIVITY}/ReconnectSynchronizer", {"synchronizer_alias": "newsync"})


def _recorded_answer(step: dict[str, Any]) -> dict[str, Any]:
    """Code and text stand twice in a recorded error: beside its details and in them."""
    if "response" in step:
        return {"response": step["response"]}
    error = dict(step["error"])
    if "status_details" in error:
        assert error["status_details"]["message"] == error["details"]
        error["status_details"] = error["status_details"]["details"]
    return {"error": error}


def _without_system_packages(answer: Any) -> Any:
    """A real node brings some thirty packages of the Daml standard library with its system DAR, the sandbox a few: of
    lists of packages only those that are no system packages are compared, by their ids."""
    if isinstance(answer, dict):
        pruned = {key: _without_system_packages(value) for key, value in answer.items()}
        for key in ("packages", "package_descriptions"):
            if key in pruned:
                pruned[key] = [each for each in pruned[key] if each["package_id"] == _IOU]
        return pruned
    if isinstance(answer, list):
        return [_without_system_packages(each) for each in answer]
    return answer


# The only package that was uploaded; the sandbox holds the very same DAR.
_IOU = "6d9833be39d7021b96b6e2cd73b2826b4d6d50e120aa0ca0a85a5e65b70ebc44"
