#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_key
short_description: Create and configure keys for Canton in AWS KMS or GCP KMS
version_added: 0.1.0
description:
  - Creates the keys that a Canton participant needs in AWS KMS, and maintains their alias, description, tags and state.
    Maintains policy, grants, rotation and replicas if these options are set.
  - With O(provider=gcp) it does the same in GCP KMS, with a key ring, O(name), O(labels) and O(protection_level). GCP
    has no aliases, descriptions, grants or replicas.
  - Returns the public key and its Canton fingerprint, so that a node's registration can be checked.
  - Spec and usage of a key never change. An existing key with another spec or usage is an error.
extends_documentation_fragment:
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_kms
  - ledgerops.canton._kms
  - ledgerops.canton._kms.keeping
  - ledgerops.canton._participant.in_use_by
  - ledgerops.canton._kms_gcp
  - ledgerops.canton._kms_gcp.key
  - ledgerops.canton._kms_gcp.keeping
attributes:
  check_mode:
    details: For a key that would be created, its id, ARN, public key and fingerprint are V(null).
options:
  state:
    description: V(present) creates the key if it does not exist, and applies the options to it. V(absent) schedules its deletion. It does nothing if
      the key does not exist or its deletion is already scheduled. The alias remains until the key is deleted. In GCP, V(absent) schedules the
      destruction of the key's material. The key's name is permanent, and no node can use it again.
    type: str
    choices: [present, absent]
    default: present
  alias:
    description: Alias of the key, with or without the prefix C(alias/). A key is always created with an alias. With O(key_id), the alias is added to
      that key. An alias of another key is an error unless O(alias_move=true). One of O(alias) and O(key_id) is required with O(provider=aws).
    type: str
  purpose:
    description: Canton's purpose of the key. V(namespace), V(sequencer_authentication) and V(protocol) are signing keys, V(encryption) decrypts
      messages to the participant, and V(wrapper) encrypts a participant's own key store. An existing key is accepted if its spec is valid for this
      purpose. A new key gets Canton's default spec, unless O(spec) is set.
    type: str
    choices: [namespace, sequencer_authentication, protocol, encryption, wrapper]
  spec:
    description: Spec of the key in Canton's terms. Not needed with O(purpose). V(ec_curve25519) is for GCP only, with Canton 3.4.4 and later. Canton
      cannot use Ed25519 keys of AWS KMS.
    type: str
    choices: [ec_p256, ec_p384, ec_secp256k1, ec_curve25519, rsa_2048, symmetric]
  usage:
    description: Usage of the key. Derived from O(spec) or O(purpose); if set, it must match them.
    type: str
    choices: [sign_verify, encrypt_decrypt]
  description:
    description: Description of the key. Not changed when not set.
    type: str
  tags:
    description: Tags of the key. Not changed when not set; V({}) with O(purge_tags) removes all.
    type: dict
  enabled:
    description: Whether the key is enabled. When not set, a new key is enabled, and an existing disabled key is an error.
    type: bool
  cancel_deletion:
    description: Whether to cancel the scheduled deletion of the key, and to enable it unless O(enabled=false). Without this, O(state=present) for a
      key with a scheduled deletion is an error.
    type: bool
    default: false
  policy:
    description:
      - The key policy, as a mapping or as JSON text. When neither this nor O(node_principals) is set, a new key gets
        AWS's default policy, and the policy of an existing key is not changed.
      - Policies are compared by meaning. The order of statements, actions and principals, C(Id) and C(Sid), a list of
        one or its member, an account's id or the ARN of its root make no difference.
      - AWS replaces a deleted principal by its unique id. This is a difference, because the policy does not apply to a
        new principal of the same name. The policy is written again.
      - In GCP it is the IAM policy of the key itself, with C(bindings). The policies of the key ring and the project
        also apply and are not changed. A concurrent change by somebody else is never overwritten.
    type: json
  node_principals:
    description:
      - ARNs of the node's roles or users. The key gets a policy of least privilege for them, instead of O(policy). It
        allows only the calls that Canton makes. V([]) means that no node may use the key yet.
      - A signing key may be used for C(kms:Sign), C(kms:GetPublicKey) and C(kms:DescribeKey), an encryption key for C(kms:Decrypt),
        C(kms:GetPublicKey) and C(kms:DescribeKey), a wrapper key for C(kms:Encrypt), C(kms:Decrypt) and C(kms:DescribeKey).
      - All other rights follow the IAM policies of the account, as in AWS's default policy. Before a key exists, the
        account's id is read from AWS STS.
      - In GCP these are members, such as V(serviceAccount:node@my-project.iam.gserviceaccount.com). They get the roles C(roles/cloudkms.signer) for a
        signing key, C(roles/cloudkms.cryptoKeyDecrypter) for an encryption key or C(roles/cloudkms.cryptoKeyEncrypterDecrypter) for a wrapper key,
        C(roles/cloudkms.publicKeyViewer) for keys with a public key, and C(roles/cloudkms.viewer), all on this key only.
    type: list
    elements: str
  rotation:
    description: Whether the KMS rotates the key's material automatically. Not changed when not set. Only for symmetric keys; V(true) for another key
      is an error.
    type: bool
  rotation_period:
    description: Days between two rotations, in AWS from V(90) to V(2560). When not set, an existing period is kept; a
      new one is V(365) in AWS and V(90) in GCP.
    type: int
  force:
    description: Whether to delete a key, or to move or remove an alias, although a participant of O(in_use_by) uses it or cannot be reached.
    type: bool
    default: false
  probe:
    description: Whether to test the key once. A signing key signs, and the signature is verified on this host against the public key. An encryption
      key encrypts and decrypts. Requires the permission C(kms:Sign), or C(kms:Encrypt) and C(kms:Decrypt). In GCP the key signs data, as for Canton,
      and an RSA key decrypts data that this host encrypted.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait until an accepted change is visible in the KMS, or a key is generated.
    type: float
    default: 60.0
notes:
  - A deleted key cannot be restored. Everything that only this key can sign or decrypt is lost. Make sure that no node
    lists it; O(in_use_by) checks the nodes.
seealso:
  - module: ledgerops.canton.kms_key_info
author: The ledgerops.canton authors (@ledgerops)
"""

EXAMPLES = r"""
- name: Create the four keys of a participant, which only the node's role may use
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: "canton/{{ inventory_hostname }}/{{ item }}"
    purpose: "{{ item }}"
    tags:
      participant: "{{ inventory_hostname }}"
    node_principals:
      - "arn:aws:iam::111122223333:role/canton-{{ inventory_hostname }}"
    probe: true
  loop: [namespace, sequencer_authentication, protocol, encryption]
  register: canton_keys

- name: Check that an existing key works as namespace key
  ledgerops.canton.kms_key:
    key_id: arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-4000-8000-000000000000
    region: eu-central-1
    purpose: namespace
    probe: true

- name: Create a wrapper key with rotation and a replica
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: canton/p1/wrapper
    purpose: wrapper
    rotation: true
    rotation_period: 180
    multi_region: true
    replicas: [eu-west-1]

- name: Grant a monitor access to the public key only
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: canton/p1/namespace
    grants:
      - name: monitor
        grantee_principal: arn:aws:iam::111122223333:role/monitor
        operations: [GetPublicKey, DescribeKey]
    purge_grants: true

- name: Move an alias to another key
  ledgerops.canton.kms_key:
    region: eu-central-1
    key_id: 00000000-0000-4000-8000-000000000000
    alias: canton/p1/protocol
    alias_move: true

- name: Delete a key in a week, unless a participant lists it
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: canton/p1/protocol-2
    state: absent
    pending_window: 7
    in_use_by:
      - endpoint: p1.example.com:5012

- name: Cancel the deletion
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: canton/p1/protocol-2
    cancel_deletion: true

- name: Create the four keys of a participant in GCP KMS
  ledgerops.canton.kms_key:
    provider: gcp
    project: my-project
    location: europe-west3
    key_ring: canton-p1
    create_key_ring: true
    name: "p1-{{ item }}"
    purpose: "{{ item }}"
    labels: {participant: p1}
    node_principals: [serviceAccount:canton-p1@my-project.iam.gserviceaccount.com]
    probe: true
  loop: [namespace, sequencer_authentication, protocol, encryption]
"""

RETURN = r"""
key:
  description:
    - The key after the task, with the values of a member of RV(ledgerops.canton.kms_key_info#module:keys). V(null) when it does not exist.
    - C(policy), C(grants) and C(rotation) of a key in AWS are V(null) unless the task sets these options.
    - In check mode the predicted key. C(created), and the C(arn) of a replica and the C(grant_id) of a grant that would be created, are V(null).
    - Register C(arn) at the node, not an alias; in GCP register C(key_id).
  returned: success
  type: dict
  sample:
    key_id: 00000000-0000-4000-8000-000000000000
    arn: arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-4000-8000-000000000000
    state: enabled
    spec: ec_p256
    usage: sign_verify
    aliases: [alias/canton/p1/namespace]
    fingerprint: 12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098
probe:
  description: Operation that O(probe=true) tested. V(null) when nothing was tested, for example in check mode for a key that would be created.
  returned: success
  type: str
  sample: sign_verify
"""

import typing as t

from ..module_utils._connection import side_spec
from ..module_utils._kms import provider
from ..module_utils._kms.model import KMS_PURPOSES
from ..module_utils._outcome import Outcome
from ..module_utils._participant.model.keys import KMS_KEYS
from ..module_utils._runner import run_plain

SPEC: dict[str, dict[str, t.Any]] = {
    **provider.CONNECTION_SPEC,
    **provider.KEY_SPEC,
    **provider.KEEPING_SPEC,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "purpose": {"type": "str", "choices": list(KMS_PURPOSES)},
    "spec": {"type": "str", "choices": list(KMS_KEYS)},
    "usage": {"type": "str", "choices": ["sign_verify", "encrypt_decrypt"]},
    "enabled": {"type": "bool"},
    "cancel_deletion": {"type": "bool", "default": False},
    "policy": {"type": "json"},
    "node_principals": {"type": "list", "elements": "str"},
    "rotation": {"type": "bool"},
    "rotation_period": {"type": "int"},
    "in_use_by": {**side_spec(required=False), "type": "list", "elements": "dict"},
    "force": {"type": "bool", "default": False},
    "probe": {"type": "bool", "default": False},
    "wait_timeout": {"type": "float", "default": 60.0},
}
RULES = provider.rules(
    ("provider", "aws", ("alias", "key_id"), True),
    provider.KEY_REQUIRED,
    mutually_exclusive=[("policy", "node_principals")],
    admin_principals=("node_principals",),
)


def ensure(params: dict[str, t.Any], check: bool) -> Outcome:
    return provider.of(params, SPEC).ensure(params, check)


def main() -> None:
    run_plain(SPEC, ensure, provider.check_later, **RULES)


if __name__ == "__main__":
    main()
