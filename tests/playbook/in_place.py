# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration in place for tests: a participant with a neighbour on one synchronizer, how the playbook is run, and what the participant holds."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from playbook.harness import Ansible, Run, Sandbox
from playbook.releases import Pair

from sandbox.v30.requests import on, query

PLAYBOOK, ROLLBACK = "ledgerops.canton.migrate_in_place", "ledgerops.canton.rollback_in_place"
RETIRE = "ledgerops.canton.retire_in_place"
BANK, NEIGHBOUR = "bank", "neighbour"
_TESTS = Path(__file__).parent.parent
_READ = "topology.admin.v30.TopologyManagerReadService"


def topology(pair: Pair, **bank: Any) -> dict[str, Any]:
    """A JCE participant with everything that has to survive, and a neighbour that shares contracts with it."""
    return pair.topology(
        {
            "synchronizers": {"main": {}},
            "kms": {"region": "eu-central-1", "always": True},
            "participants": {
                BANK: {
                    "crypto": "jce",
                    "preview_commands": True,
                    "connections": [{"synchronizer": "main", "alias": "main"}],
                    "parties": ["Ada", "Ben"],
                    "dars": [{"name": "bonds", "version": "2.1.0", "packages": 2}],
                    "contracts": [{"count": 60, "template": "Iou:Iou", "dar": "bonds", "parties": ["Ada", "Ben"]}],
                    "users": [{"id": "ada-app", "primary_party": "Ada", "act_as": ["Ada"]}],
                    **bank,
                },
                NEIGHBOUR: {
                    "crypto": "jce",
                    "connections": [{"synchronizer": "main", "alias": "main"}],
                    "parties": ["Olga"],
                    "dars": [{"name": "bonds", "version": "2.1.0", "packages": 2}],
                },
            },
        },
        targets=(),
    )


@dataclass
class InPlace:
    """``options`` are further variables of the inventory, ``names`` the participants that go in place."""

    net: Sandbox
    ansible: Ansible
    folder: Path
    options: dict[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = (BANK,)
    # what the configuration of the node says of its KMS, besides the provider
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def party(self) -> str:
        return self.net.party(BANK, "Ada")

    def restart_tasks(self) -> Path:
        """What an operator's own file of tasks does."""
        path = self.folder / "restart.yml"

        def command(name: str, step: str, *arguments: str) -> dict[str, Any]:
            return {
                "name": name,
                "ansible.builtin.command": {
                    "argv": [sys.executable, "-m", "sandbox", *arguments, "--state", str(self.net.state)]
                },
                "environment": {"PYTHONPATH": str(_TESTS)},
                "changed_when": True,
                "when": f"kms_migration_restart_step == '{step}'",
            }

        crypto = "crypto={{ 'kms' if kms_migration_restart_provider == 'kms' else 'jce' }}"
        tasks = [
            command("Restart | Stop the sandbox's participant", "stop", "stop", "{{ inventory_hostname }}"),
            command(
                "Restart | Configure the sandbox's participant", "start", "set", "{{ inventory_hostname }}", crypto
            ),
            *(
                command(f"Restart | Set {name} of the sandbox's participant", "start", "set", BANK, f"{name}={value}")
                for name, value in self.settings.items()
            ),
            command("Restart | Start the sandbox's participant", "start", "start", "{{ inventory_hostname }}"),
        ]
        path.write_text(yaml.safe_dump(tasks, sort_keys=False))
        return path

    def delete_tasks(self) -> Path:
        path = self.folder / "delete.yml"
        command = {
            "argv": [sys.executable, "-m", "sandbox", "delete-private-keys", BANK, "--state", str(self.net.state)],
        }
        tasks = [
            {
                "name": "Restart | Delete the private keys of the sandbox's participant",
                "ansible.builtin.command": command,
                "environment": {"PYTHONPATH": str(_TESTS)},
                "changed_when": True,
            }
        ]
        path.write_text(yaml.safe_dump(tasks, sort_keys=False))
        return path

    def inventory(self) -> Path:
        path = self.folder / "inventory.json"
        kms = self.net.info()["kms"]
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "kms_migration_kms": {
                "endpoint_url": kms["endpoint"],
                "region": kms["region"],
                "access_key": kms["aws_access_key_id"],
                "secret_key": kms["aws_secret_access_key"],
            },
            "kms_migration_journal": str(self.folder / "journal"),
            "kms_migration_backup_confirmed": True,
            "kms_migration_restart": str(self.restart_tasks()),
            "kms_migration_quiet_timeout": 20,
            "kms_migration_wait_timeout": 20,
            "kms_migration_start_timeout": 20,
            **self.options,
        }
        hosts = {
            name: {"kms_migration_source": {**self.net.connection(name), "ready_timeout": 5}} for name in self.names
        }
        path.write_text(json.dumps({"kms_migration": {"hosts": hosts, "vars": variables}}))
        path.chmod(0o600)
        return path

    def arguments(self, *flags: str, playbook: str = PLAYBOOK) -> list[str]:
        return ["-i", str(self.inventory()), *flags, playbook]

    def run(self, *flags: str, playbook: str = PLAYBOOK, succeeds: bool = True) -> Run:
        return self.ansible.playbook(self.arguments(*flags, playbook=playbook), succeeds=succeeds)

    def contracts(self) -> set[str]:
        """The contracts of the participant's party, read past all modules."""
        with self.net.client(BANK) as node:
            return set(node.contracts([self.party])[self.party])

    def mapped(self) -> list[str]:
        """The fingerprints' public keys in the owner-to-key mapping of the participant, as its neighbour sees it on the synchronizer."""
        with self.net.client(NEIGHBOUR) as node:
            store = on(self.net.synchronizer("main"))
            listed = node.admin(f"{_READ}/ListOwnerToKeyMapping", query(store, filter_key_owner_uid=self.net.uid(BANK)))
        (item,) = [each["item"] for each in listed["results"] if each["item"]["member"].endswith(self.net.uid(BANK))]
        return [json.dumps(key, sort_keys=True) for key in item["public_keys"]]

    def own_keys(self, name: str = BANK) -> list[dict[str, Any]]:
        with self.net.client(name) as node:
            listed = node.admin("crypto.admin.v30.VaultService/ListMyKeys", {})
        return list(listed.get("private_keys_metadata", []))

    def on_kms(self, name: str = BANK) -> bool:
        keys = self.own_keys(name)
        return bool(keys) and all(key.get("kms_key_id") for key in keys)

    def create(self, through: str = BANK, count: int = 1) -> list[str]:
        """Contracts that the neighbour shares, created through one of both."""
        if through == BANK:
            return self.net.create(BANK, ["Ada"], [self.net.party(NEIGHBOUR, "Olga")], count)
        return self.net.create(NEIGHBOUR, ["Olga"], [self.party], count)

    @contextmanager
    def traffic(self) -> Iterator[list[str]]:
        """The neighbour creates contracts that it shares with the participant all the time."""
        made: list[str] = []
        over = threading.Event()
        failed: list[Exception] = []

        def create() -> None:
            while not over.wait(0.1):
                try:
                    made.extend(self.create(NEIGHBOUR))
                except Exception as exc:
                    failed.append(exc)
                    return

        thread = threading.Thread(target=create)
        thread.start()
        try:
            yield made
        finally:
            over.set()
            thread.join()
        assert not failed, failed[0]


def journal(place: InPlace) -> list[str]:
    found = json.loads((place.folder / "journal" / f"{BANK}.journal.json").read_text())
    return [event["event"] for event in found["events"]]
