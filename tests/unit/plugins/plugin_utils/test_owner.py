# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the run that holds a lock is gone."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from ansible_collections.ledgerops.canton.plugins.plugin_utils import _owner


def test_a_run_that_lives_is_not_gone() -> None:
    assert not _owner.is_gone(_owner.this_run())


def test_a_worker_that_outlives_its_run_locks_for_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """By then its parent is another: process 1, which never ends."""
    run = subprocess.Popen([sys.executable, "-c", ""])
    run.wait()
    monkeypatch.setattr(os, "getppid", lambda: 1)
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: SimpleNamespace(pid=run.pid))
    owner = _owner.this_run()
    assert owner["pid"] == run.pid and _owner.is_gone(owner)
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: None)
    assert _owner.this_run()["pid"] == 1


def test_a_run_that_ended_is_gone_also_when_its_number_was_given_again() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = {**_owner.this_run(), "pid": child.pid, "started": _owner._started(child.pid)}
    assert not _owner.is_gone(owner)
    assert _owner.is_gone({**owner, "started": "1"})
    child.communicate(b"\n")
    assert _owner.is_gone(owner)
    assert _owner.is_gone({**owner, "started": ""})


def test_after_a_reboot_all_runs_of_before_are_gone() -> None:
    assert _owner.is_gone({**_owner.this_run(), "boot": "another"})


def test_of_another_controller_nobody_can_tell() -> None:
    assert not _owner.is_gone({**_owner.this_run(), "controller": "elsewhere", "pid": 1, "started": "1"})
