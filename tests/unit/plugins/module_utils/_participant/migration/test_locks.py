# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The locks on the participants of a migration."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from unit.plugins.refusals import refused
from unit.plugins.samples import NEW, OLD

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration import locks as locks_module
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.locks import Locks, Owner

US = Owner("controller-1", "boot-1", 100, "5", "ops")
THEM = replace(US, pid=200, started="9")
HOUR = 3600.0


@pytest.fixture
def locks(tmp_path: Path) -> Locks:
    return Locks(str(tmp_path / "journal"), HOUR)


def test_both_participants_are_locked_and_the_owner_may_come_again(locks: Locks) -> None:
    assert locks.take([OLD, NEW], "bank", US, [])
    since = [lock.since for lock in (locks.read(OLD), locks.read(NEW)) if lock]
    assert not locks.take([OLD, NEW], "bank", US, [])
    assert [lock.since for lock in (locks.read(OLD), locks.read(NEW)) if lock] == since
    assert len(since) == 2


@pytest.mark.parametrize("participants", [[OLD, NEW], ["other::1220ffff", NEW], [OLD, "other::1220ffff"]])
def test_another_run_at_one_of_them_is_refused_with_owner_and_age(locks: Locks, participants: list[str]) -> None:
    locks.take([OLD, NEW], "bank", US, [])
    error = refused(lambda: locks.take(participants, "bank", THEM, []))
    assert error.error_id == "locked"
    assert "ops on controller-1 (process 100), migration bank, since 20" in error.message
    assert "last seen 0 s ago" in error.message
    assert locks.read("other::1220ffff") is None


def test_two_hosts_of_one_run_may_not_share_a_participant(locks: Locks) -> None:
    locks.take([OLD, NEW], "bank", US, [])
    with pytest.raises(CantonError):
        locks.take([OLD, NEW], "branch", US, [])


def test_the_lock_of_a_dead_run_is_taken_over(locks: Locks) -> None:
    locks.take([OLD, NEW], "bank", THEM, [])
    assert locks.take([OLD, NEW], "bank", US, [THEM])
    assert (lock := locks.read(NEW)) and lock.owner == US


def test_the_lock_of_a_long_silent_run_is_taken_over(locks: Locks, monkeypatch: pytest.MonkeyPatch) -> None:
    locks.take([OLD, NEW], "bank", THEM, [])
    later = datetime.now(UTC) + timedelta(seconds=HOUR + 1)
    monkeypatch.setattr(locks_module, "now", lambda: later)
    assert locks.take([OLD, NEW], "bank", US, [])


def test_only_the_owner_gives_a_lock_up(locks: Locks) -> None:
    assert not locks.release([OLD, NEW], US)
    locks.take([OLD, NEW], "bank", US, [])
    assert not locks.release([OLD, NEW], THEM)
    assert locks.release([OLD, NEW], US)
    assert list(Path(locks.folder).iterdir()) == []


def test_a_lock_that_cannot_be_read_holds_nobody_up(locks: Locks) -> None:
    locks.take([OLD, NEW], "bank", THEM, [])
    Path(locks.path(OLD)).write_text("{")
    Path(locks.path(NEW)).unlink()
    assert locks.take([OLD, NEW], "bank", US, [])
