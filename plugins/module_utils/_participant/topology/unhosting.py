# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removing the hosting of parties from a target, and the proof by the synchronizer's list."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ..._errors import CantonError, MappingExists, MappingGone, PartyHasContracts
from ..._outcome import Outcome
from ..._waiting import wait_for
from ..model import ids
from ..model.entities import AUTHORIZED, Hosting
from ..model.interface import Participant, Reader
from . import hosting, synchronizers


@dataclass(frozen=True)
class Hosted:
    """Parties that the target hosts, with their mappings: on the synchronizer, and, for Canton 2, in its own store."""

    on_synchronizer: dict[str, Hosting]
    in_own_store: dict[str, Hosting]

    @property
    def parties(self) -> list[str]:
        return sorted({*self.on_synchronizer, *self.in_own_store})


def hosted(target: Reader, uid: str, store: str, parties: t.Collection[str]) -> Hosted:
    def listed(name: str) -> dict[str, Hosting]:
        return {item.party: item for item in target.hostings(name, uid) if item.party in parties}

    return Hosted(listed(store), listed(AUTHORIZED) if target.hosts_offline else {})


def parties_of(
    source: Reader, source_store: str, wanted: t.Sequence[str] | None, excluded: t.Collection[str]
) -> tuple[set[str], set[str]]:
    """The parties that are meant, and those of them that the source hosts: by default all of these but its admin party."""
    uid = source.identity().uid
    there = {item.party for item in source.hostings(source_store, uid)} - {uid}
    meant = (there if wanted is None else set(wanted)) - set(excluded)
    return meant, meant & there


def refuse_homeless(source: Reader, found: Hosted, there: t.Collection[str]) -> None:
    """A party that the source does not host either would have no host."""
    homeless = [party for party in found.parties if party not in there]
    if homeless:
        raise CantonError(
            f"The {source.label} does not host {len(homeless)} of the parties, so they would have no host: {ids.some(homeless)}",
            error_id="hosted_nowhere_else",
            hint="Host them on the source first, or exclude them.",
            details={"parties": homeless},
        )


def without(mapping: Hosting, uid: str) -> Hosting:
    """The mapping without this host; refuses when the others are too few for the party's threshold."""
    left = replace(mapping, hosts=tuple(host for host in mapping.hosts if host.participant != uid))
    if left.threshold > len(left.hosts):
        raise CantonError(
            f"Party {ids.short(mapping.party)} requires {left.threshold} confirming participants and would have only {len(left.hosts)}",
            error_id="threshold_too_high",
            hint="The owner of the party has to lower its threshold first; or exclude the party.",
        )
    return left


def unhost(
    target: Participant, uid: str, store: str, parties: t.Collection[str], parallel: int, seconds: float
) -> None:
    """Remove this host of the parties, and wait until every list shows it.

    A mapping with no other host is removed, repeated as it is; from one with others, only this host is removed
    (docs/canton/topology.md#a-removal-repeats-the-mapping).
    Canton 2 has a mapping for each host. As for hosting, an OK can be lost: what stays is sent again.
    """
    remaining = seconds
    while True:
        left = hosted(target, uid, store, parties)
        if not left.parties:
            return
        if remaining <= 0:
            raise CantonError(
                f"{len(left.parties)} of {len(parties)} parties are still hosted by the {target.label}: {ids.some(left.parties)}",
                error_id="parties_still_hosted",
                hint="Check that the target is connected to the synchronizer, then run again: removed parties are skipped.",
            )
        errors = _send(target, uid, store, left, parallel)
        failures = hosting.failures_of(errors, (MappingExists, MappingGone))
        if failures:
            raise _cannot_unhost(target, failures[0], len(failures), len(left.parties))
        wait_for(lambda: not hosted(target, uid, store, parties).parties, min(hosting.LOST_AFTER_SECONDS, remaining))
        remaining -= hosting.LOST_AFTER_SECONDS


def _divide(left: Hosted, uid: str) -> tuple[list[Hosting], list[Hosting]]:
    """Mappings that go as a whole, and those that stay, without this host."""
    mappings = left.on_synchronizer.values()
    alone = [item for item in mappings if len(item.hosts) == 1]
    return alone, [without(item, uid) for item in mappings if len(item.hosts) > 1]


def _send(target: Participant, uid: str, store: str, left: Hosted, parallel: int) -> list[CantonError | None]:
    if target.one_mapping_per_host:
        return target.unhost_parties(store, list({**left.on_synchronizer, **left.in_own_store}.values()), parallel)
    alone, shared = _divide(left, uid)
    errors = target.host_parties(store, shared, parallel) if shared else []
    return errors + (target.unhost_parties(store, alone, parallel) if alone else [])


def _cannot_unhost(target: Participant, error: CantonError, failed: int, total: int) -> CantonError:
    hint = error.hint
    if isinstance(error, PartyHasContracts):
        hint = (
            "Purge the imported contracts first (participant_acs_transfer with state purged). If the target has transacted with the "
            "party, a rollback is no longer possible: run a reverse migration, from this target to a fresh participant."
        )
    elif isinstance(error, hosting.UNSIGNED):
        hint = (
            f"The keys of the {target.label} may not sign this: the owner of the party's namespace has to sign, or the delegation of the "
            "namespace is missing on this synchronizer. " + hint
        )
    return error.restated(
        f"The hosting of {failed} of {total} parties could not be removed. First error: {error.message}", hint
    )


def ensure_absent(params: dict[str, t.Any], source: Reader, target: Reader, check: bool) -> Outcome:
    uid = target.identity().uid
    source_store = synchronizers.known_id(source, params["source_synchronizer"])
    store = synchronizers.known_id(target, params["target_synchronizer"])
    meant, there = parties_of(source, source_store, params["parties"], params["exclude"])
    found = hosted(target, uid, store, meant)
    refuse_homeless(source, found, there)
    if not target.one_mapping_per_host:
        _divide(found, uid)  # refuses
    if found.parties and not check:
        # Canton 2 can remove offline only what has not reached the domain.
        if found.on_synchronizer:
            synchronizers.connected_id(target, params["target_synchronizer"], "which lists the hostings to remove")
        unhost(
            target.require_live("removing hostings"),
            uid,
            store,
            found.parties,
            params["parallel"],
            params["wait_timeout"],
        )
    return Outcome(
        before={"hosted": found.parties},
        after={"hosted": []},
        result={
            "parties": sorted(there),
            "hosted": [],
            "sent_again": [],
            "unhosted": found.parties,
            "on_synchronizer": sorted(found.on_synchronizer),
            "with_contracts": _with_contracts(target, found.parties) if check else False,
        },
    )


def _with_contracts(target: Reader, parties: t.Sequence[str]) -> bool:
    """Whether the target shows any active contract of these parties: as long as it does, the node refuses to remove their hosting."""
    if not parties or not target.has_ledger:
        return False
    return any(True for _item in target.active_contracts(parties, target.ledger_end()))
