# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input through real ansible-playbook: one clear message with cause and remedy, nothing changed, right afterwards.

The tests share one network and walk through a migration; fixtures bring it to the state that a test needs, so that
each test can also be run alone. Cases that leave no trace share one run (``bad_input_cases``).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playbook.bad_input import TOKEN, TOPOLOGY, WRONG_TOKEN, Refusals, Stage, all_refused, assert_refused, refused
from playbook.bad_input_cases import CONNECTED, IMPORTS
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Task, task
from playbook.releases import Pair

from sandbox.daml import dars

refusal = pytest.mark.capability("Refusals with cause and remedy")


@pytest.fixture(scope="module")
def stage(network: StartNetwork, pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    net = network(pair.topology(TOPOLOGY, targets=("target", "forgetful", "guarded", "mutual")))
    yield Stage(pair, net, tmp_path_factory.mktemp("journal"))
    net.stop()


# -- while both participants are connected ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def connected(ansible: Ansible, stage: Stage) -> Refusals:
    return all_refused(ansible, stage, CONNECTED)


@refusal
@pytest.mark.parametrize("name", CONNECTED)
def test_refused_while_connected(connected: Refusals, pair: Pair, name: str) -> None:
    case = CONNECTED[name]
    if not case.exists(pair):
        pytest.skip(case.unlike_canton_2)
    error_id = (pair.canton_2 and case.canton_2_id) or case.error_id
    assert_refused(connected(name), error_id, case.cause, case.remedy)


@pytest.mark.capability("TLS, client certificates and tokens")
def test_right_credentials_are_accepted(ansible: Ansible, stage: Stage) -> None:
    token_file = stage.folder / "token"
    token_file.write_text(f"{TOKEN}\n", encoding="utf-8")
    file = stage.look("guarded", token=None, token_file=str(token_file))
    run = ansible.tasks([stage.look("guarded"), file, stage.look("mutual")])
    uids = [result["identity"]["uid"] for result in run.results]
    assert uids == [stage.net.uid("guarded"), stage.net.uid("guarded"), stage.net.uid("mutual")]


@pytest.mark.capability("TLS, client certificates and tokens")
def test_expired_token(ansible: Ansible, stage: Stage) -> None:
    stage.net.set("guarded", "token_expired", True)
    try:
        refused(
            ansible,
            stage,
            stage.look("guarded"),
            "UNAUTHENTICATED",
            "did not accept the credentials",
            "also refuses an expired token",
        )
    finally:
        stage.net.set("guarded", "token_expired", False)
    ansible.tasks([stage.look("guarded")])


@pytest.mark.capability("TLS, client certificates and tokens")
def test_tokens_never_appear_in_the_output(ansible: Ansible, stage: Stage) -> None:
    """With a right and a wrong token, in every place that takes one. The tokens come from variables, since Ansible
    itself shows the text of a task that fails."""
    right, wrong = "{{ lookup('env', 'RIGHT_TOKEN') }}", "{{ lookup('env', 'WRONG_TOKEN') }}"
    two = task(
        "participant_migration_info",
        source={**stage.net.connection("guarded"), "token": right, "ledger_token": wrong},
        target={**stage.net.connection("guarded"), "token": wrong},
        source_synchronizer="oldsync",
        target_synchronizer="newsync",
    )
    tasks = [
        stage.look("guarded", token=right),
        stage.look("guarded", token=wrong),
        stage.look("guarded", token=right, ledger_token=wrong),
        two,
        stage.look("guarded", token=None),
    ]
    environment = {"RIGHT_TOKEN": TOKEN, "WRONG_TOKEN": WRONG_TOKEN, "CANTON_TOKEN": TOKEN}
    run = ansible.tasks(
        [{**each, "ignore_errors": True} for each in tasks], diff=True, env=environment, flags=["-vvvv"]
    )
    assert [entry["outcome"] for entry in run.entries] == ["ok", "failed", "ok", "failed", "ok"]
    assert stage.net.connection("guarded")["endpoint"] in run.output
    for token in (TOKEN, WRONG_TOKEN):
        assert token not in run.output
        assert token not in json.dumps(run.entries)


@pytest.fixture
def counting(pair: Pair) -> None:
    if pair.source == "2.8":
        pytest.skip("2.8 can't count what is in flight")


def preflight(stage: Stage, target: str, exclude: Sequence[str]) -> Task:
    variables = {
        "kms_migration_source": stage.net.connection("source"),
        "kms_migration_target": stage.net.connection(target),
        "kms_migration_source_synchronizer": "oldsync",
        "kms_migration_target_synchronizer": "newsync",
        "kms_migration_journal": str(stage.folder),
        "kms_migration_backup_confirmed": True,
        "kms_migration_exclude_parties": list(exclude),
        **{f"kms_migration_{name}": value for name, value in stage.pair.options.items()},
    }
    role = {"name": "ledgerops.canton.kms_migration", "tasks_from": "preflight"}
    return {"name": "preflight", "ansible.builtin.include_role": role, "vars": variables}


@refusal
def test_preflight_refuses_with_all_findings_at_once(ansible: Ansible, stage: Stage) -> None:
    """Among them a target that is not KMS-backed although asked, where that can be seen."""
    before = stage.net.contents()
    run = ansible.tasks([preflight(stage, "second", [])], succeeds=False)
    (result,) = run.failures
    text = result["msg"]
    if not stage.pair.canton_2:
        assert "4 of the target's 4 keys are not in a KMS" in text
        assert "Run the target with crypto.provider = kms" in text
        assert "namespace is decentralised" in text
    for reason in ("belongs to another namespace", "hosted by 2 participants"):
        assert reason in text
    # that of another namespace could move if its root key delegated it
    assert text.count("Exclude it (it stays on the source)") == len(stage.staying) - 1
    assert "signed by the holder of its root key" in text
    assert "Traceback" not in run.output
    ansible.tasks([preflight(stage, "target", [stage.party(name) for name in stage.staying])])
    assert stage.net.contents() == before


@refusal
@pytest.mark.usefixtures("counting")
def test_in_flight_at_the_disconnect(ansible: Ansible, stage: Stage) -> None:
    wanted = stage.disconnect("source", synchronizer="oldsync", manual_connect=True, quiet_timeout=1)
    stage.net.set("source", "pending_submissions", 2)
    try:
        refused(
            ansible,
            stage,
            wanted,
            "in_flight",
            "still has 2 submissions or transactions in flight on oldsync",
            "Stop the applications that submit to it",
        )
    finally:
        stage.net.set("source", "pending_submissions", 0)
    ansible.tasks([{**wanted, "check_mode": True}])


# -- export: the source is disconnected -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def disconnected(ansible: Ansible, stage: Stage, connected: Refusals) -> None:
    """``connected`` is asked for because its cases need the state before."""
    ansible.tasks([stage.disconnect("source", synchronizer="oldsync", quiet_timeout=stage.pair.quiet_timeout)])


@refusal
@pytest.mark.usefixtures("counting", "disconnected")
def test_in_flight_after_a_hard_disconnect(ansible: Ansible, stage: Stage) -> None:
    stage.net.set("source", "pending_transactions", 3)
    try:
        refused(
            ansible,
            stage,
            stage.transfer("exported", "in-flight"),
            "in_flight",
            "was disconnected from oldsync with 3 submissions or transactions in flight",
            "Connect it again, stop the applications, disconnect it with quiet_timeout",
        )
    finally:
        stage.net.set("source", "pending_transactions", 0)
    ansible.tasks([stage.transfer("exported", "in-flight")])


@refusal
@pytest.mark.usefixtures("disconnected")
def test_folder_that_does_not_exist(ansible: Ansible, stage: Stage) -> None:
    wanted = stage.transfer("exported", "nowhere/snapshot")
    refused(ansible, stage, wanted, "file_enoent", "nowhere/snapshot", "Create the folder first")
    (stage.folder / "nowhere").mkdir(mode=0o700)
    ansible.tasks([wanted])


def small_disk(folder: Path) -> list[str]:
    """A command to run another with: it sees a file system of 8 KiB at ``folder``, that ends with it."""
    script = 'mount -t tmpfs -o size=8k tmpfs "$0" && exec "$@"'
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", script, str(folder)]


@pytest.fixture
def small(stage: Stage) -> Iterator[Path]:
    folder = stage.folder / "small"
    folder.mkdir()
    if shutil.which("unshare") is None or subprocess.run([*small_disk(folder), "true"], check=False).returncode:
        pytest.skip("a small file system needs unshare (util-linux) and the right to mount one")
    yield folder
    shutil.rmtree(folder)


@refusal
@pytest.mark.usefixtures("disconnected")
def test_disk_full_at_export(ansible: Ansible, stage: Stage, small: Path) -> None:
    before = stage.net.contents()
    wanted = stage.transfer("exported", "small/snapshot")
    find = {"ansible.builtin.find": {"paths": str(small), "file_type": "any", "hidden": True}}
    run = ansible.tasks([{**wanted, "ignore_errors": True}, find], prefix=small_disk(small))
    failed, left = run.results
    assert_refused(failed, "file_enospc", "No space left on device", "Free space or name another folder in path")
    assert left["files"] == []
    assert "Traceback" not in run.output
    assert stage.net.contents() == before
    ansible.tasks([wanted])
    assert (small / "snapshot.acs.gz").stat().st_size > 8192


# -- import: the target is brought up step by step --------------------------------------------------------------------


@pytest.fixture(scope="module")
def exported(ansible: Ansible, stage: Stage, disconnected: None) -> dict[str, Any]:
    """The snapshot of the right pair, at ``right``."""
    (result,) = ansible.tasks([stage.transfer("exported", "right")]).results
    return dict(result)


@refusal
@pytest.mark.usefixtures("exported")
def test_party_not_hosted_at_import(ansible: Ansible, stage: Stage) -> None:
    refused(
        ansible,
        stage,
        stage.transfer("imported", "right"),
        "parties_not_hosted",
        "does not host 2 of the parties",
        "Host them first with ledgerops.canton.participant_party",
    )


@pytest.fixture(scope="module")
def hosting_target(ansible: Ansible, stage: Stage, exported: dict[str, Any]) -> None:
    delegation = task("participant_namespace_delegation", **stage.both(), synchronizer="newsync")
    ansible.tasks([delegation, stage.host("Alice", "Bob")])


@refusal
@pytest.mark.usefixtures("hosting_target")
def test_missing_dar(ansible: Ansible, stage: Stage) -> None:
    refused(
        ansible,
        stage,
        stage.transfer("imported", "right"),
        "packages_missing",
        "lacks 1 packages of the contracts",
        "Copy the DARs first with ledgerops.canton.participant_package",
    )


@pytest.fixture(scope="module")
def unvetted(stage: Stage, hosting_target: None) -> None:
    """The DAR is in the target's store and not vetted."""
    with stage.net.client("target") as client:
        client.upload_dar(dars.make_dar("iou", "1.0.0", 3, ["Iou:Iou"], ""), "iou", vet=False)


@pytest.fixture(scope="module")
def prepared(ansible: Ansible, stage: Stage, unvetted: None) -> None:
    """The target has everything, and is connected."""
    aliases = {"source_synchronizer": "oldsync", "target_synchronizer": "newsync"}
    (result,) = ansible.tasks([task("participant_package", **stage.both(), **aliases)]).results
    assert (len(result["uploaded"]), len(result["vetted"])) == (0, 1)


@pytest.fixture(scope="module")
def imports(ansible: Ansible, stage: Stage, prepared: None) -> Refusals:
    return all_refused(ansible, stage, IMPORTS)


@refusal
@pytest.mark.parametrize("name", IMPORTS)
def test_refused_at_import(imports: Refusals, name: str) -> None:
    case = IMPORTS[name]
    assert_refused(imports(name), case.error_id, case.cause, case.remedy)


@refusal
@pytest.mark.usefixtures("imports")
def test_the_import_works_when_the_causes_are_gone(ansible: Ansible, stage: Stage, exported: dict[str, Any]) -> None:
    right = [stage.transfer("imported", "right"), stage.transfer("verified", "right")]
    run = ansible.tasks([stage.disconnect("target"), *right, stage.connect("target", "newsync"), *right])
    assert run.changed == [True, True, False, True, False, False]
    assert (run.results[1]["contracts"], run.results[1]["digest"]) == (300, exported["digest"])


# -- a target that keeps nothing --------------------------------------------------------------------------------------


@refusal
@pytest.mark.usefixtures("disconnected")
def test_target_with_memory_storage(ansible: Ansible, stage: Stage) -> None:
    pair = stage.both(target="forgetful")
    aliases = {"source_synchronizer": "oldsync", "target_synchronizer": "thirdsync"}
    parties = [stage.party("Alice"), stage.party("Bob")]
    imported = stage.transfer("imported", "memory", "forgetful", **aliases)
    ansible.tasks(
        [
            task("participant_package", **pair, **aliases),
            task("participant_namespace_delegation", **pair, synchronizer="thirdsync"),
            task("participant_party", **pair, **aliases, parties=parties),
            stage.disconnect("forgetful"),
            stage.transfer("exported", "memory", "forgetful", **aliases),
        ]
    )
    refused(ansible, stage, imported, "IMPORT_ACS_ERROR", "is in memory", "Use db persistence")
