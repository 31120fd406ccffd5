# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every participant module through real ansible-playbook, in the order of a migration: check, run, run again.

All tasks are one run, as most of a run's time is its start; the recorder takes down what the network held after each.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Sandbox, Task, task
from playbook.releases import Pair

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


@dataclass(frozen=True)
class Stage:
    """The network, and the tasks of a migration on it."""

    pair: Pair
    net: Sandbox
    folder: Path

    def both(self, source: str = "source") -> dict[str, Any]:
        return {"source": self.net.connection(source), "target": self.net.connection("target")}

    def synchronizers(self) -> dict[str, str]:
        return {"source_synchronizer": "oldsync", "target_synchronizer": "newsync"}

    def parties(self) -> list[str]:
        names = ["Alice", "Bob", *(f"client{number}" for number in range(10))]
        return sorted(self.net.party("source", name) for name in names)

    def transfer(self, state: str, **more: Any) -> Task:
        options = {**self.both(), **self.synchronizers(), "parties": self.parties(), **self.pair.options}
        path = str(self.folder / "snapshot")
        return task("participant_acs_transfer", state=state, **{"path": path, **options, **more})


def package(stage: Stage) -> Task:
    return task("participant_package", **stage.both(), **stage.synchronizers())


def delegation(stage: Stage) -> Task:
    return task("participant_namespace_delegation", **stage.both(), synchronizer="newsync")


def party(stage: Stage) -> Task:
    return task("participant_party", **stage.both(), **stage.synchronizers(), parallel=4)


def user(stage: Stage) -> Task:
    return task("participant_user", **stage.both())


def source_disconnected(stage: Stage) -> Task:
    options: dict[str, Any] = {
        "synchronizer": "oldsync",
        "state": "disconnected",
        "manual_connect": True,
        "quiet_timeout": stage.pair.quiet_timeout,
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


Step = Callable[[Stage], Task]
# Canton 2 hosts parties and vets packages while the target is disconnected, and knows the parties after it came back.
WHILE_SERVING: list[Step] = [package, delegation, party, user, source_disconnected, target_disconnected]
WHILE_OFFLINE: list[Step] = [delegation, target_disconnected, package, party, source_disconnected]


def changing(pair: Pair) -> list[Step]:
    """What a migration changes, in its order."""
    first = WHILE_OFFLINE if pair.canton_2 else WHILE_SERVING
    late = [user] if pair.canton_2 else []
    return [*first, exported, imported, target_connected, *late, third_registered]


def migration_info(stage: Stage) -> Task:
    options = {**stage.both(), **stage.synchronizers(), "path": str(stage.folder), **stage.pair.options}
    options["backup_confirmed"] = True
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


def check_run_again(step: Task, name: str) -> list[Task]:
    """In check mode, twice for real, and in check mode again."""
    tasks = [{**step, "check_mode": True}, step, step, {**step, "check_mode": True}]
    return [{**each, "name": f"{name}: {what}"} for each, what in zip(tasks, RUNS, strict=True)]


RUNS = ("check", "run", "again", "check again")


def second_participant(stage: Stage) -> list[Task]:
    """All that comes before the contracts of another participant."""
    both = stage.both("branch")
    packages = task("participant_package", **both, **stage.synchronizers())
    delegated = task("participant_namespace_delegation", **both, synchronizer="newsync")
    hosted = task("participant_party", "host Carol", **both, **stage.synchronizers())
    away = task(
        "participant_synchronizer", **both["source"], state="disconnected", quiet_timeout=stage.pair.quiet_timeout
    )
    offline = target_disconnected(stage)
    if stage.pair.canton_2:
        return [delegated, offline, packages, hosted, away]
    return [packages, delegated, hosted, away, offline]


def piped(stage: Stage) -> Task:
    carol = [stage.net.party("branch", "Carol")]
    return stage.transfer("transferred", path=None, parties=carol, source=stage.net.connection("branch"))


@dataclass(frozen=True)
class Story:
    """What a run of all tasks came to: the results by task, and what the network held before and after each."""

    stage: Stage
    entries: dict[str, dict[str, Any]]
    before: dict[str, dict[str, str]]

    def result(self, name: str) -> dict[str, Any]:
        entry = self.entries[name]
        assert entry["outcome"] == "ok", entry["result"].get("msg")
        return dict(entry["result"])

    def changed_kinds(self, name: str) -> set[str]:
        """What was changed while this task ran."""
        before, after = self.before[name], self.entries[name]["contents"]
        return {kind for kind in before if before[kind] != after[kind]}


@pytest.fixture(scope="module")
def story(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """Every task of every test of this file; a task that fails shows in the tests that look at it."""
    net = network(pair.topology(TOPOLOGY))
    stage = Stage(pair, net, tmp_path_factory.mktemp("journal"))
    steps = changing(pair)
    # all but the one state that a migration only passes through
    everything = [step for step in steps if step is not target_disconnected]
    target_info = {**info(stage), "ledgerops.canton.participant_info": {**net.connection("target"), "gather": INFO}}
    tasks = [
        {**migration_info(stage), "name": "possible"},
        {**info(stage), "name": "source info"},
        *itertools.chain.from_iterable(check_run_again(step(stage), step.__name__) for step in steps),
        *({**step(stage), "name": f"{step.__name__}: at the end"} for step in everything),
        {**verified(stage), "name": "verified: check", "check_mode": True},
        {**ping(stage), "name": "ping: check", "check_mode": True},
        {**verified(stage), "name": "verified"},
        {**target_info, "name": "target info"},
        {**ping(stage), "name": "ping"},
        *second_participant(stage),
        *check_run_again(piped(stage), "piped"),
    ]
    beginning = net.contents()
    run = ansible.tasks(
        [{**each, "ignore_errors": True} for each in tasks], diff=True, env={"RECORDER_DATABASE": net.database}
    )
    net.stop()
    assert "Traceback" not in run.output
    held = [beginning, *(entry["contents"] for entry in run.entries)]
    named = {entry["task"]: entry for entry in run.entries}
    yield Story(stage, named, {entry["task"]: before for entry, before in zip(run.entries, held, strict=False)})


def assert_check_run_again(story: Story, name: str) -> None:
    """Check predicts the change and makes none, the run makes the predicted one, and the next run makes none."""
    predicted, made, again, checked = (story.result(f"{name}: {what}") for what in RUNS)
    assert [each["changed"] for each in (predicted, made, again, checked)] == [True, True, False, False]
    for what in ("check", "again", "check again"):
        assert not story.changed_kinds(f"{name}: {what}")
    assert made["diff"] == predicted["diff"]
    assert made["diff"]["before"] != made["diff"]["after"]
    assert again["diff"]["before"] == again["diff"]["after"]
    assert returned(predicted, AT_RUN_TIME) == returned(made, AT_RUN_TIME)


def test_a_migration_is_found_possible_and_the_info_modules_change_nothing(story: Story) -> None:
    found, seen = story.result("possible"), story.result("source info")
    stage = story.stage
    assert [item for item in found["findings"] if item["severity"] == "error"] == []
    assert found["can_migrate"] is True
    assert (found["plan"]["parties"], found["plan"]["contracts"], found["plan"]["dars"]) == (12, 180, 1)
    assert seen["identity"]["uid"] == stage.net.uid("source")
    assert seen["identity"]["kms_backed"] is (None if stage.pair.canton_2 else False)
    assert {item["party"] for item in seen["parties"]["oldsync"]} >= set(stage.parties())
    assert seen["contracts"]["active"] == 180
    assert [item["id"] for item in seen["users"]] == ["alice-app"]
    assert (found["changed"], seen["changed"]) == (False, False)
    assert not story.changed_kinds("possible") | story.changed_kinds("source info")


def shows(step: Step, capability: str) -> Any:
    return pytest.param(step, marks=pytest.mark.capability(capability), id=step.__name__)


@pytest.mark.capability("Check mode, and a second run changes nothing")
@pytest.mark.parametrize(
    "step",
    [
        shows(package, "Copy packages and vetting"),
        shows(delegation, "Delegate the namespace"),
        shows(party, "Host parties"),
        shows(user, "Copy users, rights and identity providers"),
        shows(source_disconnected, "Connect and disconnect"),
        shows(target_disconnected, "Connect and disconnect"),
        shows(exported, "Export contracts"),
        shows(imported, "Import contracts"),
        shows(target_connected, "Connect and disconnect"),
        shows(third_registered, "Register a synchronizer"),
    ],
)
def test_check_run_and_run_again(story: Story, step: Step) -> None:
    assert_check_run_again(story, step.__name__)


@pytest.mark.capability("Verify contracts")
@pytest.mark.capability("Ping")
def test_the_target_has_everything_and_can_transact(story: Story) -> None:
    stage = story.stage
    for step in changing(stage.pair):
        if step is not target_disconnected:
            assert story.result(f"{step.__name__}: at the end")["changed"] is False
            assert not story.changed_kinds(f"{step.__name__}: at the end")
    predicted, proven = story.result("verified: check"), story.result("verified")
    target = story.result("target info")
    assert returned(predicted, set()) == returned(proven, set())
    assert "success" not in story.result("ping: check")
    assert story.result("ping")["success"] is True
    assert not any(story.result(name)["changed"] for name in ("verified", "ping", "target info"))
    assert proven["contracts"] == 180
    assert proven["contracts"] == target["contracts"]["active"]
    assert proven["digest"] == target["contracts"]["digest"]
    assert {item["party"] for item in target["parties"]["newsync"]} >= set(stage.parties())
    rights = {item["id"]: item["rights"] for item in target["users"]}
    assert rights["alice-app"] == sorted(
        [f"can_act_as({stage.net.party('source', 'Alice')})", f"can_read_as({stage.net.party('source', 'Bob')})"]
    )
    for name in ("verified: check", "ping: check", "verified", "target info"):
        assert not story.changed_kinds(name)
    # a ping moves the ledger end and nothing else
    assert story.changed_kinds("ping") <= {"ledger"}


@pytest.mark.capability("See whether the keys are in a KMS")
def test_the_target_is_seen_to_be_on_a_kms(story: Story) -> None:
    backed = story.result("target info")["identity"]["kms_backed"]
    if story.stage.pair.canton_2:
        assert backed is None
        pytest.skip("no: the API of Canton 2 does not tell where a key lies")
    assert backed is True


@pytest.mark.capability("Transfer contracts through a pipe")
def test_contracts_of_a_second_participant_go_through_a_pipe(story: Story) -> None:
    stage = story.stage
    assert story.result("host Carol")["parties"] == [stage.net.party("branch", "Carol")]
    assert_check_run_again(story, "piped")
    made, again = story.result("piped: run"), story.result("piped: again")
    assert made["contracts"] == 30
    assert made["digest"] == again["digest"]
