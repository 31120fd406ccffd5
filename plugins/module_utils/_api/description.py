# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a node says of its APIs, and the file in which it is kept for the tasks after this one.

A kept description is one of the past. It is used for a short time, only after the node at this address has shown the same id and release, and
what it lacks is asked of the node again.
"""

from __future__ import annotations

import atexit
import base64
import os
import time
import typing as t
from contextlib import suppress
from dataclasses import dataclass

from .._errors import CantonError
from .._files import read_json, write_json

KEPT_SECONDS = 600.0
VERSION = 1


@dataclass(frozen=True)
class Description:
    """Serialized FileDescriptorProto in any order, and the full names of the services that are served."""

    files: tuple[bytes, ...]
    services: tuple[str, ...]


class KeptDescriptions:
    """A file, mode 0600, with the descriptions of the APIs of one node by their addresses, and whose they are: ``owner``.

    It is for speed only: a file that cannot be read or written, or whose folder does not exist, is none.
    """

    def __init__(self, path: str, clock: t.Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._owner, self._at = "", clock()
        self._old: dict[str, dict[str, t.Any]] = {}
        self._new: dict[str, dict[str, t.Any]] = {}
        self._used = False
        # The folder may be made by this process.
        atexit.register(self._write)
        with suppress(CantonError, KeyError, TypeError, ValueError):
            values = read_json(path) or {}
            if values["version"] == VERSION and 0 <= clock() - float(values["at"]) < KEPT_SECONDS:
                self._owner, self._at, self._old = str(values["owner"]), float(values["at"]), dict(values["apis"])

    def read(self, address: str) -> Description | None:
        with suppress(KeyError, TypeError, ValueError):
            entry = self._old[address]
            files = tuple(base64.b64decode(raw, validate=True) for raw in entry["files"])
            found = Description(files, tuple(map(str, entry["services"])))
            self._used = True
            return found
        return None

    def keep(self, address: str, description: Description) -> None:
        """From the next process on, once the owner is known."""
        self._new[address] = {
            "files": [base64.b64encode(raw).decode("ascii") for raw in description.files],
            "services": list(description.services),
        }
        self._write()

    def confirm(self, owner: str) -> bool:
        """Say whose the descriptions are from now on; empty: of a node for which nothing is kept. Returns false when one of another was read."""
        confirmed = owner == self._owner or not self._used
        if owner != self._owner:
            self._owner, self._at, self._old = owner, self._clock(), {}
        self._write()
        return confirmed

    def drop(self, address: str) -> None:
        self._old.pop(address, None)
        self._new.pop(address, None)

    def _write(self) -> None:
        if not (self._owner and self._new and os.path.isdir(os.path.dirname(self._path))):
            return
        values = {"version": VERSION, "owner": self._owner, "at": self._at, "apis": {**self._old, **self._new}}
        with suppress(CantonError):
            write_json(self._path, values, durable=False)
