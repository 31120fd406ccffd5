#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_report
short_description: Write the reports of a migration
version_added: 0.2.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Writes the result of one migration, and of the whole fleet, as HTML, Markdown and JSON into a folder on the controller.
  - For the role P(ledgerops.canton.kms_migration#role); uses the role's templates. The JSON is described in C(docs/pipelines.md) of the collection.
  - It never connects to the inventory host. A report is no state of a node, so the task is never changed.
extends_documentation_fragment:
  - ledgerops.canton._attributes
options:
  folder:
    description: Folder on the controller. It is created with mode C(0700), its files with mode C(0600). When empty, nothing is written.
    type: path
    required: true
  name:
    description: Base name of the files of this host. When not set, nothing is written for the host.
    type: str
  found:
    description: Results of the role's tasks.
    type: dict
  hosts:
    description: Names of all hosts of the fleet. When empty, nothing is written for the fleet.
    type: list
    elements: str
    default: []
  gone:
    description: Names of the hosts that failed or were unreachable.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    details: Nothing is written in check mode.
  diff_mode:
    support: none
  idempotent:
    details: Only the time of the report differs.
"""

EXAMPLES = r"""
- name: Write the report of the fleet
  ledgerops.canton.migration_report:
    folder: /var/lib/canton-migration/reports
    hosts: "{{ ansible_play_hosts_all }}"
"""

RETURN = r"""
folder:
  description: Absolute path of the folder. Null when O(folder) is empty.
  returned: success
  type: str
report:
  description: The result of this host.
  returned: success
  type: dict
fleet:
  description: The result of all hosts, with their C(totals). Null in check mode.
  returned: success
  type: dict
"""
