# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The snapshot container, contract blobs and DAR files of the sandbox, without a network."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.daml import contracts, dars
from sandbox.daml.acs_stream import NotGzip, RecordCut, SnapshotAltered, SnapshotCut, SnapshotReader, write_snapshot

_NAMESPACE = "1220" + "ab" * 32


def _records(count: int) -> list[bytes]:
    return [random.Random(number).randbytes(number % 700) for number in range(count)]


def test_an_empty_snapshot_is_twenty_bytes() -> None:
    snapshot = b"".join(write_snapshot([]))
    assert snapshot.hex() == "1f8b08000000000000ff0300" + "00" * 8
    assert list(SnapshotReader([snapshot])) == []


def test_chunks_have_one_size_and_no_borders() -> None:
    records = _records(2000)
    chunks = list(write_snapshot(records, 1000))
    assert {len(chunk) for chunk in chunks[:-1]} == {1000}
    assert len(gzip.decompress(b"".join(chunks))) > sum(map(len, records))
    assert list(SnapshotReader(chunks)) == records
    single_bytes = [bytes([byte]) for byte in b"".join(chunks)[:50]] + [b"".join(chunks)[50:]]
    assert list(SnapshotReader(single_bytes)) == records


def test_reading_and_writing_stream() -> None:
    taken = 0

    def source() -> Iterator[bytes]:
        nonlocal taken
        for record in _records(5000):
            taken += 1
            yield record

    chunks = write_snapshot(source(), 10_000)
    next(iter(SnapshotReader(chunks)))
    assert 0 < taken < 5000


@pytest.mark.parametrize("kept", [2, 9, 100, -1, -8, -20])
def test_a_cut_snapshot_is_noticed(kept: int) -> None:
    snapshot = b"".join(write_snapshot(_records(300)))
    with pytest.raises(SnapshotCut):
        list(SnapshotReader([snapshot[:kept]]))


def test_every_altered_byte_behind_the_header_is_noticed() -> None:
    snapshot = b"".join(write_snapshot(_records(40)))
    for position in range(10, len(snapshot), 37):
        altered = bytearray(snapshot)
        altered[position] ^= 1
        reader = SnapshotReader([bytes(altered)])
        with pytest.raises((SnapshotAltered, SnapshotCut, RecordCut)):
            list(reader)


def test_what_is_behind_the_member_is_noticed() -> None:
    with pytest.raises(SnapshotAltered):
        list(SnapshotReader([b"".join(write_snapshot(_records(3))), b"more"]))


@pytest.mark.parametrize("data", [b"", b"h", b"hello, not gzip"])
def test_not_gzip(data: bytes) -> None:
    with pytest.raises(NotGzip):
        list(SnapshotReader([data]))


def test_a_record_that_is_cut_inside_a_whole_member() -> None:
    reader = SnapshotReader([gzip.compress(b"\x05abc")])
    with pytest.raises(RecordCut):
        list(reader)


def _contract(**changes: Any) -> contracts.Contract:
    values: dict[str, Any] = {
        "package_id": "aa" * 32,
        "package_name": "iou",
        "template": "Main.Iou:Iou",
        "signatories": [f"Alice::{_NAMESPACE}"],
        "observers": [f"Bob::{_NAMESPACE}"],
        "created_at": 1_700_000_000_000_001,
        "number": -7,
        "argument_bytes": 1000,
        **changes,
    }
    return contracts.make_contract(b"seed", **values)


def test_a_blob_says_what_the_contract_is() -> None:
    contract = _contract()
    assert contracts.parse_blob(contract.blob) == contract
    assert contract.module == "Main.Iou"
    assert contracts.parse_contract_id(contract.contract_id.hex()) == contract.contract_id
    assert len(contract.blob) > 1000
    assert _contract() == contract
    assert _contract(number=8).contract_id != contract.contract_id


def test_a_changed_blob_is_not_authentic() -> None:
    contract = _contract()
    assert contracts.is_authentic(contract)
    changed = contracts.parse_blob(contract.blob.replace(b"Alice", b"Alicf"))
    assert not contracts.is_authentic(changed)


@pytest.mark.parametrize("blob", [b"", b"junk", b"\xff\xff"])
def test_not_a_blob(blob: bytes) -> None:
    with pytest.raises(contracts.BlobError):
        contracts.parse_blob(blob)


@pytest.mark.parametrize("text", ["", "zz", "00" * 10, "01" * 69])
def test_not_a_contract_id(text: str) -> None:
    assert contracts.parse_contract_id(text) is None


def test_a_dar_says_what_is_in_it() -> None:
    payload = dars.make_dar("iou", "1.2.0", packages=3, templates=["Iou:Iou", "Other.Module:Thing"])
    dar = dars.read_dar(payload)
    assert (dar.main.name, dar.main.version, dar.main.modules) == ("iou", "1.2.0", ("Iou", "Other.Module"))
    assert [package.utility for package in dar.packages] == [False, True, True]
    assert len({package.package_id for package in dar.packages}) == 3
    assert dars.make_dar("iou", "1.2.0", packages=3, templates=["Iou:Iou", "Other.Module:Thing"]) == payload
    salted = dars.read_dar(dars.make_dar("iou", "1.2.0", salt="x"))
    assert salted.main.package_id != dar.main.package_id


def _zip(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def _altered_dalf() -> bytes:
    package = dars.make_package("iou", "1.0.0", ["Iou:Iou"])
    wrong = hashlib.sha256(b"other").hexdigest().encode()
    manifest = b"Format: daml-lf\r\nMain-Dalf: a.dalf\r\nDalfs: a.dalf\r\n"
    return _zip({dars.MANIFEST: manifest, "a.dalf": package.data.replace(package.package_id.encode(), wrong)})


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"not a dar", "INVALID_DAR"),
        (dars.make_dar("iou", "1.0.0")[:-30], "INVALID_DAR"),
        (_zip({"some": b"thing"}), "INVALID_DAR"),
        (_zip({dars.MANIFEST: b"Format: daml-lf\n"}), "DAR_PARSE_ERROR"),
        (_zip({dars.MANIFEST: b"Format: daml-lf\nMain-Dalf: gone.dalf\n"}), "DAR_PARSE_ERROR"),
        (_zip({dars.MANIFEST: b"Format: daml-lf\nMain-Dalf: a.dalf\n", "a.dalf": b"\x1a\xff"}), "DAR_PARSE_ERROR"),
        (_altered_dalf(), "DAR_PARSE_ERROR"),
    ],
    # of their own: a ZIP has the time in it, and workers that collect a second apart would not find the same tests
    ids=[
        "no ZIP",
        "cut off",
        "no manifest",
        "no main DALF",
        "main DALF not there",
        "DALF of another form",
        "altered DALF",
    ],
)
def test_broken_dars(payload: bytes, error: str) -> None:
    with pytest.raises(dars.DarError) as caught:
        dars.read_dar(payload)
    assert caught.value.error_id == error
