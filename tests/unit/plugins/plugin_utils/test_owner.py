# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the run that holds a lock is gone."""

from __future__ import annotations

import subprocess
import sys

from ansible_collections.ledgerops.canton.plugins.plugin_utils import _owner


def test_a_run_that_lives_is_not_gone() -> None:
    assert not _owner.is_gone(_owner.this_run())


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
