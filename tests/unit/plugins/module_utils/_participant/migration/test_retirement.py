# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which source may be retired, who can still sign for its namespace, and what is left to do by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.module_utils._participant.migration.support import Pair
from unit.plugins.module_utils._participant.replication.one_synchronizer import Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import (
    ALICE,
    BOB,
    CAROL,
    NEW,
    NEW_NAMESPACE,
    NEW_SYNC,
    OLD,
    OLD_NAMESPACE,
    contract,
    key,
)

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.journal import (
    Journal,
    JournalFiles,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.retirement import (
    Retirement,
    plan_retirement,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Delegation
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.findings import MigrationRequest

BETWEEN = "1220" + "e" * 64


def retired(pair: Pair, stops_source: bool = False) -> Retirement:
    return plan_retirement(
        pair.source, pair.target, pair.request, pair.kept, pair.journal, stops_source=stops_source, check=False
    )


@pytest.fixture
def migrated(prepared: Pair) -> Pair:
    prepared.migrate()
    return prepared


def text(found: Retirement) -> str:
    return "\n".join(found.by_hand)


# -- who can sign, and what is left -----------------------------------------------------------------------------------


def test_the_keys_that_can_sign(migrated: Pair) -> None:
    migrated.target.delegated[NEW_SYNC].append(Delegation("1220other", NEW_NAMESPACE, "all", 1))
    found = retired(migrated)
    assert (found.source, found.target, found.namespace) == (OLD, NEW, OLD_NAMESPACE)
    assert [
        (item.target_key, item.root, item.held_by_source, item.held_by_target, item.in_kms) for item in found.powers
    ] == [(OLD_NAMESPACE, True, True, False, False), (NEW_NAMESPACE, False, False, True, False)]
    assert found.as_dict()["powers"] == [
        {
            "namespace": OLD_NAMESPACE,
            "target_key": target_key,
            "restriction": "all",
            "root": root,
            "held_by_source": root,
            "held_by_target": not root,
            "in_kms": False,
        }
        for target_key, root in ((OLD_NAMESPACE, True), (NEW_NAMESPACE, False))
    ]


def test_a_root_key_in_the_vault_goes_offline(migrated: Pair) -> None:
    found = retired(migrated)
    commands = [line for line in found.by_hand if line.startswith("participant.keys.secret.")]
    assert [line.split(".")[3].partition("(")[0] for line in commands] == ["download_to", "delete", "list"]
    assert all("participant.fingerprint" in line for line in commands)
    assert f"{migrated.kept.base}.acs.gz" in found.by_hand[-1]


@pytest.mark.parametrize(
    ("keys", "said", "unsaid"),
    [
        ([], "is not in the vault of the old participant", "keys.secret"),
        ([key(OLD_NAMESPACE, kms_key_id="arn:1")], "do not delete the key", "keys.secret"),
        ([key(OLD_NAMESPACE)], "keys.secret.delete", "intermediate"),
    ],
)
def test_where_the_root_key_is(migrated: Pair, keys: list[Any], said: str, unsaid: str) -> None:
    migrated.source.keys = keys
    found = text(retired(migrated))
    assert said in found and unsaid not in found


def test_keys_between_root_and_target(migrated: Pair) -> None:
    migrated.source.keys = [key(OLD_NAMESPACE), key(BETWEEN)]
    migrated.target.delegated[NEW_SYNC].append(Delegation(OLD_NAMESPACE, BETWEEN, "all", 1))
    assert f"can sign for its parties: {BETWEEN}." in text(retired(migrated))


def test_a_process_that_is_stopped_for_the_operator(migrated: Pair) -> None:
    assert "systemctl" in text(retired(migrated))
    assert "systemctl" not in text(retired(migrated, stops_source=True))


# -- what is refused --------------------------------------------------------------------------------------------------


def test_an_unfinished_migration(prepared: Pair) -> None:
    assert refused(lambda: retired(prepared)).error_id == "cutover_unfinished"
    prepared.migrate()
    prepared.set("target", connected=False)
    assert refused(lambda: retired(prepared)).error_id == "cutover_unfinished"


def test_a_source_that_serves_again(migrated: Pair) -> None:
    migrated.set("source", connected=True)
    assert refused(lambda: retired(migrated)).error_id == "source_connected_after_import"


def test_contracts_that_only_the_source_has(migrated: Pair) -> None:
    migrated.source.contracts.append(contract("00d1", ALICE))
    migrated.source.end += 1
    assert refused(lambda: retired(migrated)).error_id == "source_moved_on"


def test_contracts_on_a_further_synchronizer(migrated: Pair) -> None:
    migrated.source.contracts.append(contract("00d1", ALICE, on="third::1220"))
    migrated.source.end += 1
    assert refused(lambda: retired(migrated)).error_id == "contracts_on_other_synchronizers"


# -- on one synchronizer ----------------------------------------------------------------------------------------------


def retired_beside(setting: Setting, *events: str) -> Retirement:
    journal = Journal(OLD, NEW)
    for event in events:
        journal = journal.with_event(event)
    request = MigrationRequest("shared", "shared", [ALICE, BOB], (), True, None, method="same_synchronizer")
    files = JournalFiles(str(setting.folder), "node1")
    return plan_retirement(setting.source, setting.target, request, files, journal, stops_source=False, check=False)


def test_a_source_that_serves_others_on(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    assert refused(lambda: retired_beside(setting)).error_id == "cutover_unfinished"
    assert refused(lambda: retired_beside(setting, "connected")).error_id == "not_moved"
    setting.all()
    assert setting.source.known[0].connected
    found = retired_beside(setting, "connected")
    assert [item.target_key for item in found.powers] == [NEW_NAMESPACE]
    setting.source.contracts.append(contract("00d1", CAROL, on="third::1220"))
    assert retired_beside(setting, "connected") == found
    setting.source.contracts.append(replace(contract("00d2", ALICE), synchronizer="third::1220"))
    assert refused(lambda: retired_beside(setting, "connected")).error_id == "contracts_on_other_synchronizers"
