# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An identity that takes its keys along into the KMS: refused, foreseen, rolled back, killed, resumed, and retired; and no secret of it
is found anywhere afterwards, however much the runs say."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Run, eventually
from playbook.leaks import Processes, files_below, private_keys, secret_number, shows
from playbook.migration import OLD_ALIAS, SOURCE, TARGET, Migration
from playbook.playing import Playing
from playbook.releases import MATRIX, Pair

from ansible_collections.ledgerops.canton.plugins.module_utils._connection import connection_spec, participant_of
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED

PLAIN = "plain-c"
# of this run only: others may run beside it and show theirs
TOKEN = f"a-token-that-nobody-may-see-{token_hex(8)}"
ROLLBACK, RETIRE = "ledgerops.canton.rollback", "ledgerops.canton.retire"
TESTS = Path(__file__).parents[1]


def network_of(pair: Pair) -> dict[str, Any]:
    on = [{"synchronizer": "east", "alias": OLD_ALIAS}]
    dars = [{"name": "bonds", "version": "2.1.0", "packages": 2}]
    everything = {
        "synchronizers": {"east": {}},
        "participants": {
            SOURCE: {
                "key_spec": "ec_p256",
                "preview_commands": True,
                "admin_token": TOKEN,
                "connections": on,
                "parties": [{"id": "Ada", "annotations": {"desk": "1"}}, "Ben", {"count": 3, "prefix": "client"}],
                "dars": dars,
                "contracts": [
                    {
                        "count": 30,
                        "template": "Iou:Iou",
                        "dar": "bonds",
                        "parties": ["Ada", "Ben", "client0"],
                        "archived": 4,
                    }
                ],
                "users": [{"id": "ada-app", "primary_party": "Ada", "act_as": ["Ada"]}],
            },
            TARGET: {"crypto": "kms", "identity": "manual", "admin_token": TOKEN},
            PLAIN: {"connections": on, "admin_token": TOKEN},
        },
    }
    return pair.topology(everything, targets=(TARGET,))


# -- what the network holds -------------------------------------------------------------------------------------------


def identity(story: Migration, name: str) -> str:
    with sqlite3.connect(story.net.database) as connection:
        ((uid,),) = connection.execute("SELECT uid FROM participants WHERE name=?", (name,))
    return str(uid)


# -- the story --------------------------------------------------------------------------------------------------------


class Story(Migration):
    def set_up(self) -> None:
        self._give_the_source_an_encryption_key_as_nodes_make_it()
        kms = self.net.info()["kms"]
        self.secret = f"secret-{token_hex(16)}"
        self.variables.update(
            kms_migration_method="key_import",
            kms_migration_accept_key_import_crash=True,
            kms_migration_target_synchronizer=OLD_ALIAS,
            kms_migration_stop_timeout=1,
            kms_migration_rotate_keys=True,
            kms_migration_kms={
                "region": kms["region"],
                "endpoint_url": kms["endpoint"],
                "access_key": kms["aws_access_key_id"],
                "secret_key": self.secret,
            },
        )

    def _give_the_source_an_encryption_key_as_nodes_make_it(self) -> None:
        """ECIES, which no KMS takes."""
        options = {**dict.fromkeys(connection_spec()), "dossier": None, "timeout": 20.0, "ready_timeout": 20.0}
        node: Any = participant_of({**options, **self.net.connection(SOURCE)}, "source")
        uid = node.identity().uid
        signing = [key for key in node.owner_keys(AUTHORIZED, uid) if key.purpose == "signing"]
        ecies = node.generate_encryption_key("made-by-default", "ec_p256")
        node.authorize_owner_keys(uid, [*signing, ecies])
        store = self.net.synchronizer("east")
        eventually(
            lambda: ecies.fingerprint in {key.fingerprint for key in node.owner_keys(store, uid)},
            "the key on the synchronizer",
        )

    def let_it_stop_the_source(self) -> None:
        """As an operator who runs it in a container would give his own tasks."""
        file = self.folder / "stop.yml"
        command = [sys.executable, "-m", "sandbox", "stop", SOURCE, "--state", str(self.net.state)]
        task = {"name": "Stop the container", "ansible.builtin.command": {"argv": command}, "changed_when": True}
        file.write_text(json.dumps([{**task, "environment": {"PYTHONPATH": str(TESTS)}}]))
        self.variables["kms_migration_stop_source_tasks"] = str(file)

    def preflight(self, **variables: Any) -> set[str]:
        """The ids of what stands against it."""
        run = self.run("--tags", "preflight", "--extra-vars", json.dumps(variables), succeeds=False)
        return {item["id"] for item in findings(run) if item["severity"] == "error"}

    def contracts(self, name: str) -> Mapping[str, Any]:
        with self.net.client(name) as node:
            return node.contracts([self.net.party(SOURCE, party) for party in ("Ada", "Ben", "client0", "client1")])


def findings(run: Run) -> list[dict[str, Any]]:
    (found,) = [
        entry["result"]["findings"]
        for entry in run.entries
        if entry["task"].endswith("Preflight | Read both participants")
    ]
    return list(found)


@pytest.fixture(scope="module")
def story(
    network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    net = network(network_of(pair))
    made = Story(pair, net, ansible, tmp_path_factory.mktemp("key-import"))
    made.set_up()
    yield made
    net.stop()


one_line = pytest.mark.pairs([MATRIX[0]])


@one_line
def test_it_is_refused_unless_the_crash_of_the_target_is_accepted(story: Story) -> None:
    before = story.net.contents()
    assert story.preflight(kms_migration_accept_key_import_crash=False) == {"key_import_crashes"}
    assert not story.journal.exists()
    not_accepted = json.dumps({"kms_migration_accept_key_import_crash": False})
    for phase in ("prepare", "cutover"):
        run = story.run("--tags", phase, "--extra-vars", not_accepted, succeeds=False)
        assert "LOCAL_VERDICT_CREATES_EXISTING_CONTRACTS" in run.failures[0]["msg"]
        assert not any(run.changed)
    assert story.net.contents() == before
    assert not story.journal.exists()


@one_line
@pytest.mark.capability("Take identity and keys to a KMS")
def test_what_cannot_be_imported_is_refused_before_anything_is_changed(story: Story) -> None:
    before = story.net.contents()
    assert story.preflight(kms_migration_source=story.net.connection(PLAIN)) == {
        "key_import_namespace_key",
        "key_import_not_exportable",
    }
    assert story.preflight(kms_migration_target=story.net.connection(PLAIN)) == {"key_import_target"}
    assert story.preflight(kms_migration_method="envelope") == {"envelope_needs_no_migration"}
    assert story.preflight(kms_migration_rotate_keys=False) == {"key_import_key_spec"}
    foreseen = story.run("--check")
    assert any(foreseen.changed)
    assert story.net.contents() == before


@one_line
@pytest.mark.capability("Take identity and keys to a KMS")
@pytest.mark.fault(
    "the old node: it still runs when the new one is to be connected",
    "at the end of cutover",
    "refused; resumes, or is rolled back",
)
def test_the_target_waits_for_the_end_of_the_source_and_the_source_can_come_back(story: Story) -> None:
    contracts = story.contracts(SOURCE)
    (failure,) = story.run(succeeds=False).failures
    assert "still runs" in failure["msg"] and "kms_migration_retire_service" in failure["msg"]
    assert identity(story, TARGET) == identity(story, SOURCE)
    assert story.contracts(TARGET) == contracts
    for name in (SOURCE, TARGET):
        with story.net.client(name) as node:
            assert not any(each["connected"] for each in node.connections().values())
    story.ansible.playbook(["-i", str(story.inventory()), ROLLBACK])
    assert story.contracts(SOURCE) == contracts
    assert not any(story.contracts(TARGET).values())
    with story.net.client(SOURCE) as node:
        assert node.connections()[OLD_ALIAS]["connected"]


@one_line
@pytest.mark.capability("Take identity and keys to a KMS")
@pytest.mark.fault("the run with its modules", "while keys are imported into the KMS", "resumes")
def test_it_is_killed_and_carries_on_and_nobody_finds_a_secret(story: Story, tmp_path: Path) -> None:
    contracts = story.contracts(SOURCE)
    keys = private_keys(story.net.database, SOURCE)
    assert len(keys) == 6
    secrets = [TOKEN.encode(), story.secret.encode(), *map(secret_number, keys)]
    story.let_it_stop_the_source()
    report = story.folder / "report"
    home = Path(story.ansible.environment(tmp_path)["ANSIBLE_HOME"])
    remote = home / "remote"
    story.variables.update(kms_migration_report=str(report), kms_migration_key_alias="canton/second")
    playing = Playing(story, "preflight,prepare")
    assert playing.reach("Prepare | Import the keys into the KMS")
    time.sleep(2)
    playing.kill(with_modules=True)
    # Ansible itself leaves a killed module with its arguments behind: docs/key-import.md says to give it no secrets
    shutil.rmtree(remote)

    env = {"TMPDIR": str(tmp_path), "ANSIBLE_KEEP_REMOTE_FILES": "false"}
    with Processes() as processes:
        run = story.ansible.playbook(story.arguments("-vvvv", "--diff"), env=env)
    assert processes.rounds > 20
    assert any(b"ansible-playbook" in each for each in processes.seen)
    assert story.contracts(TARGET) == contracts
    with story.net.client(TARGET) as node:
        assert node.connections()[OLD_ALIAS]["connected"]
        assert set(node.hostings(story.net.synchronizer("east"))) >= {
            story.net.party(SOURCE, name) for name in ("Ada", "Ben")
        }

    places = {"the output": run.output.encode(), "processes": b"\n".join(processes.seen)}
    for folder in (tmp_path, story.journal, report, home):
        places.update(files_below(folder))
    assert [place for place, content in places.items() if any(shows(content, secret) for secret in secrets)] == []
    # Modules themselves lie in a folder of their own: what is searched is what a run says and leaves behind.
    assert len(places["the output"]) > 100_000
    assert any(str(place).startswith(str(story.journal)) for place in places)
    assert len(list(report.iterdir())) >= 3


@one_line
def test_the_search_would_find_them(story: Story, tmp_path: Path) -> None:
    for der in private_keys(story.net.database, SOURCE):
        key: Any = load_der_private_key(der, None)
        number = secret_number(der)
        for text in (
            der,
            der.hex().encode(),
            base64.encodebytes(der),
            b"x" + base64.b64encode(b"?" + der),
            b"yy" + base64.b64encode(b"??" + number),
            number,
            number.hex().upper().encode(),
            str(int.from_bytes(number, "big")).encode(),
            str(key.private_numbers()).encode() + repr(number).encode(),
        ):
            (tmp_path / "planted").write_bytes(b"before " + text + b" after")
            assert any(shows(content, number) for _place, content in files_below(tmp_path)), text[:20]
    with (
        Processes() as processes,
        subprocess.Popen([sys.executable, "-c", "input()", TOKEN], stdin=subprocess.PIPE) as shown,
    ):
        time.sleep(0.5)
        shown.kill()
    assert any(shows(each, TOKEN.encode()) for each in processes.seen)


@one_line
@pytest.mark.capability("Take identity and keys to a KMS")
def test_a_second_run_changes_nothing_and_the_old_node_is_retired(story: Story) -> None:
    story.run_again_changes_nothing()
    (failure,) = story.ansible.playbook(["-i", str(story.inventory()), ROLLBACK], succeeds=False).failures
    assert "Keep the target." in failure["msg"]
    retired = story.ansible.playbook(["-i", str(story.inventory()), RETIRE])
    assert "Destroy the old node's database" in retired.output
