# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let Python and Ansible find ``ansible_collections.ledgerops.canton``, in a plain checkout as in the layout copy."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMESPACE = Path("ansible_collections", "ledgerops")


def collections_root() -> Path:
    """The directory that holds ``ansible_collections``; in a plain checkout it is made of one symbolic link."""
    if ROOT.parent.parts[-2:] == NAMESPACE.parts:
        return ROOT.parents[2]
    root = ROOT / ".cache" / "checkout"
    link = root / NAMESPACE / "canton"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        # workers of pytest-xdist come here at the same time, hence the rename
        fresh = link.with_name(f"canton.{os.getpid()}")
        fresh.symlink_to(ROOT)
        fresh.rename(link)
    return root


COLLECTIONS = str(collections_root())
sys.path.insert(0, COLLECTIONS)
os.environ["ANSIBLE_COLLECTIONS_PATH"] = COLLECTIONS
# child processes: ansible-playbook of this very environment, and `python -m sandbox`
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
os.environ["PYTHONPATH"] = str(ROOT / "tests")
