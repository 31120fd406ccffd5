# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each key goes: its name in the KMS, and what is kept of the choice."""

from __future__ import annotations

from pathlib import Path

from unit.plugins.module_utils._participant.in_place.support import Place
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.in_place import keys


def test_names_in_the_kms() -> None:
    assert keys.kms_name("aws", "canton/bank", "protocol") == "alias/canton/bank/protocol"
    assert keys.kms_name("aws", "alias/canton/bank", "protocol") == "alias/canton/bank/protocol"
    assert keys.kms_name("gcp", "canton/bank.1", "protocol") == "canton-bank-1-protocol"
    assert len(keys.kms_name("gcp", 80 * "x", "sequencer_authentication")) == 63


def test_the_choice_survives_in_the_journal(tmp_path: Path) -> None:
    for spec, encryption in (("ec_p256", "rsa_2048"), ("ec_curve25519", "ec_p256")):
        choice = Place(tmp_path, spec, encryption).look().choice
        assert choice is not None and keys.Choice.of(choice.as_dict()) == choice
        assert choice.old_encryption == choice.old[-1]


def test_an_import_has_a_key_of_the_kms_for_each_old_one(tmp_path: Path) -> None:
    place = Place(tmp_path, "ec_p256", "rsa_2048")
    choice = place.look().choice
    assert choice is not None and not choice.delegates
    assert {item.fingerprint for item in choice.wanted} == {key.fingerprint for key in place.node.keys}
    assert choice.wanted[0].name == f"alias/canton/bank/namespace-{place.node.keys[0].fingerprint[4:12]}"


def test_a_key_of_the_kms_that_is_another_one() -> None:
    wanted = keys.Wanted("protocol", "alias/a", "1220one", imported=True)
    error = refused(lambda: keys.refuse_unfit(wanted, keys.KmsKey("arn", "1220two", "ec_p256", "enabled")))
    assert error.error_id == "other_key" and "1220two" in error.message
