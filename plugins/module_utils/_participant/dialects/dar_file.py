# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main package of a DAR file, for nodes that do not read it for a client (Canton 2)."""

from __future__ import annotations

import io
import zipfile
import zlib

from ..._api.wrapper import package_id
from ..._errors import CantonError

MANIFEST = "META-INF/MANIFEST.MF"


def main_package(payload: bytes, name: str) -> str:
    """The package id of the DAR's main dalf; raises when the file ``name`` is no DAR."""
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            found = package_id(archive.read(_main_dalf(archive.read(MANIFEST))))
    except (zipfile.BadZipFile, zlib.error, KeyError, OSError, EOFError, NotImplementedError, RuntimeError) as exc:
        raise _no_dar(name, "it is not a zip archive with a manifest and a main dalf") from exc
    if not found:
        raise _no_dar(name, "its main dalf has no package id")
    return found


def _main_dalf(manifest: bytes) -> str:
    """The entry ``Main-Dalf``; long lines of a manifest go on behind a line break and a blank. KeyError without one."""
    text = manifest.decode("utf-8", "replace").replace("\r\n", "\n").replace("\n ", "")
    entries = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return entries["Main-Dalf"].strip()


def _no_dar(name: str, why: str) -> CantonError:
    return CantonError(
        f"The file {name} cannot be read as a DAR: {why}",
        error_id="dar_unreadable",
        hint="Name a DAR file that the Daml compiler has built.",
    )
