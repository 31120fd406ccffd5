# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One participant that goes onto a KMS in place, and the KMS, as lists; each method does what a step of the role does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from unit.plugins.module_utils._participant.vault import running
from unit.plugins.samples import NEW_SYNC, contract, hosting, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.in_place import plan, proof
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.in_place.keys import Flavour, KmsKey
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.in_place.preflight import Request
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.journal import JournalFiles
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Delegation,
    Key,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.key_pair import ExportRefused
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import PURPOSES, purpose_of

NOT_EXPORTED = ExportRefused("preview commands are off")


class Place:
    """``kms`` has the keys of the KMS by name, ``node`` is the participant."""

    def __init__(self, folder: Path, spec: str = "ec_curve25519", encryption: str = "ec_p256", **values: Any) -> None:
        self.node = running(kms=False, spec=spec, **values)
        self.node.keys[3] = replace(self.node.keys[3], spec=encryption)
        self.map(self.node.keys[1:])
        party = f"Alice::{self.node.identity().namespace}"
        self.node.hosted = {NEW_SYNC: [hosting(party, self.node.uid)]}
        self.node.contracts = [contract(name, party, on=NEW_SYNC) for name in ("00a", "00b")]
        self.node.past = {10: list(self.node.contracts)}
        self.delegate(self.node.identity().namespace, replace_all=True)
        self.files = JournalFiles(str(folder), "bank")
        self.request = Request("aws", "canton/bank", backup_confirmed=True)
        self.kms: dict[str, KmsKey] = {}
        self.down = False

    # -- the plan -----------------------------------------------------------------------------------------------------

    def look(self) -> plan.Situation:
        if self.down:
            found = plan.stopped(self.files, self.kms.get)
            assert found is not None
            return found
        return plan.plan(self.node, self.request, self.files, self.kms.get)

    def todo(self) -> tuple[str | None, list[str]]:
        found = self.look()
        assert found.findings.can_migrate, found.findings.all
        return found.stage, [each.id for each in found.steps if each.needed]

    def findings(self) -> list[str]:
        return [each.id for each in self.look().findings.all]

    def note(self, event: str, data: dict[str, Any] | None = None) -> None:
        found = self.files.read(self.node.uid, self.node.uid)
        self.files.write(found.with_event(event, data))

    # -- the steps ----------------------------------------------------------------------------------------------------

    def choose(self, flavour: Flavour | None = None) -> None:
        self.request = replace(self.request, flavour=flavour)
        found = self.look()
        assert found.choice is not None, found.findings.all
        self.note(plan.CHOSEN, found.choice.as_dict())

    def make_keys(self) -> None:
        for each in self.look().targets:
            fingerprint = each.wanted.fingerprint or f"1220{each.wanted.purpose}-born"
            spec = "rsa_2048" if each.wanted.purpose == "encryption" else "ec_p256"
            self.kms[each.wanted.name] = KmsKey(f"arn:{each.wanted.name}", fingerprint, spec, "enabled")

    def key(self, target: plan.Target) -> Key:
        assert target.key is not None
        purpose = target.wanted.purpose
        kind = "signing" if PURPOSES[purpose] else "encryption"
        return Key(target.key.fingerprint, purpose, kind, PURPOSES[purpose], target.key.spec, "", b"public", b"der")

    def map(self, keys: list[Key]) -> None:
        self.node.mapped = {AUTHORIZED: list(keys), NEW_SYNC: list(keys)}

    def order(self, fingerprints: list[str]) -> None:
        known = {key.fingerprint: key for key in self.node.mapped[AUTHORIZED]}
        self.map([known[each] for each in fingerprints])

    def delegate(self, fingerprint: str, replace_all: bool = False) -> None:
        namespace = self.node.identity().namespace
        made = Delegation(namespace, fingerprint, "all", 1)
        for store in (AUTHORIZED, NEW_SYNC):
            before = [] if replace_all else self.node.delegated[store]
            self.node.delegated[store] = [*before, made]

    def prepare(self) -> None:
        self.make_keys()
        found = self.look()
        if found.choice and found.choice.delegates:
            self.delegate(found.fingerprints("namespace")[0])
            born = [each for each in found.targets if not each.wanted.imported and each.wanted.purpose != "namespace"]
            self.map([*map(self.key, born), *self.node.mapped[AUTHORIZED]])

    def record(self) -> None:
        found = self.look()
        assert found.seen is not None
        self.note(plan.BASELINE, proof.read_baseline(found.seen).as_dict())
        self.note(plan.CUTOVER, {"synchronizers": found.was_connected})

    def cut(self) -> None:
        found = self.look()
        assert found.seen is not None
        self.order(plan.cut_mapping(found, found.seen) or [])

    def connect(self, connected: bool) -> None:
        self.node.known = [replace(synchronizer("newsync", connected=connected), manual_connect=not connected)]

    def start_on_kms(self) -> None:
        self.node.keys = []

    def register(self) -> None:
        self.node.keys = [
            replace(self.key(each), kms_key_id=each.key.kms_key_id) for each in self.look().targets if each.key
        ]

    def settle(self) -> None:
        found = self.look()
        assert found.seen is not None
        self.order(plan.final_order(found, found.seen) or [])

    def migrate(self, flavour: Flavour | None = None) -> None:
        """All steps up to the proof."""
        self.choose(flavour)
        self.prepare()
        self.record()
        if "cut" in self.todo()[1]:
            self.cut()
        self.connect(False)
        self.start_on_kms()
        self.register()
        self.connect(True)
        self.note(plan.CONNECTED)
        self.settle()

    def purposes_mapped(self) -> list[str]:
        return [f"{purpose_of(key)}{'+' if 'born' in key.fingerprint else ''}" for key in self.node.mapped[AUTHORIZED]]
