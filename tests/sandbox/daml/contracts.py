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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from sandbox.daml import lf
from sandbox.daml.acs_stream import encode_varint, length_delimited_field

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
