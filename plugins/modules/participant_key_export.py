#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_key_export
short_description: Keep a private key of a participant outside of it
version_added: 0.4.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Exports one private key of a participant into a file, or to a command, and proves by reading it back that it is the right one. By default this is
    the root key of the participant's namespace, before it is removed from the participant.
  - The key has the form in which the participant exports it, so that a participant can import it again (C(keys.secret.upload_from) in the Canton
    console).
  - The participant needs C(canton.features.enable-preview-commands = true), and its own keys.
extends_documentation_fragment:
  - ledgerops.canton._participant
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant
options:
  fingerprint:
    description: Fingerprint of the key. Default is the root key of the participant's namespace.
    type: str
  path:
    description: File on the host that runs the module. It is written with mode 0600 and never overwritten. Either this or O(store_command) is required.
    type: path
  store_command:
    description: Command with its arguments that gets the key on its standard input. Requires O(show_command).
    type: list
    elements: str
  show_command:
    description: Command with its arguments that prints what O(store_command) has stored, and nothing if there is nothing.
    type: list
    elements: str
requirements:
  - cryptography >= 42, where the module runs
notes:
  - The key is in cleartext. Name a file on an encrypted medium that is taken offline afterwards.
seealso:
  - module: ledgerops.canton.kms_key_material
"""

EXAMPLES = r"""
- name: Keep the root key offline
  ledgerops.canton.participant_key_export:
    endpoint: 10.0.0.5:5012
    path: /media/offline/bank-root.key
"""

RETURN = r"""
key:
  description: The key, without its private part.
  returned: success
  type: dict
  sample: {fingerprint: 12200fbf7a1c5f2b6a9a55ac2bd7b3e4e4f6d3a8c1f4e0d9b2a7c6e5f4d3c2b1a098, name: bank-namespace, spec: ec_curve25519}
"""

from ..module_utils._connection import Params, Spec
from ..module_utils._errors import CantonError
from ..module_utils._kms import keeping, wrapping
from ..module_utils._kms.material_source import export
from ..module_utils._outcome import Outcome
from ..module_utils._participant.model.entities import Key
from ..module_utils._participant.model.interface import Participant
from ..module_utils._runner import run_participant

SPEC: Spec = {
    "fingerprint": {"type": "str"},
    "path": {"type": "path"},
    "store_command": {"type": "list", "elements": "str"},
    "show_command": {"type": "list", "elements": "str"},
}


def ensure(params: Params, participant: Participant, check: bool) -> Outcome:
    place: keeping.Place = (
        keeping.FilePlace(params["path"])
        if params["path"]
        else keeping.CommandPlace(params["store_command"], params["show_command"])
    )
    key = find(participant, params["fingerprint"] or participant.identity().namespace)
    kept = keeping.is_kept(participant, place, key)
    if not kept:
        refuse_gone(participant, key)
        if not check:
            keeping.keep(participant, place, key, export(participant, key))
    shown = {"fingerprint": key.fingerprint, "name": key.name, "spec": key.spec}
    return Outcome({"kept": kept}, {"kept": True}, {"key": shown})


def find(participant: Participant, wanted: str) -> Key:
    """A key that the participant holds, or held: it keeps its public key."""
    node = participant.as_canton_3()
    known = [*participant.own_keys(), *(node.public_keys() if node else [])]
    key = next((each for each in known if each.fingerprint == wanted), None)
    if key is None:
        raise CantonError(
            f"The {participant.label} does not know a key {wanted}",
            error_id="key_unknown",
            hint="Set fingerprint to a key that participant_info lists.",
        )
    return key


def refuse_gone(participant: Participant, key: Key) -> None:
    if not any(each.fingerprint == key.fingerprint and not each.kms_key_id for each in participant.own_keys()):
        raise CantonError(
            f"The {participant.label} no longer holds the private key {key.fingerprint}, and it is not kept there",
            error_id="key_gone",
            hint="It can be exported only while the participant runs with its own keys. Name the place where it was kept.",
        )


def main() -> None:
    wrapping.keep_secrets_in_memory()
    run_participant(
        SPEC,
        ensure,
        required_one_of=[("path", "store_command")],
        mutually_exclusive=[("path", "store_command")],
        required_by={"store_command": ("show_command",)},
    )


if __name__ == "__main__":
    main()
