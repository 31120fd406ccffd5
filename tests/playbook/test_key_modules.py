# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that give a running participant keys of a KMS, through real ansible-playbook: check, run, run again, with diffs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Sandbox, Task, task

TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"one": {}},
    "kms": {"always": True},
    "participants": {
        "own": {"connections": [{"synchronizer": "one", "alias": "mainnet"}]},
        "on-kms": {"crypto": "kms", "connections": [{"synchronizer": "one", "alias": "mainnet"}]},
    },
}
RUNS = ("check", "run", "again", "check again")
# the cut comes last: afterwards the participant holds no key in force, and cannot send
STEPS = ("delegate", "map", "give up", "cut", "register")
PURPOSES = ("sequencer_authentication", "protocol", "encryption")


@dataclass(frozen=True)
class Story:
    """What one run of all tasks came to: the results by task, and what the network held before and after each."""

    entries: dict[str, dict[str, Any]]
    before: dict[str, dict[str, str]]
    arns: dict[str, str]
    output: str

    def results(self, step: str) -> list[dict[str, Any]]:
        found = [self.entries[f"{step}: {what}"] for what in RUNS]
        assert [each["outcome"] for each in found] == ["ok"] * len(RUNS), [each["result"].get("msg") for each in found]
        return [dict(each["result"]) for each in found]

    def was_written(self, name: str) -> bool:
        return bool(self.before[name] != self.entries[name]["contents"])


def create_keys(net: Sandbox) -> dict[str, str]:
    settings = net.info()["kms"]
    client: Any = boto3.client(
        "kms",
        endpoint_url=settings["endpoint"],
        region_name=settings["region"],
        aws_access_key_id=settings["aws_access_key_id"],
        aws_secret_access_key=settings["aws_secret_access_key"],
    )
    signing = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
    encrypting = {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}
    wanted = {"namespace": signing, "register": signing, **dict.fromkeys(PURPOSES, signing), "encryption": encrypting}
    return {name: str(client.create_key(**options)["KeyMetadata"]["Arn"]) for name, options in wanted.items()}


def steps_of(net: Sandbox, arns: dict[str, str]) -> dict[str, Task]:
    settings = net.info()["kms"]
    kms = {
        "region": settings["region"],
        "endpoint_url": settings["endpoint"],
        "access_key": settings["aws_access_key_id"],
        "secret_key": settings["aws_secret_access_key"],
    }
    own = {**net.connection("own"), **kms}
    keys = [{"kms_key_id": arns[purpose], "purpose": purpose} for purpose in PURPOSES]
    registration = {**net.connection("on-kms"), **kms, "kms_key_id": arns["register"], "purpose": "protocol"}
    delegation = {**own, "kms_key_id": arns["namespace"]}
    return {
        "delegate": task("participant_kms_delegation", **delegation),
        "map": task("participant_key_mapping", **own, keys=keys),
        "give up": task("participant_kms_delegation", **delegation, state="absent", give_up_key=True),
        "cut": task("participant_key_mapping", **own, keys=keys, other_keys="remove"),
        # an option called name, which is the task's own in ``task``
        "register": {"ledgerops.canton.participant_kms_key": {**registration, "name": "protocol-2"}},
    }


@pytest.fixture(scope="module")
def story(network: StartNetwork, ansible: Ansible) -> Iterator[Story]:
    net = network(TOPOLOGY)
    arns = create_keys(net)
    steps = steps_of(net, arns)
    tasks = itertools.chain.from_iterable(
        [{**each, "name": f"{name}: {what}", "check_mode": "check" in what, "ignore_errors": True} for what in RUNS]
        for name, each in steps.items()
    )
    refused = task("participant_key_mapping", **net.connection("own"), keys=[], other_keys="remove")
    beginning = net.contents()
    run = ansible.tasks(
        [*tasks, {**refused, "ignore_errors": True, "name": "incomplete"}],
        diff=True,
        env={"RECORDER_DATABASE": net.database},
    )
    net.stop()
    assert "Traceback" not in run.output
    held = [beginning, *(entry["contents"] for entry in run.entries)]
    named = {entry["task"]: entry for entry in run.entries}
    before = {entry["task"]: each for entry, each in zip(run.entries, held, strict=False)}
    yield Story(named, before, arns, run.output)


@pytest.mark.parametrize("step", STEPS)
def test_check_run_and_run_again(story: Story, step: str) -> None:
    predicted, made, again, checked = story.results(step)
    assert [each["changed"] for each in (predicted, made, again, checked)] == [True, True, False, False]
    assert not any(story.was_written(f"{step}: {what}") for what in RUNS if what != "run")
    assert story.was_written(f"{step}: run")
    assert made["diff"] == predicted["diff"] and made["diff"]["before"] != made["diff"]["after"]
    assert again["diff"]["before"] == again["diff"]["after"] == made["diff"]["after"]


def test_what_the_results_show(story: Story) -> None:
    _predicted, mapped, *_again = story.results("map")
    assert [key["kms_key_id"] for key in mapped["mapping"][:3]] == [story.arns[purpose] for purpose in PURPOSES]
    assert [key["purpose"] for key in mapped["mapping"]] == [*PURPOSES, *PURPOSES]
    assert mapped["serial"] == 2 and {key["fingerprint"] for key in mapped["mapping"][:2]} < set(mapped["signed_by"])
    delegated = story.results("delegate")[1]
    assert set(delegated["delegation"]) == {"authorized", "mainnet"} and delegated["namespace"] in mapped["signed_by"]
    assert any("does not hold" in text for text in story.results("cut")[1]["warnings"])
    assert any("final" in text for text in story.results("give up")[0]["warnings"])
    assert story.results("register")[1]["key"]["name"] == "protocol-2"


def test_a_mapping_without_a_purpose_is_refused(story: Story) -> None:
    entry = story.entries["incomplete"]
    result = entry["result"]
    assert (
        entry["outcome"] == "failed" and result["error_id"] == "mapping_incomplete" and "other_keys" in result["hint"]
    )
    assert not story.was_written("incomplete")
