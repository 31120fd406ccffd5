# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and making DAR files: a ZIP with a manifest and compiled packages (dalf files).

A dalf is an envelope around a payload; the package id is the SHA-256 of the payload in hex, and name, version and
modules stand in the payload itself. So the DARs of any compiler are read by the same rule as those made here.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from sandbox.daml import lf

MANIFEST = "META-INF/MANIFEST.MF"
PING_DAR = "canton-builtin-admin-workflow-ping"
ADMIN_WORKFLOWS_DAR = "AdminWorkflows"
# What participants have by themselves: the first of Canton 3, the second of Canton 2.
SYSTEM_DARS = (PING_DAR, ADMIN_WORKFLOWS_DAR)
_LANGUAGE_MINOR = "1"
_MAX_ENTRY_BYTES = 1024 * 1024 * 1024
_MANIFEST_COLUMNS = 72


@dataclass(frozen=True)
class Package:
    """One compiled package. `data` is the whole dalf, `size` the payload's bytes (what nodes report as size)."""

    package_id: str
    name: str
    version: str
    data: bytes
    size: int
    modules: tuple[str, ...]
    utility: bool
    language_version: str


@dataclass(frozen=True)
class Dar:
    """A DAR: its own bytes, its main package, and every package in it (the main one first)."""

    payload: bytes
    main: Package
    packages: tuple[Package, ...]


class DarError(Exception):
    """A DAR that cannot be read: the error id that nodes give it, its text and its metadata (docs/canton/packages.md#refused-dars)."""

    def __init__(self, error_id: str, cause: str, metadata: dict[str, str] | None = None) -> None:
        super().__init__(cause)
        self.error_id = error_id
        self.cause = cause
        self.metadata = metadata or {}


def read_dar(payload: bytes) -> Dar:
    """Parse a DAR. Raises DarError."""
    files = _read_zip(payload)
    manifest = _read_manifest(files)
    main_name = manifest["Main-Dalf"]
    names = [main_name, *(n for n in _listed_dalfs(manifest) if n != main_name)]
    packages = []
    for name in names:
        if name not in files:
            raise DarError("DAR_PARSE_ERROR", "Failed to parse the dar file content.", {"entryName": name})
        packages.append(read_dalf(files[name]))
    return Dar(payload, packages[0], tuple(packages))


def _read_zip(payload: bytes) -> dict[str, bytes]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(payload))
        if any(entry.file_size > _MAX_ENTRY_BYTES for entry in archive.infolist()):
            raise DarError("ZIP_BOMB", "Dar zip file seems to be a zip bomb.")
        return {entry.filename: archive.read(entry) for entry in archive.infolist() if not entry.is_dir()}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise _no_manifest([]) from error


def _no_manifest(entries: list[str]) -> DarError:
    throwable = (
        "com.digitalasset.daml.lf.archive.Error$InvalidZipEntry: "
        f"Invalid zip entryName: {MANIFEST}, DAR: unknown-file-name, content: [{', '.join(entries)}}}]"
    )
    metadata = {"entries": f"List({', '.join(entries)})", "throwable": throwable}
    return DarError("INVALID_DAR", "Dar file is corrupt", metadata)


def _read_manifest(files: dict[str, bytes]) -> dict[str, str]:
    if MANIFEST not in files:
        raise _no_manifest(sorted(files))
    lines = files[MANIFEST].decode("utf-8", "replace").replace("\r\n", "\n").replace("\n ", "").split("\n")
    manifest = {key.strip(): value.strip() for key, _unused, value in (line.partition(":") for line in lines if line)}
    if "Main-Dalf" not in manifest or manifest.get("Format") != "daml-lf":
        raise DarError("DAR_PARSE_ERROR", "Failed to parse the dar file content.", {"entryName": MANIFEST})
    return manifest


def _listed_dalfs(manifest: dict[str, str]) -> list[str]:
    return [name.strip() for name in manifest.get("Dalfs", "").split(",") if name.strip()]


def read_dalf(data: bytes) -> Package:
    """Parse one dalf. Raises DarError when it is not one, or when its hash does not match its content."""
    try:
        archive = lf.Archive.FromString(data)
        payload = lf.ArchivePayload.FromString(archive.payload)
        package = lf.Package.FromString(payload.daml_lf_2)
        name, version = (_interned(package, i) for i in (package.metadata.name, package.metadata.version))
        modules = tuple(sorted(_dotted(package, module.name) for module in package.modules))
    except (DecodeError, IndexError) as error:
        raise DarError("DAR_PARSE_ERROR", "Failed to parse the dar file content.") from error
    package_id = hashlib.sha256(archive.payload).hexdigest()
    if archive.hash != package_id:
        raise DarError(
            "DAR_PARSE_ERROR", f"Mismatching hashes! Expected {package_id} but got {archive.hash}", {"name": name}
        )
    return Package(
        package_id=package_id,
        name=name,
        version=version,
        data=data,
        size=len(archive.payload),
        modules=modules,
        utility=not any(_has_content(module) for module in package.modules),
        language_version=f"2.{payload.minor}",
    )


def _interned(package: object, index: int) -> str:
    return str(package.interned_strings[index])  # type: ignore[attr-defined]


def _dotted(package: object, index: int) -> str:
    segments = package.interned_dotted_names[index].segments  # type: ignore[attr-defined]
    return ".".join(_interned(package, segment) for segment in segments)


def _has_content(module: object) -> bool:
    """A utility package has no template, exception, interface or serializable type in any module."""
    return bool(
        module.templates  # type: ignore[attr-defined]
        or module.exceptions  # type: ignore[attr-defined]
        or module.interfaces  # type: ignore[attr-defined]
        or any(data_type.serializable for data_type in module.data_types)  # type: ignore[attr-defined]
    )


def make_package(name: str, version: str, templates: Iterable[str] = (), salt: str = "") -> Package:
    """A small package that declares the given templates, each `Module:Entity`. `salt` changes the package id only."""
    strings = _Interner()
    package = lf.Package()
    package.metadata.name = strings.index(name)
    package.metadata.version = strings.index(version)
    if salt:
        strings.index(salt)
    by_module: dict[str, list[str]] = {}
    for template in templates:
        module_name, _unused, entity = template.partition(":")
        by_module.setdefault(module_name, []).append(entity)
    for module_name, entities in (by_module or {"Main": []}).items():
        module = package.modules.add(name=strings.dotted(package, module_name))
        for entity in entities:
            type_name = strings.dotted(package, entity)
            module.data_types.add(name=type_name, serializable=True)
            module.templates.add(name=type_name)
    package.interned_strings.extend(strings.all)
    payload = lf.ArchivePayload(minor=_LANGUAGE_MINOR, daml_lf_2=package.SerializeToString()).SerializeToString()
    archive = lf.Archive(payload=payload, hash=hashlib.sha256(payload).hexdigest())
    return read_dalf(archive.SerializeToString())


class _Interner:
    """The string table of a package that is being made."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def index(self, text: str) -> int:
        if text not in self.all:
            self.all.append(text)
        return self.all.index(text)

    def dotted(self, package: object, name: str) -> int:
        names = package.interned_dotted_names  # type: ignore[attr-defined]
        names.add(segments=[self.index(part) for part in name.split(".")])
        return len(names) - 1


def make_dar(
    name: str, version: str, packages: int = 1, templates: Iterable[str] = ("Iou:Iou",), salt: str = ""
) -> bytes:
    """The bytes of a DAR with a main package and `packages - 1` dependencies. Same arguments, same bytes."""
    main = make_package(name, version, templates, salt)
    others = [make_package(f"{name}-dependency-{i}", version, (), salt) for i in range(1, packages)]
    return pack_dar([main, *others])


def pack_dar(packages: list[Package]) -> bytes:
    """A DAR of the given packages, the main one first."""
    names = [f"{p.name}-{p.version}-{p.package_id}.dalf" for p in packages]
    manifest = {
        "Manifest-Version": "1.0",
        "Created-By": "sandbox",
        "Name": f"{packages[0].name}-{packages[0].version}",
        "Sdk-Version": "0.0.0",
        "Main-Dalf": names[0],
        "Dalfs": ", ".join(names),
        "Format": "daml-lf",
        "Encryption": "non-encrypted",
    }
    text = "".join(_manifest_line(key, value) for key, value in manifest.items())
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, MANIFEST, text.encode())
        for entry, package in zip(names, packages, strict=True):
            _add(archive, entry, package.data)
    return target.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data)


def _manifest_line(key: str, value: str) -> str:
    """One manifest header; longer lines continue on the next one after a blank."""
    line = f"{key}: {value}"
    parts = [line[:_MANIFEST_COLUMNS]]
    rest = line[_MANIFEST_COLUMNS:]
    while rest:
        parts.append(rest[: _MANIFEST_COLUMNS - 1])
        rest = rest[_MANIFEST_COLUMNS - 1 :]
    return "\r\n ".join(parts) + "\r\n"


def builtin_dar(name: str = PING_DAR) -> bytes:
    """The system DAR that every participant has from its first start: what a ping runs on."""
    return pack_dar(
        [
            make_package(name, "3.4.0", ["Canton.Internal.Ping:Ping"]),
            make_package("daml-prim", "0.0.0"),
            make_package("daml-stdlib", "3.4.0"),
        ]
    )
