# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A private key in memory: never printed, wiped after use."""

from __future__ import annotations

import typing as t
from dataclasses import InitVar, dataclass

from ..._errors import CantonError

PKCS8 = "pkcs8"


class ExportRefused(CantonError):
    """The node exports no private key at all: its configuration forbids it, or its keys are in a KMS."""


class KeyUnknown(CantonError):
    """The node has no key with this fingerprint."""

    ID = "key_unknown"


class _Hidden:
    """Bytes that neither ``repr`` nor ``vars`` nor ``pickle`` show."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)

    def __repr__(self) -> str:
        return "<not shown>"

    def __reduce__(self) -> t.NoReturn:
        raise TypeError("a private key is not copied and not written")


@dataclass(frozen=True)
class KeyPair:
    """A private key with what Canton says of it. ``spec`` and ``usage`` are the words of ``participant.Key``.

    The private part is no field, so that no representation, dictionary or comparison has it. ``format`` is ``pkcs8`` when
    ``private_key()`` is the DER of a PrivateKeyInfo, else Canton's word in lower case (keys of old stores: ``raw``, ``tink``). ``serialized()``
    is the whole pair as the node exports and imports it.
    """

    fingerprint: str
    purpose: str
    usage: tuple[str, ...]
    spec: str
    format: str
    private: InitVar[bytes]
    pair: InitVar[bytes] = b""

    def __post_init__(self, private: bytes, pair: bytes) -> None:
        object.__setattr__(self, "_hidden", _Hidden(private))
        object.__setattr__(self, "_pair", _Hidden(pair))

    def private_key(self) -> bytearray:
        """The private key itself, not a copy; empty after ``wipe``."""
        hidden: _Hidden = self.__dict__["_hidden"]
        return hidden.data

    def serialized(self) -> bytearray:
        """The whole pair itself, not a copy; empty after ``wipe``."""
        hidden: _Hidden = self.__dict__["_pair"]
        return hidden.data

    def wipe(self) -> None:
        """Overwrite the private key. Best effort: gRPC and Python may have had copies, which are garbage by now."""
        for data in (self.private_key(), self.serialized()):
            data[:] = bytes(len(data))
            data.clear()
