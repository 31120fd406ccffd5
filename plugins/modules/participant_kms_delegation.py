#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_kms_delegation
short_description: Delegate the namespace of a participant to a KMS key
version_added: 0.4.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Delegates the participant's own namespace to a key of a KMS, which no participant needs to hold yet. The participant can
    later run on the KMS without its root key, with the same id.
  - The participant signs with its root key, or with a key that was delegated with V(can_sign_all_mappings).
  - The task succeeds only when the participant's own store and every connected synchronizer list the delegation.
  - A delegation to the key of another participant is made with M(ledgerops.canton.participant_namespace_delegation).
  - For Canton 3.
extends_documentation_fragment:
  - ledgerops.canton._participant
  - ledgerops.canton._kms
  - ledgerops.canton._kms_gcp
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant
options:
  kms_key_id:
    description: Id of the key in the KMS. In AWS use the ARN, in GCP the short name. The key is read in the KMS.
    type: str
    required: true
  restriction:
    description:
      - Mappings that the key can sign. A delegation in force with another restriction is replaced.
      - With V(can_sign_all_but_namespace_delegations) the key signs everything except further delegations. For another delegation the root key is
        needed again, for example for a move to another KMS.
      - V(can_sign_all_mappings) has no such limit. Whoever can use the key controls the namespace.
    type: str
    choices: [can_sign_all_but_namespace_delegations, can_sign_all_mappings]
    default: can_sign_all_but_namespace_delegations
  state:
    description: V(absent) takes the delegation back. This is final for the key and requires O(give_up_key).
    type: str
    choices: [present, absent]
    default: present
  give_up_key:
    description: Confirms O(state=absent). A removed delegation cannot be created again for the same key, although every call returns OK.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait until the change is visible on all synchronizers.
    type: float
    default: 60.0
notes:
  - The module requires C(kms:DescribeKey) and C(kms:GetPublicKey) on the key, in GCP C(cloudkms.cryptoKeyVersions.viewPublicKey). The key signs
    nothing.
  - A disconnected synchronizer receives the delegation at the next connect. The module returns a warning.
  - Both restrictions were seen to work on real Canton 3.5 nodes. The change of a restriction was tried on test networks only.
seealso:
  - module: ledgerops.canton.kms_key
  - module: ledgerops.canton.participant_kms_key
  - module: ledgerops.canton.participant_namespace_delegation
"""

EXAMPLES = r"""
- name: Create the namespace key
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: canton/p1/namespace
    purpose: namespace
  register: namespace_key

- name: Delegate the namespace to it
  ledgerops.canton.participant_kms_delegation:
    endpoint: 10.0.0.5:5012
    region: eu-central-1
    kms_key_id: "{{ namespace_key.key.arn }}"

- name: Take the delegation back for good
  ledgerops.canton.participant_kms_delegation:
    endpoint: 10.0.0.5:5012
    region: eu-central-1
    kms_key_id: "{{ namespace_key.key.arn }}"
    state: absent
    give_up_key: true
"""

RETURN = r"""
namespace:
  description: The participant's namespace.
  returned: success
  type: str
target_key:
  description: Fingerprint of the KMS key.
  returned: success
  type: str
  sample: 12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098
delegation:
  description: The restriction of the delegation in the participant's own store, C(authorized), and on each connected synchronizer, by alias. V(null)
    where there is none.
  returned: success
  type: dict
  sample: {authorized: can_sign_all_mappings, mainnet: can_sign_all_mappings}
"""

from ..module_utils._connection import Params, Spec
from ..module_utils._errors import CantonError
from ..module_utils._kms import outside, provider
from ..module_utils._outcome import Outcome
from ..module_utils._participant.identity import owner_keys, registration
from ..module_utils._participant.model.interface import Participant
from ..module_utils._participant.topology import own_delegation, undelegation
from ..module_utils._runner import run_participant

SPEC: Spec = {
    **provider.CONNECTION_SPEC,
    "kms_key_id": {"type": "str", "required": True},
    "restriction": {
        "type": "str",
        "choices": ["can_sign_all_but_namespace_delegations", "can_sign_all_mappings"],
        "default": "can_sign_all_but_namespace_delegations",
    },
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "give_up_key": {"type": "bool", "default": False},
    "wait_timeout": {"type": "float", "default": 60.0},
}


def ensure(params: Params, participant: Participant, check: bool) -> Outcome:
    node = registration.require_canton_3(participant)
    present = params["state"] == "present"
    if not present:
        undelegation.refuse_unconfirmed(params["give_up_key"])
    namespace = node.identity().namespace
    if not namespace:
        raise CantonError(
            f"The {node.label} has no identity, so it has no namespace",
            error_id="not_initialized",
            hint="Initialise it first (participant_identity).",
        )
    key = outside.OutsideKeys(params).key(node, params["kms_key_id"], "namespace").key
    own_delegation.refuse_root(namespace, key.fingerprint)
    before = own_delegation.state(node, namespace, key.fingerprint)
    after: own_delegation.State = dict.fromkeys(before, params["restriction"] if present else None)
    warnings: list[str] = []
    if before != after:
        if present:
            own_delegation.refuse_removed(node, namespace, key.fingerprint)
        else:
            warnings.append(
                f"The removal is final: the namespace can never be delegated to key {key.fingerprint} again."
            )
        warnings += [
            f"Synchronizer {alias} is not connected: the change reaches it at the next connect."
            for alias in owner_keys.waiting_elsewhere(node)
        ]
        if before[own_delegation.OWN] != after[own_delegation.OWN]:
            own_delegation.refuse_without_signer(node, namespace, key.fingerprint)
        if not check:
            if present:
                own_delegation.delegate(node, namespace, key, params["restriction"], params["wait_timeout"])
            else:
                own_delegation.undelegate(node, namespace, key, params["wait_timeout"])
    result: dict[str, object] = {"namespace": namespace, "target_key": key.fingerprint, "delegation": after}
    return Outcome(dict(before), dict(after), result, warnings)


def main() -> None:
    run_participant(SPEC, ensure, **provider.rules(provider.RING_REQUIRED))


if __name__ == "__main__":
    main()
