# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The qualification of docs/real-nodes.md, with its own example inventory; only the addresses are those of a network here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from playbook.harness import Sandbox

from sandbox.daml import contracts
from sandbox.state import ledger, package_store
from sandbox.state.store import Store
from sandbox.wire import ids

COLLECTION = Path(__file__).parents[2]
TOKEN = "operator-token-that-nobody-may-see"
TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"east": {}, "west": {}},
    "participants": {
        "branch": {
            "crypto": "jce",
            "connections": [{"synchronizer": "east", "alias": "old"}],
            "parties": ["Ada"],
            "dars": [{"name": "bonds", "version": "1.0.0", "packages": 2}, {"name": "loans", "version": "1.0.0"}],
            "contracts": [{"count": 5, "template": "Iou:Iou", "dar": "bonds", "parties": ["Ada"]}],
            "users": [{"id": "ada-app", "primary_party": "Ada", "act_as": ["Ada"]}],
            "tls": "mutual",
            "admin_token": TOKEN,
        },
        "vault": {
            "crypto": "kms",
            "connections": [{"synchronizer": "west", "alias": "new"}],
            "tls": "mutual",
            "admin_token": TOKEN,
        },
    },
}


def make_contracts() -> None:
    """The user's own command: contracts between the parties of a call. Arguments: the network's state, the parties."""
    state, *parties = sys.argv[1:]
    found = json.loads((Path(state) / "network.json").read_text(encoding="utf-8"))
    with Store(Path(state) / "network.db").write() as db:
        dar = next(each for each in package_store.dars(db, "branch") if each.name == "bonds")
        made = [
            contracts.make_contract(
                f"{parties}{number}".encode(),
                package_id=dar.main,
                package_name=dar.name,
                template="Iou:Iou",
                signatories=[party],
                observers=[parties[0]] if party != parties[0] else [],
                created_at=ids.now(),
                number=number,
            )
            for number, party in enumerate(parties)
        ]
        synchronizer = found["synchronizers"]["east"]["id"]
        ledger.add(db, "branch", [ledger.Addition(each, synchronizer, dar.main) for each in made])


@pytest.fixture(scope="module")
def net(network: Callable[[Any], Sandbox]) -> Sandbox:
    return network(TOPOLOGY)


def inventory(net: Sandbox, folder: Path, **more: Any) -> Path:
    """The first example of the page, with what is different here put in."""
    page = (COLLECTION / "docs" / "real-nodes.md").read_text(encoding="utf-8")
    example = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0]
    token, hosts = folder / "token", yaml.safe_load(example)
    token.write_text(TOKEN, encoding="utf-8")
    values = hosts["qualify"]["hosts"]["bank-1"]
    for which, name in (("source", "branch"), ("target", "vault")):
        options, real = values[f"kms_migration_{which}"], net.connection(name)
        # one token from a file, one from the environment, as the example has them
        assert options.keys() == {"endpoint", "ledger_endpoint", "ca_cert", "client_cert", "client_key"} | (
            {"token_file"} if which == "source" else {"token"}
        )
        real["token"] = options.get("token")
        options.update((key, real.get(key, str(token))) for key in options)
    hosts["qualify"]["vars"].update(kms_migration_journal=str(folder / "journal"), **more)
    path = folder / "inventory.yml"
    path.write_text(yaml.safe_dump(hosts), encoding="utf-8")
    return path


def qualify(arguments: Sequence[str], folder: Path, code: int, confirm: str = "yes") -> str:
    collections = os.environ["ANSIBLE_COLLECTIONS_PATH"]
    done = subprocess.run(
        [sys.executable, "-m", "qualify", *arguments, "--report", str(folder / "reports")],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([collections, str(COLLECTION / "tests")]),
            "ANSIBLE_HOME": str(folder / "home"),
            "CANTON_NEW_TOKEN": TOKEN,
            "QUALIFY_CONFIRM": confirm,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def report(folder: Path) -> dict[str, Any]:
    (file,) = (folder / "reports").glob("*/report.json")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def outcomes(folder: Path) -> dict[str, str]:
    return {check["name"]: check["outcome"] for check in report(folder)["hosts"][0]["checks"]}


def test_nothing_is_done_without_confirmation_or_inventory(net: Sandbox, tmp_path: Path) -> None:
    before = net.contents()
    said = qualify([str(inventory(net, tmp_path))], tmp_path, 2, confirm="")
    assert "disconnected from old" in said
    assert "Nothing was changed" in said
    assert "INVENTORY" in qualify([], tmp_path, 2)
    assert net.contents() == before


def test_another_release_than_expected_is_told_before_anything_is_made(net: Sandbox, tmp_path: Path) -> None:
    before = net.contents()
    qualify([str(inventory(net, tmp_path, qualify_release="3.4"))], tmp_path, 1)
    assert net.contents() == before
    found = outcomes(tmp_path)
    assert found.pop("Both nodes answer") == "passed"
    assert found.pop("The releases are the expected ones") == "failed"
    assert found.pop("Both nodes are connected as before") == "passed"
    assert set(found.values()) == {"skipped"}


def test_a_failing_command_is_told_and_what_was_made_is_removed(net: Sandbox, tmp_path: Path) -> None:
    said = qualify([str(inventory(net, tmp_path, qualify_make_contracts="false"))], tmp_path, 1)
    assert "qualify_make_contracts ended with 1" in said
    assert report(tmp_path)["hosts"][0]["remains"] == []
    assert_taken_back(net)


def test_nodes_are_taken_back_after_a_failure_in_the_middle(net: Sandbox, tmp_path: Path) -> None:
    net.set("branch", "export_abort_after_chunks", 0)
    try:
        said = qualify([str(inventory(net, tmp_path, qualify_prefix="broken"))], tmp_path, 1)
    finally:
        net.set("branch", "export_abort_after_chunks", None)
    found = outcomes(tmp_path)
    assert "qualify_make_contracts is not set" in said
    assert found["Module participant_synchronizer, source disconnected"] == "passed"
    assert found["Module participant_acs_transfer, exported"] == "failed"
    assert found["The whole migration"] == "skipped"
    assert found["Both nodes are connected as before"] == "passed"
    dar, delegation = report(tmp_path)["hosts"][0]["remains"]
    assert "DAR bonds" in dar
    assert "delegation of" in delegation
    assert_taken_back(net)


def assert_taken_back(net: Sandbox) -> None:
    """As both were before, but for what remains."""
    for name, alias, synchronizer, users, parties in (
        ("branch", "old", "east", {"ada-app"}, {net.party("branch", "Ada")}),
        ("vault", "new", "west", set[str](), set[str]()),
    ):
        with net.client(name) as node:
            assert node.users().keys() == users
            assert node.connections() == {alias: {"connected": True, "manual_connect": False}}
            assert node.hostings(net.synchronizer(synchronizer)).keys() == parties


def test_a_pair_of_participants_is_qualified(network: Callable[[Any], Sandbox], tmp_path: Path) -> None:
    net = network(TOPOLOGY)
    hook = [sys.executable, "-c", "from playbook import test_qualify as t; t.make_contracts()", str(net.state)]
    said = qualify([str(inventory(net, tmp_path, qualify_make_contracts=hook, qualify_release="3.5"))], tmp_path, 0)

    found = outcomes(tmp_path)
    assert set(found.values()) == {"passed"}
    modules = {name.split()[1].rstrip(",") for name in found if name.startswith("Module ")}
    # preflight runs on its own; the others are for nodes that no one host reaches, or that share a synchronizer
    left = {"participant_migration_info", "participant_dossier", "participant_party_replication"}
    # what they change of a node can't be taken back
    left |= {"participant_identity", "participant_key_rotation", "participant_key_mapping"}
    left |= {"participant_kms_key", "participant_kms_delegation", "participant_key_export"}
    assert modules | left == {path.stem for path in (COLLECTION / "plugins" / "modules").glob("participant_*.py")}
    written = report(tmp_path)
    assert written["passed"] is True
    (host,) = written["hosts"]
    assert (host["source"]["participant"], host["target"]["participant"]) == (net.uid("branch"), net.uid("vault"))
    remains = "\n".join(host["remains"])
    for text in ("DAR bonds", "delegation of", "target participant: 6 contracts", "source participant: 6 contracts"):
        assert text in remains
    assert "DAR loans" not in remains
    assert list((tmp_path / "journal").iterdir()) == []
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "reports").rglob("*.*") if path.is_file()]
    assert TOKEN not in said + "".join(texts)
    assert not [path for path in (tmp_path / "reports").rglob("*") if path.stat().st_mode & 0o077]
