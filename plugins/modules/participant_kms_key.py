#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_kms_key
short_description: Register a KMS key on a running participant
version_added: 0.4.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Registers a key of a KMS as a key of a participant whose crypto provider is a KMS. The participant's own list, which must
    show the key with its KMS id, is the proof.
  - A participant registers a public key only under the name and for the purpose that it already stores for it. With the
    connection options of the KMS, the module reads the public key there, finds this name, and refuses a wrong key before it
    calls the participant.
  - For a participant that waits for its identity see M(ledgerops.canton.participant_identity).
  - For Canton 3.
extends_documentation_fragment:
  - ledgerops.canton._participant
  - ledgerops.canton._kms
  - ledgerops.canton._kms_gcp
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant
attributes:
  check_mode:
    details: Without the connection options of the KMS, the fingerprint of a key that would be registered is O(expected_fingerprint).
options:
  kms_key_id:
    description: Id of the key in the KMS, as the participant is to use it. In AWS use the ARN, in GCP the short name.
    type: str
    required: true
  purpose:
    description: Purpose of the key.
    type: str
    choices: [namespace, sequencer_authentication, protocol, encryption]
    required: true
  name:
    description: Name of the key in the participant's key list. Default is the name under which the participant stores this public key already, else
      purpose and KMS id.
    type: str
  expected_fingerprint:
    description: Fingerprint that the key must have. Another key is refused, with the connection options of the KMS before the participant is called.
    type: str
notes:
  - The KMS is read if at least one of its connection options is set, for example O(region) or O(provider). This requires C(kms:DescribeKey) and
    C(kms:GetPublicKey), in GCP C(cloudkms.cryptoKeyVersions.viewPublicKey).
  - A participant answers OK to another id for a key that it has registered, and keeps the old id. The module refuses this.
seealso:
  - module: ledgerops.canton.kms_key
  - module: ledgerops.canton.participant_key_mapping
  - module: ledgerops.canton.participant_key_rotation
"""

EXAMPLES = r"""
- name: Register the namespace key
  ledgerops.canton.participant_kms_key:
    endpoint: 10.0.0.5:5012
    kms_key_id: "{{ namespace_key.key.arn }}"
    expected_fingerprint: "{{ namespace_key.key.fingerprint }}"
    purpose: namespace
    region: eu-central-1

- name: Register a key of GCP KMS
  ledgerops.canton.participant_kms_key:
    endpoint: 10.0.0.5:5012
    kms_key_id: p1-encryption
    purpose: encryption
    provider: gcp
    project: my-project
    location: europe-west3
    key_ring: canton-p1
"""

RETURN = r"""
key:
  description: The key as the participant lists it, in check mode as it would list it.
  returned: success
  type: dict
  contains:
    fingerprint:
      description: Fingerprint of the key. V(null) in check mode if it is not known.
      type: str
      sample: 12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098
    kms_key_id:
      description: Id of the key in the KMS.
      type: str
      sample: arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-4000-8000-000000000000
    name:
      description: Name of the key in the participant's key list.
      type: str
      sample: p1-namespace
    purpose:
      description: Purpose of the key.
      type: str
      sample: namespace
"""

from ..module_utils._connection import Params, Spec
from ..module_utils._kms import outside, provider
from ..module_utils._outcome import Outcome
from ..module_utils._participant.identity import registration
from ..module_utils._participant.model.interface import Canton3, Participant
from ..module_utils._participant.model.keys import PURPOSES
from ..module_utils._runner import run_participant

SPEC: Spec = {
    **provider.CONNECTION_SPEC,
    "kms_key_id": {"type": "str", "required": True},
    "purpose": {"type": "str", "choices": list(PURPOSES), "required": True},
    "name": {"type": "str"},
    "expected_fingerprint": {"type": "str"},
}


def fingerprint_of(params: Params, node: Canton3) -> str:
    """The fingerprint of the key in the KMS, or the expected one, or nothing."""
    expected = params["expected_fingerprint"] or ""
    keys = outside.OutsideKeys(params)
    if not outside.names_kms(params):
        return str(expected)
    found = keys.key(node, params["kms_key_id"], params["purpose"]).key.fingerprint
    wanted = registration.Wanted(params["purpose"], params["kms_key_id"], "", (), expected)
    registration.refuse_other_key(node, wanted, found, "Nothing was registered.")
    return found


def ensure(params: Params, participant: Participant, check: bool) -> Outcome:
    node = registration.require_canton_3(participant)
    purpose, kms_key_id = params["purpose"], params["kms_key_id"]
    fingerprint = fingerprint_of(params, node)
    wanted, before = registration.desired(node, purpose, kms_key_id, params["name"], fingerprint)
    key = before
    if key is None and not check:
        key = registration.register(node, wanted, "The participant has registered this key; it uses it for nothing.")
    shown = {
        "fingerprint": (key.fingerprint if key else fingerprint) or None,
        "kms_key_id": kms_key_id,
        "name": wanted.name,
        "purpose": purpose,
    }
    return Outcome({"key": None if before is None else shown}, {"key": shown}, {"key": shown})


def main() -> None:
    run_participant(SPEC, ensure, **provider.rules(provider.RING_REQUIRED))


if __name__ == "__main__":
    main()
