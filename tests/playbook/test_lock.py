# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in the journal folder and is not this run's own: the lock of another run, a journal that is damaged or of another pair."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible
from playbook.migration import TARGET, Migration, topology
from playbook.releases import LINES, Pair

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.locks import Locks, Owner
from ansible_collections.ledgerops.canton.plugins.plugin_utils._owner import this_run

NEVER = 10_000.0


one_line = pytest.mark.pairs(LINES[:1])


@pytest.fixture(scope="module")
def migration(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Migration]:
    """Tests follow one another: the first leaves it prepared."""
    net = network(topology(pair, contracts=4, clients=3))
    yield Migration(pair, net, ansible, tmp_path_factory.mktemp("journal"))
    net.stop()


@one_line
@pytest.mark.capability("Killed and started again")
@pytest.mark.fault(
    "nothing: a second run is started",
    "while the first one lives",
    "refused with owner and age; resumes when that run is gone",
)
def test_a_second_run_is_refused_as_long_as_the_first_lives(migration: Migration) -> None:
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
            assert "break_lock" in failure["hint"]
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


def refused(migration: Migration, error_id: str) -> str:
    """The message of a cutover that changes nothing on either participant, since its journal cannot be trusted."""
    before = migration.net.contents()
    (failure,) = migration.run("--tags", "cutover", succeeds=False).failures
    assert failure["error_id"] == error_id
    assert failure["hint"] in failure["msg"]
    assert migration.net.contents() == before
    return str(failure["msg"])


@one_line
@pytest.mark.fault(
    "the journal: it is of another pair of participants", "before cutover", "refused, nothing was changed"
)
def test_the_journal_of_another_pair(migration: Migration) -> None:
    journal = migration.file("journal.json")
    kept = journal.read_text(encoding="utf-8")
    other = {**json.loads(kept), "source": "other::1220" + 64 * "0"}
    journal.write_text(json.dumps(other), encoding="utf-8")
    assert "other::" in refused(migration, "journal_of_another_pair")
    journal.write_text(kept, encoding="utf-8")


@one_line
@pytest.mark.fault(
    "the journal: its end is cut off", "before cutover", "refused, nothing was changed; resumes with a whole one"
)
def test_a_damaged_journal(migration: Migration) -> None:
    journal = migration.file("journal.json")
    kept = journal.read_text(encoding="utf-8")
    journal.write_text(kept[: len(kept) // 2], encoding="utf-8")
    assert str(journal) in refused(migration, "journal_damaged")
    journal.write_text(kept, encoding="utf-8")
    migration.run("--tags", "cutover,verify")
