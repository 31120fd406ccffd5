# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding a synchronizer of a participant, and connecting or disconnecting it."""

from __future__ import annotations

import time

from ..._errors import CantonError
from ..._waiting import wait_for
from ..model.entities import AUTHORIZED, Synchronizer
from ..model.interface import Participant, Reader

QUIET_POLLS = 3  # in a row with nothing in flight, so that a gap between two transactions is not taken for quiet


def find(participant: Reader, wanted: str, health: bool = False) -> Synchronizer:
    """The synchronizer with this alias, logical id or physical id; never a prefix of one."""
    known = participant.synchronizers(health)
    for item in known:
        if wanted and wanted in (item.alias, item.id, item.physical_id):
            return item
    raise CantonError(
        f"The {participant.label} does not know a synchronizer {wanted}",
        error_id="unknown_synchronizer",
        hint="It knows: "
        + (", ".join(sorted(item.alias for item in known)) or "none")
        + ". Register it first, or correct the alias.",
    )


def known(participant: Reader, wanted: str) -> Synchronizer:
    """A synchronizer whose id the node knows, which is only after its first connect
    (docs/canton/synchronizers.md#ids-are-known-after-the-first-contact)."""
    found = find(participant, wanted)
    if not found.physical_id:
        raise CantonError(
            f"The {participant.label} has never been connected to synchronizer {found.alias}, so its id is unknown",
            error_id="synchronizer_never_connected",
            hint="Connect it once with ledgerops.canton.participant_synchronizer."
            + ("" if participant.major > 2 else " Canton 2 also forgets the id while the domain does not answer."),
        )
    return found


def known_id(participant: Reader, wanted: str) -> str:
    """The logical id of a ``known`` synchronizer."""
    return known(participant, wanted).id


def connected_id(participant: Reader, wanted: str, why: str) -> str:
    """The logical id of a synchronizer that must be connected; ``why`` ends the sentence of the refusal."""
    found = find(participant, wanted)
    if not found.connected:
        raise CantonError(
            f"The {participant.label} is not connected to synchronizer {found.alias}, {why}",
            error_id="not_connected",
            hint="Connect it with ledgerops.canton.participant_synchronizer, then run again.",
        )
    return found.id


def stores(participant: Reader) -> dict[str, str]:
    """The stores in which a change of the node's own topology has to show, with their names in results: its own, and those of the
    connected synchronizers."""
    return {AUTHORIZED: AUTHORIZED, **{item.id: item.alias for item in participant.synchronizers() if item.connected}}


def refuse_away(participant: Reader, wanted: str, why: str) -> None:
    """Refuse what a node of Canton 3 can write only while it is connected; Canton 2 writes it and pushes it later."""
    if not participant.hosts_offline:
        connected_id(participant, wanted, why)


def refuse_connected(participant: Reader, why: str) -> None:
    """Refuse when any synchronizer is connected (docs/canton/contracts.md#import-and-purge-need-all-synchronizers-disconnected)."""
    connected = sorted(item.alias for item in participant.synchronizers() if item.connected)
    if connected:
        raise CantonError(
            f"The {participant.label} is still connected to {', '.join(connected)}, {why}",
            error_id="still_connected",
            hint="Disconnect it with ledgerops.canton.participant_synchronizer (state disconnected), then run again.",
        )


def wait_until_quiet(participant: Reader, item: Synchronizer, seconds: float) -> str:
    """Wait until nothing is in flight on a connected synchronizer, or refuse (docs/canton/synchronizers.md#work-in-flight).

    For a node that cannot count (Canton 2.8) the whole time is waited, and the result is a warning, otherwise nothing.
    """
    polls = 0

    def quiet(count: int | None) -> bool:
        nonlocal polls
        polls = polls + 1 if count == 0 else 0
        return count is None or polls == QUIET_POLLS

    reached, count = wait_for(lambda: participant.in_flight(item.id), seconds, until=quiet)
    if not reached:
        raise CantonError(
            f"The {participant.label} still has {count} submissions or transactions in flight on {item.alias} after {seconds:g} s",
            error_id="in_flight",
            hint="Stop the applications that submit to it, wait for the confirmation and mediator time-outs, then run again.",
        )
    if count is not None:
        return ""
    time.sleep(seconds)
    return (
        f"The {participant.label} cannot report work in flight on {item.alias} (Canton 2.8), so {seconds:g} s were waited instead. "
        "This must be at least the participant response and mediator reaction time-outs together, 60 s by default"
    )


def set_connected(participant: Participant, alias: str, connected: bool, seconds: float) -> None:
    """Connect or disconnect and prove it by the node's own list."""
    if connected:
        participant.connect(alias)
    else:
        participant.disconnect(alias)

    def is_so(item: Synchronizer) -> bool:
        return item.connected == connected and (item.healthy or not connected)

    reached, _last = wait_for(lambda: find(participant, alias, health=connected), seconds, until=is_so)
    if not reached:
        raise CantonError(
            f"The {participant.label} accepted the request to {'connect' if connected else 'disconnect'} {alias}, "
            f"but its list does not show this after {seconds:g} s",
            error_id="synchronizer_state",
            hint="Check the node's log for this synchronizer, then run again.",
        )


def set_manual_connect(participant: Participant, alias: str, manual: bool, seconds: float) -> None:
    """Decide whether the node connects ``alias`` by itself after a restart, and prove it by the node's own list."""
    participant.set_manual_connect(alias, manual)
    reached, _last = wait_for(
        lambda: find(participant, alias), seconds, until=lambda item: item.manual_connect == manual
    )
    if not reached:
        raise CantonError(
            f"The {participant.label} accepted that synchronizer {alias} is connected {'manually' if manual else 'automatically'}, "
            f"but its list does not show this after {seconds:g} s",
            error_id="manual_connect_ignored",
            hint="Set manual_connect of this synchronizer in the node's own configuration or console, then run again: after a restart it "
            "would connect otherwise than it should.",
        )


def change(participant: Participant, before: Synchronizer, after: Synchronizer, seconds: float) -> None:
    """Make ``after`` of a registered synchronizer, and read each change back."""
    # The restart behaviour first: a node that restarts in between then comes back in the wanted state.
    if before.manual_connect != after.manual_connect:
        set_manual_connect(participant, before.alias, after.manual_connect, seconds)
    if before.connected != after.connected:
        set_connected(participant, before.alias, after.connected, seconds)
    if after.connected:
        wait_until_published(participant, find(participant, after.alias), seconds)


def wait_until_published(participant: Participant, item: Synchronizer, seconds: float) -> None:
    """Wait until a synchronizer has what was hosted and vetted while its participant was disconnected
    (docs/canton/migration.md#canton-2-hosts-parties-while-disconnected)."""
    reached, _last = wait_for(lambda: participant.topology_published(item.id), seconds)
    if not reached:
        raise CantonError(
            f"The {participant.label} is connected to {item.alias}, which does not list all its hostings and vettings after {seconds:g} s",
            error_id="topology_not_pushed",
            hint="Check the node's log for refused topology transactions, then run again.",
        )
