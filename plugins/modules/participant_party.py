#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_party
short_description: Host the parties of one participant on another, or take that back
version_added: 0.1.0
author:
  - The ledgerops.canton authors (@ledgerops)
description:
  - Hosts many parties in one task, several calls at a time, and stays until the synchronizer's store shows every
    one of them.
  - Parties are those that the source hosts on its synchronizer, less O(exclude), or exactly O(parties). The
    source's admin party never moves.
  - A Canton 2 target takes parties while it is disconnected. Its own store is the proof until it is connected.
  - Parties of the source's namespace move, and parties of further namespaces that are delegated to the target on its
    synchronizer, or are its own.
  - Parties that these namespaces cannot authorise alone (of another namespace, decentralised, external, hosted by
    several participants) are refused, all at once and with the reason.
  - With O(state=absent) the target hosts them no longer. Parties that the source does not host are refused, since nobody
    would host them then. Contracts have to be purged before (M(ledgerops.canton.participant_acs_transfer)); a node does not
    let a party go that has active contracts. What was removed can be hosted again.
extends_documentation_fragment:
  - ledgerops.canton._participant.source
  - ledgerops.canton._participant.target
  - ledgerops.canton._participant.synchronizers
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant_pair
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) hosts the parties on the target, V(absent) removes the target as their host. Other hosts stay.
      - To remove what the synchronizer lists, the target has to be connected to it.
    type: str
    choices: [present, absent]
    default: present
  parties:
    description:
      - Ids of the parties. All movable parties of the source when it is not set; for O(state=absent) all that the source
        hosts.
    type: list
    elements: str
  exclude:
    description:
      - Ids of parties to leave with the source.
    type: list
    elements: str
    default: []
  namespaces:
    description:
      - Fingerprints of namespaces that are still going to be delegated to the target. In check mode their parties count as
        movable. Otherwise the delegation has to be in force.
    type: list
    elements: str
    default: []
  replace_hosts:
    description:
      - Ids of participants that were given up but still stand on the target's synchronizer as the only host of a party.
        The target takes their place. Not possible with Canton 2.
    type: list
    elements: str
    default: []
  parallel:
    description:
      - Number of calls at a time.
    type: int
    default: 8
  wait_timeout:
    description:
      - Seconds to wait until the synchronizer shows the change.
    type: float
    default: 300.0
"""

EXAMPLES = r"""
- name: Host all parties of the old participant on the new one
  ledgerops.canton.participant_party:
    source:
      endpoint: 10.0.0.5:5012
      ledger_endpoint: 10.0.0.5:5011
    target:
      endpoint: 10.0.0.6:5022
      ledger_endpoint: 10.0.0.6:5021
    source_synchronizer: old
    target_synchronizer: new

- name: The same on the way back, where the first participant still stands on its synchronizer
  ledgerops.canton.participant_party:
    source:
      endpoint: 10.0.0.6:5022
      ledger_endpoint: 10.0.0.6:5021
    target:
      endpoint: 10.0.0.7:5032
      ledger_endpoint: 10.0.0.7:5031
    source_synchronizer: new
    target_synchronizer: old
    replace_hosts:
      - participantOld::12200000000000000000000000000000000000000000000000000000000000000001

- name: Take that back
  ledgerops.canton.participant_party:
    state: absent
    source:
      endpoint: 10.0.0.5:5012
      ledger_endpoint: 10.0.0.5:5011
    target:
      endpoint: 10.0.0.6:5022
      ledger_endpoint: 10.0.0.6:5021
    source_synchronizer: old
    target_synchronizer: new
"""

RETURN = r"""
namespaces:
  description: The namespaces of these parties, each with the number of its parties.
  returned: always
  type: dict
  sample: {"1220c0ffee": 12}
parties:
  description: All parties that the target has to host, or, for O(state=absent), that were asked for.
  returned: always
  type: list
  elements: str
hosted:
  description: Those that it did not host before.
  returned: always
  type: list
  elements: str
sent_again:
  description: Those whose first mapping was accepted by the node and never reached the synchronizer.
  returned: always
  type: list
  elements: str
unhosted:
  description: Those that the target hosted and no longer does.
  returned: for O(state=absent)
  type: list
  elements: str
on_synchronizer:
  description: Those of RV(unhosted) that the synchronizer listed, and not only the store of a Canton 2 target.
  returned: for O(state=absent)
  type: list
  elements: str
with_contracts:
  description: Whether the target shows active contracts of RV(unhosted), which would have to be purged before.
  returned: for O(state=absent) in check mode
  type: bool
"""

from ansible_collections.ledgerops.canton.plugins.module_utils._connection import SYNCHRONIZERS, Params
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model import ids
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.ids import namespace_of
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.interface import Participant
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import (
    delegation,
    hosting,
    synchronizers,
    unhosting,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._runner import run_pair

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


def ensure(params: Params, source: Participant, target: Participant, check: bool) -> Outcome:
    if params["state"] == "absent":
        return unhosting.ensure_absent(params, source, target, check)
    source_uid, target_uid = source.identity().uid, target.identity().uid
    source_store = synchronizers.known_id(source, params["source_synchronizer"])
    store = synchronizers.known_id(target, params["target_synchronizer"])
    delegated = delegation.delegated_namespaces(target, store)
    selection = hosting.select_parties(
        source, source_uid, source_store, params["parties"], params["exclude"], {*delegated, *params["namespaces"]}
    )
    hosting.refuse_unmovable(selection)
    wanted = {party: hosting.hosted_on(mapping, target_uid) for party, mapping in selection.movable.items()}
    missing = hosting.missing_hostings(target, store, wanted, params["replace_hosts"])
    again: list[str] = []
    if missing and not check:
        synchronizers.refuse_away(target, params["target_synchronizer"], "where the parties have to be hosted")
        lacking = set(selection.namespaces()) - delegated - {namespace_of(source_uid)}
        if lacking:
            raise CantonError(
                f"Namespaces of these parties are not delegated to the target on its synchronizer: {ids.some(lacking)}",
                error_id="namespace_not_delegated",
                hint="Delegate them first with ledgerops.canton.participant_namespace_delegation.",
            )
        again = hosting.host_parties(
            target, store, missing, params["parallel"], params["wait_timeout"], params["replace_hosts"]
        )
    return Outcome(
        before={"not_hosted": sorted(missing)},
        after={"not_hosted": []},
        result={
            "namespaces": selection.namespaces(),
            "parties": sorted(wanted),
            "hosted": sorted(missing),
            "sent_again": sorted(again),
        },
    )


def main() -> None:
    run_pair(SPEC, ensure)


if __name__ == "__main__":
    main()
