#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_party_replication
short_description: Move parties and their contracts between two participants on one synchronizer
version_added: 0.2.0
author:
  - The ledgerops.canton authors (@ledgerops)
description:
  - Moves parties step by step from one participant of Canton 3.5 to another that is on the same synchronizer, with all
    their active contracts. The states are the steps, to be run one after the other in the order in which they are listed.
  - A step reads where every party stands, does what is left of it, and proves it. Run again, it carries on or changes
    nothing. After an interruption begin with V(proposed) again.
  - The target is kept off its synchronizers from V(activated) until all contracts of all these parties are proven to be
    on it. Never connect it meanwhile, and see RV(held).
  - Applications of these parties have to be stopped from V(activated) to V(moved).
  - Canton's manual calls it unsupported to take a party off a participant, as O(state=moved) does.
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
      - V(proposed) has the source propose that both host the parties, and waits until the target has seen it.
      - V(activated) waits until nothing is in flight on the source, takes the target off all synchronizers, has it sign,
        and makes the hosting effective, one party after the other.
      - V(exported) writes a snapshot of every party, of the moment from which the target hosts it.
      - V(imported) imports the snapshots and compares all contracts of all parties with the source.
      - V(onboarded) connects the target again, has the onboarding flags cleared, and compares once more.
      - V(moved) has the target host the parties alone. There is no way back from there.
      - V(verified) compares the target with what was proven, at the offset of that time.
      - V(purged) purges the copies that are left on the source, which is disconnected for a moment.
      - V(withdrawn) takes back a move that has not come to V(moved). The source hosts the parties alone again, and
        the target's copies are purged.
    type: str
    choices: [proposed, activated, exported, imported, onboarded, moved, verified, purged, withdrawn]
    required: true
  path:
    description:
      - Base name of the move's files, without ending. The folder has to exist.
      - The journal is O(path) with the ending C(.parties.json), the snapshots are in the folder C(.parties). They hold
        contract payloads and belong on an encrypted disk. Delete them when the migration is proven.
    type: path
    required: true
  parties:
    description:
      - Ids of the parties to move. All movable parties of the source when it is not set. Parties whose move has begun
        are always among them.
    type: list
    elements: str
  exclude:
    description:
      - Ids of parties to leave with the source.
    type: list
    elements: str
    default: []
  parallel:
    description:
      - Number of calls at a time, where the order does not matter.
    type: int
    default: 8
  quiet_timeout:
    description:
      - Seconds to wait until nothing is in flight on the source.
    type: float
    default: 60.0
  wait_timeout:
    description:
      - Seconds to wait until the synchronizer shows a change. The flags take about a minute to be cleared.
    type: float
    default: 300.0
"""

EXAMPLES = r"""
- name: Move all parties
  ledgerops.canton.participant_party_replication:
    state: "{{ item }}"
    source:
      endpoint: 10.0.0.5:5012
      ledger_endpoint: 10.0.0.5:5011
    target:
      endpoint: 10.0.0.6:5022
      ledger_endpoint: 10.0.0.6:5021
    source_synchronizer: global
    target_synchronizer: global
    path: /var/lib/canton-migration/node1
  loop: [proposed, activated, exported, imported, onboarded, moved]
"""

RETURN = r"""
parties:
  description: All parties of the move.
  returned: always
  type: list
  elements: str
stages:
  description:
    - Where each of them stood before this step, told by its mapping on the synchronizer.
    - V(source), V(proposed), V(onboarding), V(both) or V(target).
  returned: always
  type: dict
held:
  description: Whether the target must not be connected, since parties whose contracts are not proven are hosted on it.
  returned: always
  type: bool
waiting:
  description: Parties that came too late for the move that is going on. Run it once more for them.
  returned: with states proposed and activated
  type: list
  elements: str
contracts:
  description: Number of contracts that were proven.
  returned: with state verified, and with state imported when something was imported
  type: int
digest:
  description: Order-free digest over their ids.
  returned: with state verified, and with state imported when something was imported
  type: str
namespaces:
  description: The namespaces of the parties, each with the number of its parties.
  returned: with state verified
  type: dict
target_offset:
  description: Ledger end of the target at which they were compared.
  returned: with state imported when something was imported
  type: int
exported:
  description: Parties whose snapshot was written.
  returned: with state exported
  type: list
  elements: str
imported:
  description: Parties whose contracts were imported.
  returned: with state imported
  type: list
  elements: str
onboarded:
  description: Parties whose flag was cleared.
  returned: with state onboarded
  type: list
  elements: str
moved:
  description: Parties that were taken off the source.
  returned: with state moved
  type: list
  elements: str
withdrawn:
  description: Parties that were given back to the source alone.
  returned: with state withdrawn
  type: list
  elements: str
purged:
  description: Number of contracts that were purged.
  returned: with states purged and withdrawn
  type: int
"""

from ansible_collections.ledgerops.canton.plugins.module_utils._connection import SYNCHRONIZERS, Params
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.interface import Participant
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.replication import steps, withdrawal
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.replication.move import Move, Options
from ansible_collections.ledgerops.canton.plugins.module_utils._runner import run_pair

STATES = {
    "proposed": steps.ensure_proposed,
    "activated": steps.ensure_activated,
    "exported": steps.ensure_exported,
    "imported": steps.ensure_imported,
    "onboarded": steps.ensure_onboarded,
    "moved": steps.ensure_moved,
    "verified": steps.ensure_verified,
    "purged": withdrawal.ensure_purged,
    "withdrawn": withdrawal.take_back,
}

SPEC = {
    **SYNCHRONIZERS,
    "state": {
        "type": "str",
        "choices": [
            "proposed",
            "activated",
            "exported",
            "imported",
            "onboarded",
            "moved",
            "verified",
            "purged",
            "withdrawn",
        ],
        "required": True,
    },
    "path": {"type": "path", "required": True},
    "parties": {"type": "list", "elements": "str"},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "parallel": {"type": "int", "default": 8},
    "quiet_timeout": {"type": "float", "default": 60.0},
    "wait_timeout": {"type": "float", "default": 300.0},
}


def ensure(params: Params, source: Participant, target: Participant, check: bool) -> Outcome:
    options = Options(
        source_synchronizer=params["source_synchronizer"],
        target_synchronizer=params["target_synchronizer"],
        base=params["path"],
        wanted=params["parties"],
        excluded=params["exclude"],
        parallel=params["parallel"],
        seconds=params["wait_timeout"],
        quiet_seconds=params["quiet_timeout"],
        check=check,
    )
    return STATES[params["state"]](Move(source, target, options))


def main() -> None:
    run_pair(SPEC, ensure)


if __name__ == "__main__":
    main()
