#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_journal
short_description: Keep what no node can tell about a migration, and keep other runs away
version_added: 0.2.0
author:
  - The ledgerops.canton authors (@ledgerops)
description:
  - The journal of a migration says between which participants it runs and when what happened. How far a migration
    got is never taken from it where a node can tell.
  - A lock on both participants says which run works on them. A lock whose run is gone is taken over; a lock of a
    run that lives is refused, with its owner and its age.
  - Whether a run is gone is looked up on the controller that it ran on. From another controller it can't be looked
    up; there a lock holds until its owner was not seen for O(forgotten_after) seconds, or O(break_lock) is set.
extends_documentation_fragment:
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_migration
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: Noting an event with O(again=true) notes it once more.
options:
  state:
    description:
      - V(read) only returns what the journal has.
      - V(noted) notes O(event) with the time.
      - V(locked) takes the locks on both participants, or tells that this run still lives when it has them.
      - V(unlocked) gives them up.
      - V(archived) moves all files of the migration aside, so that it can begin anew.
    type: str
    choices: [read, noted, locked, unlocked, archived]
    default: read
  path:
    description:
      - The journal folder, on the host that runs the module. It is made with mode 0700.
    type: path
    required: true
  name:
    description:
      - Name of the migration, the beginning of its files' names.
    type: str
    required: true
  source:
    description:
      - Id of the participant that is moved from. The journal of another pair is refused.
    type: str
    required: true
  target:
    description:
      - Id of the participant that is moved to.
    type: str
    required: true
  event:
    description:
      - What to note. Required for O(state=noted).
    type: str
  data:
    description:
      - With O(state=noted), further values to keep with the event. Nothing secret.
    type: dict
    default: {}
  again:
    description:
      - Whether an event is noted although it was noted before.
    type: bool
    default: false
  label:
    description:
      - With O(state=archived), what the files' new names say.
    type: str
    default: set-aside
  keep_snapshot:
    description:
      - With O(state=archived), whether the contracts are kept as well. They are deleted otherwise.
    type: bool
    default: true
  break_lock:
    description:
      - With O(state=locked), take the locks over whoever has them.
    type: bool
    default: false
  forgotten_after:
    description:
      - Seconds after which a lock is void whose owner gave no sign of life.
    type: float
    default: 14400
  owner:
    description:
      - The run that asks. The controller sets it; leave it alone.
    type: dict
    suboptions:
      controller:
        description: Name of the controller.
        type: str
        required: true
      boot:
        description: Id of its boot.
        type: str
        default: ""
      pid:
        description: Process of ansible-playbook.
        type: int
        required: true
      started:
        description: When that process was started, in the controller's own unit.
        type: str
        default: ""
      user:
        description: Who runs it.
        type: str
        default: ""
  dead_owners:
    description:
      - Owners that the controller knows to be gone. The controller sets it; leave it alone.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Keep other runs away
  ledgerops.canton.migration_journal:
    state: locked
    path: /var/lib/canton-migration
    name: bank-1
    source: "{{ old.identity.uid }}"
    target: "{{ new.identity.uid }}"

- name: Note the beginning of the downtime
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
  description: The time of each event, of the last one where it was noted several times.
  returned: success, unless O(state=unlocked)
  type: dict
  sample:
    cutover: "2026-11-25T08:00:00.000+00:00"
data:
  description: What was kept with each event, with the last one where it was noted several times.
  returned: success, unless O(state=unlocked)
  type: dict
  sample:
    cutover:
      served: true
imported:
  description: Whether there is a receipt of the import of this migration's snapshot.
  returned: success, unless O(state=unlocked)
  type: bool
files:
  description:
    - Names of the migration's files, without what was moved aside before.
    - With O(state=archived), the new names of those that were moved aside; in check mode their present ones.
  returned: success, unless O(state=unlocked)
  type: list
  elements: str
"""

from ansible_collections.ledgerops.canton.plugins.module_utils._connection import Params
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration import journal
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration import locks as journal_locks
from ansible_collections.ledgerops.canton.plugins.module_utils._runner import run_plain

SPEC = {
    "state": {"type": "str", "choices": ["read", "noted", "locked", "unlocked", "archived"], "default": "read"},
    "path": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "source": {"type": "str", "required": True},
    "target": {"type": "str", "required": True},
    "event": {"type": "str"},
    "data": {"type": "dict", "default": {}},
    "again": {"type": "bool", "default": False},
    "label": {"type": "str", "default": "set-aside"},
    "keep_snapshot": {"type": "bool", "default": True},
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


def result(found: journal.Journal, files: journal.JournalFiles) -> dict[str, object]:
    return {
        "events": list(found.events),
        "times": {item["event"]: item["at"] for item in found.events},
        "data": {item["event"]: item["data"] for item in found.events},
        "imported": files.imported(found.target),
        "files": journal.archivable(files),
    }


def ensure(params: Params, check: bool) -> Outcome:
    if params["state"] == "unlocked":
        return ensure_unlocked(params, check)
    files = journal.JournalFiles(params["path"], params["name"])
    found = files.read(params["source"], params["target"])
    states = {"noted": ensure_noted, "locked": ensure_locked, "archived": ensure_archived}
    if params["state"] == "read":
        return Outcome(result=result(found, files))
    return states[params["state"]](params, found, files, check)


def ensure_noted(params: Params, found: journal.Journal, files: journal.JournalFiles, check: bool) -> Outcome:
    event = str(params["event"])
    if found.last(event) and not params["again"]:
        return Outcome(result=result(found, files))
    after = found.with_event(event, params["data"])
    if not check:
        files.write(after)
    return Outcome({event: found.last(event)}, {event: after.last(event)}, result(after, files))


def ensure_locked(params: Params, found: journal.Journal, files: journal.JournalFiles, check: bool) -> Outcome:
    owner = journal_locks.Owner(**params["owner"])
    locks = journal_locks.Locks(params["path"], 0 if params["break_lock"] else params["forgotten_after"])
    dead = [journal_locks.Owner(**item) for item in params["dead_owners"]]
    participants = [found.source, found.target]
    if check:
        journal_locks.refuse_held(locks.standing(participants, params["name"], owner, dead))
    else:
        locks.take(participants, params["name"], owner, dead)
    # A lock is no part of the migration: taking it is not a change that anybody wants to be told.
    return Outcome(result=result(found, files))


def ensure_unlocked(params: Params, check: bool) -> Outcome:
    """Works with a journal that cannot be read, too: the run that found it so must not leave its locks behind."""
    if not check:
        journal_locks.Locks(params["path"], 0).release(
            [params["source"], params["target"]], journal_locks.Owner(**params["owner"])
        )
    return Outcome()


def ensure_archived(params: Params, found: journal.Journal, files: journal.JournalFiles, check: bool) -> Outcome:
    before = journal.archivable(files)
    moved = before if check else journal.archive(files, found, params["label"], params["keep_snapshot"])
    after = journal.Journal(found.source, found.target)
    return Outcome({"files": before}, {"files": []}, {**result(after, files), "files": moved})


def main() -> None:
    needs_owner = [("state", "locked", ["owner"]), ("state", "unlocked", ["owner"])]
    run_plain(SPEC, ensure, lambda: None, required_if=[("state", "noted", ["event"]), *needs_owner])


if __name__ == "__main__":
    main()
