# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The v30 dialect: Canton 3.4 and 3.5. One small method per RPC, plain dataclasses in and out."""

from __future__ import annotations

import typing as t

from ansible_collections.ledgerops.canton.plugins.module_utils._api.channel import Api
from ansible_collections.ledgerops.canton.plugins.module_utils._api.descriptors import Message
from ansible_collections.ledgerops.canton.plugins.module_utils._api.wrapper import (
    PROTO_VERSION,
    unwrap,
    unwrap_active_contract,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, Unreachable
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.exported_key import (
    read_pair,
    refusal,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.node import (
    LedgerAdmin,
    active_contract,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v30_identity import OwnIdentity
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v30_messages import (
    ADD,
    ANY_AGE_SECONDS,
    CONNECTIVITY,
    CRYPTO,
    FETCH_TIME,
    FETCH_TIME_SECONDS,
    LEDGER,
    PACKAGES,
    PARTICIPANT,
    PARTIES,
    PERMISSIONS,
    PROTOCOL,
    READ,
    REMOVE,
    REMOVE_NUMBER,
    REPAIR,
    RESTRICTIONS,
    SLOW_SECONDS,
    STATUS,
    TOPOLOGY,
    VAULT,
    WAITING_FOR,
    WRITE,
    key_of,
    query,
    spec_name,
    store_id,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    MEMORY_STORAGE,
    OPERATORS_TURN,
    ActiveContract,
    Clearance,
    Dar,
    Delegation,
    Host,
    Hosting,
    Identity,
    Key,
    Offset,
    Pong,
    SignedDelegation,
    SignedHosting,
    Synchronizer,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.key_pair import KeyPair
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import fingerprint
from ansible_collections.ledgerops.canton.plugins.module_utils._waiting import wait_for


class V30(OwnIdentity, LedgerAdmin):
    """One participant of Canton 3. ``ledger`` may be missing as long as nothing asks the ledger API."""

    MAJOR = 3
    LEDGER = LEDGER
    # What its API tells, and when it takes what (Canton 2 differs in all of these)
    SHOWS_KMS_KEYS = True
    SHOWS_SYNCHRONIZERS_OF_CONTRACTS = True
    HOSTS_OFFLINE = False
    REPLACES_HOSTS = True

    def __init__(self, admin: Api, ledger: Api | None) -> None:
        super().__init__(admin, ledger)
        self.admin.starting = self._is_starting

    # -- status and identity --------------------------------------------------------------------------------------

    def identity(self) -> Identity:
        """Who this is. A node that is only starting is waited for; one that waits for an operator is told as it is
        (docs/canton/identity-and-start.md#status-of-a-node)."""
        _settled, found = wait_for(self._settled_status, self.admin.endpoint.ready_timeout)
        status = found or self._status()
        if status.HasField("not_initialized"):
            waiting = status.not_initialized
            known = self.admin.read(TOPOLOGY + "IdentityInitializationService/GetId")
            version = getattr(waiting, "version", "")
            waiting_for = WAITING_FOR.get(waiting.waiting_for_external_input, "")
            return Identity(known.unique_identifier, False, waiting.active, version, waiting_for, ())
        common = status.status.common_status
        versions = tuple(status.status.supported_protocol_versions)
        return Identity(common.uid, True, status.status.active, common.version, "", versions)

    def in_memory(self) -> bool:
        """Whether the node has no database, by the components of its status."""
        return any(item.name == MEMORY_STORAGE for item in self._status().status.common_status.components)

    def last_time(self, synchronizer: str) -> float | None:
        """The latest time that this node has seen on a connected synchronizer, in seconds since 1970; None: it does not tell.

        However old it is, it is fresh enough: so nothing is sent to the synchronizer
        (docs/canton/synchronizers.md#latest-time).
        """
        if not self.admin.has_rpc(FETCH_TIME):
            return None
        try:
            answer = self.admin.read(
                FETCH_TIME,
                deadline=FETCH_TIME_SECONDS,
                synchronizer={"id": synchronizer},
                freshness_bound={"seconds": ANY_AGE_SECONDS},
            )
        except Unreachable:
            raise
        except CantonError:
            return None
        return float(answer.timestamp.seconds + answer.timestamp.nanos / 1e9)

    def _status(self) -> Message:
        return self.admin.read(STATUS)

    def _settled_status(self) -> Message | None:
        status = self._status()
        waits_for_operator = WAITING_FOR.get(status.not_initialized.waiting_for_external_input) in OPERATORS_TURN
        return status if status.HasField("status") or waits_for_operator else None

    def _is_starting(self, rpc: str) -> bool:
        """Whether the status says that the node is not ready yet. One that waits for an operator is an error of its own."""
        if rpc == STATUS:
            return False
        try:
            status = self.admin.once(STATUS)
        except CantonError as exc:
            return self._status_is_late(exc)
        if not status.HasField("not_initialized"):
            return self._is_late(rpc)
        if WAITING_FOR.get(status.not_initialized.waiting_for_external_input) in OPERATORS_TURN:
            raise self._waits_for_identity("identity and node topology")
        return True

    # -- synchronizers --------------------------------------------------------------------------------------------

    def synchronizers(self) -> list[Synchronizer]:
        healthy = self._connected()
        return [
            Synchronizer(
                alias=result.config.synchronizer_alias,
                physical_id=result.physical_synchronizer_id,
                connected=result.connected,
                healthy=healthy.get(result.config.synchronizer_alias, False),
                manual_connect=result.config.manual_connect,
                sequencers=tuple(
                    url
                    for each in result.config.sequencer_connections.sequencer_connections
                    for url in each.grpc.connections
                ),
            )
            for result in self._registered()
        ]

    def protocol_version(self, item: Synchronizer) -> int | None:
        """The number in the physical id ``identifier::namespace::version-serial``; None before the first connect."""
        number = "".join(item.physical_id.split("::")[2:]).partition("-")[0]
        return int(number) if number.isdigit() else None

    def written_for(self, item: Synchronizer) -> int | None:
        """Topology is the same for all protocol versions of Canton 3."""
        return None

    def proof_store(self, synchronizer: str) -> str:
        """The store in which a hosting or a vetting of this node shows that it is in force: always the synchronizer's."""
        return synchronizer

    def settled(self, synchronizer: str) -> bool:
        """Whether the synchronizer has what was written while this node was away: nothing is written then
        (docs/canton/topology.md#stores)."""
        return True

    def _connected(self) -> dict[str, bool]:
        answer = self.admin.read(CONNECTIVITY + "ListConnectedSynchronizers")
        return {item.synchronizer_alias: item.healthy for item in answer.connected_synchronizers}

    def _registered(self) -> list[Message]:
        return list(self.admin.read(CONNECTIVITY + "ListRegisteredSynchronizers").results)

    def connect(self, alias: str) -> None:
        """Connect a registered synchronizer; connecting again is a no-op (docs/canton/synchronizers.md#connecting)."""
        answer = self.admin.repeatable(
            CONNECTIVITY + "ReconnectSynchronizer", deadline=SLOW_SECONDS, synchronizer_alias=alias, retry=False
        )
        if not answer.connected_successfully:
            raise CantonError(
                f"The {self.label} could not connect to synchronizer {alias}",
                error_id="not_connected",
                hint="Look whether its sequencers are up and reachable from the node, then run again.",
            )

    def disconnect(self, alias: str) -> None:
        self.admin.repeatable(CONNECTIVITY + "DisconnectSynchronizer", synchronizer_alias=alias)

    def set_manual_connect(self, alias: str, manual: bool) -> None:
        """Decide whether the node connects ``alias`` by itself after a restart."""
        result = next((item for item in self._registered() if item.config.synchronizer_alias == alias), None)
        if result is None:
            raise CantonError(f"The {self.label} has no synchronizer with alias {alias}", error_id="unknown_alias")
        result.config.manual_connect = manual
        fields: dict[str, t.Any] = {"new_config": result.config, "sequencer_connection_validation": 1}
        if result.physical_synchronizer_id:
            fields["physical_synchronizer_id"] = result.physical_synchronizer_id
        self.admin.repeatable(CONNECTIVITY + "ModifySynchronizer", **fields)

    def register(self, alias: str, connections: t.Sequence[str], ca_cert: bytes, manual_connect: bool) -> None:
        """Register a synchronizer by its sequencers' addresses and shake hands, which makes its id known
        (docs/canton/synchronizers.md#registering).

        The durations are the ones that a node gives a synchronizer that is connected from its console
        (docs/canton/synchronizers.md#durations-of-the-console).
        """
        grpc_part: dict[str, t.Any] = {
            "connections": list(connections),
            "transport_security": any(item.startswith("https://") for item in connections),
        }
        if ca_cert:
            grpc_part["custom_trust_certificates"] = ca_cert
        config = {
            "synchronizer_alias": alias,
            "manual_connect": manual_connect,
            "sequencer_connections": {
                "sequencer_connections": [{"grpc": grpc_part}],
                "sequencer_trust_threshold": 1,
                "submission_request_amplification": {"factor": 1, "patience": {}},
                "sequencer_connection_pool_delays": {
                    "min_restart_delay": {"nanos": 10_000_000},
                    "max_restart_delay": {"seconds": 10},
                    "subscription_request_delay": {"seconds": 1},
                    "warn_validation_delay": {"seconds": 20},
                },
            },
            "time_tracker": {
                "observation_latency": {"nanos": 250_000_000},
                "patience_duration": {"nanos": 500_000_000},
                "min_observation_duration": {"seconds": 86_400},
                "time_proof_request": {
                    "initial_retry_delay": {"nanos": 200_000_000},
                    "max_retry_delay": {"seconds": 5},
                    "max_sequencing_delay": {"seconds": 10},
                },
            },
        }
        handshake, validate_all = 2, 3
        self.admin.write(
            CONNECTIVITY + "RegisterSynchronizer",
            deadline=SLOW_SECONDS,
            config=config,
            synchronizer_connection=handshake,
            sequencer_connection_validation=validate_all,
        )

    # -- vault ----------------------------------------------------------------------------------------------------

    def own_keys(self) -> list[Key]:
        answer = self.admin.read(VAULT + "ListMyKeys")
        return [
            key_of(
                item.public_key_with_name.public_key,
                item.public_key_with_name.name,
                item.kms_key_id,
                item.wrapper_key_id,
            )
            for item in answer.private_keys_metadata
        ]

    def read_key(self, raw: bytes, name: str) -> Key:
        """A serialized ``PublicKey`` that another node told; its fingerprint is computed here, never believed."""
        try:
            return key_of(self.admin.message(CRYPTO + "PublicKey").FromString(raw), name, "")
        except CantonError:
            raise
        except Exception as exc:
            raise CantonError("A public key cannot be read", error_id="wrapper_unreadable") from exc

    def export_key_pair(self, fingerprint: str, protocol_version: int) -> KeyPair:
        """One of the node's own key pairs, without a password, as a form of ``protocol_version``, which it has to support.

        Needs preview commands on the node (docs/canton/keys.md#exporting-a-key-pair). Wipe the pair as soon as it is used.
        """
        try:
            answer = self.admin.read(
                VAULT + "ExportKeyPair", fingerprint=fingerprint, protocol_version=protocol_version
            )
        except CantonError as exc:
            raise refusal(exc, self.label, fingerprint) from exc
        message = self.admin.message(CRYPTO + "CryptoKeyPair")
        return read_pair(answer, message, (PROTO_VERSION,), spec_name)

    # -- topology: namespace delegations --------------------------------------------------------------------------

    def delegations(self, store: str, namespace: str = "") -> list[Delegation]:
        """The delegations of one namespace, or of all."""
        answer = self.admin.read(READ + "ListNamespaceDelegation", base_query=query(store), filter_namespace=namespace)
        return [
            _delegation(result.item, result.context.serial)
            for result in answer.results
            if not namespace or result.item.namespace == namespace
        ]

    def signed_delegations(
        self, store: str, namespace: str, removed: bool = False, written_for: int | None = None
    ) -> list[SignedDelegation]:
        """The signed transactions behind ``delegations``, or the signed removals (docs/canton/topology.md#lists-carry-no-signatures)."""
        wanted = query(store, operation=REMOVE if removed else ADD)
        found = (_signed_delegation(*each, removed) for each in self._stored(wanted, namespace))
        return [item for item in found if item is not None and item.delegation.namespace == namespace]

    def read_delegation(self, raw: bytes, removed: bool = False) -> SignedDelegation | None:
        """What a signed topology transaction delegates (or takes back); None for proposals and everything else."""
        try:
            signed = self.admin.message(PROTOCOL + "SignedTopologyTransaction").FromString(raw)
            inner = unwrap(signed.transaction, "a topology transaction")
            transaction = self.admin.message(PROTOCOL + "TopologyTransaction").FromString(inner)
        except CantonError:
            raise
        except Exception as exc:
            raise CantonError("A topology transaction cannot be read", error_id="wrapper_unreadable") from exc
        return _signed_delegation(signed, transaction, raw, removed)

    def authorize_delegation(self, namespace: str, key: Key) -> None:
        """Sign, with this node's keys, that ``key`` may sign everything for ``namespace`` but further delegations.

        Nothing is waited for, as this node may be without any synchronizer, and its own store has it at once
        (docs/canton/topology.md#stores).
        """
        self._authorize(self._delegation_message(namespace, key))

    def remove_delegation(self, namespace: str, key: Key) -> None:
        """Sign, with this node's keys, that the delegation to ``key`` is over. It never comes back for this key
        (docs/canton/topology.md#removed-delegations-never-return)."""
        self._authorize_again(self._delegation_message(namespace, key), REMOVE)

    def _delegation_message(self, namespace: str, key: Key) -> dict[str, t.Any]:
        public = self.admin.message(CRYPTO + "PublicKey").FromString(key.public_key)
        delegation = {
            "namespace": namespace,
            "target_key": public.signing_public_key,
            "can_sign_all_but_namespace_delegations": {},
        }
        return {"namespace_delegation": delegation}

    def delegation_removals(self, store: str, namespace: str, written_for: int | None) -> list[SignedDelegation]:
        """The signed removals of delegations in a store."""
        return self.signed_delegations(store, namespace, removed=True)

    def add_transactions(self, store: str, signed: t.Sequence[bytes], wait_seconds: int = 0) -> None:
        """Load transactions that others signed, in this order; known ones are a no-op
        (docs/canton/topology.md#signatures-on-transactions).

        ``wait_seconds``: how long the node may wait until they are effective; it fails when they are not by then
        (docs/canton/topology.md#waiting-for-the-effect).
        """
        signed_class = self.admin.message(PROTOCOL + "SignedTopologyTransaction")
        waiting: dict[str, t.Any] = {"wait_to_become_effective": {"seconds": wait_seconds}} if wait_seconds else {}
        self.admin.repeatable(
            WRITE + "AddTransactions",
            deadline=wait_seconds + 10.0 if wait_seconds else None,
            transactions=[signed_class.FromString(raw) for raw in signed],
            store=store_id(store),
            **waiting,
        )

    # -- topology: parties ----------------------------------------------------------------------------------------

    def hostings(self, store: str, participant: str = "", proposals: bool = False) -> list[Hosting]:
        """PartyToParticipant mappings of a synchronizer's store, all or those that name ``participant``."""
        answer = self.admin.read(
            READ + "ListPartyToParticipant",
            base_query=query(store, proposals),
            filter_participant=participant,
        )
        found = [_hosting(result.item) for result in answer.results]
        return [item for item in found if not participant or item.host(participant)]

    def host_parties(self, store: str, hostings: t.Sequence[Hosting], parallel: int) -> list[CantonError | None]:
        """Authorize these mappings, ``parallel`` calls at a time; no error says only that the node took it
        (docs/canton/topology.md#many-mappings)."""
        return self._authorize_hostings(ADD, store, hostings, parallel)

    def unhost_parties(self, store: str, hostings: t.Sequence[Hosting], parallel: int) -> list[CantonError | None]:
        """Authorize the removal of these mappings, each repeated as it is (docs/canton/topology.md#a-removal-repeats-the-mapping)."""
        return self._authorize_hostings(REMOVE, store, hostings, parallel)

    def propose_hostings(self, store: str, hostings: t.Sequence[Hosting], parallel: int) -> list[CantonError | None]:
        """Sign these mappings as far as this node's keys go: what others have to sign as well stays a proposal
        (docs/canton/topology.md#authorize)."""
        return self._authorize_hostings(ADD, store, hostings, parallel, fully=False)

    def _authorize_hostings(
        self, change: str, store: str, hostings: t.Sequence[Hosting], parallel: int, fully: bool = True
    ) -> list[CantonError | None]:
        requests = [
            {
                "proposal": {"change": change, "mapping": {"party_to_participant": self._hosting_message(item)}},
                "must_fully_authorize": fully,
                "store": store_id(store),
            }
            for item in hostings
        ]
        answers = self.admin.write_many(WRITE + "Authorize", requests, parallel)
        return [answer if isinstance(answer, CantonError) else None for answer in answers]

    def _hosting_message(self, item: Hosting) -> dict[str, t.Any]:
        numbers = {name: number for number, name in PERMISSIONS.items()}
        fields: dict[str, t.Any] = {
            "party": item.party,
            "threshold": item.threshold,
            "participants": [
                {
                    "participant_uid": host.participant,
                    "permission": numbers[host.permission],
                    **({"onboarding": {}} if host.onboarding else {}),
                }
                for host in item.hosts
            ],
        }
        if item.signing_keys:
            fields["party_signing_keys"] = self.admin.message(CRYPTO + "SigningKeysWithThreshold").FromString(
                item.signing_keys
            )
        return fields

    # -- parties that move on one synchronizer --------------------------------------------------------------------

    def lacks_for_replication(self) -> list[str]:
        """What this node's API does not have of all that a move of parties on one synchronizer takes (3.4 lacks some)."""
        rpcs = [PARTIES + name for name in ("ExportPartyAcs", "ImportPartyAcs", "ClearPartyOnboardingFlag")]
        lacks = [rpc.rpartition(".")[2] for rpc in (*rpcs, WRITE + "SignTransactions") if not self.admin.has_rpc(rpc)]
        fields = {
            PARTICIPANT + "ImportPartyAcsRequest": "party_id",
            PROTOCOL + "PartyToParticipant.HostingParticipant": "onboarding",
        }
        for message, field in fields.items():
            if not self.admin.has_field(message, field):
                lacks.append(f"{message.rpartition('v30.')[2]}.{field}")
        return lacks

    def signed_proposals(self, store: str, namespace: str) -> list[SignedHosting]:
        """The signed transactions behind the hosting proposals for parties of ``namespace``
        (docs/canton/topology.md#lists-carry-no-signatures)."""
        return [
            SignedHosting(_hosting(transaction.mapping.party_to_participant), raw)
            for signed, transaction, raw in self._stored(query(store, proposals=True), namespace)
            if signed.proposal and transaction.mapping.WhichOneof("mapping") == "party_to_participant"
        ]

    def sign_transactions(self, signed: t.Sequence[bytes]) -> list[bytes]:
        """Add this node's signatures to transactions that others signed. It stores nothing and works while disconnected."""
        signed_class = self.admin.message(PROTOCOL + "SignedTopologyTransaction")
        answer = self.admin.read(
            WRITE + "SignTransactions",
            deadline=SLOW_SECONDS,
            transactions=[signed_class.FromString(raw) for raw in signed],
            store=store_id(AUTHORIZED),
        )
        return [item.SerializeToString() for item in answer.transactions]

    def export_party_contracts(
        self, party: str, synchronizer: str, target: str, begin: Offset, wait_seconds: int
    ) -> t.Iterator[bytes]:
        """The node's gzip stream of a party's contracts at the moment from which ``target`` hosts it, looked for after
        ``begin``. Contracts with a stakeholder that ``target`` hosted before are left out
        (docs/canton/party-replication.md#shared-contracts-are-exported-once)."""
        chunks = self.admin.stream(
            PARTIES + "ExportPartyAcs",
            party_id=party,
            synchronizer_id=synchronizer,
            target_participant_uid=target,
            begin_offset_exclusive=begin,
            wait_for_activation_timeout={"seconds": wait_seconds},
        )
        for answer in chunks:
            yield answer.chunk

    def import_party_contracts(
        self, chunks: t.Iterable[bytes], party: str, synchronizer: str, workflow_prefix: str
    ) -> None:
        """Send a party's snapshot. With the party's id the node refuses it unless it knows of the onboarding
        (docs/canton/party-replication.md#import-of-a-party)."""
        first: dict[str, t.Any] = {
            "party_id": party,
            "synchronizer_id": synchronizer,
            "workflow_id_prefix": workflow_prefix,
            "contract_import_mode": "CONTRACT_IMPORT_MODE_VALIDATION",
        }
        self.admin.upload(PARTIES + "ImportPartyAcs", _requests(chunks, first, {}))

    def clear_onboarding(self, party: str, synchronizer: str, begin: Offset, wait_seconds: int) -> Clearance:
        """Ask that the onboarding flag be cleared, which the node does when its time has come; safe to repeat
        (docs/canton/party-replication.md#onboarding-flag)."""
        answer = self.admin.repeatable(
            PARTIES + "ClearPartyOnboardingFlag",
            deadline=wait_seconds + 10.0,
            party_id=party,
            synchronizer_id=synchronizer,
            begin_offset_exclusive=begin,
            wait_for_activation_timeout={"seconds": wait_seconds},
        )
        stamp = answer.earliest_retry_timestamp if answer.HasField("earliest_retry_timestamp") else None
        return Clearance(answer.onboarded, stamp.seconds + stamp.nanos / 1e9 if stamp is not None else None)

    def decentralized_namespaces(self, store: str) -> set[str]:
        answer = self.admin.read(READ + "ListDecentralizedNamespaceDefinition", base_query=query(store))
        return {result.item.decentralized_namespace for result in answer.results}

    # -- packages -------------------------------------------------------------------------------------------------

    def dars(self) -> list[Dar]:
        answer = self.admin.read(PACKAGES + "ListDars")
        return [Dar(item.main, item.name, item.version, item.description) for item in answer.dars]

    def packages(self) -> dict[str, str]:
        """Package ids in the store with a readable name each."""
        answer = self.admin.read(PACKAGES + "ListPackages")
        return {item.package_id: f"{item.name} {item.version}".strip() for item in answer.package_descriptions}

    def dar_packages(self, main: str) -> set[str]:
        answer = self.admin.read(PACKAGES + "GetDarContents", main_package_id=main)
        return {item.package_id for item in answer.packages} | {main}

    def download_dar(self, main: str) -> bytes:
        return bytes(self.admin.read(PACKAGES + "GetDar", main_package_id=main).payload)

    def dar_main(self, payload: bytes, name: str) -> str:
        """The main package id of a DAR, as the node reads it; nothing is stored."""
        return str(self.admin.read(PACKAGES + "ValidateDar", data=payload, filename=name).main_package_id)

    def upload_dar(self, payload: bytes, main: str, description: str, synchronizer: str) -> None:
        """Store a DAR and, when ``synchronizer`` is given, vet all its packages there and wait for it
        (docs/canton/packages.md#stored-and-vetted)."""
        fields: dict[str, t.Any] = {
            "dars": [{"bytes": payload, "description": description, "expected_main_package_id": main}],
            "vet_all_packages": bool(synchronizer),
            "synchronize_vetting": bool(synchronizer),
        }
        if synchronizer:
            fields["synchronizer_id"] = synchronizer
        self.admin.repeatable(PACKAGES + "UploadDar", deadline=SLOW_SECONDS, **fields)

    def vet_dar(self, main: str, synchronizer: str) -> None:
        self.admin.repeatable(
            PACKAGES + "VetDar",
            deadline=SLOW_SECONDS,
            main_package_id=main,
            synchronize=True,
            synchronizer_id=synchronizer,
        )

    def vetted_packages(self, store: str, participant: str) -> set[str]:
        answer = self.admin.read(READ + "ListVettedPackages", base_query=query(store), filter_participant=participant)
        return {
            package.package_id
            for result in answer.results
            if result.item.participant_uid == participant
            for package in result.item.packages
        }

    # -- contracts ------------------------------------------------------------------------------------------------

    def ledger_end(self) -> Offset:
        return int(self.ledger.read(LEDGER + "StateService/GetLedgerEnd").offset)

    def active_contracts(self, parties: t.Iterable[str], offset: Offset) -> t.Iterator[ActiveContract]:
        """Contracts that any of ``parties`` is a stakeholder of, as they stood at ``offset``; streamed, without payloads kept."""
        wildcard: dict[str, t.Any] = {"cumulative": [{"wildcard_filter": {}}]}
        filters = dict.fromkeys(parties, wildcard)
        if not filters or not offset:
            return
        answers = self.ledger.stream(
            LEDGER + "StateService/GetActiveContracts",
            active_at_offset=offset,
            event_format={"filters_by_party": filters, "verbose": False},
        )
        for answer in answers:
            kind = answer.WhichOneof("contract_entry")
            if kind == "active_contract":
                entry = answer.active_contract
                yield active_contract(entry.created_event, entry.synchronizer_id)
            elif kind == "incomplete_unassigned":
                yield active_contract(answer.incomplete_unassigned.created_event, "", True)
            elif kind == "incomplete_assigned":
                event = answer.incomplete_assigned.assigned_event
                yield active_contract(event.created_event, event.target, True)

    def read_record(self, record: bytes) -> ActiveContract:
        """What one record of an ACS snapshot says about its contract (docs/canton/contracts.md#snapshot)."""
        inner = unwrap_active_contract(record)
        try:
            entry = self.ledger.message(LEDGER + "ActiveContract").FromString(inner)
        except CantonError:
            raise
        except Exception as exc:
            raise CantonError("A contract record cannot be read", error_id="wrapper_unreadable") from exc
        return active_contract(entry.created_event, entry.synchronizer_id)

    def export_contracts(
        self, parties: t.Sequence[str], offset: Offset, renames: t.Mapping[str, str], protocol_version: int | None
    ) -> t.Iterator[bytes]:
        """The node's gzip stream of the contracts of ``parties`` at ``offset``; synchronizer ids are logical
        (docs/canton/contracts.md#export).

        The protocol version is Canton 2's argument: nobody asks for it here. A synchronizer that stays what it is needs no rename.
        """
        renamed = {old: {"target_synchronizer_id": new} for old, new in renames.items() if old != new}
        chunks = self.admin.stream(
            REPAIR + "ExportAcs",
            party_ids=list(parties),
            ledger_offset=offset,
            contract_synchronizer_renames=renamed,
        )
        for answer in chunks:
            yield answer.chunk

    def import_contracts(
        self, chunks: t.Iterable[bytes], synchronizer: str, workflow_prefix: str, parties: t.Sequence[str]
    ) -> None:
        """Send a snapshot. Validation mode; 3.5 reads the arguments of the first message, 3.4 wants them in each
        (docs/canton/contracts.md#import, docs/canton/canton-3-4.md#arguments-of-an-import).

        The parties are Canton 2's argument.
        """
        arguments: dict[str, t.Any] = {
            "workflow_id_prefix": workflow_prefix,
            "contract_import_mode": "CONTRACT_IMPORT_MODE_VALIDATION",
        }
        if self.admin.has_field(PARTICIPANT + "ImportAcsRequest", "synchronizer_id"):
            first, later = {**arguments, "synchronizer_id": synchronizer}, {}
        else:
            first = later = arguments
        self.admin.upload(REPAIR + "ImportAcs", _requests(chunks, first, later))

    def purge_contracts(self, alias: str, contract_ids: t.Sequence[str], parties: t.Sequence[str]) -> None:
        """Purge contracts while disconnected; those that are not active are skipped. The parties are Canton 2's argument
        (docs/canton/contracts.md#purge)."""
        self.admin.repeatable(
            REPAIR + "PurgeContracts",
            deadline=SLOW_SECONDS,
            synchronizer_alias=alias,
            contract_ids=list(contract_ids),
            ignore_already_purged=True,
        )

    def in_flight(self, synchronizer: str) -> int | None:
        """Submissions and transactions that are on their way; None where a node cannot tell (Canton 2.8)
        (docs/canton/synchronizers.md#work-in-flight)."""
        answer = self.admin.read(
            PARTICIPANT + "ParticipantInspectionService/CountInFlight", synchronizer_id=synchronizer
        )
        return int(answer.pending_submissions + answer.pending_transactions)

    def pruning_schedule(self) -> str | None:
        """The cron of a pruning schedule, or nothing; None where a node does not tell (Canton 2)."""
        answer = self.admin.read(PARTICIPANT + "PruningService/GetSchedule")
        return str(answer.schedule.cron) if answer.HasField("schedule") else ""

    def set_display_name(self, party: str, name: str) -> None:
        """Only Canton 2 has display names: there is nothing to set, as no party of Canton 3 comes with one."""

    # -- ping -----------------------------------------------------------------------------------------------------

    def ping(self, target: str, synchronizer: str, timeout_seconds: int) -> Pong:
        answer = self.admin.write(
            PARTICIPANT + "PingService/Ping",
            deadline=timeout_seconds + 10.0,
            target_parties=[target],
            timeout={"seconds": timeout_seconds},
            synchronizer_id=synchronizer,
        )
        if answer.HasField("success"):
            return Pong(True, millis=int(answer.success.ping_time), responder=answer.success.responder)
        return Pong(False, reason=answer.failure.reason)


def _signed_delegation(signed: Message, transaction: Message, raw: bytes, removed: bool) -> SignedDelegation | None:
    """What a signed transaction delegates (or takes back); None for proposals and everything else."""
    mapping = transaction.mapping
    is_delegation = mapping.WhichOneof("mapping") == "namespace_delegation"
    if not is_delegation or signed.proposal or (transaction.operation == REMOVE_NUMBER) is not removed:
        return None
    return SignedDelegation(_delegation(mapping.namespace_delegation, transaction.serial), raw)


def _delegation(item: Message, serial: int) -> Delegation:
    kind = item.WhichOneof("restriction")
    # An empty oneof is read through the old flag (docs/canton/topology.md#delegations).
    restriction = (
        RESTRICTIONS[kind] if kind else ("all" if item.is_root_delegation else "all_but_namespace_delegations")
    )
    return Delegation(
        item.namespace, fingerprint(spec_name(item.target_key), item.target_key.public_key), restriction, serial
    )


def _hosting(item: Message) -> Hosting:
    keys = item.party_signing_keys.SerializeToString() if item.HasField("party_signing_keys") else b""
    hosts = tuple(
        Host(host.participant_uid, PERMISSIONS.get(host.permission, "unspecified"), host.HasField("onboarding"))
        for host in item.participants
    )
    return Hosting(item.party, item.threshold, hosts, keys)


def _requests(
    chunks: t.Iterable[bytes], first: dict[str, t.Any], later: dict[str, t.Any]
) -> t.Iterator[dict[str, t.Any]]:
    arguments = first
    for chunk in chunks:
        yield {"acs_snapshot": chunk, **arguments}
        arguments = later
