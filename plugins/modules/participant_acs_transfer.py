#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_acs_transfer
short_description: Export, import, verify and purge active contracts
version_added: 0.1.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Transfers the active contracts of parties between two participants, through a snapshot file with a manifest or through a pipe.
  - Contracts are counted and hashed in the stream, so memory use does not depend on their number. The export is
    compared with the source's ledger API before the file gets its final name. The file is compared with its manifest
    before the first byte is sent, and the target's ledger API with the manifest afterwards.
  - The files are O(path) with the endings C(.acs.gz), C(.manifest.json) and C(.receipt.json), mode 0600. The snapshot
    holds contract payloads in cleartext. Use an encrypted disk, and delete the files when the migration is accepted.
  - The transfer runs in the background on the executing host, unless O(background=false), and the controller shows its progress. It continues if
    the connection drops or Ansible is interrupted or killed. The same task, started again, waits for it and uses its
    result. The file O(path) with the ending C(.lock) prevents a second transfer of the same snapshot.
  - The speed of exports and imports is recorded in C(throughput.json) in the folder of O(path), for later estimates.
extends_documentation_fragment:
  - ledgerops.canton._participant.optional_source
  - ledgerops.canton._participant.target
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant_pair
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: full
    details: With C(async) on the task, no progress is shown.
options:
  state:
    description:
      - V(exported) writes the snapshot. The source must be disconnected from its synchronizer, with nothing in flight.
      - V(imported) checks the snapshot, sends it and verifies the result. The target must be disconnected from all
        synchronizers, unless it already has the contracts.
      - V(transferred) does both; without O(path) through a pipe, without a file.
      - V(connected) compares both participants and connects the target to its synchronizer, also after a restart. Refused if
        the target does not have what was imported, unless it has served since; and, with O(source), O(source_synchronizer)
        and O(parties), if the source has other contracts or the selection is another than at the export.
      - V(verified) makes the same comparison and changes nothing. The target is compared at its ledger end, or, if it has
        served since, at the offset of the verified import. O(source) may be a dossier.
      - V(purged) purges contracts from the target and verifies the result. With O(path), these are the contracts of the snapshot. This is refused if
        the target has transacted with the moved parties (point of no return), or if O(source) is set and does not show each contract as active. With
        O(contract_ids), these are the given contracts. With O(source), O(source_synchronizer) and O(parties) only, these are the contracts of the
        parties that are active on the target and not on the source. The target must be disconnected from all synchronizers.
      - Purged contracts can be imported again; archived ones cannot.
    type: str
    choices: [exported, imported, transferred, connected, verified, purged]
    required: true
  path:
    description: Base name of the snapshot's files, without ending. The folder must exist. Required for every state except V(transferred) and
      V(purged).
    type: path
  contract_ids:
    description: Ids of the contracts to purge (O(state=purged)). Inactive ones are skipped with a warning.
    type: list
    elements: str
  parties:
    description: Ids of the parties whose contracts are transferred. Required for O(state=exported), O(state=transferred) and O(state=connected). For
      O(state=purged) with O(contract_ids), the parties whose contracts are searched for the ids. Default is all parties that the target hosts.
    type: list
    elements: str
  source_synchronizer:
    description: Alias or id of the source's synchronizer. Required for O(state=exported), O(state=transferred) and O(state=connected).
    type: str
  target_synchronizer:
    description: Alias or id of the target's synchronizer, to which the contracts are assigned.
    type: str
    required: true
  target_protocol_version:
    description: Protocol version of the target's synchronizer. Canton 2 writes it into the snapshot. Default is the version reported by the target.
      Canton 2.8 does not always report it.
    type: int
  wait_timeout:
    description: Seconds to wait until the target is connected (O(state=connected)).
    type: float
    default: 300.0
  background:
    description: Whether the transfer runs in the background. Otherwise it starts half a second earlier, ends with the connection, and shows no
      progress; the same task, started again, resumes it. For a transfer that takes seconds.
    type: bool
    default: true
    version_added: 0.4.0
  progress:
    description: Whether the controller shows bytes, contracts, contracts per second, elapsed and estimated time during the
      transfer. Not shown in check mode or with C(no_log).
    type: bool
    default: true
  progress_interval:
    description: Seconds between two progress lines. A shorter transfer shows none.
    type: float
    default: 5.0
  progress_patience:
    description: Seconds for which the executing host may be unreachable during the transfer. Then the task fails, and the transfer continues.
    type: float
    default: 300.0
  progress_file:
    description: File on the executing host with the progress of the transfer, as JSON. It is written once per second with mode 0600, and removed at
      the end. Default is O(path) with the ending C(.progress.json); without O(path), a file in the folder of Ansible's background jobs.
    type: path
"""

EXAMPLES = r"""
- name: Export the contracts of the moving parties
  ledgerops.canton.participant_acs_transfer:
    state: exported
    source: {endpoint: 10.0.0.5:5012, ledger_endpoint: 10.0.0.5:5011}
    target: {endpoint: 10.0.0.6:5022, ledger_endpoint: 10.0.0.6:5021}
    source_synchronizer: old
    target_synchronizer: new
    parties: "{{ moved.parties }}"
    path: /var/lib/canton-migration/node1

- name: Import the contracts
  ledgerops.canton.participant_acs_transfer:
    state: imported
    target: {endpoint: 10.0.0.6:5022, ledger_endpoint: 10.0.0.6:5021}
    target_synchronizer: new
    path: /var/lib/canton-migration/node1

- name: Purge the imported contracts
  ledgerops.canton.participant_acs_transfer:
    state: purged
    target: {endpoint: 10.0.0.6:5022, ledger_endpoint: 10.0.0.6:5021}
    target_synchronizer: new
    path: /var/lib/canton-migration/node1

- name: Purge contracts that the source has archived
  ledgerops.canton.participant_acs_transfer:
    state: purged
    source: {endpoint: 10.0.0.5:5012, ledger_endpoint: 10.0.0.5:5011}
    target: {endpoint: 10.0.0.6:5022, ledger_endpoint: 10.0.0.6:5021}
    source_synchronizer: old
    target_synchronizer: new
    parties: "{{ moved.parties }}"
"""

RETURN = r"""
contracts:
  description: Number of contracts; for O(state=purged), of purged contracts.
  returned: always
  type: int
digest:
  description: Order-independent digest of the contract ids.
  returned: always
  type: str
parties:
  description: Number of contracts and digest per party.
  returned: for every state except O(state=purged)
  type: dict
offset:
  description: Offset of the source's ledger at the export (a number; in Canton 2 a text).
  returned: for every state except O(state=purged)
  type: raw
bytes:
  description: Size of the compressed snapshot. Unknown in check mode before an export.
  returned: when known
  type: int
sha256:
  description: SHA-256 of the compressed snapshot. Unknown in check mode before an export.
  returned: when known
  type: str
exported_at:
  description: Time of the export, UTC.
  returned: when known
  type: str
target_offset:
  description: Offset of the target's ledger at the verification (a number; in Canton 2 a text).
  returned: when imported
  type: raw
imported_at:
  description: Time of the import's verification, UTC.
  returned: when imported
  type: str
left:
  description: Number of remaining active contracts of the same parties.
  returned: for O(state=purged)
  type: int
missing_on_source:
  description: First ids of snapshot contracts that are not active on the source.
  returned: for O(state=purged) with O(path) and O(source)
  type: list
  elements: str
counterparties:
  description: Stakeholders of these contracts that do not move, with the number of their contracts. They are hosted on another participant, or remain
    on the source. While they are on another synchronizer than the contracts, neither side can use the contracts. Unknown for a snapshot of an earlier
    version of this collection.
  returned: when known
  type: dict
connected_at:
  description: Time at which the target was connected, UTC.
  returned: for O(state=connected), if it was not connected before
  type: str
transfer:
  description: Size of the compressed snapshot, number of contracts, duration with the comparison, and contracts per second of this run; for
    O(state=transferred), over export and import.
  returned: when contracts were exported or imported by this run
  type: dict
  sample: {bytes: 1000000, contracts: 4000, seconds: 21.5, contracts_per_second: 186.0}
"""

import typing as t

from ..module_utils._connection import Params, side_spec
from ..module_utils._outcome import Outcome
from ..module_utils._participant.contracts import purge, transfer
from ..module_utils._participant.contracts.progress import Report, running, silent
from ..module_utils._participant.contracts.request import TransferRequest
from ..module_utils._participant.model.interface import Reader
from ..module_utils._runner import run_transfer

SPEC = {
    "source": side_spec(required=False),
    "state": {
        "type": "str",
        "choices": ["exported", "imported", "transferred", "connected", "verified", "purged"],
        "required": True,
    },
    "path": {"type": "path"},
    "contract_ids": {"type": "list", "elements": "str"},
    "parties": {"type": "list", "elements": "str"},
    "source_synchronizer": {"type": "str"},
    "target_synchronizer": {"type": "str", "required": True},
    "target_protocol_version": {"type": "int"},
    "wait_timeout": {"type": "float", "default": 300.0},
    # The first four are for the action plugin of the same name.
    "background": {"type": "bool", "default": True},
    "progress": {"type": "bool", "default": True},
    "progress_interval": {"type": "float", "default": 5.0},
    "progress_patience": {"type": "float", "default": 300.0},
    "progress_file": {"type": "path"},
}


def during(params: Params, check: bool) -> t.ContextManager[Report]:
    """One transfer at a time, and its progress file; neither in check mode. State verified only reads and takes no lock."""
    base = params["path"]
    progress = params["progress_file"] or (f"{base}.progress.json" if base else None)
    lock = f"{base}.lock" if base else f"{progress}.lock" if progress else None
    if check:
        return running(None, None, "")
    return running(None if params["state"] == "verified" else lock, progress, params["state"])


def ensure(params: Params, source: Reader | None, target: Reader, check: bool, report: Report = silent) -> Outcome:
    # An export needs only the identity of the target; a comparison, or a purge of an import, only the contracts of the source.
    live = [target] if params["state"] != "exported" else []
    if source is not None and (params["state"] in ("exported", "transferred") or not params["path"]):
        live.append(source)
    for participant in live:
        participant.require_live(f"state {params['state']}")
    request = TransferRequest(
        source=source,
        target=target,
        base=params["path"],
        parties=params["parties"] or [],
        source_synchronizer=params["source_synchronizer"],
        target_synchronizer=params["target_synchronizer"],
        check=check,
        protocol_version=params["target_protocol_version"],
        report=report,
        seconds=params["wait_timeout"],
    )
    if params["state"] == "purged":
        return purge.ensure_purged(request, params["contract_ids"])
    states = {
        "exported": transfer.ensure_exported,
        "imported": transfer.ensure_imported,
        "transferred": transfer.ensure_transferred,
        "connected": transfer.ensure_connected,
        "verified": transfer.ensure_verified,
    }
    return states[params["state"]](request)


def main() -> None:
    needs_source = ["source", "source_synchronizer", "parties"]
    run_transfer(
        SPEC,
        ensure,
        during,
        required_if=[
            ("state", "exported", [*needs_source, "path"]),
            ("state", "transferred", needs_source),
            ("state", "imported", ["path"]),
            ("state", "connected", [*needs_source, "path"]),
            ("state", "verified", ["path"]),
            ("state", "purged", ["path", "contract_ids", "parties"], True),
        ],
        mutually_exclusive=[("path", "contract_ids")],
    )


if __name__ == "__main__":
    main()
