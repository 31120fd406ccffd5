#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_migration_info
short_description: Check whether a participant can be migrated to another
version_added: 0.1.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Reads both participants and returns all findings at once, each with its remedy, and a plan with numbers.
  - It changes nothing, and can be run at any time, before and after a migration.
  - All findings are described in C(docs/preflight.md) of the collection.
extends_documentation_fragment:
  - ledgerops.canton._participant.source
  - ledgerops.canton._participant.target
  - ledgerops.canton._participant.synchronizers
  - ledgerops.canton._attributes.info_module
  - ledgerops.canton._attributes.actiongroup_participant_pair
options:
  parties:
    description: Ids of the parties to move. Default is all movable parties of the source.
    type: list
    elements: str
  exclude:
    description: Ids of parties that do not move.
    type: list
    elements: str
    default: []
  target_protocol_version:
    description: Protocol version of the target's synchronizer, if the target does not report it (Canton 2.8).
    type: int
  skip_users:
    description: Ids of users that are not copied.
    type: list
    elements: str
    default: []
  exclude_dars:
    description: Names or main package ids of DARs that are not copied, as in the option O(ledgerops.canton.participant_package#module:exclude)
      of M(ledgerops.canton.participant_package).
    type: list
    elements: str
    default: []
  namespaces:
    description: Fingerprints of further namespaces that will be delegated to the target. Existing delegations to the target are detected.
    type: list
    elements: str
    default: []
  replace_hosts:
    description: Ids of abandoned participants that are still the sole host of a party on the target's synchronizer.
    type: list
    elements: str
    default: []
  purge_stale:
    description: Whether contracts that the target has and the source lacks will be purged. Otherwise they are an error.
    type: bool
    default: false
  require_kms:
    description: Whether every key of the target must be in a KMS.
    type: bool
    default: true
  path:
    description: Folder for the snapshot on the host that runs the module. Its free space is compared with the number of contracts. Estimates use the
      speed of earlier transfers, recorded there in C(throughput.json).
    type: path
  method:
    description:
      - Method of the migration. V(other_synchronizer), also called V(delegation), moves parties and contracts to another synchronizer.
      - V(same_synchronizer) moves them on the same synchronizer. It requires Canton 3.5 on both sides, and O(accept_unsupported).
      - V(key_import) imports the keys into the KMS, for a new node with the same identity. It is refused without O(accept_key_import_crash), because
        on real nodes the target crashes at every start. Use V(other_synchronizer) or V(same_synchronizer).
      - V(envelope) is always refused, because encrypting the key store with a KMS key needs no migration. The finding describes the alternative.
    type: str
    choices: [other_synchronizer, delegation, same_synchronizer, key_import, envelope]
    default: other_synchronizer
  kms_provider:
    description: Provider of the KMS that has the keys of the target, or gets the keys of the source with O(method=key_import).
    type: str
    choices: [aws, gcp]
    default: aws
    version_added: 0.3.0
  rotate_keys:
    description: Whether keys that the KMS cannot use will be replaced first, with O(method=key_import).
    type: bool
    default: false
    version_added: 0.3.0
  accept_unsupported:
    description: Whether the operator accepts the risk of O(method=same_synchronizer), which the vendor's manual calls unsupported.
    type: bool
    default: false
  accept_key_import_crash:
    description: Whether O(method=key_import) is allowed although the target crashes on real nodes. For tests only.
    type: bool
    default: false
    version_added: 0.3.0
  backup_confirmed:
    description: Whether the databases of both participants are backed up. Required for a migration; cannot be verified by API.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Check whether the participant can be migrated
  ledgerops.canton.participant_migration_info:
    source: {endpoint: 10.0.0.5:5012, ledger_endpoint: 10.0.0.5:5011}
    target: {endpoint: 10.0.0.6:5022, ledger_endpoint: 10.0.0.6:5021}
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
  description: Findings that block the migration (severity C(error)), and warnings (severity C(warning)), each with a stable id, its description
    and how to fix it.
  returned: always
  type: list
  elements: dict
  sample:
    - id: storage_in_memory
      severity: error
      message: The target participant keeps its data in memory, but Canton exports and imports contracts only with a database
      remedy: Run it with persistent storage (PostgreSQL).
plan:
  description:
    - Numbers of the migration. A number that could not be read is missing.
    - C(counterparties) are all parties that do not move but share contracts with moving parties, with the number of
      these contracts. C(packages) are the packages that the contracts use.
    - C(stage) is C(source_serves), C(source_down), C(imported) (the target has all contracts and is disconnected), or
      C(target_serves) (the target is connected and has contracts of the source, which is disconnected).
  returned: always
  type: dict
  sample:
    method: other_synchronizer
    stage: source_serves
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

import dataclasses

from ..module_utils._connection import SYNCHRONIZERS, Params
from ..module_utils._outcome import Outcome
from ..module_utils._participant.model.interface import Reader
from ..module_utils._participant.preflight import examine
from ..module_utils._participant.preflight.findings import MigrationRequest
from ..module_utils._runner import run_pair

SPEC = {
    **SYNCHRONIZERS,
    "parties": {"type": "list", "elements": "str"},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "target_protocol_version": {"type": "int"},
    "skip_users": {"type": "list", "elements": "str", "default": []},
    "exclude_dars": {"type": "list", "elements": "str", "default": []},
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


def ensure(params: Params, source: Reader, target: Reader, check: bool) -> Outcome:
    options = {item.name: params[item.name] for item in dataclasses.fields(MigrationRequest)}
    if options["method"] == "delegation":
        options["method"] = "other_synchronizer"
    request = MigrationRequest(**options)
    findings, plan = examine.examine(source, target, request)
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
