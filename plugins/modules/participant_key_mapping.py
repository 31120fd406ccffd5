#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_key_mapping
short_description: Set the keys of a participant and their order
version_added: 0.4.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Writes the participant's owner-to-key mapping. It names the keys by which others verify its signatures and encrypt for it.
  - A key can be a KMS key that the participant does not hold yet. A new signing key must sign the mapping. The module lets a
    KMS key sign through the KMS; keys that the participant holds are signed by the participant. Encryption keys do not sign.
  - The participant's namespace signs too, with a key of the participant, or with O(namespace_kms_key_id) through the KMS.
  - The order counts. Others encrypt for the last encryption key of the mapping. With O(other_keys=keep) the new keys come
    first, so the participant continues to work with its old keys until these are removed.
  - The task succeeds only when the participant's own store and every connected synchronizer list the mapping, in this order.
  - A mapping without an encryption, a protocol or a sequencer authentication key is refused.
  - For Canton 3.
extends_documentation_fragment:
  - ledgerops.canton._participant
  - ledgerops.canton._participant.broadcast_by
  - ledgerops.canton._kms
  - ledgerops.canton._kms_gcp
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant
attributes:
  check_mode:
    details: Reads the keys in the KMS, but signs nothing. RV(serial) and RV(signed_by) of a mapping that would be written are V(null).
options:
  keys:
    description: The desired keys in their order.
    type: list
    elements: dict
    required: true
    suboptions:
      kms_key_id:
        description: Id of a key in the KMS, as the participant uses or will use it. In AWS use the ARN, in GCP the short name. The key is read in the
          KMS.
        type: str
      fingerprint:
        description: Fingerprint of a key that the participant knows, in its vault or in the mapping.
        type: str
      purpose:
        description: Purpose of the key. Required with O(keys[].kms_key_id).
        type: str
        choices: [sequencer_authentication, protocol, encryption]
  other_keys:
    description: V(keep) keeps the other keys of the mapping, after O(keys). V(remove) removes them.
    type: str
    choices: [keep, remove]
    default: keep
  namespace_kms_key_id:
    description: Id of the KMS key that signs for the namespace if the participant holds no key that can. It is the root key, or one that the
      namespace was delegated to (M(ledgerops.canton.participant_kms_delegation)).
    type: str
  wait_timeout:
    description: Seconds to wait until the mapping is visible on all synchronizers.
    type: float
    default: 60.0
notes:
  - In AWS the module requires C(kms:DescribeKey), C(kms:GetPublicKey) and C(kms:Sign) on the keys, in GCP
    C(cloudkms.cryptoKeyVersions.viewPublicKey) and C(cloudkms.cryptoKeyVersions.useToSign). Every signature is verified before it is sent.
  - A disconnected synchronizer receives the mapping at the next connect. The module returns a warning.
  - Signatures of keys in AWS KMS were seen to be accepted by real Canton 3.5 nodes. Keys in GCP KMS and Canton 3.4 were tried on test networks only.
seealso:
  - module: ledgerops.canton.kms_key
  - module: ledgerops.canton.participant_key_rotation
  - module: ledgerops.canton.participant_kms_key
"""

EXAMPLES = r"""
- name: Add keys of a KMS while the participant serves with its old keys
  ledgerops.canton.participant_key_mapping:
    endpoint: 10.0.0.5:5012
    region: eu-central-1
    keys:
      - kms_key_id: "{{ authentication_key.key.arn }}"
        purpose: sequencer_authentication
      - kms_key_id: "{{ protocol_key.key.arn }}"
        purpose: protocol
      - kms_key_id: "{{ encryption_key.key.arn }}"
        purpose: encryption

- name: Remove all other keys
  ledgerops.canton.participant_key_mapping:
    endpoint: 10.0.0.5:5012
    keys:
      - fingerprint: "{{ authentication_key.key.fingerprint }}"
      - fingerprint: "{{ protocol_key.key.fingerprint }}"
      - fingerprint: "{{ encryption_key.key.fingerprint }}"
    other_keys: remove

- name: Replace the keys of a participant that has lost all keys in force
  ledgerops.canton.participant_key_mapping:
    endpoint: 10.0.0.5:5012
    region: eu-central-1
    keys:
      - fingerprint: "{{ new_authentication_key }}"
      - fingerprint: "{{ new_protocol_key }}"
      - fingerprint: "{{ new_encryption_key }}"
    other_keys: remove
    namespace_kms_key_id: "{{ namespace_key.key.arn }}"
    broadcast_by:
      endpoint: 10.0.0.9:5012
"""

RETURN = r"""
mapping:
  description: The keys of the mapping in their order, in check mode as they would be.
  returned: success
  type: list
  elements: dict
  contains:
    fingerprint:
      description: Fingerprint of the key.
      type: str
      sample: 12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098
    purpose:
      description: Purpose of the key, the first one if it serves several.
      type: str
      sample: protocol
    kms_key_id:
      description: Id of the key in the KMS, from O(keys) or the participant's list. V(null) if none is known.
      type: str
      sample: arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-4000-8000-000000000000
previous:
  description: The keys of the mapping before the task, in the same form.
  returned: success
  type: list
  elements: dict
serial:
  description: Serial number of the mapping in the participant's own store.
  returned: success
  type: int
  sample: 2
signed_by:
  description: Fingerprints of the keys that signed the mapping.
  returned: success
  type: list
  elements: str
  sample: [12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098]
"""

import typing as t

from ..module_utils._connection import Params, Spec, connection_spec, participant_of
from ..module_utils._kms import outside, provider
from ..module_utils._outcome import Outcome
from ..module_utils._participant.identity import owner_keys, registration
from ..module_utils._participant.model.entities import AUTHORIZED, Key
from ..module_utils._participant.model.interface import Canton3, Participant
from ..module_utils._participant.model.keys import purpose_of
from ..module_utils._runner import run_participant

SPEC: Spec = {
    **provider.CONNECTION_SPEC,
    "keys": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "no_log": False,
        "options": {
            "kms_key_id": {"type": "str"},
            "fingerprint": {"type": "str"},
            "purpose": {"type": "str", "choices": list(owner_keys.MAPPED)},
        },
        "required_one_of": [("kms_key_id", "fingerprint")],
        "mutually_exclusive": [("kms_key_id", "fingerprint")],
        "required_by": {"kms_key_id": ("purpose",)},
    },
    "other_keys": {"type": "str", "choices": ["keep", "remove"], "default": "keep", "no_log": False},
    "namespace_kms_key_id": {"type": "str"},
    "broadcast_by": {
        "type": "dict",
        "options": connection_spec(from_environment=False),
        "required_together": [("client_cert", "client_key")],
    },
    "wait_timeout": {"type": "float", "default": 60.0},
}


def ensure(params: Params, participant: Participant, check: bool) -> Outcome:
    node = registration.require_canton_3(participant)
    broadcaster = broadcaster_of(params)
    keys, signers = read_keys(params, node)
    plan = owner_keys.plan(node, keys, signers, params["other_keys"] == "keep", broadcaster)
    if not plan.done and not check:
        owner_keys.write(node, plan.uid, plan.keys, params["wait_timeout"], signers, broadcaster)
    result: dict[str, t.Any] = {"mapping": shown(plan.keys), "previous": shown(plan.previous)}
    if plan.written or not check:
        now = node.owner_mapping(AUTHORIZED, plan.uid)
        result.update(serial=now.serial, signed_by=sorted(now.signed_by))
    else:
        result.update(serial=None, signed_by=None)
    before = {label: list(found) for label, found in plan.present.items()}
    after = {label: list(found) for label, found in plan.desired.items()}
    return Outcome(dict(before), dict(after), result, warnings_of(plan, node, broadcaster))


def broadcaster_of(params: Params) -> Canton3 | None:
    if not params["broadcast_by"]:
        return None
    return registration.require_canton_3(participant_of(params["broadcast_by"], "participant of broadcast_by"))


def read_keys(params: Params, node: Canton3) -> tuple[list[tuple[Key | str, str]], owner_keys.Outside]:
    """The desired keys with their purposes, and those that sign through the KMS, which is not connected to without any."""
    kms = outside.OutsideKeys(params)
    wanted: list[tuple[Key | str, str]] = []
    signing: list[owner_keys.OutsideKey] = []
    for item in params["keys"]:
        purpose = item["purpose"] or ""
        if item["fingerprint"]:
            wanted.append((item["fingerprint"], purpose))
            continue
        found = kms.key(node, item["kms_key_id"], purpose)
        wanted.append((found.key, purpose))
        signing.append(found)
    namespace = params["namespace_kms_key_id"]
    return wanted, owner_keys.Outside(tuple(signing), kms.key(node, namespace, "namespace") if namespace else None)


def shown(keys: t.Iterable[Key]) -> list[dict[str, t.Any]]:
    return [
        {"fingerprint": key.fingerprint, "purpose": purpose_of(key), "kms_key_id": key.kms_key_id or None}
        for key in keys
    ]


def warnings_of(plan: owner_keys.Plan, node: Canton3, broadcaster: Canton3 | None) -> list[str]:
    warnings = []
    if not plan.done:
        warnings += [
            f"Synchronizer {alias} is not connected: its members learn of the new keys at the next connect."
            for alias in owner_keys.waiting_elsewhere(node, broadcaster)
        ]
    lacking = owner_keys.unusable(node, plan.keys)
    if lacking:
        warnings.append(
            f"The participant does not hold the keys of this mapping for {', '.join(lacking)}: it cannot transact until it does "
            "(participant_kms_key)."
        )
    return warnings


def main() -> None:
    run_participant(SPEC, ensure, **provider.rules(provider.RING_REQUIRED))


if __name__ == "__main__":
    main()
