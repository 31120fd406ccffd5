# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network that bad input is tried on, and how a refusal is asserted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playbook.harness import Ansible, Run, Sandbox, Task, task
from playbook.releases import Pair

from sandbox.v30.requests import WRITE, change, host, hosting, on

TOKEN = "a-token-that-nobody-may-read"
WRONG_TOKEN = "another-token-that-nobody-may-read"
DAR = {"name": "iou", "version": "1.0.0", "packages": 3}
TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"old": {}, "new": {}, "third": {}},
    "participants": {
        "source": {
            "connections": [{"synchronizer": "old", "alias": "oldsync"}],
            "parties": [
                "Alice",
                "Bob",
                {"id": "Foreign", "namespace": "other"},
                {"id": "Shared", "hosts": ["source", "second"]},
            ],
            "dars": [DAR],
            "contracts": [
                {"count": 300, "template": "Iou:Iou", "dar": "iou", "parties": ["Alice", "Bob"], "bytes": 200}
            ],
        },
        "second": {
            "connections": [
                {"synchronizer": "old", "alias": "oldsync"},
                {"synchronizer": "new", "alias": "newsync"},
            ]
        },
        "rootless": {"connections": [{"synchronizer": "old", "alias": "oldsync"}]},
        "target": {"crypto": "kms", "connections": [{"synchronizer": "new", "alias": "newsync"}]},
        "forgetful": {"storage": "memory", "connections": [{"synchronizer": "third", "alias": "thirdsync"}]},
        "guarded": {"tls": "server", "admin_token": TOKEN},
        "mutual": {"tls": "mutual"},
    },
}


class Stage:
    """The network, and tasks on it."""

    def __init__(self, pair: Pair, net: Sandbox, folder: Path) -> None:
        self.pair = pair
        self.net = net
        self.folder = folder
        with net.client("source") as client:
            listed = {item["party"].partition("::")[0]: item["party"] for item in client.known_parties()}
        self.foreign = listed["Foreign"]
        # hosted by source, and not to be moved by its namespace
        self.staying = ["Foreign", "Shared", *([] if pair.canton_2 else ["Joint"])]
        self.joint = "" if pair.canton_2 else self._decentralised_party()
        with net.client("rootless") as client:
            client.delete_root_key()

    def _decentralised_party(self) -> str:
        """A party of a namespace that several participants own together."""
        owner, other = (self.net.uid(name).partition("::")[2] for name in ("source", "second"))
        joint = "1220" + "d" * 64
        namespace = {"decentralized_namespace": joint, "threshold": 1, "owners": [owner, other]}
        definition = {"decentralized_namespace_definition": namespace}
        party = f"Joint::{joint}"
        store = on(self.net.synchronizer("old"))
        wait = {"wait_to_become_effective": "30s"}
        with self.net.client("source") as source, self.net.client("second") as second:
            proposal = change(definition, store, **wait)
            proposal["must_fully_authorize"] = False
            source.admin(f"{WRITE}/Authorize", {**proposal, "wait_to_become_effective": None})
            second.admin(f"{WRITE}/Authorize", proposal)
            source.admin(f"{WRITE}/Authorize", change(hosting(party, host(self.net.uid("source"))), store, **wait))
        return party

    def party(self, name: str) -> str:
        known = {"Foreign": self.foreign, "Joint": self.joint, "admin": self.net.uid("source")}
        return known.get(name) or self.net.party("source", name)

    def both(self, source: str = "source", target: str = "target") -> dict[str, Any]:
        return {"source": self.net.connection(source), "target": self.net.connection(target)}

    def host(self, *parties: str) -> Task:
        names = [self.party(name) for name in parties]
        aliases = {"source_synchronizer": "oldsync", "target_synchronizer": "newsync"}
        return task("participant_party", **self.both(), **aliases, parties=names, wait_timeout=20)

    def transfer(self, state: str, snapshot: str, target: str = "target", **more: Any) -> Task:
        options = {
            **self.both(target=target),
            "source_synchronizer": "oldsync",
            "target_synchronizer": "newsync",
            "parties": [self.party("Alice"), self.party("Bob")],
            "path": str(self.folder / snapshot),
            **self.pair.options,
        }
        options = {key: value for key, value in {**options, **more}.items() if value is not None}
        return task("participant_acs_transfer", state=state, **options)

    def disconnect(self, name: str, **more: Any) -> Task:
        return task("participant_synchronizer", **self.net.connection(name), state="disconnected", **more)

    def connect(self, name: str, alias: str) -> Task:
        return task("participant_synchronizer", **self.net.connection(name), state="connected", synchronizer=alias)

    def look(self, name: str, **other: Any) -> Task:
        """Reads the identity of a participant with connection options as given; ``None`` leaves one out."""
        options = {**self.net.connection(name), "gather": ["identity"], **other}
        return task("participant_info", **{key: value for key, value in options.items() if value is not None})


@dataclass(frozen=True)
class Case:
    """``cause`` and ``remedy`` are parts of the message.

    ``patient``: the module tries for some seconds before it gives up. ``unlike_canton_2``: why Canton 2 has no such case.
    ``canton_2_id``: the error id there, where Canton 2 tells more.
    """

    make: Callable[[Stage], Task]
    error_id: str
    cause: str
    remedy: str
    patient: bool = False
    unlike_canton_2: str = ""
    canton_2_id: str = ""

    def exists(self, pair: Pair) -> bool:
        return not (pair.canton_2 and self.unlike_canton_2)


def assert_refused(result: dict[str, Any], error_id: str, cause: str, remedy: str) -> None:
    """One clear message: what is wrong and what to do, in one piece."""
    assert result["error_id"] == error_id, result["msg"]
    assert cause in result["msg"]
    assert remedy in result["msg"]
    assert "\n" not in result["msg"]
    assert result.get("changed", False) is False


def refused(ansible: Ansible, stage: Stage, wanted: Task, error_id: str, cause: str, remedy: str) -> Run:
    """Run one task that has to be refused and that may change nothing."""
    before = stage.net.contents()
    run = ansible.tasks([wanted], succeeds=False)
    (result,) = run.failures
    assert_refused(result, error_id, cause, remedy)
    assert "Traceback" not in run.output
    assert stage.net.contents() == before
    return run


Refusals = Callable[[str], dict[str, Any]]


def all_refused(ansible: Ansible, stage: Stage, cases: dict[str, Case]) -> Refusals:
    """Run all cases in one go; none may change anything. Returns the result of each by its name."""
    before = stage.net.contents()
    tasks = {name: {**case.make(stage), "name": name} for name, case in cases.items() if case.exists(stage.pair)}
    patient = [each for name, each in tasks.items() if cases[name].patient]
    others = [each for name, each in tasks.items() if not cases[name].patient]
    run = ansible.tasks([*map(begun, patient), *map(ignoring, others), *map(awaited, patient)])
    assert "Traceback" not in run.output
    assert len(run.failures) == len(tasks)
    assert stage.net.contents() == before
    return run.result


def ignoring(wanted: Task) -> Task:
    return {**wanted, "ignore_errors": True}


def begun(wanted: Task) -> Task:
    """The task in the background, so that several wait at the same time."""
    return {**wanted, "name": f"{wanted['name']} begins", "async": 120, "poll": 0, "register": variable(wanted)}


def awaited(wanted: Task) -> Task:
    """The end of a task that was begun; has its name and result."""
    register = variable(wanted)
    return {
        "name": wanted["name"],
        "ansible.builtin.async_status": {"jid": f"{{{{ {register}.ansible_job_id }}}}"},
        "register": f"{register}_end",
        "until": f"{register}_end is finished",
        "retries": 60,
        "delay": 1,
        "ignore_errors": True,
    }


def variable(wanted: Task) -> str:
    return f"case_{wanted['name'].replace(' ', '_').replace(',', '')}"
