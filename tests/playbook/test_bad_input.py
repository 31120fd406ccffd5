# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input through real ansible-playbook: one clear message with cause and remedy, nothing changed, right afterwards.

The tests share one network and walk through a migration; fixtures bring it to the state that a test needs, so that
each test can also be run alone. Cases that leave no trace share one run.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Run, Sandbox, Task, task
from playbook.releases import Pair

from sandbox.daml import dars
from sandbox.v30.requests import WRITE, change, host, hosting, on
from sandbox.wire import auth

TOKEN = "a-token-that-nobody-may-read"
WRONG_TOKEN = "another-token-that-nobody-may-read"
DAR = {"name": "iou", "version": "1.0.0", "packages": 3}
TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"old": {}, "new": {}, "third": {}},
    "participants": {
        "source": {
            "connections": [{"synchronizer": "old", "alias": "oldsync"}],
            "parties": [
                "Alice",
                "Bob",
                {"id": "Foreign", "namespace": "other"},
                {"id": "Shared", "hosts": ["source", "second"]},
            ],
            "dars": [DAR],
            "contracts": [
                {"count": 300, "template": "Iou:Iou", "dar": "iou", "parties": ["Alice", "Bob"], "bytes": 200}
            ],
        },
        "second": {
            "connections": [
                {"synchronizer": "old", "alias": "oldsync"},
                {"synchronizer": "new", "alias": "newsync"},
            ]
        },
        "rootless": {"connections": [{"synchronizer": "old", "alias": "oldsync"}]},
        "target": {"crypto": "kms", "connections": [{"synchronizer": "new", "alias": "newsync"}]},
        "forgetful": {"storage": "memory", "connections": [{"synchronizer": "third", "alias": "thirdsync"}]},
        "guarded": {"tls": "server", "admin_token": TOKEN},
        "mutual": {"tls": "mutual"},
    },
}


class Stage:
    """The network, and tasks on it."""

    def __init__(self, pair: Pair, net: Sandbox, folder: Path) -> None:
        self.pair = pair
        self.net = net
        self.folder = folder
        with net.client("source") as client:
            listed = {item["party"].partition("::")[0]: item["party"] for item in client.known_parties()}
        self.foreign = listed["Foreign"]
        # hosted by source, and not to be moved by its namespace
        self.staying = ["Foreign", "Shared", *([] if pair.canton_2 else ["Joint"])]
        self.joint = "" if pair.canton_2 else self._decentralised_party()
        with net.client("rootless") as client:
            client.delete_root_key()

    def _decentralised_party(self) -> str:
        """A party of a namespace that several participants own together."""
        owner, other = (self.net.uid(name).partition("::")[2] for name in ("source", "second"))
        joint = "1220" + "d" * 64
        namespace = {"decentralized_namespace": joint, "threshold": 1, "owners": [owner, other]}
        definition = {"decentralized_namespace_definition": namespace}
        party = f"Joint::{joint}"
        store = on(self.net.synchronizer("old"))
        wait = {"wait_to_become_effective": "30s"}
        with self.net.client("source") as source, self.net.client("second") as second:
            proposal = change(definition, store, **wait)
            proposal["must_fully_authorize"] = False
            source.admin(f"{WRITE}/Authorize", {**proposal, "wait_to_become_effective": None})
            second.admin(f"{WRITE}/Authorize", proposal)
            source.admin(f"{WRITE}/Authorize", change(hosting(party, host(self.net.uid("source"))), store, **wait))
        return party

    def party(self, name: str) -> str:
        known = {"Foreign": self.foreign, "Joint": self.joint, "admin": self.net.uid("source")}
        return known.get(name) or self.net.party("source", name)

    def both(self, source: str = "source", target: str = "target") -> dict[str, Any]:
        return {"source": self.net.connection(source), "target": self.net.connection(target)}

    def host(self, *parties: str) -> Task:
        names = [self.party(name) for name in parties]
        aliases = {"source_synchronizer": "oldsync", "target_synchronizer": "newsync"}
        return task("participant_party", **self.both(), **aliases, parties=names, wait_timeout=20)

    def transfer(self, state: str, snapshot: str, target: str = "target", **more: Any) -> Task:
        options = {
            **self.both(target=target),
            "source_synchronizer": "oldsync",
            "target_synchronizer": "newsync",
            "parties": [self.party("Alice"), self.party("Bob")],
            "path": str(self.folder / snapshot),
            **self.pair.options,
        }
        options = {key: value for key, value in {**options, **more}.items() if value is not None}
        return task("participant_acs_transfer", state=state, **options)

    def disconnect(self, name: str, **more: Any) -> Task:
        return task("participant_synchronizer", **self.net.connection(name), state="disconnected", **more)

    def connect(self, name: str, alias: str) -> Task:
        return task("participant_synchronizer", **self.net.connection(name), state="connected", synchronizer=alias)

    def look(self, name: str, **other: Any) -> Task:
        """Reads the identity of a participant with connection options as given; ``None`` leaves one out."""
        options = {**self.net.connection(name), "gather": ["identity"], **other}
        return task("participant_info", **{key: value for key, value in options.items() if value is not None})


@pytest.fixture(scope="module")
def stage(network: StartNetwork, pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    net = network(pair.topology(TOPOLOGY, targets=("target", "forgetful", "guarded", "mutual")))
    yield Stage(pair, net, tmp_path_factory.mktemp("journal"))
    net.stop()


@dataclass(frozen=True)
class Case:
    """``cause`` and ``remedy`` are parts of the message.

    ``patient``: the module tries for some seconds before it gives up. ``unlike_canton_2``: why Canton 2 has no such case.
    ``canton_2_id``: the error id there, where Canton 2 tells more.
    """

    make: Callable[[Stage], Task]
    error_id: str
    cause: str
    remedy: str
    patient: bool = False
    unlike_canton_2: str = ""
    canton_2_id: str = ""

    def exists(self, pair: Pair) -> bool:
        return not (pair.canton_2 and self.unlike_canton_2)


refusal = pytest.mark.capability("Refusals with cause and remedy")


def assert_refused(result: dict[str, Any], error_id: str, cause: str, remedy: str) -> None:
    """One clear message: what is wrong and what to do, in one piece."""
    assert result["error_id"] == error_id, result["msg"]
    assert cause in result["msg"]
    assert remedy in result["msg"]
    assert "\n" not in result["msg"]
    assert result.get("changed", False) is False


def refused(ansible: Ansible, stage: Stage, wanted: Task, error_id: str, cause: str, remedy: str) -> Run:
    """Run one task that has to be refused and that may change nothing."""
    before = stage.net.contents()
    run = ansible.tasks([wanted], succeeds=False)
    (result,) = run.failures
    assert_refused(result, error_id, cause, remedy)
    assert "Traceback" not in run.output
    assert stage.net.contents() == before
    return run


Refusals = Callable[[str], dict[str, Any]]


def all_refused(ansible: Ansible, stage: Stage, cases: dict[str, Case]) -> Refusals:
    """Run all cases in one go; none may change anything. Returns the result of each by its name."""
    before = stage.net.contents()
    tasks = {name: {**case.make(stage), "name": name} for name, case in cases.items() if case.exists(stage.pair)}
    patient = [each for name, each in tasks.items() if cases[name].patient]
    others = [each for name, each in tasks.items() if not cases[name].patient]
    run = ansible.tasks([*map(begun, patient), *map(ignoring, others), *map(awaited, patient)])
    assert "Traceback" not in run.output
    assert len(run.failures) == len(tasks)
    assert stage.net.contents() == before
    return run.result


def ignoring(wanted: Task) -> Task:
    return {**wanted, "ignore_errors": True}


def begun(wanted: Task) -> Task:
    """The task in the background, so that several wait at the same time."""
    return {**wanted, "name": f"{wanted['name']} begins", "async": 120, "poll": 0, "register": variable(wanted)}


def awaited(wanted: Task) -> Task:
    """The end of a task that was begun; has its name and result."""
    register = variable(wanted)
    return {
        "name": wanted["name"],
        "ansible.builtin.async_status": {"jid": f"{{{{ {register}.ansible_job_id }}}}"},
        "register": f"{register}_end",
        "until": f"{register}_end is finished",
        "retries": 60,
        "delay": 1,
        "ignore_errors": True,
    }


def variable(wanted: Task) -> str:
    return f"case_{wanted['name'].replace(' ', '_').replace(',', '')}"


# -- while both participants are connected ----------------------------------------------------------------------------

EXCLUDE = "Exclude them (they stay on the source)"
CONNECTED: dict[str, Case] = {
    "unknown party": Case(
        lambda stage: stage.host("Nobody"), "parties_not_movable", "the source does not host it", EXCLUDE
    ),
    "party of another namespace": Case(
        lambda stage: stage.host("Foreign"),
        "parties_not_movable",
        "it belongs to another namespace",
        "signed by the holder of its root key",
    ),
    "decentralised party": Case(
        lambda stage: stage.host("Joint"),
        "parties_not_movable",
        "its namespace is decentralised",
        EXCLUDE,
        unlike_canton_2="Canton 2 has no decentralised namespaces",
    ),
    "multi-hosted party": Case(
        lambda stage: stage.host("Shared"), "parties_not_movable", "it is hosted by 2 participants", EXCLUDE
    ),
    "admin party": Case(
        lambda stage: stage.host("admin"), "parties_not_movable", "it is the admin party of the source", EXCLUDE
    ),
    "two of three are bad": Case(
        lambda stage: stage.host("Alice", "Nobody", "Foreign"), "parties_not_movable", "2 of the parties", EXCLUDE
    ),
    "party without delegation": Case(
        lambda stage: stage.host("Alice"),
        "redacted",
        "could not be hosted",
        "the delegation of the namespace is on this synchronizer",
        canton_2_id="NO_APPROPRIATE_SIGNING_KEY_IN_STORE",
    ),
    "namespace key not in the vault": Case(
        lambda stage: task("participant_namespace_delegation", **stage.both("rootless"), synchronizer="newsync"),
        "namespace_key_missing",
        "The source participant does not hold the root key",
        "Import the root key into its vault",
    ),
    "party that the old participant does not know": Case(
        lambda stage: stage.transfer("exported", "unknown", parties=[stage.party("Nobody")]),
        "unknown_parties",
        "does not host 1 of the parties: Nobody::",
        "Correct parties",
    ),
    "source still connected": Case(
        lambda stage: stage.transfer("exported", "connected"),
        "still_connected",
        "The source participant is still connected to oldsync",
        "Disconnect it with ledgerops.canton.participant_synchronizer",
    ),
    "import before the export": Case(
        lambda stage: stage.transfer("imported", "never"), "snapshot_missing", "There is no snapshot", "Export first"
    ),
    "unknown alias": Case(
        lambda stage: stage.connect("source", "nowhere"),
        "unknown_synchronizer",
        "does not know a synchronizer nowhere",
        "It knows: oldsync",
    ),
    "wrong port": Case(
        lambda stage: stage.look("source", endpoint=f"127.0.0.1:{free_port()}"),
        "unreachable",
        "nothing listens on this port",
        "Check host and port",
        patient=True,
    ),
    "port of the other API": Case(
        lambda stage: stage.look("source", endpoint=stage.net.connection("source")["ledger_endpoint"]),
        "not_offered",
        "has no RPC",
        "that the endpoint is the right API (admin API or ledger API)",
    ),
    "plaintext against TLS": Case(
        lambda stage: stage.look("guarded", tls=False),
        "unreachable",
        "it uses TLS, and tls is false",
        "Set tls to true",
        patient=True,
    ),
    "TLS against plaintext": Case(
        lambda stage: stage.look("source", tls=True),
        "unreachable",
        "it does not use TLS",
        "Set tls to false",
        patient=True,
    ),
    "wrong CA": Case(
        lambda stage: stage.look("guarded", ca_cert=wrong_ca(stage)),
        "unreachable",
        "its certificate is not trusted",
        "Set ca_cert to the CA of the node's certificate",
        patient=True,
    ),
    "no client certificate": Case(
        lambda stage: stage.look("mutual", client_cert=None, client_key=None),
        "unreachable",
        "requires a client certificate",
        "Set client_cert and client_key",
        patient=True,
    ),
    "wrong token": Case(
        lambda stage: stage.look("guarded", token=WRONG_TOKEN),
        "PERMISSION_DENIED",
        "denies",
        "Use a token with admin rights",
    ),
    "no token": Case(
        lambda stage: stage.look("guarded", token=None),
        "UNAUTHENTICATED",
        "did not accept the credentials",
        "Set a valid token (token or token_file)",
    ),
    "token file that is not there": Case(
        lambda stage: stage.look("guarded", token=None, token_file=str(stage.folder / "no-token")),
        "token_file_unreadable",
        "cannot be read",
        "Name a file",
    ),
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wrong_ca(stage: Stage) -> str:
    """The CA of some other network."""
    auth.make_certificates(stage.folder / "elsewhere")
    return str(stage.folder / "elsewhere" / "ca.pem")


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


@refusal
@pytest.mark.usefixtures("unvetted")
def test_unvetted_package(ansible: Ansible, stage: Stage) -> None:
    refused(
        ansible,
        stage,
        stage.transfer("imported", "right"),
        "packages_not_vetted",
        "has not vetted 1 packages of the contracts",
        "Vet them first with ledgerops.canton.participant_package",
    )


@pytest.fixture(scope="module")
def prepared(ansible: Ansible, stage: Stage, unvetted: None) -> None:
    """The target has everything, and is connected."""
    aliases = {"source_synchronizer": "oldsync", "target_synchronizer": "newsync"}
    (result,) = ansible.tasks([task("participant_package", **stage.both(), **aliases)]).results
    assert (len(result["uploaded"]), len(result["vetted"])) == (0, 1)


def copied(stage: Stage, name: str, data: Callable[[bytes], bytes] = bytes, **manifest: Any) -> str:
    """A copy of the right snapshot with its manifest, altered."""
    for ending in (".acs.gz", ".manifest.json"):
        shutil.copy(stage.folder / f"right{ending}", stage.folder / f"{name}{ending}")
    file = stage.folder / f"{name}.acs.gz"
    file.write_bytes(data(file.read_bytes()))
    file = stage.folder / f"{name}.manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **manifest}), encoding="utf-8")
    return name


def changed_byte(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def forgotten_rename(stage: Stage) -> Task:
    old = stage.net.synchronizer("old")
    return stage.transfer("imported", copied(stage, "not-renamed", renames={old: old}))


AGAIN = "Delete the file and its manifest, and export again"
IMPORTS: dict[str, Case] = {
    "target still connected": Case(
        lambda stage: stage.transfer("imported", "right"),
        "still_connected",
        "The target participant is still connected to newsync",
        "Disconnect it with ledgerops.canton.participant_synchronizer",
    ),
    "target still connected, through a pipe": Case(
        lambda stage: stage.transfer("transferred", "right", path=None),
        "still_connected",
        "The target participant is still connected to newsync",
        "Disconnect it with ledgerops.canton.participant_synchronizer",
    ),
    "snapshot cut short": Case(
        lambda stage: stage.transfer("imported", copied(stage, "cut", lambda content: content[:-100])),
        "snapshot_damaged",
        "bytes in its manifest",
        AGAIN,
    ),
    "snapshot changed by one byte": Case(
        lambda stage: stage.transfer("imported", copied(stage, "changed", changed_byte)),
        "snapshot_damaged",
        "The snapshot is damaged",
        AGAIN,
    ),
    "changed byte that leaves gzip and contracts intact": Case(
        lambda stage: stage.transfer(
            "imported", copied(stage, "time", lambda content: content[:4] + b"?" + content[5:])
        ),
        "snapshot_damaged",
        "its sha256 differs from its manifest",
        AGAIN,
    ),
    "snapshot with something behind it": Case(
        lambda stage: stage.transfer("imported", copied(stage, "longer", lambda content: content + b"more")),
        "snapshot_damaged",
        "The snapshot is damaged",
        AGAIN,
    ),
    "snapshot for another target": Case(
        lambda stage: stage.transfer("imported", "right", "second"),
        "snapshot_of_another_pair",
        "belongs to another pair of participants",
        "Set path to the snapshot of this pair",
    ),
    "snapshot of another source": Case(
        lambda stage: stage.transfer("imported", "right", source=stage.net.connection("second")),
        "snapshot_of_another_pair",
        "belongs to another pair of participants",
        "Set path to the snapshot of this pair",
    ),
    "rename that was forgotten": Case(
        forgotten_rename,
        "synchronizer_not_renamed",
        "exported for another synchronizer",
        "Export again with target_synchronizer set",
    ),
    "no receipt to verify": Case(
        lambda stage: stage.transfer("verified", "right"), "receipt_missing", "no receipt", "Import first"
    ),
}


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
