# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An API without a network: real messages of a release line, answers given by the test, requests written down."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Union, cast

from ansible_collections.ledgerops.canton.plugins.module_utils._api.channel import Api
from ansible_collections.ledgerops.canton.plugins.module_utils._api.descriptors import Descriptors
from ansible_collections.ledgerops.canton.plugins.module_utils._api.endpoint import Endpoint
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, NotOffered
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v0 import V0
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v30 import V30
from sandbox.wire import definitions
from sandbox.wire.release import release

NAMESPACE, OTHER = "1220" + "a" * 64, "1220" + "b" * 64
UID = f"node::{NAMESPACE}"
DOMAIN = "da::1220" + "d" * 64
SECOND = "db::1220" + "d" * 64
ALICE, BOB = f"Alice::{NAMESPACE}", f"Bob::{NAMESPACE}"

Answer = Union[dict[str, Any], list[Any], CantonError, Callable[[Any], Any]]  # noqa: UP007 - evaluated by sanity for Python 3.9


@functools.cache
def descriptors(line: str) -> Descriptors:
    files = definitions.descriptor_set(release(line)).file
    services = [f"{file.package}.{service.name}" for file in files for service in file.service]
    return Descriptors([file.SerializeToString() for file in files], services)


class FakeApi:
    """Answers by method name: fields of the response, a list of them for a stream, an error, or a function of the request."""

    def __init__(self, line: str = "2.10") -> None:
        self.endpoint = Endpoint("127.0.0.1:1", "source participant", ready_timeout=0.0)
        self.starting: Any = None
        self.answers: dict[str, Answer] = {"GetId": {"initialized": True, "unique_identifier": UID}}
        self.asked: list[tuple[str, Any]] = []
        self._line = descriptors(line)
        self.services: frozenset[str] = self._line.services

    def message(self, name: str) -> Any:
        return self._line.message(name)

    def has_rpc(self, rpc: str) -> bool:
        return rpc.partition("/")[0] in self.services and self._line.has_rpc(rpc)

    def has_field(self, message: str, field: str) -> bool:
        return self._line.has_field(message, field)

    def requests(self, method: str) -> list[Any]:
        return [request for name, request in self.asked if name == method]

    def _call(self, rpc: str, fields: dict[str, Any]) -> list[Any]:
        if not self.has_rpc(rpc):
            raise NotOffered(f"no RPC {rpc}")
        request_class, response_class = self._line.method(rpc)
        request, method = request_class(**fields), rpc.rpartition("/")[2]
        self.asked.append((method, request))
        answer = self.answers.get(method, {})
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, CantonError):
            raise answer
        return [response_class(**item) for item in (answer if isinstance(answer, list) else [answer])]

    def read(self, rpc: str, deadline: float | None = None, **fields: Any) -> Any:
        return self._call(rpc, fields)[0]

    fresh = repeatable = write = read

    def once(self, rpc: str, **fields: Any) -> Any:
        return self._call(rpc, fields)[0]

    def write_many(self, rpc: str, requests: Sequence[dict[str, Any]], parallel: int) -> list[Any]:
        answers: list[Any] = []
        for fields in requests:
            try:
                answers.append(self._call(rpc, fields)[0])
            except CantonError as exc:
                answers.append(exc)
        return answers

    def stream(self, rpc: str, **fields: Any) -> Iterator[Any]:
        yield from self._call(rpc, fields)

    def upload(self, rpc: str, requests: Iterable[dict[str, Any]]) -> Any:
        request_class, response_class = self._line.method(rpc)
        self.asked += [(rpc.rpartition("/")[2], request_class(**fields)) for fields in requests]
        return response_class()


def as_api(fake: FakeApi) -> Api:
    """The fake as what the dialects take: it has all of an ``Api`` that they call."""
    return cast("Api", fake)


def canton_3(line: str = "3.5", **answers: Answer) -> tuple[V30, FakeApi]:
    """A participant of Canton 3 without a ledger API, with what a test wants it to answer."""
    api = FakeApi(line)
    api.answers.update(answers)
    return V30(as_api(api), None), api


def of_line(line: str, **answers: Answer) -> tuple[V0 | V30, FakeApi]:
    """A participant of any release line, with both APIs."""
    api = FakeApi(line)
    api.answers.update(answers)
    return (V0 if line.startswith("2") else V30)(as_api(api), as_api(api)), api


class Node:
    """A participant of Canton 2 with what a test wants it to answer."""

    def __init__(self, line: str = "2.10", **answers: Answer) -> None:
        self.line = release(line)
        self.messages = definitions.messages(self.line)
        self.api = FakeApi(line)
        self.api.answers.update(answers)
        self.speaker = V0(as_api(self.api), as_api(self.api))

    def rows(self, method: str, *items: dict[str, Any]) -> None:
        """Rows of a topology list by store; a query finds those whose store begins with what it asks for, as in a node."""

        def answer(request: Any) -> dict[str, Any]:
            query = request.base_query
            assert query.HasField("head_state") and query.filter_operation and query.operation == 0
            return {"results": [row for row in items if row["context"]["store"].startswith(query.filter_store)]}

        self.api.answers[method] = answer

    def transaction(self, version: int) -> bytes:
        """A wrapped signed topology transaction whose transaction has this proto version."""
        signed = self.messages.cls("protocol.v0.SignedTopologyTransaction")
        inner = signed(transaction=self.messages.wrap(b"whatever it says", version))
        return self.messages.wrap(inner.SerializeToString(), 0)


def row(store: str, item: dict[str, Any], serialized: bytes = b"", **more: Any) -> dict[str, Any]:
    return {"context": {"store": store, "serialized": serialized}, "item": item, **more}


def delegation(store: str, namespace: str, target: str, root: bool = False, serialized: bytes = b"") -> dict[str, Any]:
    item = {"namespace": namespace, "target_key": {"id": target}, "is_root_delegation": root}
    return row(store, item, serialized, target_key_fingerprint=target)


def hosting(
    store: str, party: str, participant: str, side: str = "Both", permission: str = "Submission"
) -> dict[str, Any]:
    return row(store, {"side": side, "party": party, "participant": "PAR::" + participant, "permission": permission})


def vetting(store: str, participant: str, *packages: str) -> dict[str, Any]:
    return row(store, {"participant": participant, "package_ids": packages})
