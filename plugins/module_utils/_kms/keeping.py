# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A private key kept outside of the participant: in a private file, or by a command of the operator's. Read back before it counts.

The key is in the form in which the node exports it, so that a node takes it back (ImportKeyPair, or keys.secret.upload_from of its console).
"""

from __future__ import annotations

import os
import subprocess
import typing as t

from .._errors import CantonError
from .._files import file_error, private_file
from .._participant.model.entities import Key
from .._participant.model.interface import Participant, Reader
from .._participant.model.key_pair import PKCS8, KeyPair
from .._participant.model.keys import fingerprint
from . import wrapping

_COMMAND_SECONDS = 120
_LARGEST = 1 << 16  # bytes of a key pair, and more


class Place(t.Protocol):
    """Where a key is kept."""

    label: str

    def read(self) -> bytearray | None:
        """The bytes that are kept there; None when nothing is."""

    def write(self, data: bytearray) -> None:
        """Keep these bytes. Never overwrites others."""


class FilePlace:
    """A file of mode 0600, that appears only when it is complete. A symbolic link is not followed."""

    def __init__(self, path: str) -> None:
        self.label = path

    def read(self) -> bytearray | None:
        try:
            descriptor = os.open(self.label, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise file_error(self.label, "read", exc) from exc
        with os.fdopen(descriptor, "rb") as handle:
            return bytearray(handle.read(_LARGEST))

    def write(self, data: bytearray) -> None:
        with private_file(self.label) as handle:
            handle.write(data)


class CommandPlace:
    """Two commands of the operator's: one gets the bytes on its standard input, the other prints them, or nothing, on its standard output."""

    def __init__(self, store: t.Sequence[str], show: t.Sequence[str]) -> None:
        self.label = f"the command {store[0]}"
        self._store, self._show = store, show

    def read(self) -> bytearray | None:
        return bytearray(self._run(self._show, b"")) or None

    def write(self, data: bytearray) -> None:
        self._run(self._store, bytes(data))

    def _run(self, command: t.Sequence[str], data: bytes) -> bytes:
        """Its output is the key, so nothing of it, and nothing of its errors, is shown."""
        try:
            done = subprocess.run(list(command), input=data, capture_output=True, timeout=_COMMAND_SECONDS, check=False)
        except (OSError, subprocess.SubprocessError) as exc:
            raise _failed(command, type(exc).__name__) from None
        if done.returncode:
            raise _failed(command, f"exit code {done.returncode}")
        return done.stdout


def _failed(command: t.Sequence[str], why: str) -> CantonError:
    return CantonError(
        f"The command {command[0]} failed ({why})",
        error_id="key_command_failed",
        hint="Run it by hand with other data. Its output is not shown here, since it could have the key.",
    )


def is_kept(participant: Reader, place: Place, key: Key) -> bool:
    """Whether the place has the private key of ``key``, by the public key that is computed from it; refuses another key there."""
    data = place.read()
    if data is None:
        return False
    try:
        pair = participant.require_live("reading a key pair").read_key_pair(bytes(data))
        matches = _matches(pair, key)
        pair.wipe()
    finally:
        data[:] = bytes(len(data))
    if not matches:
        raise CantonError(
            f"{place.label[:1].upper()}{place.label[1:]} has another private key than that of {key.fingerprint}",
            error_id="other_key_kept",
            hint="It was not changed. Name another place.",
        )
    return True


def keep(participant: Participant, place: Place, key: Key, export: t.Callable[[], KeyPair]) -> None:
    """Export the private key, keep it, and prove it by reading it back."""
    pair = export()
    try:
        if not _matches(pair, key):
            raise CantonError(
                f"The {participant.label} exported another key than {key.fingerprint}",
                "exported_key_differs",
                "Run again.",
            )
        place.write(pair.serialized())
    finally:
        pair.wipe()
    if not is_kept(participant, place, key):
        raise CantonError(
            f"{place.label[:1].upper()}{place.label[1:]} accepted the key but does not have it",
            error_id="key_not_kept",
            hint="Check the command that shows the key. The participant still has the key.",
        )


def _matches(pair: KeyPair, key: Key) -> bool:
    if pair.fingerprint != key.fingerprint or pair.format != PKCS8:
        return False
    spec, der = wrapping.public_key_of(pair.private_key())
    return der == key.der or (bool(spec) and fingerprint(spec, der) == key.fingerprint)
