# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a migration and the locks on its participants."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from unit.plugins.refusals import refused
from unit.plugins.samples import NEW, OLD

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration import journal
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.journal import JournalFiles


@pytest.fixture
def files(tmp_path: Path) -> JournalFiles:
    return JournalFiles(str(tmp_path / "journal"), "bank")


# -- events -----------------------------------------------------------------------------------------------------------


def test_a_migration_without_a_journal_has_no_events_and_gets_no_folder(files: JournalFiles) -> None:
    assert files.read(OLD, NEW).events == ()
    assert not Path(files.folder).exists()


def test_events_are_kept_in_order_and_in_private(files: JournalFiles) -> None:
    files.write(files.read(OLD, NEW).with_event("prepared"))
    files.write(files.read(OLD, NEW).with_event("cutover").with_event("cutover"))
    found = files.read(OLD, NEW)
    assert [item.event for item in found.events] == ["prepared", "cutover", "cutover"]
    assert found.last("cutover") == found.events[-1].at
    assert found.last("connected") == ""
    assert stat.S_IMODE(Path(files.folder).stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(files.journal).stat().st_mode) == 0o600


def test_an_event_may_have_happened_before(files: JournalFiles) -> None:
    at = journal.moment("2026-11-25T09:00:00.250+01:00")
    assert files.read(OLD, NEW).with_event("connected", at=at).last("connected") == "2026-11-25T08:00:00.250+00:00"
    assert journal.moment(None) is None


@pytest.mark.parametrize("text", ["yesterday", "2026-11-25T09:00:00", ""])
def test_a_time_without_a_zone_is_refused(text: str) -> None:
    assert refused(lambda: journal.moment(text)).error_id == "time_invalid"


def test_descriptions_of_a_run_are_removed_with_its_locks(tmp_path: Path) -> None:
    kept = [tmp_path / f"bank-{side}.api.json" for side in ("source", "target")]
    other = tmp_path / "bank.1-source.api.json"
    for file in (kept[0], other):
        file.write_text("{}")
    for name in ("bank", "../bank"):
        journal.remove_descriptions(str(tmp_path), name)
    assert list(tmp_path.iterdir()) == [other]


def test_the_journal_of_another_pair_is_refused(files: JournalFiles) -> None:
    files.write(files.read(OLD, NEW).with_event("prepared"))
    assert refused(lambda: files.read(NEW, OLD)).error_id == "journal_of_another_pair"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"version": 1, "source": "a"}', '{"version": 1, "events": 5}']
)
def test_a_damaged_journal_is_refused_with_the_way_on(files: JournalFiles, content: str) -> None:
    Path(files.folder).mkdir()
    Path(files.journal).write_text(content)
    error = refused(lambda: files.read(OLD, NEW))
    assert error.error_id == "journal_damaged"
    assert "only the times are lost" in error.hint


def test_a_journal_of_a_later_release_is_not_guessed_at(files: JournalFiles) -> None:
    Path(files.folder).mkdir()
    Path(files.journal).write_text('{"version": 2}')
    assert refused(lambda: files.read(OLD, NEW)).error_id == "journal_version"


def test_an_import_counts_only_for_the_target_that_took_it(files: JournalFiles) -> None:
    assert not files.imported(NEW)
    Path(files.folder).mkdir()
    receipt = {"target": NEW, "sha256": "00", "offset": 5, "imported_at": "now"}
    Path(files.base + ".receipt.json").write_text(json.dumps(receipt))
    assert files.imported(NEW)
    assert not files.imported(OLD)


# -- aside ------------------------------------------------------------------------------------------------------------


def test_the_files_of_a_migration_are_moved_aside(files: JournalFiles) -> None:
    files.write(files.read(OLD, NEW).with_event("cutover"))
    for ending in (".acs.gz", ".manifest.json"):
        Path(files.base + ending).touch()
    Path(files.folder, "bank-2.journal.json").touch()
    found = files.read(OLD, NEW)
    moved = journal.archive(files, found, "rolled-back", keep_snapshot=True)
    assert [name.partition("Z")[2] for name in moved] == [".acs.gz", ".manifest.json", ".journal.json"]
    assert sorted([*moved, "bank-2.journal.json"]) == sorted(path.name for path in Path(files.folder).iterdir())
    assert journal.archive(files, found, "rolled-back", keep_snapshot=True) == []
    assert files.read(OLD, NEW).events == ()


def test_contracts_can_be_deleted_instead(files: JournalFiles) -> None:
    Path(files.folder).mkdir()
    for ending in (".acs.gz", ".manifest.json"):
        Path(files.base + ending).touch()
    (moved,) = journal.archive(files, files.read(OLD, NEW), "rolled-back", keep_snapshot=False)
    assert moved.endswith(".manifest.json")
    assert [path.name for path in Path(files.folder).iterdir()] == [moved]


def test_files_of_migrations_with_similar_names_are_left_alone(files: JournalFiles) -> None:
    files.write(files.read(OLD, NEW).with_event("cutover"))
    others = [
        "bank.1.acs.gz",
        "bank.1.journal.json",
        "bank.two.receipt.json",
        "bank.rolled-back-20261125T080000Z.acs.gz",
    ]
    for name in others:
        Path(files.folder, name).touch()
    Path(files.base + ".acs.gz.part").touch()
    (moved,) = journal.archive(files, files.read(OLD, NEW), "rolled-back", keep_snapshot=True)
    assert sorted([*others, moved]) == sorted(path.name for path in Path(files.folder).iterdir())


# -- one journal a pair -----------------------------------------------------------------------------------------------


def test_a_pair_has_one_journal_whatever_its_name(files: JournalFiles) -> None:
    files.write(files.read(OLD, NEW).with_event("connected"))
    assert JournalFiles.of_pair(files.folder, "another", OLD, NEW) == files
    assert JournalFiles.of_pair(files.folder, "another", NEW, OLD).name == "another"
    journal.archive(files, files.read(OLD, NEW), "rolled-back", keep_snapshot=True)
    assert JournalFiles.of_pair(files.folder, "another", OLD, NEW).name == "another"


def test_two_journals_of_one_pair_are_refused(files: JournalFiles) -> None:
    for name in ("one", "two"):
        each = JournalFiles(files.folder, name)
        each.write(each.read(OLD, NEW).with_event("cutover"))
    error = refused(lambda: JournalFiles.of_pair(files.folder, "three", OLD, NEW))
    assert error.error_id == "journals_of_one_pair" and "one, two" in error.message
    assert JournalFiles.of_pair(files.folder, "two", OLD, NEW).name == "two"


@pytest.mark.parametrize("name", ["", ".", "../bank", "a/b", ".hidden", "a\n", "a\0b", "x" * 201])
def test_names_that_no_file_can_have(files: JournalFiles, name: str) -> None:
    assert refused(lambda: JournalFiles.of_pair(files.folder, name, OLD, NEW)).error_id == "name_invalid"
    assert not Path(files.folder).exists()
