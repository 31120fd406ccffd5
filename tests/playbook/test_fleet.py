# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet in one network: canary, hosts that cannot work, the stop file, a failed downtime, starts in the middle, and the reports."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from playbook import fleet
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Run, Sandbox
from playbook.migration import NEW_ALIAS, OLD_ALIAS, PLAYBOOK, Migration, both
from playbook.observe import Node
from playbook.releases import DIALECTS, Pair

from sandbox.v30.requests import namespace

CANARY, LOST, REFUSED, SECOND = "canary", "lost", "refused", "second"
CONTRACTS = 40
ROLE = Path(__file__).parents[2] / "roles" / "kms_migration"
# where a start in the middle could do harm, or could look as if all was well
MIDDLE = (
    "Copy | Copy what the target lacks",
    "Cutover | Disconnect the source when nothing is in flight",
    "Cutover | Transfer and verify the contracts",
    "Cutover | Connect the target",
    "Cutover | Record the end",
)
WITHOUT_A_PLAN = ("Prepare | Record the end", "Cutover | Move to the target", "Verify | Compare both participants")
KEYS = {
    "schema", "host", "name", "at", "status", "phase", "summary", "error", "direction", "source", "target", "synchronizers", "namespace",
    "delegated_to", "keys", "parties", "contracts", "digest", "packages", "users", "counterparties", "plan", "timeline", "downtime_seconds",
    "proof", "warnings", "findings", "by_hand", "rights_left_out",
}  # fmt: skip


@dataclass
class Fleet:
    net: Sandbox
    ansible: Ansible
    folder: Path
    pair: Pair
    hosts: dict[str, dict[str, Any]]
    variables: dict[str, Any] = field(default_factory=dict)

    def run(self, *flags: str, succeeds: bool = True) -> Run:
        file = fleet.inventory(self.net, self.folder, self.hosts, self.variables)
        return self.ansible.playbook(["-i", str(file), *flags, PLAYBOOK], succeeds=succeeds)

    def report(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "reports" / f"{name}.json").read_text(encoding="utf-8"))
        return found

    def statuses(self) -> dict[str, str]:
        return {row["host"]: row["status"] for row in self.report("fleet")["hosts"]}

    def migration(self, host: str) -> Migration:
        names: dict[str, Any] = {"source": fleet.source_of(host), "target": fleet.target_of(host)}
        return Migration(self.pair, self.net, self.ansible, self.folder, name=host, **names)


@pytest.fixture(scope="module")
def ships(network: StartNetwork, pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "runs").mkdir()
    hosts: dict[str, dict[str, Any]] = {CANARY: {}, LOST: {}, REFUSED: {}, SECOND: {}}
    plan = fleet.topology([CANARY, REFUSED, SECOND], CONTRACTS, {REFUSED: {"crypto": "jce"}})
    plan["participants"][fleet.source_of(LOST)] = plan["participants"][fleet.target_of(LOST)] = {}
    net = network(pair.topology(plan, targets=tuple(map(fleet.target_of, hosts))))
    nowhere = {"endpoint": "127.0.0.1:1", "ledger_endpoint": "127.0.0.1:1", "timeout": 2, "ready_timeout": 1}
    hosts[LOST] = {"kms_migration_source": nowhere}
    # there as soon as the host's own prepare begins: so it is seen before the cutover only
    hosts[SECOND] = {"kms_migration_stop_file": "{{ '/' if __kms_migration_source_info is defined else '' }}"}
    # several migrations in one run take their time where others work too
    ansible = Ansible(folder / "runs", patience=1200, shared=tmp_path_factory.getbasetemp())
    yield Fleet(net, ansible, folder, pair, hosts, {"kms_migration_serial": [1, "100%"]})
    net.stop()


only = pytest.mark.pairs(DIALECTS[:1])


@only
def test_canary_then_the_rest_of_which_each_ends_in_its_own_way(ships: Fleet) -> None:
    run = ships.run("-vv", succeeds=False)
    assert run.returncode == 2
    began = [entry["host"] for entry in run.entries if entry["task"].endswith("Preflight | Read both participants")]
    assert began[0] == CANARY
    assert set(began) == set(ships.hosts)
    ended = max(
        place for place, entry in enumerate(run.entries) if entry["host"] == CANARY and "Report |" in entry["task"]
    )
    assert all(entry["host"] == CANARY for entry in run.entries[:ended])
    assert ships.statuses() == {CANARY: "migrated", LOST: "failed", REFUSED: "refused", SECOND: "stopped"}
    assert "1 of 4 hosts migrated" in run.output
    assert_moved(ships, CANARY)
    with both(ships.migration(SECOND)) as (source, target):
        # prepared, but its source serves and nothing was moved
        assert [each["connected"] for each in source.connections().values()] == [True]
        parties = parties_of(ships, SECOND, source, "east")
        assert parties_of(ships, SECOND, target, "west") == parties != []
        assert not any(target.contracts(parties).values())


def parties_of(ships: Fleet, host: str, node: Node, synchronizer: str) -> list[str]:
    """The host's own among all that live on a synchronizer, without the participants' admin parties."""
    ours = namespace(ships.net.uid(fleet.source_of(host)))
    return sorted(party for party in node.hostings(ships.net.synchronizer(synchronizer)) if party.endswith(f"::{ours}"))


def assert_moved(ships: Fleet, host: str) -> None:
    with both(ships.migration(host)) as (source, target):
        parties = parties_of(ships, host, source, "east")
        assert parties_of(ships, host, target, "west") == parties != []
        theirs = target.contracts(parties)
        assert {party: set(ids) for party, ids in theirs.items()} == {
            party: set(ids) for party, ids in source.contracts(parties).items()
        }
        assert {len(ids) for ids in theirs.values()} == {CONTRACTS}
        assert source.connections() == {OLD_ALIAS: {"connected": False, "manual_connect": True}}
        assert target.connections() == {NEW_ALIAS: {"connected": True, "manual_connect": False}}


@only
def test_results_have_the_documented_shape(ships: Fleet) -> None:
    for host in ships.hosts:
        found = ships.report(host)
        assert set(found) == KEYS
        assert (found["schema"], found["host"], found["name"]) == (1, host, host)
    good, refused, lost = ships.report(CANARY), ships.report(REFUSED), ships.report(LOST)
    uids = [ships.net.uid(name) for name in (fleet.source_of(CANARY), fleet.target_of(CANARY))]
    assert [good[side]["uid"] for side in ("source", "target")] == uids
    assert good["contracts"] == CONTRACTS
    assert {each["party"].partition("::")[0] for each in good["parties"]} == {"Ada", "Ben"}
    assert all(each["contracts"] == CONTRACTS and each["permission"] for each in good["parties"])
    assert {each["purpose"] for each in good["keys"]} == {"signing", "encryption"}
    assert all(each["kms_key_id"] for each in good["keys"])
    assert good["users"] == [{"id": "ada-app", "rights": 1}]
    assert {each["what"] for each in good["proof"]} > {
        "Contracts",
        "Delegation",
        "Hosting",
        "Packages",
        "Users",
        "Ping",
    }
    assert all(each["equal"] for each in good["proof"])
    events = ["prepared", "cutover", "exported", "imported", "connected", "verified"]
    assert [each["event"] for each in good["timeline"]] == events
    down = sum(each["seconds"] for each in good["timeline"][2:5])
    assert good["downtime_seconds"] == pytest.approx(down, abs=0.06)
    assert good["error"] is None
    assert refused["phase"] == lost["phase"] == "preflight"
    assert "target_not_on_kms" in {each["id"] for each in refused["findings"]}
    assert refused["error"]["task"] == "Preflight | Fail on blocking findings"
    assert "127.0.0.1:1" in lost["error"]["message"]
    # what reads like a payload, a token or a private key is nowhere
    assert "PRIVATE KEY" not in json.dumps([good, refused, lost])


class Page(HTMLParser):
    """What a page loads, and the elements that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.elements: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        assert not any(name.startswith("on") for name, _value in attrs)


@only
def test_pages_are_whole_and_private(ships: Fleet) -> None:
    folder = ships.folder / "reports"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    names = {path.name for path in folder.iterdir()}
    assert names == {f"{name}.{kind}" for name in (*ships.hosts, "fleet") for kind in ("json", "html", "md")}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    for path in folder.glob("*.html"):
        page, text = Page(path), path.read_text(encoding="utf-8")
        assert not page.elements & {"script", "link", "img", "iframe", "object", "embed"}
        assert all(link in names for link in page.links)
        assert not re.search(r"https?://|@import|url\(", text)
        assert "{{" not in text and "{%" not in text
    assert "svg" in Page(folder / f"{CANARY}.html").elements
    assert {f"{CANARY}.html", f"{LOST}.html"} <= set(Page(folder / "fleet.html").links)


@only
def test_fleet_report_sums_up(ships: Fleet) -> None:
    found = ships.report("fleet")
    assert [row["host"] for row in found["hosts"]] == [LOST, REFUSED, SECOND, CANARY]
    assert "127.0.0.1:1" in found["hosts"][0]["message"]
    assert "the cutover was not started" in found["hosts"][2]["summary"]
    good = ships.report(CANARY)
    assert found["totals"] == {
        "hosts": 4,
        "done": 1,
        "statuses": {"failed": 1, "refused": 1, "stopped": 1, "migrated": 1},
        "parties": 2,
        "contracts": CONTRACTS,
        "downtime_seconds": good["downtime_seconds"],
        "longest_downtime_seconds": good["downtime_seconds"],
    }


@only
def test_stop_file_lets_nobody_begin(ships: Fleet) -> None:
    stop = ships.folder / "stop"
    stop.touch()
    ships.hosts[SECOND] = {}
    ships.variables["kms_migration_stop_file"] = str(stop)
    before = ships.net.contents()
    run = ships.run("--limit", SECOND)
    assert ships.net.contents() == before
    assert not any("Preflight |" in entry["task"] for entry in run.entries)
    assert str(stop) in ships.report(SECOND)["summary"]
    assert ships.statuses()[SECOND] == "stopped"
    stop.unlink()


@only
def test_starting_at_a_task_in_the_middle_changes_nothing_wrongly(ships: Fleet) -> None:
    """Steps are included as the plan needs them, so Ansible finds none of them to start at; other tasks lack the plan."""
    connections = both_connections(ships)
    for task in (*MIDDLE, *WITHOUT_A_PLAN):
        run = ships.run("--limit", SECOND, "--start-at-task", task, succeeds=task in MIDDLE)
        assert ("No matching task" in run.output) is (task in MIDDLE)
        assert "Traceback" not in run.output
        assert both_connections(ships) == connections, task
        assert '"connected"' not in ships.migration(SECOND).file("journal.json").read_text(encoding="utf-8")
        assert not ships.migration(SECOND).file("receipt.json").exists()


def both_connections(ships: Fleet) -> list[Any]:
    with both(ships.migration(SECOND)) as (source, target):
        return [source.connections(), target.connections()]


@only
def test_a_failed_downtime_says_both_ways_and_is_finished_in_spite_of_the_stop_file(ships: Fleet) -> None:
    ships.variables["kms_migration_stop_file"] = str(ships.folder / "stop")
    ships.hosts[SECOND] = {}
    ships.net.set(fleet.source_of(SECOND), "export_abort_after_chunks", 0)
    run = ships.run("--limit", SECOND, "--tags", "cutover", succeeds=False)
    ships.net.set(fleet.source_of(SECOND), "export_abort_after_chunks", None)
    assert run.returncode == 2
    last = run.entries[-1]["result"]["msg"]
    for text in ("phase cutover", "parties are down", "again", "playbooks/rollback.yml", f"{SECOND}.html"):
        assert text in last
    found = ships.report(SECOND)
    assert (found["status"], found["phase"]) == ("failed", "cutover")
    assert found["error"]["message"] == run.failures[0]["msg"]
    assert "parties are down" in found["summary"]

    (ships.folder / "stop").touch()
    ships.run("--limit", SECOND)
    assert_moved(ships, SECOND)
    assert ships.statuses()[SECOND] == "migrated"


def test_failed_hosts_hold_up_those_that_were_not_begun(ansible: Ansible, tmp_path: Path) -> None:
    """The rule itself, with hosts that only pretend: refused ones do not count, failed ones do."""
    play = tmp_path / "play.yml"
    play.write_text(
        f"""
- hosts: all
  gather_facts: false
  connection: local
  vars_files: [{ROLE}/vars/main.yml]
  vars: {{kms_migration_stop_file: ""}}
  tasks:
    - name: Refuse
      ansible.builtin.fail:
      when: inventory_hostname == 'a'
    - name: Before
      ansible.builtin.debug:
        msg: "{{{{ __kms_migration_stop_reason }}}}"
    - ansible.builtin.set_fact:
        __kms_migration_entered: {{failed: false}}
      when: inventory_hostname != 'd'
    - name: Fail
      ansible.builtin.fail:
      when: inventory_hostname == 'b'
    - name: After
      ansible.builtin.debug:
        msg: "{{{{ __kms_migration_stop_reason }}}}"
""",
        encoding="utf-8",
    )
    for allowed, stops in ((0, True), (49, True), (50, False)):
        arguments = ["-i", "a,b,c,d,", "-e", json.dumps({"kms_migration_max_fail_percentage": allowed}), str(play)]
        run = ansible.playbook(arguments, succeeds=False)
        said = {(entry["task"], entry["host"]): entry["result"].get("msg") for entry in run.entries}
        assert not said["Before", "d"]
        assert ("1 of 2 started hosts failed (b)" in (said["After", "d"] or "")) is stops
