#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_key
short_description: Create and keep keys for Canton in AWS KMS
version_added: 0.1.0
description:
  - Creates the keys that a Canton participant needs in AWS KMS, and keeps their alias, description, tags and state.
  - Returns the public key and the fingerprint by which Canton knows it, so that a node's registration can be checked.
  - Spec and usage of a key never change. A key that is there with another spec or usage than asked is an error, never
    silently kept.
extends_documentation_fragment:
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_kms
  - ledgerops.canton._kms
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
    type: str
    choices: [present, absent]
    default: present
  alias:
    description:
      - Name of the key, with or without C(alias/) in front. A key is only ever created with an alias.
      - With O(key_id), the alias is added to that key. An alias of another key is an error and is never moved, since
        a node that uses it would not notice until its signatures are refused.
      - One of O(alias) and O(key_id) is required.
    type: str
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
      - Canton can't use Ed25519 keys of AWS KMS, so there is no such choice.
    type: str
    choices: [ec_p256, ec_p384, ec_secp256k1, rsa_2048, symmetric]
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
  probe:
    description:
      - Whether to use the key once, to prove that it works. A signing key signs, and the signature is verified on
        this host against the public key. An encryption key encrypts and decrypts.
      - This needs the permissions C(kms:Sign), or C(kms:Encrypt) and C(kms:Decrypt).
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait until AWS KMS shows a change that it has accepted.
    type: float
    default: 60.0
notes:
  - A key that is deleted is lost for ever, with it everything that only this key can sign or decrypt. Make sure that
    no node lists it any more.
  - Needs the permissions C(kms:DescribeKey), C(kms:GetPublicKey), C(kms:ListAliases) and C(kms:ListResourceTags) to
    read; to change, for what is to be changed, C(kms:CreateKey), C(kms:CreateAlias), C(kms:TagResource),
    C(kms:UntagResource), C(kms:UpdateKeyDescription), C(kms:EnableKey), C(kms:DisableKey), C(kms:ScheduleKeyDeletion)
    and C(kms:CancelKeyDeletion).
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

- name: Delete a key in a week
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: canton/p1/protocol-2
    state: absent
    pending_window: 7

- name: Keep it after all
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: canton/p1/protocol-2
    cancel_deletion: true
"""

RETURN = r"""
key:
  description:
    - The key after the task, or in check mode as it would be. V(null) when there is none.
  returned: success
  type: dict
  contains:
    key_id:
      description: Id of the key.
      type: str
      sample: 00000000-0000-4000-8000-000000000000
    arn:
      description: ARN of the key. Register this with a node, rather than an alias.
      type: str
      sample: arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-4000-8000-000000000000
    state:
      description: State of the key, such as V(enabled), V(disabled), V(pending_deletion) or V(pending_import).
      type: str
      sample: enabled
    spec:
      description: Spec of the key, in Canton's words if it has one, otherwise AWS's own word in lower case.
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

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws import (
    CONNECTION_RULES,
    CONNECTION_SPEC,
    alias_name,
    check_dependencies,
    connect,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.lifecycle import (
    aim,
    carry_out,
    locate,
    predict,
    view,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.spec import (
    SPECS_OF_PURPOSE,
    USAGE_OF_SPEC,
    check_fits,
    requirement,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._runner import run_plain

SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "alias": {"type": "str"},
    "key_id": {"type": "str"},
    "purpose": {"type": "str", "choices": list(SPECS_OF_PURPOSE)},
    "spec": {"type": "str", "choices": list(USAGE_OF_SPEC)},
    "usage": {"type": "str", "choices": ["sign_verify", "encrypt_decrypt"]},
    "description": {"type": "str"},
    "tags": {"type": "dict"},
    "purge_tags": {"type": "bool", "default": True},
    "enabled": {"type": "bool"},
    "cancel_deletion": {"type": "bool", "default": False},
    "pending_window": {"type": "int", "default": 30},
    "probe": {"type": "bool", "default": False},
    "wait_timeout": {"type": "float", "default": 60.0},
}


def check_values(params: t.Mapping[str, t.Any]) -> None:
    """What the argument spec can't say. Raises CantonError."""
    if not 7 <= params["pending_window"] <= 30:
        raise CantonError(
            f"pending_window is {params['pending_window']} days", "value_invalid", "AWS KMS takes 7 to 30."
        )
    if params["probe"] and (params["enabled"] is False or params["state"] == "absent"):
        raise CantonError(
            "A key that is to be disabled or deleted can't be probed",
            "value_invalid",
            "Set probe to false, or leave the key enabled.",
        )


def ensure(params: dict[str, t.Any], check: bool) -> Outcome:
    check_values(params)
    if params["tags"] is not None:
        params = {**params, "tags": {str(name): str(value) for name, value in params["tags"].items()}}
    wanted = requirement(params["purpose"], params["spec"], params["usage"])
    alias = None if params["alias"] is None else alias_name(params["alias"])
    keys = connect(params)

    key = locate(keys, params["key_id"], alias, must_exist=params["state"] == "present")
    if key is not None:
        check_fits(wanted, key)
    before = view(keys, key, alias)
    after = aim(before, key, wanted, alias, params)

    usable = key is not None
    if check:
        usable = key is not None and key.state == "enabled"
        key = predict(key, after)
    elif after != before:
        key, after = carry_out(keys, key, before, after, params)
        usable = True
    probe = keys.probe(key) if params["probe"] and usable and key is not None else None
    result: dict[str, t.Any] = {"key": None if key is None else key.as_result(), "probe": probe}
    return Outcome(before, after, result, [] if key is None else list(key.notes))


def main() -> None:
    run_plain(SPEC, ensure, check_dependencies, required_one_of=[("alias", "key_id")], **CONNECTION_RULES)


if __name__ == "__main__":
    main()
