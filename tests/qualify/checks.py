# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of one host, in order."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from qualify.modules import Step, steps
from qualify.nodes import Node, delegated
from qualify.plays import GROUP, Ansible, Failed, Run

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.ids import short

PLAYBOOK = "ledgerops.canton.migrate_to_kms"
_BATCHES = ("file", "pipe", "playbook")  # parties that go through a snapshot file, through a pipe, with the playbook
_HOOK_SECONDS = 600


class Skipped(Exception):
    """A check has nothing to look at; the text says why."""


@dataclass
class Outcome:
    name: str
    outcome: str  # passed, failed or skipped
    detail: str
    seconds: float


@dataclass
class Report:
    """What is kept of one host."""

    host: str
    prefix: str
    source: dict[str, Any] = field(default_factory=dict)
    target: dict[str, Any] = field(default_factory=dict)
    checks: list[Outcome] = field(default_factory=list)
    remains: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return all(check.outcome != "failed" for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}


class Suite:
    """The checks of one host. The names of all that they make begin with ``prefix`` and a hyphen."""

    def __init__(
        self,
        host: str,
        values: Mapping[str, Any],
        prefix: str,
        ansible: Ansible,
        show: Callable[[Outcome], None],
        stopping: Callable[[], bool],
    ) -> None:
        self._values, self._ansible, self._show, self._stopping = values, ansible, show, stopping
        self._prefix = f"{prefix}-"
        self.report = Report(host, prefix)
        self._journal = f"{values['kms_migration_journal']}/{prefix}-{host}"
        self._parties: dict[str, list[str]] = {}
        self._making = False
        self._packages: set[str] = set()
        self._excluded_dars: list[str] = []
        self._brought: list[str] = []
        self._before: list[tuple[Node, dict[str, tuple[bool, bool]]]] = []
        self._was_delegated = True
        self._failed = ""

    def run(self) -> Report:
        """All checks; after a failure the rest is skipped, but the nodes are always taken back to how they were."""
        try:
            self._check("Both nodes answer", self._nodes)
            self._check("The releases are the expected ones", self._releases)
            self._check("The source makes parties and users", self._make)
            self._check("Your command makes contracts", self._contracts)
            self._check("A DAR to copy", self._choose_dar)
            self._check("Preflight finds nothing against it", self._preflight)
            self._check("Check mode changes nothing", self._predict)
            for step in steps(self._before[1][0].client.hosts_offline) if len(self._before) == 2 else []:
                self._check(f"Module {step.title}", partial(self._module, step))
            self._check("The whole migration", self._migrate)
            self._check("The second run changes nothing", self._again)
            self._check("Verify, run alone", self._verify)
            self._check("Both nodes hold the same", self._compare)
        finally:
            self._check("Both nodes are connected as before", self._reconnect, always=True)
            self._check("What was made is removed as far as it can be", self._remove, always=True)
        return self.report

    def _check(self, name: str, body: Callable[[], str], always: bool = False) -> None:
        began = time.monotonic()
        try:
            if self._failed and not always:
                raise Skipped(f"not run after the failure of '{self._failed}'")
            if self._stopping() and not always:
                raise Failed("interrupted")
            outcome, detail = "passed", body()
        except Skipped as exc:
            outcome, detail = "skipped", str(exc)
        except (Failed, CantonError) as exc:
            outcome, detail = "failed", str(exc)
            self._failed = self._failed or name
        except Exception as exc:
            # a defect of this suite: told as a failure, and the nodes are taken back before it goes on
            outcome, detail = "failed", f"{type(exc).__name__}: {exc}"
            self._failed = self._failed or name
            raise
        finally:
            seconds = round(time.monotonic() - began, 1)
            self.report.checks.append(Outcome(name, outcome, detail, seconds))
            self._show(self.report.checks[-1])

    # -- before anything is changed -------------------------------------------------------------------------------

    @property
    def _source(self) -> Node:
        return self._before[0][0]

    @property
    def _target(self) -> Node:
        return self._before[1][0]

    def _nodes(self) -> str:
        for which in ("source", "target"):
            options, alias = self._values[f"kms_migration_{which}"], self._values[f"kms_migration_{which}_synchronizer"]
            node = Node(options, f"{which} participant", alias)
            self._before.append((node, node.connections()))
            facts = {
                "participant": node.uid,
                "release": node.identity.version,
                "synchronizer": node.store,
                "protocol_versions": list(node.identity.protocol_versions),
            }
            getattr(self.report, which).update(facts)
        if not self._source.connections()[self._source.alias][0]:
            raise Failed(f"the source is not connected to {self._source.alias}, so it can make no parties")
        self._was_delegated = delegated(self._source, self._target)
        return "; ".join(f"{short(node.uid)} runs Canton {node.identity.version}" for node, _found in self._before)

    def _releases(self) -> str:
        wanted = self._values.get("qualify_release")
        if not wanted:
            raise Skipped("qualify_release is not set")
        for which, (node, _found) in zip(("source", "target"), self._before, strict=True):
            expected = str(wanted[which] if isinstance(wanted, Mapping) else wanted)
            if not f"{node.identity.version}.".startswith(f"{expected}."):
                raise Failed(f"the {which} runs Canton {node.identity.version}, and {expected} is expected")
        return "as qualify_release says"

    # -- what the suite makes -------------------------------------------------------------------------------------

    def _make(self) -> str:
        if any(node.hosted(self._prefix) or node.users(self._prefix) for node, _found in self._before):
            raise Failed(f"parties or users named {self._prefix}... exist already: give this run a prefix of its own")
        self._making = True  # from here on all that is named so is the suite's own
        count = int(self._values.get("qualify_parties", 3))
        for batch in _BATCHES:
            hints = [f"{self._prefix}{batch}-{number}" for number in range(1, count + 1)]
            self._parties[batch] = self._source.make_parties(hints)
        self._source.make_user(f"{self._prefix}modules", self._parties["file"] + self._parties["pipe"])
        self._source.make_user(f"{self._prefix}playbook", self._parties["playbook"])
        journal = {"path": self._journal, "state": "directory", "mode": "0700"}
        self._ansible.tasks([{"name": "Make the journal", "ansible.builtin.file": journal}], {})
        return f"{count * len(_BATCHES)} parties and 2 users, named {self._prefix}..."

    def _contracts(self) -> str:
        command = self._values.get("qualify_make_contracts")
        if not command:
            raise Skipped("qualify_make_contracts is not set: snapshots will be empty, contracts are not qualified")
        words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
        for parties in self._parties.values():
            self._hook([*words, *parties])
        found = self._source.active_contracts(self._prefix)
        having = {party for contract in found for party in contract.stakeholders}
        without = [batch for batch, parties in self._parties.items() if having.isdisjoint(parties)]
        if without:
            raise Failed(f"the command succeeded, but no party of these calls has a contract: {', '.join(without)}")
        self._packages = {contract.package_id for contract in found}
        return f"{len(found)} contracts of {len(self._packages)} package(s)"

    def _hook(self, command: list[str]) -> None:
        try:
            done = subprocess.run(
                command,
                env={**os.environ, "QUALIFY_PREFIX": self._prefix},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_HOOK_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise Failed(f"qualify_make_contracts could not be run: {exc}") from exc
        if done.returncode:
            raise Failed(f"qualify_make_contracts ended with {done.returncode}: {done.stdout.strip()[-500:]}")

    def _choose_dar(self) -> str:
        """Only what is needed is copied: the DARs of the contracts, or any one, best one that the target lacks."""
        source, there = self._source, {dar.main for dar in self._target.dars()}
        dars = source.dars()
        vetted = {item.package_id for item in source.client.vettings(source.store, source.uid)}
        if self._packages:
            chosen = [dar for dar in dars if self._packages & source.client.dar_packages(dar.main)]
        else:
            chosen = sorted((dar for dar in dars if dar.main in vetted), key=lambda dar: dar.main in there)[:1]
        self._excluded_dars = [dar.main for dar in dars if dar not in chosen]
        if not chosen:
            raise Skipped("the source has no vetted DAR but built-in ones: copying of packages is not qualified")
        self._brought = [f"{dar.name} {dar.version}".strip() for dar in chosen if dar.main not in there]
        return ", ".join(self._brought) or f"{chosen[0].name}, which the target has already"

    # -- the playbook and the modules -----------------------------------------------------------------------------

    def _skipped_users(self, mine: str) -> list[str]:
        everywhere = ["", *(provider.id for provider in self._source.client.identity_providers())]
        users = [user.id for provider in everywhere for user in self._source.client.users(provider)]
        return [name for name in users if name != f"{self._prefix}{mine}"]

    def _play(self, *flags: str) -> Run:
        variables = {
            "kms_migration_hosts": GROUP,
            "kms_migration_name": "playbook",
            "kms_migration_journal": self._journal,
            # the suite moves nothing but what it made itself
            "kms_migration_backup_confirmed": True,
            "kms_migration_parties": self._parties["playbook"],
            "kms_migration_exclude_parties": [],
            "kms_migration_exclude_dars": self._excluded_dars,
            "kms_migration_skip_users": self._skipped_users("playbook"),
        }
        return self._ansible.playbook(PLAYBOOK, variables, *flags)

    def _look(self) -> dict[str, Any]:
        namespace = self._source.identity.namespace
        looks = {node.label: node.look(self._prefix, namespace) for node, _found in self._before}
        return {f"{what} of the {label}": found for label, look in looks.items() for what, found in look.items()}

    def _preflight(self) -> str:
        (result,) = self._play("--tags", "preflight").results("Preflight | Read both participants")
        warnings = [f"{item['id']}: {item['message']}" for item in result["findings"]]
        return "can be migrated" + "".join(f"; warning {text}" for text in warnings)

    def _predict(self) -> str:
        before = self._look()
        run = self._play("--check", "--diff")
        after = self._look()
        differing = [what for what, found in before.items() if after[what] != found]
        if differing:
            raise Failed(f"check mode changed something, or somebody else did: {', '.join(differing)}")
        if not _hosts_parties(run):
            raise Failed("check mode does not predict that parties are hosted")
        return f"{len(run.changed)} tasks would change something; both nodes read before and after are equal"

    def _module(self, step: Step) -> str:
        variables = {
            "qualify_journal": self._journal,
            "qualify_exclude_dars": self._excluded_dars,
            "qualify_skip_users": self._skipped_users("modules"),
            **{f"qualify_{batch}_parties": parties for batch, parties in self._parties.items()},
        }
        run = self._ansible.tasks(step.tasks(), variables)
        predicted, done, again = (bool(entry["result"].get("changed")) for entry in run.entries)
        if predicted != done:
            raise Failed(f"check mode said changed={predicted}, the run said changed={done}")
        if again:
            raise Failed("the second run changed something again")
        contracts = run.entries[-1]["result"].get("contracts")
        moved = f", {contracts} contracts" if isinstance(contracts, int) else ""
        return ("predicted, changed, then unchanged" if done else "ran and changed nothing, as predicted") + moved

    def _migrate(self) -> str:
        run = self._play()
        if not _hosts_parties(run):
            raise Failed("the playbook succeeded, but hosted no parties")
        return "; ".join(" ".join(line.split()) for line in run.results("Verify | Show the summary")[0]["msg"])

    def _again(self) -> str:
        changed = self._play().changed
        if changed:
            raise Failed(f"these tasks changed something again: {', '.join(changed)}")
        return "no task changed anything"

    def _verify(self) -> str:
        self._play("--tags", "verify")
        return "the proof holds"

    def _compare(self) -> str:
        """Read both nodes past all modules."""
        ours, theirs = self._source.hosted(self._prefix), self._target.hosted(self._prefix)
        if ours != theirs:
            raise Failed(f"the source hosts {len(ours)} of the suite's parties, the target {len(theirs)}, or otherwise")
        here, there = self._source.contracts(self._prefix), self._target.contracts(self._prefix)
        differing = [short(party) for party in ours if here.get(party) != there.get(party)]
        if differing:
            raise Failed(f"the contracts of these parties differ: {', '.join(differing)}")
        if self._source.users(self._prefix) != self._target.users(self._prefix):
            raise Failed("the users or their rights differ")
        return f"{len(theirs)} parties, 2 users and {_number(there)} contracts"

    # -- afterwards -----------------------------------------------------------------------------------------------

    def _reconnect(self) -> str:
        if not self._before:
            raise Skipped("no node was reached")
        for node, found in self._before:
            node.reconnect(found)
            if {alias: node.connections()[alias] for alias in found} != found:
                raise Failed(f"the {node.label} is not connected as it was: {node.connections()}, was {found}")
        return "; ".join(f"{node.label}: {_connected(found)}" for node, found in self._before)

    def _remove(self) -> str:
        if not self._making:
            raise Skipped("nothing was made")
        removed = 0
        remains = self.report.remains
        for node in (self._target, self._source):
            node.delete_users(self._prefix)
            number = _number(node.contracts(self._prefix))
            refused = {party: node.unhost(party) for party in sorted(node.hosted(self._prefix))}
            kept = [party for party, reason in refused.items() if reason]
            removed += len(refused) - len(kept)
            if number:
                remains.append(f"{node.label}: {number} contracts")
            if kept:
                reasons = ", ".join(sorted(set(refused.values()) - {""}))
                remains.append(f"{node.label}: hosts {', '.join(map(short, kept))} ({reasons})")
        stored = {f"{dar.name} {dar.version}".strip() for dar in self._target.dars()}
        remains += [f"{self._target.label}: DAR {name}, stored and vetted" for name in self._brought if name in stored]
        if not self._was_delegated and delegated(self._source, self._target):
            namespace = short("::" + self._source.identity.namespace)[2:]
            remains.append(f"both participants: delegation of {namespace} to the target's key")
        gone = {"name": "Remove the journal", "ansible.builtin.file": {"path": self._journal, "state": "absent"}}
        self._ansible.tasks([gone], {})
        return f"users, journal and {removed} hostings"


def _hosts_parties(run: Run) -> bool:
    """Whether the playbook hosts parties on the target, or would."""
    return any((found.get("parties") or {}).get("hosted") for found in run.results("Copy | Copy what the target lacks"))


def _number(contracts: Mapping[str, set[str]]) -> int:
    return len({each for ids in contracts.values() for each in ids})


def _connected(found: Mapping[str, tuple[bool, bool]]) -> str:
    return ", ".join(f"{alias} {'connected' if on else 'disconnected'}" for alias, (on, _manual) in found.items())
