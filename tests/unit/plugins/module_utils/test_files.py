# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private files of this host, and the locks on them."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from pathlib import Path

import pytest
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._files import (
    locked_folder,
    make_folder,
    only_one,
    private_file,
    read_json,
    remove,
    write_json,
)


def test_private_file_appears_whole_with_its_mode(tmp_path: Path) -> None:
    path, old_mask = tmp_path / "f", os.umask(0)
    (tmp_path / "f.part").write_text("left over")
    (tmp_path / "f.part").chmod(0o666)
    try:
        with private_file(str(path)) as handle:
            handle.write(b"whole")
            assert not path.exists()
    finally:
        os.umask(old_mask)
    assert path.read_bytes() == b"whole" and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("failure", [CantonError("cut"), KeyboardInterrupt(), ValueError()])
def test_private_file_leaves_nothing_behind(tmp_path: Path, failure: BaseException) -> None:
    (tmp_path / "f").write_text("before")
    with pytest.raises(type(failure)) as caught, private_file(str(tmp_path / "f")) as handle:
        handle.write(b"half")
        raise failure
    assert caught.value is failure
    assert [item.read_text() for item in tmp_path.iterdir()] == ["before"]


@pytest.mark.parametrize(
    ("number", "error_id", "remedy"),
    [
        (errno.ENOSPC, "file_enospc", "Free space"),
        (errno.EDQUOT, "file_edquot", "quota"),
        (errno.EIO, "file_eio", "file system"),
    ],
)
def test_disk_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error_id: str, remedy: str) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CantonError) as caught, private_file(str(tmp_path / "f")) as handle:
        handle.write(b"half")
    assert caught.value.error_id == error_id and remedy in caught.value.hint
    assert os.strerror(number) in caught.value.message and not list(tmp_path.iterdir())


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CantonError) as caught, private_file(str(tmp_path / "no" / "f")):
        pass
    assert caught.value.error_id == "file_enoent" and "Create the folder" in caught.value.hint


def test_second_transfer_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "node1.lock")
    with only_one(path, "imported"):
        with pytest.raises(CantonError) as caught, only_one(path, "exported"):
            raise AssertionError("not reached")
        error = caught.value
        assert error.error_id == "transfer_running" and f"state imported, process {os.getpid()}" in error.message
        assert "run again" in error.hint
        held = error.details["running"]
        assert isinstance(held, dict) and held["pid"] == os.getpid()
        assert os.stat(path).st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == []
    with only_one(path, "exported"):
        pass


@pytest.mark.parametrize("left", ["", "{", '{"pid": 1, "state": "exported", "started": 1}'])
def test_lock_of_a_process_that_was_killed_is_taken_over(tmp_path: Path, left: str) -> None:
    path = tmp_path / "node1.lock"
    path.write_text(left)
    with only_one(str(path), "exported"):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_lock_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(CantonError) as caught, only_one(str(tmp_path / "nowhere" / "node1.lock"), "exported"):
        raise AssertionError("not reached")
    assert caught.value.error_id == "file_enoent" and "Create the folder" in caught.value.hint


def test_what_need_not_outlive_the_process_is_not_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write_json(str(tmp_path / "f"), {"a": 1}, durable=False)
    assert synced == [] and (tmp_path / "f").stat().st_mode & 0o777 == 0o600
    write_json(str(tmp_path / "f"), {"a": 2})
    assert len(synced) == 2, "the file and its folder"
    assert read_json(str(tmp_path / "f")) == {"a": 2}


@pytest.mark.parametrize(
    ("content", "why"), [(b"", "not JSON"), (b"{", "not JSON"), (b"\xff", "not JSON"), (b"[]", "not a JSON object")]
)
def test_a_file_without_an_object_is_what_its_reader_says(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "f"
    assert read_json(str(path), CantonError) is None, "no file is no damage"
    path.write_bytes(content)
    assert read_json(str(path)) is None
    assert why in refused(lambda: read_json(str(path), CantonError)).message


def test_what_is_gone_is_removed(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    for _again in range(2):
        remove(str(tmp_path / "f"))
    assert list(tmp_path.iterdir()) == []
    assert refused(lambda: remove(str(tmp_path))).error_id.startswith("file_e")


def test_a_folder_is_made_private_with_its_parents_or_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_folder(str(tmp_path))
    make_folder(str(tmp_path / "a" / "b"))
    assert [stat.S_IMODE(each.stat().st_mode) for each in (tmp_path, tmp_path / "a" / "b")] == [0o755, 0o700]
    (tmp_path / "f").touch()
    assert refused(lambda: make_folder(str(tmp_path / "f" / "a"))).error_id == "file_enotdir"


def test_a_folder_is_locked_by_one_at_a_time(tmp_path: Path) -> None:
    other = os.open(tmp_path, os.O_RDONLY)
    with locked_folder(str(tmp_path)), pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
