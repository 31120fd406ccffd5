#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_in_place
short_description: Determine the stage of a migration in place and the steps that are left
version_added: 0.4.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - In a migration in place a participant goes onto a KMS with its own id, its own database and one restart. This module reads the participant, the
    KMS and the journal, and returns the stage, all findings, and the steps that are left, each with its reason.
  - It changes neither the participant nor the KMS. The role P(ledgerops.canton.kms_migration#role) does the steps. The stages are described in
    C(docs/in-place.md) of the collection, all findings in C(docs/preflight.md).
  - For Canton 3.
extends_documentation_fragment:
  - ledgerops.canton._participant
  - ledgerops.canton._kms
  - ledgerops.canton._kms_gcp
  - ledgerops.canton._attributes.info_module
  - ledgerops.canton._attributes.actiongroup_participant
  - ledgerops.canton._lock
options:
  state:
    description:
      - V(planned) returns the stage and the steps. The first time, with O(lock), it writes into the journal which keys go how.
      - V(recorded) counts the contracts of the participant, which must serve, and writes number and digest per party into the journal. Nothing is
        compared. Run it right before the switch.
      - V(verified) proves that the participant has at the recorded offset exactly the contracts that were recorded, that it hosts the same
        parties, and that all keys in use lie in the KMS. It fails with what differs.
      - V(rollback) returns the steps of the rollback to the old configuration.
      - V(retirement) returns the steps that delete the old private keys when the migration is accepted. It fails unless the participant serves from
        the KMS.
    type: str
    choices: [planned, recorded, verified, rollback, retirement]
    default: planned
  path:
    description: Folder of the journal. Created when it is needed.
    type: path
    required: true
  name:
    description: Name of the migration, for its files in O(path).
    type: str
    required: true
  key_prefix:
    description: What the names of the keys in the KMS begin with. In AWS they are aliases. Default is V(canton/) and O(name).
    type: str
  flavour:
    description:
      - V(import) imports all private keys into the KMS. V(born) replaces all keys by keys that are born in the KMS. V(bridge) does the same, but
        imports an RSA-2048 encryption key, so that other participants can send all the time.
      - Default is V(import) if Canton can use all keys in the KMS, else V(bridge) if the participant exports keys, else V(born). The choice is kept in
        the journal.
    type: str
    choices: [import, born, bridge]
  backup_confirmed:
    description: Whether the participant's database and configuration are backed up. Required, since the switch restarts it.
    type: bool
    default: false
  lock:
    description: Whether to lock the participant for this run. A migration that is refused is not locked.
    type: bool
    default: false
seealso:
  - module: ledgerops.canton.participant_key_mapping
  - module: ledgerops.canton.participant_kms_delegation
  - module: ledgerops.canton.participant_kms_key
"""

EXAMPLES = r"""
- name: Determine what is left to do
  ledgerops.canton.migration_in_place:
    endpoint: 10.0.0.5:5012
    ledger_endpoint: 10.0.0.5:5011
    region: eu-central-1
    path: /var/lib/canton-migration
    name: bank
    backup_confirmed: true
  register: in_place

- name: Show the steps
  ansible.builtin.debug:
    msg: "{{ in_place.stage }}: {{ in_place.todo | join(', ') }}"
"""

RETURN = r"""
stage:
  description:
    - C(unprepared), C(prepared) (it serves with its own keys, and the KMS has all keys that it needs), C(disconnected) (of all synchronizers, still with
      its own keys), C(stopped) (it does not answer), C(started) (it runs with the provider kms and lacks keys), C(registered) (it has its keys and is
      disconnected), C(serving), C(migrated) (the proof is in the journal), or C(retired) (the old private keys are deleted).
    - Missing if the findings have an error.
  returned: when it can be determined
  type: str
  sample: prepared
steps:
  description: The steps in order, with C(id), C(needed) and C(why). The ids are C(bridge), C(keys), C(import_keys), C(delegation), C(mapping),
    C(baseline), C(disconnect), C(cut), C(restart), C(register), C(connect), C(settle) and C(restore).
  returned: always
  type: list
  elements: dict
  sample:
    - {id: keys, needed: true, why: "4 keys are not in the KMS yet"}
todo:
  description: Ids of the steps that are needed.
  returned: always
  type: list
  elements: str
  sample: [keys]
can_migrate:
  description: Whether no finding is an error.
  returned: always
  type: bool
findings:
  description: As of M(ledgerops.canton.participant_migration_info).
  returned: always
  type: list
  elements: dict
flavour:
  description: How the keys go, V(import), V(born) or V(bridge). V(null) if the findings have an error.
  returned: always
  type: str
keys:
  description: The keys that the participant has in the KMS after the migration, with C(purpose), C(name) in the KMS, C(imported), C(fingerprint) and
    C(kms_key_id). The last two are V(null) for a key that does not exist yet.
  returned: always
  type: list
  elements: dict
mapping:
  description: The option C(keys) of M(ledgerops.canton.participant_key_mapping) for the steps C(mapping) (C(prepare)), C(cut) and C(settle), for the
    rollback (C(back) while it serves from the KMS, C(own) with its own keys), and for the retirement (C(kms)). Empty for a step that is not needed.
  returned: always
  type: dict
synchronizers:
  description: The synchronizers that are connected after the switch, with C(alias), and C(manual_connect) as it was before it.
  returned: always
  type: list
  elements: dict
uid:
  description: Id of the participant; of the journal, while it does not answer.
  returned: always
  type: str
participant:
  description: C(identity) and C(synchronizers), as of M(ledgerops.canton.participant_info). V(null) while it does not answer.
  returned: always
  type: dict
journal:
  description: The journal, as of M(ledgerops.canton.migration_journal).
  returned: always
  type: dict
proof:
  description: Contracts, digest, offset, parties and keys.
  returned: with O(state=verified)
  type: dict
"""

import dataclasses
import typing as t

from ..module_utils._connection import Params, check_dependencies, connection_spec, participant_of
from ..module_utils._errors import CantonError, Unreachable
from ..module_utils._kms import provider, signing
from ..module_utils._outcome import Outcome
from ..module_utils._participant import info
from ..module_utils._participant.in_place import keys, plan, preflight, proof, retirement, rollback
from ..module_utils._participant.migration import journal, locks
from ..module_utils._runner import run_plain

SPEC: dict[str, dict[str, t.Any]] = {
    **connection_spec(),
    **provider.CONNECTION_SPEC,
    "state": {
        "type": "str",
        "choices": ["planned", "recorded", "verified", "rollback", "retirement"],
        "default": "planned",
    },
    "path": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "key_prefix": {"type": "str", "no_log": False},
    "flavour": {"type": "str", "choices": list(keys.FLAVOURS)},
    "backup_confirmed": {"type": "bool", "default": False},
    "lock": {"type": "bool", "default": False},
    **locks.LOCK_SPEC,
}


def ensure(params: Params, check: bool) -> Outcome:
    journal.check_name(params["name"])
    found = situation(params)
    if params["lock"] and (found.findings.can_migrate or params["state"] in ("rollback", "retirement")):
        lock(params, found, check)
    if params["state"] == "recorded":
        return recorded(found, check)
    if params["state"] == "verified":
        return Outcome(result={**result(found), "proof": proof.prove(found)})
    if params["state"] == "rollback":
        found.steps = rollback.steps(found)
    if params["state"] == "retirement":
        found.steps = retirement.steps(found)
    return Outcome(result=result(found))


def situation(params: Params) -> plan.Situation:
    """Of the participant, or of its journal while it is stopped for the switch."""
    files = journal.JournalFiles(params["path"], params["name"])
    prefix = params["key_prefix"] or f"canton/{params['name']}"
    request = preflight.Request(params["provider"], prefix, params["flavour"], params["backup_confirmed"])
    find = finder(params)
    try:
        participant = participant_of(params, "participant")
        participant.remember()
        return plan.plan(participant, request, files, find, retiring=params["state"] == "retirement")
    except Unreachable:
        found = plan.stopped(files, find)
        if found is None:
            raise
        return found


def lock(params: Params, found: plan.Situation, check: bool) -> None:
    """Lock the participant, and write the choice of the keys into the journal when the migration begins."""
    locks.lock(params["path"], [found.uid], params["name"], params, check)
    if check:
        return
    if found.files.read(found.uid, found.uid) != found.journal:
        raise CantonError(
            "Another run has worked on this migration meanwhile", "locked", "Nothing was changed. Run again."
        )
    if params["state"] == "planned" and found.choice and not found.journal.last(plan.CHOSEN):
        note(found, plan.CHOSEN, found.choice.as_dict())


def finder(params: Params) -> plan.FindKey:
    """The KMS's key of a name, as a node registers it."""
    known = provider.of(params, provider.CONNECTION_SPEC)
    use = known.use(params)

    def find(name: str) -> keys.KmsKey | None:
        key = use.public(name)
        if key is None or key.public_key_der is None:
            return None
        identifier = str(key.full_name if known.name == "aws" else key.key_id)
        return keys.KmsKey(identifier, signing.fingerprint_of(key), key.spec, key.state)

    return find


def recorded(found: plan.Situation, check: bool) -> Outcome:
    if found.seen is None or not found.seen.connected or found.seen.on_kms:
        raise CantonError(
            "The participant does not serve with its own keys, so there is nothing to record",
            error_id="in_place_not_serving",
            hint="Record right before the switch. After it, verify compares with what was recorded.",
        )
    baseline = proof.read_baseline(found.seen).as_dict()
    if not check:
        note(found, plan.BASELINE, baseline)
    return Outcome(result={**result(found), "proof": baseline})


def note(found: plan.Situation, event: str, data: dict[str, t.Any]) -> None:
    found.journal = found.journal.with_event(event, data)
    found.files.write(found.journal)


def result(found: plan.Situation) -> dict[str, object]:
    seen = found.seen
    values: dict[str, object] = {
        **{name: value for name, value in found.findings.as_dict().items() if name != "plan"},
        "steps": [dataclasses.asdict(each) for each in found.steps],
        "todo": [each.id for each in found.steps if each.needed],
        "uid": found.uid,
        "flavour": found.choice.flavour if found.choice else None,
        "keys": [each.as_dict() for each in found.targets],
        "mapping": mapping(found),
        "synchronizers": found.was_connected,
        "participant": {"identity": info.identity(seen.node), "synchronizers": info.synchronizers(seen.node)}
        if seen
        else None,
        "journal": journal.shown(found.journal, found.files),
    }
    if found.stage is not None:
        values["stage"] = found.stage
    return values


def mapping(found: plan.Situation) -> dict[str, object]:
    """The option keys of participant_key_mapping for each step that writes the mapping."""
    seen = found.seen
    if seen is None or found.choice is None or not found.targets:
        return {}
    orders = {
        "cut": plan.cut_mapping(found, seen),
        "settle": plan.final_order(found, seen),
        "back": rollback.back_order(found, seen),
        "own": list(found.choice.old),
        "kms": retirement.kms_mapping(seen),
    }
    born = [each for each in found.targets if not each.wanted.imported and each.wanted.purpose != "namespace"]
    return {
        "prepare": [
            {"kms_key_id": each.key.kms_key_id if each.key else None, "purpose": each.wanted.purpose} for each in born
        ],
        **{name: [{"fingerprint": each} for each in order or ()] for name, order in orders.items()},
    }


def main() -> None:
    # not run_participant: a participant that does not answer is a stage, and no error
    rules = provider.rules(provider.RING_REQUIRED, ("lock", True, ["owner"]))
    rules["required_together"] = [*rules["required_together"], ("client_cert", "client_key")]
    run_plain(SPEC, ensure, check_dependencies, **rules)


if __name__ == "__main__":
    main()
