# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back to the old configuration, from each stage."""

from __future__ import annotations

from pathlib import Path

from unit.plugins.module_utils._participant.in_place.support import NOT_EXPORTED, Place
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.in_place import plan, rollback

BACK = ["connect", "mapping_own", "restore"]


def todo(place: Place) -> list[str]:
    return [each.id for each in rollback.steps(place.look()) if each.needed]


def test_nothing_was_begun(tmp_path: Path) -> None:
    assert todo(Place(tmp_path)) == []


def test_while_it_serves_with_its_own_keys(tmp_path: Path) -> None:
    place = Place(tmp_path, encryption="rsa_2048")
    place.choose()
    place.prepare()
    assert todo(place) == ["mapping_own", "restore"]


def test_from_the_switch(tmp_path: Path) -> None:
    place = Place(tmp_path, encryption="rsa_2048")
    place.choose()
    place.prepare()
    place.record()
    place.connect(False)
    assert todo(place) == BACK
    place.start_on_kms()
    assert todo(place) == ["restart", *BACK]
    place.down = True
    assert todo(place) == ["restart", *BACK]


def test_from_the_kms(tmp_path: Path) -> None:
    place = Place(tmp_path, encryption="rsa_2048")
    place.migrate()
    assert todo(place) == ["disconnect", "restart", *BACK], "the bridge is the same key on both sides"


def test_others_encrypt_for_the_old_key_again_before_the_kms_is_gone(tmp_path: Path) -> None:
    place = Place(tmp_path, preview=NOT_EXPORTED)
    own = place.node.keys[3].fingerprint
    place.migrate()
    found = place.look()
    assert found.seen is not None
    assert todo(place) == ["mapping_back", "disconnect", "restart", *BACK]
    order = rollback.back_order(found, found.seen)
    assert order is not None and order[-1] == own and set(order[:-1]) == {key.fingerprint for key in found.seen.mapped}


def test_no_way_back_without_the_old_keys(tmp_path: Path) -> None:
    place = Place(tmp_path, encryption="rsa_2048")
    place.migrate()
    place.note(plan.DELETED)
    assert refused(lambda: rollback.steps(place.look())).error_id == "in_place_retired"
