# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What root holders and signed files would delegate, when they are read at all, and which are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.refusals import refused
from unit.plugins.samples import (
    NEW_NAMESPACE,
    NEW_SYNC,
    OLD,
    OLD_NAMESPACE,
    OLD_SYNC,
    hosting,
    key,
    synchronizer,
)

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.further import (
    Further,
    RootHolder,
    read_further,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Delegation,
    Identity,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.findings import MigrationRequest
from ansible_collections.ledgerops.canton.plugins.modules import participant_namespace_delegation

THIRD = "1220" + "f" * 64
EVA = f"Eva::{THIRD}"
REQUEST = MigrationRequest("oldsync", "newsync", None, (), True, None)
IN_FORCE = Delegation(THIRD, NEW_NAMESPACE, "all_but_namespace_delegations", 1)


class Ends:
    """A source that also hosts a party of a third namespace, a target, and the holder of that namespace's root key."""

    def __init__(self, folder: Path) -> None:
        self.source: Fake = old_participant(hosted={OLD_SYNC: [hosting(party, OLD) for party in (EVA, OLD)]})
        self.target: Fake = new_participant()
        self.target.keys[0] = replace(self.target.keys[0], public_key=NEW_NAMESPACE.encode())
        certificate = Delegation(THIRD, THIRD, "all", 1)
        self.holder = Fake(
            f"third::{THIRD}",
            "root holder 1",
            keys=[key(THIRD)],
            delegated={AUTHORIZED: [certificate]},
            known=[synchronizer("oldsync", connected=False)],
        )
        self.opened = 0
        self.folder = folder

    def open(self) -> Any:
        self.opened += 1
        return self.holder

    def read(self, files: tuple[str, ...] = (), namespace: str | None = None, **wish: Any) -> Further:
        holders = [] if files else [RootHolder(self.open, namespace)]
        return read_further(self.source, self.target, replace(REQUEST, **wish), holders, files)

    def sign(self) -> str:
        """A file of the root holder's, signed for the target."""
        path = str(self.folder / "signed.json")
        options = {"state": "signed", "synchronizer": "newsync", "signed_file": path}
        values = {**dict.fromkeys(participant_namespace_delegation.SPEC), **options}
        participant_namespace_delegation.ensure(values, self.holder, self.target, False)
        self.holder.changes.clear()
        return path


@pytest.fixture
def ends(tmp_path: Path) -> Ends:
    return Ends(tmp_path)


def test_what_a_root_holder_would_sign(ends: Ends) -> None:
    assert ends.read() == Further([THIRD], [0], [])
    assert ends.read(namespace=THIRD) == Further([THIRD], [0], [])
    assert ends.holder.changes == ends.target.changes == []


def test_what_is_in_force_needs_no_holder(ends: Ends) -> None:
    ends.target.delegated = {AUTHORIZED: [IN_FORCE], NEW_SYNC: [IN_FORCE]}
    assert ends.read() == Further()
    # the source's own namespace is for the source itself to sign
    ends.target.delegated = {}
    assert ends.read(exclude=[EVA]) == ends.read(parties=[OLD]) == Further()
    assert ends.opened == 0


def test_a_delegation_that_lacks_another_one_beside_it(ends: Ends) -> None:
    ends.target.delegated = {AUTHORIZED: [IN_FORCE], NEW_SYNC: [IN_FORCE]}
    other = "1220" + "e" * 64
    ends.source.hosted[OLD_SYNC].append(hosting(f"Fay::{other}", OLD))
    assert ends.read() == Further([THIRD], [], [])


def test_signed_files(ends: Ends) -> None:
    path = ends.sign()
    assert ends.read((path,)) == Further([THIRD], [], [path])
    ends.target.delegated = {AUTHORIZED: [IN_FORCE], NEW_SYNC: [IN_FORCE]}
    # also for the source's own namespace, whose root key may be offline
    assert ends.read((path,)) == Further([THIRD], [], [])
    own = Delegation(OLD_NAMESPACE, NEW_NAMESPACE, "all_but_namespace_delegations", 1)
    ends.target.delegated = {store: [IN_FORCE, own] for store in (AUTHORIZED, NEW_SYNC)}
    Path(path).unlink()
    assert ends.read((path,)) == Further()


@pytest.mark.parametrize(
    ("spoil", "error_id"),
    [
        (lambda ends: ends.holder.known.append(synchronizer("newsync")), "root_holder_connected"),
        (lambda ends: ends.holder.keys.clear(), "namespace_key_missing"),
        (lambda ends: ends.target.removed.update({NEW_SYNC: [IN_FORCE]}), "delegation_was_removed"),
        (lambda ends: setattr(ends.holder, "major", 2), "release_lines"),
    ],
)
def test_holders_that_are_refused(ends: Ends, spoil: Callable[[Ends], None], error_id: str) -> None:
    spoil(ends)
    assert refused(ends.read).error_id == error_id


def test_files_that_are_refused(ends: Ends) -> None:
    path = Path(ends.sign())
    assert refused(lambda: ends.read((str(path.with_name("missing.json")),))).error_id == "file_enoent"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "sha256": "0" * 64}))
    assert refused(lambda: ends.read((str(path),))).error_id == "delegation_file_damaged"


def test_what_preflight_finds_is_no_refusal_here(ends: Ends) -> None:
    assert ends.read(source_synchronizer="nowhere") == ends.read(target_synchronizer="nowhere") == Further()
    ends.target.status = Identity("", False, True)
    assert ends.read() == Further()
    assert ends.opened == 0
