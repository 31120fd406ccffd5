# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TopologyManagerReadService (docs/canton/canton-2.md#topology-lists)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.state import connections, stores
from sandbox.v0 import elements, keys
from sandbox.v0.node import Node
from sandbox.v0.topology import Row, Transaction
from sandbox.wire import ids
from sandbox.wire.errors import BareError, CantonError, field_not_set

_AUTHORIZED = "Authorized"


class TopologyManagerReadService(Service[Node]):
    SERVICE = "com.digitalasset.canton.topology.admin.v0.TopologyManagerReadService"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._topology = node.topology

    # Queries.

    def _stores(self, connection: sqlite3.Connection) -> dict[str, str]:
        """The name that clients see -> the store."""
        domains = connections.known(connection, self._node.name)
        return {
            _AUTHORIZED: stores.authorized(self._node.name),
            **{domain_id: stores.synchronizer(domain_id) for domain_id in domains},
        }

    def _query(self, request: Any, kind: str, keep: Callable[[Any], bool]) -> Iterator[tuple[str, Row, Transaction]]:
        """(name of the store, row, transaction in the form that was asked for) of what a base query selects."""
        if not request.HasField("base_query"):
            raise field_not_set("base_query")
        base = request.base_query
        in_time = self._time(base)
        with self._node.db.read() as connection:
            for name, store in self._stores(connection).items():
                if not name.startswith(base.filter_store):
                    continue
                state_only = base.use_state_store and name != _AUTHORIZED
                for row in self._topology.all_rows(connection, store):
                    if kind and (row.element.kind != kind or not keep(row.item)):
                        continue
                    operation = row.transaction.operation
                    if state_only and operation == elements.REMOVE:
                        continue
                    if base.filter_operation and operation != base.operation:
                        continue
                    if in_time(row) and row.transaction.signer.startswith(base.filter_signed_key):
                        yield name, row, self._form(connection, row, base)

    def _form(self, connection: sqlite3.Connection, row: Row, base: Any) -> Transaction:
        if not base.HasField("protocol_version"):
            return row.transaction
        text = base.protocol_version.value
        if not text.isdigit() or int(text) not in self._node.release.protocol_versions:
            raise BareError(grpc.StatusCode.INVALID_ARGUMENT, f"Protocol version {text} is not supported")
        try:
            return self._topology.convert(connection, "", self._node.vault, row.transaction, int(text))
        except CantonError as error:
            raise BareError(
                grpc.StatusCode.INTERNAL, f"Failed to convert topology transaction: {error.cause}"
            ) from error

    def _time(self, base: Any) -> Callable[[Row], bool]:
        which = base.WhichOneof("time_query")
        if which == "range":
            start = getattr(base.range, "from").ToMicroseconds()
            end = base.range.until.ToMicroseconds() if base.range.HasField("until") else ids.now()
            return lambda row: bool(start <= row.row["valid_from"] <= end)
        if which == "head_state":
            at = ids.now() - 1000 * self._node.knob("topology_read_lag_ms", 0)
        elif which == "snapshot":
            at = base.snapshot.ToMicroseconds()
        else:
            raise field_not_set("time_query")

        def then(row: Row) -> bool:
            until = row.row["valid_until"]
            return bool(row.row["valid_from"] <= at and (until is None or until > at))

        return then

    def _list(self, name: str, request: Any, kind: str, keep: Callable[[Any], bool]) -> Any:
        """The answer of ``List<name>`` with those of a kind that pass the filter."""
        response = self._cls(f"List{name}Result")()
        for store, row, transaction in self._query(request, kind, keep):
            result = response.results.add()
            _describe(result.context, store, row, transaction)
            if kind != elements.PARAMETERS:
                result.item.CopyFrom(row.item)
            elif transaction.version < 2:
                result.v1 = bytes(row.item.domain_parameters)
            else:
                result.v2 = bytes(row.item.domain_parameters)
        return response

    # One list for each kind of element.

    def ListAvailableStores(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self._node.db.read() as connection:
            return self._cls("ListAvailableStoresResult")(store_ids=self._stores(connection))

    def ListPartyToParticipant(self, request: Any, context: grpc.ServicerContext) -> Any:
        def keep(item: Any) -> bool:
            if request.HasField("filter_request_side") and item.side != request.filter_request_side.value:
                return False
            if request.HasField("filter_permission") and item.permission != request.filter_permission.value:
                return False
            participant = elements.bare(item.participant)
            return bool(item.party.startswith(request.filter_party)) and participant.startswith(
                request.filter_participant
            )

        return self._list("PartyToParticipant", request, elements.PTP, keep)

    def ListOwnerToKeyMapping(self, request: Any, context: grpc.ServicerContext) -> Any:
        def keep(item: Any) -> bool:
            code, uid = item.key_owner[:3], elements.bare(item.key_owner)
            purpose = keys.SIGNING if item.public_key.HasField("signing_public_key") else keys.ENCRYPTION
            return (
                request.filter_key_owner_type in ("", code)
                and uid.startswith(request.filter_key_owner_uid)
                and (not request.HasField("filter_key_purpose") or request.filter_key_purpose.value == purpose)
            )

        response = self._list("OwnerToKeyMapping", request, elements.OTK, keep)
        for result in response.results:
            result.key_fingerprint = keys.fingerprint(result.item.public_key)
        return response

    def ListNamespaceDelegation(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._list(
            "NamespaceDelegation",
            request,
            elements.NSD,
            lambda item: item.namespace.startswith(request.filter_namespace),
        )
        return _with_targets(response)

    def ListIdentifierDelegation(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._list(
            "IdentifierDelegation",
            request,
            elements.IDD,
            lambda item: ids.uid_matches(item.unique_identifier, request.filter_uid),
        )
        return _with_targets(response)

    def ListSignedLegalIdentityClaim(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._list("SignedLegalIdentityClaim", request, elements.CLAIM, lambda item: True)

    def ListParticipantDomainState(self, request: Any, context: grpc.ServicerContext) -> Any:
        def keep(item: Any) -> bool:
            participant = elements.bare(item.participant)
            return bool(item.domain.startswith(request.filter_domain)) and ids.uid_matches(
                participant, request.filter_participant
            )

        return self._list("ParticipantDomainState", request, elements.STATE, keep)

    def ListMediatorDomainState(self, request: Any, context: grpc.ServicerContext) -> Any:
        def keep(item: Any) -> bool:
            mediator = elements.bare(item.mediator)
            return bool(item.domain.startswith(request.filter_domain)) and ids.uid_matches(
                mediator, request.filter_mediator
            )

        return self._list("MediatorDomainState", request, elements.MEDIATOR, keep)

    def ListVettedPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._list(
            "VettedPackages",
            request,
            elements.VTP,
            lambda item: ids.uid_matches(item.participant, request.filter_participant),
        )

    def ListCheckOnlyPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._list(
            "CheckOnlyPackages",
            request,
            elements.CHECK_ONLY,
            lambda item: ids.uid_matches(item.participant, request.filter_participant),
        )

    def ListDomainParametersChanges(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._list("DomainParametersChanges", request, elements.PARAMETERS, lambda item: True)

    def ListAll(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._cls("ListAllResponse")()
        response.result.SetInParent()
        for _store, row, transaction in self._query(request, "", lambda item: True):
            item = response.result.items.add(transaction=transaction.data)
            _times(item, row)
        return response


def _times(target: Any, row: Row) -> None:
    target.sequenced.FromMicroseconds(row.row["sequenced"])
    target.valid_from.FromMicroseconds(row.row["valid_from"])
    if row.row["valid_until"] is not None:
        target.valid_until.FromMicroseconds(row.row["valid_until"])


def _describe(context: Any, store: str, row: Row, transaction: Transaction) -> None:
    context.store = store
    _times(context, row)
    context.operation = transaction.operation
    context.serialized = transaction.data
    context.signed_by_fingerprint = transaction.signer


def _with_targets(response: Any) -> Any:
    for result in response.results:
        result.target_key_fingerprint = keys.fingerprint(result.item.target_key)
    return response
