# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The v30 dialect: Canton 3.4 and 3.5. One small method per RPC, plain dataclasses in and out."""

from __future__ import annotations

import typing as t

from ..._api.channel import Api
from ..._api.descriptors import Message
from ..._api.wrapper import PROTO_VERSION, readable, unwrap
from ..._errors import CantonError, Unreachable
from ..._waiting import wait_for
from ..model.entities import (
    AUTHORIZED,
    MEMORY_STORAGE,
    OPERATORS_TURN,
    Delegation,
    Identity,
    Key,
    Pong,
    Restriction,
    SignedDelegation,
    Synchronizer,
)
from ..model.interface import Canton3, Participant
from ..model.key_pair import KeyPair
from ..model.keys import fingerprint
from .exported_key import export_pair, read_pair
from .v30_contracts import Contracts
from .v30_identity import OwnIdentity
from .v30_messages import (
    ADD,
    ANY_AGE_SECONDS,
    CONNECTIVITY,
    CRYPTO,
    FETCH_TIME,
    FETCH_TIME_SECONDS,
    PARTICIPANT,
    PROTOCOL,
    READ,
    REMOVE,
    REMOVE_NUMBER,
    RESTRICTIONS,
    SLOW_SECONDS,
    STATUS,
    TOPOLOGY,
    VAULT,
    WAITING_FOR,
    key_of,
    query,
    spec_name,
)
from .v30_packages import Packages
from .v30_parties import Parties


class V30(OwnIdentity, Parties, Packages, Contracts):
    """One participant of Canton 3."""

    major = 3
    reports_kms_keys = True
    reports_synchronizer_of_contracts = True
    hosts_offline = False
    one_mapping_per_host = False
    writes_for_protocol_version = False
    common_protocol_version = 34

    def __init__(self, admin: Api, ledger: Api | None) -> None:
        super().__init__(admin, ledger)
        self.admin.starting = self._is_starting
        self._settled: Message | None = None

    def require_live(self, step: str) -> Participant:
        return self

    def as_canton_3(self) -> Canton3 | None:
        return self

    def identity(self) -> Identity:
        """One that waits for an operator is returned as it is (docs/canton/identity-and-start.md#status-of-a-node)."""
        _settled, found = wait_for(self._settled_status, self.admin.endpoint.ready_timeout)
        status = found or self._status()
        if status.HasField("not_initialized"):
            waiting = status.not_initialized
            known = self.admin.read(TOPOLOGY + "IdentityInitializationService/GetId")
            version = getattr(waiting, "version", "")
            waiting_for = WAITING_FOR.get(waiting.waiting_for_external_input, "")
            return Identity(
                known.unique_identifier,
                initialized=False,
                active=waiting.active,
                version=version,
                waiting_for=waiting_for,
            )
        common = status.status.common_status
        versions = tuple(status.status.supported_protocol_versions)
        return Identity(
            common.uid,
            initialized=True,
            active=status.status.active,
            version=common.version,
            protocol_versions=versions,
        )

    def in_memory(self) -> bool:
        return any(item.name == MEMORY_STORAGE for item in self._status().status.common_status.components)

    def last_time(self, synchronizer: str) -> float | None:
        """However old it is, it is fresh enough: so nothing is sent to the synchronizer (docs/canton/synchronizers.md#latest-time)."""
        if not self.admin.has_rpc(FETCH_TIME):
            return None
        try:
            answer = self.admin.fresh(
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
        """Of a node that has its identity, read once: neither that nor its release changes while it runs."""
        if self._settled is not None:
            return self._settled
        status = self.admin.read(STATUS)
        if status.HasField("status"):
            self._settled = status
        return status

    def _settled_status(self) -> Message | None:
        status = self._status()
        waits_for_operator = WAITING_FOR.get(status.not_initialized.waiting_for_external_input) in OPERATORS_TURN
        return status if status.HasField("status") or waits_for_operator else None

    def _is_starting(self, rpc: str) -> bool:
        """Whether the status reports that the node is not ready yet. One that waits for an operator is an error of its own."""
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

    def synchronizers(self, health: bool = False) -> list[Synchronizer]:
        registered = self._registered()
        healthy = self._healthy() if health and any(result.connected for result in registered) else {}
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
            for result in registered
        ]

    def protocol_version(self, item: Synchronizer) -> int | None:
        """The number in the physical id ``identifier::namespace::version-serial``; None before the first connect."""
        number = "".join(item.physical_id.split("::")[2:]).partition("-")[0]
        return int(number) if number.isdigit() else None

    def written_for(self, item: Synchronizer) -> int | None:
        """Topology is the same for all protocol versions of Canton 3."""
        return None

    def hosting_store(self, synchronizer: str) -> str:
        return synchronizer

    def hosting_stores(self, synchronizer: str) -> tuple[str, ...]:
        return (synchronizer,)

    def topology_published(self, synchronizer: str) -> bool:
        """Always: nothing can be written while disconnected (docs/canton/topology.md#stores)."""
        return True

    def _healthy(self) -> dict[str, bool]:
        """Of the connected ones, by alias."""
        answer = self.admin.read(CONNECTIVITY + "ListConnectedSynchronizers")
        return {item.synchronizer_alias: item.healthy for item in answer.connected_synchronizers}

    def _registered(self) -> list[Message]:
        return list(self.admin.read(CONNECTIVITY + "ListRegisteredSynchronizers").results)

    def connect(self, alias: str) -> None:
        """See docs/canton/synchronizers.md#connecting."""
        answer = self.admin.repeatable(
            CONNECTIVITY + "ReconnectSynchronizer", deadline=SLOW_SECONDS, synchronizer_alias=alias, retry=False
        )
        if not answer.connected_successfully:
            raise CantonError(
                f"The {self.label} could not connect to synchronizer {alias}",
                error_id="not_connected",
                hint="Check that its sequencers run and that the node can reach them, then run again.",
            )

    def disconnect(self, alias: str) -> None:
        self.admin.repeatable(CONNECTIVITY + "DisconnectSynchronizer", synchronizer_alias=alias)

    def set_manual_connect(self, alias: str, manual: bool) -> None:
        result = next((item for item in self._registered() if item.config.synchronizer_alias == alias), None)
        if result is None:
            raise CantonError(f"The {self.label} has no synchronizer with alias {alias}", error_id="unknown_alias")
        result.config.manual_connect = manual
        fields: dict[str, t.Any] = {"new_config": result.config, "sequencer_connection_validation": 1}
        if result.physical_synchronizer_id:
            fields["physical_synchronizer_id"] = result.physical_synchronizer_id
        self.admin.repeatable(CONNECTIVITY + "ModifySynchronizer", **fields)

    def register(self, alias: str, connections: t.Sequence[str], ca_cert: bytes, manual_connect: bool) -> None:
        """Registers with a handshake, which makes the id known (docs/canton/synchronizers.md#registering).

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
        """Its fingerprint is computed here, never believed."""
        with readable("A public key from the node"):
            return key_of(self.admin.message(CRYPTO + "PublicKey").FromString(raw), name, "")

    def export_key_pair(self, fingerprint: str, protocol_version: int) -> KeyPair:
        """Without a password (docs/canton/keys.md#exporting-a-key-pair)."""
        return self.read_key_pair(export_pair(self.admin, VAULT, fingerprint, protocol_version).key_pair)

    def read_key_pair(self, raw: bytes) -> KeyPair:
        return read_pair(raw, self.admin.message(CRYPTO + "CryptoKeyPair"), (PROTO_VERSION,), spec_name)

    def delegations(self, store: str, namespace: str = "", target: str = "") -> list[Delegation]:
        answer = self.admin.read(
            READ + "ListNamespaceDelegation",
            base_query=query(store),
            filter_namespace=namespace,
            filter_target_key_fingerprint=target,
        )
        found = [_delegation(result.item, result.context.serial) for result in answer.results]
        return [item for item in found if namespace in ("", item.namespace) and target in ("", item.target)]

    def signed_delegations(
        self, store: str, namespace: str, removed: bool = False, written_for: int | None = None
    ) -> list[SignedDelegation]:
        """Lists carry no signatures (docs/canton/topology.md#lists-carry-no-signatures)."""
        wanted = query(store, operation=REMOVE if removed else ADD)
        found = (_signed_delegation(*each, removed) for each in self._stored(wanted, namespace))
        return [item for item in found if item is not None and item.delegation.namespace == namespace]

    def read_delegation(self, raw: bytes) -> SignedDelegation | None:
        """None for removals and proposals too."""
        with readable("A topology transaction from the node"):
            signed = self.admin.message(PROTOCOL + "SignedTopologyTransaction").FromString(raw)
            inner = unwrap(signed.transaction, "a topology transaction")
            transaction = self.admin.message(PROTOCOL + "TopologyTransaction").FromString(inner)
        return _signed_delegation(signed, transaction, raw, removed=False)

    def authorize_delegation(
        self, namespace: str, key: Key, restriction: Restriction = "all_but_namespace_delegations"
    ) -> None:
        """Not waited for, as this node may be without any synchronizer, and its own store has it at once (docs/canton/topology.md#stores)."""
        self._authorize(self._delegation_message(namespace, key, restriction))

    def remove_delegation(self, namespace: str, key: Key) -> None:
        """See docs/canton/topology.md#removed-delegations-never-return and docs/canton/topology.md#a-removal-repeats-the-mapping."""
        found = [item for item in self.delegations(AUTHORIZED, namespace) if item.target == key.fingerprint]
        restriction = found[0].restriction if found else "all_but_namespace_delegations"
        self._authorize_again(self._delegation_message(namespace, key, restriction), REMOVE)

    def _delegation_message(self, namespace: str, key: Key, restriction: Restriction) -> dict[str, t.Any]:
        public = self.admin.message(CRYPTO + "PublicKey").FromString(key.public_key)
        field = next(name for name, word in RESTRICTIONS.items() if word == restriction)
        return {"namespace_delegation": {"namespace": namespace, "target_key": public.signing_public_key, field: {}}}

    def delegation_removals(self, store: str, namespace: str, written_for: int | None) -> list[SignedDelegation]:
        return self.signed_delegations(store, namespace, removed=True)

    def decentralized_namespaces(self, store: str) -> set[str]:
        answer = self.admin.read(READ + "ListDecentralizedNamespaceDefinition", base_query=query(store))
        return {result.item.decentralized_namespace for result in answer.results}

    def set_display_name(self, party: str, name: str) -> None:
        """Only Canton 2 has display names: there is nothing to set, as no party of Canton 3 comes with one."""

    def ping(self, target: str, synchronizer: str, timeout_seconds: int) -> Pong:
        answer = self.admin.write(
            PARTICIPANT + "PingService/Ping",
            deadline=timeout_seconds + 10.0,
            target_parties=[target],
            timeout={"seconds": timeout_seconds},
            synchronizer_id=synchronizer,
        )
        if answer.HasField("success"):
            return Pong(success=True, millis=int(answer.success.ping_time), responder=answer.success.responder)
        return Pong(success=False, reason=answer.failure.reason)


def _signed_delegation(signed: Message, transaction: Message, raw: bytes, removed: bool) -> SignedDelegation | None:
    """What a signed transaction delegates (or removes); None for proposals and everything else."""
    mapping = transaction.mapping
    is_delegation = mapping.WhichOneof("mapping") == "namespace_delegation"
    if not is_delegation or signed.proposal or (transaction.operation == REMOVE_NUMBER) is not removed:
        return None
    return SignedDelegation(_delegation(mapping.namespace_delegation, transaction.serial), raw)


def _delegation(item: Message, serial: int) -> Delegation:
    kind = item.WhichOneof("restriction")
    # An empty oneof is read through the old flag (docs/canton/topology.md#delegations).
    restriction: Restriction = (
        RESTRICTIONS[kind] if kind else ("all" if item.is_root_delegation else "all_but_namespace_delegations")
    )
    return Delegation(
        item.namespace, fingerprint(spec_name(item.target_key), item.target_key.public_key), restriction, serial
    )
