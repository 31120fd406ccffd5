# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two participants on one synchronizer that share its topology, as real ones do: who is away sees nothing new."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from unit.plugins.fakes import Fake
from unit.plugins.samples import (
    ALICE,
    BOB,
    CAROL,
    NEW,
    NEW_NAMESPACE,
    OLD,
    OLD_NAMESPACE,
    OLD_SYNC,
    PACKAGE,
    contract,
    hosting,
    key,
    snapshot,
    synchronizer,
)

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    ActiveContract,
    Clearance,
    Dar,
    Delegation,
    Host,
    Hosting,
    SignedHosting,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.interface import Canton3
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.replication.move import Options, Replication
from ansible_collections.ledgerops.canton.plugins.modules import participant_party_replication as module

STEPS = ("proposed", "activated", "exported", "imported", "onboarded", "moved")
ZOE = f"Zoe::{NEW_NAMESPACE}"
# contracts of Alice and Bob
THEIRS = {"00a1", "00a2", "00b1", "00c2", "00z1"}


class Killed(BaseException):
    """A module that was killed."""


@dataclass
class Synchronizer:
    """Mappings in force, proposals, and at which moment of its time each party became hosted by whom."""

    mappings: dict[str, Hosting]
    proposals: dict[str, Hosting] = field(default_factory=dict)
    since: dict[tuple[str, str], int] = field(default_factory=dict)
    clock: int = 0

    def write(self, item: Hosting) -> None:
        self.clock += 1
        for host in item.hosts:
            if not self.mappings[item.party].host(host.participant):
                self.since[item.party, host.participant] = self.clock
        self.mappings[item.party] = item
        self.proposals.pop(item.party, None)


@dataclass
class Node(Fake):
    """``dies_at``: the call at which the module is killed, before or after the node did it."""

    net: Synchronizer = field(default_factory=lambda: Synchronizer({}))
    seen: Synchronizer = field(default_factory=lambda: Synchronizer({}))
    lacks: list[str] = field(default_factory=list)
    dies_at: str = ""
    dies_after: bool = False
    clearing: int = 2
    refuses: dict[str, CantonError] = field(default_factory=dict)
    arriving: list[ActiveContract] = field(default_factory=list)

    def online(self) -> bool:
        return any(item.connected and item.id == OLD_SYNC for item in self.known)

    def links(self) -> list[tuple[bool, bool]]:
        """Of each synchronizer: whether it is connected, and by hand only."""
        return [(item.connected, item.manual_connect) for item in self.known]

    def view(self) -> Synchronizer:
        if self.online():
            self.seen = Synchronizer(dict(self.net.mappings), dict(self.net.proposals))
        return self.seen

    def _set_connected(self, alias: str, connected: bool) -> None:
        self.view()
        super()._set_connected(alias, connected)
        self.view()
        if connected:
            self.contracts += self.arriving
            self.arriving = []

    def done(self, call: str, act: Callable[[], Any]) -> Any:
        if self.dies_at == call and not self.dies_after:
            raise Killed
        self.changes.append((call,))
        self.end += 1
        found = act()
        if self.dies_at == call:
            raise Killed
        return found

    def as_canton_3(self) -> Canton3 | None:
        return cast("Canton3", self) if self.major == 3 else None  # all that a move of parties asks, and no keys

    def lacks_for_replication(self) -> list[str]:
        return self.lacks

    def hostings(self, _store: str, participant: str = "", proposals: bool = False) -> list[Hosting]:
        view = self.view()
        listed = (view.proposals if proposals else view.mappings).values()
        return [item for item in listed if not participant or item.host(participant)]

    def propose_hostings(self, _store: str, hostings: Sequence[Hosting], _parallel: int) -> list[CantonError | None]:
        def act() -> list[CantonError | None]:
            errors = [self.refuses.get("propose") for _item in hostings]
            for item, error in zip(hostings, errors, strict=True):
                if error is None and self.lose > 0:
                    self.lose -= 1
                elif error is None:
                    self.net.proposals[item.party] = item
            return errors

        return list(self.done("propose", act))

    def host_parties(self, _store: str, hostings: Sequence[Hosting], _parallel: int) -> list[CantonError | None]:
        def act() -> None:
            for item in hostings:
                self.net.write(item)

        self.done("host", act)
        return [None for _item in hostings]

    def signed_proposals(self, _store: str, namespace: str) -> list[SignedHosting]:
        return [
            SignedHosting(item, json.dumps([item.party, self.uid]).encode())
            for item in self.view().proposals.values()
            if item.party.endswith(namespace)
        ]

    def sign_transactions(self, signed: Sequence[bytes]) -> list[bytes]:
        assert not self.online()
        return list(self.done("sign", lambda: [json.dumps([*json.loads(raw), self.uid]).encode() for raw in signed]))

    def add_transactions(self, _store: str, signed: Sequence[bytes], wait_seconds: int = 0) -> None:
        def act() -> None:
            for raw in signed:
                party, *signers = json.loads(raw)
                assert signers == [OLD, NEW]
                self.net.write(self.net.proposals[party])

        self.done("add", act)

    def export_party_contracts(
        self, party: str, _store: str, target: str, begin: int, _seconds: int
    ) -> Iterator[bytes]:
        """At the moment of the activation: what shares a contract with somebody who is hosted there no later is left out."""
        assert begin < self.end
        since = self.net.since
        then = since[party, target]
        already = {other for (other, host), at in since.items() if host == target and at <= then and other != party}
        already |= {
            item.party for item in self.net.mappings.values() if item.host(target) and (item.party, target) not in since
        }
        raw = snapshot(item for item in self._contracts_of([party]) if not item.stakeholders & already)
        yield from self.done("export", lambda: [raw[:20], raw[20:]])

    def import_party_contracts(self, chunks: Iterable[bytes], party: str, store: str, _prefix: str) -> None:
        assert not self.online()
        if party not in self.view().proposals:
            raise CantonError("Aborted", error_id="PARTY_ACS_IMPORT_MISSING_ONBOARDING_MAPPING")
        self.done("import", lambda: self.import_contracts(chunks, store, "", [party]))

    def clear_onboarding(self, party: str, _store: str, _begin: int, _seconds: int) -> Clearance:
        assert self.online()
        if "clear" in self.refuses:
            raise self.refuses.pop("clear")
        self.clearing -= 1
        if self.clearing >= 0:
            return Clearance(False, 1.0)
        item = self.net.mappings[party]
        self.done(
            "clear",
            lambda: self.net.write(replace(item, hosts=tuple(Host(h.participant, h.permission) for h in item.hosts))),
        )
        return Clearance(True)

    def purge_contracts(self, _alias: str, contract_ids: Sequence[str], _parties: Sequence[str]) -> None:
        assert not self.online()

        def act() -> None:
            self.contracts = [item for item in self.contracts if item.contract_id not in contract_ids]

        self.done("purge", act)


class Setting:
    """Ada's and Ben's like: parties that share contracts in all combinations, one with a party of the target and one with a
    party that stays."""

    def __init__(self, folder: Path) -> None:
        self.net = Synchronizer(
            {
                **{party: hosting(party, OLD) for party in (ALICE, CAROL, OLD)},
                BOB: hosting(BOB, OLD, permission="confirmation"),
                ZOE: hosting(ZOE, NEW),
                NEW: hosting(NEW, NEW),
            }
        )
        shared = contract("00z1", ALICE, ZOE)
        both: dict[str, Any] = {
            "known": [replace(synchronizer("oldsync"), alias="shared")],
            "net": self.net,
            "dar_contents": {Dar(PACKAGE, "app", "1.0.0"): set()},
            "vetted": {OLD_SYNC: {PACKAGE}},
        }
        self.source = Node(
            uid=OLD,
            label="source participant",
            keys=[key(OLD_NAMESPACE)],
            contracts=[
                contract("00a1", ALICE),
                contract("00a2", ALICE, BOB),
                contract("00b1", BOB),
                contract("00c1", CAROL),
                contract("00c2", CAROL, ALICE),
                shared,
            ],
            **both,
        )
        delegation = Delegation(OLD_NAMESPACE, NEW_NAMESPACE, "all_but_namespace_delegations", 1)
        self.target = Node(
            uid=NEW,
            label="target participant",
            keys=[key(NEW_NAMESPACE)],
            contracts=[shared],
            delegated={AUTHORIZED: [delegation], OLD_SYNC: [delegation]},
            **both,
        )
        self.folder = folder
        self.options: dict[str, Any] = {"wanted": [ALICE, BOB], "seconds": 1.0, "quiet_seconds": 1.0}

    def move(self, **options: Any) -> Replication:
        values = {"source_synchronizer": "shared", "target_synchronizer": "shared", "base": str(self.folder / "node1")}
        return Replication(self.source, self.target, Options(**{**values, **self.options, **options}))

    def run(self, state: str, **options: Any) -> Outcome:
        return module.STATES[state](self.move(**options))

    def all(self, *states: str, **options: Any) -> list[Outcome]:
        return [self.run(state, **options) for state in states or STEPS]

    def up_to(self, last: str) -> None:
        self.all(*STEPS[: STEPS.index(last) + 1])

    def ids(self, node: Node, *parties: str) -> set[str]:
        return {item.contract_id for item in node.active_contracts(parties, 1)}

    def journal(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "node1.parties.json").read_text()))
