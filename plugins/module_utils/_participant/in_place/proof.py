# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof of a migration in place: what the participant had before the switch, compared with what it shows now at the same offset.

The contracts are counted while the participant serves, so the downtime does not grow with them. A node shows its contracts at a past offset, so the
same set is read twice: with the old keys before the switch, and from the KMS after it.
"""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass

from ..._errors import CantonError
from ..contracts.tally import PartyTally, Tally, tally
from ..copying.users import read_users
from ..model.entities import AUTHORIZED, Offset
from ..model.ids import some
from ..model.interface import Canton3
from ..model.keys import serves
from .plan import BASELINE, Seen, Situation

NO_BASELINE = "in_place_no_baseline"


@dataclass(frozen=True)
class Baseline:
    """What the participant ``uid`` had at ``offset``: contracts per party by digest, its parties, and a digest of its users with their rights."""

    offset: int
    contracts: int
    digest: str
    parties: dict[str, PartyTally]
    users: str

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "offset": self.offset,
            "contracts": self.contracts,
            "digest": self.digest,
            "parties": {party: [found.contracts, found.digest] for party, found in self.parties.items()},
            "users": self.users,
        }

    @classmethod
    def of(cls, values: t.Mapping[str, t.Any]) -> Baseline:
        parties = {party: PartyTally(*found) for party, found in values["parties"].items()}
        return cls(values["offset"], values["contracts"], values["digest"], parties, values["users"])


def read_baseline(seen: Seen) -> Baseline:
    """The baseline of a participant that serves."""
    offset = int(seen.node.ledger_end() or 0)
    parties = _parties(seen)
    found = _tally(seen.node, parties, offset)
    return Baseline(offset, found.contracts, found.digest, found.parties, _users(seen.node))


def _parties(seen: Seen) -> set[str]:
    hosted = {item.party for one in seen.connected for item in seen.node.hostings(one.id, seen.identity.uid)}
    return hosted | {seen.identity.uid}


def _tally(node: Canton3, parties: t.Collection[str], offset: Offset) -> Tally:
    return tally(node.active_contracts(parties, offset), parties)


def _users(node: Canton3) -> str:
    found = read_users(node, [item.id for item in node.identity_providers()])
    lines = sorted(
        repr((key, user.primary_party, user.deactivated, user.annotations, sorted(map(str, user.rights))))
        for key, user in found.items()
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def prove(found: Situation) -> dict[str, t.Any]:
    """Prove that the participant has everything that it had, and that all keys in use lie in the KMS; raises what differs."""
    seen, values = found.seen, found.journal.data(BASELINE)
    if seen is None or found.choice is None or not values:
        raise CantonError(
            f"The journal {found.files.journal} has no contracts of {found.uid} from before the switch, so nothing can be compared",
            error_id=NO_BASELINE,
            hint="Restore the journal folder of this migration, or set path to it.",
        )
    _refuse_keys(found, seen)
    return {**_contracts(seen, Baseline.of(values)), "keys": [each.as_dict() for each in found.targets]}


def _contracts(seen: Seen, before: Baseline) -> dict[str, t.Any]:
    end = int(seen.node.ledger_end() or 0)
    if end < before.offset:
        raise CantonError(
            f"The ledger of the participant ends at {end} now and ended at {before.offset} before the switch: it runs on an older database",
            error_id="in_place_ledger_shrunk",
            hint="Disconnect it now, and find out which database its configuration names. Contracts are missing.",
        )
    now = _tally(seen.node, list(before.parties), before.offset)
    differing = [party for party, tallied in before.parties.items() if now.parties.get(party) != tallied]
    if differing or (now.contracts, now.digest) != (before.contracts, before.digest):
        raise CantonError(
            f"At offset {before.offset} the participant shows {now.contracts} contracts now and showed {before.contracts} before the switch; "
            f"they differ for {some(differing)}",
            error_id="contracts_differ",
            hint="Disconnect it now, and find out which database its configuration names.",
            details={"expected": before.contracts, "found": now.contracts},
        )
    lost = set(before.parties) - _parties(seen)
    if lost:
        raise CantonError(
            f"The participant no longer hosts {some(sorted(lost))}",
            error_id="parties_differ",
            hint="Find out who has changed the hosting since the switch, then run again.",
        )
    return {
        "contracts": before.contracts,
        "digest": before.digest,
        "offset": before.offset,
        "ledger_end": end,
        "parties": sorted(before.parties),
        "users_unchanged": _users(seen.node) == before.users,
    }


def _refuse_keys(found: Situation, seen: Seen) -> None:
    """Every key in use has to be the KMS's, by its public key. Others may still be in the mapping, for the rollback, but only behind them."""
    registered = {key.fingerprint: key.kms_key_id for key in seen.own if key.kms_key_id}
    for each in found.targets:
        if each.key is None or each.key.fingerprint not in registered:
            raise _not_in_kms(f"the {each.wanted.purpose} key {each.wanted.name} is not registered")
    stores = {
        AUTHORIZED: seen.mapped,
        **{item.id: seen.node.owner_keys(item.id, seen.identity.uid) for item in seen.connected},
    }
    for store, mapped in stores.items():
        for purpose in ("sequencer_authentication", "protocol", "encryption"):
            if not any(key.fingerprint in registered for key in mapped if serves(key, purpose)):
                raise _not_in_kms(f"the mapping in store {store} has no {purpose} key of the KMS")
        encryption = [key.fingerprint for key in mapped if serves(key, "encryption")]
        if encryption[-1] not in registered:
            raise _not_in_kms(f"others encrypt for {encryption[-1]}, the last encryption key in store {store}")
    if (
        found.choice is not None
        and found.choice.delegates
        and not seen.delegated_to(found.fingerprints("namespace")[0])
    ):
        raise _not_in_kms("the namespace is not delegated to the KMS's key")


def _not_in_kms(what: str) -> CantonError:
    return CantonError(
        f"Not all keys in use lie in the KMS: {what}",
        error_id="keys_not_in_kms",
        hint="Run ledgerops.canton.migrate_in_place again: it does what is missing.",
    )
