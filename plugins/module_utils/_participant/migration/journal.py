# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no node reports about a migration: its pair of participants, the times of its events, and the run that works on it.

``<name>.journal.json`` has the pair and the events of one attempt; ``<participant>.lock.json`` exists while a run works on that
participant, and names the run's owner. Both lie in the journal folder of the host that runs the modules, with mode 0600.
"""

from __future__ import annotations

import dataclasses
import os
import re
import typing as t
from datetime import datetime, timezone

from ..._errors import CantonError
from ..._files import file_error, make_folder, now, only_one, read_json, remove, stamp, write_json
from ..contracts.snapshot import SnapshotFiles
from ..model.ids import short

JOURNAL_VERSION = 1
# What a migration keeps under its name, the journal last: it is what a run begins with.
ENDINGS = (
    ".acs.gz.part",
    ".acs.gz",
    ".manifest.json",
    ".receipt.json",
    ".purge.json",
    ".parties.json",
    ".parties",
    ".identity.json",
    ".retired.json",
    ".journal.json",
)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+ -]{0,199}")
_ASIDE = re.compile(r"\.[a-z-]+-\d{8}T\d{6}Z")


@dataclasses.dataclass(frozen=True)
class Event:
    """An event ``at`` a time (UTC, ISO 8601), with data that no node keeps."""

    event: str
    at: str
    data: dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Journal:
    """One attempt of a migration between two participants, with its events in order."""

    source: str
    target: str
    events: tuple[Event, ...] = ()

    def last(self, event: str) -> str:
        """The last time of this event, or nothing."""
        return next((item.at for item in reversed(self.events) if item.event == event), "")

    def data(self, event: str) -> dict[str, t.Any]:
        """What was recorded with the last one of this event."""
        return next((item.data for item in reversed(self.events) if item.event == event), {})

    def with_event(self, event: str, data: dict[str, t.Any] | None = None, at: datetime | None = None) -> Journal:
        return dataclasses.replace(self, events=(*self.events, Event(event, stamp(at), data or {})))


@dataclasses.dataclass(frozen=True)
class JournalFiles:
    """The files of one migration in the journal folder."""

    folder: str
    name: str

    @property
    def base(self) -> str:
        return os.path.join(self.folder, self.name)

    @property
    def snapshot(self) -> SnapshotFiles:
        return SnapshotFiles(self.base)

    @property
    def journal(self) -> str:
        return self.base + ".journal.json"

    @classmethod
    def of_pair(cls, folder: str, name: str, source: str, target: str) -> JournalFiles:
        """The files of a pair of participants: those under ``name``, or under the name with which this migration was started.

        A pair has one journal. Under another name the migration would appear not started, although the target serves.
        """
        check_name(name)
        own = cls(folder, name)
        if os.path.exists(own.journal):
            return own
        others = [each for each in cls._all(folder) if each.belongs_to(source, target)]
        if len(others) > 1:
            raise CantonError(
                f"The folder {folder} holds {len(others)} journals of this pair of participants: {', '.join(each.name for each in others)}",
                error_id="journals_of_one_pair",
                hint="Nothing was changed. Find out which of them is valid, and move the others to another folder.",
            )
        return others[0] if others else own

    @classmethod
    def _all(cls, folder: str) -> list[JournalFiles]:
        """All migrations in a folder but those that were moved aside."""
        ending = ".journal.json"
        try:
            names = sorted(os.listdir(folder))
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise file_error(folder, "read", exc) from exc
        found = [name[: -len(ending)] for name in names if name.endswith(ending)]
        return [cls(folder, name) for name in found if not _ASIDE.search(name)]

    def belongs_to(self, source: str, target: str) -> bool:
        values = read_json(self.journal) or {}
        return (values.get("source"), values.get("target")) == (source, target)

    def read(self, source: str, target: str) -> Journal:
        """The journal of this pair, an empty one when there is none yet; refuses another pair's and a damaged one."""
        values = read_json(self.journal, self._damaged)
        try:
            found = None if values is None else _journal(values)
        except (KeyError, TypeError, ValueError) as exc:
            raise self._damaged("its fields are not those of a journal") from exc
        if found is None:
            return Journal(source, target)
        if (found.source, found.target) != (source, target):
            raise CantonError(
                f"The journal {self.journal} belongs to the migration of {short(found.source)} to {short(found.target)}",
                error_id="journal_of_another_pair",
                hint="Nothing was changed. Give every migration its own name, or its own folder in path.",
            )
        return found

    def recorded(self) -> Journal | None:
        """The journal with whatever pair it has, for a node that does not answer; None without one."""
        values = read_json(self.journal, self._damaged)
        return None if values is None else self.read(str(values.get("source")), str(values.get("target")))

    def _damaged(self, why: str) -> CantonError:
        return CantonError(
            f"The journal {self.journal} is damaged: {why}",
            error_id="journal_damaged",
            hint="Restore the file, or move it away and start again: the stage of the migration is read from the nodes and "
            "from the snapshot's receipt, and only the times are lost.",
        )

    def write(self, journal: Journal) -> None:
        make_folder(self.folder)
        write_json(self.journal, {"version": JOURNAL_VERSION, **dataclasses.asdict(journal)})

    def imported(self, target: str) -> bool:
        """Whether there is proof that the target has imported this migration's snapshot."""
        receipt = self.snapshot.read_receipt()
        return receipt is not None and receipt.target == target


def shown(found: Journal, files: JournalFiles) -> dict[str, object]:
    """The return values of the modules that read a journal."""
    return {
        "events": [dataclasses.asdict(item) for item in found.events],
        "times": {item.event: item.at for item in found.events},
        "data": {item.event: item.data for item in found.events},
        "name": files.name,
        "imported": files.imported(found.target),
        "files": archivable(files),
    }


def remove_descriptions(folder: str, name: str) -> None:
    """The descriptions of both nodes, which the tasks of one run have kept for one another."""
    for side in ("source", "target") if _NAME.fullmatch(name) else ():
        remove(os.path.join(folder, f"{name}-{side}.api.json"))


def moment(text: str | None) -> datetime | None:
    """A time with its zone, as ISO 8601 has it; None: none was given."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CantonError(
            f"{text!r} is no time in ISO 8601 with a time zone",
            error_id="time_invalid",
            hint="Write it as 2026-11-25T08:00:00.000+00:00.",
        )
    return found.astimezone(timezone.utc)


def check_name(name: str) -> None:
    """Raise unless this can be the beginning of a file's name."""
    if not _NAME.fullmatch(name):
        raise CantonError(
            f"{name!r} cannot be the name of a migration, since its files have this name",
            error_id="name_invalid",
            hint="Nothing was changed. Use letters, digits and . _ @ + - only, at most 200 characters, and no dot at the beginning.",
        )


def _journal(values: dict[str, t.Any]) -> Journal:
    if values["version"] != JOURNAL_VERSION:
        raise CantonError(
            f"The journal has version {values['version']}, not {JOURNAL_VERSION}",
            error_id="journal_version",
            hint="Use the release of this collection that wrote it.",
        )
    events = tuple(Event(str(item["event"]), str(item["at"]), dict(item["data"])) for item in values["events"])
    return Journal(str(values["source"]), str(values["target"]), events)


def archive(files: JournalFiles, found: Journal, label: str, keep_snapshot: bool) -> list[str]:
    """Move the files of this migration aside as ``<name>.<label>-<UTC time>.*``, so that it can start again; their new names.

    Without ``keep_snapshot`` the contracts themselves are deleted. The journal is moved last, and the time is that of its last event,
    so an interrupted call that is repeated gives all files the same names. What a killed transfer left is removed; one that runs is an error.
    """
    if os.path.isdir(files.folder):
        with only_one(files.base + ".lock", "archived"):
            remove(files.base + ".progress.json")
    last = datetime.fromisoformat(found.events[-1].at) if found.events else now()
    moment = last.strftime("%Y%m%dT%H%M%SZ")
    moved = []
    for name in archivable(files):
        old, ending = os.path.join(files.folder, name), name[len(files.name) :]
        try:
            if ending == ".acs.gz.part" or (ending == ".acs.gz" and not keep_snapshot):
                os.unlink(old)
                continue
            new = f"{files.name}.{label}-{moment}{ending}"
            os.rename(old, os.path.join(files.folder, new))
        except OSError as exc:
            raise file_error(old, "moved", exc) from exc
        moved.append(new)
    return moved


def archivable(files: JournalFiles) -> list[str]:
    """The files of this attempt, the journal last. Other migrations in the folder may have names that begin alike."""
    return [files.name + ending for ending in ENDINGS if os.path.exists(files.base + ending)]
