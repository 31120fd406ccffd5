#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_key
short_description: Create and keep keys for Canton in AWS KMS or GCP KMS
version_added: 0.1.0
description:
  - Creates the keys that a Canton participant needs in AWS KMS, and keeps their alias, description, tags and state; also
    their policy, grants, rotation and replicas where these are asked for.
  - With O(provider=gcp) it does the same in GCP KMS, with a key ring, O(name), O(labels) and O(protection_level), and
    without aliases, descriptions, grants and replicas, which GCP doesn't have.
  - Returns the public key and the fingerprint by which Canton knows it, so that a node's registration can be checked.
  - Spec and usage of a key never change. A key that is there with another spec or usage than asked is an error, never
    silently kept.
extends_documentation_fragment:
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_kms
  - ledgerops.canton._kms
  - ledgerops.canton._kms.in_use_by
  - ledgerops.canton._kms_gcp
  - ledgerops.canton._kms_gcp.key
  - ledgerops.canton._kms_gcp.keeping
attributes:
  check_mode:
    support: full
    details: For a key that would be created, its id, ARN, public key and fingerprint are V(null).
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) creates the key when there is none, and brings it to what the options say.
      - V(absent) schedules its deletion, and does nothing when there is no such key or it already waits for its
        deletion. Its alias stays until the key is gone.
      - In GCP it destroys the material of the key when the key's time for that is over. The key's name stays for ever, and no
        node can use it again.
    type: str
    choices: [present, absent]
    default: present
  alias:
    description:
      - Name of the key, with or without C(alias/) in front. A key is only ever created with an alias.
      - With O(key_id), the alias is added to that key. An alias of another key is an error unless O(alias_move=true).
      - One of O(alias) and O(key_id) is required with O(provider=aws).
    type: str
  alias_state:
    description: V(absent) removes O(alias) from the key O(key_id). The key itself stays.
    type: str
    choices: [present, absent]
    default: present
  alias_move:
    description:
      - Whether to move O(alias) to the key O(key_id) when another key has it.
      - Canton doesn't notice. A node that has registered a key by its alias keeps the old public key, and fails at its
        next signature.
    type: bool
    default: false
  key_id:
    description: Id or ARN of a key that is there.
    type: str
  purpose:
    description:
      - What Canton is to use the key for. V(namespace), V(sequencer_authentication) and V(protocol) are signing keys,
        V(encryption) decrypts messages to the participant, and V(wrapper) protects a participant's own key store.
      - An existing key is accepted when its spec can serve this purpose. A new one gets the spec that Canton itself
        would choose, unless O(spec) says another.
    type: str
    choices: [namespace, sequencer_authentication, protocol, encryption, wrapper]
  spec:
    description:
      - Spec of the key, in Canton's words. Not needed with O(purpose).
      - V(ec_curve25519) is for GCP only, where Canton signs with Ed25519 from 3.4.4 on. It can't use such keys of AWS KMS.
    type: str
    choices: [ec_p256, ec_p384, ec_secp256k1, rsa_2048, symmetric, ec_curve25519]
  usage:
    description: What the key is for. It follows from O(spec) or O(purpose); when it is given, it has to agree with
      them.
    type: str
    choices: [sign_verify, encrypt_decrypt]
  description:
    description: Description of the key. When it is not set, it is left alone.
    type: str
  tags:
    description: Tags of the key. When it is not set, they are left alone; V({}) with O(purge_tags) removes them all.
    type: dict
  purge_tags:
    description: Whether to remove tags that are not in O(tags).
    type: bool
    default: true
  enabled:
    description:
      - Whether the key can be used.
      - When it is not set, a new key is enabled, and a key that is found disabled is an error.
    type: bool
  cancel_deletion:
    description:
      - Whether to take back the scheduled deletion of the key, and enable it unless O(enabled=false).
      - Without this, O(state=present) for a key that waits for its deletion is an error.
    type: bool
    default: false
  pending_window:
    description: Days between O(state=absent) and the deletion, from V(7) to V(30).
    type: int
    default: 30
  policy:
    description:
      - The key policy, as a mapping or as JSON text. When neither this nor O(node_principals) is set, a new key gets AWS's
        default policy, and that of an existing key is left alone.
      - What counts is what it means. The order of statements, actions and principals, C(Id) and C(Sid), a list of one or
        its member, an account's id or the ARN of its root make no difference.
      - AWS replaces a principal that is deleted by its unique id. That is a difference, since the policy no longer means
        a new principal of the same name, and the policy is written again.
      - In GCP it is the IAM policy of the key itself, with C(bindings). It counts beside the policies of the key ring and the
        project, which stay as they are. A change that somebody makes meanwhile is never overwritten.
    type: json
  node_principals:
    description:
      - Roles or users of the node, by ARN. The key then gets a policy of least privilege for them, instead of O(policy).
        They may use the key as Canton does, and nothing else; V([]) means that no node may use it yet.
      - A signing key may be used for C(kms:Sign), C(kms:GetPublicKey) and C(kms:DescribeKey), an encryption key for
        C(kms:Decrypt), C(kms:GetPublicKey) and C(kms:DescribeKey), a wrapper key for C(kms:Encrypt), C(kms:Decrypt) and
        C(kms:DescribeKey).
      - Everything else is left to the account, as in AWS's default policy. To know the account's id before there is a
        key, AWS STS is asked.
      - In GCP these are members, such as V(serviceAccount:node@my-project.iam.gserviceaccount.com). They get the roles
        C(roles/cloudkms.signer) for a signing key, C(roles/cloudkms.cryptoKeyDecrypter) for an encryption key or
        C(roles/cloudkms.cryptoKeyEncrypterDecrypter) for a wrapper key, C(roles/cloudkms.publicKeyViewer) for what has a
        public key, and C(roles/cloudkms.viewer), all on this key only.
    type: list
    elements: str
  admin_principals:
    description:
      - Roles or users, by ARN, that may administer the key but not use it. Needs O(node_principals).
      - The account's IAM policies can then give no more than that either, so that nobody but O(node_principals) can use
        the key. That includes O(probe), and nobody can give grants.
    type: list
    elements: str
  policy_lockout:
    description:
      - Whether to accept a policy that the caller, or nobody at all, could change any more.
      - Without this, a policy that allows C(kms:PutKeyPolicy) to nobody is an error before anything is changed.
    type: bool
    default: false
  grants:
    description:
      - Grants of the key. When it is not set, they are left alone.
      - A grant never changes. One that differs from the one of its name is given, and then the old one is revoked.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the grant, by which it is known here.
        type: str
        required: true
      grantee_principal:
        description: ARN of the role or user that gets the rights.
        type: str
        required: true
      operations:
        description: What it may do with the key. Not every kind of key knows each of them.
        type: list
        elements: str
        required: true
        choices:
          - CreateGrant
          - Decrypt
          - DescribeKey
          - Encrypt
          - GenerateDataKey
          - GenerateDataKeyPair
          - GenerateDataKeyPairWithoutPlaintext
          - GenerateDataKeyWithoutPlaintext
          - GetPublicKey
          - ReEncryptFrom
          - ReEncryptTo
          - RetireGrant
          - Sign
          - Verify
      retiring_principal:
        description: ARN of the role or user that may give the grant up.
        type: str
      constraints:
        description: Encryption contexts for which the grant holds; for symmetric keys only.
        type: dict
        suboptions:
          encryption_context_equals:
            description: The context has to be just this.
            type: dict
          encryption_context_subset:
            description: The context has to have all of this.
            type: dict
  purge_grants:
    description: Whether to revoke grants whose names are not in O(grants).
    type: bool
    default: false
  rotation:
    description:
      - Whether the KMS gives the key new material from time to time. When it is not set, this is left alone.
      - Only symmetric keys know this; V(true) for another key is an error.
    type: bool
  rotation_period:
    description: Days between two rotations, in AWS from V(90) to V(2560). Without it, a period that is set stays; a new one
      is V(365) in AWS and V(90) in GCP.
    type: int
  multi_region:
    description:
      - Whether the key is a multi-Region key. This is fixed when a key is created; an existing key of the other kind is
        an error.
      - When it is not set, a new key is of one region unless there are O(replicas), and an existing key may be either.
    type: bool
  replicas:
    description:
      - Other regions that are to have a replica of the key, with the same id and material. A new one gets O(description),
        O(tags) and the policy of this task; afterwards it is a key of its own, named by O(key_id) in its O(region).
      - The task waits until they can be used. When it is not set, replicas are left alone.
    type: list
    elements: str
  purge_replicas:
    description:
      - Whether to delete, after O(pending_window) days, replicas in regions that O(replicas) doesn't name.
      - With O(state=absent), whether to delete all replicas of the key as well. AWS deletes a primary key only when its
        replicas are gone.
    type: bool
    default: false
  replica_endpoint_urls:
    description: Address of AWS KMS by region, for regions of replicas. Without it, O(endpoint_url) holds for them too.
    type: dict
  force:
    description: Whether to delete a key, or to move or remove an alias, although a participant of O(in_use_by) uses it
      or can't be asked.
    type: bool
    default: false
  probe:
    description:
      - Whether to use the key once, to prove that it works. A signing key signs, and the signature is verified on
        this host against the public key. An encryption key encrypts and decrypts.
      - This needs the permissions C(kms:Sign), or C(kms:Encrypt) and C(kms:Decrypt).
      - In GCP the signature is made over data, as Canton has it made, and an RSA key decrypts what this host encrypted.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait until the KMS shows a change that it has accepted, or has generated a key.
    type: float
    default: 60.0
notes:
  - A key that is deleted is lost for ever, with it everything that only this key can sign or decrypt. Make sure that
    no node lists it any more; O(in_use_by) asks the nodes.
  - Needs the permissions C(kms:DescribeKey), C(kms:GetPublicKey), C(kms:ListAliases) and C(kms:ListResourceTags) to
    read; to change, for what is to be changed, C(kms:CreateKey), C(kms:CreateAlias), C(kms:TagResource),
    C(kms:UntagResource), C(kms:UpdateKeyDescription), C(kms:EnableKey), C(kms:DisableKey), C(kms:ScheduleKeyDeletion)
    and C(kms:CancelKeyDeletion).
  - What is asked for beyond that needs its own permissions, C(kms:GetKeyPolicy) and C(kms:PutKeyPolicy) for a policy,
    C(kms:ListGrants), C(kms:CreateGrant) and C(kms:RevokeGrant) for grants, C(kms:GetKeyRotationStatus),
    C(kms:EnableKeyRotation) and C(kms:DisableKeyRotation) for rotation, C(kms:ReplicateKey) for replicas, with
    C(kms:CreateKey) in their region, and C(kms:UpdateAlias) and C(kms:DeleteAlias) to move and remove an alias.
  - In GCP it needs C(cloudkms.cryptoKeys.get), C(cloudkms.cryptoKeyVersions.get), C(cloudkms.cryptoKeyVersions.viewPublicKey)
    and, for symmetric keys, C(cloudkms.cryptoKeyVersions.list) to read; to change, for what is to be changed,
    C(cloudkms.keyRings.get), C(cloudkms.keyRings.create), C(cloudkms.cryptoKeys.create), C(cloudkms.cryptoKeys.update),
    C(cloudkms.cryptoKeyVersions.update), C(cloudkms.cryptoKeyVersions.destroy), C(cloudkms.cryptoKeyVersions.restore),
    C(cloudkms.cryptoKeys.getIamPolicy) and C(cloudkms.cryptoKeys.setIamPolicy).
  - A key of GCP has versions. A node uses version 1 only, so that is the one which is looked after here; of a symmetric key,
    all of them.
seealso:
  - module: ledgerops.canton.kms_key_info
author:
  - The ledgerops.canton authors (@ledgerops)
"""

EXAMPLES = r"""
- name: Create the four keys of a participant
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: "canton/{{ inventory_hostname }}/{{ item }}"
    purpose: "{{ item }}"
    tags:
      participant: "{{ inventory_hostname }}"
    probe: true
  loop: [namespace, sequencer_authentication, protocol, encryption]
  register: canton_keys

- name: Show the fingerprints by which Canton will know them
  ansible.builtin.debug:
    msg: "{{ item.key.arn }} {{ item.key.fingerprint }}"
  loop: "{{ canton_keys.results }}"
  loop_control:
    label: "{{ item.item }}"

- name: Create a P-384 signing key
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: canton/p1/protocol-2
    spec: ec_p384
    usage: sign_verify

- name: Check that a key which a node made can serve as its namespace key, and that it works
  ledgerops.canton.kms_key:
    key_id: arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-4000-8000-000000000000
    region: eu-central-1
    purpose: namespace
    probe: true

- name: Let only the node's role use its keys, and the account keep them
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: "canton/p1/{{ item }}"
    purpose: "{{ item }}"
    node_principals:
      - arn:aws:iam::111122223333:role/canton-p1
  loop: [namespace, sequencer_authentication, protocol, encryption]

- name: Create a wrapper key that gets new material twice a year, with a replica
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: canton/p1/wrapper
    purpose: wrapper
    rotation: true
    rotation_period: 180
    multi_region: true
    replicas:
      - eu-west-1

- name: Let a monitor read the public key, and nobody else by a grant
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: canton/p1/namespace
    grants:
      - name: monitor
        grantee_principal: arn:aws:iam::111122223333:role/monitor
        operations: [GetPublicKey, DescribeKey]
    purge_grants: true

- name: Move an alias to another key, though nodes don't notice
  ledgerops.canton.kms_key:
    region: eu-central-1
    key_id: 00000000-0000-4000-8000-000000000000
    alias: canton/p1/protocol
    alias_move: true

- name: Delete a key in a week, unless a participant still lists it
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: canton/p1/protocol-2
    state: absent
    pending_window: 7
    in_use_by:
      - endpoint: p1.example.com:5012

- name: Keep it after all
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: canton/p1/protocol-2
    cancel_deletion: true

- name: Create the four keys of a participant in GCP KMS, for its service account only
  ledgerops.canton.kms_key:
    provider: gcp
    project: my-project
    location: europe-west3
    key_ring: canton-p1
    create_key_ring: true
    name: "p1-{{ item }}"
    purpose: "{{ item }}"
    labels:
      participant: p1
    node_principals:
      - serviceAccount:canton-p1@my-project.iam.gserviceaccount.com
    probe: true
  loop: [namespace, sequencer_authentication, protocol, encryption]
"""

RETURN = r"""
key:
  description:
    - The key after the task, or in check mode as it would be. V(null) when there is none.
  returned: success
  type: dict
  contains:
    key_id:
      description: Id of the key. In GCP its name, which is what a node registers there.
      type: str
      sample: 00000000-0000-4000-8000-000000000000
    arn:
      description: ARN of the key. Register this with a node, rather than an alias. V(null) in GCP.
      type: str
      sample: arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-4000-8000-000000000000
    state:
      description: State of the key, such as V(enabled), V(disabled), V(pending_deletion) or V(pending_import); in GCP also
        V(destroyed).
      type: str
      sample: enabled
    spec:
      description: Spec of the key, in Canton's words if it has one, otherwise the KMS's own word in lower case.
      type: str
      sample: ec_p256
    usage:
      description: Usage of the key.
      type: str
      sample: sign_verify
    description:
      description: Description of the key.
      type: str
      sample: ""
    aliases:
      description: All aliases of the key. V(null) when they can't be read.
      type: list
      elements: str
      sample: [alias/canton/p1/namespace]
    tags:
      description: Tags of the key. V(null) when they can't be read.
      type: dict
      sample: {participant: p1}
    origin:
      description: Where the key material comes from.
      type: str
      sample: aws_kms
    multi_region:
      description: Whether it is a multi-Region key.
      type: bool
      sample: false
    primary_region:
      description: Region of the primary key, of a multi-Region key. V(null) for a key of one region.
      type: str
      sample: null
    replicas:
      description: Replicas of a multi-Region key.
      type: list
      elements: dict
      sample: []
      contains:
        region:
          description: Region of the replica.
          type: str
          sample: eu-west-1
        arn:
          description: ARN of the replica. V(null) when it would be created.
          type: str
          sample: arn:aws:kms:eu-west-1:111122223333:key/mrk-00000000000040008000000000000000
    policy:
      description: Key policy, as the KMS tells it. V(null) when the task doesn't ask for a policy.
      type: dict
      sample: null
    grants:
      description: Grants of the key. V(null) when the task doesn't ask for grants.
      type: list
      elements: dict
      sample: null
      contains:
        name:
          description: Name of the grant. Empty when it has none.
          type: str
          sample: monitor
        grantee_principal:
          description: Principal that has the rights.
          type: str
          sample: arn:aws:iam::111122223333:role/monitor
        operations:
          description: What it may do.
          type: list
          elements: str
          sample: [DescribeKey, GetPublicKey]
        retiring_principal:
          description: Principal that may give the grant up.
          type: str
          sample: null
        constraints:
          description: Encryption contexts for which the grant holds.
          type: dict
          sample: {}
        grant_id:
          description: Id of the grant. V(null) when it would be given.
          type: str
          sample: 0c237476b39f8bc44e45212e08498fbe3151305030726c0590dd8d3e9f3d6a60
    rotation:
      description: Whether the KMS rotates the key, and how often. V(null) for asymmetric keys, and in AWS when the task
        doesn't ask for rotation.
      type: dict
      sample: null
      contains:
        enabled:
          description: Whether it does.
          type: bool
          sample: true
        period:
          description: Days between two rotations.
          type: int
          sample: 365
    created:
      description: When the key was created, in UTC. V(null) when it would be created.
      type: str
      sample: "2026-01-31T09:30:00Z"
    deletion_date:
      description: When a key of state V(pending_deletion) will be deleted, in UTC.
      type: str
      sample: null
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
      description: Canton's fingerprint of the public key. For a namespace key this is the namespace.
      type: str
      sample: 12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098
    resource_name:
      description: Full name of the key in GCP.
      returned: with O(provider=gcp)
      type: str
      sample: projects/my-project/locations/europe-west3/keyRings/canton-p1/cryptoKeys/p1-namespace
    labels:
      description: Labels of the key in GCP.
      returned: with O(provider=gcp)
      type: dict
      sample: {participant: p1}
    protection_level:
      description: Where GCP keeps the key.
      returned: with O(provider=gcp)
      type: str
      sample: hsm
    algorithm:
      description: GCP's word for the spec of the key.
      returned: with O(provider=gcp)
      type: str
      sample: EC_SIGN_P256_SHA256
    destroy_scheduled_duration:
      description: Days between O(state=absent) and the destruction of the key.
      returned: with O(provider=gcp)
      type: int
      sample: 30
probe:
  description: What the key was used for when O(probe=true). V(null) when it was not used, as for a key that check
    mode would create.
  returned: success
  type: str
  sample: sign_verify
error_id:
  description: AWS's code of an error, or one of this collection's own in lower case.
  returned: failure
  type: str
  sample: key_spec_mismatch
hint:
  description: What to do about an error.
  returned: failure
  type: str
  sample: Set enabled to true to enable it, or to false if it should stay disabled.
"""

import typing as t

from ansible_collections.ledgerops.canton.plugins.module_utils._connection import side_spec
from ansible_collections.ledgerops.canton.plugins.module_utils._kms import provider
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.ensure import ensure as ensure_aws
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.grants import SPEC as GRANT_SPEC
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import CONNECTION_RULES, CONNECTION_SPEC
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp import keys as gcp_keys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp import session as gcp_session
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.ensure import ensure as ensure_gcp
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.model import ED25519
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import SPECS_OF_PURPOSE, USAGE_OF_SPEC
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._runner import run_plain

SPEC: dict[str, dict[str, t.Any]] = {
    **provider.SPEC,
    **CONNECTION_SPEC,
    **gcp_session.CONNECTION_SPEC,
    **gcp_keys.KEY_SPEC,
    **gcp_keys.KEEPING_SPEC,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "alias": {"type": "str"},
    "alias_state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "alias_move": {"type": "bool", "default": False},
    "key_id": {"type": "str"},
    "purpose": {"type": "str", "choices": list(SPECS_OF_PURPOSE)},
    "spec": {"type": "str", "choices": [*USAGE_OF_SPEC, ED25519]},
    "usage": {"type": "str", "choices": ["sign_verify", "encrypt_decrypt"]},
    "description": {"type": "str"},
    "tags": {"type": "dict"},
    "purge_tags": {"type": "bool", "default": True},
    "enabled": {"type": "bool"},
    "cancel_deletion": {"type": "bool", "default": False},
    "pending_window": {"type": "int", "default": 30},
    "policy": {"type": "json"},
    "node_principals": {"type": "list", "elements": "str"},
    "admin_principals": {"type": "list", "elements": "str"},
    "policy_lockout": {"type": "bool", "default": False},
    "grants": {"type": "list", "elements": "dict", "options": GRANT_SPEC},
    "purge_grants": {"type": "bool", "default": False},
    "rotation": {"type": "bool"},
    "rotation_period": {"type": "int"},
    "multi_region": {"type": "bool"},
    "replicas": {"type": "list", "elements": "str"},
    "purge_replicas": {"type": "bool", "default": False},
    "replica_endpoint_urls": {"type": "dict"},
    "in_use_by": {**side_spec(required=False), "type": "list", "elements": "dict"},
    "force": {"type": "bool", "default": False},
    "probe": {"type": "bool", "default": False},
    "wait_timeout": {"type": "float", "default": 60.0},
}
RULES: dict[str, t.Any] = {
    **CONNECTION_RULES,
    "required_if": [("provider", "aws", ("alias", "key_id"), True), gcp_keys.REQUIRED],
    "required_by": {**CONNECTION_RULES["required_by"], "admin_principals": ("node_principals",)},
    "mutually_exclusive": [*CONNECTION_RULES["mutually_exclusive"], ("policy", "node_principals")],
}


def ensure(params: dict[str, t.Any], check: bool) -> Outcome:
    provider.refuse_foreign(params, SPEC)
    return ensure_gcp(params, check) if provider.of(params) == provider.GCP else ensure_aws(params, check)


def main() -> None:
    run_plain(SPEC, ensure, provider.check_later, **RULES)


if __name__ == "__main__":
    main()
