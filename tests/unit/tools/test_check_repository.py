# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""House rules find what they are for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools import check_repository

TASKS = "roles/pay/tasks/main.yml"


@pytest.mark.parametrize(
    ("name", "breaches"),
    [
        ("Verify | Ping the target", 0),
        ("Same synchronizer | Fail on split hosts", 0),
        (f"Verify | Ping {'x' * 46}", 0),
        (f"Verify | Ping {'x' * 47}", 1),
        ("Ping the target", 1),
        ("Verify | ping the target", 1),
        ("verify | Ping the target", 1),
    ],
)
def test_task_names(tmp_path: Path, name: str, breaches: int) -> None:
    (tmp_path / TASKS).parent.mkdir(parents=True)
    (tmp_path / TASKS).write_text(f"- name: Pay | Pay\n  block:\n    - name: {name}\n", encoding="utf-8")
    found = list(check_repository.task_names(tmp_path, [TASKS]))
    assert len(found) == breaches
    assert all(breach.startswith(f"{TASKS}:3: ") for breach in found)
