# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rehearsal: migrate, verify, live on, migrate back, verify, and compare all contract ids at each step. Run by hand:

    make layout
    cd .cache/ansible_collections/ledgerops/canton && PYTHONPATH=tests python tests/benchmarks/rehearsal.py

It prints the times, and exits with 1 on any difference. What was measured is in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from playbook.harness import Ansible, Sandbox
from playbook.migration import SOURCE, TARGET, Migration, summary
from playbook.releases import MATRIX
from playbook.reverse import BACK, Reverse, assert_back, live_on, network_of_three

_NAMED_PARTIES = 4  # Ada, Ben, Notary and Auditor
_RUN_SECONDS = 3600.0
Result = TypeVar("Result")
Contracts = dict[str, set[str]]


def timed(what: str, work: Callable[[], Result]) -> Result:
    started = time.monotonic()
    result = work()
    print(f"{what:<44} {time.monotonic() - started:8.1f} s", flush=True)
    return result


def contracts(net: Sandbox, participant: str, synchronizer: str) -> Contracts:
    """Party: ids of the contracts that a participant shows, read past all modules."""
    with net.client(participant) as node:
        parties = sorted(node.hostings(net.synchronizer(synchronizer)))
        return {party: set(ids) for party, ids in node.contracts(parties).items()}


def digest(found: Contracts) -> str:
    lines = (f"{party} {identifier}\n" for party in sorted(found) for identifier in sorted(found[party]))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def compare(what: str, wanted: Contracts, found: Contracts) -> bool:
    number = len({identifier for ids in found.values() for identifier in ids})
    equal = digest(wanted) == digest(found)
    print(
        f"{what:<44} {number} contracts of {len(found)} parties, digest {digest(found)[:16]} "
        f"{'equal' if equal else 'NOT EQUAL to ' + digest(wanted)[:16]}",
        flush=True,
    )
    return equal


def migrate(what: str, migration: Migration) -> None:
    run = timed(f"{what}: the playbook", migration.run)
    print(f"{what + ': downtime in it':<44} {summary(run)['downtime']:>8} s", flush=True)
    timed(f"{what}: verified once more", lambda: migration.run("--tags", "verify"))


def rehearse(folder: Path, number: int, parties: int) -> bool:
    pair = MATRIX[0]
    # of what is seeded, one in twenty is archived from the beginning
    topology = network_of_three(pair, contracts=number * 20 // 19 + 2, clients=parties - _NAMED_PARTIES)
    net = timed("the network starts", lambda: Sandbox(topology, folder))
    try:
        ansible = Ansible(folder, _RUN_SECONDS)
        before = contracts(net, SOURCE, "east")
        migrate("to the KMS", Migration(pair, net, ansible, folder))
        there = compare("source and KMS participant", before, contracts(net, TARGET, "west"))
        life = live_on(net)
        wanted = contracts(net, TARGET, "west")
        connections = {"root_holder": [net.connection(SOURCE)], "replace_hosts": [net.uid(SOURCE)]}
        reverse = Reverse(pair, net, ansible, folder)
        reverse.variables |= {f"kms_migration_{name}": value for name, value in connections.items()}
        migrate("back", reverse)
        back = contracts(net, BACK, "east")
        here = compare("KMS participant and the one that is back", wanted, back)
        assert_back(net, life, BACK)
        return there and here
    finally:
        net.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contracts", type=int, default=10_000)
    parser.add_argument("--parties", type=int, default=500)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        equal = rehearse(Path(folder), wanted.contracts, wanted.parties)
    print("everything is equal" if equal else "there are differences")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
