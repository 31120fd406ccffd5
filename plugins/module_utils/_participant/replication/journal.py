# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a move of parties on one synchronizer: what neither node reports later."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import typing as t
from functools import partial

from ..._errors import CantonError
from ..._files import read_json, remove, write_json
from ..contracts.snapshot import SnapshotFiles
from ..model.entities import Offset
from ..model.ids import some

VERSION = 1


@dataclasses.dataclass(frozen=True)
class Proof:
    """That all contracts of a party were on the target, and the ledger ends of both at which they were compared.

    ``target_offset`` is the target's ledger end before it was connected again.
    """

    contracts: int
    digest: str
    source_offset: Offset
    target_offset: Offset
    at: str


@dataclasses.dataclass(frozen=True)
class Entry:
    """``begin``: the source's ledger end before the party was proposed; its activation is found after that."""

    begin: Offset
    proof: Proof | None = None


@dataclasses.dataclass(frozen=True)
class Away:
    """The state of a synchronizer connection before its participant was disconnected from all of them."""

    connected: bool
    manual_connect: bool


@dataclasses.dataclass
class Journal:
    """``<base>.parties.json``, mode 0600, and the snapshots of the parties in the folder ``<base>.parties``.

    ``target_away`` and ``source_away`` are not empty while that participant is kept disconnected from its synchronizers.
    """

    base: str
    source: str
    target: str
    synchronizer: str
    parties: dict[str, Entry] = dataclasses.field(default_factory=dict)
    target_away: dict[str, Away] = dataclasses.field(default_factory=dict)
    source_away: dict[str, Away] = dataclasses.field(default_factory=dict)

    @property
    def path(self) -> str:
        return self.base + ".parties.json"

    @property
    def folder(self) -> str:
        return self.base + ".parties"

    def files(self, party: str) -> SnapshotFiles:
        """The snapshot of a party. Its id may contain characters that a file name may not, and its shortened id may equal another's."""
        name = re.sub(r"[^A-Za-z0-9_-]", "_", party.partition("::")[0])[:40]
        return SnapshotFiles(os.path.join(self.folder, f"{name}-{hashlib.sha256(party.encode()).hexdigest()[:12]}"))

    def proven(self, party: str) -> Proof | None:
        entry = self.parties.get(party)
        return entry.proof if entry is not None else None

    def refuse_unnoted(self, parties: t.Sequence[str]) -> None:
        unknown = [party for party in parties if party not in self.parties]
        if unknown:
            raise CantonError(
                f"{self.path} has no ledger end of the source from before the proposals of {len(unknown)} parties: {some(unknown)}",
                error_id="beginning_not_noted",
                hint="Run state proposed first, which notes it.",
            )

    def write(self) -> None:
        values = dataclasses.asdict(self)
        del values["base"]
        write_json(self.path, {"version": VERSION, **values})

    def forget(self, parties: t.Iterable[str]) -> None:
        """Remove parties from the journal, so that a later move of them starts anew, and delete their snapshots."""
        for party in parties:
            self.parties.pop(party, None)
            files = self.files(party)
            for path in (files.manifest, files.data):
                remove(path)
        self.write()


def open_journal(base: str, source: str, target: str, synchronizer: str) -> Journal:
    """The journal at ``base``, or a new one that is not written yet; refuses that of another move."""
    path = base + ".parties.json"
    values = read_json(path, partial(_unreadable, path))
    if values is None:
        return Journal(base, source, target, synchronizer)
    try:
        if values["version"] != VERSION:
            raise _unreadable(path, f"its version is {values['version']}, not {VERSION}")
        found = Journal(
            base,
            values["source"],
            values["target"],
            values["synchronizer"],
            {party: _entry(item) for party, item in values["parties"].items()},
            {alias: Away(**item) for alias, item in values["target_away"].items()},
            {alias: Away(**item) for alias, item in values["source_away"].items()},
        )
    except (KeyError, TypeError, AttributeError) as exc:
        raise _unreadable(path, "its fields are not those of a journal") from exc
    if (found.source, found.target, found.synchronizer) != (source, target, synchronizer):
        raise CantonError(
            f"{path} belongs to the move of parties from {found.source} to {found.target} on {found.synchronizer}",
            error_id="journal_of_another_pair",
            hint="Set path to the journal of this pair; every move needs its own path.",
        )
    return found


def _entry(values: dict[str, t.Any]) -> Entry:
    proof = values["proof"]
    return Entry(values["begin"], None if proof is None else Proof(**proof))


def _unreadable(path: str, why: str) -> CantonError:
    return CantonError(
        f"{path} cannot be used: {why}",
        error_id="journal_unreadable",
        hint="Restore it from a backup. Without one, roll the move back manually (docs/same-synchronizer.md) and start again.",
    )
