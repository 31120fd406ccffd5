# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TopologyManagerWriteService (docs/canton/topology.md#authorize, docs/canton/topology.md#signing-for-others)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from sandbox.daml.acs_stream import encode_varint
from sandbox.node.services.service import Service
from sandbox.state import topology_v30
from sandbox.v30 import mappings
from sandbox.v30.node import Node
from sandbox.v30.topology import check_mapping
from sandbox.wire import crypto
from sandbox.wire.errors import CantonError, field_not_set, proto_failure

_ALL_FORCE_FLAGS = frozenset(range(1, 15))


class TopologyManagerWriteService(Service[Node]):
    SERVICE = "com.digitalasset.canton.topology.admin.v30.TopologyManagerWriteService"

    def _store(self, request: Any, write: bool = True) -> str:
        if not request.HasField("store"):
            raise field_not_set("store")
        return self._node.manager.store(request.store, write)

    def Authorize(self, request: Any, context: grpc.ServicerContext) -> Any:
        store = self._store(request)
        which = request.WhichOneof("type")
        signing = (request.signed_by, request.must_fully_authorize, request.force_changes, _seconds(request))
        if which == "transaction_hash":
            signed = self._node.manager.cosign(store, _hash(request.transaction_hash), *signing)
        elif which == "proposal":
            operation, mapping = _change(request.proposal.change, request.proposal)
            signed = self._node.manager.authorize(store, operation, mapping, request.proposal.serial, *signing)
        else:
            raise field_not_set("type")
        return self._cls("AuthorizeResponse")(transaction=signed)

    def AddTransactions(self, request: Any, context: grpc.ServicerContext) -> Any:
        store = self._store(request)
        self._node.manager.add(store, request.transactions, request.force_changes, _seconds(request))
        return self._cls("AddTransactionsResponse")()

    def SignTransactions(self, request: Any, context: grpc.ServicerContext) -> Any:
        store = self._store(request)
        signed = [
            self._node.manager.sign(store, one, request.signed_by, request.force_flags) for one in request.transactions
        ]
        return self._cls("SignTransactionsResponse")(transactions=signed)

    def GenerateTransactions(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._cls("GenerateTransactionsResponse")()
        for proposal in request.proposals:
            store = self._store(proposal)
            operation, mapping = _change(proposal.operation, proposal)
            check_mapping(mapping)
            serial = self._node.manager.next_serial(store, operation, mapping, proposal.serial)
            raw = self._node.topology.build(operation, serial, mapping)
            response.generated_transactions.add(
                serialized_transaction=raw, transaction_hash=crypto.transaction_hash(raw)
            )
        return response

    # Snapshots.

    def ImportTopologySnapshot(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
        self._import(requests, self._items)
        return self._cls("ImportTopologySnapshotResponse")()

    def ImportTopologySnapshotV2(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
        self._import(requests, self._delimited_items)
        return self._cls("ImportTopologySnapshotV2Response")()

    def _import(self, requests: Iterator[Any], read: Any) -> None:
        store, wait, data = "", 0.0, bytearray()
        for request in requests:
            if not store:
                store, wait = self._store(request), _seconds(request)
            data += request.topology_snapshot
        if not store:
            raise field_not_set("store")
        signed_class = self._node.messages.cls("protocol.v30.SignedTopologyTransaction")
        try:
            signed = [
                signed_class.FromString(self._node.messages.unwrap(item.transaction)) for item in read(bytes(data))
            ]
        except DecodeError as error:
            raise proto_failure(f"BufferException({error})") from error
        self._node.manager.add(store, signed, _ALL_FORCE_FLAGS, wait)

    def _items(self, data: bytes) -> list[Any]:
        return list(self._cls("TopologyTransactions").FromString(self._node.messages.unwrap(data)).items)

    def _delimited_items(self, data: bytes) -> list[Any]:
        item_class = self._cls("TopologyTransactions").Item
        return [item_class.FromString(self._node.messages.unwrap(one)) for one in _split(data)]

    # Temporary stores.

    def CreateTemporaryTopologyStore(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self._node.db.write() as connection:
            if not topology_v30.create_temporary(connection, self._node.name, request.name):
                raise CantonError(
                    "TOPOLOGY_TEMPORARY_STORE_ALREADY_EXISTS",
                    f"Temporary topology store '{request.name}' exists already.",
                    {"storeId": request.name},
                )
        response = self._cls("CreateTemporaryTopologyStoreResponse")()
        response.store_id.name = request.name
        return response

    def DropTemporaryTopologyStore(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._node.manager.store(self._cls("StoreId")(temporary=request.store_id), write=True)
        with self._node.db.write() as connection:
            topology_v30.drop_temporary(connection, self._node.name, request.store_id.name)
        return self._cls("DropTemporaryTopologyStoreResponse")()


def _seconds(request: Any) -> float:
    duration = request.wait_to_become_effective
    return float(duration.ToMilliseconds()) / 1000


def _hash(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise proto_failure(f"CryptoDeserializationError({error})") from error


def _change(operation: int, proposal: Any) -> tuple[int, Any]:
    if operation not in (mappings.ADD, mappings.REMOVE):
        raise field_not_set("change")
    if not proposal.HasField("mapping"):
        raise field_not_set("mapping")
    return operation, proposal.mapping


def _split(data: bytes) -> Iterator[bytes]:
    """The messages of a stream in which each is preceded by its length as a varint."""
    position = 0
    while position < len(data):
        length, shift = 0, 0
        while True:
            if position >= len(data):
                raise DecodeError("the stream ends within a length")
            byte = data[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if position + length > len(data):
            raise DecodeError("the stream ends within a message")
        yield data[position : position + length]
        position += length


def delimited(message: bytes) -> bytes:
    return encode_varint(len(message)) + message
