# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Old and new on hosts of their own, each of which reaches only its own participant: everything else is carried by Ansible."""

from __future__ import annotations

import json
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Run
from playbook.migration import NEW_ALIAS, Migration, assert_migrated, both, summary, topology
from playbook.releases import MATRIX, Pair
from playbook.test_migration import live_on

OLD_HOST, NEW_HOST = "old-host", "new-host"


@dataclass
class SplitMigration(Migration):
    """Both hosts are this machine; what shows that they are apart is what each task was given."""

    @property
    def journal_of_source(self) -> Path:
        return self.folder / OLD_HOST / "journal"

    @property
    def journal(self) -> Path:
        return self.folder / NEW_HOST / "journal"

    @property
    def between(self) -> Path:
        return self.folder / "controller"

    def inventory(self) -> Path:
        path = super().inventory()
        inventory = json.loads(path.read_text())
        migrations = inventory["kms_migration"]
        # nothing ever runs on the inventory host of the migration itself
        migrations["vars"].update(
            ansible_connection="ssh",
            ansible_host="host.invalid",
            kms_migration_source_host=OLD_HOST,
            kms_migration_target_host=NEW_HOST,
            kms_migration_source_journal=str(self.journal_of_source),
            kms_migration_carry_folder=str(self.between),
        )
        del migrations["vars"]["ansible_python_interpreter"]
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        inventory["canton_hosts"] = {"hosts": {OLD_HOST: local, NEW_HOST: local}}
        path.write_text(json.dumps(inventory))
        return path


@pytest.fixture
def migration(network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path) -> SplitMigration:
    migration = SplitMigration(pair, network(topology(pair, contracts=80, clients=3)), ansible, tmp_path)
    for folder in (OLD_HOST, NEW_HOST, "controller"):
        (tmp_path / folder).mkdir()
    return migration


@pytest.mark.pairs([pair for pair in MATRIX if str(pair) in ("3.5", "2.10")])
@pytest.mark.capability("Old and new on different hosts that reach only their own participant")
def test_no_process_reaches_both(migration: SplitMigration) -> None:
    runs = [migration.run("--tags", "preflight,prepare")]
    with both(migration) as (source, target):
        assert target.connections()[NEW_ALIAS]["connected"] is not migration.pair.canton_2
        live_on(source)
    runs.append(migration.run("--tags", "cutover,verify"))
    assert int(summary(runs[-1])["users"]) == 4
    assert_migrated(migration)
    before = migration.net.contents()
    runs.append(migration.run("--check", "--diff"))
    assert not any(runs[-1].changed), runs[-1].output
    assert migration.net.contents() == before

    for run in runs:
        assert_apart(migration, run)
    assert list(migration.between.iterdir()) == []
    for journal in (migration.journal, migration.journal_of_source):
        assert stat.S_IMODE(journal.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in journal.iterdir()} == {0o600}
    name = migration.name
    carried = {f"{name}{each}" for each in ("-source.dossier", "-target.dossier", "-delegation.json")}
    moved = {f"{name}.{each}" for each in ("acs.gz", "manifest.json", "receipt.json")}
    assert {file.name for file in migration.journal_of_source.iterdir()} == carried | moved


def assert_apart(migration: SplitMigration, run: Run) -> None:
    """Every task that ran somewhere was given the address of that host's participant only, and that host's files only."""
    ends = {
        OLD_HOST: (migration.net.connection(migration.source), str(migration.folder / OLD_HOST)),
        NEW_HOST: (migration.net.connection(migration.target), str(migration.folder / NEW_HOST)),
    }
    seen = set()
    for host, arguments in given(run):
        seen.add(host)
        text = json.dumps(arguments)
        for other in {OLD_HOST, NEW_HOST} - {host}:
            connection, folder = ends[other]
            for word in (connection["endpoint"], connection["ledger_endpoint"], folder):
                assert word not in text, (host, arguments)
    assert {OLD_HOST, NEW_HOST} <= seen


def given(run: Run) -> list[tuple[str, dict[str, Any]]]:
    """What was run where."""
    found = []
    for entry in run.entries:
        for result in entry["result"].get("results", [entry["result"]]):
            host = result.get("_ansible_delegated_vars", {}).get("ansible_delegated_host", "")
            if "invocation" in result:
                found.append((host, result["invocation"]["module_args"]))
    return found
