# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ACS snapshot: a file as the node exports it, with a manifest, and the streams that write, check and send it.

No contract ids or payloads are kept in memory, only an order-free digest over contract ids, overall and per party.
"""

from __future__ import annotations

import hashlib
import typing as t
import zlib
from dataclasses import asdict, dataclass
from functools import partial

from ..._errors import CantonError
from ..._files import file_error, read_json, remove, write_json
from ..model.entities import ActiveContract, Offset
from .tally import Counter, PartyTally, Tally

CHUNK_BYTES = 2 * 1024 * 1024  # the node's own chunk size (docs/canton/connections.md#message-sizes)
MANIFEST_VERSION = 1
MAX_RECORD_BYTES = 256 * 1024 * 1024
GZIP = 31


class SnapshotReader:
    """Follows the compressed bytes of a snapshot, whatever the chunk borders: hash, number of bytes, and its records."""

    def __init__(self, on_record: t.Callable[[bytes], None]) -> None:
        self._on_record = on_record
        self._gunzip = zlib.decompressobj(GZIP)
        self._buffer = bytearray()
        self._hash = hashlib.sha256()
        self.bytes = 0

    def feed(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self.bytes += len(chunk)
        try:
            while chunk:
                self._buffer += self._gunzip.decompress(chunk, CHUNK_BYTES)
                chunk = self._gunzip.unconsumed_tail
                self._records()
        except zlib.error as exc:
            raise SnapshotDamaged("it is not a valid gzip stream") from exc
        if self._gunzip.unused_data:
            raise SnapshotDamaged("there are bytes after its end")

    def _records(self) -> None:
        position = 0
        while True:
            length, start = _varint(self._buffer, position)
            if start is None or start + length > len(self._buffer):
                break
            self._on_record(bytes(self._buffer[start : start + length]))
            position = start + length
        del self._buffer[:position]

    def finish(self) -> str:
        """The sha256 of all that was fed; raises unless the gzip stream came to its own end at a record border."""
        if not self._gunzip.eof:
            raise SnapshotDamaged("it is truncated")
        if self._buffer:
            raise SnapshotDamaged("its last record is truncated")
        return self._hash.hexdigest()


def _varint(buffer: bytearray, position: int) -> tuple[int, int | None]:
    """The length at ``position`` and where its record begins; None while the length itself is not all there."""
    value = shift = 0
    for index in range(position, len(buffer)):
        byte = buffer[index]
        value |= (byte & 0x7F) << shift
        if value > MAX_RECORD_BYTES:
            raise SnapshotDamaged("a record has an impossible length")
        if byte < 0x80:
            return value, index + 1
        shift += 7
    return 0, None


class SnapshotUnusable(CantonError):
    """There is no complete snapshot at this path."""


class SnapshotMissing(SnapshotUnusable):
    ID = "snapshot_missing"


class SnapshotDamaged(SnapshotUnusable):
    ID = "snapshot_damaged"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The snapshot is damaged: {why}",
            hint="Nothing was sent to the target. Delete the file and its manifest, and export again.",
        )


@dataclass(frozen=True)
class Manifest:
    """Everything that is needed to check a snapshot before it is sent.

    ``counterparties``: the number of contracts of each party that does not move. None: an older release did not count them.
    """

    source: str
    target: str
    offset: Offset
    renames: dict[str, str]
    bytes: int
    sha256: str
    contracts: int
    digest: str
    parties: dict[str, PartyTally]
    packages: dict[str, int]
    exported_at: str
    protocol_version: int | None = None
    counterparties: dict[str, int] | None = None
    version: int = MANIFEST_VERSION

    def tally(self) -> Tally:
        synchronizers = dict.fromkeys(self.renames.values(), self.contracts) if self.contracts else {}
        return Tally(self.contracts, self.digest, self.parties, synchronizers, self.packages)


@dataclass(frozen=True)
class Receipt:
    """That a snapshot was imported and proven, and the target's ledger end at which it was."""

    target: str
    sha256: str
    offset: Offset
    imported_at: str


@dataclass(frozen=True)
class SnapshotFiles:
    """``<base>.acs.gz``, ``<base>.manifest.json`` and ``<base>.receipt.json`` on the host that runs the module.

    ``<base>.purge.json`` replaces the receipt when an import is rolled back, until the next export or import: contracts that were purged look
    like archived ones, and only this note tells the difference.
    """

    base: str

    @property
    def data(self) -> str:
        return self.base + ".acs.gz"

    @property
    def manifest(self) -> str:
        return self.base + ".manifest.json"

    @property
    def receipt(self) -> str:
        return self.base + ".receipt.json"

    @property
    def purge(self) -> str:
        return self.base + ".purge.json"

    def read_manifest(self) -> Manifest | None:
        values = read_json(self.manifest, partial(_unreadable, self.manifest))
        if values is None:
            return None
        if values.get("version") != MANIFEST_VERSION:
            raise _unreadable(self.manifest, f"its version is {values.get('version')}, not {MANIFEST_VERSION}")
        try:
            parties = {party: PartyTally(**numbers) for party, numbers in values.pop("parties").items()}
            return Manifest(parties=parties, **values)
        except (AttributeError, KeyError, TypeError) as exc:
            raise _unreadable(self.manifest, "its fields are not those of a manifest") from exc

    def read_receipt(self) -> Receipt | None:
        return _read_receipt(self.receipt)

    def read_purge(self) -> Receipt | None:
        """The receipt of an import that was purged, or whose purge has started."""
        return _read_receipt(self.purge)

    def begin_purge(self, receipt: Receipt) -> None:
        """Record that an import is rolled back; from now on it has no receipt."""
        write_json(self.purge, asdict(receipt))
        remove(self.receipt)

    def write_manifest(self, manifest: Manifest) -> None:
        write_json(self.manifest, asdict(manifest))
        remove(self.purge)

    def write_receipt(self, receipt: Receipt) -> None:
        write_json(self.receipt, asdict(receipt))
        remove(self.purge)

    def chunks(self) -> t.Iterator[bytes]:
        try:
            with open(self.data, "rb") as handle:
                while True:
                    chunk = handle.read(CHUNK_BYTES)
                    if not chunk:
                        return
                    yield chunk
        except FileNotFoundError as exc:
            raise SnapshotMissing(
                f"There is no snapshot {self.data}", hint="Export first, or set path to the path of the export."
            ) from exc
        except OSError as exc:
            raise file_error(self.data, "read", exc) from exc

    def check(self, manifest: Manifest, on_record: t.Callable[[bytes], ActiveContract]) -> None:
        """Read the whole snapshot and compare it with its manifest: size, sha256, contracts, digest per party."""
        counter = Counter(manifest.parties)

        def take(record: bytes) -> None:
            try:
                counter.add(on_record(record))
            except Exception as exc:
                # It was readable when it was exported, and the hash is compared only at the end.
                raise SnapshotDamaged("one of its records cannot be read") from exc

        reader = SnapshotReader(take)
        for chunk in self.chunks():
            reader.feed(chunk)
            if reader.bytes > manifest.bytes:
                raise SnapshotDamaged(f"it is longer than the {manifest.bytes} bytes in its manifest")
        if reader.bytes != manifest.bytes:
            raise SnapshotDamaged(f"it has {reader.bytes} bytes, not the {manifest.bytes} bytes in its manifest")
        if reader.finish() != manifest.sha256:
            raise SnapshotDamaged("its sha256 differs from its manifest")
        if not counter.tally().same_contracts(manifest.tally()):
            raise SnapshotDamaged("its contracts differ from its manifest")

    def contracts(self, on_record: t.Callable[[bytes], ActiveContract]) -> list[ActiveContract]:
        """All contracts of the snapshot; only for naming differences, since it holds them in memory."""
        found: list[ActiveContract] = []
        reader = SnapshotReader(lambda record: found.append(on_record(record)))
        for chunk in self.chunks():
            reader.feed(chunk)
        return found


def watch(
    chunks: t.Iterable[bytes], on_record: t.Callable[[bytes], ActiveContract], counter: Counter
) -> t.Generator[bytes, None, tuple[int, str]]:
    """Yield the chunks while they are counted and hashed; returns number of bytes and sha256, or raises if the stream is truncated."""

    def take(record: bytes) -> None:
        counter.add(on_record(record))

    reader = SnapshotReader(take)
    for chunk in chunks:
        reader.feed(chunk)
        yield chunk
    return reader.bytes, reader.finish()


def follow(stream: t.Generator[bytes, None, tuple[int, str]], take: t.Callable[[bytes], object]) -> tuple[int, str]:
    """Pass every chunk that ``watch`` yields to ``take``; its number of bytes and sha256 at the end."""
    measured = (0, "")
    while not measured[1]:
        try:
            take(next(stream))
        except StopIteration as end:
            measured = end.value
    return measured


def _unreadable(path: str, why: str) -> CantonError:
    return CantonError(
        f"{path} cannot be used: {why}",
        error_id="manifest_unreadable",
        hint="Delete the snapshot and its manifest, and export again.",
    )


def _read_receipt(path: str) -> Receipt | None:
    values = read_json(path, partial(_unreadable, path))
    try:
        return None if values is None else Receipt(**values)
    except TypeError as exc:
        raise _unreadable(path, "its fields are not those of a receipt") from exc
