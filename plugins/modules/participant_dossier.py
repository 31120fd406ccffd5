#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_dossier
short_description: Write the public state of a participant to a file
version_added: 0.2.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Reads a participant and writes one file, its dossier. On a host that cannot reach the participant, a copy of the
    file replaces it as O(ignore:source) or O(ignore:target) of the modules for two participants.
  - A dossier has identity, synchronizers, public keys, hosted parties, delegations of the relevant namespaces, DARs
    with their files, vetted packages, users with rights, identity providers, annotations of parties, and the id,
    package and stakeholders of active contracts. It has no contract payloads, private keys or tokens.
  - The file has mode 0600 and is created only when complete. Delete it when the migration is accepted.
extends_documentation_fragment:
  - ledgerops.canton._participant
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant
attributes:
  idempotent:
    details: Each run writes the file with a new time. The task is changed only when the content differs.
options:
  path:
    description: File to write, on the host that runs the module. The folder must exist.
    type: path
    required: true
  gather:
    description: What to read in addition to identity and synchronizers. V(users) and V(contracts) require O(ledger_endpoint). A module that needs an
      omitted part fails with an error that names it. Contracts and DAR files take most of the size, about a hundred bytes per contract.
    type: list
    elements: str
    choices: [keys, topology, packages, dar_files, users, contracts]
    default: [keys, topology, packages, dar_files, users, contracts]
  namespaces:
    description: Fingerprints of further namespaces whose delegations are read, in addition to the participant's own and those of
      its hosted parties. For the dossier of a target, set the namespace of the source.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Write the dossier of the old participant
  ledgerops.canton.participant_dossier:
    endpoint: 127.0.0.1:5012
    ledger_endpoint: 127.0.0.1:5011
    path: /var/lib/canton-migration/old.dossier

- name: Host its parties on the new participant
  ledgerops.canton.participant_party:
    source: {dossier: /var/lib/canton-migration/old.dossier}
    target: {endpoint: 127.0.0.1:5022, ledger_endpoint: 127.0.0.1:5021}
    source_synchronizer: old
    target_synchronizer: new
"""

RETURN = r"""
uid:
  description: Id of the participant.
  returned: always
  type: str
namespace:
  description: Fingerprint of its namespace.
  returned: always
  type: str
read_at:
  description: Time of reading by the clock of the host that runs the module, UTC.
  returned: always
  type: str
ledger_end:
  description: The participant's ledger end at that time (a number; in Canton 2 a text). Null without O(ledger_endpoint).
  returned: always
  type: raw
connected:
  description: Aliases of the connected synchronizers.
  returned: always
  type: list
  elements: str
numbers:
  description: Numbers of gathered parties, DARs, users and active contracts.
  returned: always
  type: dict
  sample: {parties: 12, dars: 2, users: 3, contracts: 4000}
"""

from ..module_utils._connection import Params
from ..module_utils._outcome import Outcome
from ..module_utils._participant.model.ids import namespace_of
from ..module_utils._participant.model.interface import Participant
from ..module_utils._participant.offline import dossier
from ..module_utils._runner import run_participant

SPEC = {
    "path": {"type": "path", "required": True},
    "gather": {"type": "list", "elements": "str", "choices": list(dossier.SECTIONS), "default": list(dossier.SECTIONS)},
    "namespaces": {"type": "list", "elements": "str", "default": []},
}


def ensure(params: Params, participant: Participant, check: bool) -> Outcome:
    path, sections, namespaces = params["path"], params["gather"], params["namespaces"]
    before = dossier.existing(path)
    if before is not None:
        dossier.refuse_another(path, before, participant.identity().uid)
    wanted = (participant, sections, namespaces)
    after = dossier.look(*wanted) if check else dossier.write(path, *wanted)
    return Outcome(
        dossier.summary(before),
        dossier.summary(after),
        {
            "uid": after.uid,
            "namespace": namespace_of(after.uid),
            "read_at": after.observed["read_at"],
            "ledger_end": dossier.ledger_end(after),
            "connected": dossier.connected(after),
            "numbers": dossier.numbers(after),
        },
    )


def main() -> None:
    run_participant(SPEC, ensure)


if __name__ == "__main__":
    main()
