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
  - All findings are described in C(docs/preflight.md) of the collection.
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
  namespaces:
    description:
      - Fingerprints of further namespaces that are going to be delegated to the target. Those that are delegated to it already
        need not be named.
    type: list
    elements: str
    default: []
  replace_hosts:
    description:
      - Ids of participants that were given up but still stand on the target's synchronizer as the only host of a party.
    type: list
    elements: str
    default: []
  purge_stale:
    description:
      - Whether contracts that the target has and the source has not are going to be purged. Otherwise they are an error.
    type: bool
    default: false
  require_kms:
    description:
      - Whether every key of the target has to live in a KMS.
    type: bool
    default: true
  path:
    description:
      - Folder on the host that runs the module where the snapshot will be written. Its free space is compared
        with the number of contracts.
      - The speed that earlier transfers have noted there in C(throughput.json) is used for the estimates.
    type: path
  method:
    description:
      - How it is to be migrated. V(other_synchronizer), also called V(delegation), moves parties and contracts to another
        synchronizer.
      - V(same_synchronizer) lets them stay on theirs. It needs Canton 3.5 on both sides, and O(accept_unsupported).
      - V(key_import) imports the keys of the source into the KMS, and a new node takes over the identity. It is refused without
        O(accept_key_import_crash), since the new node crashes on real networks.
      - V(envelope) is always refused, with what to do instead, since a key store that is encrypted with a KMS key needs no migration.
    type: str
    choices: [other_synchronizer, delegation, same_synchronizer, key_import, envelope]
    default: other_synchronizer
  kms_provider:
    description: Whose KMS the keys are to be imported into, with O(method=key_import).
    type: str
    choices: [aws, gcp]
    default: aws
    version_added: 0.3.0
  rotate_keys:
    description: Whether keys that the KMS cannot take are going to be replaced first, with O(method=key_import).
    type: bool
    default: false
    version_added: 0.3.0
  accept_unsupported:
    description:
      - Whether the operator takes the risk of a move on one synchronizer, which the vendor's manual calls unsupported.
    type: bool
    default: false
  accept_key_import_crash:
    description:
      - Whether O(method=key_import) is allowed although the target crashes on real networks, for tests.
    type: bool
    default: false
    version_added: 0.3.0
  backup_confirmed:
    description:
      - Whether the operator has backed up the databases of both participants, which no API tells. Without it the
        migration is refused.
    type: bool
    default: false
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
    backup_confirmed: true
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
  description:
    - What would be moved. A number is missing when something stood against reading it.
    - C(counterparties) are all parties that do not move and share contracts with those that do, with the number of
      these contracts. C(packages) are those that the contracts use.
  returned: always
  type: dict
  sample:
    method: other_synchronizer
    source: old::1220c0ffee
    target: new::1220beef
    delegation: {source: false, target: false, synchronizer: false}
    parties: 12
    namespaces: {"1220c0ffee": {parties: 12, delegation: signed by the source}}
    contracts: 4000
    packages: 3
    dars: 2
    users: 3
    counterparties: {"Bob::1220c0ffee": 17}
    snapshot_bytes: 1000000
    estimated_downtime_seconds: 21
    estimate_basis: an estimate from the vendor's own figures
"""

from ansible_collections.ledgerops.canton.plugins.module_utils._connection import SYNCHRONIZERS, Params
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.interface import Participant
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight import examine
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.findings import Wish
from ansible_collections.ledgerops.canton.plugins.module_utils._runner import run_pair

SPEC = {
    **SYNCHRONIZERS,
    "parties": {"type": "list", "elements": "str"},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "target_protocol_version": {"type": "int"},
    "skip_users": {"type": "list", "elements": "str", "default": []},
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "replace_hosts": {"type": "list", "elements": "str", "default": []},
    "purge_stale": {"type": "bool", "default": False},
    "require_kms": {"type": "bool", "default": True},
    "path": {"type": "path"},
    "method": {
        "type": "str",
        "choices": ["other_synchronizer", "delegation", "same_synchronizer", "key_import", "envelope"],
        "default": "other_synchronizer",
    },
    "kms_provider": {"type": "str", "choices": ["aws", "gcp"], "default": "aws"},
    "rotate_keys": {"type": "bool", "default": False},
    "accept_unsupported": {"type": "bool", "default": False},
    "accept_key_import_crash": {"type": "bool", "default": False},
    "backup_confirmed": {"type": "bool", "default": False},
}


def ensure(params: Params, source: Participant, target: Participant, check: bool) -> Outcome:
    wish = Wish(
        source_synchronizer=params["source_synchronizer"],
        target_synchronizer=params["target_synchronizer"],
        parties=params["parties"],
        excluded=params["exclude"],
        require_kms=params["require_kms"],
        folder=params["path"],
        protocol_version=params["target_protocol_version"],
        skipped_users=params["skip_users"],
        namespaces=params["namespaces"],
        replaceable=params["replace_hosts"],
        purge_stale=params["purge_stale"],
        method="other_synchronizer" if params["method"] == "delegation" else params["method"],
        accept_unsupported=params["accept_unsupported"],
        accept_key_import_crash=params["accept_key_import_crash"],
        backup_confirmed=params["backup_confirmed"],
        kms_provider=params["kms_provider"],
        rotate_keys=params["rotate_keys"],
    )
    findings, plan = examine.examine(source, target, wish)
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
