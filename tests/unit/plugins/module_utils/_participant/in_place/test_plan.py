# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each stage of a migration in place as it is read from a participant and a KMS made of lists, and the steps that are left there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from unit.plugins.module_utils._participant.in_place.support import NOT_EXPORTED, Place
from unit.plugins.samples import NEW_SYNC, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.in_place import plan
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.migration.journal import JournalFiles

PREPARE = ["keys", "delegation", "mapping"]
SWITCH = ["baseline", "disconnect", "restart", "register", "connect", "settle", "restore"]


def without(name: str) -> list[str]:
    return [each for each in SWITCH if each != name]


def test_a_default_participant_with_a_bridge(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert place.todo() == ("unprepared", ["bridge", "keys", "import_keys", "delegation", "mapping", *SWITCH])
    place = Place(tmp_path, encryption="rsa_2048")
    place.choose()
    assert place.todo() == ("unprepared", ["keys", "import_keys", "delegation", "mapping", *SWITCH])
    place.prepare()
    assert place.todo() == ("prepared", SWITCH)
    place.record()
    place.connect(False)
    assert place.todo() == ("disconnected", ["restart", "register", "connect", "settle", "restore"])
    place.start_on_kms()
    assert place.todo() == ("started", ["register", "connect", "settle", "restore"])
    place.register()
    assert place.todo() == ("registered", ["connect", "settle", "restore"])
    place.connect(True)
    assert place.todo() == ("serving", ["connect", "settle"]), "the end of the downtime is not recorded"
    place.note(plan.CONNECTED)
    assert place.todo() == ("serving", ["settle"])
    place.settle()
    # old ones first: the KMS's keys are those that count
    assert place.purposes_mapped() == [
        "sequencer_authentication",
        "protocol",
        "sequencer_authentication+",
        "protocol+",
        "encryption",
    ]
    assert place.todo() == ("serving", [])
    place.note(plan.VERIFIED)
    assert place.todo() == ("migrated", [])


def test_keys_that_are_born_in_the_kms_take_over_right_before_the_stop(tmp_path: Path) -> None:
    place = Place(tmp_path, preview=NOT_EXPORTED)
    place.choose()
    assert place.todo() == ("unprepared", [*PREPARE, *SWITCH])
    place.prepare()
    stage, todo = place.todo()
    assert stage == "prepared" and todo == [*SWITCH[:2], "cut", *SWITCH[2:]]
    assert place.purposes_mapped()[-1] == "encryption", "others still encrypt for the participant's own key"
    place.record()
    place.cut()
    assert place.purposes_mapped() == [
        "sequencer_authentication+",
        "protocol+",
        "encryption+",
        "sequencer_authentication",
        "protocol",
    ]
    assert place.todo() == ("prepared", SWITCH)


def test_imported_keys_need_neither_delegation_nor_mapping(tmp_path: Path) -> None:
    place = Place(tmp_path, spec="ec_p256", encryption="rsa_2048")
    place.choose()
    assert place.todo() == ("unprepared", ["import_keys", *SWITCH])
    place.migrate()
    # the order is turned: that is the transaction that only the KMS can have signed
    assert place.purposes_mapped() == ["protocol", "sequencer_authentication", "encryption"]
    assert place.todo() == ("serving", [])


def test_a_participant_that_does_not_answer_is_between_stop_and_start(tmp_path: Path) -> None:
    place = Place(tmp_path, encryption="rsa_2048")
    assert plan.stopped(place.files, place.kms.get) is None, "there is no journal"
    place.choose()
    place.prepare()
    assert plan.stopped(place.files, place.kms.get) is None, "it was never stopped by us"
    place.record()
    place.down = True
    assert place.todo() == ("stopped", ["restart", "register", "connect", "settle", "restore"])
    assert place.look().was_connected == [{"alias": "newsync", "manual_connect": False}]
    place.note(plan.CONNECTED)
    assert plan.stopped(place.files, place.kms.get) is None, "the switch is over"


def test_a_participant_that_others_have_disconnected_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path, encryption="rsa_2048")
    place.choose()
    place.connect(False)
    assert "not_connected" in place.findings()


def test_what_was_connected_before_is_connected_again_as_it_was(tmp_path: Path) -> None:
    place = Place(tmp_path, encryption="rsa_2048")
    place.choose()
    place.prepare()
    place.record()
    place.connect(False)
    assert place.look().was_connected == [{"alias": "newsync", "manual_connect": False}]


def test_a_killed_run_may_have_changed_what_is_restored(tmp_path: Path) -> None:
    place = Place(tmp_path, encryption="rsa_2048")
    place.choose()
    place.prepare()
    place.record()
    place.node.known = [replace(synchronizer("newsync"), manual_connect=True), synchronizer("third")]
    assert place.look().was_connected == [
        {"alias": "newsync", "manual_connect": False},
        {"alias": "third", "manual_connect": False},
    ]


def test_connections_after_the_proof_are_the_operator_s(tmp_path: Path) -> None:
    place = Place(tmp_path, encryption="rsa_2048")
    place.migrate()
    place.note(plan.VERIFIED)
    place.node.known = [replace(synchronizer("newsync"), manual_connect=True)]
    assert place.todo() == ("migrated", [])


def test_a_participant_has_one_journal_whatever_its_name(tmp_path: Path) -> None:
    place = Place(tmp_path, encryption="rsa_2048")
    place.migrate()
    place.note(plan.VERIFIED)
    other = plan.plan(place.node, place.request, JournalFiles(place.files.folder, "other"), place.kms.get)
    assert (other.stage, other.files.name) == ("migrated", "bank")


@pytest.mark.parametrize("state", ["disabled", "pending_deletion"])
def test_a_key_that_cannot_be_used_is_refused_before_anything_depends_on_it(tmp_path: Path, state: str) -> None:
    place = Place(tmp_path, encryption="rsa_2048")
    place.choose()
    place.make_keys()
    name, key = next(iter(place.kms.items()))
    place.kms[name] = type(key)(key.kms_key_id, key.fingerprint, key.spec, state)
    assert "kms_key_unusable" in place.findings()


def test_a_mapping_that_a_synchronizer_does_not_have_yet_is_not_done(tmp_path: Path) -> None:
    place = Place(tmp_path, encryption="rsa_2048")
    place.choose()
    place.prepare()
    place.node.mapped[NEW_SYNC] = place.node.mapped[NEW_SYNC][2:]
    assert place.todo()[1][0] == "mapping"
