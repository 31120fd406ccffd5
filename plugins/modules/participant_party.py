#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_party
short_description: Host the parties of one participant on another, or remove the hosting
version_added: 0.1.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Hosts many parties in one task with parallel calls, and waits until the synchronizer's store shows all of them.
  - The parties are those that the source hosts on its synchronizer, without O(exclude), or exactly O(parties). The source's admin party never moves.
  - A Canton 2 target hosts parties while it is disconnected. Until it is connected, the result is verified in its own store.
  - Movable are parties of the source's namespace, of the target's namespace, and of namespaces that are delegated to the target on its synchronizer.
  - Parties that these namespaces cannot authorise alone (of another namespace, decentralised, external, on several
    participants) are refused. The error lists all of them with the reason.
  - With O(state=absent), the hosting on the target is removed. Parties that the source does not host are refused,
    because they would have no host. Purge the contracts first (M(ledgerops.canton.participant_acs_transfer)), because a
    node does not remove a party with active contracts. A removed hosting can be created again.
extends_documentation_fragment:
  - ledgerops.canton._participant.source
  - ledgerops.canton._participant.target
  - ledgerops.canton._participant.synchronizers
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant_pair
options:
  state:
    description: V(present) hosts the parties on the target, V(absent) removes the target as their host. Other hosts are not changed. To remove a
      hosting that the synchronizer lists, the target must be connected to it.
    type: str
    choices: [present, absent]
    default: present
  parties:
    description: Ids of the parties. Default is all movable parties of the source; for O(state=absent), all parties that the source hosts.
    type: list
    elements: str
  exclude:
    description: Ids of parties that do not move.
    type: list
    elements: str
    default: []
  namespaces:
    description: Fingerprints of namespaces that will be delegated to the target. In check mode their parties are considered
      movable. Otherwise the delegation must be effective.
    type: list
    elements: str
    default: []
  replace_hosts:
    description: Ids of abandoned participants that are still the sole host of a party on the target's synchronizer. The target
      replaces them. Not possible with Canton 2.
    type: list
    elements: str
    default: []
  parallel:
    description: Number of parallel calls.
    type: int
    default: 8
  wait_timeout:
    description: Seconds to wait until the change is visible on the synchronizer.
    type: float
    default: 300.0
"""

EXAMPLES = r"""
- name: Host all parties on the new participant
  ledgerops.canton.participant_party:
    source: {endpoint: 10.0.0.5:5012, ledger_endpoint: 10.0.0.5:5011}
    target: {endpoint: 10.0.0.6:5022, ledger_endpoint: 10.0.0.6:5021}
    source_synchronizer: old
    target_synchronizer: new

- name: Replace the first participant in a reverse migration
  ledgerops.canton.participant_party:
    source: {endpoint: 10.0.0.6:5022, ledger_endpoint: 10.0.0.6:5021}
    target: {endpoint: 10.0.0.7:5032, ledger_endpoint: 10.0.0.7:5031}
    source_synchronizer: new
    target_synchronizer: old
    replace_hosts: [participantOld::12200000000000000000000000000000000000000000000000000000000000000001]

- name: Remove the hosting from the new participant
  ledgerops.canton.participant_party:
    state: absent
    source: {endpoint: 10.0.0.5:5012, ledger_endpoint: 10.0.0.5:5011}
    target: {endpoint: 10.0.0.6:5022, ledger_endpoint: 10.0.0.6:5021}
    source_synchronizer: old
    target_synchronizer: new
"""

RETURN = r"""
namespaces:
  description: Namespaces of these parties, with the number of their parties.
  returned: always
  type: dict
  sample: {"1220c0ffee": 12}
parties:
  description: All parties that the target must host; for O(state=absent), all requested parties.
  returned: always
  type: list
  elements: str
hosted:
  description: Parties that the target did not host before.
  returned: always
  type: list
  elements: str
sent_again:
  description: Parties whose first mapping was accepted by the node but did not reach the synchronizer.
  returned: always
  type: list
  elements: str
unhosted:
  description: Parties whose hosting on the target was removed.
  returned: for O(state=absent)
  type: list
  elements: str
on_synchronizer:
  description: Members of RV(unhosted) that the synchronizer listed, not only the store of a Canton 2 target.
  returned: for O(state=absent)
  type: list
  elements: str
with_contracts:
  description: Whether the target has active contracts of RV(unhosted), which must be purged first.
  returned: for O(state=absent) in check mode
  type: bool
"""

from ..module_utils._connection import SYNCHRONIZERS, Params
from ..module_utils._outcome import Outcome
from ..module_utils._participant.model.interface import Reader
from ..module_utils._participant.topology import hosting, unhosting
from ..module_utils._runner import run_pair

SPEC = {
    **SYNCHRONIZERS,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "parties": {"type": "list", "elements": "str"},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "replace_hosts": {"type": "list", "elements": "str", "default": []},
    "parallel": {"type": "int", "default": 8},
    "wait_timeout": {"type": "float", "default": 300.0},
}


def ensure(params: Params, source: Reader, target: Reader, check: bool) -> Outcome:
    if params["state"] == "absent":
        return unhosting.ensure_absent(params, source, target, check)
    return hosting.ensure_hosted(params, source, target, check)


def main() -> None:
    run_pair(SPEC, ensure)


if __name__ == "__main__":
    main()
