# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Number and order-free digest of a set of contracts, overall and per party."""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass, field

from ..._errors import CantonError
from ..model.entities import ActiveContract


class IdDigest:
    """An order-free digest of a set of ids: the sum of their SHA-256 values, and their number."""

    __slots__ = ("_sum", "count")

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0

    def add(self, identifier: str) -> None:
        self.count += 1
        self._sum = (self._sum + int.from_bytes(hashlib.sha256(identifier.encode()).digest(), "big")) % 2**256

    @property
    def value(self) -> str:
        return f"{self._sum:064x}"


@dataclass(frozen=True)
class PartyTally:
    """Number of contracts of one party, and the digest of their ids."""

    contracts: int
    digest: str


@dataclass(frozen=True)
class Tally:
    """A set of contracts: number and digest, overall and per party; numbers per synchronizer, per package, and
    per counterparty: a stakeholder that is none of the parties.
    """

    contracts: int
    digest: str
    parties: dict[str, PartyTally]
    synchronizers: dict[str, int]
    packages: dict[str, int]
    counterparties: dict[str, int] = field(default_factory=dict)

    def same_contracts(self, other: Tally) -> bool:
        return (self.contracts, self.digest, self.parties) == (other.contracts, other.digest, other.parties)


class Counter:
    """Counts contracts while they are read."""

    def __init__(self, parties: t.Iterable[str]) -> None:
        self._all = IdDigest()
        self._parties = {party: IdDigest() for party in parties}
        self._synchronizers: dict[str, int] = {}
        self._packages: dict[str, int] = {}
        self._counterparties: dict[str, int] = {}

    @property
    def contracts(self) -> int:
        return self._all.count

    def add(self, contract: ActiveContract) -> None:
        if contract.incomplete:
            raise CantonError(
                f"The reassignment of contract {contract.contract_id} between synchronizers is unfinished",
                error_id="incomplete_reassignment",
                hint="Complete or roll back the reassignment first: such contracts are not exported.",
            )
        self._all.add(contract.contract_id)
        self._synchronizers[contract.synchronizer] = self._synchronizers.get(contract.synchronizer, 0) + 1
        self._packages[contract.package_id] = self._packages.get(contract.package_id, 0) + 1
        for party in contract.stakeholders:
            if party in self._parties:
                self._parties[party].add(contract.contract_id)
            else:
                self._counterparties[party] = self._counterparties.get(party, 0) + 1

    def tally(self) -> Tally:
        parties = {party: PartyTally(item.count, item.value) for party, item in sorted(self._parties.items())}
        return Tally(
            self._all.count,
            self._all.value,
            parties,
            dict(sorted(self._synchronizers.items())),
            dict(sorted(self._packages.items())),
            dict(sorted(self._counterparties.items())),
        )


def tally(contracts: t.Iterable[ActiveContract], parties: t.Iterable[str]) -> Tally:
    counter = Counter(parties)
    for contract in contracts:
        counter.add(contract)
    return counter.tally()
