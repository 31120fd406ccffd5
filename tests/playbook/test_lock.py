# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at one participant: the second is refused while the first lives, and carries on when it is gone."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible
from playbook.migration import TARGET, Migration, topology
from playbook.releases import LINES, Pair

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.journal import Locks, Owner
from ansible_collections.ledgerops.canton.plugins.plugin_utils._owner import this_run

NEVER = 10_000.0


@pytest.mark.pairs(LINES[:1])
@pytest.mark.capability("Killed and started again")
@pytest.mark.fault(
    "nothing: a second run is started",
    "while the first one lives",
    "refused with owner and age; carries on when that run is gone",
)
def test_a_second_run_is_refused_as_long_as_the_first_lives(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path
) -> None:
    migration = Migration(pair, network(topology(pair, contracts=4, clients=3)), ansible, tmp_path)
    target = migration.net.uid(TARGET)
    locks = Locks(str(migration.journal), NEVER)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        started = Path("/proc", str(other.pid), "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
        owner = Owner(**{**this_run(), "pid": other.pid, "started": started, "user": "another-operator"})
        locks.take([target], "another-migration", owner, [])
        for flags in ((), ("--check",)):
            (failure,) = migration.run("--tags", "prepare", *flags, succeeds=False).failures
            assert failure["error_id"] == "locked"
            assert f"another-operator on {socket.gethostname()} (process {other.pid})" in failure["msg"]
            assert "kms_migration_break_lock" in failure["hint"]
        with migration.net.client(TARGET) as node:
            assert set(node.hostings(migration.net.synchronizer("west"))) == set()
        other.send_signal(signal.SIGKILL)
    migration.run("--tags", "prepare")
    assert not list(migration.journal.glob("*.lock.json"))

    # from another controller nobody can see whether that run lives: only the operator can say that it is gone
    elsewhere = Owner("another-controller", "", 1, "", "another-operator")
    locks.take([target], "another-migration", elsewhere, [])
    assert not migration.run("--tags", "prepare", succeeds=False).changed[-1]
    migration.run("--tags", "prepare", "--extra-vars", json.dumps({"kms_migration_break_lock": True}))
    assert locks.read(target) is None
    migration.net.stop()
