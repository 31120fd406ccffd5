# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""House rules find what they are for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools import check_repository

UNIT = "tests/unit/plugins/module_utils"
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


@pytest.mark.parametrize(
    ("module", "test"),
    [("_files.py", "test_files.py"), ("_participant/model/ids.py", "_participant/model/test_ids.py")],
)
def test_a_module_without_a_unit_test(module: str, test: str) -> None:
    names = [f"plugins/module_utils/{module}", "plugins/module_utils/_participant/__init__.py", f"{UNIT}/test_other.py"]
    (breach,) = check_repository.every_module_has_a_unit_test(Path(), names)
    assert breach.startswith(names[0]) and f"{UNIT}/{test}" in breach
    assert not list(check_repository.every_module_has_a_unit_test(Path(), [*names, f"{UNIT}/{test}"]))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("from playbook.test_kill import Playing", True),
        ("    import unit.plugins.test_other", True),
        ("from playbook.playing import Playing", False),
        ("from contest_x import y", False),
    ],
)
def test_a_test_that_imports_a_test(tmp_path: Path, line: str, told: bool) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_a.py").write_text(line)
    assert bool(list(check_repository.no_test_imports_a_test(tmp_path, ["tests/test_a.py"]))) is told
