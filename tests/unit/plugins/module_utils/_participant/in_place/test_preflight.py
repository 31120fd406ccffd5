# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a migration in place refuses before it changes anything, and how it chooses the way of each key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from unit.plugins.module_utils._participant.in_place.support import NOT_EXPORTED, Place
from unit.plugins.samples import NEW_SYNC

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.in_place.keys import Flavour
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Delegation,
)


@pytest.mark.parametrize(
    ("spec", "encryption", "exports", "flavour"),
    [
        ("ec_p256", "rsa_2048", True, "import"),
        ("ec_curve25519", "ec_p256", True, "bridge"),
        ("ec_p256", "ec_p256", True, "bridge"),
        ("ec_curve25519", "ec_p256", False, "born"),
        ("ec_p256", "rsa_2048", False, "born"),
    ],
)
def test_the_best_way_that_works(tmp_path: Path, spec: str, encryption: str, exports: bool, flavour: Flavour) -> None:
    place = Place(tmp_path, spec, encryption, preview=None if exports else NOT_EXPORTED)
    choice = place.look().choice
    assert choice is not None and choice.flavour == flavour
    assert ("in_place_quiet" in place.findings()) is (flavour == "born")


def test_gcp_takes_ed25519_keys(tmp_path: Path) -> None:
    place = Place(tmp_path, "ec_curve25519", "rsa_2048")
    place.request = replace(place.request, provider="gcp")
    choice = place.look().choice
    assert choice is not None and choice.flavour == "import"


@pytest.mark.parametrize(
    ("flavour", "exports", "finding"),
    [
        ("import", True, "in_place_key_spec"),
        ("import", False, "in_place_not_exportable"),
        ("bridge", False, "in_place_not_exportable"),
    ],
)
def test_a_way_that_does_not_work(tmp_path: Path, flavour: Flavour, exports: bool, finding: str) -> None:
    place = Place(tmp_path, preview=None if exports else NOT_EXPORTED)
    place.request = replace(place.request, flavour=flavour)
    found = place.look()
    assert finding in [each.id for each in found.findings.all] and found.choice is None and found.steps == []


def test_without_a_backup(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.request = replace(place.request, backup_confirmed=False)
    assert "backup_not_confirmed" in place.findings()


def test_canton_2(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.node.as_canton_3 = lambda: None
    assert place.findings() == ["in_place_release"]


def test_a_root_key_that_is_elsewhere(tmp_path: Path) -> None:
    """An import needs no delegation; a delegated key that may delegate does as well."""
    place = Place(tmp_path, "ec_p256", "rsa_2048")
    namespace = place.node.identity().namespace
    place.node.keys[0] = replace(place.node.keys[0], fingerprint="1220between")
    for restriction, refused in (("all_but_namespace_delegations", True), ("all", False)):
        place.node.delegated = {
            store: [Delegation(namespace, namespace, "all", 1), Delegation(namespace, "1220between", restriction, 1)]  # type: ignore[arg-type]
            for store in (AUTHORIZED, NEW_SYNC)
        }
        place.request = replace(place.request, flavour="bridge")
        assert ("in_place_root_elsewhere" in place.findings()) is refused
    place.request = replace(place.request, flavour="import")
    assert "in_place_root_elsewhere" not in place.findings()


def test_keys_that_are_in_a_kms(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.node.keys[0] = replace(place.node.keys[0], kms_key_id="k")
    assert "keys_mixed" in place.findings()
    place.node.keys = [replace(key, kms_key_id="k") for key in place.node.keys]
    assert "already_in_kms" in place.findings()


def test_connections(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert "in_place_automatic_connection" in place.findings()
    place.node.known = [replace(place.node.known[0], healthy=False, manual_connect=True)]
    assert "synchronizer_unhealthy" in place.findings()
    place.node.known = [place.node.known[0], replace(place.node.known[0], alias="away", connected=False)]
    assert "in_place_disconnected" in place.findings()
