# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes what stands for a host: ``bin/systemctl``, and a release of Canton as an archive.

Usage: python -m stand_ins FOLDER [RELEASE...]
"""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).parent


def script(program: str, settings: str = "") -> bytes:
    return f'#!/bin/sh\n{settings}exec "{sys.executable}" "{HERE / program}" "$@"\n'.encode()


def make(folder: Path, releases: list[str]) -> dict[str, str]:
    """The SHA-256 of each archive. ``folder / "bin"`` belongs on the path; units are in ``folder / "units"``."""
    for name in ("bin", "units", "state"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    settings = f'export STAND_IN_UNITS="{folder / "units"}" STAND_IN_STATE="{folder / "state"}"\n'
    systemctl = folder / "bin" / "systemctl"
    systemctl.write_bytes(script("systemctl.py", settings))
    systemctl.chmod(0o755)
    return {release: archive(folder / f"canton-{release}.tar.gz", release) for release in releases}


def archive(path: Path, release: str) -> str:
    content = script("canton.py")
    with tarfile.open(path, "w:gz") as file:
        entry = tarfile.TarInfo(f"canton-open-source-{release}/bin/canton")
        entry.size, entry.mode = len(content), 0o755
        file.addfile(entry, io.BytesIO(content))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(path.name + ".sha256").write_text(digest, encoding="utf-8")
    return digest


if __name__ == "__main__":
    make(Path(sys.argv[1]).absolute(), sys.argv[2:])
