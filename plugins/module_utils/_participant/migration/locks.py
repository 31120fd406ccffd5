# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks on a migration journal, with owner and age."""

from __future__ import annotations

import dataclasses
import os
import re
import typing as t
from datetime import datetime

from ..._errors import CantonError
from ..._files import locked_folder, make_folder, now, read_json, remove, stamp, write_json
from ..model.ids import short

# Options that say who takes a lock, and when that of another is void; documented in the fragment ``_lock``.
LOCK_SPEC: dict[str, t.Any] = {
    "break_lock": {"type": "bool", "default": False},
    "forgotten_after": {"type": "float", "default": 14400},
    "owner": {
        "type": "dict",
        "options": {
            "controller": {"type": "str", "required": True},
            "boot": {"type": "str", "default": ""},
            "pid": {"type": "int", "required": True},
            "started": {"type": "str", "default": ""},
            "user": {"type": "str", "default": ""},
        },
    },
    "dead_owners": {"type": "list", "elements": "dict", "default": []},
}


@dataclasses.dataclass(frozen=True)
class Owner:
    """The run that holds a lock: its controller (and the boot of that), and the process of ansible-playbook there."""

    controller: str
    boot: str
    pid: int
    started: str
    user: str

    def __str__(self) -> str:
        return f"{self.user} on {self.controller} (process {self.pid})"


@dataclasses.dataclass(frozen=True)
class Lock:
    """That ``owner`` works on a participant for the migration ``name``, since when, and when the owner was last seen."""

    participant: str
    name: str
    owner: Owner
    since: str
    seen: str

    def age(self) -> float:
        """Seconds since the owner was last seen."""
        return max(0.0, (now() - datetime.fromisoformat(self.seen)).total_seconds())


@dataclasses.dataclass(frozen=True)
class Locks:
    """The locks of one journal folder. ``forgotten_after``: seconds without a sign of its owner after which a lock is void."""

    folder: str
    forgotten_after: float

    def path(self, participant: str) -> str:
        identifier, _separator, namespace = participant.rpartition("::")
        plain = re.sub(r"[^A-Za-z0-9_.-]", "_", identifier)
        return os.path.join(self.folder, f"{plain}-{namespace[:16]}.lock.json")

    def read(self, participant: str) -> Lock | None:
        """The lock on this participant; an unreadable one counts as none: locks are written atomically, so only a disk error damages one."""
        try:
            values = read_json(self.path(participant))
            return None if values is None else Lock(**{**values, "owner": Owner(**values["owner"])})
        except (CantonError, KeyError, TypeError):
            return None

    def conflicting(
        self, participants: t.Sequence[str], name: str, owner: Owner, dead: t.Collection[Owner]
    ) -> Lock | None:
        """The first lock that blocks this run: its owner is not this run, not known to be dead, and was seen recently."""
        for participant in participants:
            lock = self.read(participant)
            if lock is None or lock.owner in dead or lock.age() > self.forgotten_after:
                continue
            if (lock.owner, lock.name) != (owner, name):
                return lock
        return None

    def take(self, participants: t.Sequence[str], name: str, owner: Owner, dead: t.Collection[Owner]) -> bool:
        """Acquire the locks, and refresh those that this run holds already; whether any was acquired."""
        make_folder(self.folder)
        taken = False
        with locked_folder(self.folder):
            refuse_held(self.conflicting(participants, name, owner, dead))
            for participant in participants:
                before = self.read(participant)
                kept = before is not None and (before.owner, before.name) == (owner, name)
                since = before.since if before is not None and kept else stamp()
                lock = Lock(participant, name, owner, since, stamp())
                write_json(self.path(participant), dataclasses.asdict(lock))
                taken = taken or not kept
        return taken

    def release(self, participants: t.Sequence[str], owner: Owner) -> bool:
        """Release the locks that this owner holds; whether there were any."""
        if not os.path.isdir(self.folder):
            return False
        released = False
        with locked_folder(self.folder):
            for participant in participants:
                lock = self.read(participant)
                if lock is not None and lock.owner == owner:
                    remove(self.path(participant))
                    released = True
        return released


def refuse_held(lock: Lock | None) -> None:
    if lock is None:
        return
    raise CantonError(
        f"Another run works on {short(lock.participant)}: {lock.owner}, migration {lock.name}, since {lock.since}, "
        f"last seen {lock.age():.0f} s ago",
        error_id="locked",
        hint="Nothing was changed. Wait for that run to end. If it has certainly ended, set break_lock to true for one run.",
        details={"lock": dataclasses.asdict(lock)},
    )


def lock(folder: str, participants: t.Sequence[str], name: str, params: t.Mapping[str, t.Any], check: bool) -> None:
    """Take the locks on these participants by the options of ``LOCK_SPEC``; in check mode only refuse those of others."""
    owner = Owner(**params["owner"])
    locks = Locks(folder, 0 if params["break_lock"] else params["forgotten_after"])
    dead = [Owner(**item) for item in params["dead_owners"]]
    if check:
        refuse_held(locks.conflicting(participants, name, owner, dead))
    else:
        locks.take(participants, name, owner, dead)
