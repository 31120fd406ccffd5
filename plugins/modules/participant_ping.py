#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_ping
short_description: Ping a participant
version_added: 0.1.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Sends a ping transaction from the participant to itself, or to another participant, on a synchronizer. Fails when there is no response.
  - A ping requires the same as any transaction, namely connection, signing keys, topology and vetted packages.
extends_documentation_fragment:
  - ledgerops.canton._participant
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant
attributes:
  check_mode:
    details: Nothing is sent in check mode; only the connection to the synchronizer is checked.
  diff_mode:
    support: N/A
  idempotent:
    details: A ping creates and archives its own contract; nothing remains.
options:
  synchronizer:
    description: Alias or id of the synchronizer to use.
    type: str
    required: true
  target:
    description: Admin party of the participant to ping. Default is the participant itself.
    type: str
  ping_timeout:
    description: Seconds to wait for the response.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Ping the new participant
  ledgerops.canton.participant_ping:
    endpoint: 10.0.0.6:5022
    synchronizer: new
"""

RETURN = r"""
success:
  description: Whether there was a response. Not returned in check mode, where nothing is sent.
  returned: success, not in check mode
  type: bool
millis:
  description: Duration of the transaction in milliseconds.
  returned: success, not in check mode
  type: int
responder:
  description: Admin party that responded.
  returned: success, not in check mode
  type: str
"""

from ..module_utils._connection import Params
from ..module_utils._errors import CantonError
from ..module_utils._outcome import Outcome
from ..module_utils._participant.model.interface import Participant
from ..module_utils._participant.topology import synchronizers
from ..module_utils._runner import run_participant

SPEC = {
    "synchronizer": {"type": "str", "required": True},
    "target": {"type": "str"},
    "ping_timeout": {"type": "int", "default": 30},
}


def ensure(params: Params, participant: Participant, check: bool) -> Outcome:
    store = synchronizers.connected_id(participant, params["synchronizer"], "so it cannot transact there")
    if check:
        return Outcome()
    pong = participant.ping(params["target"] or participant.identity().uid, store, params["ping_timeout"])
    if not pong.success:
        raise CantonError(
            f"The {participant.label} could not complete a ping: {pong.reason}",
            error_id="ping_failed",
            hint="Check vetting, topology and the health of the synchronizer, and the node's log.",
        )
    return Outcome(result={"success": True, "millis": pong.millis, "responder": pong.responder})


def main() -> None:
    run_participant(SPEC, ensure)


if __name__ == "__main__":
    main()
