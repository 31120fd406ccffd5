#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_namespace_delegation
short_description: Delegate the namespace of one participant to the key of another
version_added: 0.1.0
author:
  - The ledgerops.canton authors (@ledgerops)
description:
  - Lets the target sign for the parties of the source's namespace. The source's root key signs a delegation to
    the target's namespace key, and root certificate and delegation are loaded on the target.
  - Success means that the synchronizer's own store lists the delegation.
  - The delegation allows everything but further delegations, and it is never removed by this module, since a removed
    delegation does not come back for the same key.
extends_documentation_fragment:
  - ledgerops.canton._participant.source
  - ledgerops.canton._participant.target
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant_pair
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  synchronizer:
    description:
      - Alias or id of the target's synchronizer on which the delegation has to be in force.
    type: str
    required: true
  state:
    description:
      - V(present) is the only state.
    type: str
    choices: [present]
    default: present
  wait_timeout:
    description:
      - Seconds to wait until the synchronizer shows the change.
    type: float
    default: 120.0
"""

EXAMPLES = r"""
- name: Let the new participant act for the old namespace
  ledgerops.canton.participant_namespace_delegation:
    source:
      endpoint: 10.0.0.5:5012
      ledger_endpoint: 10.0.0.5:5011
    target:
      endpoint: 10.0.0.6:5022
      ledger_endpoint: 10.0.0.6:5021
    synchronizer: new
"""

RETURN = r"""
namespace:
  description: Fingerprint of the namespace that is delegated.
  returned: always
  type: str
target_key:
  description: Fingerprint of the key that it is delegated to.
  returned: always
  type: str
delegation:
  description: Where the delegation is found - in the source's own store, the target's own store and the synchronizer's store.
  returned: always
  type: dict
  sample: {source: true, target: true, synchronizer: true}
"""

from dataclasses import asdict

from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant import synchronizers, topology
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.participant import Participant
from ansible_collections.ledgerops.canton.plugins.module_utils._runner import Params, run_pair

SPEC = {
    "synchronizer": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present"], "default": "present"},
    "wait_timeout": {"type": "float", "default": 120.0},
}


def ensure(params: Params, source: Participant, target: Participant, check: bool) -> Outcome:
    namespace = source.identity().namespace
    key = topology.namespace_key(target, target.identity().uid)
    store = synchronizers.known_id(target, params["synchronizer"])
    before = topology.delegation_state(source, target, namespace, key.fingerprint, store)
    after = topology.DelegationState(True, True, True)
    if not before.complete:
        topology.refuse_removed_delegation(source, target, namespace, key.fingerprint, store)
        topology.refuse_without_root_key(source, namespace, before)
        if not check:
            synchronizers.connected_id(target, params["synchronizer"], "which the delegation has to reach")
            topology.delegate(source, target, namespace, key, store, params["wait_timeout"])
            after = topology.delegation_state(source, target, namespace, key.fingerprint, store)
    return Outcome(
        asdict(before),
        asdict(after),
        {"namespace": namespace, "target_key": key.fingerprint, "delegation": asdict(after)},
    )


def main() -> None:
    run_pair(SPEC, ensure)


if __name__ == "__main__":
    main()
