# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A participant made of lists, with the faults that real ones have; it writes down what changes it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from unit.plugins.samples import (
    ALICE,
    BOB,
    CAROL,
    NEW,
    NEW_NAMESPACE,
    NEW_SYNC,
    OLD,
    OLD_NAMESPACE,
    OLD_SYNC,
    PACKAGE,
    contract,
    hosting,
    key,
    read_record,
    snapshot,
    synchronizer,
)

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, Unreachable
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    ActiveContract,
    Dar,
    Delegation,
    Hosting,
    Identity,
    IdentityProvider,
    Key,
    LocalParty,
    Offset,
    Pong,
    Right,
    SignedDelegation,
    Synchronizer,
    User,
    Vetting,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.interface import Canton3, Participant
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.key_pair import KeyPair


@dataclass
class Fake:
    """Stores are named as in the real one; ``lose`` swallows that many hostings (or removals) that were answered with OK.

    ``past`` has the contracts at offsets before the end; ``purge_breaks`` is the number of batches before a purge fails.

    ``major`` 2 makes it behave as Canton 2 does: hostings and vettings go to its own store, and from there to the
    synchronizer when it is connected.
    """

    uid: str
    label: str
    known: list[Synchronizer] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    hosted: dict[str, list[Hosting]] = field(default_factory=dict)
    decentralized: set[str] = field(default_factory=set)
    delegated: dict[str, list[Delegation]] = field(default_factory=dict)
    removed: dict[str, list[Delegation]] = field(default_factory=dict)
    dar_contents: dict[Dar, set[str]] = field(default_factory=dict)
    vetted: dict[str, set[str | Vetting]] = field(default_factory=dict)
    contracts: list[ActiveContract] = field(default_factory=list)
    end: int = 10
    flying: list[int | None] = field(default_factory=lambda: [0])
    providers: list[IdentityProvider] = field(default_factory=list)
    people: list[User] = field(default_factory=list)
    authenticates: bool = True
    parties: list[LocalParty] = field(default_factory=list)
    schedule: str = ""
    status: Identity | None = None
    has_ledger: bool = True
    memory: bool = False
    clock: float | None = None
    lose: int = 0
    host_errors: dict[str, CantonError] = field(default_factory=dict)
    chunk_bytes: int = 64
    import_breaks: bool = False
    pong: Pong = field(default_factory=lambda: Pong(True, 40, NEW))
    changes: list[Any] = field(default_factory=list)
    major: int = 3
    versions: dict[str, int] = field(default_factory=dict)
    unsettled: int = 0
    past: dict[int, list[ActiveContract]] = field(default_factory=dict)
    purge_breaks: int | None = None
    archived: set[str] = field(default_factory=set)
    validated: list[tuple[bytes, str, str]] = field(default_factory=list)
    dar_error: CantonError | None = None

    # -- what the dialects differ in --------------------------------------------------------------------------------

    @property
    def reports_kms_keys(self) -> bool:
        return self.major > 2

    @property
    def reports_synchronizer_of_contracts(self) -> bool:
        return self.major > 2

    @property
    def hosts_offline(self) -> bool:
        return self.major == 2

    @property
    def one_mapping_per_host(self) -> bool:
        return self.major == 2

    @property
    def writes_for_protocol_version(self) -> bool:
        return self.major == 2

    @property
    def common_protocol_version(self) -> int:
        return 34 if self.major > 2 else 5

    def remember(self) -> None:
        """A fake answers from its fields."""

    def require_live(self, _step: str) -> Participant:
        return self

    def as_canton_3(self) -> Canton3 | None:
        return None

    def hosting_stores(self, store: str) -> tuple[str, ...]:
        return (store, AUTHORIZED) if self.major == 2 else (store,)

    def hosting_store(self, store: str) -> str:
        connected = any(item.connected and item.id == store for item in self.known)
        return store if connected or self.major > 2 else AUTHORIZED

    def topology_published(self, _store: str) -> bool:
        self.unsettled -= 1
        return self.unsettled < 0

    def protocol_version(self, item: Synchronizer) -> int | None:
        number = "".join(item.physical_id.split("::")[2:]).partition("-")[0]
        return int(number) if self.major > 2 and number else self.versions.get(item.alias)

    # -- reading ------------------------------------------------------------------------------------------------------

    def identity(self) -> Identity:
        return self.status or Identity(self.uid, True, True, "3.5.10", "", (34, 35))

    def last_time(self, _synchronizer: str) -> float | None:
        return self.clock if self.major > 2 else None

    def in_memory(self) -> bool:
        return self.memory

    def synchronizers(self, health: bool = False) -> list[Synchronizer]:
        return list(self.known)

    def own_keys(self) -> list[Key]:
        return list(self.keys)

    def hostings(self, store: str, participant: str = "") -> list[Hosting]:
        return [item for item in self.hosted.get(store, []) if not participant or item.host(participant)]

    def decentralized_namespaces(self, _store: str) -> set[str]:
        return self.decentralized

    def delegations(self, store: str, namespace: str = "", target: str = "") -> list[Delegation]:
        found = self.delegated.get(store, [])
        return [item for item in found if namespace in ("", item.namespace) and target in ("", item.target)]

    def written_for(self, item: Synchronizer) -> int | None:
        return self.protocol_version(item) if self.major == 2 else None

    def signed_delegations(
        self, store: str, namespace: str, removed: bool = False, written_for: int | None = None
    ) -> list[SignedDelegation]:
        self.delegations_written_for = written_for
        found = (self.removed if removed else self.delegated).get(store, [])
        return [SignedDelegation(item, signed(item)) for item in found if item.namespace == namespace]

    def read_delegation(self, raw: bytes) -> SignedDelegation | None:
        namespace, target = raw.decode().split()
        return None if namespace == "?" else SignedDelegation(_delegation(namespace, target), raw)

    def export_key_pair(self, _fingerprint: str, _protocol_version: int) -> KeyPair:
        raise CantonError("preview commands are off", error_id="preview_commands_off")

    def read_key_pair(self, _raw: bytes) -> KeyPair:
        raise CantonError("no key pair", error_id="wrapper_unreadable")

    def read_key(self, raw: bytes, name: str) -> Key:
        return replace(key(raw.decode()), name=name, public_key=raw)

    def dars(self) -> list[Dar]:
        return list(self.dar_contents)

    def dar_packages(self, main: str) -> set[str]:
        return {main} | next(contents for dar, contents in self.dar_contents.items() if dar.main == main)

    def dar_main(self, payload: bytes, _name: str) -> str:
        return payload.decode().split(",")[0]

    def packages(self) -> dict[str, str]:
        return {name: name for dar in self.dar_contents for name in self.dar_packages(dar.main)}

    def vettings(self, store: str, _participant: str) -> set[Vetting]:
        return {item if isinstance(item, Vetting) else Vetting(item) for item in self.vetted.get(store, set())}

    def ledger_end(self) -> int:
        return self.end

    def active_contracts(self, parties: Iterable[str], offset: Offset) -> Iterator[ActiveContract]:
        for item in self._contracts_of(parties, self.past.get(int(offset))):
            yield item if self.major > 2 else replace(item, synchronizer="")

    def _contracts_of(
        self, parties: Iterable[str], contracts: list[ActiveContract] | None = None
    ) -> Iterator[ActiveContract]:
        known, asked = self.contracts if contracts is None else contracts, set(parties)
        return (item for item in list(known) if item.stakeholders & asked)

    def was_archived(self, contract_id: str, _parties: Iterable[str]) -> bool | None:
        return contract_id in self.archived if self.major > 2 else None

    def read_record(self, raw: bytes) -> ActiveContract:
        return read_record(raw)

    def in_flight(self, _synchronizer: str) -> int | None:
        return self.flying.pop(0) if len(self.flying) > 1 else self.flying[0]

    def pruning_schedule(self) -> str | None:
        return self.schedule if self.major > 2 else None

    def identity_providers(self) -> list[IdentityProvider]:
        return list(self.providers)

    def knows_authentication(self) -> bool:
        return self.authenticates

    def users(self, provider: str, wanted: Callable[[str], bool] = bool) -> list[User]:
        return [user for user in self.people if user.identity_provider == provider and wanted(user.id)]

    def local_parties(self, provider: str = "") -> list[LocalParty]:
        return [party for party in self.parties if party.identity_provider == provider]

    # -- changing -----------------------------------------------------------------------------------------------------

    def connect(self, alias: str) -> None:
        self._set_connected(alias, True)

    def disconnect(self, alias: str) -> None:
        self._set_connected(alias, False)

    def set_manual_connect(self, alias: str, manual: bool) -> None:
        self.changes.append(("manual" if manual else "automatic", alias))
        self.known = [replace(item, manual_connect=manual) if item.alias == alias else item for item in self.known]

    def register(self, alias: str, connections: Sequence[str], ca_cert: bytes, manual_connect: bool) -> None:
        self.changes.append(("register", alias, list(connections), ca_cert))
        self.known.append(replace(synchronizer(alias, connected=False), manual_connect=manual_connect))

    def ping(self, target: str, store: str, _seconds: int) -> Pong:
        self.changes.append(("ping", target, store))
        return self.pong

    def _set_connected(self, alias: str, connected: bool) -> None:
        self.changes.append(("connect" if connected else "disconnect", alias))
        self.known = [
            replace(item, connected=connected, healthy=connected) if item.alias == alias else item
            for item in self.known
        ]

    def host_parties(self, store: str, hostings: Sequence[Hosting], _parallel: int) -> list[CantonError | None]:
        def host(item: Hosting) -> None:
            listed = self.hosted.setdefault(self.hosting_store(store), [])
            listed[:] = [*(other for other in listed if other.party != item.party), item]

        return self._written("host", hostings, host)

    def unhost_parties(self, store: str, hostings: Sequence[Hosting], _parallel: int) -> list[CantonError | None]:
        def unhost(item: Hosting) -> None:
            for name in {store, self.hosting_store(store)} if self.major > 2 else self._reached(store):
                self.hosted[name] = [other for other in self.hosted.get(name, []) if other.party != item.party]

        return self._written("unhost", hostings, unhost)

    def _written(
        self, what: str, hostings: Sequence[Hosting], write: Callable[[Hosting], None]
    ) -> list[CantonError | None]:
        """The answers to these writes. One that is refused has no effect, and one that is lost is accepted without effect."""
        self.changes.append((what, [item.party for item in hostings]))
        errors = [self.host_errors.get(item.party) for item in hostings]
        for item, error in zip(hostings, errors, strict=True):
            if error is None and self.lose > 0:
                self.lose -= 1
            elif error is None:
                write(item)
        return errors

    def _reached(self, store: str) -> set[str]:
        """The stores that a write of Canton 2 gets to: its own, and that of a synchronizer that is connected."""
        return {AUTHORIZED, self.hosting_store(store)}

    def authorize_delegation(self, namespace: str, target_key: Key) -> None:
        self.changes.append(("authorize", target_key.fingerprint))
        self.delegated.setdefault(AUTHORIZED, []).append(_delegation(namespace, target_key.fingerprint))

    def remove_delegation(self, namespace: str, target_key: Key) -> None:
        self.changes.append(("give up", target_key.fingerprint))
        self._remove(AUTHORIZED, _delegation(namespace, target_key.fingerprint))

    def delegation_removals(self, store: str, namespace: str, _written_for: int | None) -> list[SignedDelegation]:
        found = self.removed.get(store, [])
        return [
            SignedDelegation(item, f"- {item.namespace} {item.target}".encode())
            for item in found
            if item.namespace == namespace
        ]

    def _remove(self, store: str, gone: Delegation) -> None:
        left = [item for item in self.delegated.get(store, []) if item.target != gone.target]
        self.delegated[store] = left
        self.removed.setdefault(store, []).append(gone)

    def add_transactions(self, store: str, signed: Sequence[bytes]) -> None:
        reached = (store, *(item.id for item in self.known if item.connected))
        if signed[0].startswith(b"- "):
            gone = _delegation(*signed[0].decode().split()[1:])
            self.changes.append(("unload", gone.target))
            for name in reached:
                self._remove(name, gone)
            return
        items = [_delegation(*raw.decode().split()) for raw in signed]
        self.changes.append(("load", [item.target for item in items]))
        for name in reached:
            self.delegated.setdefault(name, []).extend(items)

    def download_dar(self, main: str) -> bytes:
        """The ids of its packages stand for the bytes of a DAR."""
        return ",".join(sorted(self.dar_packages(main))).encode()

    def validate_dar(self, payload: bytes, name: str, synchronizer: str) -> None:
        self.validated.append((payload, name, synchronizer))
        if self.dar_error is not None:
            raise self.dar_error

    def upload_dar(self, payload: bytes, main: str, description: str) -> None:
        self.changes.append(("upload", main))
        self.dar_contents[Dar(main, description or main, "", description)] = set(payload.decode().split(","))

    def vet(self, store: str, participant: str, vettings: Collection[Vetting]) -> None:
        self.changes.append(("vet", store, *sorted(item.package_id for item in vettings)))
        existing = {item.package_id: item for item in self.vettings(store, participant)}
        self.vetted[store] = {*{**existing, **{item.package_id: item for item in vettings}}.values()}

    def create_identity_provider(self, provider: IdentityProvider) -> None:
        self.providers.append(provider)

    def create_user(self, user: User) -> None:
        self.people.append(user)

    def update_user(self, user: User) -> None:
        self.people = [replace(user, rights=item.rights) if item.id == user.id else item for item in self.people]

    def grant_rights(self, user: User, rights: Iterable[Right]) -> None:
        self.people = [
            replace(item, rights=item.rights | frozenset(rights)) if item.id == user.id else item
            for item in self.people
        ]

    def set_display_name(self, party: str, name: str) -> None:
        self.parties = [replace(item, display_name=name) if item.party == party else item for item in self.parties]

    def annotate_party(self, party: str, annotations: Mapping[str, str], _provider: str) -> None:
        self.parties = [
            replace(item, annotations=tuple(annotations.items())) if item.party == party else item
            for item in self.parties
        ]

    def assign_party_to_provider(self, party: str, provider: str) -> None:
        self.parties = [
            replace(item, identity_provider=provider) if item.party == party else item for item in self.parties
        ]

    def export_contracts(
        self, parties: Sequence[str], offset: Offset, renames: Mapping[str, str], protocol_version: int | None
    ) -> Iterator[bytes]:
        self.changes.append(("export", sorted(parties), offset))
        self.exported_for = protocol_version
        found = self._contracts_of(parties)
        raw = snapshot(replace(item, synchronizer=renames.get(item.synchronizer, "?")) for item in found)
        for start in range(0, len(raw), self.chunk_bytes):
            yield raw[start : start + self.chunk_bytes]

    def purge_contracts(self, alias: str, contract_ids: Sequence[str], parties: Sequence[str]) -> None:
        self.changes.append(("purge", alias, list(contract_ids), sorted(parties)))
        if self.purge_breaks is not None:
            self.purge_breaks -= 1
            if self.purge_breaks < 0:
                raise Unreachable("the node went away")
        self.contracts = [item for item in self.contracts if item.contract_id not in contract_ids]
        self.end += 1

    def import_contracts(self, chunks: Iterable[bytes], store: str, _prefix: str, parties: Sequence[str]) -> None:
        """Like a real one: what names another synchronizer is dropped, and the answer is OK all the same."""
        raw = gzip.decompress(b"".join(chunks))
        self.changes.append(("import", store))
        while raw and not self.import_breaks:
            length = end = shift = 0
            while True:
                byte = raw[end]
                length |= (byte & 0x7F) << shift
                end, shift = end + 1, shift + 7
                if byte < 0x80:
                    break
            item = read_record(raw[end : end + length])
            raw = raw[end + length :]
            if item.synchronizer == store and item not in self.contracts:
                self.contracts.append(item)
        self.end += 1


def _delegation(namespace: str, target: str) -> Delegation:
    return Delegation(namespace, target, "all" if namespace == target else "all_but_namespace_delegations", 1)


def signed(item: Delegation) -> bytes:
    """What stands for a signed transaction."""
    return f"{item.namespace} {item.target}".encode()


def old_participant(**values: Any) -> Fake:
    """A source that could be migrated: three parties, four contracts, one DAR, off its synchronizer."""
    defaults: dict[str, Any] = {
        "known": [synchronizer("oldsync", connected=False)],
        "keys": [key(OLD_NAMESPACE)],
        "hosted": {OLD_SYNC: [hosting(party, OLD) for party in (ALICE, BOB, CAROL, OLD)]},
        "delegated": {AUTHORIZED: [Delegation(OLD_NAMESPACE, OLD_NAMESPACE, "all", 1)]},
        "dar_contents": {Dar(PACKAGE, "app", "1.0.0"): set()},
        "vetted": {OLD_SYNC: {PACKAGE}},
        "contracts": [
            contract("00a1", ALICE),
            contract("00a2", ALICE, BOB),
            contract("00b1", BOB),
            contract("00c1", CAROL),
        ],
        "parties": [LocalParty(party, True) for party in (ALICE, BOB, CAROL)],
    }
    return Fake(OLD, "source participant", **{**defaults, **values})


def new_participant(**values: Any) -> Fake:
    """A target with keys in a KMS that hosts the three parties and has vetted the package, off its synchronizer."""
    defaults: dict[str, Any] = {
        "known": [synchronizer("newsync", connected=False)],
        "keys": [key(NEW_NAMESPACE, kms_key_id="kms-1"), key("1220dd", "rsa_2048", "encryption", "kms-2")],
        "hosted": {NEW_SYNC: [hosting(party, NEW) for party in (ALICE, BOB, CAROL)]},
        "dar_contents": {Dar(PACKAGE, "app", "1.0.0"): set()},
        "vetted": {NEW_SYNC: {PACKAGE}},
    }
    return Fake(NEW, "target participant", **{**defaults, **values})
