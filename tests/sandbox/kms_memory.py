# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the KMS of the sandbox keeps on disk, since a real KMS forgets nothing when a part of it dies: moto keeps all in memory."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

_READS = ("Describe", "Encrypt", "Decrypt", "Generate", "Get", "List", "Sign", "Verify")


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
            return _load, (value.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),)
        return NotImplemented


def _load(der: bytes) -> Any:
    return load_der_private_key(der, None)


class Memory:
    """The keys of all regions in one file, mode 0600; written again after every call that may have changed them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def restore(self) -> None:
        if not self._path.exists():
            return
        for region, keys in pickle.loads(self._path.read_bytes()).items():
            self._backends()[region].keys.update(keys)

    def keep(self, action: str) -> None:
        """``action``: the name of the call that was answered."""
        if action.startswith(_READS):
            return
        buffer = io.BytesIO()
        _Pickler(buffer).dump({region: dict(backend.keys) for region, backend in self._backends().items()})
        draft = self._path.with_suffix(".new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
            handle.write(buffer.getvalue())
        draft.replace(self._path)

    @staticmethod
    def _backends() -> Any:
        from moto.core.models import DEFAULT_ACCOUNT_ID
        from moto.kms.models import kms_backends

        return kms_backends[DEFAULT_ACCOUNT_ID]
