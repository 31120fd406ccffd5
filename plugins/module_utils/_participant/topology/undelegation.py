# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removing a delegation. On Canton 3 the same key can never get it again, so no rollback does this."""

from __future__ import annotations

import typing as t
from dataclasses import asdict

from ..._errors import CantonError
from ..._outcome import Outcome
from ..._waiting import wait_for
from ..model import ids
from ..model.entities import AUTHORIZED, Key
from ..model.ids import namespace_of
from ..model.interface import Participant, Reader
from . import delegation, synchronizers


def refuse_unconfirmed(confirmed: bool) -> None:
    if not confirmed:
        raise CantonError(
            "The removal of a delegation cannot be undone, and give_up_key is not true",
            error_id="give_up_key_missing",
            hint="Canton never accepts a removed delegation again for the same key: this target could never take over again. "
            "A rollback does not need the removal. Set give_up_key to true to remove it anyway.",
        )


def refuse_dependants(target: Reader, uid: str, namespace: str, store: str) -> None:
    """Without the delegation the target's keys could never move the parties that it hosts by it."""
    hosted = {
        item.party
        for each in target.hosting_stores(store)
        for item in target.hostings(each, uid)
        if namespace_of(item.party) == namespace
    }
    if hosted:
        raise CantonError(
            f"The {target.label} still hosts {len(hosted)} parties of namespace {namespace[:12]}…: {ids.some(hosted)}",
            error_id="parties_still_hosted",
            hint="Remove their hosting first (participant_party with state absent): this requires the delegation.",
            details={"parties": sorted(hosted)},
        )


def undelegate(
    source: Participant, target: Participant, namespace: str, target_key: Key, synchronizer: str, seconds: float
) -> None:
    """Sign the removal with the source's root key, load it on the target, and wait until no store lists the delegation.

    The source is not on the target's synchronizer, so the target submits the removal there
    (docs/canton/topology.md#a-removal-reaches-a-synchronizer-by-a-connected-node).
    """
    if any(item.target == target_key.fingerprint for item in source.delegations(AUTHORIZED, namespace)):
        source.remove_delegation(namespace, target_key)
    written_for = target.written_for(synchronizers.find(target, synchronizer))
    removals = [
        item.signed
        for item in source.delegation_removals(AUTHORIZED, namespace, written_for)
        if item.delegation.target == target_key.fingerprint
    ]
    if not removals:
        raise CantonError(
            f"The {source.label} accepted the removal of the delegation but does not list it",
            error_id="removal_missing",
            hint="Check the source's log, then run again.",
        )
    target.add_transactions(AUTHORIZED, removals)

    def gone() -> bool:
        state = delegation.delegation_state(source, target, namespace, target_key.fingerprint, synchronizer)
        return state == delegation.DelegationState.nowhere()

    reached, _last = wait_for(gone, seconds, not_before=delegation.EFFECT_SECONDS)
    if not reached:
        raise CantonError(
            f"The removal of the delegation of {namespace[:12]}… was accepted, but the synchronizer still lists it",
            error_id="delegation_still_effective",
            hint="Check that the target is connected to the synchronizer and healthy, then run again.",
        )


def ensure_absent(params: dict[str, t.Any], source: Reader, target: Reader, check: bool) -> Outcome:
    refuse_unconfirmed(params["give_up_key"])
    uid, namespace = target.identity().uid, params["namespace"] or source.identity().namespace
    key = delegation.namespace_key(target, uid)
    store = synchronizers.known_id(target, params["synchronizer"])
    before = delegation.delegation_state(source, target, namespace, key.fingerprint, store)
    after = delegation.DelegationState.nowhere()
    if before != after:
        refuse_dependants(target, uid, namespace, store)
        delegation.refuse_without_root_key(
            source, namespace, delegation.DelegationState(source=not before.source, target=False, synchronizer=False)
        )
        if not check:
            synchronizers.connected_id(target, params["synchronizer"], "which the removal has to reach")
            signer, loader = (each.require_live("removing the delegation") for each in (source, target))
            undelegate(signer, loader, namespace, key, store, params["wait_timeout"])
    return Outcome(
        asdict(before),
        asdict(after),
        {"namespace": namespace, "target_key": key.fingerprint, "delegation": asdict(after)},
    )
