# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of one host and of a fleet, and the pages made of them."""

from __future__ import annotations

import json
import re
import stat
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.plugin_utils import report_samples as samples

from ansible_collections.ledgerops.canton.plugins.plugin_utils._fleet import fleet
from ansible_collections.ledgerops.canton.plugins.plugin_utils._pages import render, write_fleet, write_host
from ansible_collections.ledgerops.canton.plugins.plugin_utils._report import STATUSES, document

AT = "2026-11-24T23:00:00.000Z"


# -- status -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "status", "phase"),
    [
        (samples.facts(), "can_migrate", "preflight"),
        (samples.facts(check={}), "no_result", ""),
        (samples.facts(**samples.identities()), "prepared", "prepare"),
        (samples.facts(**samples.identities(), events=samples.EVENTS[:2]), "interrupted", "cutover"),
        (samples.facts(events=samples.EVENTS[:6]), "moved", "cutover"),
        (samples.facts(events=samples.EVENTS), "migrated", "verify"),
        (samples.migrated(), "migrated", "verify"),
        (samples.migrated(events=[*samples.EVENTS, {"event": "retired", "at": AT}]), "retired", "retire"),
        (samples.facts(events=[*samples.EVENTS, {"event": "rolled_back", "at": AT}]), "rolled_back", "rollback"),
        (samples.facts(failure=samples.failure("cutover")), "failed", "cutover"),
        (
            samples.facts(
                failure=samples.failure("preflight"), check={"can_migrate": False, "findings": [samples.ERROR]}
            ),
            "refused",
            "preflight",
        ),
        # nobody said no: it could not be read
        (samples.facts(failure=samples.failure("preflight"), check={}), "failed", "preflight"),
        # what failed now outranks what was once reached
        (samples.migrated(failure=samples.failure("verify")), "failed", "verify"),
        (samples.facts(stopped="bank-1 was not begun."), "stopped", ""),
        (samples.migrated(status="rolled_back"), "rolled_back", "rollback"),
    ],
)
def test_status(facts: dict[str, Any], status: str, phase: str) -> None:
    found = document(facts)
    assert (found["status"], found["phase"]) == (status, phase)
    assert status in STATUSES
    json.dumps(found)


def test_every_status_has_the_same_keys() -> None:
    keys = set(document(samples.migrated()))
    for status in STATUSES:
        assert set(document({"host": "a", "name": "a", "at": AT, "status": status})) == keys


# -- contents ---------------------------------------------------------------------------------------------------------


def test_what_moved() -> None:
    found = document(samples.migrated())
    assert found["at"] == "2026-11-24T22:01:41.123Z"
    assert found["source"] == {"uid": samples.OLD, "version": "3.5.10"}
    assert [(each["party"], each["permission"], each["contracts"]) for each in found["parties"]] == [
        (samples.ADA, "submission", 400),
        (samples.BEN, "confirmation", 12),
    ]
    # a user of the target that was not copied is nothing to report
    assert found["users"] == [{"id": "ada-app", "rights": 2}]
    assert found["rights_left_out"] == {"ops": ["participant_admin"]}
    assert found["packages"] == {
        "dars": [{"name": "bonds", "version": "2.1.0", "main": "e5" * 32}],
        "stored": 31,
        "vetted": {"new": 31},
    }
    assert [key["purpose"] for key in found["keys"]] == ["signing", "encryption"]
    assert set(found["keys"][0]) == {"name", "purpose", "spec", "fingerprint", "kms_key_id"}
    assert found["warnings"] == ["Contracts are shared with 1 party. Move it too."]
    assert any("/var/lib/canton-migration" in line for line in found["by_hand"])


def test_before_the_first_phase_the_plan_tells_who_moves() -> None:
    assert document(samples.facts())["target"] == {"uid": samples.NEW, "version": ""}


def test_nothing_is_proven_that_was_not_compared() -> None:
    assert document(samples.facts())["proof"] == []
    without = {key: value for key, value in samples.migrated().items() if key not in ("pong", "users")}
    assert [line["what"] for line in document(without)["proof"]] == [
        "Contracts",
        "Contracts per party",
        "Delegation",
        "Hosting",
        "Packages",
    ]
    # a skipped task leaves a result too
    assert document(samples.facts(contracts={"skipped": True, "changed": False}))["proof"] == []


def test_a_difference_is_shown_as_one() -> None:
    hosted = {"parties": [f"p{number}" for number in range(9)], "hosted": [f"p{n}" for n in range(7)], "changed": True}
    (line,) = [line for line in document(samples.migrated(hosted=hosted))["proof"] if line["what"] == "Hosting"]
    assert line["equal"] is False
    assert "differs: p0, p1, p2, p3, p4 and 2 more" in line["compared"]


def test_error_is_whole_and_what_to_do_comes_first() -> None:
    found = document(samples.facts(failure=samples.failure("cutover")))
    assert found["error"] == {
        "task": "Cutover | Export the contracts",
        "message": samples.failure("cutover")["message"],
        "error_id": "export_broken_off",
        "hint": "Start again.",
    }
    assert "parties are down" in found["summary"]
    assert found["by_hand"][0] == "Start again."
    assert "rollback" in found["by_hand"][-1]
    assert not any(
        "rollback" in line for line in document(samples.facts(failure=samples.failure("prepare")))["by_hand"]
    )


# -- time -------------------------------------------------------------------------------------------------------------


def test_timeline_is_in_order_and_counts_from_event_to_event() -> None:
    found = document(samples.migrated(events=list(reversed(samples.EVENTS))))
    assert [each["event"] for each in found["timeline"]] == [each["event"] for each in samples.EVENTS]
    assert [each["seconds"] for each in found["timeline"]][:3] == [0.0, 391636.9, 1.25]
    assert found["downtime_seconds"] == 72.5


def test_seconds_since_1970_are_times_too() -> None:
    found = document(samples.facts(events=[{"event": "connected", "at": 3.5}, {"event": "cutover", "at": 1.25}]))
    assert found["timeline"][0] == {"event": "cutover", "at": "1970-01-01T00:00:01.250Z", "seconds": 0.0}
    assert found["downtime_seconds"] == 2.2


def test_the_snapshot_tells_of_its_own_times_and_of_whom_it_is_shared_with() -> None:
    events = [{"event": "cutover", "at": "2026-11-25T08:00:00Z"}, {"event": "connected", "at": "2026-11-25T08:00:09Z"}]
    contracts = {
        "exported_at": "2026-11-25T08:00:02Z",
        "imported_at": "2026-11-25T08:00:07Z",
        "counterparties": {"bank::1220": 3},
    }
    found = document(samples.facts(events=events, contracts=contracts))
    assert [each["event"] for each in found["timeline"]] == ["cutover", "exported", "imported", "connected"]
    assert found["downtime_seconds"] == 9.0
    assert found["counterparties"] == ["bank::1220"]


def test_downtime_is_that_of_the_last_cutover() -> None:
    again = [
        {"event": "cutover", "at": "2026-11-25T10:00:00.000Z"},
        {"event": "connected", "at": "2026-11-25T10:00:09.000Z"},
    ]
    assert document(samples.facts(events=[*samples.EVENTS, *again]))["downtime_seconds"] == 9.0
    assert document(samples.facts(events=[*samples.EVENTS, again[0]]))["downtime_seconds"] is None


# -- fleet ------------------------------------------------------------------------------------------------------------


def write(folder: Path, host: str, facts: dict[str, Any]) -> None:
    found = document({**facts, "host": host, "name": host})
    (folder / f"{host}.json").write_text(json.dumps(found), encoding="utf-8")


def test_fleet_of_everything(tmp_path: Path) -> None:
    write(tmp_path, "b", samples.migrated())
    write(tmp_path, "a", samples.migrated(events=samples.EVENTS[1:]))
    write(tmp_path, "c", samples.facts(failure=samples.failure("cutover")))
    write(tmp_path, "of-another-run", samples.facts())
    (tmp_path / "damaged.json").write_text('{"schema": 1', encoding="utf-8")
    (tmp_path / "later.json").write_text('{"schema": 2}', encoding="utf-8")
    (tmp_path / "fleet.json").write_text("{}", encoding="utf-8")
    found = fleet(tmp_path, ["a", "b", "c", "d"], AT)
    assert [(row["host"], row["status"]) for row in found["hosts"]] == [
        ("c", "failed"),
        ("damaged", "unreadable"),
        ("later", "unreadable"),
        ("d", "no_result"),
        ("of-another-run", "can_migrate"),
        ("a", "migrated"),
        ("b", "migrated"),
    ]
    assert found["totals"] == {
        "hosts": 7,
        "done": 2,
        "statuses": {"failed": 1, "unreadable": 2, "no_result": 1, "can_migrate": 1, "migrated": 2},
        "parties": 4,
        "contracts": 824,
        "downtime_seconds": 145.0,
        "longest_downtime_seconds": 72.5,
    }


def test_hosts_that_went_away(tmp_path: Path) -> None:
    write(tmp_path, "a", samples.facts(status="running"))
    write(tmp_path, "b", samples.facts(status="running"))
    write(tmp_path, "c", samples.facts(failure=samples.failure("prepare")))
    found = fleet(tmp_path, ["a", "b", "c", "d", "e"], AT, ["a", "c", "d"])
    statuses = {row["host"]: row["status"] for row in found["hosts"]}
    assert statuses == {"a": "unreachable", "b": "running", "c": "failed", "d": "unreachable", "e": "no_result"}


def test_fleet_before_anything(tmp_path: Path) -> None:
    found = fleet(tmp_path / "not-there", ["a"], AT)
    assert [row["status"] for row in found["hosts"]] == ["no_result"]
    assert found["totals"]["longest_downtime_seconds"] == 0


# -- pages ------------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Elements that are open and what they say; anything that is not closed in order is a mistake of the template."""

    EMPTY = {"meta", "br", "line", "path", "circle"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.said: list[str] = []
        self.seen: set[str] = set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.said))


def page_of(report: dict[str, Any]) -> str:
    return render(samples.TEMPLATES, "report.html.j2", report=report, file="bank-1")


@pytest.mark.parametrize("status", STATUSES)
def test_a_page_for_every_status(status: str) -> None:
    found = document(samples.facts(status=status, failure=samples.failure("cutover") if status == "failed" else {}))
    page = Page(page_of(found))
    assert not page.seen & {"script", "link", "img", "iframe"}
    assert found["summary"] in page.text
    assert render(samples.TEMPLATES, "report.md.j2", report=found, file="bank-1").startswith("# bank-1: ")


def test_page_says_everything_and_takes_no_markup_from_names() -> None:
    found = document(samples.migrated())
    text = page_of(found)
    page = Page(text)
    for said in (
        samples.OLD,
        samples.NEW,
        samples.DIGEST,
        "Ben <b>& Sons</b>",
        "arn:aws:kms",
        "Migrated and verified",
        "1 min 12 s",
    ):
        assert said in page.text
    assert "<b>& Sons" not in text
    assert page.text.count("downtime") >= 2
    assert "svg" in page.seen
    assert not re.search(r"https?://|@import|url\(", text)


def test_fleet_pages_link_what_is_there(tmp_path: Path) -> None:
    write(tmp_path, "bank & co", samples.migrated())
    write(tmp_path, "begun", samples.facts(status="running"))
    found = fleet(tmp_path, ["bank & co", "begun", "never"], AT)
    text = render(samples.TEMPLATES, "fleet.html.j2", fleet=found)
    page = Page(text)
    assert re.findall(r'href="([^"]*)"', text) == ["bank%20%26%20co.html"]
    assert "1 of 3 migrated" in page.text
    assert "No result: not started, unreachable or killed." in page.text
    assert "(bank%20%26%20co.md)" in render(samples.TEMPLATES, "fleet.md.j2", fleet=found)


def test_rights_that_were_left_out_are_named() -> None:
    users = {**samples.migrated()["users"], "left_out": {"o|p": ["participant_admin", "identity_provider_admin"]}}
    found = document(samples.migrated(users=users))
    text = Page(page_of(found)).text
    assert (
        "Rights that were left out" in text and "o|p" in text and "participant_admin, identity_provider_admin" in text
    )
    short = render(samples.TEMPLATES, "report.md.j2", report=found, file="bank-1")
    assert "| o\\|p | participant_admin, identity_provider_admin |" in short
    assert "left out" not in page_of(document(samples.migrated(users={**users, "left_out": {}})))


def test_files_are_private_and_a_host_that_begins_keeps_its_pages(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    write_host(folder, "bank-1", document(samples.migrated()), samples.TEMPLATES)
    write_host(folder, "bank-1", document(samples.facts(status="running")), samples.TEMPLATES)
    found = write_fleet(folder, ["bank-1", "bank-2"], [], samples.TEMPLATES)
    assert [row["status"] for row in found["hosts"]] == ["running", "no_result"]
    assert json.loads((folder / "fleet.json").read_text(encoding="utf-8")) == found
    assert "Migrated and verified" in (folder / "bank-1.html").read_text(encoding="utf-8")
    names = {f"{name}.{kind}" for name in ("bank-1", "fleet") for kind in ("json", "html", "md")}
    assert {path.name for path in folder.iterdir()} == names
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_report_that_cannot_be_made_leaves_the_last_one(tmp_path: Path) -> None:
    write_host(tmp_path, "bank-1", document(samples.migrated()), samples.TEMPLATES)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(TypeError):
        write_host(tmp_path, "bank-1", {**document(samples.facts()), "plan": object()}, samples.TEMPLATES)
    assert {path.name for path in tmp_path.iterdir()} == set(before)
    assert (tmp_path / "bank-1.json").read_bytes() == before["bank-1.json"]
