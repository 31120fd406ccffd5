#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_copy
short_description: Copy packages, delegation, parties and users for a migration
version_added: 0.4.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Executes the steps of a migration before its contracts, as far as M(ledgerops.canton.migration_plan) lists them as needed, in one process. Each
    step does what the module for it does - M(ledgerops.canton.participant_package), M(ledgerops.canton.participant_namespace_delegation),
    M(ledgerops.canton.participant_party) and M(ledgerops.canton.participant_user) - and proves it in the same way.
  - A step that fails leaves the steps before it in place. Run it again to resume.
extends_documentation_fragment:
  - ledgerops.canton._participant.source
  - ledgerops.canton._participant.target
  - ledgerops.canton._participant.synchronizers
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant_pair
options:
  steps:
    description:
      - The steps to execute. Their order is that of this list, whatever the order of the option.
      - V(reach_synchronizer) connects the target, V(packages) copies and vets DARs, V(delegation) delegates the namespace of the source to the
        target's key, V(parties) hosts the parties on the target, V(users) copies users, rights, identity providers and annotations.
      - V(parties) disconnects a target of Canton 2 first, and sets it to connect manually.
    type: list
    elements: str
    choices: [reach_synchronizer, packages, delegation, parties, users]
    default: [reach_synchronizer, packages, delegation, parties, users]
  parties:
    description: Ids of the parties to host. Default is all movable parties of the source.
    type: list
    elements: str
  exclude:
    description: Ids of parties that are not hosted.
    type: list
    elements: str
    default: []
  namespaces:
    description: Fingerprints of further namespaces that are delegated to the target. Existing delegations to the target are detected.
    type: list
    elements: str
    default: []
  replace_hosts:
    description: Ids of abandoned participants that are still the sole host of a party on the target's synchronizer.
    type: list
    elements: str
    default: []
  exclude_dars:
    description: Names or main package ids of DARs that are not copied.
    type: list
    elements: str
    default: []
  skip_users:
    description: Ids of users that are not copied. The built-in V(participant_admin) is never copied.
    type: list
    elements: str
    default: []
  admin_rights:
    description: Whether to copy the rights V(participant_admin) and V(identity_provider_admin).
    type: bool
    default: false
  parallel:
    description: Number of parallel calls to the target. The messages share one connection.
    type: int
    default: 8
  wait_timeout:
    description: Seconds for each step to become effective on the synchronizer.
    type: float
    default: 300.0
"""

EXAMPLES = r"""
- name: Determine what is left to do
  ledgerops.canton.migration_plan:
    source: {endpoint: 10.0.0.5:5012, ledger_endpoint: 10.0.0.5:5011}
    target: {endpoint: 10.0.0.6:5022, ledger_endpoint: 10.0.0.6:5021}
    source_synchronizer: old
    target_synchronizer: new
    path: /var/lib/canton-migration
    name: bank
    backup_confirmed: true
  register: plan

- name: Copy what the target lacks
  ledgerops.canton.migration_copy:
    source: {endpoint: 10.0.0.5:5012, ledger_endpoint: 10.0.0.5:5011}
    target: {endpoint: 10.0.0.6:5022, ledger_endpoint: 10.0.0.6:5021}
    source_synchronizer: old
    target_synchronizer: new
    steps: "{{ plan.todo | intersect(['reach_synchronizer', 'packages', 'delegation', 'parties', 'users']) }}"
"""

RETURN = r"""
packages:
  description: Return values of M(ledgerops.canton.participant_package).
  returned: with the step V(packages)
  type: dict
delegation:
  description: Return values of M(ledgerops.canton.participant_namespace_delegation).
  returned: with the step V(delegation)
  type: dict
parties:
  description: Return values of M(ledgerops.canton.participant_party).
  returned: with the step V(parties)
  type: dict
users:
  description: Return values of M(ledgerops.canton.participant_user).
  returned: with the step V(users)
  type: dict
"""

from ..module_utils._connection import SYNCHRONIZERS
from ..module_utils._participant.migration.copies import ensure_copied
from ..module_utils._runner import run_pair

STEPS = ["reach_synchronizer", "packages", "delegation", "parties", "users"]
SPEC = {
    **SYNCHRONIZERS,
    "steps": {"type": "list", "elements": "str", "choices": STEPS, "default": STEPS},
    "parties": {"type": "list", "elements": "str"},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "replace_hosts": {"type": "list", "elements": "str", "default": []},
    "exclude_dars": {"type": "list", "elements": "str", "default": []},
    "skip_users": {"type": "list", "elements": "str", "default": []},
    "admin_rights": {"type": "bool", "default": False},
    "parallel": {"type": "int", "default": 8},
    "wait_timeout": {"type": "float", "default": 300.0},
}


def main() -> None:
    run_pair(SPEC, ensure_copied)


if __name__ == "__main__":
    main()
