# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connection options of a key management service."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  region:
    description: AWS region that holds the keys, for example V(eu-central-1). Default is the environment variable E(AWS_REGION), then
      E(AWS_DEFAULT_REGION), then the profile.
    type: str
  endpoint_url:
    description: Address of the KMS, if it is not the provider's default, for example a VPC endpoint. Default for AWS is E(AWS_ENDPOINT_URL_KMS), then
      E(AWS_ENDPOINT_URL), then the profile. For GCP it is V(https://HOST) or V(https://HOST:PORT). Plain V(http) is for a test server on the same
      host only.
    type: str
  sts_endpoint_url:
    description: Address of AWS STS, if it is not AWS's default. STS is used only for O(assume_role), and for the account's id
      when a policy needs it before the key exists.
    type: str
  assume_role:
    description: A role to assume first, with the credentials of the other options. A role of a web identity (E(AWS_ROLE_ARN) and
      E(AWS_WEB_IDENTITY_TOKEN_FILE)) or of a profile needs no option.
    type: dict
    suboptions:
      role_arn:
        description: ARN of the role.
        type: str
        required: true
      session_name:
        description: Name of the session in AWS CloudTrail.
        type: str
        default: ledgerops.canton
      external_id:
        description: External id, if the role's trust policy requires one.
        type: str
      duration:
        description: Validity of the session in seconds.
        type: int
        default: 3600
  profile:
    description: Name of a profile in AWS's shared files, of the user that runs the module. When neither this nor O(access_key) is set, AWS's default
      sources are used in their usual order, from E(AWS_ACCESS_KEY_ID) and E(AWS_PROFILE) to the role of the instance.
    type: str
  access_key:
    description: Access key id. Requires O(secret_key).
    type: str
  secret_key:
    description: Secret access key. Requires O(access_key).
    type: str
  session_token:
    description: Session token of temporary credentials. Requires O(access_key).
    type: str
requirements:
  - boto3 >= 1.28, where the module runs, for AWS
  - cryptography >= 42, where the module runs
notes:
  - The module usually runs on the controller. Set C(ansible_python_interpreter) to C({{ ansible_playbook_python }})
    there, so that the Python libraries are found.
  - If the KMS denies a call, the error names the missing permission. RV(ignore:error_id) of a failed task is the error code of the KMS or of Canton,
    or of this collection in lower case; RV(ignore:hint) says how to fix the error.
"""

    # What only keys of AWS have, for a module that keeps them.
    KEEPING = r"""
options:
  alias_state:
    description: V(absent) removes O(alias) from the key O(key_id). The key itself stays.
    type: str
    choices: [present, absent]
    default: present
  alias_move:
    description: Whether to move O(alias) to the key O(key_id) if it belongs to another key. Canton does not detect this. A node that registered a key
      by its alias keeps the old public key, and fails at its next signature.
    type: bool
    default: false
  key_id:
    description: Id or ARN of an existing key.
    type: str
  purge_tags:
    description: Whether to remove tags that are not in O(tags).
    type: bool
    default: true
  pending_window:
    description: Days between O(state=absent) and the deletion, from V(7) to V(30).
    type: int
    default: 30
  admin_principals:
    description: ARNs of roles or users that may administer the key but not use it. Requires O(node_principals). IAM policies of the account can then
      allow administration only. Only O(node_principals) can use the key. O(probe) then fails for other callers, and nobody can create grants.
    type: list
    elements: str
  policy_lockout:
    description: Whether to accept a policy that the caller cannot change afterwards, or that nobody can change. Without this, a policy that allows
      C(kms:PutKeyPolicy) to nobody is an error before any change.
    type: bool
    default: false
  grants:
    description: Grants of the key. Not changed when not set. A grant cannot be changed. If it differs from the existing grant of this name, a new
      grant is created and the old one is revoked.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the grant. It identifies the grant in this module.
        type: str
        required: true
      grantee_principal:
        description: ARN of the role or user that receives the rights.
        type: str
        required: true
      operations:
        description: Allowed operations. Which ones are valid depends on the spec of the key.
        type: list
        elements: str
        required: true
        choices: [CreateGrant, Decrypt, DescribeKey, Encrypt, GenerateDataKey, GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext,
                  GenerateDataKeyWithoutPlaintext, GetPublicKey, ReEncryptFrom, ReEncryptTo, RetireGrant, Sign, Verify]
      retiring_principal:
        description: ARN of the role or user that may retire the grant.
        type: str
      constraints:
        description: Encryption contexts for which the grant is valid; for symmetric keys only.
        type: dict
        suboptions:
          encryption_context_equals:
            description: The context must equal this.
            type: dict
          encryption_context_subset:
            description: The context must contain this.
            type: dict
  purge_grants:
    description: Whether to revoke grants whose names are not in O(grants).
    type: bool
    default: false
  multi_region:
    description: Whether the key is a multi-Region key. This is fixed at creation; an existing key that differs is an error. When not set, a new key
      is a multi-Region key only with O(replicas), and an existing key may be either.
    type: bool
  replicas:
    description: Other regions that have a replica of the key, with the same id and material. A new replica gets O(description), O(tags) and the
      policy of this task. Afterwards manage it separately, with O(key_id) and its O(region). The task waits until the replicas can be used. Replicas
      are not changed when not set.
    type: list
    elements: str
  purge_replicas:
    description: Whether to delete, after O(pending_window) days, replicas in regions that are not in O(replicas). With O(state=absent), whether to
      delete all replicas of the key as well. AWS deletes a primary key only when its replicas are gone.
    type: bool
    default: false
  replica_endpoint_urls:
    description: Address of AWS KMS per region, for the regions of replicas. Default is O(endpoint_url).
    type: dict
notes:
  - Requires the permissions C(kms:DescribeKey), C(kms:GetPublicKey), C(kms:ListAliases) and C(kms:ListResourceTags) to read; depending on the change,
    C(kms:CreateKey), C(kms:CreateAlias), C(kms:TagResource), C(kms:UntagResource), C(kms:UpdateKeyDescription), C(kms:EnableKey), C(kms:DisableKey),
    C(kms:ScheduleKeyDeletion) and C(kms:CancelKeyDeletion).
  - Further options require further permissions, C(kms:GetKeyPolicy) and C(kms:PutKeyPolicy) for a policy,
    C(kms:ListGrants), C(kms:CreateGrant) and C(kms:RevokeGrant) for grants, C(kms:GetKeyRotationStatus),
    C(kms:EnableKeyRotation) and C(kms:DisableKeyRotation) for rotation, C(kms:ReplicateKey) for replicas, with
    C(kms:CreateKey) in their region, and C(kms:UpdateAlias) and C(kms:DeleteAlias) to move and remove an alias.
"""
