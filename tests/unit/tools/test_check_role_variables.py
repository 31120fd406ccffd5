# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each variable that an entry point reads, directly or through files and other variables, has to be in its argument_specs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools import check_role_variables

FILES = {
    "roles/pay/meta/argument_specs.yml": """
argument_specs:
  main:
    options: {pay_name: {}, pay_from: {}, pay_to: {}, pay_limit: {}, pay_note: {}}
  check:
    options: {pay_from: {}, pay_to: {}}
""",
    "roles/pay/defaults/main.yml": "pay_name: '{{ pay_from }}'",
    "roles/pay/vars/main.yml": """
__pay_pair: "{{ pay_from ~ pay_to }}"
__pay_text: "{{ lookup('ansible.builtin.template', 'pay.conf.j2') }}"
""",
    "roles/pay/templates/pay.conf.j2": "{% if pay_limit %}limit{% endif %}",
    "roles/pay/tasks/main.yml": """
- name: Pay | Check
  block:
    - name: Pay | Include the check
      ansible.builtin.include_tasks:
        file: check.yml
- name: Pay | Show the result
  ansible.builtin.debug:
    msg: "{{ pay_name ~ pay_result ~ __pay_text }}, see pay_nothing"
  when: pay_note | length > 0
- name: Pay | Set the result
  ansible.builtin.set_fact:
    pay_result: paid
""",
    "roles/pay/tasks/check.yml": """
- name: Check | Compare
  ansible.builtin.assert:
    that: __pay_pair != ''
    fail_msg: "{{ 'pay_limit is no name here' }}"
""",
    "playbooks/pay.yml": """
- name: Pay
  hosts: "{{ pay_hosts }}"
  vars: {pay_note: monthly}
""",
    "playbooks/inventory/pay.yml": "pay: {vars: {pay_hosts: all, pay_from: me}}",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return tmp_path


def replace(tree: Path, name: str, old: str, new: str) -> None:
    path = tree / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_role_whose_specs_list_what_it_reads(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_role_variables.main(tree) == 0
    assert "5, 0 breaches" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "old", "new", "breach"),
    [
        ("meta/argument_specs.yml", "pay_limit: {}, ", "", "main: argument_specs lack pay_limit"),
        ("meta/argument_specs.yml", "pay_to: {}, ", "", "main: argument_specs lack pay_to"),
        ("meta/argument_specs.yml", "pay_from: {}, pay_to: {}}", "pay_from: {}}", "check: argument_specs lack pay_to"),
        ("meta/argument_specs.yml", "pay_to: {}}", "pay_to: {}, pay_note: {}}", "check: argument_specs list pay_note"),
        ("tasks/main.yml", "when: pay_note", "when: pay_name", "main: argument_specs list pay_note"),
        ("tasks/check.yml", "'pay_limit is no name here'", "pay_limit", "check: argument_specs lack pay_limit"),
    ],
)
def test_a_difference(
    tree: Path, capsys: pytest.CaptureFixture[str], name: str, old: str, new: str, breach: str
) -> None:
    replace(tree, f"roles/pay/{name}", old, new)
    assert check_role_variables.main(tree) == 1
    assert f"pay, entry point {breach}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["playbooks/pay.yml", "playbooks/inventory/pay.yml"])
def test_a_variable_that_nothing_reads(tree: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    replace(tree, name, "{pay_", "{pay_un")
    assert check_role_variables.main(tree) == 1
    assert f"{name}: sets pay_un" in capsys.readouterr().out
