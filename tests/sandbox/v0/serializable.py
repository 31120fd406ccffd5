# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contracts as Canton 2 exchanges them: SerializableContract, in the form that a protocol version has
(docs/canton/canton-2.md#versions-of-messages).

In the store they lie in the same form as those of Canton 3 (see `contracts`). What both forms share goes over field by
field, so a contract that comes back unchanged is equal to what was sent.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError

from sandbox.daml import contracts, lf
from sandbox.daml.contracts import BlobError, Contract
from sandbox.v0.protocol import contract_version
from sandbox.wire.definitions import Messages

# Canton 3 marks the suffix of its contract ids otherwise; both marks are four bytes long.
_SUFFIX_MARK = bytes.fromhex("ca021220")
_PREFIX_BYTES = 33


def from_canton_3(messages: Messages, contract: Contract) -> Contract:
    """A contract that was made for Canton 3, with the salt and the mark in its id that Canton 2 gives it."""
    envelope, instance = _open(contract.blob)
    made = instance.contract_id
    instance.contract_id = made[:_PREFIX_BYTES] + _SUFFIX_MARK + made[_PREFIX_BYTES + len(_SUFFIX_MARK) :]
    # Canton 3 has the salt in field 1 of a wrapped message; there it is the same message as here.
    salt_in_field_1 = messages.unwrap(instance.authentication_data)
    instance.authentication_data = messages.unwrap(salt_in_field_1)
    _sort_parties(instance, contract.signatories, contract.observers)
    return _close(envelope, instance)


def key(contract: Contract) -> tuple[bytes, frozenset[str]] | None:
    """The key of a contract (bytes that are equal for equal keys) and its maintainers."""
    _unused, instance = _open(contract.blob)
    return (instance.global_key, frozenset(instance.maintainers)) if instance.global_key else None


def pack(messages: Messages, contract: Contract, protocol_version: int) -> bytes:
    """The wrapped SerializableContract."""
    version = contract_version(protocol_version)
    envelope, instance = _open(contract.blob)
    message = messages.cls(f"protocol.v{version}.SerializableContract")(contract_id=contract.contract_id.hex())
    raw = lf.ContractInstance(package_name=instance.package_name, create_argument=instance.create_argument)
    raw.template_id.CopyFrom(instance.template_id)
    envelope.instance = raw.SerializeToString()
    message.raw_contract_instance = envelope.SerializeToString()
    metadata = message.metadata
    metadata.non_maintainer_signatories.extend(p for p in contract.signatories if p not in instance.maintainers)
    metadata.non_signatory_stakeholders.extend(contract.observers)
    if instance.global_key:
        metadata.key.MergeFromString(instance.global_key)
        metadata.key.DiscardUnknownFields()
        metadata.maintainers.extend(instance.maintainers)
    message.ledger_create_time.FromMicroseconds(contract.created_at)
    if version > 0:
        message.contract_salt.MergeFromString(instance.authentication_data)
    return messages.wrap(message.SerializeToString(), version)


def unpack(messages: Messages, data: bytes) -> Contract:
    """The contract in a wrapped SerializableContract; BlobError when it is none."""
    try:
        payload, version = messages.unwrap_versioned(data)
        message = messages.cls(f"protocol.v{version}.SerializableContract").FromString(payload)
        contract_id = contracts.parse_contract_id(message.contract_id)
        if contract_id is None:
            raise BlobError(f'cannot parse ContractId "{message.contract_id}"')
        envelope, instance = _open(message.raw_contract_instance)
    except (DecodeError, KeyError) as error:
        raise BlobError(str(error)) from error
    instance.contract_id = contract_id
    metadata = message.metadata
    _sort_parties(
        instance, [*metadata.maintainers, *metadata.non_maintainer_signatories], metadata.non_signatory_stakeholders
    )
    if metadata.HasField("key"):
        instance.global_key = metadata.key.SerializeToString(deterministic=True)
        instance.maintainers.extend(sorted(metadata.maintainers))
    instance.created_at = message.ledger_create_time.ToMicroseconds()
    if version > 0:
        instance.authentication_data = message.contract_salt.SerializeToString()
    return _close(envelope, instance)


def _sort_parties(instance: Any, signatories: Any, observers: Any) -> None:
    """Canton 2 keeps sets: the order in which parties came is lost."""
    instance.ClearField("signatories")
    instance.ClearField("observers")
    instance.signatories.extend(sorted(set(signatories)))
    instance.observers.extend(sorted(set(observers)))


def _open(blob: bytes) -> tuple[Any, Any]:
    envelope = lf.VersionedContract.FromString(blob)
    return envelope, lf.ContractInstance.FromString(envelope.instance)


def _close(envelope: Any, instance: Any) -> Contract:
    envelope.instance = instance.SerializeToString()
    return contracts.parse_blob(envelope.SerializeToString())
