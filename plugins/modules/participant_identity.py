#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_identity
short_description: Register KMS keys at a participant and initialise it
version_added: 0.3.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Registers keys of a KMS at a participant that waits for its identity, and initialises it with identifier and
    namespace, root certificate and key mapping. Afterwards the private keys of the participant are in the KMS only.
  - The identity is a new one (O(identifier)), or that of another participant whose keys were imported into the KMS
    (O(source), O(identity_file)). For the latter, key usages are kept exactly, all fingerprints are compared first, and
    the signed certificates and key mapping of the old participant are loaded.
  - The identity of a node cannot be changed. An initialised node with the requested identity and keys is not changed;
    any other initialised node is an error.
  - The module connects to no synchronizer. Two nodes with one identity must never be connected at the same time. A node
    with an empty database and the identity of another node crashes when it replays its history over imported contracts.
  - For Canton 3. The node's configuration needs C(init.identity.type = manual) and C(init.generate-topology-transactions-and-keys = false).
extends_documentation_fragment:
  - ledgerops.canton._participant
  - ledgerops.canton._participant.optional_source
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant
attributes:
  check_mode:
    details: The id of a node is V(null) while its namespace key is not registered, because it contains the fingerprint of that key.
options:
  state:
    description: V(initialized) registers the keys and initialises the participant. V(recorded) writes the identity of an initialised participant to
      O(identity_file), for a successor that is initialised when this one is off. The file has signed public topology and no private key.
    type: str
    choices: [initialized, recorded]
    default: initialized
  identifier:
    description: Identifier of a new participant, the part of its id before the namespace.
    type: str
  source:
    description: The old participant, initialised and running, whose identity is reused. A dossier does not contain it; use O(identity_file).
  identity_file:
    description: File that O(state=recorded) writes, and that O(state=initialized) reads instead of O(source).
    type: path
  keys:
    description: The keys in the KMS. For a new identity, one for each O(keys[].purpose). For an existing identity, one for each
      of its keys, by O(keys[].fingerprint).
    type: list
    elements: dict
    suboptions:
      purpose:
        description: Purpose of the key in a new identity.
        type: str
        choices: [namespace, sequencer_authentication, protocol, encryption]
      fingerprint:
        description: Fingerprint of the key in the existing identity, RV(ignore:key.fingerprint) of M(ledgerops.canton.kms_key_material).
        type: str
      kms_key_id:
        description: Id of the key for the node. In AWS use the ARN, which also works from other accounts and cannot be moved
          like an alias. In GCP use the name of the crypto key.
        type: str
        required: true
      name:
        description: Name of the key in the node's key list. Default is O(identifier) and the purpose.
        type: str
  wait_timeout:
    description: Seconds to wait until a node that was given its id offers its topology services, and again until it has initialised itself.
    type: float
    default: 120.0
notes:
  - A node returns no reason when it refuses a key, so the error lists what to check.
seealso:
  - module: ledgerops.canton.kms_key
  - module: ledgerops.canton.kms_key_material
  - module: ledgerops.canton.participant_key_rotation
"""

EXAMPLES = r"""
- name: Create the keys
  ledgerops.canton.kms_key:
    region: eu-central-1
    alias: "canton/p1/{{ item }}"
    purpose: "{{ item }}"
  loop: [namespace, sequencer_authentication, protocol, encryption]
  register: canton_keys

- name: Initialise the waiting participant
  ledgerops.canton.participant_identity:
    endpoint: 10.0.0.6:5022
    identifier: p1
    keys: "{{ canton_keys.results | json_query('[].{purpose: item, kms_key_id: key.arn}') }}"

- name: Record the identity of a participant before it is stopped
  ledgerops.canton.participant_identity:
    endpoint: 10.0.0.5:5012
    state: recorded
    identity_file: /var/lib/canton-migration/p1.identity.json

- name: Initialise its successor with the same keys in the KMS
  ledgerops.canton.participant_identity:
    endpoint: 10.0.0.6:5022
    identity_file: /var/lib/canton-migration/p1.identity.json
    keys:
      - fingerprint: 12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098
        kms_key_id: arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-4000-8000-000000000000
"""

RETURN = r"""
uid:
  description: Id of the participant. V(null) in check mode when it is unknown.
  returned: success
  type: str
  sample: p1::12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098
keys:
  description: Fingerprint of each registered key by purpose; for an existing identity by purpose and fingerprint.
  returned: O(state=initialized)
  type: dict
  sample: {namespace: 12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098}
needed:
  description: The keys that a successor must have in its KMS. C(usage) is empty for an encryption key, and C(name) is that on the participant.
    C(providers) are those into whose KMS the key can be imported for use by Canton.
  returned: O(state=recorded)
  type: list
  elements: dict
  sample:
    - fingerprint: 12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098
      purpose: namespace
      usage: [namespace]
      spec: ec_p256
      name: p1-namespace
      providers: [aws, gcp]
"""

from dataclasses import asdict, replace

from ..module_utils._connection import Params, Spec, reader_of, side_spec
from ..module_utils._files import write_json
from ..module_utils._outcome import Outcome
from ..module_utils._participant.identity import file as identity_file
from ..module_utils._participant.identity import initialisation, registration
from ..module_utils._participant.model.ids import namespace_of
from ..module_utils._participant.model.interface import Canton3, Participant
from ..module_utils._participant.model.keys import KMS_PROVIDERS, can_import
from ..module_utils._participant.topology import delegation_file
from ..module_utils._runner import run_participant

SPEC: Spec = {
    "state": {"type": "str", "choices": ["initialized", "recorded"], "default": "initialized"},
    "identifier": {"type": "str"},
    "source": side_spec(required=False),
    "identity_file": {"type": "path"},
    "keys": {
        "type": "list",
        "elements": "dict",
        "no_log": False,
        "options": {
            "purpose": {"type": "str", "choices": ["namespace", "sequencer_authentication", "protocol", "encryption"]},
            "fingerprint": {"type": "str"},
            "kms_key_id": {"type": "str", "required": True},
            "name": {"type": "str"},
        },
    },
    "wait_timeout": {"type": "float", "default": 120.0},
}


def ensure(params: Params, participant: Participant, check: bool) -> Outcome:
    node = registration.require_canton_3(participant)
    if params["state"] == "recorded":
        return ensure_recorded(params, node, check)
    old = _old(params)
    if old is None:
        wanted = initialisation.wanted_new(params["keys"], params["identifier"])
        identifier, namespace = params["identifier"], None
    else:
        wanted = initialisation.wanted_old(params["keys"], old)
        identifier, namespace = old.uid.rpartition("::")[0], namespace_of(old.uid)
    before = initialisation.read_state(node, wanted, params["wait_timeout"])
    initialisation.require_same_identity(node, before, wanted, identifier, namespace)
    after = _aim(before, identifier, namespace)
    if not check and after != before:
        if old is None:
            initialisation.initialize_new(node, wanted, identifier, params["wait_timeout"])
        else:
            initialisation.initialize_like(node, wanted, old, params["wait_timeout"])
        after = initialisation.read_state(node, wanted, params["wait_timeout"])
    return Outcome(before.as_dict(), after.as_dict(), {"uid": after.uid, "keys": dict(after.keys)})


def _old(params: Params) -> initialisation.OldIdentity | None:
    if params["source"]:
        source = reader_of(params["source"], "old participant").require_live("reading its identity")
        return initialisation.read_old(registration.require_canton_3(source))
    return identity_file.read(params["identity_file"]) if params["identity_file"] else None


def _aim(before: initialisation.State, identifier: str, namespace: str | None) -> initialisation.State:
    own = namespace or before.keys.get("namespace")
    uid = f"{identifier}::{own}" if own else None
    # the fingerprint of a key that is not registered yet is known of an old identity only, whose labels end with it
    keys: dict[str, str | None] = {
        label: found or (label.partition(" ")[2] or "registered") for label, found in before.keys.items()
    }
    return replace(before, uid=uid, keys=keys, root_certificate=True, key_mapping=True, initialized=True)


def ensure_recorded(params: Params, node: Canton3, check: bool) -> Outcome:
    path = params["identity_file"]
    found = initialisation.read_old(node)
    values = identity_file.as_values(found)
    current = delegation_file.read_own_file(path) == values
    if not current and not check:
        write_json(path, values)
    needed = [
        {
            **asdict(key),
            "usage": list(key.usage),
            "providers": [name for name in KMS_PROVIDERS if can_import(name, key.spec, signs=key.signs)],
        }
        for key in found.keys
    ]
    return Outcome({"identity_file": current}, {"identity_file": True}, {"uid": found.uid, "needed": needed})


def main() -> None:
    run_participant(
        SPEC,
        ensure,
        mutually_exclusive=[("identifier", "source"), ("identifier", "identity_file"), ("source", "identity_file")],
        required_if=[
            ("state", "initialized", ["keys"]),
            ("state", "initialized", ["identifier", "source", "identity_file"], True),
            ("state", "recorded", ["identity_file"]),
        ],
    )


if __name__ == "__main__":
    main()
