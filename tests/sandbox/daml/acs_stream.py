# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container format of an ACS snapshot: one gzip member of length-delimited records
(docs/canton/contracts.md#snapshot).

Both directions stream: memory stays flat whatever the number of records, and no chunk border means anything.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

CHUNK_BYTES = 2 * 1024 * 1024
# The header that a JVM writes: no name, no time, operating system unknown (255). Seen in the recorded snapshots.
_HEADER = bytes.fromhex("1f8b08000000000000ff")
_MAGIC = _HEADER[:2]
_INFLATE_STEP = 1024 * 1024


class NotGzip(Exception):
    """The stream does not begin like a gzip member."""


class SnapshotCut(Exception):
    """The gzip member ends before its trailer."""


class SnapshotAltered(Exception):
    """The gzip member does not inflate, or its checksum does not match."""


class RecordCut(Exception):
    """The gzip member is whole, but its last record is not."""


def encode_varint(value: int) -> bytes:
    """The protobuf base-128 form of a number that is not negative."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def length_delimited_field(number: int, data: bytes) -> bytes:
    """One protobuf field of wire type 2."""
    return encode_varint(number << 3 | 2) + encode_varint(len(data)) + data


def write_snapshot(records: Iterable[bytes], chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """Yield the gzip member that holds the records, each preceded by its length, in chunks of exactly `chunk_bytes`
    (the last one is shorter). No records give the 20 bytes of an empty member."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    crc, size = 0, 0
    pending = bytearray(_HEADER)
    for record in records:
        framed = encode_varint(len(record)) + record
        crc = zlib.crc32(framed, crc)
        size += len(framed)
        pending += deflate.compress(framed)
        yield from _whole_chunks(pending, chunk_bytes)
    pending += deflate.flush() + struct.pack("<II", crc, size & 0xFFFFFFFF)
    yield from _whole_chunks(pending, chunk_bytes)
    if pending:
        yield bytes(pending)


def _whole_chunks(pending: bytearray, chunk_bytes: int) -> Iterator[bytes]:
    while len(pending) >= chunk_bytes:
        yield bytes(pending[:chunk_bytes])
        del pending[:chunk_bytes]


class SnapshotReader:
    """Iterates over the records of a snapshot that arrives in chunks.

    Raises NotGzip, SnapshotCut, SnapshotAltered or RecordCut, each as late as a streaming reader notices it.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._plain = _inflate(chunks)

    def __iter__(self) -> Iterator[bytes]:
        buffer = bytearray()
        for piece in self._plain:
            buffer += piece
            used = 0
            for record, end in _records(buffer):
                yield record
                used = end
            del buffer[:used]
        if buffer:
            raise RecordCut

    def drain(self) -> None:
        """Read to the end without looking at records: raises when the gzip member itself is damaged."""
        for _unused in self._plain:
            pass


def _records(buffer: bytearray) -> Iterator[tuple[bytes, int]]:
    """Each complete record of the buffer, with the position where it ends."""
    view = bytes(buffer)
    start = 0
    while True:
        header = _read_length(view, start)
        if header is None:
            return
        length, begin = header
        end = begin + length
        if end > len(view):
            return
        yield view[begin:end], end
        start = end


def _read_length(view: bytes, at: int) -> tuple[int, int] | None:
    value, shift = 0, 0
    while at < len(view):
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise RecordCut
    return None


def _inflate(chunks: Iterable[bytes]) -> Iterator[bytes]:
    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
    head = b""
    for chunk in chunks:
        data = chunk
        if len(head) < len(_MAGIC):
            head += chunk
            if len(head) < len(_MAGIC):
                continue
            if not head.startswith(_MAGIC):
                raise NotGzip
            data = head
        yield from _inflate_chunk(member, data)
    if len(head) < len(_MAGIC):
        raise NotGzip
    if not member.eof:
        raise SnapshotCut


def _inflate_chunk(member: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    if member.eof and data:
        raise SnapshotAltered
    while data:
        try:
            piece = member.decompress(data, _INFLATE_STEP)
        except zlib.error as error:
            raise SnapshotAltered from error
        if piece:
            yield piece
        if member.unused_data:
            raise SnapshotAltered
        data = member.unconsumed_tail
