# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for private keys and other secrets in all that runs leave behind, and in what processes were started with."""

from __future__ import annotations

import base64
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from cryptography.hazmat.primitives.serialization import load_der_private_key


def private_keys(database: str | Path, node: str) -> list[bytes]:
    """What a participant of the sandbox keeps of its private keys: PKCS#8 DER."""
    with sqlite3.connect(database) as db:
        rows = db.execute("SELECT data FROM common_crypto_private_keys WHERE node=?", (node,)).fetchall()
    return [row[0] for row in rows]


def secret_number(der: bytes) -> bytes:
    """What is secret of a private key: much of the rest of its encoding is the public key."""
    key: Any = load_der_private_key(der, None)
    numbers = key.private_numbers()
    number = numbers.private_value if hasattr(numbers, "private_value") else numbers.p
    return bytes(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def shows(content: bytes, secret: bytes) -> bool:
    """Whether the secret is in there as bytes, in hex, in decimal, in base64 (alone or inside something longer) or escaped, also
    when lines were broken."""
    forms = [secret, str(int.from_bytes(secret, "big")).encode(), repr(secret)[2:-1].encode()]
    for shift in range(3):
        # what comes before and after touches the first and the last characters only
        forms.append(base64.b64encode(b"\0" * shift + secret)[4 : -4 or None])
    whole = content.translate(None, b" \n\r\t")
    plain = content.translate(None, b" :\n\r\t").lower()
    return any(form in content or form in whole for form in forms) or secret.hex().encode() in plain


def files_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield str(path), path.read_bytes()


class Processes:
    """Notes again and again, while the block runs, what all processes were started with: command lines and environments."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.rounds = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Processes:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            for path in [*Path("/proc").glob("[0-9]*/cmdline"), *Path("/proc").glob("[0-9]*/environ")]:
                try:
                    self.seen.add(path.read_bytes())
                except OSError:
                    continue
            self.rounds += 1
