# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the virtual environment that every make target uses. Needs nothing but the standard library.

Usage: make_venv.py DIRECTORY STAMP REQUIREMENTS...
STAMP is written last, so an interrupted installation is repeated.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import venv
from pathlib import Path

MINIMUM = (3, 11)


def complaint() -> str | None:
    """Why this interpreter can't be used, with the remedy; None when it can."""
    if sys.version_info < MINIMUM:
        have, need = (".".join(map(str, version)) for version in (sys.version_info[:2], MINIMUM))
        return (
            f"{sys.executable} is Python {have}, {need} or newer is needed. Name another: make PYTHON=python{need} ..."
        )
    if importlib.util.find_spec("ensurepip") is None:
        return (
            f"{sys.executable} can't make virtual environments (no ensurepip). Debian, Ubuntu: apt install python3-venv"
        )
    return None


def main(directory: Path, stamp: Path, requirements: list[str]) -> int:
    problem = complaint()
    if problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"making {directory} from {' and '.join(requirements)}", flush=True)
    venv.EnvBuilder(clear=True, symlinks=True, with_pip=True).create(directory)
    pip = [str(directory / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    for file in requirements:
        pip += ["--requirement", file]
    code = subprocess.run(pip, check=False).returncode
    if code == 0:
        stamp.touch()
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
