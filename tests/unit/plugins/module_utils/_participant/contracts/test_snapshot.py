# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The snapshot's bytes: whatever the chunk borders, and whatever happened to them on the disk."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, NEW, NEW_SYNC, OLD, OLD_SYNC, contract, read_record, snapshot, varint

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts import snapshot as module
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.snapshot import (
    Manifest,
    Receipt,
    SnapshotFiles,
    SnapshotReader,
    watch,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.tally import Counter, tally

CONTRACTS = [contract("00a1", ALICE, on=NEW_SYNC), contract("00b1", ALICE, BOB, on=NEW_SYNC)]
RAW = snapshot(CONTRACTS)


def manifest(raw: bytes = RAW) -> Manifest:
    found = tally(CONTRACTS, [ALICE, BOB])
    return Manifest(
        source=OLD,
        target=NEW,
        offset=7,
        renames={OLD_SYNC: NEW_SYNC},
        bytes=len(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
        contracts=found.contracts,
        digest=found.digest,
        parties=found.parties,
        packages=found.packages,
        exported_at="2026-01-01T00:00:00.000+00:00",
    )


@pytest.fixture
def files(tmp_path: Path) -> SnapshotFiles:
    found = SnapshotFiles(str(tmp_path / "node1"))
    Path(found.data).write_bytes(RAW)
    found.write_manifest(manifest())
    return found


def check(files: SnapshotFiles, raw: bytes) -> None:
    Path(files.data).write_bytes(raw)
    files.check(manifest(), read_record)


def splits(raw: bytes, random_source: random.Random) -> Iterator[bytes]:
    borders = sorted(random_source.choices(range(len(raw) + 1), k=random_source.randint(0, 40)))
    return (raw[start:end] for start, end in itertools.pairwise([0, *borders, len(raw)]))


# -- reading ----------------------------------------------------------------------------------------------------------


def test_chunk_borders_do_not_matter() -> None:
    chance = random.Random(20260101)
    records = [chance.randbytes(chance.choice([0, 1, 127, 128, 300, 20_000])) for _unused in range(30)]
    raw = gzip.compress(b"".join(varint(len(item)) + item for item in records))
    for chunks in [
        [raw],
        [raw[at : at + 1] for at in range(len(raw))],
        *(splits(raw, chance) for _unused in range(50)),
    ]:
        found: list[bytes] = []
        reader = SnapshotReader(found.append)
        for chunk in chunks:
            reader.feed(chunk)
        assert reader.finish() == hashlib.sha256(raw).hexdigest() and reader.bytes == len(raw)
        assert found == records


def test_memory_is_bounded_by_steps_not_by_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small chunk may unpack to much more than a chunk: it is unpacked in steps, records leaving between them."""
    monkeypatch.setattr(module, "CHUNK_BYTES", 1024)
    sizes: list[int] = []
    reader = SnapshotReader(lambda _record: sizes.append(len(reader._buffer)))
    reader.feed(gzip.compress(b"".join(varint(500) + bytes(500) for _unused in range(2000))))
    assert len(sizes) == 2000 and max(sizes) < 4096


@pytest.mark.parametrize("length", range(len(RAW)))
def test_cut_anywhere(length: int) -> None:
    reader = SnapshotReader(lambda _record: None)
    reader.feed(RAW[:length])
    error = refused(reader.finish)
    assert error.error_id == "snapshot_damaged" and "is truncated" in error.message


@pytest.mark.parametrize("raw", [b"\x05ab", b"\x80", varint(300) + bytes(299)])
def test_last_record_is_cut(raw: bytes) -> None:
    reader = SnapshotReader(lambda _record: None)
    reader.feed(gzip.compress(raw))
    with pytest.raises(CantonError, match="its last record is truncated") as caught:
        reader.finish()
    assert caught.value.error_id == "snapshot_damaged"


def test_impossible_length() -> None:
    with pytest.raises(CantonError, match="impossible length"):
        SnapshotReader(lambda _record: None).feed(gzip.compress(b"\xff" * 20))


@pytest.mark.parametrize("chunks", [[b"x"], [RAW]])
def test_something_follows(chunks: list[bytes]) -> None:
    for whole in ([RAW + chunks[0]], [RAW, *chunks]):
        reader = SnapshotReader(lambda _record: None)
        with pytest.raises(CantonError, match="there are bytes after its end"):
            for chunk in whole:
                reader.feed(chunk)


@pytest.mark.parametrize("length", [len(RAW) - 1, 10, 0])
def test_watch_lets_a_cut_stream_not_end_cleanly(length: int) -> None:
    passed: list[bytes] = []
    with pytest.raises(CantonError, match="damaged"):
        passed.extend(watch([RAW[:length]], read_record, Counter([ALICE])))
    assert b"".join(passed) == RAW[:length]


# -- checking a file against its manifest -----------------------------------------------------------------------------


def test_whole_file(files: SnapshotFiles) -> None:
    files.check(manifest(), read_record)
    assert files.read_manifest() == manifest()
    assert [item.contract_id for item in files.contracts(read_record)] == ["00a1", "00b1"]


@pytest.mark.parametrize("raw", [RAW[:-1], RAW[:20], b"", RAW + b"x", RAW + RAW, b"PK" + RAW[2:], snapshot([])])
def test_damaged_file(files: SnapshotFiles, raw: bytes) -> None:
    error = refused(lambda: check(files, raw))
    assert error.error_id == "snapshot_damaged"
    assert "export again" in error.hint


@pytest.mark.parametrize("change", [0x01, 0x80, 0xFF])
def test_one_byte_changed_anywhere(files: SnapshotFiles, change: int) -> None:
    for position in range(len(RAW)):
        raw = RAW[:position] + bytes([RAW[position] ^ change]) + RAW[position + 1 :]
        assert refused(lambda raw=raw: check(files, raw)).error_id == "snapshot_damaged", position


def test_manifest_of_other_contracts(files: SnapshotFiles) -> None:
    raw = snapshot([CONTRACTS[0], contract("00b2", ALICE, BOB, on=NEW_SYNC)])
    Path(files.data).write_bytes(raw)
    with pytest.raises(CantonError, match="its contracts differ from its manifest"):
        files.check(manifest(raw), read_record)


def test_file_that_is_not_there(files: SnapshotFiles) -> None:
    os.unlink(files.data)
    error = refused(lambda: files.check(manifest(), read_record))
    assert error.error_id == "snapshot_missing" and files.data in error.message


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"version": 2}, "its version is 2, not 1"),
        ({"version": None}, "its version is None"),
        ({"version": 1, "surprise": 1}, "not those of a manifest"),
        ([], "not a JSON object"),
        ("{", "not JSON"),
    ],
)
def test_manifest_that_cannot_be_used(files: SnapshotFiles, values: Any, why: str) -> None:
    Path(files.manifest).write_text(values if isinstance(values, str) else json.dumps(values))
    error = refused(files.read_manifest)
    assert error.error_id == "manifest_unreadable"
    assert why in error.message and "export again" in error.hint


def test_receipt(files: SnapshotFiles) -> None:
    assert files.read_receipt() is None
    receipt = Receipt(NEW, "00", 12, "now")
    files.write_receipt(receipt)
    assert files.read_receipt() == receipt
