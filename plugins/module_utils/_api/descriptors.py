# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Message classes built from descriptors: the node's own (reflection or a descriptor-set file) and the few declared here.

Nothing is generated and nothing is compiled: whatever protobuf version the host has builds the classes at run time.
"""

from __future__ import annotations

import typing as t

from .._errors import CantonError, NotOffered

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
except ImportError as exc:
    PROTOBUF_IMPORT_ERROR: ImportError | None = exc
else:
    PROTOBUF_IMPORT_ERROR = None

Message = t.Any
Fields = dict[str, tuple[int, str]]


def offered_by(name: str) -> str:
    """The release lines that have the RPC or message ``name`` (``package.Service/Method`` or ``package.Message``)."""
    if ".v30." in name or name.startswith("com.daml.ledger.api.v2."):
        return "Canton 3.4 and 3.5"
    return "Canton 2.8 to 2.10"


def declare(package: str, messages: dict[str, Fields]) -> t.Callable[[str], t.Any]:
    """Declare small messages by hand; returns a function from message name to class.

    A field is ``name: (number, type)``; a type is ``string``, ``bytes``, ``int32``, ``int64``, the name of a message of the same
    declaration, or ``map`` (string to string); ``*`` in front means repeated.
    """
    if PROTOBUF_IMPORT_ERROR is not None:
        return lambda name: None
    kinds = descriptor_pb2.FieldDescriptorProto
    scalars = {
        "string": kinds.TYPE_STRING,
        "bytes": kinds.TYPE_BYTES,
        "int32": kinds.TYPE_INT32,
        "int64": kinds.TYPE_INT64,
    }
    file = descriptor_pb2.FileDescriptorProto(name=package + ".declared.proto", package=package, syntax="proto3")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field_name, (number, kind) in fields.items():
            field = message.field.add(name=field_name, number=number)
            repeated = kind == "map" or kind.startswith("*")
            field.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            kind = kind.lstrip("*")
            if kind == "map":
                entry_name = "".join(part.capitalize() for part in field_name.split("_")) + "Entry"
                entry = message.nested_type.add(name=entry_name)
                entry.options.map_entry = True
                for position, part in enumerate(("key", "value"), start=1):
                    entry.field.add(name=part, number=position, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".{package}.{name}.{entry_name}"
            elif kind in scalars:
                field.type = scalars[kind]
            else:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".{package}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)

    def message_class(name: str) -> type[Message]:
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))

    return message_class


def file_name_and_dependencies(raw: bytes) -> tuple[str, list[str]]:
    file = descriptor_pb2.FileDescriptorProto.FromString(raw)
    return file.name, list(file.dependency)


class Descriptors:
    """The API of one node, as the node describes it."""

    def __init__(self, files: t.Iterable[bytes], services: t.Iterable[str], owner: str = "This node") -> None:
        """``files`` are serialized FileDescriptorProto in any order; ``services`` the names that ``owner`` serves."""
        self._owner = owner
        self._pool = descriptor_pool.DescriptorPool()
        self.services = frozenset(services)
        waiting = {}
        for raw in files:
            file = descriptor_pb2.FileDescriptorProto.FromString(raw)
            waiting[file.name] = file
        self._add_in_order(waiting)

    def _add_in_order(self, waiting: dict[str, t.Any]) -> None:
        added: set[str] = set()

        def add(name: str) -> None:
            if name in added:
                return
            added.add(name)
            if name not in waiting:
                raise CantonError(
                    f"The API descriptors import the file {name} but do not contain it",
                    error_id="descriptors_incomplete",
                    hint="Make the descriptor set with all imports (protoc --include_imports).",
                )
            for dependency in waiting[name].dependency:
                add(dependency)
            self._pool.Add(waiting[name])

        for name in list(waiting):
            add(name)

    @classmethod
    def from_file(cls, path: str, owner: str = "This node") -> Descriptors:
        """Read a FileDescriptorSet (``protoc --include_imports --descriptor_set_out``); every service in it counts as served."""
        try:
            with open(path, "rb") as handle:
                files = descriptor_pb2.FileDescriptorSet.FromString(handle.read()).file
        except OSError as exc:
            raise CantonError(
                f"The descriptor-set file {path} cannot be read: {exc.strerror}",
                error_id="descriptors_unreadable",
                hint="Name an existing file in api_descriptors, or leave the option out to use reflection.",
            ) from exc
        except Exception as exc:
            raise CantonError(
                f"{path} is not a protobuf descriptor set",
                error_id="descriptors_unreadable",
                hint="Make it with protoc --include_imports --descriptor_set_out.",
            ) from exc
        services = [
            f"{file.package}.{service.name}" if file.package else service.name
            for file in files
            for service in file.service
        ]
        return cls([file.SerializeToString() for file in files], services, owner)

    def message(self, name: str) -> type[Message]:
        """The class of the message with this full name."""
        try:
            return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(name))
        except KeyError:
            raise missing(self._owner, "message " + name, name) from None

    def method(self, rpc: str) -> tuple[type[Message], type[Message]]:
        """Request and response class of ``package.Service/Method``."""
        service, _slash, method = rpc.partition("/")
        try:
            descriptor = self._pool.FindServiceByName(service).methods_by_name[method]
        except KeyError:
            raise missing(self._owner, "RPC " + rpc, rpc) from None
        return (
            message_factory.GetMessageClass(descriptor.input_type),
            message_factory.GetMessageClass(descriptor.output_type),
        )

    def has_rpc(self, rpc: str) -> bool:
        service, _slash, method = rpc.partition("/")
        try:
            return method in self._pool.FindServiceByName(service).methods_by_name
        except KeyError:
            return False

    def has_field(self, message: str, field: str) -> bool:
        try:
            return field in self._pool.FindMessageTypeByName(message).fields_by_name
        except KeyError:
            return False


def missing(owner: str, what: str, name: str) -> CantonError:
    return NotOffered(
        f"{owner} has no {what}",
        hint=f"{offered_by(name)} offer it. Check the node's release, and that the endpoint is the right API (admin API or ledger API).",
    )
