# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The v0 dialect: Canton 2.8 to 2.10. One small method per RPC, plain dataclasses in and out.

A synchronizer is a domain here, and has one id only. Topology is written into the node's own store (``Authorized``),
connected or not; the node pushes it to the domains that it is connected to, now or at the next connect
(docs/canton/canton-2.md#everything-goes-into-the-authorized-store).
"""

from __future__ import annotations

import dataclasses
import typing as t
from contextlib import suppress

from ansible_collections.ledgerops.canton.plugins.module_utils._api.channel import Api
from ansible_collections.ledgerops.canton.plugins.module_utils._api.descriptors import Message
from ansible_collections.ledgerops.canton.plugins.module_utils._api.wrapper import V0 as WRAPPED_V0
from ansible_collections.ledgerops.canton.plugins.module_utils._api.wrapper import (
    topology_version,
    unwrap_delegation,
    unwrap_repair_contract,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import (
    CantonError,
    DarWithoutContent,
    MappingExists,
    TransactionExists,
    Unreachable,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.dar_file import main_package
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.exported_key import (
    read_pair,
    refusal,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.node import (
    LedgerAdmin,
    active_contract,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    MEMORY_STORAGE,
    ActiveContract,
    Dar,
    Delegation,
    Host,
    Hosting,
    Identity,
    Key,
    Offset,
    Pong,
    SignedDelegation,
    Synchronizer,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.key_pair import KeyPair
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import ED25519_SPKI_PREFIX
from ansible_collections.ledgerops.canton.plugins.module_utils._waiting import wait_for

CANTON = "com.digitalasset.canton."
PARTICIPANT = CANTON + "participant.admin.v0."
TOPOLOGY = CANTON + "topology.admin.v0."
VAULT = CANTON + "crypto.admin.v0.VaultService/"
STATUS = PARTICIPANT + "ParticipantStatusService/ParticipantStatus"
OLD_STATUS = CANTON + "health.admin.v0.StatusService/Status"
CONNECTIVITY = PARTICIPANT + "DomainConnectivityService/"
PACKAGES = PARTICIPANT + "PackageService/"
REPAIR = PARTICIPANT + "ParticipantRepairService/"
IN_FLIGHT = PARTICIPANT + "InspectionService/CountInFlight"
IDENTITY = TOPOLOGY + "InitializationService/GetId"
READ = TOPOLOGY + "TopologyManagerReadService/"
WRITE = TOPOLOGY + "TopologyManagerWriteService/"

SLOW_SECONDS = 300.0  # calls that wait for a domain, as in Canton 3

AUTHORIZED_STORE = "Authorized"  # its name in the API
MEMBER_PREFIX = "PAR::"
PERMISSIONS = {1: "submission", 2: "confirmation", 3: "observation"}  # the weaker, the higher; 4 is none at all
BOTH, FROM, TO = 1, 2, 3
ADD = 0
# Proto version of a topology transaction to the protocol versions that write it (docs/canton/canton-2.md#versions-of-messages)
PROTOCOL_VERSIONS = {0: (3,), 1: (4, 5), 2: (6,), 3: (7,)}
RAW, DER = 3, 2
SPECS = {
    "Ed25519": "ec_curve25519",
    "EcDsaP256": "ec_p256",
    "EcDsaP384": "ec_p384",
    "EciesP256HkdfHmacSha256Aes128Gcm": "ec_p256",
    "EciesP256HmacSha256Aes128Cbc": "ec_p256",
    "Rsa2048OaepSha256": "rsa_2048",
}


class V0(LedgerAdmin):
    """One participant of Canton 2."""

    MAJOR = 2
    LEDGER = "com.daml.ledger.api.v1."
    SHOWS_KMS_KEYS = False
    SHOWS_SYNCHRONIZERS_OF_CONTRACTS = False
    HOSTS_OFFLINE = True
    # Every pair of a party and a host is a mapping of its own: one more does not end another, which only its signer can.
    REPLACES_HOSTS = False

    def __init__(self, admin: Api, ledger: Api | None) -> None:
        super().__init__(admin, ledger)
        self.admin.starting = self._is_starting
        self._known_uid = ""
        self._asked_ids: dict[str, str] = {}
        self._dar_hashes: dict[str, str] = {}
        self._dar_contents: dict[str, Message] = {}

    @staticmethod
    def is_spoken_by(services: t.Iterable[str]) -> bool:
        """Whether a node that lists these services speaks this dialect."""
        versions = {name.split(".")[-2] for name in services if name.startswith(CANTON)}
        return "v0" in versions and "v30" not in versions

    # -- status and identity --------------------------------------------------------------------------------------

    def identity(self) -> Identity:
        """Who this is. A node without identity is waited for: one that makes its own looks like one that waits for it.

        2.8 has no service that tells release and protocol versions: it is what lacks the one of 2.10.
        """
        _reached, initialized = wait_for(self._initialized, self.admin.endpoint.ready_timeout)
        found = initialized or self._status()
        if found.initialized:
            return found
        known = self.admin.read(IDENTITY)
        waiting_for = "initialization" if known.initialized else "id"
        return dataclasses.replace(found, uid=_bare(known.unique_identifier), waiting_for=waiting_for)

    def _initialized(self) -> Identity | None:
        found = self._status()
        return found if found.initialized else None

    def _status(self) -> Identity:
        return self._new_status() if self.admin.has_rpc(STATUS) else self._old_status()

    def _new_status(self) -> Identity:
        answer = self.admin.read(STATUS)
        if answer.HasField("failure"):
            raise CantonError(
                f"The {self.label} cannot tell its status: {answer.failure.error_message}", error_id="status_failed"
            )
        if not answer.HasField("status"):
            return Identity("", False, answer.unavailable.active, "", "", ())
        common = answer.status.common_status
        versions = tuple(answer.status.supported_protocol_versions)
        return Identity(_bare(common.uid), True, answer.status.active, common.version, "", versions)

    def _old_status(self) -> Identity:
        answer = self.admin.read(OLD_STATUS)
        if not answer.HasField("success"):
            return Identity("", False, answer.not_initialized.active, "", "", ())
        return Identity(_bare(answer.success.id), True, answer.success.active, "2.8", "", ())

    def in_memory(self) -> bool:
        """Whether the node has no database, by the components of its status."""
        new = self.admin.has_rpc(STATUS)
        found = self.admin.read(STATUS).status.common_status if new else self.admin.read(OLD_STATUS).success
        return any(item.name == MEMORY_STORAGE for item in found.components)

    def last_time(self, synchronizer: str) -> float | None:
        """None: it is not read from Canton 2."""
        return None

    def _is_starting(self, rpc: str) -> bool:
        """Whether this RPC may still come: waits for a node without identity, and refuses when it never gets one."""
        if rpc in (STATUS, OLD_STATUS, IDENTITY):
            return False
        try:
            ready, _last = wait_for(
                lambda: self.admin.once(OLD_STATUS).HasField("success"), self.admin.endpoint.ready_timeout
            )
        except CantonError as exc:
            return self._status_is_late(exc)
        if not ready:
            raise self._waits_for_identity("identity and keys")
        return self._is_late(rpc)

    def _uid(self) -> str:
        if not self._known_uid:
            self._known_uid = _bare(self.admin.read(IDENTITY).unique_identifier)
        return self._known_uid

    # -- domains --------------------------------------------------------------------------------------------------

    def synchronizers(self) -> list[Synchronizer]:
        connected = {
            item.domain_alias: item for item in self.admin.read(CONNECTIVITY + "ListConnectedDomains").connected_domains
        }
        configs = self._configured()
        away = [item for item in configs if item.domain_alias not in connected]
        ids = self._ids_of_disconnected(away, {item.domain_id for item in connected.values()}) if away else {}
        return [
            Synchronizer(
                alias=config.domain_alias,
                physical_id=ids[config.domain_alias] if config in away else connected[config.domain_alias].domain_id,
                connected=config not in away,
                healthy=config not in away and connected[config.domain_alias].healthy,
                manual_connect=config.manual_connect,
            )
            for config in configs
        ]

    def _configured(self) -> list[Message]:
        return [result.config for result in self.admin.read(CONNECTIVITY + "ListConfiguredDomains").results]

    def _ids_of_disconnected(self, configs: t.Sequence[Message], connected: set[str]) -> dict[str, str]:
        """Ids by alias; empty for a domain that this node was never connected to, which is one without a topology store.

        A configuration may name an id before the first connect, and ``GetDomainId`` asks the domain itself: both count
        only with a store. Where neither tells, the last store without an alias belongs to the last alias without an id.
        """
        stores = set(self.admin.read(READ + "ListAvailableStores").store_ids) - {AUTHORIZED_STORE} - connected
        ids = {config.domain_alias: config.domain_id for config in configs if config.domain_id}
        for config in configs:
            if stores - set(ids.values()) and config.domain_alias not in ids:
                asked = self._ask_for_id(config.domain_alias)
                if asked:
                    ids[config.domain_alias] = asked
        unclaimed = stores - set(ids.values())
        silent = [config.domain_alias for config in configs if config.domain_alias not in ids]
        if len(unclaimed) == 1 and len(silent) == 1:
            ids[silent[0]] = unclaimed.pop()
        return {
            config.domain_alias: ids[config.domain_alias] if ids.get(config.domain_alias) in stores else ""
            for config in configs
        }

    def _ask_for_id(self, alias: str) -> str:
        """The id of a disconnected domain by its own word, or nothing when it does not answer; asked once in a run."""
        if alias not in self._asked_ids:
            try:
                answer = self.admin.once(CONNECTIVITY + "GetDomainId", domain_alias=alias)
                self._asked_ids[alias] = answer.domain_id
            except Unreachable:  # the node itself, not the domain
                raise
            except CantonError:
                self._asked_ids[alias] = ""
        return self._asked_ids[alias]

    def protocol_version(self, item: Synchronizer) -> int | None:
        """The domain's protocol version as far as the node tells: by the form of what it wrote there itself
        (docs/canton/canton-2.md#versions-of-messages).

        4 and 5 write the same form: there a node tells only when it supports one of the two. None: not known.
        """
        possible = self._possible_versions(item)
        if len(possible) > 1:
            supported = self.identity().protocol_versions
            possible = [version for version in possible if version in supported]
        return possible[0] if len(possible) == 1 else None

    def written_for(self, item: Synchronizer) -> int | None:
        """A protocol version that writes topology in the form that this domain takes; None: not known."""
        return max(self._possible_versions(item), default=None)

    def _possible_versions(self, item: Synchronizer) -> t.Sequence[int]:
        if not item.id:
            return ()
        owned = self._list("ListOwnerToKeyMapping", item.id, filter_key_owner_uid=self._uid())
        own = MEMBER_PREFIX + self._uid()
        forms = {topology_version(row.context.serialized) for row in owned if row.item.key_owner == own}
        return PROTOCOL_VERSIONS.get(forms.pop(), ()) if len(forms) == 1 else ()

    def proof_store(self, synchronizer: str) -> str:
        """The store in which a hosting or a vetting of this node shows that it is in force.

        Disconnected that is its own: what is in there is pushed at the next connect, before anything else.
        """
        connected = (item.id for item in self.synchronizers() if item.connected)
        return synchronizer if synchronizer in connected else AUTHORIZED

    def settled(self, synchronizer: str) -> bool:
        """Whether the domain has what was written while this node was away, and the ledger API knows the parties of it."""
        uid = self._uid()
        hosted = self._hosted(AUTHORIZED, uid)
        if not hosted <= self._hosted(synchronizer, uid):
            return False
        if not self._delegated(AUTHORIZED) <= self._delegated(synchronizer):
            return False
        if not self.vetted_packages(AUTHORIZED, uid) <= self.vetted_packages(synchronizer, uid):
            return False
        return not self.has_ledger or {party for party, _host in hosted} <= self._local()

    def _hosted(self, store: str, uid: str) -> set[tuple[str, Host | None]]:
        """Parties with this node's own share in hosting them: in the domain's store others may have theirs."""
        return {(item.party, item.host(uid)) for item in self.hostings(store, uid)}

    def _delegated(self, store: str) -> set[Delegation]:
        return {_delegation(row) for row in self._list("ListNamespaceDelegation", store)}

    def _local(self) -> set[str]:
        providers = ["", *(item.id for item in self.identity_providers())]
        return {item.party for provider in providers for item in self.local_parties(provider) if item.is_local}

    def connect(self, alias: str) -> None:
        """Connect a registered domain; connecting again is a no-op."""
        try:
            answer = self.admin.repeatable(
                CONNECTIVITY + "ConnectDomain", deadline=SLOW_SECONDS, domain_alias=alias, retry=False
            )
        except Unreachable:
            raise
        except CantonError as exc:
            if not self._wants_agreement(alias):
                raise
            raise self._agreement_missing(alias) from exc
        if not answer.connected_successfully:
            if self._wants_agreement(alias):
                raise self._agreement_missing(alias)
            raise CantonError(
                f"The {self.label} could not connect to synchronizer {alias}",
                error_id="not_connected",
                hint="Look whether the domain's sequencers are up and reachable from the node, then run again.",
            )

    def _wants_agreement(self, alias: str) -> bool:
        """Whether the domain has a service agreement that this node has not accepted."""
        try:
            answer = self.admin.once(CONNECTIVITY + "GetAgreement", domain_alias=alias)
        except CantonError:
            return False
        return answer.HasField("agreement") and not answer.accepted

    def _agreement_missing(self, alias: str) -> CantonError:
        return CantonError(
            f"The {self.label} cannot connect to synchronizer {alias} before its service agreement is accepted",
            error_id="agreement_not_accepted",
            hint="Read the agreement (GetAgreement of the DomainConnectivityService), accept it (AcceptAgreement), then run again.",
        )

    def disconnect(self, alias: str) -> None:
        self.admin.repeatable(CONNECTIVITY + "DisconnectDomain", domain_alias=alias)

    def set_manual_connect(self, alias: str, manual: bool) -> None:
        """Decide whether the node connects ``alias`` by itself after a restart."""
        config = next((item for item in self._configured() if item.domain_alias == alias), None)
        if config is None:
            raise CantonError(f"The {self.label} has no synchronizer with alias {alias}", error_id="unknown_alias")
        config.manual_connect = manual
        self.admin.repeatable(CONNECTIVITY + "ModifyDomain", modify=config)

    def register(self, alias: str, connections: t.Sequence[str], ca_cert: bytes, manual_connect: bool) -> None:
        """Register a domain by its sequencers' addresses; its id is known only after the first connect.

        A node connects at once to what it may connect to by itself, which was not asked for: that comes afterwards.
        The durations are those of Canton 3's console, whose defaults did not change
        (docs/canton/synchronizers.md#durations-of-the-console).
        """
        grpc_part: dict[str, t.Any] = {
            "connections": list(connections),
            "transportSecurity": any(item.startswith("https://") for item in connections),
        }
        if ca_cert:
            grpc_part["customTrustCertificates"] = {"value": ca_cert}
        config = {
            "domain_alias": alias,
            "sequencerConnections": [{"grpc": grpc_part}],
            "manual_connect": True,
            "sequencerTrustThreshold": 1,
            "timeTracker": {
                "observationLatency": {"nanos": 250_000_000},
                "patienceDuration": {"nanos": 500_000_000},
                "minObservationDuration": {"seconds": 86_400},
                "timeProofRequest": {
                    "initialRetryDelay": {"nanos": 200_000_000},
                    "maxRetryDelay": {"seconds": 5},
                    "maxSequencingDelay": {"seconds": 10},
                },
            },
        }
        self.admin.write(CONNECTIVITY + "RegisterDomain", deadline=SLOW_SECONDS, add=config)
        if not manual_connect:
            self.set_manual_connect(alias, False)

    # -- vault ----------------------------------------------------------------------------------------------------

    def own_keys(self) -> list[Key]:
        answer = self.admin.read(VAULT + "ListMyKeys")
        return [
            _key(item.public_key_with_name.public_key, item.public_key_with_name.name, item.wrapper_key_id)
            for item in answer.private_keys_metadata
        ]

    def read_key(self, raw: bytes, name: str) -> Key:
        """A serialized ``PublicKey`` that another node told."""
        try:
            return _key(self.admin.message(CANTON + "crypto.v0.PublicKey").FromString(raw), name)
        except CantonError:
            raise
        except Exception as exc:
            raise CantonError("A public key cannot be read", error_id="wrapper_unreadable") from exc

    def export_key_pair(self, fingerprint: str, protocol_version: int) -> KeyPair:
        """One of the node's own key pairs as a form of ``protocol_version``, which it has to support. There are no usages.

        Needs preview commands on the node (docs/canton/canton-2.md#vault). Wipe the pair as soon as it is used.
        """
        try:
            answer = self.admin.read(
                VAULT + "ExportKeyPair", fingerprint=fingerprint, protocol_version=protocol_version
            )
        except CantonError as exc:
            raise refusal(exc, self.label, fingerprint) from exc
        message = self.admin.message(CANTON + "crypto.v0.CryptoKeyPair")
        return read_pair(answer, message, WRAPPED_V0, _scheme)

    # -- topology: namespace delegations --------------------------------------------------------------------------

    def delegations(self, store: str, namespace: str = "") -> list[Delegation]:
        """The delegations of one namespace, or of all."""
        return [item.delegation for item in self.signed_delegations(store, namespace)]

    def signed_delegations(
        self, store: str, namespace: str, removed: bool = False, written_for: int | None = None
    ) -> list[SignedDelegation]:
        """The signed transactions behind ``delegations``. No removal is final here, so there is none to be told.

        A domain takes them only in the form of its protocol version, and only a node with the key can sign them anew in
        that form: whoever loads them elsewhere says what they have to be ``written_for``.
        """
        if removed:
            return []
        return [
            SignedDelegation(_delegation(row), row.context.serialized)
            for row in self._list("ListNamespaceDelegation", store, written_for, filter_namespace=namespace)
            if not namespace or row.item.namespace == namespace
        ]

    def read_delegation(self, raw: bytes, removed: bool = False) -> SignedDelegation | None:
        """What a signed topology transaction delegates; None for removals, which nobody loads, and everything else."""
        update = unwrap_delegation(raw)
        if removed or update is None or update.operation != ADD:
            return None
        item = update.namespace_delegation
        restriction = "all" if item.is_root_delegation else "all_but_namespace_delegations"
        return SignedDelegation(Delegation(item.namespace, item.target_key.id, restriction, 0), raw)

    def authorize_delegation(self, namespace: str, key: Key) -> None:
        """Sign, with this node's keys, that ``key`` may sign everything for ``namespace`` but further delegations.

        The node has to know the key first. It writes into its own store and answers at once: there is nothing to wait for.
        """
        listed = self.admin.read(VAULT + "ListPublicKeys", filter_fingerprint=key.fingerprint)
        if not any(_key(item.public_key, "").fingerprint == key.fingerprint for item in listed.public_keys):
            self.admin.write(VAULT + "ImportPublicKey", public_key=key.public_key, name=key.name)
        with suppress(MappingExists):
            self.admin.write(
                WRITE + "AuthorizeNamespaceDelegation",
                authorization={"change": "Add"},
                namespace=namespace,
                fingerprint_of_authorized_key=key.fingerprint,
                is_root_delegation=False,
            )

    def remove_delegation(self, namespace: str, key: Key) -> None:
        """Sign, with this node's keys, that the delegation to ``key`` is over."""
        self.admin.write(
            WRITE + "AuthorizeNamespaceDelegation",
            authorization={"change": "Remove"},
            namespace=namespace,
            fingerprint_of_authorized_key=key.fingerprint,
            is_root_delegation=False,
        )

    def delegation_removals(self, store: str, namespace: str, written_for: int | None) -> list[SignedDelegation]:
        """The signed removals of delegations in a store, in the form of a domain's protocol version."""
        rows = self._list("ListNamespaceDelegation", store, written_for, operation="Remove", filter_namespace=namespace)
        return [
            SignedDelegation(_delegation(row), row.context.serialized)
            for row in rows
            if row.item.namespace == namespace
        ]

    def add_transactions(self, store: str, signed: t.Sequence[bytes]) -> None:
        """Load transactions that others signed, in this order, into the node's own store; known ones are a no-op."""
        for raw in signed:
            with suppress(TransactionExists):
                self.admin.repeatable(WRITE + "AddSignedTopologyTransaction", serialized=raw)

    # -- topology: parties ----------------------------------------------------------------------------------------

    def hostings(self, store: str, participant: str = "", proposals: bool = False) -> list[Hosting]:
        """Who hosts which party; all of them, or those that name ``participant``. There are no proposals here.

        Every pair of a party and a participant is a mapping of its own: all have to be read to see a party's other hosts.
        """
        if proposals:
            return []
        sides: dict[str, dict[str, list[tuple[int, int]]]] = {}
        for row in self._list("ListPartyToParticipant", store):
            item = row.item
            of_party = sides.setdefault(item.party, {})
            of_party.setdefault(_bare(item.participant), []).append((item.side, item.permission))
        found = [Hosting(party, 1, _hosts(of_party)) for party, of_party in sorted(sides.items())]
        return [item for item in found if (item.host(participant) if participant else item.hosts)]

    def host_parties(self, store: str, hostings: t.Sequence[Hosting], parallel: int) -> list[CantonError | None]:
        """Authorize these mappings, each with the one host that it is to have, into the node's own store."""
        requests = [
            {
                "authorization": {"change": "Add"},
                "side": "Both",
                "party": item.party,
                "participant": MEMBER_PREFIX + item.hosts[0].participant,
                "permission": item.hosts[0].permission.capitalize(),
            }
            for item in hostings
        ]
        answers = self.admin.write_many(WRITE + "AuthorizePartyToParticipant", requests, parallel)
        return [answer if isinstance(answer, CantonError) else None for answer in answers]

    def unhost_parties(self, store: str, hostings: t.Sequence[Hosting], parallel: int) -> list[CantonError | None]:
        """Authorize the removal of this node's share in hosting these parties: rows of its own store, each repeated as it is."""
        parties = {item.party for item in hostings}
        requests = [
            {
                "authorization": {"change": "Remove"},
                "side": row.item.side,
                "party": row.item.party,
                "participant": row.item.participant,
                "permission": row.item.permission,
            }
            for row in self._list("ListPartyToParticipant", AUTHORIZED)
            if row.item.party in parties and _bare(row.item.participant) == self._uid()
        ]
        answers = self.admin.write_many(WRITE + "AuthorizePartyToParticipant", requests, parallel)
        return [answer if isinstance(answer, CantonError) else None for answer in answers]

    def decentralized_namespaces(self, store: str) -> set[str]:
        """Canton 2 has none."""
        return set()

    def _list(
        self, method: str, store: str, written_for: int | None = None, operation: str = "Add", **filters: t.Any
    ) -> list[Message]:
        """Rows of one kind of mapping that are in force in one store, or their removals; every filter is a prefix, that of
        the store too."""
        name = AUTHORIZED_STORE if store == AUTHORIZED else store
        query: dict[str, t.Any] = {
            "filter_store": name,
            "use_state_store": store != AUTHORIZED,
            "operation": operation,
            "filter_operation": True,
            "head_state": {},
        }
        if written_for is not None:
            query["protocol_version"] = {"value": str(written_for)}
        rows = self.admin.read(READ + method, base_query=query, **filters).results
        return [row for row in rows if row.context.store == name]

    # -- packages -------------------------------------------------------------------------------------------------

    def dars(self) -> list[Dar]:
        """DARs by their main package. The node's own key of a DAR is the hash of its file, which is kept here beside."""
        found: dict[str, Dar] = {}
        for item in self.admin.read(PACKAGES + "ListDars").dars:
            main = self._contents(item.hash).main
            if main not in found:
                self._dar_hashes[main] = item.hash
                found[main] = Dar(main, item.name, "", item.name)
        return list(found.values())

    def packages(self) -> dict[str, str]:
        """Package ids in the store with a readable name each."""
        answer = self.admin.read(PACKAGES + "ListPackages")
        return {item.package_id: item.source_description for item in answer.package_descriptions}

    def dar_packages(self, main: str) -> set[str]:
        answer = self._contents(self._dar_hash(main))
        return {main, *answer.packages, *answer.dependencies}

    def _contents(self, dar_hash: str) -> Message:
        """What a DAR holds; asked once in a run, for its hash names its content."""
        if dar_hash not in self._dar_contents:
            self._dar_contents[dar_hash] = self.admin.read(PACKAGES + "ListDarContents", dar_id=dar_hash)
        return self._dar_contents[dar_hash]

    def download_dar(self, main: str) -> bytes:
        answer = self.admin.read(PACKAGES + "GetDar", hash=self._dar_hash(main))
        if not answer.data:
            raise DarWithoutContent(
                f"The {self.label} has the packages of DAR {answer.name or main} but not its file: it was uploaded through the ledger API"
            )
        return bytes(answer.data)

    def _dar_hash(self, main: str) -> str:
        if main not in self._dar_hashes:
            self.dars()
        if main not in self._dar_hashes:
            raise CantonError(
                f"The {self.label} has no DAR with main package {main}",
                error_id="DAR_NOT_FOUND",
                hint="Upload it first with ledgerops.canton.participant_package.",
            )
        return self._dar_hashes[main]

    def dar_main(self, payload: bytes, name: str) -> str:
        """The main package id of a DAR, read here: the node itself tells it only of DARs that it stores."""
        return main_package(payload, name)

    def upload_dar(self, payload: bytes, main: str, description: str, synchronizer: str) -> None:
        """Store a DAR and, when ``synchronizer`` is given, vet all its packages.

        Vetting is for all domains, and is waited for on those that are connected. A refusal can come as a normal answer.
        """
        name = (description or main).removesuffix(".dar") + ".dar"
        answer = self.admin.repeatable(
            PACKAGES + "UploadDar",
            deadline=SLOW_SECONDS,
            data=payload,
            filename=name,
            vet_all_packages=bool(synchronizer),
            synchronize_vetting=bool(synchronizer),
        )
        if answer.WhichOneof("value") != "success":
            raise CantonError(
                f"The {self.label} did not take DAR {name}: {answer.failure.reason or 'it gave no reason'}",
                error_id="dar_refused",
                hint="Look at the node's log, then run again.",
            )

    def vet_dar(self, main: str, synchronizer: str) -> None:
        self.admin.repeatable(
            PACKAGES + "VetDar", deadline=SLOW_SECONDS, dar_hash=self._dar_hash(main), synchronize=True
        )

    def vetted_packages(self, store: str, participant: str) -> set[str]:
        return {
            package
            for row in self._list("ListVettedPackages", store, filter_participant=participant)
            if _bare(row.item.participant) == participant
            for package in row.item.package_ids
        }

    # -- contracts ------------------------------------------------------------------------------------------------

    def ledger_end(self) -> Offset:
        """An opaque text: what the last answer of a list of contracts carries. The admin party's is the shortest list."""
        end = ""
        for answer in self._stream_contracts([self._uid()], ""):
            end = answer.offset or end
        return end

    def active_contracts(self, parties: t.Iterable[str], offset: Offset) -> t.Iterator[ActiveContract]:
        """Contracts that any of ``parties`` is a stakeholder of, as they stood at ``offset``; streamed, without payloads kept.

        The parties are asked for at once: a contract of several comes once. Its domain is not told.
        """
        wanted = list(parties)
        if not wanted or not offset:
            return
        for answer in self._stream_contracts(wanted, str(offset)):
            for event in answer.active_contracts:
                yield active_contract(event, "", has_key=event.HasField("contract_key"))

    def _stream_contracts(self, parties: t.Sequence[str], offset: str) -> t.Iterator[Message]:
        return self.ledger.stream(
            self.LEDGER + "ActiveContractsService/GetActiveContracts",
            filter={"filters_by_party": {party: {} for party in parties}},
            verbose=False,
            active_at_offset=offset,
        )

    def read_record(self, record: bytes) -> ActiveContract:
        """What one record of an ACS snapshot says about its contract; its package is not told
        (docs/canton/canton-2.md#snapshot-records)."""
        domain, contract = unwrap_repair_contract(record)
        metadata = contract.metadata
        stakeholders = frozenset(
            [*metadata.non_maintainer_signatories, *metadata.maintainers, *metadata.non_signatory_stakeholders]
        )
        return ActiveContract(contract.contract_id, domain, "", stakeholders)

    def export_contracts(
        self, parties: t.Sequence[str], offset: Offset, renames: t.Mapping[str, str], protocol_version: int | None
    ) -> t.Iterator[bytes]:
        """The node's gzip stream of the contracts of ``parties`` as they stand now: there is no offset, so the node must be at rest.

        ``protocol_version`` is that of the domains that contracts are renamed to. The parties are not marked as leaving
        (``parties_offboarding``): for that the node would have to be connected.
        """
        if protocol_version is None:
            raise CantonError(
                "The protocol version of the domain that contracts move to is not known, and Canton 2 writes it into the snapshot",
                error_id="protocol_version_unknown",
                hint="Set target_protocol_version to the protocol version of that domain.",
            )
        chunks = self.admin.stream(
            REPAIR + "ExportAcs",
            parties=list(parties),
            contract_domain_renames={
                old: {"domain_id": new, "protocol_version": protocol_version} for old, new in renames.items()
            },
        )
        for answer in chunks:
            yield answer.chunk

    def import_contracts(
        self, chunks: t.Iterable[bytes], synchronizer: str, workflow_prefix: str, parties: t.Sequence[str]
    ) -> None:
        """Send a snapshot; every message has to repeat the arguments. The parties are those that this node will host."""
        arguments: dict[str, t.Any] = {"workflow_id_prefix": workflow_prefix}
        if self.admin.has_field(PARTICIPANT + "ImportAcsRequest", "onboarded_parties"):
            arguments["onboarded_parties"] = list(parties)
        self.admin.upload(REPAIR + "ImportAcs", ({"acs_snapshot": chunk, **arguments} for chunk in chunks))

    def purge_contracts(self, alias: str, contract_ids: t.Sequence[str], parties: t.Sequence[str]) -> None:
        """Purge contracts while disconnected; those that are not active are skipped.

        The parties are those that were given at the import, so that contract keys are freed as they were taken.
        """
        fields: dict[str, t.Any] = {"domain": alias, "contract_ids": list(contract_ids), "ignore_already_purged": True}
        if self.admin.has_field(PARTICIPANT + "PurgeContractsRequest", "offboarded_parties"):
            fields["offboarded_parties"] = list(parties)
        self.admin.repeatable(REPAIR + "PurgeContracts", deadline=SLOW_SECONDS, **fields)

    def in_flight(self, synchronizer: str) -> int | None:
        """Submissions and transactions that are on their way; None where the node cannot count them (2.8)."""
        if not self.admin.has_rpc(IN_FLIGHT):
            return None
        answer = self.admin.read(IN_FLIGHT, domain_id=synchronizer)
        return int(answer.pending_submissions + answer.pending_transactions)

    def pruning_schedule(self) -> str | None:
        """None: no service tells it here."""
        return None

    # -- parties of the ledger API, and ping ----------------------------------------------------------------------

    def set_display_name(self, party: str, name: str) -> None:
        self.admin.repeatable(
            PARTICIPANT + "PartyNameManagementService/setPartyDisplayName", party_id=party, display_name=name
        )

    def ping(self, target: str, synchronizer: str, timeout_seconds: int) -> Pong:
        """Ping over a domain of the node's own choice: it cannot be told which. It gives no reason for a failure."""
        answer = self.admin.write(
            PARTICIPANT + "PingService/ping",
            deadline=timeout_seconds + 10.0,
            target_parties=[target],
            timeout_milliseconds=timeout_seconds * 1000,
        )
        if answer.HasField("success"):
            return Pong(True, millis=int(answer.success.ping_time), responder=answer.success.responder)
        return Pong(False, reason=f"there was no answer within {timeout_seconds} s")


def _bare(member: str) -> str:
    """The uid of a participant, which is also written as a member ``PAR::uid`` (docs/canton/canton-2.md#ids-of-domains-and-members)."""
    return member[len(MEMBER_PREFIX) :] if member.startswith(MEMBER_PREFIX) else member


def _hosts(sides: t.Mapping[str, t.Sequence[tuple[int, int]]]) -> tuple[Host, ...]:
    """The participants for which both the party and they themselves agreed, with the weaker of the two permissions."""
    found = []
    for participant, pairs in sorted(sides.items()):
        granted = [permission for side, permission in pairs if side in (BOTH, FROM)]
        taken = [permission for side, permission in pairs if side in (BOTH, TO)]
        if granted and taken and max(granted + taken) in PERMISSIONS:
            found.append(Host(participant, PERMISSIONS[max(granted + taken)]))
    return tuple(found)


def _delegation(row: Message) -> Delegation:
    restriction = "all" if row.item.is_root_delegation else "all_but_namespace_delegations"
    return Delegation(row.item.namespace, row.target_key_fingerprint, restriction, 0)


def _key(public: Message, name: str, wrapper_key_id: str = "") -> Key:
    """A key as the vault tells it; ``der`` is empty for one in Tink's own format. Whether it lies in a KMS is not told."""
    signing = public.WhichOneof("key") == "signing_public_key"
    inner = public.signing_public_key if signing else public.encryption_public_key
    return Key(
        fingerprint=inner.id,
        name=name,
        purpose="signing" if signing else "encryption",
        usage=(),
        spec=_scheme(inner),
        kms_key_id="",
        public_key=public.SerializeToString(),
        der=_der(inner.format, inner.public_key),
        wrapper_key_id=wrapper_key_id,
    )


def _scheme(key: Message) -> str:
    """Our name of a public or private key's spec, or the scheme's own in lower case."""
    value = key.DESCRIPTOR.fields_by_name["scheme"].enum_type.values_by_number.get(key.scheme)
    scheme = value.name if value is not None else "unknown"
    return SPECS.get(scheme, scheme.lower())


def _der(form: int, data: bytes) -> bytes:
    if form == RAW:  # Ed25519
        return ED25519_SPKI_PREFIX + data
    return data if form == DER else b""
