# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TopologyManagerReadService (docs/canton/topology.md#lists-carry-no-signatures, docs/canton/topology.md#filters-of-lists)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.state import connections, stores, topology_v30
from sandbox.state.topology_v30 import Query
from sandbox.v30 import mappings
from sandbox.v30.node import Node
from sandbox.v30.services.topology_write import delimited
from sandbox.v30.topology import Row
from sandbox.wire import crypto, ids
from sandbox.wire.errors import field_not_set, proto_failure

_CHUNK = 2 * 1024 * 1024


class TopologyManagerReadService(Service[Node]):
    SERVICE = "com.digitalasset.canton.topology.admin.v30.TopologyManagerReadService"

    # Queries.

    def _query(self, request: Any, codes: Iterable[int], namespace: str = "") -> Query:
        if not request.HasField("base_query"):
            raise field_not_set("base_query")
        base = request.base_query
        at, between = self._time(base)
        with self._node.db.read() as connection:
            seen = connections.views(connection, self._node.name)
        return Query(
            stores=self._stores(base),
            codes=frozenset(codes),
            proposals=base.proposals,
            operation=base.operation,
            at=at,
            between=between,
            namespace=namespace,
            signed_key=base.filter_signed_key,
            seen=seen,
        )

    def _time(self, base: Any) -> tuple[int | None, tuple[int, int] | None]:
        which = base.WhichOneof("time_query")
        if which == "head_state":
            # Real nodes can lag behind what a write with a wait has just reported
            # (docs/canton/topology.md#reads-can-lag-behind-writes).
            return ids.now() - 1000 * self._node.knob("topology_read_lag_ms", 0), None
        if which == "snapshot":
            return base.snapshot.ToMicroseconds(), None
        if which == "range":
            until = base.range.until.ToMicroseconds() if base.range.HasField("until") else ids.now()
            return None, (getattr(base.range, "from").ToMicroseconds(), until)
        raise field_not_set("time_query")

    def _stores(self, base: Any) -> list[str]:
        if base.HasField("store"):
            return [self._node.manager.store(base.store, write=False)]
        with self._node.db.read() as connection:
            known = connections.known(connection, self._node.name)
        return [*map(stores.synchronizer, known), stores.authorized(self._node.name)]

    def _rows(self, query: Query, keep: Callable[[Row], bool] = lambda row: True) -> list[Row]:
        with self._node.db.read() as connection:
            return [row for row in self._node.topology.query(connection, query) if keep(row)]

    def _store_id(self, store: str) -> Any:
        message = self._cls("StoreId")()
        kind, _unused, rest = store.partition(":")
        if kind == "authorized":
            message.authorized.SetInParent()
        elif kind == "synchronizer":
            message.synchronizer.physical_id = rest
        else:
            message.temporary.name = rest.partition(":")[2]
        return message

    def _list(self, name: str, request: Any, code: int, keep: Callable[[Row], bool]) -> Any:
        """The response of ``List<name>`` with those rows of a kind that pass the filter."""
        response = self._cls(f"List{name}Response")()
        for row in self._rows(self._query(request, [code]), keep):
            result = response.results.add()
            self._describe(result.context, row)
            item = row.item
            result.item.CopyFrom(item.synchronizer_parameters if code == mappings.DOP else item)
        return response

    def _describe(self, context: Any, row: Row) -> None:
        columns = row.row
        context.store.CopyFrom(self._store_id(columns["store"]))
        context.sequenced.FromMicroseconds(columns["sequenced"])
        context.valid_from.FromMicroseconds(columns["valid_from"])
        if columns["valid_until"] is not None:
            context.valid_until.FromMicroseconds(columns["valid_until"])
        context.operation = columns["op"]
        context.transaction_hash = columns["hash"]
        context.serial = columns["serial"]
        context.signed_by_fingerprints.extend(row.signers)

    # One list for each kind of mapping.

    def ListNamespaceDelegation(self, request: Any, context: grpc.ServicerContext) -> Any:
        target = request.filter_target_key_fingerprint

        def keep(row: Row) -> bool:
            return bool(row.item.namespace.startswith(request.filter_namespace)) and (
                not target or crypto.fingerprint(row.item.target_key) == target
            )

        return self._list("NamespaceDelegation", request, mappings.NSD, keep)

    def ListDecentralizedNamespaceDefinition(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._list(
            "DecentralizedNamespaceDefinition",
            request,
            mappings.DND,
            lambda row: row.item.decentralized_namespace.startswith(request.filter_namespace),
        )

    def ListOwnerToKeyMapping(self, request: Any, context: grpc.ServicerContext) -> Any:
        def keep(row: Row) -> bool:
            kind, _unused, uid = row.item.member.partition("::")
            return kind.startswith(request.filter_key_owner_type) and ids.uid_matches(uid, request.filter_key_owner_uid)

        return self._list("OwnerToKeyMapping", request, mappings.OTK, keep)

    def ListPartyToKeyMapping(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._list(
            "PartyToKeyMapping", request, mappings.PTK, lambda row: party_matches(row.item.party, request.filter_party)
        )

    def ListSynchronizerTrustCertificate(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._list(
            "SynchronizerTrustCertificate",
            request,
            mappings.DTC,
            lambda row: ids.uid_matches(row.item.participant_uid, request.filter_uid),
        )

    def ListParticipantSynchronizerPermission(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._list(
            "ParticipantSynchronizerPermission",
            request,
            mappings.PDP,
            lambda row: ids.uid_matches(row.item.participant_uid, request.filter_uid),
        )

    def ListVettedPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._list(
            "VettedPackages",
            request,
            mappings.VTP,
            lambda row: participant_matches(row.item.participant_uid, request.filter_participant),
        )

    def ListPartyToParticipant(self, request: Any, context: grpc.ServicerContext) -> Any:
        def keep(row: Row) -> bool:
            return party_matches(row.item.party, request.filter_party) and any(
                participant_matches(host.participant_uid, request.filter_participant) for host in row.item.participants
            )

        return self._list("PartyToParticipant", request, mappings.PTP, keep)

    def ListSynchronizerParametersState(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._list(
            "SynchronizerParametersState",
            request,
            mappings.DOP,
            lambda row: ids.uid_matches(row.item.synchronizer_id, request.filter_synchronizer_id),
        )

    # Everything at once.

    def ListAvailableStores(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self._node.db.read() as connection:
            known = connections.known(connection, self._node.name)
            temporary = topology_v30.temporaries(connection, self._node.name)
        names = [*map(stores.synchronizer, known), stores.authorized(self._node.name)]
        names += [stores.temporary(self._node.name, name) for name in temporary]
        return self._cls("ListAvailableStoresResponse")(store_ids=map(self._store_id, names))

    def ListAll(self, request: Any, context: grpc.ServicerContext) -> Any:
        excluded = self._codes(request.exclude_mappings)
        codes = set(mappings.SHORT_CODES.values()) - excluded
        return self._cls("ListAllResponse")(result=self._transactions(request, codes))

    def ListAllV2(self, request: Any, context: grpc.ServicerContext) -> Any:
        codes = self._codes(request.include_mappings) or set(mappings.SHORT_CODES.values())
        return self._cls("ListAllV2Response")(result=self._transactions(request, codes))

    def _codes(self, names: Iterable[str]) -> set[int]:
        """The kinds behind short codes; the lines of 3.x do not know the same ones (docs/canton/topology.md#required-signatures)."""
        unknown = [n for n in names if n not in mappings.SHORT_CODES or n in self._node.release.unknown_short_codes]
        if unknown:
            raise proto_failure(f"UnrecognizedTopologyMapping({unknown[0]})")
        return {mappings.SHORT_CODES[name] for name in names}

    def _transactions(self, request: Any, codes: Iterable[int]) -> Any:
        listed = self._cls("TopologyTransactions")()
        for row in self._rows(self._query(request, codes, request.filter_namespace)):
            item = listed.items.add()
            item.sequenced.FromMicroseconds(row.row["sequenced"])
            item.valid_from.FromMicroseconds(row.row["valid_from"])
            if row.row["valid_until"] is not None:
                item.valid_until.FromMicroseconds(row.row["valid_until"])
            item.transaction = self._node.messages.wrap(row.row["signed"])
        return listed

    def ExportTopologySnapshot(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        codes = set(mappings.SHORT_CODES.values()) - self._codes(request.exclude_mappings)
        data = self._node.messages.wrap(self._transactions(request, codes).SerializeToString())
        yield from _chunks(data, self._cls("ExportTopologySnapshotResponse"))

    def ExportTopologySnapshotV2(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        codes = set(mappings.SHORT_CODES.values()) - self._codes(request.exclude_mappings)
        items = self._transactions(request, codes).items
        data = b"".join(delimited(self._node.messages.wrap(item.SerializeToString())) for item in items)
        yield from _chunks(data, self._cls("ExportTopologySnapshotV2Response"))


def _chunks(data: bytes, response: Any) -> Iterator[Any]:
    for start in range(0, len(data), _CHUNK):
        yield response(chunk=data[start : start + _CHUNK])


def party_matches(party: str, wanted: str) -> bool:
    """The identifier must be equal, the namespace may be cut short (docs/canton/topology.md#filters-of-lists)."""
    if not wanted:
        return True
    identifier, _unused, namespace = wanted.partition("::")
    ours, theirs = ids.split(party)
    return ours == identifier and theirs.startswith(namespace)


def participant_matches(uid: str, wanted: str) -> bool:
    """A plain prefix, with or without the member code."""
    return uid.startswith(wanted) or f"PAR::{uid}".startswith(wanted)
