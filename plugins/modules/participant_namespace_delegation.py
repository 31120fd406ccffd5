#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_namespace_delegation
short_description: Delegate the namespace of one participant to the key of another
version_added: 0.1.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Allows the target to sign for the parties of a namespace. The root key of that namespace signs a delegation to the
    target's namespace key. Root certificate and delegation are loaded on the target.
  - O(state=present) succeeds only if the synchronizer's own store lists the delegation.
  - The participant with the root key needs no synchronizer connection. If no host reaches both participants, transfer
    the target's public key in one file and the signed delegation in another. Neither contains a secret.
  - The delegation allows everything except further delegations. On Canton 3 a removed delegation cannot be created again for the same key.
extends_documentation_fragment:
  - ledgerops.canton._participant.optional_source
  - ledgerops.canton._participant.target
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant_pair
options:
  source:
    description: Connection options of the participant that holds the root key of the namespace. Required for O(state=signed), and for
      O(state=present) unless O(signed_file) is set.
  target:
    description: Connection options of the participant that receives the delegation. Required for every state except O(state=signed), which also
      accepts O(target_key_file).
    required: false
  namespace:
    description: Fingerprint of the namespace. Default is that of the source, or that of O(signed_file). Set it if the source's vault holds the root
      key of another participant.
    type: str
  synchronizer:
    description: Alias or id of the target's synchronizer on which the delegation must be effective. Required for O(state=present) and
      O(state=key_exported), and for O(state=signed) with a O(target) of Canton 2.
    type: str
  state:
    description:
      - V(present) creates the delegation, or loads O(signed_file), and verifies it in the synchronizer's store.
      - V(key_exported) writes the target's public namespace key to O(target_key_file).
      - V(signed) signs with the source for the target, or for the key in O(target_key_file), and writes O(signed_file).
      - V(absent) removes the delegation. The source's root key signs the removal, and the target submits it to the
        synchronizer. It requires O(give_up_key), and the target must host no party of the namespace.
    type: str
    choices: [present, key_exported, signed, absent]
    default: present
  give_up_key:
    description: Confirms O(state=absent). On Canton 3 a removed delegation cannot be created again for the same key, although
      every call returns OK. The target can never act for the namespace again. A rollback neither needs nor does this.
    type: bool
    default: false
  target_key_file:
    description: File with the target's public namespace key, on the host that runs the module. Written with mode 0600.
    type: path
  signed_file:
    description: File with root certificate and delegation, on the host that runs the module. Written with mode 0600. The module checks it before use.
      The node that loads it verifies the signatures.
    type: path
  wait_timeout:
    description: Seconds to wait until the change is visible on the synchronizer.
    type: float
    default: 120.0
"""

EXAMPLES = r"""
- name: Delegate the old namespace to the new participant
  ledgerops.canton.participant_namespace_delegation:
    source: {endpoint: 10.0.0.5:5012, ledger_endpoint: 10.0.0.5:5011}
    target: {endpoint: 10.0.0.6:5022, ledger_endpoint: 10.0.0.6:5021}
    synchronizer: new

# The same in three steps, if no host reaches both participants.
- name: Export the public key of the new participant
  ledgerops.canton.participant_namespace_delegation:
    state: key_exported
    target: {endpoint: 10.0.0.6:5022}
    synchronizer: new
    target_key_file: /var/lib/canton-migration/new.key.json

- name: Sign the delegation on the host with the root key
  ledgerops.canton.participant_namespace_delegation:
    state: signed
    source: {endpoint: 127.0.0.1:5012}
    target_key_file: /media/transfer/new.key.json
    signed_file: /media/transfer/old-to-new.signed.json

- name: Load the signed delegation
  ledgerops.canton.participant_namespace_delegation:
    target: {endpoint: 10.0.0.6:5022}
    synchronizer: new
    signed_file: /var/lib/canton-migration/old-to-new.signed.json
"""

RETURN = r"""
namespace:
  description: Fingerprint of the delegated namespace.
  returned: for the states V(present) and V(signed)
  type: str
target_key:
  description: Fingerprint of the key that receives the delegation.
  returned: always
  type: str
delegation:
  description: >-
    Where the delegation is found - in the source's own store (or the signed file), the target's own store and the
    synchronizer's store.
  returned: for the state V(present)
  type: dict
  sample: {source: true, target: true, synchronizer: true}
content:
  description: Contents of the written file. All of it is public.
  returned: for the states V(key_exported) and V(signed), except in check mode while there is no signature
  type: dict
"""

from ..module_utils._connection import Params
from ..module_utils._errors import CantonError
from ..module_utils._files import write_json
from ..module_utils._outcome import Outcome
from ..module_utils._participant.model.entities import AUTHORIZED
from ..module_utils._participant.model.interface import Participant, Reader
from ..module_utils._participant.topology import delegation, delegation_file, undelegation
from ..module_utils._runner import run_either

SPEC = {
    "namespace": {"type": "str"},
    "synchronizer": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "key_exported", "signed", "absent"], "default": "present"},
    "give_up_key": {"type": "bool", "default": False},
    "target_key_file": {"type": "path"},
    "signed_file": {"type": "path"},
    "wait_timeout": {"type": "float", "default": 120.0},
}


def ensure(params: Params, source: Reader | None, target: Reader | None, check: bool) -> Outcome:
    if params["state"] == "signed" and source is not None:
        return ensure_signed(params, source.require_live("state signed"), target, check)
    if target is None:
        raise CantonError("This state requires target", "target_missing", "Set target.")
    if params["state"] == "key_exported":
        return ensure_key_exported(params, target, check)
    if params["state"] == "absent" and source is not None:
        return undelegation.ensure_absent(params, source, target, check)
    if source is None:
        return ensure_loaded(params, target.require_live("reading what was signed"), check)
    if params["signed_file"]:
        raise CantonError(
            "Both source and signed_file are set",
            error_id="source_or_file",
            hint="Set source to sign now, or signed_file to load what was signed before.",
        )
    return delegation.ensure_present(params, source, target, check)


def ensure_loaded(params: Params, target: Participant, check: bool) -> Outcome:
    path = params["signed_file"]
    chain = delegation_file.read_signed(delegation_file.read_file(path), target, path)
    if params["namespace"] not in (None, chain.namespace):
        raise CantonError(
            f"{path} is for namespace {chain.namespace[:12]}…, not {params['namespace'][:12]}…",
            error_id="signed_for_another_namespace",
            hint="Set signed_file to the file that was signed for this namespace.",
        )
    wanted = delegation_file.target_key(target, params["synchronizer"])
    delegation_file.refuse_unfit(chain, target, wanted.key.fingerprint, wanted.written_for)

    def load(store: str) -> None:
        delegation.load(None, target, chain.transactions, store, params["wait_timeout"])

    return delegation.ensure_in_force(params, None, target, chain.namespace, wanted.key, load, check)


def ensure_key_exported(params: Params, target: Reader, check: bool) -> Outcome:
    path = params["target_key_file"]
    key = delegation_file.target_key(target, params["synchronizer"])
    values = key.as_dict()
    current = delegation_file.read_own_file(path) == values
    if not current and not check:
        write_json(path, values)
    return Outcome(
        {"target_key_file": current}, {"target_key_file": True}, {"target_key": key.key.fingerprint, "content": values}
    )


def ensure_signed(params: Params, source: Participant, target: Reader | None, check: bool) -> Outcome:
    path = params["signed_file"]
    namespace = params["namespace"] or source.identity().namespace
    if target is not None:
        key = delegation_file.target_key(target, params["synchronizer"])
    else:
        where = params["target_key_file"]
        key = delegation_file.read_target_key(delegation_file.read_file(where), source, where)
    signed = delegation.is_delegated(source, AUTHORIZED, namespace, key.key.fingerprint)
    if not signed:
        delegation.refuse_removed_delegation(source, None, namespace, key.key.fingerprint, "")
        delegation.refuse_without_root_key(
            source, namespace, delegation.DelegationState(source=signed, target=False, synchronizer=False)
        )
    chain = _existing(source, namespace, key, path)
    before: dict[str, object] = {"signed": signed, "signed_file": chain is not None}
    if not check and not all(before.values()):
        chain = delegation_file.sign(source, namespace, key)
        write_json(path, chain.as_dict())
    content = {} if chain is None else {"content": chain.as_dict()}
    return Outcome(
        before,
        {"signed": True, "signed_file": True},
        {"namespace": namespace, "target_key": key.key.fingerprint, **content},
    )


def _existing(
    source: Participant, namespace: str, key: delegation_file.TargetKey, path: str
) -> delegation_file.SignedChain | None:
    """The chain in the file, if it is the desired one. A new signature may have other bytes."""
    try:
        found = delegation_file.read_signed(delegation_file.read_own_file(path), source, path)
    except delegation_file.DelegationFileUnusable:
        return None
    desired = (namespace, key.key.fingerprint, key.written_for)
    return found if (found.namespace, found.target_key, found.written_for) == desired else None


def main() -> None:
    run_either(
        SPEC,
        ensure,
        required_if=[
            ("state", "present", ["target", "synchronizer"]),
            ("state", "present", ["source", "signed_file"], True),
            ("state", "key_exported", ["target", "synchronizer", "target_key_file"]),
            ("state", "signed", ["source", "signed_file"]),
            ("state", "absent", ["source", "target", "synchronizer"]),
            ("state", "signed", ["target", "target_key_file"], True),
        ],
    )


if __name__ == "__main__":
    main()
