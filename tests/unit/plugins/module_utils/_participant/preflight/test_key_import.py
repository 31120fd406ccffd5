# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands against taking an identity to a KMS with its own keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.fakes import old_participant
from unit.plugins.module_utils._participant.vault import running, waiting
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, contract, hosting, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import Unreachable
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Identity, User
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.key_pair import ExportRefused
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.examine import examine
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.findings import MigrationRequest

REQUEST = MigrationRequest(
    "one", "one", None, (), True, None, method="key_import", accept_key_import_crash=True, backup_confirmed=True
)
# what every such migration is told
ALWAYS = {"key_import_crashes": "warning", "key_copies_remain": "warning"}
OFF = ExportRefused("preview commands are off", "preview_commands_off", "Set them.")


def old(spec: str = "ec_p256", **values: Any) -> Any:
    return running(kms=False, spec=spec, **{"known": [synchronizer("one")], **values})


def look(source: Any = None, target: Any = None, **wish: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """Severity by id of what is found, and the plan."""
    source, target = source or old(), target or waiting(known=[synchronizer("one")])
    found = examine(source, target, replace(REQUEST, **wish))
    return {item.id: item.severity for item in found.all}, found.plan.as_dict()


def test_nothing_stands_against_it() -> None:
    source = old(people=[User("app"), User("participant_admin"), User("left")], contracts=[contract("00a1", ALICE)])
    source.hosted = {source.known[0].id: [hosting(ALICE, source.uid)]}
    source.contracts = [contract("00a1", ALICE, on=source.known[0].id)]
    source.dar_contents = old_participant().dar_contents
    found, plan = look(source, skip_users=["left"])
    assert found == ALWAYS
    assert (plan["parties"], plan["contracts"], plan["users"]) == (2, 1, 1), "the admin party moves as well"
    assert plan["keys"]["1220namespace"] == "namespace ec_p256" and len(plan["keys"]) == 4


def test_it_is_refused_unless_the_operator_knows_that_the_target_dies() -> None:
    assert look(accept_key_import_crash=False)[0] == {**ALWAYS, "key_import_crashes": "error"}


@pytest.mark.parametrize(
    ("source", "target", "wish", "expected"),
    [
        (old(), None, {"method": "envelope"}, {"envelope_needs_no_migration": "error"}),
        (old_participant(major=2), None, {}, {"key_import_release": "error"}),
        (waiting(), None, {}, {"key_import_crashes": "warning", "not_initialized": "error"}),
        (old(), running(label="target"), {}, {"key_import_crashes": "warning", "key_import_target": "error"}),
        (old(), old(), {}, {"key_import_crashes": "warning", "target_not_on_kms": "error"}),
        (old(), None, {"backup_confirmed": False}, {**ALWAYS, "backup_not_confirmed": "error"}),
        (old(schedule="0 0 * * *"), None, {}, {**ALWAYS, "pruning_scheduled": "error"}),
        (old(known=[]), None, {}, {**ALWAYS, "unknown_synchronizer": "error"}),
        (old(preview=OFF), None, {}, {**ALWAYS, "key_import_not_exportable": "error"}),
        (old(wrapper="arn:key"), None, {}, {**ALWAYS, "key_import_from_envelope": "warning"}),
        (
            old(known=[synchronizer("one"), synchronizer("two")]),
            None,
            {},
            {**ALWAYS, "key_import_more_synchronizers": "warning"},
        ),
    ],
)
def test_findings(source: Any, target: Any, wish: dict[str, Any], expected: dict[str, str]) -> None:
    assert look(source, target, **wish)[0] == expected


@pytest.mark.parametrize(
    ("provider", "rotate", "expected"),
    [
        ("aws", False, {"key_import_namespace_key": "error", "key_import_key_spec": "error"}),
        ("aws", True, {"key_import_namespace_key": "error", "key_import_rotates": "warning"}),
        ("gcp", False, {}),
    ],
)
def test_ed25519_keys(provider: str, rotate: bool, expected: dict[str, str]) -> None:
    found, _plan = look(old("ec_curve25519"), kms_provider=provider, rotate_keys=rotate)
    assert found == {**ALWAYS, **expected}


def test_a_root_key_that_is_kept_elsewhere() -> None:
    source = old()
    source.keys[0] = replace(source.keys[0], fingerprint="1220delegated")
    source.delegated["authorized"].append(replace(source.delegated["authorized"][0], target="1220delegated"))
    assert look(source)[0] == {**ALWAYS, "key_import_root_offline": "warning"}


def test_a_migration_that_has_taken_place_asks_for_no_key() -> None:
    source = old(preview=OFF)
    done = running(label="target participant", known=[synchronizer("one")])
    done.status = Identity(source.uid, True, True, "3.5.10", "", (34, 35))
    assert look(source, done)[0] == ALWAYS
    done.known = [replace(synchronizer("other"), alias="one")]
    assert look(source, done)[0] == {**ALWAYS, "different_synchronizers": "error"}


def test_trouble_with_the_connection_ends_it() -> None:
    assert refused(lambda: look(old(preview=Unreachable("gone")))).error_id == "unreachable"
