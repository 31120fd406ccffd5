# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_report
short_description: The report of a fleet of migrations
version_added: 0.1.0
author:
  - The ledgerops.canton authors (@ledgerops)
description:
  - Reads the results that the role P(ledgerops.canton.kms_migration#role) left in a folder of the controller, and sums them up.
  - Hosts without a result are listed too. The document is described in the collection's C(docs/pipelines.md).
options:
  _terms:
    description: The folder of the results.
    type: list
    elements: path
    required: true
  hosts:
    description: Names of all hosts of the fleet.
    type: list
    elements: str
    default: []
  gone:
    description: Names of those that Ansible gave up, because they failed or could not be reached.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show how many hosts are done
  ansible.builtin.debug:
    msg: "{{ lookup('ledgerops.canton.fleet_report', '/var/lib/canton-reports', hosts=ansible_play_hosts_all).totals }}"
"""

RETURN = r"""
_raw:
  description: One document for each folder.
  type: list
  elements: dict
"""

import datetime
import typing as t
from pathlib import Path

from ansible.plugins.lookup import LookupBase

from ansible_collections.ledgerops.canton.plugins.plugin_utils._fleet import fleet


class LookupModule(LookupBase):
    """Reads files of the controller, as lookups do."""

    def run(self, terms: list[str], variables: t.Any = None, **kwargs: t.Any) -> list[dict[str, t.Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        hosts, gone = self.get_option("hosts"), self.get_option("gone")
        return [fleet(Path(term).expanduser(), hosts, now, gone) for term in terms]
