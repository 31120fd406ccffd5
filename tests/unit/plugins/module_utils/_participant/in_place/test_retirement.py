# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is left when a migration in place is accepted, from the KMS's encryption key to the proof without the old private keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from unit.plugins.module_utils._participant.in_place.support import Place
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.in_place import plan, proof, retirement
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.in_place.keys import KmsKey
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED, Key

ENCRYPTION = "alias/canton/bank/encryption"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path, encryption="rsa_2048")
    found.migrate()
    return found


def look(place: Place) -> plan.Situation:
    return plan.plan(place.node, place.request, place.files, place.kms.get, retiring=True)


def todo(place: Place) -> list[str]:
    return [each.id for each in retirement.steps(look(place)) if each.needed]


def test_step_by_step(place: Place) -> None:
    assert todo(place) == ["keys", "rotate", "mapping", "delete", "restart"]
    place.kms[ENCRYPTION] = KmsKey("arn:new", "1220new", "rsa_2048", "enabled")
    assert todo(place) == ["rotate", "mapping", "delete", "restart"]
    new = Key("1220new", "new", "encryption", (), "rsa_2048", "arn:new", b"public", b"der")
    place.node.keys.append(new)
    place.map([*(key for key in place.node.mapped[AUTHORIZED] if key.purpose == "signing"), new])
    assert todo(place) == ["mapping", "delete", "restart"]
    seen = look(place).seen
    assert seen is not None
    place.order(retirement.kms_mapping(seen) or [])
    assert todo(place) == ["delete", "restart"]
    # the proof of the migration still holds, with the other encryption key
    assert proof.prove(place.look())["contracts"] == 2
    place.note(plan.DELETED)
    place.note(plan.RETIRED)
    assert todo(place) == [] and place.todo() == ("retired", [])


def test_not_before_it_serves_from_the_kms(tmp_path: Path, place: Place) -> None:
    place.connect(False)
    assert refused(lambda: todo(place)).error_id == "in_place_not_serving"
    other = Place(tmp_path / "other")
    assert refused(lambda: todo(other)).error_id == "in_place_not_serving"


def test_an_old_key_is_not_the_kms_s(place: Place) -> None:
    seen = look(place).seen
    assert seen is not None
    kept = retirement.kms_mapping(seen)
    assert kept is not None and len(kept) == 3
    assert (
        retirement.kms_mapping(replace(seen, mapped=tuple(key for key in seen.mapped if key.fingerprint in kept)))
        is None
    )
