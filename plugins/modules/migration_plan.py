#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_plan
short_description: Determine the stage of a migration and the steps that are left
version_added: 0.4.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Reads both participants and the journal of the migration once. Returns the stage, all findings, the steps that are left, each with
    its reason, and the proof that both participants are equal, if the migration is finished.
  - It changes neither participant, and can be run at any time, before and after a migration. All findings are described in
    C(docs/preflight.md) of the collection, the stages in C(docs/plan.md).
extends_documentation_fragment:
  - ledgerops.canton._participant.source
  - ledgerops.canton._participant.target
  - ledgerops.canton._participant.root_holders
  - ledgerops.canton._participant.synchronizers
  - ledgerops.canton._migration
  - ledgerops.canton._attributes.info_module
  - ledgerops.canton._attributes.actiongroup_participant_pair
  - ledgerops.canton._lock
options:
  state:
    description:
      - V(planned) returns the stage and the steps.
      - V(verified) proves in addition that the target has everything of the source, read from both participants now, and fails with what
        differs. The receipt of the import is renewed if the target has transacted since. It fails before the end of the cutover.
      - V(rollback) returns what a rollback would take back, as described in C(docs/rollback.md) of the collection. It fails where a rollback would
        lose something, for example because the target has transacted.
      - V(retirement) compares the contracts once more, and returns who can still sign for the source's namespace and what is left to do by hand,
        as described in C(docs/retire.md) of the collection. It fails unless the target serves, and where the source has contracts that it lacks.
    type: str
    choices: [planned, verified, rollback, retirement]
    default: planned
  path:
    description: The journal folder of the migration, on the host that runs the module. It also has the snapshot. Estimates use the speed of earlier
      transfers, recorded there in C(throughput.json).
    type: path
    required: true
  name:
    description: Name of the migration, and prefix of its files.
    type: str
    required: true
  admin_rights:
    description: Whether participant_admin and identity_provider_admin are copied, as in the option of the same name of
      M(ledgerops.canton.participant_user).
    type: bool
    default: false
  count_contracts:
    description: Whether the contracts of both participants are read. Without, findings about contracts and their numbers are missing, and
      the call does not take longer with their number. For the downtime.
    type: bool
    default: true
  signed_delegations:
    description: Files with delegations of further namespaces to the target, as written by M(ledgerops.canton.participant_namespace_delegation) with
      V(state=signed). They are read only while such a delegation is missing.
    type: list
    elements: path
    default: []
  stops_source:
    description: With O(state=retirement), whether the caller stops the process of the source, so that it is no step by hand.
    type: bool
    default: false
  lock:
    description: Whether to lock both participants for this run, as with O(ledgerops.canton.migration_journal#module:state=locked), unless the
      findings have an error. Release the locks with M(ledgerops.canton.migration_journal).
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Determine what is left to do
  ledgerops.canton.migration_plan:
    source: {endpoint: 10.0.0.5:5012, ledger_endpoint: 10.0.0.5:5011}
    target: {endpoint: 10.0.0.6:5022, ledger_endpoint: 10.0.0.6:5021}
    source_synchronizer: old
    target_synchronizer: new
    path: /var/lib/canton-migration
    name: bank
    backup_confirmed: true
  register: plan

- name: Show the steps
  ansible.builtin.debug:
    msg: "{{ plan.stage }}: {{ plan.todo | join(', ') }}"
"""

RETURN = r"""
stage:
  description:
    - C(unprepared), C(prepared) (the target lacks only the contracts), C(source_down) (the source is disconnected), C(exported), C(imported)
      (the target has the contracts and is disconnected), C(serving) (the target is connected), or C(migrated) (it serves, and both participants
      are proven equal now). With O(method=same_synchronizer), one of C(unprepared), C(prepared), C(moving) (both host parties) and C(migrated).
    - With O(state=rollback), one of C(nothing_begun), C(prepared), C(source_disconnected), C(exported), C(imported), C(target_connected),
      C(same_synchronizer).
    - Missing if the findings have an error.
  returned: when it can be determined
  type: str
  sample: prepared
steps:
  description: The steps of the migration in order, with C(id), C(needed) and C(why). The ids are C(reach_synchronizer), C(packages), C(delegation),
    C(parties), C(users), C(disconnect_source), C(transfer) and C(connect_target), with O(method=same_synchronizer) C(move) instead of the last
    three; with O(state=rollback) C(purge), C(reach_synchronizer), C(parties) and C(connect_source), with O(method=same_synchronizer) C(withdraw).
  returned: always
  type: list
  elements: dict
  sample:
    - {id: packages, needed: true, why: "2 DARs to store, 2 to vet"}
    - {id: delegation, needed: false, why: nothing is missing}
todo:
  description: Ids of the steps that are needed.
  returned: always
  type: list
  elements: str
  sample: [packages]
can_migrate:
  description: Whether no finding is an error.
  returned: unless O(state=rollback) or O(state=retirement)
  type: bool
findings:
  description: As of M(ledgerops.canton.participant_migration_info). In addition C(receipt_missing), C(source_connected_after_import) and
    C(purge_after_service), which need the journal.
  returned: unless O(state=rollback) or O(state=retirement)
  type: list
  elements: dict
plan:
  description: Numbers of the migration, as of M(ledgerops.canton.participant_migration_info).
  returned: unless O(state=rollback) or O(state=retirement)
  type: dict
source:
  description: C(identity) and C(synchronizers) of the source, as of M(ledgerops.canton.participant_info).
  returned: always
  type: dict
target:
  description: The same of the target.
  returned: always
  type: dict
journal:
  description: The journal of this pair, as of M(ledgerops.canton.migration_journal).
  returned: always
  type: dict
delegation:
  description: C(namespace), C(target_key) and C(delegation), as of M(ledgerops.canton.participant_namespace_delegation).
  returned: with RV(stage)
  type: dict
hosted:
  description: C(parties), C(namespaces) and C(hosted), as of M(ledgerops.canton.participant_party) in check mode.
  returned: with RV(stage)
  type: dict
packages:
  description: C(uploaded) and C(vetted), as of M(ledgerops.canton.participant_package) in check mode.
  returned: with RV(stage)
  type: dict
users:
  description: C(users), C(left_out) and what differs, as of M(ledgerops.canton.participant_user) in check mode.
  returned: with RV(stage)
  type: dict
rollback:
  description: C(stage), C(interrupted) (an earlier rollback is carried on), C(unhosted) (parties), C(purged) (number of contracts),
    C(missing_on_source) (first ids of snapshot contracts that the source lacks), and for people C(found) (the stage) and C(summary) (lines that
    are true at its end).
  returned: with O(state=rollback)
  type: dict
summary:
  description: Lines for a person.
  returned: with RV(stage=migrated)
  type: list
  elements: str
further:
  description: What O(root_holders) and O(signed_delegations) would delegate, C(namespaces), and those of them whose delegation is not in force yet,
    C(root_holders) (their numbers from 0) and C(signed_delegations).
  returned: with O(state=planned)
  type: dict
retirement:
  description: C(source), C(target), C(namespace), C(powers) (the keys that can sign for the namespace on the target's synchronizer, and who holds
    them) and C(by_hand) (what is left to do).
  returned: with O(state=retirement)
  type: dict
proof:
  description: Contracts, digest and offsets of both participants, as of M(ledgerops.canton.participant_acs_transfer).
  returned: with RV(stage=migrated)
  type: dict
"""

import dataclasses
import functools
from collections.abc import Iterable

from ..module_utils._connection import Params, Spec, participant_of, side_spec
from ..module_utils._errors import CantonError
from ..module_utils._outcome import Outcome
from ..module_utils._participant import info
from ..module_utils._participant.migration import journal, locks
from ..module_utils._participant.migration.further import Further, RootHolder, read_further
from ..module_utils._participant.migration.plan import PlanRequest, Situation, Step, plan, verify
from ..module_utils._participant.migration.replicated import complete, verify_replicated
from ..module_utils._participant.migration.retirement import plan_retirement
from ..module_utils._participant.migration.rollback import plan_rollback
from ..module_utils._participant.migration.summary import summary
from ..module_utils._participant.model.interface import Reader
from ..module_utils._participant.preflight.findings import REQUEST_SPEC, MigrationRequest
from ..module_utils._runner import run_pair


def _holders_spec() -> Spec:
    side = side_spec(required=False)
    options = {**side["options"], "namespace": {"type": "str"}}
    return {**side, "type": "list", "elements": "dict", "default": [], "options": options}


SPEC = {
    **REQUEST_SPEC,
    "state": {"type": "str", "choices": ["planned", "verified", "rollback", "retirement"], "default": "planned"},
    "path": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "admin_rights": {"type": "bool", "default": False},
    "count_contracts": {"type": "bool", "default": True},
    "root_holders": _holders_spec(),
    "signed_delegations": {"type": "list", "elements": "path", "default": []},
    "stops_source": {"type": "bool", "default": False},
    "lock": {"type": "bool", "default": False},
    **locks.LOCK_SPEC,
}


def ensure(params: Params, source: Reader, target: Reader, check: bool) -> Outcome:
    uids = (source.identity().uid, target.identity().uid)
    files = journal.JournalFiles.of_pair(params["path"], params["name"], *uids)

    def lock(check: bool) -> None:
        if params["lock"]:
            locks.lock(params["path"], uids, params["name"], params, check)

    lock(check=True)
    before = files.read(*uids)

    def lock_unchanged(check: bool) -> None:
        lock(check)
        if not check and files.read(*uids) != before:
            raise CantonError(
                "Another run has worked on this migration meanwhile",
                error_id="locked",
                hint="Nothing was changed. Run again.",
            )

    read = {"source": seen(source), "target": seen(target), "journal": journal.shown(before, files)}
    if params["state"] == "rollback":
        planned = plan_rollback(source, target, MigrationRequest.of(params), files, before)
        if planned.stage != "nothing_begun":
            lock_unchanged(check)
        return Outcome(result={**read, **steps(planned.steps), "stage": planned.stage, "rollback": planned.as_dict()})
    if params["state"] == "retirement":
        retired = plan_retirement(
            source, target, MigrationRequest.of(params), files, before, params["stops_source"], check
        )
        return Outcome(result={**read, **steps(()), "retirement": retired.as_dict()})
    if params["state"] == "planned":
        further = further_of(params, source, target)
        params = {**params, "namespaces": [*params["namespaces"], *further.namespaces]}
        read["further"] = dataclasses.asdict(further)
    found = situation(params, source, target, files, before, check)
    # A migration that is refused leaves nothing behind, not even a lock.
    if found.findings.can_migrate:
        lock_unchanged(check)
    return Outcome(result={**read, **result(found)})


def further_of(params: Params, source: Reader, target: Reader) -> Further:
    holders = [
        RootHolder(functools.partial(participant_of, each, f"root holder {number}"), each["namespace"])
        for number, each in enumerate(params["root_holders"], 1)
    ]
    return read_further(source, target, MigrationRequest.of(params), holders, params["signed_delegations"])


def situation(
    params: Params, source: Reader, target: Reader, files: journal.JournalFiles, found: journal.Journal, check: bool
) -> Situation:
    request = PlanRequest(MigrationRequest.of(params), params["admin_rights"])
    on_one_synchronizer = request.migration.stays_on_synchronizer
    if params["state"] == "verified":
        if on_one_synchronizer:
            return verify_replicated(source, target, request, files, found)
        return verify(source, target, request, files, found, check)
    planned = plan(source, target, request, files, found)
    return complete(planned, source, target, request) if on_one_synchronizer else planned


def result(found: Situation) -> dict[str, object]:
    values: dict[str, object] = {**found.findings.as_dict(), **steps(found.steps)}
    if found.stage is not None:
        values["stage"] = found.stage
    if found.copies is not None:
        values.update(found.copies.as_dict())
    if found.proof:
        values.update(proof=found.proof, summary=summary(found))
    return values


def steps(found: Iterable[Step]) -> dict[str, object]:
    return {
        "steps": [dataclasses.asdict(each) for each in found],
        "todo": [each.id for each in found if each.needed],
    }


def seen(participant: Reader) -> dict[str, object]:
    known = info.synchronizers(participant) if participant.identity().initialized else []
    return {"identity": info.identity(participant), "synchronizers": known}


def main() -> None:
    run_pair(SPEC, ensure, any_release=True, required_if=[("lock", True, ["owner"])])


if __name__ == "__main__":
    main()
