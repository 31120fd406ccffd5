# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Message classes of what a node keeps inside `bytes` and never describes by reflection: archives and contract blobs.

Only the fields that the sandbox reads or writes are declared; everything else survives as unknown fields.
They live in a pool of their own, so that reflection cannot reach them.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "sandbox.lf"
_LABELS = {"one": 1, "many": 3}
_TYPES = {"int64": 3, "int32": 5, "bool": 8, "string": 9, "bytes": 12, "sfixed64": 16, "sint64": 18}

# message -> (number, name, type, label); a type that is not a scalar is a message of this table
_MESSAGES: dict[str, list[tuple[int, str, str, str]]] = {
    "Archive": [(3, "payload", "bytes", "one"), (4, "hash", "string", "one")],
    "ArchivePayload": [(3, "minor", "string", "one"), (4, "daml_lf_2", "bytes", "one")],
    "Package": [
        (1, "modules", "Module", "many"),
        (2, "interned_strings", "string", "many"),
        (3, "interned_dotted_names", "DottedName", "many"),
        (4, "metadata", "PackageMetadata", "one"),
    ],
    "DottedName": [(1, "segments", "int32", "many")],
    "PackageMetadata": [(1, "name", "int32", "one"), (2, "version", "int32", "one")],
    "Module": [
        (1, "name", "int32", "one"),
        (4, "data_types", "DataType", "many"),
        (6, "templates", "Template", "many"),
        (7, "exceptions", "bytes", "many"),
        (8, "interfaces", "bytes", "many"),
    ],
    "DataType": [(1, "name", "int32", "one"), (4, "serializable", "bool", "one")],
    "Template": [(1, "name", "int32", "one")],
    "VersionedContract": [(1, "version", "string", "one"), (2, "instance", "bytes", "one")],
    "ContractInstance": [
        (1, "contract_id", "bytes", "one"),
        (2, "package_name", "string", "one"),
        (3, "template_id", "TypeName", "one"),
        (4, "create_argument", "bytes", "one"),
        (5, "signatories", "string", "many"),
        (6, "observers", "string", "many"),
        (7, "created_at", "sfixed64", "one"),
        (8, "authentication_data", "bytes", "one"),
        # Not Canton's: where the sandbox keeps the key of a contract that came out of a snapshot of Canton 2.
        (1000, "global_key", "bytes", "one"),
        (1001, "maintainers", "string", "many"),
    ],
    "TypeName": [(1, "package_id", "string", "one"), (2, "module", "string", "many"), (3, "entity", "string", "many")],
    "Value": [
        (3, "int64", "sint64", "one"),
        (7, "party", "string", "one"),
        (8, "text", "string", "one"),
        (13, "record", "Record", "one"),
    ],
    "Record": [(1, "fields", "RecordField", "many")],
    "RecordField": [(1, "value", "Value", "one")],
}
# Which of a Value is there has to be known even when it is zero or empty.
_ONEOF = {"Value": "sum"}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="sandbox/lf.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if name in _ONEOF:
            message.oneof_decl.add(name=_ONEOF[name])
        for number, field_name, kind, label in fields:
            field = message.field.add(name=field_name, number=number)
            field.label = _LABELS[label]  # type: ignore[assignment]
            if name in _ONEOF:
                field.oneof_index = 0
            if kind in _TYPES:
                field.type = _TYPES[kind]  # type: ignore[assignment]
            else:
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".{_PACKAGE}.{kind}"
    return file


def _classes() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }


_CLASSES = _classes()
Archive = _CLASSES["Archive"]
ArchivePayload = _CLASSES["ArchivePayload"]
Package = _CLASSES["Package"]
Module = _CLASSES["Module"]
VersionedContract = _CLASSES["VersionedContract"]
ContractInstance = _CLASSES["ContractInstance"]
Value = _CLASSES["Value"]
