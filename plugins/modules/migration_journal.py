#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_journal
short_description: Record the events of a migration and lock its participants
version_added: 0.2.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - The journal of a migration records its participants and its events with their times. The stage of a migration is
    read from the nodes where possible, not from the journal.
  - A lock on both participants names the run that works on them. The lock of a run that has ended is taken over. The
    lock of an active run is an error, with its owner and age.
  - Only the run's own controller can check whether the run has ended. From another controller, a lock is valid until
    its owner gave no sign of activity for O(forgotten_after) seconds, or O(break_lock) is set.
extends_documentation_fragment:
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_migration
  - ledgerops.canton._lock
attributes:
  idempotent:
    support: partial
    details: Recording an event with O(again=true) records it once more.
options:
  state:
    description: V(read) returns the contents of the journal. V(noted) records O(event) with the time. V(locked) acquires the locks on both
      participants, or renews them if this run has them. V(unlocked) releases them, and removes the files C(NAME-source.api.json) and
      C(NAME-target.api.json), which a run may have used as C(description_cache). V(archived) renames all files of the migration, so
      that it can start again.
    type: str
    choices: [read, noted, locked, unlocked, archived]
    default: read
  path:
    description: The journal folder, on the host that runs the module. It is created with mode 0700.
    type: path
    required: true
  name:
    description: Name of the migration, and prefix of its files.
    type: str
    required: true
  source:
    description: Id of the source participant. The journal of another pair is refused.
    type: str
    required: true
  target:
    description: Id of the target participant.
    type: str
    required: true
  event:
    description: Event to record. Required for O(state=noted).
    type: str
  data:
    description: With O(state=noted), further values to record with the event. Must not be secret.
    type: dict
    default: {}
  at:
    description: With O(state=noted), when the event happened, in ISO 8601 with a time zone. Default is now.
    type: str
    version_added: 0.4.0
  again:
    description: Whether to record an event that is already recorded.
    type: bool
    default: false
  label:
    description: With O(state=archived), label in the new file names.
    type: str
    default: set-aside
  keep_snapshot:
    description: With O(state=archived), whether to keep the snapshot. Otherwise it is deleted.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Lock both participants
  ledgerops.canton.migration_journal:
    state: locked
    path: /var/lib/canton-migration
    name: bank-1
    source: "{{ old.identity.uid }}"
    target: "{{ new.identity.uid }}"

- name: Record the beginning of the downtime
  ledgerops.canton.migration_journal:
    state: noted
    event: cutover
    path: /var/lib/canton-migration
    name: bank-1
    source: "{{ old.identity.uid }}"
    target: "{{ new.identity.uid }}"
"""

RETURN = r"""
events:
  description: All events of the migration in order, each with its time (ISO 8601, UTC).
  returned: success, unless O(state=unlocked)
  type: list
  elements: dict
  sample:
    - event: cutover
      at: "2026-11-25T08:00:00.000+00:00"
      data:
        served: true
times:
  description: Time of each event; if recorded several times, of the last one.
  returned: success, unless O(state=unlocked)
  type: dict
  sample:
    cutover: "2026-11-25T08:00:00.000+00:00"
data:
  description: Values of each event; if recorded several times, of the last one.
  returned: success, unless O(state=unlocked)
  type: dict
  sample:
    cutover:
      served: true
name:
  description: Name of the migration's files. It differs from O(name) when the migration of this pair was started under another name.
  returned: success, unless O(state=unlocked)
  type: str
imported:
  description: Whether the import of this migration's snapshot has a receipt.
  returned: success, unless O(state=unlocked)
  type: bool
files:
  description: Names of the migration's files, without archived ones. With O(state=archived), the new names of the archived files; in check mode their
    current names.
  returned: success, unless O(state=unlocked)
  type: list
  elements: str
"""

from ..module_utils._connection import Params
from ..module_utils._outcome import Outcome
from ..module_utils._participant.migration import journal
from ..module_utils._participant.migration import locks as journal_locks
from ..module_utils._runner import run_plain

SPEC = {
    "state": {"type": "str", "choices": ["read", "noted", "locked", "unlocked", "archived"], "default": "read"},
    "path": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "source": {"type": "str", "required": True},
    "target": {"type": "str", "required": True},
    "event": {"type": "str"},
    "data": {"type": "dict", "default": {}},
    "at": {"type": "str"},
    "again": {"type": "bool", "default": False},
    "label": {"type": "str", "default": "set-aside"},
    "keep_snapshot": {"type": "bool", "default": True},
    **journal_locks.LOCK_SPEC,
}


def ensure(params: Params, check: bool) -> Outcome:
    if params["state"] == "unlocked":
        return ensure_unlocked(params, check)
    files = journal.JournalFiles.of_pair(params["path"], params["name"], params["source"], params["target"])
    found = files.read(params["source"], params["target"])
    states = {"noted": ensure_noted, "locked": ensure_locked, "archived": ensure_archived}
    if params["state"] == "read":
        return Outcome(result=journal.shown(found, files))
    return states[params["state"]](params, found, files, check)


def ensure_noted(params: Params, found: journal.Journal, files: journal.JournalFiles, check: bool) -> Outcome:
    event = str(params["event"])
    if found.last(event) and not params["again"]:
        return Outcome(result=journal.shown(found, files))
    after = found.with_event(event, params["data"], journal.moment(params["at"]))
    if not check:
        files.write(after)
    return Outcome({event: found.last(event)}, {event: after.last(event)}, journal.shown(after, files))


def ensure_locked(params: Params, found: journal.Journal, files: journal.JournalFiles, check: bool) -> Outcome:
    journal_locks.lock(params["path"], [found.source, found.target], params["name"], params, check)
    # A lock is no part of the migration, so acquiring it is not reported as a change.
    return Outcome(result=journal.shown(found, files))


def ensure_unlocked(params: Params, check: bool) -> Outcome:
    """Works with a journal that cannot be read, too: the run that found it so must not leave its locks behind."""
    if not check:
        journal_locks.Locks(params["path"], 0).release(
            [params["source"], params["target"]], journal_locks.Owner(**params["owner"])
        )
        journal.remove_descriptions(params["path"], params["name"])
    return Outcome()


def ensure_archived(params: Params, found: journal.Journal, files: journal.JournalFiles, check: bool) -> Outcome:
    before = journal.archivable(files)
    moved = before if check else journal.archive(files, found, params["label"], params["keep_snapshot"])
    after = journal.Journal(found.source, found.target)
    return Outcome({"files": before}, {"files": []}, {**journal.shown(after, files), "files": moved})


def main() -> None:
    needs_owner = [("state", "locked", ["owner"]), ("state", "unlocked", ["owner"])]
    run_plain(SPEC, ensure, lambda: None, required_if=[("state", "noted", ["event"]), *needs_owner])


if __name__ == "__main__":
    main()
