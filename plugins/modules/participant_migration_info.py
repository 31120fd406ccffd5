#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_migration_info
short_description: Tell whether a participant can be migrated to another, and why not
version_added: 0.1.0
author:
  - The ledgerops.canton authors (@ledgerops)
description:
  - Reads both participants and returns all reasons against a migration by namespace delegation at once, each with
    its remedy, and the plan with numbers.
  - It changes nothing and can be run at any time, before a migration and after it.
extends_documentation_fragment:
  - ledgerops.canton._participant.source
  - ledgerops.canton._participant.target
  - ledgerops.canton._participant.synchronizers
  - ledgerops.canton._attributes.info_module
  - ledgerops.canton._attributes.actiongroup_participant_pair
options:
  parties:
    description:
      - Ids of the parties to move. All movable parties of the source when it is not set.
    type: list
    elements: str
  exclude:
    description:
      - Ids of parties that stay with the source.
    type: list
    elements: str
    default: []
  target_protocol_version:
    description:
      - Protocol version of the target's synchronizer, where the target does not tell it (Canton 2.8).
    type: int
  skip_users:
    description:
      - Ids of users that are not copied.
    type: list
    elements: str
    default: []
  require_kms:
    description:
      - Whether every key of the target has to live in a KMS.
    type: bool
    default: true
  path:
    description:
      - Folder on the host that runs the module where the snapshot will be written. Its free space is compared
        with the number of contracts.
    type: path
"""

EXAMPLES = r"""
- name: Can it be migrated?
  ledgerops.canton.participant_migration_info:
    source:
      endpoint: 10.0.0.5:5012
      ledger_endpoint: 10.0.0.5:5011
    target:
      endpoint: 10.0.0.6:5022
      ledger_endpoint: 10.0.0.6:5021
    source_synchronizer: old
    target_synchronizer: new
  register: check
"""

RETURN = r"""
can_migrate:
  description: Whether no finding is an error.
  returned: always
  type: bool
findings:
  description: Everything that stands against a migration (severity C(error)) or should be known before it (severity C(warning)).
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Stable id of the finding.
      type: str
    severity:
      description: V(error) or V(warning).
      type: str
    message:
      description: What was found.
      type: str
    remedy:
      description: What to do.
      type: str
plan:
  description: What would be moved.
  returned: always
  type: dict
  sample:
    source: old::1220c0ffee
    target: new::1220beef
    parties: 12
    contracts: 4000
    dars: 2
    users: 3
    estimated_downtime_seconds: 21
"""

from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant import preflight
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.participant import Participant
from ansible_collections.ledgerops.canton.plugins.module_utils._runner import SYNCHRONIZERS, Params, run_pair

SPEC = {
    **SYNCHRONIZERS,
    "parties": {"type": "list", "elements": "str"},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "target_protocol_version": {"type": "int"},
    "skip_users": {"type": "list", "elements": "str", "default": []},
    "require_kms": {"type": "bool", "default": True},
    "path": {"type": "path"},
}


def ensure(params: Params, source: Participant, target: Participant, check: bool) -> Outcome:
    wish = preflight.Wish(
        source_synchronizer=params["source_synchronizer"],
        target_synchronizer=params["target_synchronizer"],
        parties=params["parties"],
        excluded=params["exclude"],
        require_kms=params["require_kms"],
        folder=params["path"],
        protocol_version=params["target_protocol_version"],
        skipped_users=params["skip_users"],
    )
    findings, plan = preflight.examine(source, target, wish)
    return Outcome(
        result={
            "can_migrate": not any(item.severity == "error" for item in findings),
            "findings": [item.as_dict() for item in findings],
            "plan": plan,
        }
    )


def main() -> None:
    run_pair(SPEC, ensure, any_release=True)


if __name__ == "__main__":
    main()
