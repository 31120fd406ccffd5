# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contracts and the ledger of each participant: ids, blobs, activations, offsets.

A contract id is `00`, a 32-byte discriminator, `ca121220` and 32 bytes that commit to the contract's content, so that
an import in validation mode can tell a contract that was changed. A blob is what real nodes exchange: a versioned
envelope around a contract instance. Times are microseconds since 1970. Parties travel as whole ids.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from sandbox import lf
from sandbox.acs_stream import encode_varint, length_delimited_field

SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger (
  participant TEXT PRIMARY KEY,
  ledger_end INTEGER NOT NULL,
  pruned_to INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contract (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  participant TEXT NOT NULL,
  contract_id BLOB NOT NULL,
  synchronizer_id TEXT NOT NULL,
  representative_package_id TEXT NOT NULL,
  blob BLOB NOT NULL,
  created_offset INTEGER NOT NULL,
  node_id INTEGER NOT NULL,
  workflow_id TEXT NOT NULL,
  ended_offset INTEGER,
  ended_by TEXT CHECK (ended_by IN ('archived', 'purged'))
);
CREATE INDEX IF NOT EXISTS contract_by_id ON contract (participant, contract_id);
CREATE INDEX IF NOT EXISTS contract_by_participant ON contract (participant);
"""

_VERSION = "2.1"
_ID_VERSION = b"\x00"
_SUFFIX_MARK = bytes.fromhex("ca121220")
_PREFIX_BYTES = 33
_ID_BYTES = _PREFIX_BYTES + len(_SUFFIX_MARK) + 32
_SALT_PROTO_VERSION = b"\x10\x1e"  # field 2 = 30, as in every versioned wrapper


class BlobError(Exception):
    """Bytes that are not a contract blob."""


@dataclass(frozen=True)
class Contract:
    """What a blob says."""

    contract_id: bytes
    package_id: str
    module: str
    entity: str
    package_name: str
    signatories: tuple[str, ...]
    observers: tuple[str, ...]
    created_at: int
    blob: bytes

    @property
    def stakeholders(self) -> tuple[str, ...]:
        return self.signatories + self.observers


@dataclass(frozen=True)
class Active:
    """One row of the active contract set of a participant."""

    seq: int
    contract_id: bytes
    synchronizer_id: str
    representative_package_id: str
    blob: bytes
    created_offset: int
    node_id: int
    workflow_id: str


@dataclass(frozen=True)
class Addition:
    """A contract that is about to become active on a participant."""

    contract: Contract
    synchronizer_id: str
    representative_package_id: str
    workflow_id: str = ""


# --- blobs -----------------------------------------------------------------------------------------------------------


def make_contract(
    seed: bytes,
    *,
    package_id: str,
    package_name: str,
    template: str,
    signatories: Sequence[str],
    observers: Sequence[str],
    created_at: int,
    number: int,
    argument_bytes: int = 0,
) -> Contract:
    """A contract whose arguments are its parties, a number and, to reach `argument_bytes`, a text. The same input gives
    the same contract; `seed` tells contracts apart that agree in everything else."""
    module, _unused, entity = template.partition(":")
    instance = lf.ContractInstance(package_name=package_name, created_at=created_at)
    instance.template_id.package_id = package_id
    instance.template_id.module.extend(module.split("."))
    instance.template_id.entity.extend(entity.split("."))
    instance.signatories.extend(signatories)
    instance.observers.extend(observers)
    argument = lf.Value()
    for party in (*signatories, *observers):
        argument.record.fields.add().value.party = party
    argument.record.fields.add().value.int64 = number
    padding = argument_bytes - argument.ByteSize()
    if padding > 0:
        argument.record.fields.add().value.text = "." * padding
    instance.create_argument = argument.SerializeToString()
    instance.authentication_data = _authentication_data(hashlib.sha256(b"salt" + seed).digest())
    prefix = _ID_VERSION + hashlib.sha256(b"discriminator" + seed).digest()
    instance.contract_id = _contract_id(prefix, instance)
    blob = lf.VersionedContract(version=_VERSION, instance=instance.SerializeToString()).SerializeToString()
    return Contract(
        contract_id=instance.contract_id,
        package_id=package_id,
        module=module,
        entity=entity,
        package_name=package_name,
        signatories=tuple(signatories),
        observers=tuple(observers),
        created_at=created_at,
        blob=blob,
    )


def _authentication_data(salt: bytes) -> bytes:
    inner = length_delimited_field(1, b"\x08\x01" + length_delimited_field(2, salt))
    return length_delimited_field(1, inner) + _SALT_PROTO_VERSION


def _contract_id(prefix: bytes, instance: Any) -> bytes:
    unsuffixed = lf.ContractInstance()
    unsuffixed.CopyFrom(instance)
    unsuffixed.contract_id = prefix
    return prefix + _SUFFIX_MARK + hashlib.sha256(unsuffixed.SerializeToString(deterministic=True)).digest()


def parse_blob(blob: bytes) -> Contract:
    """Raises BlobError."""
    instance = _instance(blob)
    template = instance.template_id
    return Contract(
        contract_id=instance.contract_id,
        package_id=template.package_id,
        module=".".join(template.module),
        entity=".".join(template.entity),
        package_name=instance.package_name,
        signatories=tuple(instance.signatories),
        observers=tuple(instance.observers),
        created_at=instance.created_at,
        blob=blob,
    )


def _instance(blob: bytes) -> Any:
    try:
        instance = lf.ContractInstance.FromString(lf.VersionedContract.FromString(blob).instance)
    except DecodeError as error:
        raise BlobError(str(error)) from error
    if not instance.contract_id:
        raise BlobError("no contract id")
    return instance


def is_authentic(contract: Contract) -> bool:
    """True when the contract id commits to the content of the blob."""
    instance = _instance(contract.blob)
    return contract.contract_id == _contract_id(contract.contract_id[:_PREFIX_BYTES], instance)


def with_own_id(contract: Contract) -> Contract:
    """The same content under the id that commits to it; the discriminator stays."""
    envelope = lf.VersionedContract.FromString(contract.blob)
    instance = _instance(contract.blob)
    instance.contract_id = _contract_id(contract.contract_id[:_PREFIX_BYTES], instance)
    envelope.instance = instance.SerializeToString()
    return parse_blob(envelope.SerializeToString())


def parse_contract_id(text: str) -> bytes | None:
    """The bytes of a contract id in hex, or None when it is not one."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return None
    return raw if len(raw) == _ID_BYTES and raw.startswith(_ID_VERSION) else None


def api_record(blob: bytes) -> bytes:
    """The create arguments of a blob as a serialized ledger API Record without labels."""
    return _api_record(create_argument(blob))


def create_argument(blob: bytes) -> Any:
    """The create arguments of a blob as the record that stands in it."""
    return lf.Value.FromString(_instance(blob).create_argument).record


def _api_record(record: Any) -> bytes:
    return b"".join(
        length_delimited_field(2, length_delimited_field(2, _api_value(field.value))) for field in record.fields
    )


def _api_value(value: Any) -> bytes:
    kind = value.WhichOneof("sum")
    if kind == "party":
        return length_delimited_field(7, value.party.encode())
    if kind == "text":
        return length_delimited_field(8, value.text.encode())
    if kind == "int64":
        number = value.int64
        return b"\x18" + encode_varint((number << 1) ^ (number >> 63) if number < 0 else number << 1)
    if kind == "record":
        return length_delimited_field(14, _api_record(value.record))
    return b""  # a kind of value that the sandbox never makes, from a foreign snapshot


# --- ledger ----------------------------------------------------------------------------------------------------------


def ledger_end(db: sqlite3.Connection, participant: str) -> int:
    """The last offset that was given out, 0 on an empty ledger."""
    row = db.execute("SELECT ledger_end FROM ledger WHERE participant = ?", (participant,)).fetchone()
    return int(row[0]) if row else 0


def pruned_to(db: sqlite3.Connection, participant: str) -> int:
    """The last offset that was pruned away, 0 when none was."""
    row = db.execute("SELECT pruned_to FROM ledger WHERE participant = ?", (participant,)).fetchone()
    return int(row[0]) if row else 0


def prune(db: sqlite3.Connection, participant: str, offset: int, loses_imported: bool) -> None:
    """Refuse reads before an offset from now on. With `loses_imported` (bug 25-013) contracts go that were imported up to
    there and are still active."""
    db.execute("UPDATE ledger SET pruned_to = max(pruned_to, ?) WHERE participant = ?", (offset, participant))
    if loses_imported:
        db.execute(
            "DELETE FROM contract WHERE participant = ? AND created_offset <= ? AND ended_offset IS NULL "
            "AND workflow_id <> ''",
            (participant, offset),
        )


def advance(db: sqlite3.Connection, participant: str, count: int) -> int:
    """Give out `count` offsets and return the first."""
    end = ledger_end(db, participant)
    db.execute(
        "INSERT INTO ledger (participant, ledger_end) VALUES (?, ?) "
        "ON CONFLICT (participant) DO UPDATE SET ledger_end = excluded.ledger_end",
        (participant, end + count),
    )
    return end + 1


# --- the active contract set -----------------------------------------------------------------------------------------

_PAGE = 1000
_COLUMNS = "seq, contract_id, synchronizer_id, representative_package_id, blob, created_offset, node_id, workflow_id"


def active_page(db: sqlite3.Connection, participant: str, offset: int, after_seq: int) -> list[Active]:
    """What was active at that offset, in the order of activation, behind row `after_seq`. An offset at or before the
    ledger end gives the same rows whenever it is asked for, so a long stream can be read page by page."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM contract WHERE participant = ? AND seq > ? AND created_offset <= ? "
        "AND (ended_offset IS NULL OR ended_offset > ?) ORDER BY seq LIMIT ?",
        (participant, after_seq, offset, offset, _PAGE),
    )
    return [Active(*row) for row in rows]


def status(db: sqlite3.Connection, participant: str, contract_id: bytes) -> tuple[str, bytes, str] | None:
    """The newest activation of a contract: ("active", "archived" or "purged", blob, synchronizer id)."""
    row = db.execute(
        "SELECT coalesce(ended_by, 'active'), blob, synchronizer_id FROM contract "
        "WHERE participant = ? AND contract_id = ? ORDER BY seq DESC LIMIT 1",
        (participant, contract_id),
    ).fetchone()
    return (row[0], row[1], row[2]) if row else None


def newest(db: sqlite3.Connection, participant: str, contract_id: bytes) -> tuple[Active, int | None] | None:
    """The newest activation of a contract, and the offset at which it ended, if it did."""
    row = db.execute(
        f"SELECT {_COLUMNS}, ended_offset FROM contract WHERE participant = ? AND contract_id = ? "
        "ORDER BY seq DESC LIMIT 1",
        (participant, contract_id),
    ).fetchone()
    return (Active(*row[:-1]), row[-1]) if row else None


def add(db: sqlite3.Connection, participant: str, additions: Iterable[Addition]) -> int:
    """Activate contracts, in this order: contracts of one create time in a row share an offset
    (docs/canton/contracts.md#batches-and-offsets).
    Returns how many offsets that took."""
    first = ledger_end(db, participant) + 1
    groups = _Groups(first)
    db.executemany(
        "INSERT INTO contract (participant, contract_id, synchronizer_id, representative_package_id, blob, "
        "created_offset, node_id, workflow_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                participant,
                each.contract.contract_id,
                each.synchronizer_id,
                each.representative_package_id,
                each.contract.blob,
                *groups.place(each.contract.created_at),
                each.workflow_id,
            )
            for each in additions
        ),
    )
    count = groups.offset - first + 1
    advance(db, participant, count)
    return count


class _Groups:
    """Gives each contract its (offset, node id)."""

    def __init__(self, first: int) -> None:
        self.offset = first - 1
        self._created_at: int | None = None
        self._node_id = 0

    def place(self, created_at: int) -> tuple[int, int]:
        if created_at == self._created_at:
            self._node_id += 1
        else:
            self.offset += 1
            self._node_id = 0
            self._created_at = created_at
        return self.offset, self._node_id


def end(db: sqlite3.Connection, participant: str, contract_ids: Sequence[bytes], how: str) -> int:
    """Archive or purge what is active of these contracts, at one new offset; returns how many that were."""
    offset = advance(db, participant, 1)
    changed = 0
    for contract_id in contract_ids:
        changed += db.execute(
            "UPDATE contract SET ended_offset = ?, ended_by = ? "
            "WHERE participant = ? AND contract_id = ? AND ended_offset IS NULL",
            (offset, how, participant, contract_id),
        ).rowcount
    return changed


def archive(db: sqlite3.Connection, participant: str, ended: Addition) -> None:
    """What a transaction that archives a contract does. A contract that the participant did not have counts as archived
    from then on, so that no import brings it back."""
    found = status(db, participant, ended.contract.contract_id)
    if found is not None and found[0] == "archived":
        return
    if found is None or found[0] != "active":
        add(db, participant, [ended])
        # it never was active: it begins and ends at one offset
        offset = ledger_end(db, participant)
        db.execute(
            "UPDATE contract SET ended_offset = ?, ended_by = 'archived' WHERE participant = ? AND contract_id = ? "
            "AND ended_offset IS NULL",
            (offset, participant, ended.contract.contract_id),
        )
        return
    end(db, participant, [ended.contract.contract_id], "archived")


def active_parties(db: sqlite3.Connection, participant: str, synchronizer_id: str) -> Iterator[tuple[str, ...]]:
    """The stakeholders of each contract that is active on a synchronizer."""
    rows = db.execute(
        "SELECT blob FROM contract WHERE participant = ? AND synchronizer_id = ? AND ended_offset IS NULL",
        (participant, synchronizer_id),
    )
    for (blob,) in rows:
        yield parse_blob(blob).stakeholders


def uses_package(db: sqlite3.Connection, participant: str, package_id: str) -> bool:
    """True when an active contract was created with a package or is represented by it."""
    rows = db.execute(
        "SELECT blob, representative_package_id FROM contract WHERE participant = ? AND ended_offset IS NULL",
        (participant,),
    )
    return any(package_id in (row[1], parse_blob(row[0]).package_id) for row in rows)
