# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: migration_report
short_description: The report of one migration
version_added: 0.1.0
author:
  - The ledgerops.canton authors (@ledgerops)
description:
  - Makes the result document of the role P(ledgerops.canton.kms_migration#role) of what its tasks found.
  - The document is described in the collection's C(docs/pipelines.md). It is meant for the role itself.
options:
  _input:
    description: What the tasks of the role registered.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Put the result together
  ansible.builtin.set_fact:
    result: "{{ facts | ledgerops.canton.migration_report }}"
"""

RETURN = r"""
_value:
  description: The result document.
  type: dict
"""

import typing as t

from ansible_collections.ledgerops.canton.plugins.plugin_utils._report import document


class FilterModule:
    """Ansible's way to name filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"migration_report": document}
