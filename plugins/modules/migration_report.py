#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_report
short_description: Write the reports of a migration
version_added: 0.2.0
author:
  - The ledgerops.canton authors (@ledgerops)
description:
  - Writes the result of one migration, and that of the whole fleet, as HTML, Markdown and JSON into a folder of the controller.
  - It is meant for the role P(ledgerops.canton.kms_migration#role), with whose templates it works. The JSON is described in the
    collection's C(docs/pipelines.md).
  - It never connects to the inventory host. A report is no state of a node, so nothing ever counts as changed.
extends_documentation_fragment:
  - ledgerops.canton._attributes
options:
  folder:
    description: Folder on the controller. It is made with mode C(0700), and the files in it with mode C(0600).
    type: path
    required: true
  name:
    description: Base name of the files of this host. Nothing is written for the host without it.
    type: str
  found:
    description: What the tasks of the role found.
    type: dict
  hosts:
    description: Names of all hosts of the fleet. Nothing is written for the fleet without them.
    type: list
    elements: str
    default: []
  gone:
    description: Names of those that Ansible gave up, because they failed or could not be reached.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    details: Nothing is written in check mode.
  diff_mode:
    support: none
  idempotent:
    support: full
    details: The time of the report is all that differs.
"""

EXAMPLES = r"""
- name: Write the report of the fleet once more
  ledgerops.canton.migration_report:
    folder: /var/lib/canton-migration/reports
    hosts: "{{ ansible_play_hosts_all }}"
"""

RETURN = r"""
folder:
  description: The folder, absolute.
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
