# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wire definitions of a released line: descriptors compiled from ``protos/`` and message classes made from them."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection_pb2

from sandbox.wire.release import Release

# A line of a wire definition that only one line of Canton has; on the line of the syntax it stands for the whole file.
_ONLY = re.compile(r"// only (\d+\.\d+)$")
_SHORT = ("", "com.digitalasset.canton.", "com.daml.ledger.api.")


def _cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ledgerops-sandbox"


def _package_dir(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"Python package {package} is not installed")
    return Path(next(iter(spec.submodule_search_locations)))


def _compile(files: dict[str, str], target: Path) -> None:
    from grpc_tools import protoc  # heavy, and needed only when the cache is cold

    sources = target.parent / "protos"
    for name, text in files.items():
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        (sources / name).write_text(text, encoding="utf-8")
    includes = [sources, _package_dir("grpc_tools") / "_proto", _package_dir("google.rpc").parent.parent]
    arguments = ["protoc", "--include_imports", f"--descriptor_set_out={target}", *(f"-I{path}" for path in includes)]
    if protoc.main(arguments + sorted(files)) != 0:
        raise RuntimeError("protoc refused the wire definitions")


def files_of(release: Release) -> dict[str, str]:
    """The wire definitions of a line: those of its major release, without the lines and files that are marked for another line."""
    found = {}
    for path in sorted(release.protos.rglob("*.proto")):
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if (mark := _ONLY.search(line)) is None or mark[1] == release.name]
        if any(line.startswith("syntax") for line in kept):
            found[str(path.relative_to(release.protos))] = "\n".join(kept) + "\n"
    return found


def descriptor_set(release: Release) -> descriptor_pb2.FileDescriptorSet:
    """All files of the release and what they import; compiled once for each content, then read from a cache."""
    files = files_of(release)
    digest = hashlib.sha256(repr(files).encode()).hexdigest()
    cached = _cache_dir() / f"{release.name}-{digest[:32]}.desc"
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cached.parent) as work:
            fresh = Path(work) / "set"
            _compile(files, fresh)
            fresh.replace(cached)
    return descriptor_pb2.FileDescriptorSet.FromString(cached.read_bytes())


def _reflection_file(package: str) -> descriptor_pb2.FileDescriptorProto:
    """The reflection protocol under the package name that the line serves: v1 and v1alpha differ in nothing else."""
    alpha = descriptor_pb2.FileDescriptorProto.FromString(reflection_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto()
    file.CopyFrom(alpha)
    file.name = package.replace(".", "/") + "/reflection.proto"
    file.package = package
    for message in file.message_type:
        for field in message.field:
            if field.type_name:
                field.type_name = field.type_name.replace(f".{alpha.package}.", f".{package}.")
    for method in file.service[0].method:
        method.input_type = method.input_type.replace(f".{alpha.package}.", f".{package}.")
        method.output_type = method.output_type.replace(f".{alpha.package}.", f".{package}.")
    file.ClearField("source_code_info")
    return file


class Messages:
    """Message classes by name. ``com.digitalasset.canton.`` and ``com.daml.ledger.api.`` may be left out."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.pool = descriptor_pool.DescriptorPool()
        for file in descriptor_set(release).file:
            self.pool.Add(file)
        self.pool.Add(_reflection_file(release.reflection))
        self._classes: dict[str, Any] = {}

    def _find(self, name: str, find: Any) -> Any:
        for prefix in _SHORT:
            try:
                return find(prefix + name)
            except KeyError:
                continue
        raise KeyError(f"{name} is not among the wire definitions of {self.release.name}")

    def cls(self, name: str) -> Any:
        """The message class, e.g. ``cls("topology.admin.v30.StoreId")``; ``KeyError`` when there is none."""
        found = self._classes.get(name)
        if found is None:
            found = message_factory.GetMessageClass(self._find(name, self.pool.FindMessageTypeByName))
            self._classes[name] = found
        return found

    def service(self, name: str) -> Any:
        return self._find(name, self.pool.FindServiceByName)

    # The versioned wrapper (docs/canton/contracts.md#versioned-wrapper, docs/canton/canton-2.md#versions-of-messages).

    def _wrapper(self) -> Any:
        return self.cls(self.release.wrapper)

    def wrap(self, payload: bytes, version: int | None = None) -> bytes:
        """``payload`` in the versioned wrapper; without a version that of the line, where it has one for all."""
        number = self.release.wrapper_version if version is None else version
        return bytes(self._wrapper()(data=payload, version=number).SerializeToString())

    def unwrap(self, data: bytes) -> bytes:
        """What stands in the wrapper; ``google.protobuf.message.DecodeError`` when it is none."""
        return self.unwrap_versioned(data)[0]

    def unwrap_versioned(self, data: bytes) -> tuple[bytes, int]:
        """What stands in the wrapper, and the version that it is marked with."""
        wrapper = self._wrapper().FromString(data)
        return bytes(wrapper.data), int(wrapper.version)


@functools.cache
def messages(release: Release) -> Messages:
    """The message classes of this line; made once a process."""
    return Messages(release)
