# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a move of parties remembers."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.plugins.module_utils._participant.replication.one_synchronizer import Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, NEW, OLD, OLD_SYNC

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.replication.journal import (
    Away,
    Entry,
    Journal,
    Proof,
    open_journal,
)


def test_files_are_private(setting: Setting) -> None:
    setting.up_to("imported")
    assert {path.stat().st_mode & 0o777 for path in setting.folder.rglob("*") if path.is_file()} == {0o600}
    assert (setting.folder / "node1.parties").stat().st_mode & 0o777 == 0o700


def test_the_beginning_is_noted_anew_unless_the_proposal_is_still_open(setting: Setting) -> None:
    setting.run("proposed")
    begin = setting.journal()["parties"][ALICE]["begin"]
    setting.source.end = 50
    setting.run("proposed")
    assert setting.journal()["parties"][ALICE]["begin"] == begin
    setting.net.proposals.clear()
    setting.run("proposed")
    assert setting.journal()["parties"][ALICE]["begin"] == 50


@pytest.mark.parametrize(
    ("text", "error_id"),
    [
        ("[", "journal_unreadable"),
        ("[]", "journal_unreadable"),
        ('{"version": 2}', "journal_unreadable"),
        (
            '{"version": 1, "source": "a", "target": "b", "synchronizer": "c", "parties": {}, "target_away": {}, "source_away": {}}',
            "journal_of_another_pair",
        ),
    ],
)
def test_a_journal_that_cannot_be_used(setting: Setting, text: str, error_id: str) -> None:
    (setting.folder / "node1.parties.json").write_text(text)
    assert refused(lambda: setting.run("proposed")).error_id == error_id


def test_a_journal_that_was_lost_after_the_activation(setting: Setting) -> None:
    setting.up_to("activated")
    (setting.folder / "node1.parties.json").unlink()
    assert "withdrawn" in str(refused(lambda: setting.run("proposed")))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / "node1"), OLD, NEW, OLD_SYNC)


def test_what_is_written_is_read(journal: Journal) -> None:
    journal.parties = {ALICE: Entry(5, Proof(3, "0a", 7, 8, "now")), BOB: Entry("000a")}
    journal.target_away = {"one": Away(connected=True, manual_connect=False)}
    journal.write()
    found = open_journal(journal.base, OLD, NEW, OLD_SYNC)
    assert found == journal
    assert found.proven(ALICE) == Proof(3, "0a", 7, 8, "now") and found.proven(BOB) is found.proven("x") is None


def test_parties_with_like_names_have_snapshots_of_their_own(journal: Journal) -> None:
    parties = [f"{'x' * 60}{end}::1220aa" for end in ("a", "b", "/../c")] + ["x::1220aa", "x::1220ab"]
    paths = [Path(journal.files(party).data) for party in parties]
    assert len(set(paths)) == len(parties) and {path.parent for path in paths} == {Path(journal.folder)}


def test_a_party_is_forgotten_with_its_snapshot(journal: Journal) -> None:
    journal.parties = {ALICE: Entry(5), BOB: Entry(6)}
    Path(journal.folder).mkdir()
    for party in (ALICE, BOB):
        Path(journal.files(party).data).touch()
    journal.forget([ALICE, "never heard of"])
    assert list(open_journal(journal.base, OLD, NEW, OLD_SYNC).parties) == [BOB]
    assert list(Path(journal.folder).iterdir()) == [Path(journal.files(BOB).data)]
