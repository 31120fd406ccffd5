# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Descriptions of a node that are kept for the tasks after this one."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._api.description import (
    KEPT_SECONDS,
    Description,
    KeptDescriptions,
)

ADMIN, LEDGER = "10.0.0.5:5012", "10.0.0.5:5011"
FIRST, SECOND = Description((b"one", b"two"), ("a.S",)), Description((b"three",), ("b.S",))
OWNER = "node::1220aa 3.5.10"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "node.api.json"


def kept(path: Path, at: float = 1000.0) -> KeptDescriptions:
    return KeptDescriptions(str(path), lambda: at)


def fill(path: Path, at: float = 1000.0) -> None:
    file = kept(path, at)
    file.keep(ADMIN, FIRST)
    assert file.confirm(OWNER)
    file.keep(LEDGER, SECOND)


def test_they_are_kept_in_private_as_soon_as_their_owner_is_known(path: Path) -> None:
    file = kept(path)
    file.keep(ADMIN, FIRST)
    assert not path.exists()
    assert file.confirm(OWNER) and file.read(ADMIN) is None
    file.keep(LEDGER, SECOND)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    later = kept(path)
    assert (later.read(ADMIN), later.read(LEDGER), later.read("elsewhere:1")) == (FIRST, SECOND, None)
    assert later.confirm(OWNER)


@pytest.mark.parametrize("owner", ["other::1220bb 3.5.10", "node::1220aa 3.5.11", ""])
def test_those_of_another_node_or_release_are_noticed(path: Path, owner: str) -> None:
    fill(path)
    file = kept(path)
    assert file.read(ADMIN) == FIRST
    assert not file.confirm(owner), "what was read is of another"
    file.drop(ADMIN)
    file.keep(ADMIN, SECOND)
    later = kept(path)
    if owner:
        assert (later.read(ADMIN), later.read(LEDGER)) == (SECOND, None)
    else:
        assert later.read(ADMIN) == FIRST, "of a node for which nothing is kept nothing is written"


def test_nothing_is_wrong_with_a_file_of_another_that_was_not_read(path: Path) -> None:
    fill(path)
    file = kept(path)
    assert file.read("elsewhere:1") is None and file.confirm("other::1220bb 3.5.10")


def test_they_count_for_a_time_that_is_not_extended(path: Path) -> None:
    fill(path, at=1000.0)
    late = kept(path, at=999.0 + KEPT_SECONDS)
    assert late.read(ADMIN) == FIRST and late.confirm(OWNER)
    late.keep("third:1", FIRST)
    assert kept(path, at=999.0 + KEPT_SECONDS).read("third:1") == FIRST
    assert kept(path, at=1000.0 + KEPT_SECONDS).read(ADMIN) is None
    assert kept(path, at=999.0).read(ADMIN) is None, "from the future"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        '{"version": 9}',
        '{"version": 1, "at": 1000, "owner": "x", "apis": {"10.0.0.5:5012": {"files": ["*"]}}}',
    ],
)
def test_a_damaged_file_is_none(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    assert kept(path).read(ADMIN) is None
    fill(path)
    assert json.loads(path.read_text(encoding="utf-8"))["owner"] == OWNER


def test_without_its_folder_there_is_none(tmp_path: Path) -> None:
    fill(tmp_path / "missing" / "node.api.json")
    assert not (tmp_path / "missing").exists()
