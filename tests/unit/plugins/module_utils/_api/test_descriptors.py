# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2
from unit.plugins.module_utils._api.server import DESCRIPTORS, FILES, SAY, SERVICE
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._api.descriptors import Descriptors, declare, offered_by

RAW = [file.SerializeToString() for file in FILES.values()]


@pytest.mark.parametrize("files", [RAW, RAW[::-1]])
def test_order_of_files_does_not_matter(files: list[bytes]) -> None:
    found = Descriptors(files, [SERVICE])
    assert found.message("demo.Word")(text="x").SerializeToString() == b"\n\x01x"
    assert [item.DESCRIPTOR.full_name for item in found.method(SAY)] == ["demo.Word", "demo.Word"]


def test_import_that_is_not_there() -> None:
    error = refused(lambda: Descriptors([FILES["demo/demo.proto"].SerializeToString()], []))
    assert error.error_id == "descriptors_incomplete"
    assert "demo/word.proto" in error.message and "--include_imports" in error.hint


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (lambda found: found.message("demo.Nothing"), "message demo.Nothing"),
        (lambda found: found.method(f"{SERVICE}/Nothing"), f"RPC {SERVICE}/Nothing"),
        (lambda found: found.method("demo.Nothing/Say"), "RPC demo.Nothing/Say"),
    ],
)
def test_what_a_node_does_not_have(ask: Any, what: str) -> None:
    error = refused(lambda: ask(DESCRIPTORS))
    assert error.error_id == "not_offered"
    assert error.message.endswith(f"has no {what}") and "offer it" in error.hint


@pytest.mark.parametrize(
    ("name", "release"),
    [
        ("com.digitalasset.canton.topology.admin.v30.TopologyManagerReadService/ListAll", "Canton 3.4 and 3.5"),
        ("com.daml.ledger.api.v2.StateService/GetLedgerEnd", "Canton 3.4 and 3.5"),
        ("com.digitalasset.canton.topology.admin.v0.TopologyManagerReadService/ListAll", "Canton 2.8 to 2.10"),
        ("com.daml.ledger.api.v1.ActiveContractsService/GetActiveContracts", "Canton 2.8 to 2.10"),
    ],
)
def test_which_release_offers_it(name: str, release: str) -> None:
    assert offered_by(name) == release


def test_file(tmp_path: Path) -> None:
    path = tmp_path / "api.binpb"
    path.write_bytes(descriptor_pb2.FileDescriptorSet(file=FILES.values()).SerializeToString())
    found = Descriptors.from_file(str(path))
    assert SERVICE in found.services and found.has_rpc(SAY)


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"\xff\xff", "not a protobuf descriptor set")])
def test_file_that_is_none(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "api.binpb"
    if content is not None:
        path.write_bytes(content)
    error = refused(lambda: Descriptors.from_file(str(path)))
    assert error.error_id == "descriptors_unreadable"
    assert str(path) in error.message and why in error.message


def test_declared_messages() -> None:
    message = declare(
        "unit.declared",
        {"Outer": {"items": (3, "*Inner"), "names": (4, "map")}, "Inner": {"text": (1, "string"), "n": (2, "int32")}},
    )
    outer = message("Outer")(items=[{"text": "a", "n": 1}, {"text": "b"}], names={"k": "v"})
    again = message("Outer").FromString(outer.SerializeToString())
    assert [item.text for item in again.items] == ["a", "b"] and dict(again.names) == {"k": "v"}
    assert outer.SerializeToString().startswith(b"\x1a\x05\n\x01a\x10\x01")
