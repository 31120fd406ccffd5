#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_info
short_description: Read the state of a participant
version_added: 0.1.0
author: The ledgerops.canton authors (@ledgerops)
description: Returns identity, release, synchronizers, keys, hosted parties, packages, users and the number of contracts of a participant.
extends_documentation_fragment:
  - ledgerops.canton._participant
  - ledgerops.canton._attributes.info_module
  - ledgerops.canton._attributes.actiongroup_participant
options:
  gather:
    description: What to read. V(users) and V(contracts) require O(ledger_endpoint).
    type: list
    elements: str
    choices: [identity, synchronizers, keys, delegations, parties, namespaces, packages, users, contracts]
    default: [identity, synchronizers, keys, parties, packages]
"""

EXAMPLES = r"""
- name: Read a participant
  ledgerops.canton.participant_info:
    endpoint: 10.0.0.5:5012
  register: old
"""

RETURN = r"""
identity:
  description: Id, namespace, release and state of the participant. C(kms_backed) is null for Canton 2, whose API does not report where a key is
    stored. C(hosts_offline) is true for Canton 2, which hosts parties and vets packages while it is disconnected.
  returned: when gathered
  type: dict
  sample: {uid: "participant1::1220c0ffee", namespace: "1220c0ffee", version: 3.5.10, initialized: true, active: true, kms_backed: true, hosts_offline: false}
synchronizers:
  description: Registered synchronizers.
  returned: when gathered
  type: list
  elements: dict
keys:
  description: The participant's own keys, public values only. C(purpose) is V(signing) or V(encryption), C(usage) is that of a signing key, and
    C(name) that in the vault. C(kms_key_id) is empty for a key in the participant's own store.
  returned: when gathered
  type: list
  elements: dict
  sample:
    - fingerprint: 12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098
      name: p1-namespace
      purpose: signing
      usage: [namespace]
      spec: ec_p256
      kms_key_id: arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-4000-8000-000000000000
delegations:
  description: Effective delegations per synchronizer alias, of the participant's own namespace and of those of its hosted
    parties. C(target_key) is the fingerprint of the key that may sign, C(root) is true for a root certificate.
  returned: when gathered
  type: dict
  sample:
    newsync:
      - {namespace: "1220c0ffee", target_key: "1220decaf0", restriction: all_but_namespace_delegations, root: false}
parties:
  description: Hosted parties per synchronizer alias, with the permission of this participant.
  returned: when gathered
  type: dict
namespaces:
  description: Namespaces for which this participant may sign, its own and those delegated to its key, per synchronizer alias.
  returned: when gathered
  type: dict
packages:
  description: DARs in the store, and numbers of stored packages and of vetted packages per synchronizer alias.
  returned: when gathered
  type: dict
users:
  description: Users with their rights.
  returned: when gathered
  type: list
  elements: dict
contracts:
  description: Ledger end, and number and order-independent digest of the active contracts of the hosted parties.
  returned: when gathered
  type: dict
"""

from ..module_utils._connection import Params
from ..module_utils._outcome import Outcome
from ..module_utils._participant import info
from ..module_utils._participant.model.interface import Participant
from ..module_utils._runner import run_participant

SPEC = {
    "gather": {
        "type": "list",
        "elements": "str",
        "choices": list(info.READERS),
        "default": ["identity", "synchronizers", "keys", "parties", "packages"],
    },
}


def ensure(params: Params, participant: Participant, check: bool) -> Outcome:
    return Outcome(result={name: info.READERS[name](participant) for name in params["gather"]})


def main() -> None:
    run_participant(SPEC, ensure)


if __name__ == "__main__":
    main()
