#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_key_info
short_description: Read keys in AWS KMS or GCP KMS with their Canton fingerprints
version_added: 0.1.0
description: Reads keys in AWS KMS or GCP KMS, with their public keys and Canton fingerprints.
extends_documentation_fragment:
  - ledgerops.canton._attributes.info_module
  - ledgerops.canton._attributes.actiongroup_kms
  - ledgerops.canton._kms
  - ledgerops.canton._kms_gcp
options:
  names:
    description: Ids, ARNs or aliases of the keys. An alias needs the prefix C(alias/). When not set, all keys of the account in this region are read,
      except those that AWS manages. In GCP they are names of keys in O(key_ring). When not set, all keys of the ring are read.
    type: list
    elements: str
  labels:
    description: Read only keys that have all of these labels, with O(provider=gcp). Keys that a node created in GCP have no labels.
    type: dict
  tags:
    description: Read only keys that have all of these tags. A key that a node created has the tag C(CreatedBy) with the value V(Canton).
    type: dict
notes:
  - Requires the permissions C(kms:DescribeKey) and C(kms:GetPublicKey), and C(kms:ListKeys) when O(names) is not set.
    Keys that cannot be read are then omitted with a warning.
  - C(kms:ListAliases), C(kms:ListResourceTags), C(kms:GetKeyPolicy), C(kms:ListGrants) and C(kms:GetKeyRotationStatus)
    are recommended. Without one of them the value is V(null), with a warning.
  - In GCP it requires C(cloudkms.cryptoKeys.get), C(cloudkms.cryptoKeyVersions.get), C(cloudkms.cryptoKeyVersions.viewPublicKey),
    C(cloudkms.cryptoKeyVersions.list) for symmetric keys, and C(cloudkms.cryptoKeys.list) when O(names) is not set. Without
    C(cloudkms.cryptoKeys.getIamPolicy) it warns, and the policy is V(null).
seealso:
  - module: ledgerops.canton.kms_key
author: The ledgerops.canton authors (@ledgerops)
"""

EXAMPLES = r"""
- name: Read the namespace key of a participant
  ledgerops.canton.kms_key_info:
    region: eu-central-1
    names: [alias/canton/p1/namespace]
  register: namespace_key

- name: Find the keys that nodes created
  ledgerops.canton.kms_key_info:
    region: eu-central-1
    tags: {CreatedBy: Canton}
  register: made_by_nodes

- name: Show the fingerprints
  ansible.builtin.debug:
    msg: "{{ made_by_nodes['keys'] | items2dict(key_name='arn', value_name='fingerprint') }}"

- name: Read all keys of a key ring in GCP
  ledgerops.canton.kms_key_info:
    provider: gcp
    project: my-project
    location: europe-west3
    key_ring: canton-p1
    labels: {participant: p1}
"""

RETURN = r"""
keys:
  description: The existing keys, in the order of O(names). In templates write C(result['keys']), because C(result.keys) is a method of every
    dictionary. The last five values of a key are returned with O(provider=gcp) only.
  returned: success
  type: list
  elements: dict
  contains:
    key_id:
      description: Id of the key. In GCP its name.
      type: str
      sample: 00000000-0000-4000-8000-000000000000
    arn:
      description: ARN of the key. V(null) in GCP.
      type: str
      sample: arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-4000-8000-000000000000
    state:
      description: State of the key, such as V(enabled), V(disabled), V(pending_deletion) or V(pending_import); in GCP also V(destroyed).
      type: str
      sample: enabled
    spec:
      description: Spec of the key in Canton's terms, otherwise in the KMS's terms in lower case.
      type: str
      sample: ec_p256
    usage:
      description: Usage of the key.
      type: str
      sample: sign_verify
    description:
      description: Description of the key. A node writes the key's name here.
      type: str
    aliases:
      description: All aliases of the key. V(null) when they cannot be read.
      type: list
      elements: str
      sample: [alias/canton/p1/namespace]
    tags:
      description: Tags of the key. V(null) when they cannot be read.
      type: dict
      sample: {participant: p1}
    origin:
      description: Origin of the key material.
      type: str
      sample: aws_kms
    multi_region:
      description: Whether it is a multi-Region key.
      type: bool
    primary_region:
      description: Region of the primary key of a multi-Region key. V(null) for a key of one region.
      type: str
    replicas:
      description: Replicas of a multi-Region key, with region and ARN.
      type: list
      elements: dict
      sample:
        - {region: eu-west-1, arn: "arn:aws:kms:eu-west-1:111122223333:key/mrk-00000000000040008000000000000000"}
    policy:
      description: Key policy as reported by the KMS. V(null) when it cannot be read.
      type: dict
    grants:
      description: Grants of the key. V(null) when they cannot be read. C(name) is empty for a grant without a name, C(retiring_principal) may retire
        the grant, and C(constraints) are the encryption contexts for which it is valid.
      type: list
      elements: dict
      sample:
        - name: monitor
          grantee_principal: arn:aws:iam::111122223333:role/monitor
          operations: [DescribeKey, GetPublicKey]
          retiring_principal: null
          constraints: {}
          grant_id: 0c237476b39f8bc44e45212e08498fbe3151305030726c0590dd8d3e9f3d6a60
    rotation:
      description: Automatic rotation of the key, with the days between two rotations. V(null) for asymmetric keys, and when it cannot be read.
      type: dict
      sample: {enabled: true, period: 365}
    created:
      description: Time of creation, UTC.
      type: str
      sample: "2026-01-31T09:30:00Z"
    deletion_date:
      description: Time of deletion of a key in state V(pending_deletion), UTC.
      type: str
    public_key_pem:
      description: Public key in PEM. V(null) for symmetric keys.
      type: str
      sample: |
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE...
        -----END PUBLIC KEY-----
    public_key_der:
      description: The same key as DER SubjectPublicKeyInfo, in base64.
      type: str
      sample: MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE...
    fingerprint:
      description: Canton's fingerprint of the public key. V(null) for keys that Canton cannot use. The fingerprint of a
        namespace key is the namespace.
      type: str
      sample: 12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098
    resource_name:
      description: Full name of the key in GCP.
      type: str
      sample: projects/my-project/locations/europe-west3/keyRings/canton-p1/cryptoKeys/p1-namespace
    labels:
      description: Labels of the key in GCP.
      type: dict
      sample: {participant: p1}
    protection_level:
      description: Protection level of the key in GCP.
      type: str
      sample: hsm
    algorithm:
      description: Algorithm of the key in GCP's terms.
      type: str
      sample: EC_SIGN_P256_SHA256
    destroy_scheduled_duration:
      description: Days between the scheduling and the destruction of the key in GCP.
      type: int
      sample: 30
missing:
  description: Members of O(names) without an existing key.
  returned: success
  type: list
  elements: str
"""

import typing as t

from ..module_utils._kms import provider
from ..module_utils._outcome import Outcome
from ..module_utils._runner import run_plain

SPEC: dict[str, dict[str, t.Any]] = {
    **provider.CONNECTION_SPEC,
    **{name: provider.KEY_SPEC[name] for name in ("tags", "labels")},
    "names": {"type": "list", "elements": "str"},
}


def ensure(params: dict[str, t.Any], check: bool) -> Outcome:
    return provider.of(params, SPEC).info(params)


def main() -> None:
    run_plain(SPEC, ensure, provider.check_later, **provider.rules(provider.RING_REQUIRED))


if __name__ == "__main__":
    main()
