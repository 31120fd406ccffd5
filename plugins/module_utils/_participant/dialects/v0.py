# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The v0 dialect: Canton 2.8 to 2.10. One small method per RPC, plain dataclasses in and out.

A synchronizer is a domain here, and has one id only. Topology is written into the node's own store (``Authorized``), connected or not; the node
pushes it to the domains that it is connected to, now or at the next connect (docs/canton/canton-2.md#everything-goes-into-the-authorized-store).
"""

from __future__ import annotations

import dataclasses
import typing as t
from contextlib import suppress

from ..._api.channel import Api
from ..._api.descriptors import Message
from ..._api.wrapper import V0 as WRAPPED_V0
from ..._api.wrapper import readable, topology_version, unwrap_delegation
from ..._errors import CantonError, MappingExists, TransactionExists, Unreachable
from ..._waiting import wait_for
from ..model.entities import (
    AUTHORIZED,
    MEMORY_STORAGE,
    Delegation,
    Host,
    Identity,
    Key,
    Pong,
    SignedDelegation,
    Synchronizer,
    WaitingFor,
)
from ..model.interface import Canton3, Participant
from ..model.key_pair import KeyPair
from .exported_key import export_pair, read_pair
from .v0_contracts import Contracts
from .v0_messages import (
    ADD,
    AUTHORIZED_STORE,
    CANTON,
    CONNECTIVITY,
    IDENTITY,
    MEMBER_PREFIX,
    OLD_STATUS,
    PARTICIPANT,
    PROTOCOL_VERSIONS,
    READ,
    SLOW_SECONDS,
    STATUS,
    VAULT,
    WRITE,
    bare_uid,
    delegation_of,
    key_of,
    restriction_of,
    spec_name,
)
from .v0_packages import Packages
from .v0_parties import Parties


class V0(Parties, Packages, Contracts):
    """One participant of Canton 2."""

    major = 2
    reports_kms_keys = False
    reports_synchronizer_of_contracts = False
    hosts_offline = True
    one_mapping_per_host = True
    writes_for_protocol_version = True
    common_protocol_version = 5

    def __init__(self, admin: Api, ledger: Api | None) -> None:
        super().__init__(admin, ledger)
        self.admin.starting = self._is_starting
        self._asked_ids: dict[str, str] = {}

    def require_live(self, step: str) -> Participant:
        return self

    def as_canton_3(self) -> Canton3 | None:
        return None

    def identity(self) -> Identity:
        """A node that makes its own identity looks like one that waits for it, so both are waited for.

        2.8 has no service that reports release and protocol versions: a node without the service of 2.10 is one of 2.8.
        """
        _reached, initialized = wait_for(self._initialized, self.admin.endpoint.ready_timeout)
        found = initialized or self._status()
        if found.initialized:
            return found
        known = self.admin.read(IDENTITY)
        waiting_for: WaitingFor = "initialization" if known.initialized else "id"
        return dataclasses.replace(found, uid=bare_uid(known.unique_identifier), waiting_for=waiting_for)

    def _initialized(self) -> Identity | None:
        found = self._status()
        return found if found.initialized else None

    def _status(self) -> Identity:
        return self._new_status() if self.admin.has_rpc(STATUS) else self._old_status()

    def _new_status(self) -> Identity:
        answer = self.admin.read(STATUS)
        if answer.HasField("failure"):
            raise CantonError(
                f"The {self.label} returned no status: {answer.failure.error_message}", error_id="status_failed"
            )
        if not answer.HasField("status"):
            return Identity("", initialized=False, active=answer.unavailable.active)
        common = answer.status.common_status
        versions = tuple(answer.status.supported_protocol_versions)
        return Identity(
            bare_uid(common.uid),
            initialized=True,
            active=answer.status.active,
            version=common.version,
            protocol_versions=versions,
        )

    def _old_status(self) -> Identity:
        answer = self.admin.read(OLD_STATUS)
        if not answer.HasField("success"):
            return Identity("", initialized=False, active=answer.not_initialized.active)
        return Identity(bare_uid(answer.success.id), initialized=True, active=answer.success.active, version="2.8")

    def in_memory(self) -> bool:
        new = self.admin.has_rpc(STATUS)
        found = self.admin.read(STATUS).status.common_status if new else self.admin.read(OLD_STATUS).success
        return any(item.name == MEMORY_STORAGE for item in found.components)

    def last_time(self, synchronizer: str) -> float | None:
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

    def synchronizers(self, health: bool = False) -> list[Synchronizer]:
        """The list of the connected ones has their health."""
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
        only with a store. Where neither has one, the last store without an alias belongs to the last alias without an id.
        """
        stores = set(self.admin.read(READ + "ListAvailableStores").store_ids) - {AUTHORIZED_STORE} - connected
        ids = {config.domain_alias: config.domain_id for config in configs if config.domain_id}
        for config in configs:
            if stores - set(ids.values()) and config.domain_alias not in ids:
                answer = self._ask_for_id(config.domain_alias)
                if answer:
                    ids[config.domain_alias] = answer
        unclaimed = stores - set(ids.values())
        silent = [config.domain_alias for config in configs if config.domain_alias not in ids]
        if len(unclaimed) == 1 and len(silent) == 1:
            ids[silent[0]] = unclaimed.pop()
        return {
            config.domain_alias: ids[config.domain_alias] if ids.get(config.domain_alias) in stores else ""
            for config in configs
        }

    def _ask_for_id(self, alias: str) -> str:
        """The id of a disconnected domain as the domain itself returns it, or nothing when it does not answer; read once in a run."""
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
        """By the form of what the node wrote there itself (docs/canton/canton-2.md#versions-of-messages).

        4 and 5 write the same form: the version is known only when the node supports one of the two.
        """
        possible = self._possible_versions(item)
        if len(possible) > 1:
            supported = self.identity().protocol_versions
            possible = [version for version in possible if version in supported]
        return possible[0] if len(possible) == 1 else None

    def written_for(self, item: Synchronizer) -> int | None:
        return max(self._possible_versions(item), default=None)

    def _possible_versions(self, item: Synchronizer) -> t.Sequence[int]:
        if not item.id:
            return ()
        owned = self._list("ListOwnerToKeyMapping", item.id, filter_key_owner_uid=self._uid())
        own = MEMBER_PREFIX + self._uid()
        forms = {topology_version(row.context.serialized) for row in owned if row.item.key_owner == own}
        return PROTOCOL_VERSIONS.get(forms.pop(), ()) if len(forms) == 1 else ()

    def hosting_store(self, synchronizer: str) -> str:
        """Disconnected that is its own: what is in there is pushed at the next connect, before anything else."""
        connected = (item.id for item in self.synchronizers() if item.connected)
        return synchronizer if synchronizer in connected else AUTHORIZED

    def hosting_stores(self, synchronizer: str) -> tuple[str, ...]:
        return (synchronizer, AUTHORIZED)

    def topology_published(self, synchronizer: str) -> bool:
        """The ledger API has to know the hosted parties as well."""
        uid = self._uid()
        hosted = self._hosted(AUTHORIZED, uid)
        if not hosted <= self._hosted(synchronizer, uid):
            return False
        if not self._delegated(AUTHORIZED) <= self._delegated(synchronizer):
            return False
        if not self.vettings(AUTHORIZED, uid) <= self.vettings(synchronizer, uid):
            return False
        return not self.has_ledger or {party for party, _host in hosted} <= self._local()

    def _hosted(self, store: str, uid: str) -> set[tuple[str, Host | None]]:
        """Parties with this node's own share in hosting them: in the domain's store others may have theirs."""
        return {(item.party, item.host(uid)) for item in self.hostings(store, uid)}

    def _delegated(self, store: str) -> set[Delegation]:
        return {delegation_of(row) for row in self._list("ListNamespaceDelegation", store)}

    def _local(self) -> set[str]:
        providers = ["", *(item.id for item in self.identity_providers())]
        return {item.party for provider in providers for item in self.local_parties(provider) if item.is_local}

    def connect(self, alias: str) -> None:
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
                hint="Check that the domain's sequencers run and that the node can reach them, then run again.",
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
            f"The {self.label} cannot connect to synchronizer {alias}, because its service agreement is not accepted",
            error_id="agreement_not_accepted",
            hint="Read the agreement (GetAgreement of the DomainConnectivityService), accept it (AcceptAgreement), then run again.",
        )

    def disconnect(self, alias: str) -> None:
        self.admin.repeatable(CONNECTIVITY + "DisconnectDomain", domain_alias=alias)

    def set_manual_connect(self, alias: str, manual: bool) -> None:
        config = next((item for item in self._configured() if item.domain_alias == alias), None)
        if config is None:
            raise CantonError(f"The {self.label} has no synchronizer with alias {alias}", error_id="unknown_alias")
        config.manual_connect = manual
        self.admin.repeatable(CONNECTIVITY + "ModifyDomain", modify=config)

    def register(self, alias: str, connections: t.Sequence[str], ca_cert: bytes, manual_connect: bool) -> None:
        """The id is known only after the first connect.

        A node connects at once to what it may connect to by itself, which was not asked for: that comes afterwards. The durations are those of Canton
        3's console, whose defaults did not change (docs/canton/synchronizers.md#durations-of-the-console).
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
            self.set_manual_connect(alias, manual=False)

    def own_keys(self) -> list[Key]:
        answer = self.admin.read(VAULT + "ListMyKeys")
        return [
            key_of(item.public_key_with_name.public_key, item.public_key_with_name.name, item.wrapper_key_id)
            for item in answer.private_keys_metadata
        ]

    def read_key(self, raw: bytes, name: str) -> Key:
        with readable("A public key from the node"):
            return key_of(self.admin.message(CANTON + "crypto.v0.PublicKey").FromString(raw), name)

    def export_key_pair(self, fingerprint: str, protocol_version: int) -> KeyPair:
        """There are no usages (docs/canton/canton-2.md#vault)."""
        return self.read_key_pair(export_pair(self.admin, VAULT, fingerprint, protocol_version).key_pair)

    def read_key_pair(self, raw: bytes) -> KeyPair:
        return read_pair(raw, self.admin.message(CANTON + "crypto.v0.CryptoKeyPair"), WRAPPED_V0, spec_name)

    def delegations(self, store: str, namespace: str = "", target: str = "") -> list[Delegation]:
        found = [item.delegation for item in self.signed_delegations(store, namespace)]
        return [item for item in found if target in ("", item.target)]

    def signed_delegations(
        self, store: str, namespace: str, removed: bool = False, written_for: int | None = None
    ) -> list[SignedDelegation]:
        """No removal is final in Canton 2, so none is listed.

        A domain takes them only in the form of its protocol version, and only a node with the key can sign them anew in
        that form: whoever loads them elsewhere says what they have to be ``written_for``.
        """
        if removed:
            return []
        return [
            SignedDelegation(delegation_of(row), row.context.serialized)
            for row in self._list("ListNamespaceDelegation", store, written_for, filter_namespace=namespace)
            if not namespace or row.item.namespace == namespace
        ]

    def read_delegation(self, raw: bytes) -> SignedDelegation | None:
        """None for removals too, which nobody loads."""
        update = unwrap_delegation(raw)
        if update is None or update.operation != ADD:
            return None
        item = update.namespace_delegation
        return SignedDelegation(Delegation(item.namespace, item.target_key.id, restriction_of(item), 0), raw)

    def authorize_delegation(self, namespace: str, key: Key) -> None:
        """The node has to know the key first. It answers at once: there is nothing to wait for."""
        listed = self.admin.read(VAULT + "ListPublicKeys", filter_fingerprint=key.fingerprint)
        if not any(key_of(item.public_key, "").fingerprint == key.fingerprint for item in listed.public_keys):
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
        self.admin.write(
            WRITE + "AuthorizeNamespaceDelegation",
            authorization={"change": "Remove"},
            namespace=namespace,
            fingerprint_of_authorized_key=key.fingerprint,
            is_root_delegation=False,
        )

    def delegation_removals(self, store: str, namespace: str, written_for: int | None) -> list[SignedDelegation]:
        rows = self._list("ListNamespaceDelegation", store, written_for, operation="Remove", filter_namespace=namespace)
        return [
            SignedDelegation(delegation_of(row), row.context.serialized)
            for row in rows
            if row.item.namespace == namespace
        ]

    def add_transactions(self, store: str, signed: t.Sequence[bytes]) -> None:
        for raw in signed:
            with suppress(TransactionExists):
                self.admin.repeatable(WRITE + "AddSignedTopologyTransaction", serialized=raw)

    def decentralized_namespaces(self, store: str) -> set[str]:
        """Canton 2 has none."""
        return set()

    def set_display_name(self, party: str, name: str) -> None:
        self.admin.repeatable(
            PARTICIPANT + "PartyNameManagementService/setPartyDisplayName", party_id=party, display_name=name
        )

    def ping(self, target: str, synchronizer: str, timeout_seconds: int) -> Pong:
        """The node chooses the domain. It gives no reason for a failure."""
        answer = self.admin.write(
            PARTICIPANT + "PingService/ping",
            deadline=timeout_seconds + 10.0,
            target_parties=[target],
            timeout_milliseconds=timeout_seconds * 1000,
        )
        if answer.HasField("success"):
            return Pong(success=True, millis=int(answer.success.ping_time), responder=answer.success.responder)
        return Pong(success=False, reason=f"no answer within {timeout_seconds} s")
