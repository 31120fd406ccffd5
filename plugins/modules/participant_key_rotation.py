#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_key_rotation
short_description: Replace a signing or encryption key of a participant
version_added: 0.3.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Replaces the participant's key for a purpose by a KMS key, or by a generated key on a participant without a KMS.
  - The new key is added to the participant's key mapping. When the mapping is visible on every connected synchronizer,
    the old key is removed from it, which is verified in the same way.
  - The old private key is kept, because messages that are encrypted for it may still arrive. The namespace key cannot
    be replaced in any release of Canton.
  - Required before an import into a KMS (M(ledgerops.canton.kms_key_material)) if the KMS cannot use the participant's
    keys, for example Canton's default keys.
  - For Canton 3.
extends_documentation_fragment:
  - ledgerops.canton._participant
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant
attributes:
  check_mode:
    details: The fingerprint of a key that would be registered or generated is V(null).
options:
  purpose:
    description: Purpose of the key to replace.
    type: str
    choices: [sequencer_authentication, protocol, encryption]
    required: true
  kms_key_id:
    description: Id of the new KMS key, on a participant whose keys are in a KMS. In AWS use the ARN.
    type: str
  generate:
    description: Spec of the new key, on a participant with its own keys. V(rsa_2048) is for O(purpose=encryption), the others are for the other
      purposes. If the current key has this spec, it is kept.
    type: str
    choices: [ec_p256, ec_p384, ec_secp256k1, ec_curve25519, rsa_2048]
  name:
    description: Name of the new key in the participant's key list. Default is purpose and spec.
    type: str
  wait_timeout:
    description: Seconds to wait until each of the two changes is visible on all connected synchronizers.
    type: float
    default: 60.0
notes:
  - A disconnected synchronizer receives the new key at the next connect. The module returns a warning.
seealso:
  - module: ledgerops.canton.participant_identity
  - module: ledgerops.canton.kms_key
"""

EXAMPLES = r"""
- name: Create a new protocol key
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: canton/p1/protocol-2
    purpose: protocol
  register: protocol_key

- name: Replace the protocol key
  ledgerops.canton.participant_key_rotation:
    endpoint: 10.0.0.6:5022
    purpose: protocol
    kms_key_id: "{{ protocol_key.key.arn }}"

- name: Replace an encryption key by one that a KMS can import
  ledgerops.canton.participant_key_rotation:
    endpoint: 10.0.0.5:5012
    purpose: encryption
    generate: rsa_2048
"""

RETURN = r"""
key:
  description: The new key.
  returned: success
  type: dict
  contains:
    fingerprint:
      description: Fingerprint of the key. V(null) in check mode when it does not exist yet.
      type: str
      sample: 12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098
    kms_key_id:
      description: Id of the key in the KMS, as listed by the participant. V(null) without a KMS.
      type: str
      sample: arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-4000-8000-000000000000
replaced:
  description: Fingerprints of the replaced keys; in check mode of those that would be replaced.
  returned: success
  type: list
  elements: str
  sample: [1220af73e872e86a62313fe5e2a76b4302e1f2c7b52292df7116b7a12b0518b57769]
"""

from ..module_utils._connection import Params, Spec
from ..module_utils._errors import CantonError
from ..module_utils._outcome import Outcome
from ..module_utils._participant.identity import owner_keys, registration, rotation
from ..module_utils._participant.model.interface import Participant
from ..module_utils._runner import run_participant

SPEC: Spec = {
    "purpose": {"type": "str", "choices": ["sequencer_authentication", "protocol", "encryption"], "required": True},
    "kms_key_id": {"type": "str"},
    "generate": {"type": "str", "choices": ["ec_p256", "ec_p384", "ec_secp256k1", "ec_curve25519", "rsa_2048"]},
    "name": {"type": "str"},
    "wait_timeout": {"type": "float", "default": 60.0},
}


def check_values(params: Params) -> None:
    spec = params["generate"]
    if spec and (spec == "rsa_2048") is not (params["purpose"] == "encryption"):
        raise CantonError(
            f"A key of spec {spec} can't serve as {params['purpose']} key",
            error_id="key_spec_unfit",
            hint="Use rsa_2048 for encryption and an ec_ spec for the other purposes.",
        )


def ensure(params: Params, participant: Participant, check: bool) -> Outcome:
    check_values(params)
    node = registration.require_canton_3(participant)
    desired = (params["kms_key_id"], params["generate"], params["name"])
    plan = rotation.plan(node, params["purpose"], *desired)
    new = plan.new
    warnings = []
    if not plan.done:
        warnings = [
            f"Synchronizer {alias} is not connected: its members learn of the new key at the next connect."
            for alias in owner_keys.waiting_elsewhere(node)
        ]
        if not check:
            new = rotation.rotate(node, plan, *desired, params["wait_timeout"])
    key = {"fingerprint": new.fingerprint if new else None, "kms_key_id": (new and new.kms_key_id) or None}
    before: dict[str, object] = {params["purpose"]: sorted(item.fingerprint for item in plan.present)}
    after: dict[str, object] = {params["purpose"]: [new.fingerprint if new else "a new key"]}
    return Outcome(before, after, {"key": key, "replaced": [item.fingerprint for item in plan.leaving]}, warnings)


def main() -> None:
    run_participant(
        SPEC, ensure, mutually_exclusive=[("kms_key_id", "generate")], required_one_of=[("kms_key_id", "generate")]
    )


if __name__ == "__main__":
    main()
