# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A move of parties on one synchronizer: the stage of each party, the comparison of the contracts of both sides, and how a
participant is disconnected from its synchronizers and connected again. The steps themselves are in ``steps``."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..._errors import CantonError, NotOffered
from ..._outcome import Outcome
from ..._waiting import wait_for
from ..contracts.tally import Tally, tally
from ..model.entities import ActiveContract, Host, Hosting, Offset
from ..model.ids import namespace_of, short, some
from ..model.interface import Canton3, Reader
from ..topology import delegation, hosting, synchronizers
from .journal import Away, Journal, open_journal

# The stage of a party, by its mapping alone.
# Who hosts a party of a move
PartyStage = t.Literal["source", "proposed", "onboarding", "both", "target"]
SOURCE: t.Final = "source"  # hosted by the source alone
PROPOSED: t.Final = "proposed"  # the source has signed that both host it
ONBOARDING: t.Final = "onboarding"  # both host it, the target with the onboarding flag
BOTH: t.Final = "both"  # both host it
TARGET: t.Final = "target"  # hosted by the target alone

SHOWN_DIFFERENCES = 10
VISIBLE_SECONDS = 60.0  # an index may lag behind its node, and others may transact between two reads


@dataclass(frozen=True)
class Options:
    """The options of the module. Synchronizers by alias or id, times in seconds; ``base``: the journal's base name."""

    source_synchronizer: str
    target_synchronizer: str
    base: str
    wanted: t.Sequence[str] | None = None
    excluded: t.Collection[str] = ()
    parallel: int = 8
    seconds: float = 300.0
    quiet_seconds: float = 60.0
    check: bool = False


@dataclass(frozen=True)
class PartyStages:
    """The stage and the mapping of every party of the move, in the order of their ids."""

    by_party: dict[str, PartyStage]
    mappings: dict[str, Hosting]

    def at(self, *stages: PartyStage) -> list[str]:
        return [party for party, stage in self.by_party.items() if stage in stages]

    def moved_to(self, stage: PartyStage, parties: t.Collection[str]) -> dict[str, object]:
        """The stages after ``parties`` have reached ``stage``."""
        return {party: stage if party in parties else before for party, before in self.by_party.items()}


class Replication:
    """One move: two participants, one synchronizer, and the journal. Refuses at once what is impossible."""

    def __init__(self, source: Reader, target: Reader, options: Options) -> None:
        self.options = options
        self.check = options.check
        self.source = _replicating(source)
        self.target = _replicating(target)
        self.store = synchronizers.known_id(source, options.source_synchronizer)
        there = synchronizers.known_id(target, options.target_synchronizer)
        if there != self.store:
            raise CantonError(
                f"source_synchronizer is {short(self.store)} and target_synchronizer is {short(there)}, but this module moves parties on one",
                error_id="not_the_same_synchronizer",
                hint="Set both to the same synchronizer. To migrate to another one, use participant_party and participant_acs_transfer.",
            )
        self.source_uid, self.target_uid = source.identity().uid, target.identity().uid
        self.journal: Journal = open_journal(options.base, self.source_uid, self.target_uid, self.store)

    def connected(self, participant: Reader) -> bool:
        return synchronizers.find(participant, self.store).connected

    def witness(self) -> Canton3:
        """A participant that is connected, since the store of a disconnected one is as old as its disconnect."""
        if self.connected(self.source):
            return self.source
        if self.connected(self.target):
            return self.target
        raise CantonError(
            f"Neither participant is connected to {short(self.store)}, so the stage of the parties is unknown",
            error_id="not_connected",
            hint=f"Connect the {self.source.label} with ledgerops.canton.participant_synchronizer, then run again.",
        )

    def both_host(self, mapping: Hosting) -> Hosting:
        """The mapping that adds the target, with the permission that the source has."""
        permission = mapping.hosts[0].permission
        hosts = (Host(self.source_uid, permission), Host(self.target_uid, permission, onboarding=True))
        return Hosting(mapping.party, 1, hosts, mapping.signing_keys)

    def hosted_alone(self, mapping: Hosting, uid: str) -> Hosting:
        """The mapping with this participant alone, with the permission that the source has."""
        here = mapping.host(self.source_uid)
        permission = (here or mapping.hosts[0]).permission
        return Hosting(mapping.party, 1, (Host(uid, permission),), mapping.signing_keys)

    def proposals_on(self, participant: Canton3, mappings: t.Mapping[str, Hosting]) -> set[str]:
        """Those parties whose proposal, just as this move makes it, this participant lists."""
        listed = participant.hostings(self.store, self.target_uid, proposals=True)
        return {item.party for item in listed if item.party in mappings and self._is_proposal(item, mappings)}

    def _is_proposal(self, item: Hosting, mappings: t.Mapping[str, Hosting]) -> bool:
        wanted = self.both_host(mappings[item.party])
        return set(item.hosts) == set(wanted.hosts) and item.threshold == 1

    def read(self, started: bool = False) -> PartyStages:
        """The present stage of every party of the move; refuses those that can't be moved, all in one error.

        ``started``: only those whose move has started, also where the journal does not know of it; none is refused.
        """
        witness = self.witness()
        # a synchronizer may have far more parties than these two participants host
        listed = [item for uid in (self.source_uid, self.target_uid) for item in witness.hostings(self.store, uid)]
        in_force = {item.party: item for item in listed}
        stages: dict[str, PartyStage] = {}
        mappings: dict[str, Hosting] = {}
        selection = hosting.PartySelection({}, {})
        decentralized = witness.decentralized_namespaces(self.store)
        namespaces = set() if started else self._namespaces()
        proposed = self.proposals_on(witness, {p: m for p, m in in_force.items() if m.host(self.source_uid)})
        for party in sorted(in_force) if started else self._requested(in_force):
            mapping = in_force.get(party)
            stage = None if mapping is None else self._stage(mapping, party in proposed)
            if started and not self._has_begun(party, stage):
                continue
            reason = None if started else self._why_not(party, mapping, stage, namespaces, decentralized)
            if reason or mapping is None or stage is None:
                selection.refused[party] = reason or "neither participant hosts it on this synchronizer"
            else:
                stages[party], mappings[party] = stage, mapping
        hosting.refuse_unmovable(selection)
        return PartyStages(stages, mappings)

    def _requested(self, in_force: t.Mapping[str, Hosting]) -> list[str]:
        """The requested parties, and those whose move has started: no party is left half moved."""
        wanted = self.options.wanted
        hosted = [party for party, item in in_force.items() if item.host(self.source_uid) and party != self.source_uid]
        chosen = {party for party in (hosted if wanted is None else wanted) if party not in self.options.excluded}
        started = [party for party in self.options.excluded if party in self.journal.parties]
        if started:
            raise CantonError(
                f"{len(started)} of the parties are excluded, but their move has started: {some(started)}",
                error_id="excluded_while_moving",
                hint="Complete their move, or roll the whole move back (state withdrawn) and start again without them.",
            )
        return sorted(chosen | set(self.journal.parties))

    def _has_begun(self, party: str, stage: PartyStage | None) -> bool:
        """Both may have hosted a party before, and without its flag this is unknown: it must be named then."""
        named = party in (self.options.wanted or ())
        return party in self.journal.parties or stage == ONBOARDING or (stage == BOTH and named)

    def _stage(self, mapping: Hosting, proposed: bool) -> PartyStage | None:
        here, there = mapping.host(self.source_uid), mapping.host(self.target_uid)
        if len(mapping.hosts) != (here is not None) + (there is not None) or mapping.threshold > 1:
            return None
        if here is None or there is None:
            alone: PartyStage = PROPOSED if proposed else SOURCE
            return alone if here is not None else TARGET
        return ONBOARDING if there.onboarding else BOTH

    def _namespaces(self) -> set[str]:
        """The source's own, and those of which both participants have a delegation: the source proposes, the target ends it."""
        mine = delegation.delegated_namespaces(self.source, self.store)
        return {namespace_of(self.source_uid)} | (mine & delegation.delegated_namespaces(self.target, self.store))

    def _why_not(
        self,
        party: str,
        mapping: Hosting | None,
        stage: PartyStage | None,
        namespaces: t.Collection[str],
        decentralized: t.Collection[str],
    ) -> str | None:
        if mapping is None:
            return "neither participant hosts it on this synchronizer"
        if stage in (None, SOURCE, PROPOSED):
            return hosting.why_not_movable(mapping, self.source_uid, namespaces, decentralized)
        if party in self.journal.parties:
            return None
        if stage == TARGET:
            return "the source does not host it on this synchronizer"
        return "both participants host it already, and the journal has no entry of its move" + (
            ": roll it back (state withdrawn, with this party in parties) and start again"
            if stage == ONBOARDING
            else ""
        )

    def unproven(self, stages: PartyStages) -> list[str]:
        """Parties that the target hosts already, and whose contracts are not proven to be there."""
        return [party for party in stages.at(ONBOARDING) if self.journal.proven(party) is None]

    def refuse_back_too_early(self, stages: PartyStages) -> None:
        """Contracts of hosted parties can be imported only while the target was not connected since it hosts them."""
        early = self.unproven(stages)
        if early and self.connected(self.target):
            raise CantonError(
                f"The {self.target.label} was connected before it had the contracts of {len(early)} parties: {some(early)}",
                error_id="connected_too_early",
                hint="Roll the move back (state withdrawn), then start again. The source still hosts them and has all contracts.",
            )

    def compare(self, parties: t.Sequence[str]) -> Comparison:
        """Refuse unless the target has exactly the contracts of these parties that the source has, all on this synchronizer.

        The sets must be equal: a contract that only the target has was archived on the source since.
        """
        equal, found = wait_for(
            lambda: self._compare_once(parties), VISIBLE_SECONDS, until=lambda found: found.equal(self.store)
        )
        if not equal:
            raise self._difference(parties, found)
        return found

    def _compare_once(self, parties: t.Sequence[str]) -> Comparison:
        end = self.source.ledger_end()
        partners: set[str] = set()

        def noted() -> t.Iterator[ActiveContract]:
            for item in self.source.active_contracts(parties, end):
                partners.update(item.stakeholders)
                yield item

        expected = tally(noted(), parties)
        target_end = self.target.ledger_end()
        there = tally(self._on_target(parties, partners, target_end), parties)
        return Comparison(expected, there, end, target_end, frozenset(partners))

    def _on_target(
        self, parties: t.Collection[str], partners: t.Collection[str], offset: Offset
    ) -> t.Iterator[ActiveContract]:
        """Contracts of ``parties`` on the target. Their partners are read as well: while it is disconnected it may
        show a shared contract only to those parties that it knows to host."""
        requested = {*parties, *partners}
        return (
            item for item in self.target.active_contracts(sorted(requested), offset) if item.stakeholders & set(parties)
        )

    def _difference(self, parties: t.Sequence[str], found: Comparison) -> CantonError:
        """An error with the first ids that differ; only here all ids are held in memory."""
        wanted = {item.contract_id for item in self.source.active_contracts(parties, found.source_offset)}
        here = {item.contract_id for item in self._on_target(parties, found.partners, found.target_offset)}
        missing, unexpected = sorted(wanted - here), sorted(here - wanted)
        text = f"The {self.target.label} shows {len(here)} contracts of these {len(parties)} parties, the {self.source.label} {len(wanted)}"
        if missing:
            text += f"; {len(missing)} are missing, first {missing[0]}"
        if unexpected:
            text += f"; {len(unexpected)} are only on the {self.target.label}, first {unexpected[0]}"
        if not missing and not unexpected:
            text += "; some of them are on another synchronizer"
        return CantonError(
            text,
            error_id="contracts_differ",
            hint="Nothing is lost: the source has all contracts. Check the target's log. If applications were running, stop them, "
            "roll the move back (state withdrawn) and start again.",
            details={
                "missing": missing[:SHOWN_DIFFERENCES],
                "unexpected": unexpected[:SHOWN_DIFFERENCES],
                "expected": len(wanted),
                "found": len(here),
            },
        )

    def keep_away(self, participant: Canton3, noted: dict[str, Away]) -> None:
        """Disconnect a participant from all its synchronizers, also over a restart; ``noted`` keeps the former connections."""
        connected = [item for item in participant.synchronizers() if item.connected]
        for item in connected:
            noted.setdefault(item.alias, Away(connected=True, manual_connect=item.manual_connect))
        self.journal.write()
        for item in connected:
            if not item.manual_connect:
                participant.set_manual_connect(item.alias, manual=True)
        for item in connected:
            synchronizers.set_connected(participant, item.alias, connected=False, seconds=self.options.seconds)

    def bring_back(self, participant: Canton3, noted: dict[str, Away]) -> None:
        """Connect what was connected before; the synchronizer of the move in any case."""
        alias = synchronizers.find(participant, self.store).alias
        for name, how in {alias: Away(connected=True, manual_connect=False), **noted}.items():
            item = synchronizers.find(participant, name)
            if name in noted and item.manual_connect != how.manual_connect:
                participant.set_manual_connect(name, how.manual_connect)
            if not item.connected:
                synchronizers.set_connected(participant, name, connected=True, seconds=self.options.seconds)
        if noted:
            noted.clear()
            self.journal.write()

    def outcome(
        self,
        stages: PartyStages,
        before: dict[str, object],
        after: dict[str, object],
        warnings: t.Sequence[str] = (),
        **more: object,
    ) -> Outcome:
        result: dict[str, object] = {
            "parties": list(stages.by_party),
            "stages": dict(stages.by_party),
            "held": bool(self.unproven(stages)),
            **more,
        }
        return Outcome(before, after, result, list(warnings))


@dataclass(frozen=True)
class Comparison:
    source: Tally
    target: Tally
    source_offset: Offset
    target_offset: Offset
    partners: frozenset[str]

    def equal(self, store: str) -> bool:
        return self.target.same_contracts(self.source) and set(self.target.synchronizers) <= {store}


def _replicating(reader: Reader) -> Canton3:
    participant = reader.require_live("moving parties on one synchronizer")
    found = participant.as_canton_3()
    if found is None:
        raise NotOffered(
            f"The {participant.label} runs Canton {participant.major}, which cannot move parties on one domain",
            hint="Migrate to another domain, or upgrade to Canton 3.5 first.",
        )
    lacks = found.lacks_for_replication()
    if lacks:
        raise NotOffered(
            f"The {found.label} can't move parties on one synchronizer: its API lacks {', '.join(lacks)}",
            hint="This requires Canton 3.5 on both sides. Upgrade, or migrate to another synchronizer.",
        )
    return found
