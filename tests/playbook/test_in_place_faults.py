# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration in place that is killed at every step, and everything that can go wrong at the restart."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible
from playbook.in_place import BANK, NEIGHBOUR, ROLLBACK, InPlace, topology
from playbook.playing import Playing
from playbook.releases import MATRIX, Pair

CANTON_3 = tuple(pair for pair in MATRIX if pair.within and not pair.canton_2)
PAIR_35 = CANTON_3[:1]


@pytest.fixture
def start(network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path) -> Any:
    def begin(options: dict[str, Any] | None = None, **bank: Any) -> InPlace:
        return InPlace(network(topology(pair, **bank)), ansible, tmp_path, options or {})

    return begin


@pytest.mark.pairs(PAIR_35)
@pytest.mark.fault(
    "messages for a key that the participant does not have yet, in place", "between cut and restart", "resumes"
)
def test_born_under_traffic(start: Any) -> None:
    """The participant may end itself at a message for the new key, before it is disconnected. Nothing is lost."""
    place = start(preview_commands=False)
    before = place.contracts()
    with place.traffic() as made:
        codes: list[int] = []
        while not codes or (codes[-1] and len(codes) < 4):
            code, output = Playing(place, "", place.arguments()).finish()
            codes.append(code)
        assert codes[-1] == 0, output
    assert place.on_kms() and made and place.contracts() == before | set(made)


@pytest.mark.pairs(PAIR_35)
@pytest.mark.fault("the configuration, which was not changed", "restart", "one error, resumes")
def test_the_configuration_was_not_changed(start: Any) -> None:
    place = start()
    before = place.contracts()
    tasks = json.loads(json.dumps(place.restart_tasks().read_text()))
    broken = place.folder / "broken.yml"
    broken.write_text(tasks.replace("crypto=", "sequencing_ms=100 #"))
    place.options["kms_migration_restart"] = str(broken)
    run = place.run(succeeds=False)
    assert "its configuration was not changed" in run.output
    del place.options["kms_migration_restart"]
    place.run()
    assert place.on_kms() and place.contracts() == before


# In their order; what only reads or shows is left out.
STEPS = (
    "Prepare | Generate an encryption key that the KMS can import",
    "Prepare | Create the keys in the KMS",
    "Prepare | Import the participant's keys into the KMS",
    "Prepare | Delegate the namespace to the KMS's key",
    "Prepare | Put the KMS's keys into the owner-to-key mapping",
    "Switch | Record the start",
    "Switch | Disconnect when nothing is in flight",
    "Restart | Stop the sandbox's participant",
    "Restart | Start the sandbox's participant",
    "Restart | Wait until the participant answers",
    "Switch | Register the keys",
    "Switch | Connect",
    "Switch | Record the end",
    "Switch | Sign a topology transaction with the KMS",
    "Verify | Compare with what was recorded before the switch",
)
STEPS_OF_BORN = (
    "Switch | Do not connect by itself",
    "Switch | Let others encrypt for the KMS's key",
    "Switch | Disconnect when nothing is in flight",
    "Restart | Stop the sandbox's participant",
    "Switch | Connect",
)


@pytest.mark.first
@pytest.mark.pairs(PAIR_35)
@pytest.mark.fault(
    "ansible-playbook and its modules, in place", "at every step, on both sides of the switch", "resumes"
)
@pytest.mark.parametrize("flavour", ["bridge", "born"])
def test_killed_at_every_step(start: Any, flavour: str) -> None:
    """With keys that are born in the KMS, where that makes a difference."""
    steps = STEPS if flavour == "bridge" else STEPS_OF_BORN
    place = start(preview_commands=flavour == "bridge")
    before = place.contracts()
    killed = []
    for number, step in enumerate(steps):
        playing = Playing(place, "", place.arguments())
        if playing.reach(step):
            time.sleep(0.1 * (number % 6))
            playing.kill(with_modules=True)
            killed.append(step)
        else:
            code, output = playing.finish()
            assert code == 0, output
    place.run()
    # a step may have been done right before the kill, and with it the one that records it
    assert len(killed) >= len(steps) - 3
    assert place.on_kms() and place.contracts() == before
    assert set(place.create()) | set(place.create(NEIGHBOUR)) <= place.contracts()


@pytest.mark.pairs(PAIR_35)
@pytest.mark.fault("ansible-playbook and its modules, in place", "at every step of the rollback", "resumes")
def test_rollback_killed(start: Any) -> None:
    place = start(preview_commands=False)
    before, own = place.contracts(), place.mapped()
    place.run()
    for step in (
        "Rollback | Let others encrypt for the participant's own key",
        "Rollback | Disconnect when nothing is in flight",
        "Restart | Stop the sandbox's participant",
        "Restart | Start the sandbox's participant",
        "Rollback | Connect",
        "Rollback | Take the KMS's keys out of the mapping",
        "Rollback | Archive the files of this migration",
    ):
        playing = Playing(place, "", place.arguments(playbook=ROLLBACK))
        assert playing.reach(step), "".join(playing.finish()[1])
        time.sleep(0.2)
        playing.kill(with_modules=True)
    place.run(playbook=ROLLBACK)
    assert not place.on_kms() and place.mapped() == own and place.contracts() == before
    assert set(place.create(NEIGHBOUR)) <= place.contracts()


@pytest.mark.pairs(PAIR_35)
@pytest.mark.fault("the KMS, at the start of the participant in place", "restart", "one error, resumes or rolls back")
def test_the_kms_cannot_be_reached_at_the_start(start: Any) -> None:
    place = start()
    before = place.contracts()
    place.run("--tags", "preflight,prepare")
    place.net.command("kill", "kms")
    run = place.run(succeeds=False)
    assert "KMS" in run.output
    place.net.command("start", "kms")
    place.run()
    assert place.on_kms() and place.contracts() == before


@pytest.mark.pairs(PAIR_35)
@pytest.mark.fault("a key in the KMS, which is disabled, in place", "preflight", "refused, nothing changed")
def test_a_disabled_key_is_refused_before_the_stop(start: Any) -> None:
    place = start()
    place.run("--tags", "preflight,prepare")
    kms = kms_of(place)
    key = kms.describe_key(KeyId=f"alias/canton/{BANK}/protocol")["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    before = place.net.contents()
    run = place.run(succeeds=False)
    assert "is disabled" in run.output and place.net.contents() == before and not place.on_kms()
    kms.enable_key(KeyId=key)
    place.run()
    assert place.on_kms()


@pytest.mark.pairs(PAIR_35)
@pytest.mark.fault("an alias in the KMS that names another key, in place", "preflight", "refused, nothing changed")
def test_another_key_under_the_name(start: Any) -> None:
    place = start()
    place.run("--tags", "preflight,prepare")
    kms = kms_of(place)
    other = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]["KeyId"]
    alias = f"alias/canton/{BANK}/protocol"
    kms.update_alias(AliasName=alias, TargetKeyId=other)
    run = place.run("--tags", "cutover,verify", succeeds=False)
    assert "Run the phase prepare" in run.output and not place.on_kms()
    assert set(place.create()) | set(place.create(NEIGHBOUR)) <= place.contracts()


def kms_of(place: InPlace) -> Any:
    found = place.net.info()["kms"]
    return boto3.client(
        "kms",
        endpoint_url=found["endpoint"],
        region_name=found["region"],
        aws_access_key_id=found["aws_access_key_id"],
        aws_secret_access_key=found["aws_secret_access_key"],
    )
