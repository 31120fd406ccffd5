# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every participant module through real ansible-playbook, in the order of a migration: check, run, run again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playbook.harness import Ansible, Run, Sandbox, Task, task

TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"old": {}, "new": {}, "third": {}},
    "participants": {
        "source": {
            "connections": [{"synchronizer": "old", "alias": "oldsync"}],
            "parties": ["Alice", "Bob", {"count": 10, "prefix": "client", "annotations": {"desk": "1"}}],
            "dars": [{"name": "iou", "version": "1.0.0", "packages": 3}],
            "contracts": [
                {"count": 200, "template": "Iou:Iou", "dar": "iou", "parties": ["Alice", "Bob"], "archived": 20}
            ],
            "users": [{"id": "alice-app", "primary_party": "Alice", "act_as": ["Alice"], "read_as": ["Bob"]}],
            "idps": [
                {
                    "id": "corp",
                    "issuer": "https://issuer.example",
                    "jwks_url": "https://issuer.example/jwks.json",
                    "audience": "ledger",
                }
            ],
        },
        "branch": {
            "connections": [{"synchronizer": "old", "alias": "oldsync"}],
            "parties": ["Carol"],
            "dars": [{"name": "iou", "version": "1.0.0", "packages": 3}],
            "contracts": [{"count": 30, "template": "Iou:Iou", "dar": "iou", "parties": ["Carol"]}],
        },
        "target": {"crypto": "kms", "connections": [{"synchronizer": "new", "alias": "newsync"}]},
    },
}
# What only the run itself can know: times, the size of a compressed file, the ledger end after an import.
AT_RUN_TIME = {"exported_at", "imported_at", "bytes", "sha256", "target_offset"}
ABOUT_THE_RUN = {"changed", "diff", "invocation", "warnings", "deprecations"}


@pytest.fixture(scope="module")
def net(network: Callable[[Any], Sandbox]) -> Sandbox:
    return network(TOPOLOGY)


@dataclass(frozen=True)
class Stage:
    """The network with what the tasks of a migration need."""

    net: Sandbox
    folder: Path
    done: list[Callable[[Stage], Task]] = field(default_factory=list)

    def bring(self, ansible: Ansible, steps: list[Callable[[Stage], Task]]) -> None:
        """Run what was not run yet, so that every test can be run alone."""
        missing = [step for step in steps if step not in self.done]
        if missing:
            ansible.tasks([step(self) for step in missing])
            self.done.extend(missing)

    def pair(self, source: str = "source") -> dict[str, Any]:
        return {"source": self.net.connection(source), "target": self.net.connection("target")}

    def synchronizers(self) -> dict[str, str]:
        return {"source_synchronizer": "oldsync", "target_synchronizer": "newsync"}

    def parties(self) -> list[str]:
        names = ["Alice", "Bob", *(f"client{number}" for number in range(10))]
        return sorted(self.net.party("source", name) for name in names)

    def transfer(self, state: str) -> Task:
        options = {**self.pair(), **self.synchronizers(), "parties": self.parties()}
        return task("participant_acs_transfer", state=state, path=str(self.folder / "snapshot"), **options)


@pytest.fixture(scope="module")
def stage(net: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(net, tmp_path_factory.mktemp("journal"))


def package(stage: Stage) -> Task:
    return task("participant_package", **stage.pair(), **stage.synchronizers())


def delegation(stage: Stage) -> Task:
    return task("participant_namespace_delegation", **stage.pair(), synchronizer="newsync")


def party(stage: Stage) -> Task:
    return task("participant_party", **stage.pair(), **stage.synchronizers(), parallel=4)


def user(stage: Stage) -> Task:
    return task("participant_user", **stage.pair())


def source_disconnected(stage: Stage) -> Task:
    options: dict[str, Any] = {
        "synchronizer": "oldsync",
        "state": "disconnected",
        "manual_connect": True,
        "quiet_timeout": 20,
    }
    return task("participant_synchronizer", **stage.net.connection("source"), **options)


def target_disconnected(stage: Stage) -> Task:
    return task("participant_synchronizer", **stage.net.connection("target"), state="disconnected", manual_connect=True)


def exported(stage: Stage) -> Task:
    return stage.transfer("exported")


def imported(stage: Stage) -> Task:
    return stage.transfer("imported")


def target_connected(stage: Stage) -> Task:
    return task(
        "participant_synchronizer",
        **stage.net.connection("target"),
        synchronizer="newsync",
        state="connected",
        manual_connect=False,
    )


def third_registered(stage: Stage) -> Task:
    return task(
        "participant_synchronizer",
        **stage.net.connection("target"),
        synchronizer="thirdsync",
        state="registered",
        sequencers=[stage.net.info()["synchronizers"]["third"]["sequencer_url"]],
    )


CHANGING: list[Callable[[Stage], Task]] = [
    package,
    delegation,
    party,
    user,
    source_disconnected,
    target_disconnected,
    exported,
    imported,
    target_connected,
    third_registered,
]


def migration_info(stage: Stage) -> Task:
    options = {**stage.pair(), **stage.synchronizers(), "path": str(stage.folder)}
    return task("participant_migration_info", **options)


def info(stage: Stage) -> Task:
    return task("participant_info", **stage.net.connection("source"), gather=INFO)


def verified(stage: Stage) -> Task:
    return stage.transfer("verified")


def ping(stage: Stage) -> Task:
    return task("participant_ping", **stage.net.connection("target"), synchronizer="newsync")


INFO = ["identity", "synchronizers", "keys", "parties", "packages", "users", "contracts"]


def returned(result: dict[str, Any], without: set[str]) -> dict[str, Any]:
    """The documented return values, without ids that a node gives."""
    kept = {name: value for name, value in result.items() if name not in ABOUT_THE_RUN | without}
    if "synchronizers" in kept and isinstance(kept["synchronizers"], list):
        kept["synchronizers"] = [
            {name: value for name, value in item.items() if name not in ("id", "physical_id", "healthy")}
            for item in kept["synchronizers"]
        ]
    return {name: value for name, value in kept.items() if not name.startswith("_ansible")}


def check_run_again(ansible: Ansible, net: Sandbox, wanted: Task) -> Run:
    """Check predicts the change and makes none, the run makes the predicted one, and the next run makes none."""
    before = net.contents()
    (predicted,) = ansible.tasks([wanted], check=True, diff=True).results
    assert predicted["changed"] is True
    assert net.contents() == before

    run = ansible.tasks([wanted, wanted], diff=True)
    made, again = run.results
    assert (made["changed"], again["changed"]) == (True, False)
    assert made["diff"] == predicted["diff"]
    assert made["diff"]["before"] != made["diff"]["after"]
    assert again["diff"]["before"] == again["diff"]["after"]
    assert returned(predicted, AT_RUN_TIME) == returned(made, AT_RUN_TIME)
    settled = net.contents()
    (checked,) = ansible.tasks([wanted], check=True).results
    assert checked["changed"] is False
    assert net.contents() == settled
    return run


def test_a_migration_is_found_possible_and_the_info_modules_change_nothing(ansible: Ansible, stage: Stage) -> None:
    before = stage.net.contents()
    found, seen = ansible.tasks([migration_info(stage), info(stage)]).results
    assert found["can_migrate"] is True
    assert [item for item in found["findings"] if item["severity"] == "error"] == []
    assert (found["plan"]["parties"], found["plan"]["contracts"], found["plan"]["dars"]) == (12, 180, 1)
    assert seen["identity"]["uid"] == stage.net.uid("source")
    assert seen["identity"]["kms_backed"] is False
    assert {item["party"] for item in seen["parties"]["oldsync"]} >= set(stage.parties())
    assert seen["contracts"]["active"] == 180
    assert [item["id"] for item in seen["users"]] == ["alice-app"]
    assert (found["changed"], seen["changed"]) == (False, False)
    assert stage.net.contents() == before


@pytest.mark.parametrize("step", CHANGING, ids=lambda step: step.__name__)
def test_check_run_and_run_again(ansible: Ansible, stage: Stage, step: Callable[[Stage], Task]) -> None:
    stage.bring(ansible, CHANGING[: CHANGING.index(step)])
    check_run_again(ansible, stage.net, step(stage))
    stage.done.append(step)


def test_the_target_has_everything_and_can_transact(ansible: Ansible, stage: Stage) -> None:
    stage.bring(ansible, CHANGING)
    before = stage.net.contents()
    # all but the one state that a migration only passes through
    everything = [step(stage) for step in CHANGING if step is not target_disconnected]
    seen = {**info(stage), "ledgerops.canton.participant_info": {**stage.net.connection("target"), "gather": INFO}}
    predicted, pinged_not = ansible.tasks([verified(stage), ping(stage)], check=True).results
    run = ansible.tasks([*everything, verified(stage), ping(stage), seen])
    *_unchanged, proven, pinged, target = run.results
    assert run.changed == [False] * len(run.results)
    assert returned(predicted, set()) == returned(proven, set())
    assert "success" not in pinged_not
    assert pinged["success"] is True
    assert proven["contracts"] == 180
    assert proven["contracts"] == target["contracts"]["active"]
    assert proven["digest"] == target["contracts"]["digest"]
    assert target["identity"]["kms_backed"] is True
    assert {item["party"] for item in target["parties"]["newsync"]} >= set(stage.parties())
    rights = {item["id"]: item["rights"] for item in target["users"]}
    assert rights["alice-app"] == sorted(
        [f"can_act_as({stage.net.party('source', 'Alice')})", f"can_read_as({stage.net.party('source', 'Bob')})"]
    )
    after = stage.net.contents()
    # a ping moves the ledger end and nothing else
    assert {kind for kind in before if before[kind] != after[kind]} <= {"ledger"}


def test_contracts_of_a_second_participant_go_through_a_pipe(ansible: Ansible, stage: Stage) -> None:
    ansible.tasks([target_connected(stage)])
    pair = stage.pair("branch")
    prepare = [
        task("participant_package", **pair, **stage.synchronizers()),
        task("participant_namespace_delegation", **pair, synchronizer="newsync"),
        task("participant_party", **pair, **stage.synchronizers()),
        task("participant_synchronizer", **pair["source"], state="disconnected", quiet_timeout=20),
        target_disconnected(stage),
    ]
    assert ansible.tasks(prepare).results[2]["parties"] == [stage.net.party("branch", "Carol")]
    carol = [stage.net.party("branch", "Carol")]
    piped = task("participant_acs_transfer", state="transferred", parties=carol, **pair, **stage.synchronizers())
    run = check_run_again(ansible, stage.net, piped)
    assert run.results[0]["contracts"] == 30
    assert run.results[0]["digest"] == run.results[1]["digest"]
