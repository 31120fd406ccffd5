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
  - ledgerops.canton._migration
  - ledgerops.canton._attributes.info_module
  - ledgerops.canton._attributes.actiongroup_participant_pair
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
      C(target_serves) (the target is connected and has contracts of the source, or has archived them, and the source is disconnected).
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

from ..module_utils._connection import Params
from ..module_utils._outcome import Outcome
from ..module_utils._participant.model.interface import Reader
from ..module_utils._participant.preflight.examine import examine
from ..module_utils._participant.preflight.findings import REQUEST_SPEC, MigrationRequest
from ..module_utils._runner import run_pair


def ensure(params: Params, source: Reader, target: Reader, _check: bool) -> Outcome:
    return Outcome(result=examine(source, target, MigrationRequest.of(params)).as_dict())


def main() -> None:
    run_pair(REQUEST_SPEC, ensure, any_release=True)


if __name__ == "__main__":
    main()
