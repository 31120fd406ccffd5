# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the client asks and sends, against a real gRPC server: descriptors, retries, streams, tokens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, duration_pb2
from google.rpc import error_details_pb2
from unit.plugins.module_utils._api.server import (
    FILES,
    LISTEN,
    SAY,
    SEND,
    SERVICE,
    STATUS,
    STATUS_SERVICE,
    Node,
    StatusResponse,
    Word,
    error_info,
    rich_error,
)
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._api.channel import Api
from ansible_collections.ledgerops.canton.plugins.module_utils._api.description import Description, KeptDescriptions
from ansible_collections.ledgerops.canton.plugins.module_utils._api.memory import Memory
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import Busy, CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v30 import V30

ATTEMPTS = 6


def unavailable(_word: Any, context: grpc.ServicerContext) -> None:
    context.abort(grpc.StatusCode.UNAVAILABLE, "SERVER_IS_SHUTTING_DOWN(1,0): going down")


# -- descriptors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("versions", [{"v1"}, {"v1alpha"}, {"v1", "v1alpha"}])
def test_reflection_of_either_version(node: Node, versions: set[str]) -> None:
    node.reflection = versions
    api = node.api()
    assert api.read(SAY, text="hello").text == "hello"
    assert api.has_rpc(SAY) and not api.has_rpc(f"{SERVICE}/Nothing")
    assert api.has_field("demo.Word", "data") and not api.has_field("demo.Word", "nothing")
    asked = [rpc.split(".")[2] for rpc, _token in node.calls if rpc.startswith("grpc.reflection")]
    assert set(asked) == ({"v1"} if "v1" in versions else {"v1", "v1alpha"})


def test_descriptors_are_read_once(node: Node) -> None:
    api = node.api()
    for _unused in range(3):
        api.read(SAY)
    # list, symbols and imports in one stream
    assert sum(rpc.startswith("grpc.reflection") for rpc, _token in node.calls) == 1


def test_remembered_until_the_next_write(node: Node) -> None:
    api = node.api()
    api.remember(Memory())

    def said() -> int:
        return sum(rpc.endswith(SAY) for rpc, _token in node.calls)

    for _unused in range(3):
        api.read(SAY, text="a question")
    assert said() == 1
    api.fresh(SAY, text="a question")
    assert said() == 2
    for write in (api.write, api.repeatable, api.once):
        before = said()
        write(SAY, text="a change")
        api.read(SAY, text="a question")
        assert said() == before + 2


def reflected(node: Node) -> int:
    return sum(rpc.startswith("grpc.reflection") for rpc, _token in node.calls)


def test_a_kept_description_spares_the_question(node: Node, tmp_path: Path) -> None:
    kept = KeptDescriptions(str(tmp_path / "api.json"))
    kept.confirm("node 1")
    first = Api(node.api().endpoint, kept)
    assert first.read(SAY, text="hello").text == "hello" and reflected(node) == 1
    again = KeptDescriptions(str(tmp_path / "api.json"))
    second = Api(first.endpoint, again)
    assert second.read(SAY, text="again").text == "again" and second.services == first.services
    assert second.has_field("demo.Word", "data") and reflected(node) == 1
    # what it does not know is asked of the node, once
    assert not (second.has_rpc(f"{SERVICE}/Nothing") or second.has_field("demo.Word", "nothing"))
    assert reflected(node) == 2


def test_a_kept_description_without_the_service_is_asked_again(node: Node, tmp_path: Path) -> None:
    kept = KeptDescriptions(str(tmp_path / "api.json"))
    kept.confirm("node 1")
    kept.keep(node.api().endpoint.address, Description((), ()))
    api = Api(node.api().endpoint, KeptDescriptions(str(tmp_path / "api.json")))
    assert api.read(SAY, text="hello").text == "hello" and reflected(node) == 1


def test_no_reflection(node: Node) -> None:
    node.reflection = set()
    error = refused(lambda: node.api().read(SAY))
    assert error.error_id == "no_reflection"
    assert "does not offer gRPC reflection" in error.message and "api_descriptors" in error.hint


def test_descriptor_file_stands_in_for_reflection(node: Node, tmp_path: Path) -> None:
    node.reflection = set()
    path = tmp_path / "api.binpb"
    path.write_bytes(descriptor_pb2.FileDescriptorSet(file=FILES.values()).SerializeToString())
    api = node.api(descriptors_file=str(path))
    assert api.read(SAY, text="hello").text == "hello"
    assert [rpc for rpc, _token in node.calls] == [SAY]


# -- a node that is starting ------------------------------------------------------------------------------------------


def starting(node: Node, waiting_for: int, polls: int) -> None:
    """The node lists only its status until it was asked ``polls`` times."""
    node.listed = [STATUS_SERVICE]

    def status(_request: Any, _context: grpc.ServicerContext) -> Any:
        if node.called(STATUS) >= polls:
            node.listed = [STATUS_SERVICE, SERVICE]
        return StatusResponse(not_initialized={"waiting_for_external_input": waiting_for})

    node.behaviours[STATUS] = status


def participant(node: Node, ready_timeout: float) -> Api:
    """The API of a node with what the dialect of Canton 3 knows about one that starts."""
    return V30(node.api(ready_timeout=ready_timeout), None).admin


@pytest.mark.parametrize("kind", ["read", "write"])
def test_services_that_come_up_later_are_waited_for(node: Node, kind: str) -> None:
    starting(node, 0, polls=3)
    api = participant(node, ready_timeout=5.0)
    assert getattr(api, kind)(SAY, text="late").text == "late"
    assert node.called(STATUS) == 3


def test_waiting_for_a_service_ends(node: Node) -> None:
    starting(node, 0, polls=1_000_000)
    error = refused(lambda: participant(node, ready_timeout=0.5).read(SAY))
    assert error.error_id == "not_offered" and SAY in error.message
    assert node.called(STATUS) > 1


@pytest.mark.parametrize("waiting_for", [1, 2])
def test_a_node_that_waits_for_its_operator_is_told_at_once(node: Node, waiting_for: int) -> None:
    starting(node, waiting_for, polls=1_000_000)
    error = refused(lambda: participant(node, ready_timeout=60.0).read(SAY))
    assert error.error_id == "not_initialized"
    assert "has no identity yet" in error.message and "Initialise" in error.hint
    assert node.called(STATUS) == 1


def test_what_a_node_never_had_is_not_waited_for(node: Node) -> None:
    error = refused(lambda: participant(node, ready_timeout=60.0).read("other.Service/Call"))
    assert error.error_id == "not_offered" and "other.Service/Call" in error.message


# -- retries ----------------------------------------------------------------------------------------------------------


def test_reads_are_retried_until_they_succeed(node: Node) -> None:
    def reluctant(word: Any, context: grpc.ServicerContext) -> Any:
        if node.called(SAY) < 3:
            unavailable(word, context)
        return word

    node.behaviours[SAY] = reluctant
    assert node.api().read(SAY, text="third").text == "third"
    assert node.called(SAY) == 3


@pytest.mark.parametrize(("kind", "attempts"), [("read", ATTEMPTS), ("repeatable", ATTEMPTS), ("write", 1)])
def test_only_what_may_be_repeated_is(node: Node, kind: str, attempts: int) -> None:
    node.behaviours[SAY] = unavailable
    error = refused(lambda: getattr(node.api(), kind)(SAY))
    assert error.error_id == "SERVER_IS_SHUTTING_DOWN" and "going down" in error.message
    assert error.retryable is (attempts == 1)  # what was waited for already is not to be waited for again
    assert node.called(SAY) == attempts


def test_a_refusal_is_not_retried(node: Node) -> None:
    node.behaviours[SAY] = lambda _word, context: context.abort(grpc.StatusCode.NOT_FOUND, "none")
    assert refused(lambda: node.api().read(SAY)).error_id == "NOT_FOUND"
    assert node.called(SAY) == 1


def overloaded(context: grpc.ServicerContext, delay: float | None = 0.0, category: str = "2") -> None:
    """Push back as a busy node does: ABORTED with category and, unless ``delay`` is None, the seconds to wait."""
    details: list[Any] = [error_info("SERVER_OVERLOADED", category=category)]
    if delay is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=int(delay * 1e9))))
    text = "SERVER_OVERLOADED(2,0): too many requests"
    context.set_trailing_metadata(rich_error(grpc.StatusCode.ABORTED, text, *details))
    context.abort(grpc.StatusCode.ABORTED, text)


@pytest.mark.parametrize("kind", ["read", "write"])
@pytest.mark.parametrize("delay", [0.0, None])
def test_a_busy_node_is_waited_for(node: Node, kind: str, delay: float | None) -> None:
    def say(word: Any, context: grpc.ServicerContext) -> Any:
        if node.called(SAY) <= ATTEMPTS + 2:
            overloaded(context, delay)
        return word

    node.behaviours[SAY] = say
    assert getattr(node.api(), kind)(SAY, text="at last").text == "at last"


def test_a_busy_node_is_waited_for_no_longer_than_the_timeout(node: Node) -> None:
    node.behaviours[SAY] = lambda _word, context: overloaded(context, 0.2)
    error = refused(lambda: node.api(timeout=0.5).read(SAY))
    assert isinstance(error, Busy) and error.error_id == "SERVER_OVERLOADED" and "timeout" in error.hint
    assert not error.retryable and 1 < node.called(SAY) < 5


def test_aborted_for_another_reason_is_not_repeated(node: Node) -> None:
    node.behaviours[SAY] = lambda _word, context: overloaded(context, None, "9")
    assert refused(lambda: node.api().read(SAY)).error_id == "SERVER_OVERLOADED"
    assert node.called(SAY) == 1


def test_a_stream_is_begun_again_only_while_nothing_was_received(node: Node) -> None:
    sent = [0]

    def listen(_word: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        if node.called(LISTEN) < 3:
            overloaded(context)
        for number in range(2):
            sent[0] += 1
            yield Word(text=str(number))
        overloaded(context)

    node.behaviours[LISTEN] = listen
    got: list[str] = []
    error = refused(lambda: got.extend(item.text for item in node.api().stream(LISTEN)))
    assert isinstance(error, Busy) and got == ["0", "1"] and sent == [2]
    assert node.called(LISTEN) == 3


# -- many at a time, streams ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parallel", [1, 3, 50])
def test_write_many_keeps_order_and_errors(node: Node, parallel: int) -> None:
    lock, running, most = threading.Lock(), [0], [0]

    def say(word: Any, context: grpc.ServicerContext) -> Any:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        try:
            time.sleep(0.02)  # long enough for all that are sent together to meet here
            if int(word.text) % 4 == 1:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"BAD_NUMBER(8,0): {word.text}")
            return word
        finally:
            with lock:
                running[0] -= 1

    node.behaviours[SAY] = say
    answers = node.api().write_many(SAY, [{"text": str(number)} for number in range(10)], parallel)
    shown = [item.error_id if isinstance(item, CantonError) else item.text for item in answers]
    assert shown == ["0", "BAD_NUMBER", "2", "3", "4", "BAD_NUMBER", "6", "7", "8", "BAD_NUMBER"]
    assert most[0] <= parallel


def test_stream_is_cancelled_when_reading_stops(node: Node) -> None:
    gone = threading.Event()

    def listen(_word: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        context.add_callback(gone.set)
        for number in range(1_000_000):
            if not context.is_active():
                return
            yield Word(text=str(number))

    node.behaviours[LISTEN] = listen
    stream = node.api().stream(LISTEN)
    assert [next(stream).text for _unused in range(2)] == ["0", "1"]
    stream.close()  # type: ignore[attr-defined]
    assert gone.wait(5)


def test_stream_that_breaks_is_an_error_not_an_end(node: Node) -> None:
    def listen(_word: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield Word(text="only")
        context.abort(grpc.StatusCode.ABORTED, "LOST_IT(2,0): gone")

    node.behaviours[LISTEN] = listen
    got: list[str] = []
    error = refused(lambda: got.extend(item.text for item in node.api().stream(LISTEN)))
    assert error.error_id == "LOST_IT" and "gone" in error.message


class Receiver:
    """A client stream's other end: what came, and whether it came to a clean end."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.clean_end = False
        self.over = threading.Event()

    def __call__(self, words: Iterator[Any], context: grpc.ServicerContext) -> Any:
        cancelled = threading.Event()
        context.add_callback(cancelled.set)
        try:
            for word in words:
                self.received.append(word.text)
            # grpc's Python server may tell of the end of an aborted stream before it tells of the abort
            self.clean_end = not cancelled.wait(0.2)
        finally:
            self.over.set()
        return Word(text=str(len(self.received)))


def test_upload(node: Node) -> None:
    node.behaviours[SEND] = receiver = Receiver()
    assert node.api().upload(SEND, ({"text": str(number)} for number in range(20))).text == "20"
    assert receiver.clean_end and receiver.received == [str(number) for number in range(20)]


@pytest.mark.parametrize("failure", [CantonError("cut", "source_cut"), OSError("disk"), ValueError("bad")])
def test_upload_is_aborted_when_its_source_fails(node: Node, failure: Exception) -> None:
    node.behaviours[SEND] = receiver = Receiver()

    def source() -> Iterator[dict[str, Any]]:
        yield {"text": "first"}
        raise failure

    with pytest.raises(type(failure)) as caught:
        node.api().upload(SEND, source())
    assert caught.value is failure
    assert receiver.over.wait(5) and not receiver.clean_end


def test_upload_that_the_node_refuses(node: Node) -> None:
    node.behaviours[SEND] = lambda _words, context: context.abort(
        grpc.StatusCode.FAILED_PRECONDITION, "IMPORT_ERROR(9,0): no"
    )
    error = refused(lambda: node.api().upload(SEND, ({"text": str(number)} for number in range(3))))
    assert error.error_id == "IMPORT_ERROR"


# -- tokens, sizes ----------------------------------------------------------------------------------------------------


def test_token_file_is_read_at_every_call(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("one\n")
    api = node.api(token="never", token_file=str(path))
    api.read(SAY)
    path.write_text("two")
    api.write(SAY)
    assert [token for rpc, token in node.calls if rpc == SAY] == ["Bearer one", "Bearer two"]


def test_token_goes_to_reflection_too(node: Node) -> None:
    node.api(token="secret").read(SAY)
    assert {token for _rpc, token in node.calls} == {"Bearer secret"}


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_token_file_that_cannot_be_read(node: Node, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    error = refused(lambda: node.api(token_file=str(path)).read(SAY))
    assert error.error_id == "token_file_unreadable" and str(path) in error.message


def test_messages_over_four_mebibytes(node: Node) -> None:
    data = bytes(6 * 1024 * 1024)
    assert node.api().read(SAY, data=data).data == data
