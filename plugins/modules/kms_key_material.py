#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_key_material
short_description: Import a key of a Canton participant into AWS KMS or GCP KMS
version_added: 0.3.0
description:
  - Imports a key from a participant's own key store into AWS KMS or GCP KMS.
  - The participant exports the private key to this module, which wraps it for the KMS and sends it. The private key is
    never written, logged or returned.
  - The module succeeds only if the public key in the KMS equals the participant's public key, byte for byte. Then the
    key gets its alias in AWS. A key with another public key is deleted.
  - An interrupted run resumes with its key, which is found by the tag C(canton-fingerprint), in GCP by its name. If the
    key already exists with its material, nothing is exported or changed.
  - P-256, P-384 and secp256k1 signing keys and RSA-2048 encryption keys can be imported, into GCP KMS also Ed25519 keys, for Canton 3.4.4 and later.
    Canton cannot use Ed25519 keys of AWS KMS, and decrypts with RSA-2048 only. For other keys the error names the alternative.
extends_documentation_fragment:
  - ledgerops.canton._participant.source
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_kms
  - ledgerops.canton._kms
  - ledgerops.canton._kms_gcp
  - ledgerops.canton._kms_gcp.key
attributes:
  check_mode:
    details: Nothing is exported. For a key that would be created, its id and ARN are V(null) in AWS.
options:
  source:
    description: Connection to the participant that has the key. Its configuration must contain C(canton.features.enable-preview-commands = true)
      during the import. Remove it afterwards. With a dossier, the module succeeds only if the key is already imported.
  fingerprint:
    description: Complete fingerprint of the key. One of O(fingerprint) and O(purpose) is required.
    type: str
  purpose:
    description: Selects the participant's only key for this purpose. V(namespace) is the root key of its id. Fails if the participant has several,
      for example after a rotation, and for most keys of Canton 2, which have no purpose. Set O(fingerprint) in this case.
    type: str
    choices: [namespace, sequencer_authentication, protocol, encryption]
  alias:
    description: Alias of the key in AWS KMS, with or without the prefix C(alias/). It is created last, after the verification. An alias of a key with
      another public key is an error, and is never moved. Required with O(provider=aws).
    type: str
  description:
    description: Description of the key in AWS KMS. Not changed when not set.
    type: str
  tags:
    description: Tags to set on the key. Other tags are not changed. The tag C(canton-fingerprint) is always set; in GCP
      a label of that name, with the first 63 characters of the fingerprint.
    type: dict
  wait_timeout:
    description: Seconds to wait until an accepted change is visible in the KMS.
    type: float
    default: 60.0
notes:
  - The participant and its backups keep copies of the private key. A key that is created in a KMS has no such copy. A
    migration by namespace delegation exports nothing.
  - Two nodes with the same keys must never run at the same time. Do not initialise a node with an empty database and
    the old identity on a real synchronizer. It replays its history and crashes on contracts that were imported before.
  - Keys of another account or of a custom key store are not supported.
  - Requires the permissions C(kms:DescribeKey), C(kms:GetPublicKey), C(kms:ListAliases), C(kms:ListResourceTags) and C(kms:ListKeys) to read; to
    import, C(kms:CreateKey), C(kms:TagResource), C(kms:GetParametersForImport), C(kms:ImportKeyMaterial) and C(kms:CreateAlias),
    C(kms:UpdateKeyDescription) to change a description, and C(kms:ScheduleKeyDeletion) for a wrong public key.
  - In GCP it requires C(cloudkms.cryptoKeys.get), C(cloudkms.cryptoKeyVersions.get) and C(cloudkms.cryptoKeyVersions.viewPublicKey) to read; to
    import, C(cloudkms.keyRings.get), C(cloudkms.cryptoKeys.create), C(cloudkms.importJobs.create), C(cloudkms.importJobs.get),
    C(cloudkms.importJobs.list), C(cloudkms.importJobs.useToImport) and C(cloudkms.cryptoKeyVersions.create), C(cloudkms.cryptoKeys.update) to change
    labels, and C(cloudkms.cryptoKeyVersions.destroy) for a wrong public key.
  - In GCP a node uses version 1 of a key only, so the material must become that version. If version 1 has other
    material, the module fails, and the name of the key cannot be used again.
seealso:
  - module: ledgerops.canton.kms_key
  - module: ledgerops.canton.participant_info
author: The ledgerops.canton authors (@ledgerops)
"""

EXAMPLES = r"""
- name: Import the keys of a participant into AWS KMS
  ledgerops.canton.kms_key_material:
    source: {endpoint: 10.0.0.5:5012}
    region: eu-central-1
    purpose: "{{ item }}"
    alias: "canton/p1/{{ item }}"
  loop: [namespace, sequencer_authentication, protocol, encryption]
  register: imported

- name: Import one key by its fingerprint
  ledgerops.canton.kms_key_material:
    source: {endpoint: 10.0.0.5:5012}
    region: eu-central-1
    fingerprint: 12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098
    alias: canton/p1/protocol-2
    tags: {participant: p1}

- name: Import an Ed25519 namespace key into GCP KMS
  ledgerops.canton.kms_key_material:
    source: {endpoint: 10.0.0.5:5012}
    provider: gcp
    project: my-project
    location: europe-west3
    key_ring: canton-p1
    name: p1-namespace
    purpose: namespace
"""

RETURN = r"""
key:
  description: The key in the KMS after the task, with values of a member of RV(ledgerops.canton.kms_key_info#module:keys). In check mode the
    predicted key, whose C(created) is V(null) when it would be created. Register C(arn) at the new node; in GCP register C(key_id). C(fingerprint) is
    the same as that of RV(source_key). C(origin) is V(external) in AWS.
  returned: success
  type: dict
  sample:
    key_id: 00000000-0000-4000-8000-000000000000
    arn: arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-4000-8000-000000000000
    state: enabled
    spec: ec_p256
    origin: external
    aliases: [alias/canton/p1/namespace]
    fingerprint: 12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098
source_key:
  description: The participant's key. The new node must register the KMS key with exactly this name and usage. C(purpose) is V(signing) or
    V(encryption). C(usage) is empty for encryption keys and in Canton 2.
  returned: success
  type: dict
  sample:
    fingerprint: 12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098
    name: p1-namespace
    purpose: signing
    usage: [namespace]
    spec: ec_p256
imported:
  description: Whether this task imported the private key; in check mode whether it would.
  returned: success
  type: bool
"""

import typing as t

from ..module_utils._kms import provider, wrapping
from ..module_utils._kms.material import import_key
from ..module_utils._kms.material_source import choose, desired_key, export
from ..module_utils._outcome import Outcome
from ..module_utils._participant.model.interface import Reader
from ..module_utils._participant.model.keys import PURPOSES
from ..module_utils._runner import run_source

SPEC: dict[str, dict[str, t.Any]] = {
    **provider.CONNECTION_SPEC,
    **provider.KEY_SPEC,
    "fingerprint": {"type": "str"},
    "purpose": {"type": "str", "choices": list(PURPOSES)},
    "wait_timeout": {"type": "float", "default": 60.0},
}


def ensure(params: dict[str, t.Any], source: Reader, check: bool) -> Outcome:
    importer = provider.of(params, SPEC).importer(params)
    key = choose(source, params["fingerprint"], params["purpose"])
    desired = desired_key(source, key, importer)
    done = import_key(importer, desired, export(source, key), timeout=params["wait_timeout"], check=check)
    source_key = {
        "fingerprint": key.fingerprint,
        "name": key.name,
        "purpose": key.purpose,
        "usage": list(key.usage),
        "spec": key.spec,
    }
    result: dict[str, t.Any] = {"key": done.key.as_result(), "source_key": source_key, "imported": done.imported}
    return Outcome(done.before, done.after, result, list(done.warnings))


def main() -> None:
    wrapping.keep_secrets_in_memory()
    choice = ("fingerprint", "purpose")
    rules = provider.rules(("provider", "aws", ("alias",)), provider.KEY_REQUIRED, mutually_exclusive=[choice])
    run_source(SPEC, ensure, wrapping.check_dependencies, required_one_of=[choice], **rules)


if __name__ == "__main__":
    main()
