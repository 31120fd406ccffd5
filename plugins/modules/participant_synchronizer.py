#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_synchronizer
short_description: Connect, disconnect or register a synchronizer at a participant
version_added: 0.1.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Sets the connection state of one synchronizer of a participant, or of all, and verifies it in the node's own list.
  - A disconnect can first wait until nothing is in flight, so that no transaction is interrupted.
extends_documentation_fragment:
  - ledgerops.canton._participant
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant
options:
  synchronizer:
    description: Alias of the synchronizer on this participant, or its logical or physical id. When not set with O(state=disconnected), all
      synchronizers are disconnected.
    type: str
  state:
    description: V(connected) connects and V(disconnected) disconnects a registered synchronizer. V(registered) registers a synchronizer with the
      addresses in O(sequencers) and does a handshake, without staying connected.
    type: str
    choices: [connected, disconnected, registered]
    default: connected
  manual_connect:
    description: Whether the participant does not connect by itself after a restart. Not changed when not set.
    type: bool
  quiet_timeout:
    description: With O(state=disconnected), seconds to wait until no submission and no transaction is in flight. V(0) disables the check. If
      something is still in flight after that time, the task fails and disconnects nothing. Canton 2.8 cannot report what is in flight. The task waits
      the whole time and returns a warning.
    type: float
    default: 0
  sequencers:
    description: With O(state=registered), addresses of sequencers as C(http://host:port) or C(https://host:port).
    type: list
    elements: str
  sequencer_ca_cert:
    description: With O(state=registered), PEM file with the CA of the sequencers.
    type: path
  wait_timeout:
    description: Seconds to wait until the change is visible on the synchronizer.
    type: float
    default: 120.0
"""

EXAMPLES = r"""
- name: Connect the new participant
  ledgerops.canton.participant_synchronizer:
    endpoint: 10.0.0.6:5022
    synchronizer: new
    state: connected
    manual_connect: false

- name: Disconnect the old participant when nothing is in flight
  ledgerops.canton.participant_synchronizer:
    endpoint: 10.0.0.5:5012
    synchronizer: old
    state: disconnected
    manual_connect: true
    quiet_timeout: 60
"""

RETURN = r"""
synchronizers:
  description: All synchronizers of the participant; in check mode their predicted state.
  returned: always
  type: list
  elements: dict
  sample:
    - alias: new
      id: new::1220c0ffee
      physical_id: new::1220c0ffee::35-0
      connected: true
      healthy: true
      manual_connect: false
"""

import dataclasses

from ..module_utils._connection import Params
from ..module_utils._errors import CantonError
from ..module_utils._outcome import Outcome
from ..module_utils._participant.model.entities import Synchronizer
from ..module_utils._participant.model.interface import Participant
from ..module_utils._participant.topology import synchronizers
from ..module_utils._runner import read_file, run_participant

SPEC = {
    "synchronizer": {"type": "str"},
    "state": {"type": "str", "choices": ["connected", "disconnected", "registered"], "default": "connected"},
    "manual_connect": {"type": "bool"},
    "quiet_timeout": {"type": "float", "default": 0},
    "sequencers": {"type": "list", "elements": "str"},
    "sequencer_ca_cert": {"type": "path"},
    "wait_timeout": {"type": "float", "default": 120.0},
}


def show(items: list[Synchronizer]) -> dict[str, object]:
    return {item.alias: {"connected": item.connected, "manual_connect": item.manual_connect} for item in items}


def result(items: list[Synchronizer]) -> dict[str, object]:
    return {"synchronizers": [{**dataclasses.asdict(item), "id": item.id} for item in items]}


def ensure(params: Params, participant: Participant, check: bool) -> Outcome:
    if params["synchronizer"] == "":
        raise CantonError(
            "The name of the synchronizer is empty", "empty_name", "Leave the option out to mean all of them."
        )
    if params["state"] == "registered":
        return ensure_registered(params, participant, check)
    connected = params["state"] == "connected"
    before = participant.synchronizers(health=check)
    chosen = [synchronizers.find(participant, params["synchronizer"]).alias] if params["synchronizer"] else []
    manual = params["manual_connect"]
    after = []
    for item in before:
        if item.alias in chosen or not chosen:
            item = dataclasses.replace(
                item,
                connected=connected,
                healthy=item.healthy and connected,
                manual_connect=item.manual_connect if manual is None else manual,
            )
        after.append(item)
    warnings = []
    if not check:
        for old, new in zip(before, after):
            warnings.append(apply(params, participant, old, new))
        after = participant.synchronizers(health=True)
    return Outcome(show(before), show(after), result(after), [text for text in warnings if text])


def apply(params: Params, participant: Participant, old: Synchronizer, new: Synchronizer) -> str:
    """Make ``new`` of ``old``; what has to be said about it, or nothing."""
    warning = ""
    if old.connected and not new.connected and params["quiet_timeout"] > 0:
        warning = synchronizers.wait_until_quiet(participant, old, params["quiet_timeout"])
    synchronizers.change(participant, old, new, params["wait_timeout"])
    return warning


def ensure_registered(params: Params, participant: Participant, check: bool) -> Outcome:
    before = participant.synchronizers(health=True)
    alias = params["synchronizer"]
    if any(item.alias == alias for item in before):
        return Outcome(show(before), show(before), result(before))
    sequencers = tuple(params["sequencers"]) if participant.major == 3 else ()
    manual = bool(params["manual_connect"])
    new = Synchronizer(alias, "", connected=False, healthy=False, manual_connect=manual, sequencers=sequencers)
    after = [*before, new]
    if not check:
        ca_cert = read_file(params["sequencer_ca_cert"]) if params["sequencer_ca_cert"] else b""
        participant.register(alias, params["sequencers"], ca_cert, manual)
        after = participant.synchronizers(health=True)
        if not any(item.alias == alias for item in after):
            raise CantonError(
                f"The {participant.label} accepted synchronizer {alias} but does not list it", "not_registered"
            )
    return Outcome(show(before), show(after), result(after))


def main() -> None:
    required_if = [("state", "connected", ["synchronizer"]), ("state", "registered", ["synchronizer", "sequencers"])]
    run_participant(SPEC, ensure, required_if=required_if)


if __name__ == "__main__":
    main()
