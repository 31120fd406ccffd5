# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_key and the aliases of keys in AWS KMS."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._kms.aws.support import ALIAS, key_of, refused, run, run_thrice

from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys


def test_alias_is_moved_when_asked_and_the_danger_told(keys: AwsKeys) -> None:
    first = key_of(run(alias=ALIAS, purpose="namespace"))["arn"]
    other = keys.create("ec_p384", "sign_verify", "", {})
    assert refused(key_id=other, alias=ALIAS).error_id == "alias_taken"
    options: dict[str, Any] = {"key_id": other, "alias": ALIAS, "alias_move": True}
    (warning,) = run(check=True, **options).warnings
    assert first in warning and "Canton doesn't notice" in warning
    done = run_thrice(keys, **options)
    assert keys.identify(ALIAS) == other
    assert (done.before["alias"], done.after["alias"], done.warnings) == (None, ALIAS, [warning])
    assert run(**options).warnings == []


def test_alias_goes_to_no_key_of_another_type(keys: AwsKeys) -> None:
    run(alias=ALIAS, purpose="namespace")
    other = keys.create("rsa_2048", "encrypt_decrypt", "", {})
    assert refused(key_id=other, alias=ALIAS, alias_move=True).error_id == "alias_type_mismatch"


def test_alias_is_removed_when_asked_and_the_danger_told(keys: AwsKeys) -> None:
    arn = key_of(run(alias=ALIAS, purpose="namespace"))["arn"]
    keys.add_alias(arn, "alias/other")
    done = run_thrice(keys, key_id=arn, alias=ALIAS, alias_state="absent")
    assert key_of(done)["aliases"] == ["alias/other"]
    assert key_of(done)["state"] == "enabled"
    assert f"{ALIAS} is removed. Canton doesn't notice" in done.warnings[0]


def test_alias_of_another_key_is_not_removed(keys: AwsKeys) -> None:
    first = key_of(run(alias=ALIAS, purpose="namespace"))["arn"]
    other = keys.create("ec_p256", "sign_verify", "", {})
    assert not run(key_id=other, alias=ALIAS, alias_state="absent").changed
    assert keys.identify(ALIAS) == first


@pytest.mark.parametrize("options", [{"alias_move": True}, {"alias_state": "absent"}])
def test_alias_without_a_key_id_is_neither_moved_nor_removed(keys: AwsKeys, options: dict[str, Any]) -> None:
    assert refused(alias=ALIAS, purpose="namespace", **options).error_id == "value_invalid"
    assert keys.names() == []
