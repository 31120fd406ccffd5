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
from playbook.migration import NEW_ALIAS, Migration, assert_migrated, both, live_on, retire, summary, topology
from playbook.releases import MATRIX, Pair

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


FACTS = "ledgerops.canton.kms_migration : Retire | Set result facts"


@pytest.fixture
def migration(network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path) -> SplitMigration:
    migration = SplitMigration(pair, network(topology(pair, contracts=80, clients=3)), ansible, tmp_path)
    for folder in (OLD_HOST, NEW_HOST, "controller"):
        (tmp_path / folder).mkdir()
    return migration


@pytest.mark.pairs([pair for pair in MATRIX if str(pair) == "3.5"])
@pytest.mark.capability("Old and new on different hosts that reach only their own participant")
def test_no_process_reaches_both(migration: SplitMigration) -> None:
    runs = [migration.run("--tags", "preflight,prepare")]
    with both(migration) as (source, target):
        assert target.connections()[NEW_ALIAS]["connected"]
        live_on(source)
    runs.append(migration.run("--tags", "cutover,verify"))
    assert int(summary(runs[-1])["users"]) == 4
    assert_migrated(migration)
    before = migration.net.contents()
    runs.append(migration.run("--check", "--diff", "--tags", "cutover,verify"))
    assert not any(runs[-1].changed), runs[-1].output
    assert migration.net.contents() == before

    runs.append(retire(migration))
    migration.net.command("stop", migration.source)
    stopped = retire(migration)
    told = [each.result(FACTS)["ansible_facts"]["kms_migration_retired"] for each in (runs[-1], stopped)]
    assert told[0] == told[1] and len(told[0]["powers"]) == 2 and not any(stopped.changed)

    for run in runs:
        assert_apart(migration, run)
    assert list(migration.between.iterdir()) == []
    for journal in (migration.journal, migration.journal_of_source):
        assert stat.S_IMODE(journal.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in journal.iterdir()} == {0o600}
    name = migration.name
    carried = {f"{name}{each}" for each in ("-source.dossier", "-target.dossier", "-delegation.json")}
    moved = {f"{name}.{each}" for each in ("acs.gz", "manifest.json", "receipt.json")}
    assert {file.name for file in migration.journal_of_source.glob(f"{name}*")} == carried | moved


def assert_apart(migration: SplitMigration, run: Run) -> None:
    """No task was given addresses or folders of both hosts, and none those of another host than the one that it ran on."""
    belongings = {
        OLD_HOST: [*addresses(migration, migration.source), str(migration.folder / OLD_HOST)],
        NEW_HOST: [*addresses(migration, migration.target), str(migration.folder / NEW_HOST)],
    }
    seen = set()
    for host, arguments in given(run):
        text = json.dumps(arguments)
        touched = {owner for owner, words in belongings.items() if any(word in text for word in words)}
        assert len(touched) < 2 and (not host or touched <= {host}), (host, arguments)
        seen |= touched
    assert seen == {OLD_HOST, NEW_HOST}


def addresses(migration: SplitMigration, participant: str) -> list[str]:
    connection = migration.net.connection(participant)
    return [connection["endpoint"], connection["ledger_endpoint"]]


def given(run: Run) -> list[tuple[str, dict[str, Any]]]:
    """What was run where. Ansible does not tell the host of the single turns of a loop."""
    found = []
    for entry in run.entries:
        for result in entry["result"].get("results", [entry["result"]]):
            if "invocation" in result:
                host = result.get("_ansible_delegated_vars", {}).get("ansible_host", "")
                found.append((host, result["invocation"]["module_args"]))
    return found
