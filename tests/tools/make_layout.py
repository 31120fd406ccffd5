# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring a copy of the checkout to where Ansible's tools want it: ``<root>/ansible_collections/ledgerops/canton``.

The copy holds what git tracks plus new files that git doesn't ignore, and is a git repository of its own, because
ansible-test and ansible-lint ask git which files there are. Unchanged files are left alone, so that caches stay warm.

Usage: make_layout.py CHECKOUT COPY
"""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

# in the copy, and not from the checkout: its own repository, and what tools leave there (all of it ignored by git)
KEPT = {".git", ".ansible", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"}
KEPT_PATHS = {Path("tests", "output")}


def listed(checkout: Path) -> set[Path]:
    """Files of the checkout, relative; those that were deleted but not yet committed are left out."""
    command = ["git", "-C", str(checkout), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\0")
    return {Path(name) for name in names if name and os.path.lexists(checkout / name)}


def same(source: Path, copy: Path) -> bool:
    if source.is_symlink() or copy.is_symlink():
        return source.is_symlink() and copy.is_symlink() and source.readlink() == copy.readlink()
    return copy.is_file() and source.stat().st_mode == copy.stat().st_mode and filecmp.cmp(source, copy, shallow=False)


def bring(source: Path, copy: Path) -> None:
    if same(source, copy):
        return
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.unlink(missing_ok=True)
    shutil.copy2(source, copy, follow_symlinks=False)


def sweep(copy: Path, wanted: set[Path]) -> None:
    """Remove files that are no longer in the checkout, and the directories that this leaves empty."""
    for folder, folders, files in os.walk(copy):
        here = Path(folder).relative_to(copy)
        folders[:] = [name for name in folders if name not in KEPT and here / name not in KEPT_PATHS]
        for name in files:
            if here / name not in wanted:
                (copy / here / name).unlink()
    for path in sorted((path for path in copy.rglob("*") if path.is_dir()), reverse=True):
        if not KEPT.intersection(path.relative_to(copy).parts) and not any(path.iterdir()):
            path.rmdir()


def main(checkout: Path, copy: Path) -> None:
    wanted = listed(checkout)
    copy.mkdir(parents=True, exist_ok=True)
    sweep(copy, wanted)
    for name in wanted:
        bring(checkout / name, copy / name)
    if not (copy / ".git").is_dir():
        subprocess.run(["git", "-c", "init.defaultBranch=main", "init", "--quiet", str(copy)], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
