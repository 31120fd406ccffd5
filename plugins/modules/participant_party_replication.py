#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_party_replication
short_description: Move parties and their contracts between two participants on one synchronizer
version_added: 0.2.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Moves parties with all their active contracts between two Canton 3.5 participants on the same synchronizer. Each
    state is a step; run the steps in the listed order.
  - A step reads the stage of every party, does the remaining work and verifies it. An interrupted step resumes when run
    again; a finished one changes nothing. After an interruption, start with V(proposed).
  - From V(activated) on, the target is disconnected from all its synchronizers until all contracts of all these parties
    are verified on it. Never connect it before; see RV(held).
  - Stop the applications of these parties from V(activated) to V(moved).
  - Canton's manual calls removing a party from a participant unsupported. O(state=moved) does this.
extends_documentation_fragment:
  - ledgerops.canton._participant.source
  - ledgerops.canton._participant.target
  - ledgerops.canton._participant.synchronizers
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant_pair
options:
  state:
    description:
      - V(proposed) proposes with the source that both participants host the parties, and waits until the target lists the proposals.
      - V(activated) waits until nothing is in flight on the source, disconnects the target from all synchronizers,
        signs with the target, and makes the hosting effective, one party after the other.
      - V(exported) writes a snapshot of every party at its activation on the target.
      - V(imported) imports the snapshots and compares all contracts of all parties with the source.
      - V(onboarded) connects the target, clears the onboarding flags, and compares again.
      - V(moved) makes the target the only host of the parties. There is no rollback afterwards.
      - V(verified) compares the target with the verified import, at its offset.
      - V(purged) purges the remaining copies on the source, which is disconnected briefly.
      - V(withdrawn) rolls back a move before V(moved). The source becomes the only host of the parties, and the target's copies are purged.
    type: str
    choices: [proposed, activated, exported, imported, onboarded, moved, verified, purged, withdrawn]
    required: true
  path:
    description: Base name of the move's files, without ending. The folder must exist. The journal is O(path) with the ending C(.parties.json), the
      snapshots are in the folder C(.parties). They hold contract payloads. Use an encrypted disk, and delete them when the migration is accepted.
    type: path
    required: true
  parties:
    description: Ids of the parties to move. Default is all movable parties of the source. Parties whose move has started are always included.
    type: list
    elements: str
  exclude:
    description: Ids of parties that do not move.
    type: list
    elements: str
    default: []
  parallel:
    description: Number of parallel calls, where the order does not matter.
    type: int
    default: 8
  quiet_timeout:
    description: Seconds to wait until nothing is in flight on the source.
    type: float
    default: 60.0
  wait_timeout:
    description: Seconds to wait until a change is visible on the synchronizer. Clearing the flags takes about a minute.
    type: float
    default: 300.0
"""

EXAMPLES = r"""
- name: Move all parties
  ledgerops.canton.participant_party_replication:
    state: "{{ item }}"
    source: {endpoint: 10.0.0.5:5012, ledger_endpoint: 10.0.0.5:5011}
    target: {endpoint: 10.0.0.6:5022, ledger_endpoint: 10.0.0.6:5021}
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
  description: Stage of each party before this step, read from its mapping on the synchronizer. V(source), V(proposed), V(onboarding), V(both) or
    V(target).
  returned: always
  type: dict
held:
  description: Whether the target must not be connected, because it hosts parties whose contracts are not verified.
  returned: always
  type: bool
waiting:
  description: Parties that were created too late for the current move. Run it again for them.
  returned: with states proposed and activated
  type: list
  elements: str
contracts:
  description: Number of verified contracts.
  returned: with state verified, and with state imported when something was imported
  type: int
digest:
  description: Order-independent digest of their ids.
  returned: with state verified, and with state imported when something was imported
  type: str
namespaces:
  description: Namespaces of the parties, with the number of their parties.
  returned: with state verified
  type: dict
target_offset:
  description: Ledger end of the target at the comparison.
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
  description: Parties that were removed from the source.
  returned: with state moved
  type: list
  elements: str
withdrawn:
  description: Parties whose only host is the source again.
  returned: with state withdrawn
  type: list
  elements: str
purged:
  description: Number of purged contracts.
  returned: with states purged and withdrawn
  type: int
"""

from ..module_utils._connection import SYNCHRONIZERS, Params
from ..module_utils._outcome import Outcome
from ..module_utils._participant.model.interface import Reader
from ..module_utils._participant.replication import contracts, steps, withdrawal
from ..module_utils._participant.replication.move import Options, Replication
from ..module_utils._runner import run_pair

STATES = {
    "proposed": steps.ensure_proposed,
    "activated": steps.ensure_activated,
    "exported": contracts.ensure_exported,
    "imported": contracts.ensure_imported,
    "onboarded": steps.ensure_onboarded,
    "moved": steps.ensure_moved,
    "verified": contracts.ensure_verified,
    "purged": withdrawal.ensure_purged,
    "withdrawn": withdrawal.take_back,
}

SPEC = {
    **SYNCHRONIZERS,
    "state": {"type": "str", "choices": list(STATES), "required": True},
    "path": {"type": "path", "required": True},
    "parties": {"type": "list", "elements": "str"},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "parallel": {"type": "int", "default": 8},
    "quiet_timeout": {"type": "float", "default": 60.0},
    "wait_timeout": {"type": "float", "default": 300.0},
}


def ensure(params: Params, source: Reader, target: Reader, check: bool) -> Outcome:
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
    return STATES[params["state"]](Replication(source, target, options))


def main() -> None:
    run_pair(SPEC, ensure)


if __name__ == "__main__":
    main()
