# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a migration in place stands, read from the participant, the KMS and the journal, and what is left to do.

The node and the KMS are the truth. The journal adds what neither can tell: which keys were chosen, what was connected before the stop, and the
contracts before it. docs/in-place.md shows the stages.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ..._errors import CantonError
from ..migration.journal import Journal, JournalFiles
from ..migration.plan import Step, step
from ..model.entities import AUTHORIZED, Identity, Key, Synchronizer
from ..model.interface import Canton3, Participant
from ..model.keys import serves
from ..preflight.findings import Findings
from . import keys, preflight
from .keys import Choice, KmsKey, Wanted

Stage = t.Literal[
    "unprepared", "prepared", "disconnected", "stopped", "started", "registered", "serving", "migrated", "retired"
]
# What the journal calls its events: the choice of keys, the contracts before the switch, its start and its end, the proof, the deletion of the old
# private keys, and the proof after it
CHOSEN, BASELINE, CUTOVER, CONNECTED = "chosen", "baseline", "cutover", "connected"
VERIFIED, DELETED, RETIRED = "verified", "deleted", "retired"

# The KMS's key of a name; None when there is none.
FindKey = t.Callable[[str], t.Optional[KmsKey]]


@dataclass(frozen=True)
class Seen:
    """The participant now. ``mapped`` are the keys of its mapping in its own store, ``effective`` those of each connected synchronizer."""

    node: Canton3
    identity: Identity
    own: tuple[Key, ...]
    mapped: tuple[Key, ...]
    synchronizers: tuple[Synchronizer, ...]
    effective: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, node: Canton3, identity: Identity) -> Seen:
        known = tuple(node.synchronizers(health=True))
        return cls(
            node,
            identity,
            tuple(node.own_keys()),
            tuple(node.owner_keys(AUTHORIZED, identity.uid)),
            known,
            {
                item.id: tuple(key.fingerprint for key in node.owner_keys(item.id, identity.uid))
                for item in known
                if item.connected
            },
        )

    @property
    def on_kms(self) -> bool:
        """Whether it runs with the provider kms, where no key is listed before it is registered."""
        return all(key.kms_key_id for key in self.own)

    @property
    def connected(self) -> tuple[Synchronizer, ...]:
        return tuple(item for item in self.synchronizers if item.connected)

    def delegated_to(self, fingerprint: str) -> bool:
        """Whether this key signs for the namespace, in its own store and on every connected synchronizer."""
        stores = (AUTHORIZED, *(item.id for item in self.connected))
        return all(
            any(found.target == fingerprint for found in self.node.delegations(store, self.identity.namespace))
            for store in stores
        )

    def maps(self, fingerprints: t.Collection[str]) -> bool:
        """Whether the mapping has all of these, everywhere."""
        stores = ({key.fingerprint for key in self.mapped}, *map(set, self.effective.values()))
        return all(set(fingerprints) <= store for store in stores)


@dataclass(frozen=True)
class Target:
    """A key of the choice with what the KMS has of it now; ``key`` None: not yet."""

    wanted: Wanted
    key: KmsKey | None

    def as_dict(self) -> dict[str, object]:
        return {
            "purpose": self.wanted.purpose,
            "name": self.wanted.name,
            "imported": self.wanted.imported,
            "fingerprint": self.key.fingerprint if self.key else self.wanted.fingerprint or None,
            "kms_key_id": self.key.kms_key_id if self.key else None,
        }


@dataclass
class Situation:
    """The answer. ``seen`` is None while the node is down, ``stage`` and ``choice`` where the findings refuse the migration."""

    findings: Findings
    journal: Journal
    files: JournalFiles
    uid: str
    seen: Seen | None = None
    stage: Stage | None = None
    choice: Choice | None = None
    targets: tuple[Target, ...] = ()
    steps: list[Step] = field(default_factory=list)

    @property
    def was_connected(self) -> list[dict[str, t.Any]]:
        """The synchronizers to connect after the switch: alias and ``manual_connect`` as they were before it. What a run that was killed has
        written down counts: it may have changed ``manual_connect`` already."""
        noted = list(self.journal.data(CUTOVER).get("synchronizers") or ())
        known = {item["alias"] for item in noted}
        serving = self.seen.connected if self.seen and not self.seen.on_kms else ()
        return noted + [
            {"alias": item.alias, "manual_connect": item.manual_connect} for item in serving if item.alias not in known
        ]

    def fingerprints(self, *purposes: str) -> list[str]:
        """Of the KMS's keys for these purposes."""
        return [each.key.fingerprint for each in self.targets if each.key and each.wanted.purpose in purposes]


def plan(
    participant: Participant, request: preflight.Request, files: JournalFiles, find: FindKey, *, retiring: bool = False
) -> Situation:
    """Read the participant and the KMS once. Nothing is changed, and nothing is raised that can be a finding.

    ``find`` returns the KMS's key of a name. ``retiring``: the keys are those that stay when the old private keys are deleted.
    """
    findings = preflight.begin(participant)
    identity = participant.identity()
    # a participant has one journal, whatever its name
    files = JournalFiles.of_pair(files.folder, files.name, identity.uid, identity.uid)
    journal = files.read(identity.uid, identity.uid)
    found = Situation(findings, journal, files, identity.uid)
    node = preflight.check_participant(findings, identity, request)
    if node is None:
        return found
    noted = journal.data(CHOSEN)
    found.choice = Choice.of(noted) if noted else preflight.choose(findings, node, request)
    if found.choice is None:
        return found
    if retiring or journal.last(RETIRED):
        found.choice = found.choice.retired(request.provider, request.prefix)
    found.seen = Seen.of(node, identity)
    found.targets = findings.as_finding(_targets, found, find) or ()
    if not found.targets:
        return found
    found.stage = _stage(found, found.seen)
    switching = journal.last(CUTOVER) > journal.last(CONNECTED)
    if found.stage in ("unprepared", "prepared") or (found.stage == "disconnected" and not switching):
        preflight.check_connections(findings, found.seen.synchronizers)
    found.steps = _steps(found, found.seen)
    return found


def stopped(files: JournalFiles, find: FindKey) -> Situation | None:
    """The situation of a participant that does not answer. None unless the journal has a switch that was begun and not finished: only between its
    stop and its start that is a stage."""
    journal = files.recorded()
    if journal is None or not journal.last(CUTOVER) or journal.last(CONNECTED) > journal.last(CUTOVER):
        return None
    found = Situation(
        preflight.begin(None), journal, files, journal.source, stage="stopped", choice=Choice.of(journal.data(CHOSEN))
    )
    found.targets = _targets(found, find)
    found.steps = [
        step(each, needed=True, why="the participant does not answer")
        for each in ("restart", "register", "connect", "settle", "restore")
    ]
    return found


def _targets(found: Situation, find: FindKey) -> tuple[Target, ...]:
    targets = []
    for wanted in found.choice.wanted if found.choice else ():
        wanted = _bridged(wanted, found.seen)
        key = find(wanted.name)
        if key is not None:
            keys.refuse_unfit(wanted, key)
        targets.append(Target(wanted, key))
    return tuple(targets)


def _bridged(wanted: Wanted, seen: Seen | None) -> Wanted:
    """The bridge is known as soon as the node has generated it."""
    if not wanted.imported or wanted.fingerprint or seen is None or seen.on_kms:
        return wanted
    bridge = keys.bridge_of(seen.mapped)
    return wanted if bridge is None else Wanted(wanted.purpose, wanted.name, bridge.fingerprint, imported=True)


def _stage(found: Situation, seen: Seen) -> Stage:
    journal = found.journal
    if not seen.on_kms:
        if seen.connected:
            return "unprepared" if any(each.needed for each in _preparations(found, seen)) else "prepared"
        return "disconnected"
    if any(each.needed for each in [_registration(found, seen)]):
        return "started"
    if not _all_connected(found, seen):
        return "registered"
    if journal.last(RETIRED):
        return "retired"
    return "migrated" if journal.last(VERIFIED) else "serving"


def _all_connected(found: Situation, seen: Seen) -> bool:
    """When the switch was proven, which synchronizers are connected is the operator's business again."""
    connected = {item.alias for item in seen.connected}
    if found.journal.last(VERIFIED) > found.journal.last(CUTOVER):
        return bool(connected)
    return bool(connected) and all(item["alias"] in connected for item in found.was_connected)


def _preparations(found: Situation, seen: Seen) -> list[Step]:
    """What is done while it serves with its own keys."""
    choice = t.cast(Choice, found.choice)
    missing = [each for each in found.targets if each.key is None]
    bridge = choice.flavour == "bridge" and keys.bridge_of(seen.mapped) is None
    steps = [
        step("bridge", bridge, "no RSA-2048 encryption key, which a KMS can import, is in force"),
        step(
            "keys",
            any(not each.wanted.imported for each in missing),
            f"{sum(not each.wanted.imported for each in missing)} keys are not in the KMS yet",
        ),
        step(
            "import_keys",
            any(each.wanted.imported for each in missing),
            f"{sum(each.wanted.imported for each in missing)} private keys are not in the KMS yet",
        ),
    ]
    if choice.flavour == "import":
        return steps
    namespace = found.fingerprints("namespace")
    signing = found.fingerprints("sequencer_authentication", "protocol", *born_encryption(choice))
    return [
        *steps,
        step(
            "delegation",
            not namespace or not seen.delegated_to(namespace[0]),
            "the namespace is not delegated to the KMS's key",
        ),
        step(
            "mapping",
            bool(missing) or not seen.maps(signing),
            "the owner-to-key mapping does not have the KMS's keys",
        ),
    ]


def born_encryption(choice: Choice) -> tuple[str, ...]:
    return ("encryption",) if any(not item.imported for item in choice.of_purpose("encryption")) else ()


def _registration(found: Situation, seen: Seen) -> Step:
    registered = {key.fingerprint for key in seen.own if key.kms_key_id}
    lacking = [each for each in found.targets if each.key is None or each.key.fingerprint not in registered]
    return step("register", bool(lacking), f"{len(lacking)} KMS keys are not registered")


def _steps(found: Situation, seen: Seen) -> list[Step]:
    on_kms = seen.on_kms
    choice = t.cast(Choice, found.choice)
    connected = _all_connected(found, seen)
    noted = found.journal.last(CONNECTED) > found.journal.last(CUTOVER)
    cut = bool(born_encryption(choice)) and not on_kms and bool(seen.connected) and cut_mapping(found, seen) is not None
    restored = found.journal.last(VERIFIED) > found.journal.last(CUTOVER) or all(
        item.manual_connect == before["manual_connect"]
        for before in found.was_connected
        for item in seen.synchronizers
        if item.alias == before["alias"]
    )
    before = _preparations(found, seen)
    if on_kms or not seen.connected:
        why = "the participant runs on the KMS" if on_kms else "the participant is disconnected"
        before = [Step(each.id, needed=False, why=why) for each in before]
    return [
        *before,
        step("baseline", not on_kms and bool(seen.connected), "the contracts are counted right before the switch"),
        step("disconnect", not on_kms and bool(seen.connected), "the participant serves with its own keys"),
        step("cut", cut, "senders encrypt for the participant's own key"),
        step("restart", not on_kms, "the participant runs with its own keys"),
        step("register", not on_kms or _registration(found, seen).needed, "the KMS keys are not registered"),
        step(
            "connect",
            not (on_kms and connected and noted),
            "the participant does not serve from the KMS, or it is not recorded",
        ),
        step(
            "settle",
            not (on_kms and connected) or final_order(found, seen) is not None,
            "no topology transaction proves that the KMS signs",
        ),
        step("restore", not (on_kms and connected and restored), "manual_connect is not as it was"),
    ]


def cut_mapping(found: Situation, seen: Seen) -> list[str] | None:
    """The mapping without the encryption keys that are not in the KMS; None when it is so. The old signing keys stay: they only sign, and the way
    back needs them."""
    there = set(found.fingerprints("encryption"))
    kept = [key.fingerprint for key in seen.mapped if not serves(key, "encryption") or key.fingerprint in there]
    return None if len(kept) == len(seen.mapped) or not there else kept


def final_order(found: Situation, seen: Seen) -> list[str] | None:
    """The mapping in the order in which the KMS's keys come last; None when it is so.

    Only the order changes, and only the KMS holds a key that signs for the namespace: that the synchronizer takes it is the proof that it does.
    """
    own = {item.fingerprint for item in seen.own}
    old = t.cast(Choice, found.choice).old
    mapped = [key.fingerprint for key in seen.mapped]
    encryption = {key.fingerprint for key in seen.mapped if serves(key, "encryption")}
    # of an import all keys are the same before and after: their order is turned
    turned = list(reversed(old)) if set(old) <= own else mapped
    rank = {fingerprint: turned.index(fingerprint) for fingerprint in mapped if fingerprint in turned}
    wanted = sorted(mapped, key=lambda each: (each in encryption, each in own, rank.get(each, 0)))
    stores = [mapped, *map(list, seen.effective.values())]
    return None if all(store == wanted for store in stores) else wanted


def refuse_unchosen(found: Situation) -> None:
    """For states that need a migration that was begun."""
    if found.choice is None or found.seen is None:
        raise CantonError(
            f"No migration in place of {found.uid} was started, or the participant does not answer",
            error_id="in_place_not_begun",
            hint="Run ledgerops.canton.migrate_in_place, then verify.",
        )
