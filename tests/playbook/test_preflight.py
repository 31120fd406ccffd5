# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight of a fleet: every host gets its answer, whatever the others come to, and nothing is changed."""

from __future__ import annotations

import json
import random
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, task
from playbook.migration import NEW_ALIAS, OLD_ALIAS, SOURCE, TARGET
from playbook.releases import DIALECTS, LINES, Pair

from sandbox.daml.dars import make_dar

PLAIN = "plain-c"
TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"east": {}, "west": {}},
    "participants": {
        SOURCE: {
            "connections": [{"synchronizer": "east", "alias": OLD_ALIAS}],
            "parties": ["Ada", "Ben"],
            "dars": [{"name": "bonds", "version": "2.1.0"}],
            "contracts": [{"count": 12, "dar": "bonds", "parties": ["Ada", "Ben"]}],
            "users": [{"id": "app", "act_as": ["Ada"]}],
        },
        TARGET: {"crypto": "kms", "connections": [{"synchronizer": "west", "alias": NEW_ALIAS}]},
        PLAIN: {"connections": [{"synchronizer": "west", "alias": NEW_ALIAS}]},
    },
}
SILENT = {"endpoint": "127.0.0.1:1", "ledger_endpoint": "127.0.0.1:1", "ready_timeout": 0.1, "timeout": 1}


def no_way_there(path: Path) -> Path:
    """What ssh answers when it cannot connect."""
    path.write_text("#!/bin/sh\nexit 255\n")
    path.chmod(0o700)
    return path


@pytest.mark.capability("Refusals with cause and remedy")
@pytest.mark.pairs(tuple(pair for pair in LINES if pair.target == "3.5"))
def test_each_host_gets_its_answer(network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path) -> None:
    net = network(pair.topology(TOPOLOGY, targets=(TARGET, PLAIN)))
    source = {"kms_migration_source": net.connection(SOURCE)}
    hosts: dict[str, Any] = {
        "silent": {**source, "kms_migration_target": SILENT},
        "good": {**source, "kms_migration_target": net.connection(TARGET)},
        "plain": {**source, "kms_migration_target": net.connection(PLAIN)},
        "wrong": {**source, "kms_migration_target": net.connection(TARGET), "kms_migration_method": "guess"},
        "away": {
            **source,
            "kms_migration_target": net.connection(TARGET),
            "ansible_connection": "ssh",
            "ansible_ssh_executable": str(no_way_there(tmp_path / "ssh")),
        },
    }
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "kms_migration_source_synchronizer": OLD_ALIAS,
        "kms_migration_target_synchronizer": NEW_ALIAS,
        "kms_migration_journal": str(tmp_path / "journal"),
        "kms_migration_backup_confirmed": True,
    }
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"kms_migration": {"hosts": hosts, "vars": variables}}))
    before = net.contents()
    playbook = "ledgerops.canton.preflight"

    run = ansible.playbook(["-i", str(inventory), playbook], succeeds=False)
    assert run.returncode != 0 and "Traceback" not in run.output
    assert net.contents() == before and not any(run.changed) and not (tmp_path / "journal").exists()

    (table,) = [entry["result"]["msg"] for entry in run.entries if entry["task"] == "Show the results of all hosts"]
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in table}
    assert rows == {
        "host": "migrates parties contracts users downtime warnings because",
        "good": "yes 2 12 1 19 s 0",
        "plain": "no 2 12 1 19 s 0 target_not_on_kms",
        "silent": "no answer - - - - - unreachable",
        "wrong": "no answer - - - - - wrong_variables",
        "away": "no answer - - - - - Ansible does not reach the host",
        "1": "of 5 hosts can be migrated",
    }
    tasks = [entry["task"] for entry in run.entries]
    assert tasks[-1] == "Show the results of all hosts"
    facts = {
        entry["host"]: entry["result"]["ansible_facts"]["kms_migration_preflight"]
        for entry in run.entries
        if "kms_migration_preflight" in entry["result"].get("ansible_facts", {})
    }
    assert {host: fact["can_migrate"] for host, fact in facts.items()} == {
        "good": True,
        "plain": False,
        "silent": False,
        "wrong": False,
    }
    assert facts["good"]["findings"] == [] and facts["good"]["plan"]["contracts"] == 12
    (reason,) = facts["plain"]["findings"]
    assert reason["remedy"] in run.output and "keys are not in a KMS" in run.output
    assert "kms_migration_method" in facts["wrong"]["findings"][0]["message"]

    run = ansible.playbook(["-i", str(inventory), "--limit", "good", playbook])
    assert "1 of 1 hosts can be migrated" in run.output and net.contents() == before
    net.stop()


@pytest.mark.capability("Refusals with cause and remedy")
@pytest.mark.pairs(DIALECTS)
def test_dar_above_the_message_limit(network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path) -> None:
    """The node refuses it before it reads it, so that only the target itself can be asked."""
    file = tmp_path / "large.dar"
    file.write_bytes(make_dar("large", "1.0.0"))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("data/noise", random.Random(1).randbytes(11 * 2**20))
    seeded = {"name": "large", "version": "1.0.0", "file": str(file)}
    source = {**TOPOLOGY["participants"][SOURCE], "dars": [*TOPOLOGY["participants"][SOURCE]["dars"], seeded]}
    topology = {**TOPOLOGY, "participants": {**TOPOLOGY["participants"], SOURCE: source}}
    net = network(pair.topology(topology, targets=(TARGET, PLAIN)))
    both = {
        "source": net.connection(SOURCE),
        "target": net.connection(TARGET),
        **pair.options,
        "backup_confirmed": True,
    }
    aliases = {"source_synchronizer": OLD_ALIAS, "target_synchronizer": NEW_ALIAS}
    before = net.contents()
    (found,) = ansible.tasks([task("participant_migration_info", **both, **aliases)]).results
    (reason,) = [each for each in found["findings"] if each["severity"] == "error"]
    assert reason["id"] == "dar_too_large" and "max-inbound-message-size" in reason["remedy"]
    assert re.search(r"DAR large( 1\.0\.0)? has 11\.0 MiB", reason["message"]), reason["message"]
    assert net.contents() == before

    # the module by itself refuses it too, with the same remedy
    run = ansible.tasks(
        [task("participant_package", source=both["source"], target=both["target"], **aliases)], succeeds=False
    )
    (failure,) = run.failures
    assert failure["error_id"] == "message_too_large" and "max-inbound-message-size" in failure["msg"]
    net.stop()
