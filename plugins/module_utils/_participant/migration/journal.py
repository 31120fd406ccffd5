# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no node can tell about a migration: which pair it belongs to, when what happened, and who is at it now.

``<name>.journal.json`` holds the pair and the events of one attempt; ``<participant>.lock.json`` is there while a run works on that
participant, with the run's owner. Both lie in the journal folder of the host that runs the modules, with mode 0600.
"""

from __future__ import annotations

import dataclasses
import os
import re
import typing as t
from datetime import datetime

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._files import (
    file_error,
    make_folder,
    now,
    read_json,
    stamp,
    write_json,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.contracts.snapshot import SnapshotFiles
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.ids import short

JOURNAL_VERSION = 1


# -- events -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Event:
    """That something happened ``at`` a time (UTC, ISO 8601), with what no node keeps of it."""

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
        """When this event was noted last, or nothing."""
        return next((item.at for item in reversed(self.events) if item.event == event), "")

    def with_event(self, event: str, data: dict[str, t.Any] | None = None) -> Journal:
        return dataclasses.replace(self, events=(*self.events, Event(event, stamp(), data or {})))


@dataclasses.dataclass(frozen=True)
class JournalFiles:
    """All that the journal folder has of one migration."""

    folder: str
    name: str

    @property
    def base(self) -> str:
        return os.path.join(self.folder, self.name)

    @property
    def journal(self) -> str:
        return self.base + ".journal.json"

    def read(self, source: str, target: str) -> Journal:
        """The journal of this pair, an empty one when nothing was noted yet; refuses another pair's and a damaged one."""
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

    def _damaged(self, why: str) -> CantonError:
        return CantonError(
            f"The journal {self.journal} is damaged: {why}",
            error_id="journal_damaged",
            hint="Restore the file, or move it away and start again: how far the migration got is read from the nodes and "
            "from the snapshot's receipt; only the times are lost.",
        )

    def write(self, journal: Journal) -> None:
        make_folder(self.folder)
        write_json(self.journal, {"version": JOURNAL_VERSION, **dataclasses.asdict(journal)})

    def imported(self, target: str) -> bool:
        """Whether there is proof that the target took the contracts of this migration's snapshot."""
        receipt = SnapshotFiles(self.base).read_receipt()
        return receipt is not None and receipt.target == target


def _journal(values: dict[str, t.Any]) -> Journal:
    if values["version"] != JOURNAL_VERSION:
        raise CantonError(
            f"The journal has version {values['version']}, not {JOURNAL_VERSION}",
            error_id="journal_version",
            hint="Use the release of this collection that wrote it.",
        )
    events = tuple(Event(str(item["event"]), str(item["at"]), dict(item["data"])) for item in values["events"])
    return Journal(str(values["source"]), str(values["target"]), events)


# -- what the module asks for -----------------------------------------------------------------------------------------


def archive(files: JournalFiles, found: Journal, label: str, keep_snapshot: bool) -> list[str]:
    """Move the files of this migration aside as ``<name>.<label>-<UTC time>.*``, so that it can begin again; their new names.

    Without ``keep_snapshot`` the contracts themselves are deleted. The journal goes last, and the time is that of its last event:
    broken off and done again, all files get the same names.
    """
    last = datetime.fromisoformat(found.events[-1].at) if found.events else now()
    moment = last.strftime("%Y%m%dT%H%M%SZ")
    moved = []
    for name in archivable(files):
        old, ending = os.path.join(files.folder, name), name[len(files.name) :]
        try:
            if ending.endswith(".acs.gz") and not keep_snapshot:
                os.unlink(old)
                continue
            new = f"{files.name}.{label}-{moment}{ending}"
            os.rename(old, os.path.join(files.folder, new))
        except OSError as exc:
            raise file_error(old, "moved", exc) from exc
        moved.append(new)
    return moved


def archivable(files: JournalFiles) -> list[str]:
    """The files of the attempt that is under way, the journal last. What was moved aside before is not among them."""
    if not os.path.isdir(files.folder):
        return []
    aside = re.compile(re.escape(files.name) + r"\.[a-z-]+-\d{8}T\d{6}Z\.")
    names = [
        name
        for name in os.listdir(files.folder)
        if name.startswith(files.name + ".") and not aside.match(name) and not name.endswith(".lock")
    ]
    own = os.path.basename(files.journal)
    return sorted(names, key=lambda name: (name == own, name))
