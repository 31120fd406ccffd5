# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparisons of error ids, and texts that name what only a role knows, fail the house rules."""

from __future__ import annotations

import pytest
from tools import error_rules


@pytest.mark.parametrize(
    "condition",
    [
        'exc.error_id == "unreachable"',
        "exc.error_id not in DONE",
        '"unreachable" != exc.error_id',
        'exc.error_id.startswith("file_")',
        'result["error_id"] == "locked"',
        'result.get("error_id") != "locked"',
    ],
)
def test_conditions_on_an_error_id(condition: str) -> None:
    assert [text.partition(": ")[0] for text in error_rules.compared_ids("a.py", f"\nfound = {condition}\n")] == [
        "a.py:2"
    ]


@pytest.mark.parametrize(
    "code", ["isinstance(exc, Unreachable)", "exc.error_id or 'refused'", "fail(error_id=exc.error_id)"]
)
def test_an_error_id_may_be_passed_on(code: str) -> None:
    assert not list(error_rules.compared_ids("a.py", code))


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("set kms_migration_break_lock=true", True),
        ("kms_participant_mode: envelope", True),
        ("with playbooks/migrate.yml", True),
        ("Start the playbook again.", True),
        ("the process of ansible-playbook", False),
        ("{{ ansible_playbook_python }}", False),
        ("P(ledgerops.canton.kms_migration#role)", False),
        ("Set break_lock to true.", False),
    ],
)
def test_what_only_a_role_knows(line: str, names: bool) -> None:
    assert bool(list(error_rules.named_roles("a.py", f"{line}\n"))) is names
