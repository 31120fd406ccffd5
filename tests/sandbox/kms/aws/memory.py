# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the KMS of the sandbox keeps on disk, since a real KMS forgets nothing when a part of it dies."""

from __future__ import annotations

import os
import pickle
from pathlib import Path


class Memory:
    """The keys of all regions in one file, mode 0600; written again after every call that may have changed them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def restore(self) -> None:
        from ministack.services import kms

        kms.reset()
        if self._path.exists():
            kms.load_persisted_state(pickle.loads(self._path.read_bytes()))

    def keep(self) -> None:
        from ministack.services import kms

        draft = self._path.with_suffix(".new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
            pickle.dump(kms.get_state(), handle)
        draft.replace(self._path)
