# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the existing key in GCP KMS to the desired one."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._kms.gcp.support import RING, Gcp, key_of

from ansible_collections.ledgerops.canton.plugins.modules import kms_key


def test_software_key_with_its_own_time_of_destruction(cloud: Gcp) -> None:
    done = cloud.thrice(purpose="namespace", protection_level="software", destroy_scheduled_duration=2)
    assert (key_of(done)["protection_level"], key_of(done)["destroy_scheduled_duration"]) == ("software", 2)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"purpose": "encryption"}, "rsa_2048"),
        ({"spec": "ec_p384"}, "ec_p384"),
        ({"protection_level": "software"}, "protection level hsm, not software"),
        ({"destroy_scheduled_duration": 2}, "30 days, not 2"),
    ],
)
def test_what_never_changes_is_an_error(cloud: Gcp, asked: dict[str, Any], words: str) -> None:
    cloud.run(purpose="namespace")
    before = dict(cloud.service.calls)
    error = cloud.refused(**asked)
    assert error.error_id == "key_spec_mismatch" and words in error.message
    assert not cloud.writes(before)


@pytest.mark.parametrize(
    ("change", "result", "value"),
    [
        ({"labels": {"b": "3", "c": "4"}}, "labels", {"b": "3", "c": "4"}),
        ({"labels": {"c": "4"}, "purge_labels": False}, "labels", {"a": "1", "b": "2", "c": "4"}),
        ({"labels": {}}, "labels", {}),
        ({"enabled": False}, "state", "disabled"),
    ],
)
def test_change_of_an_existing_key(cloud: Gcp, change: dict[str, Any], result: str, value: object) -> None:
    cloud.run(purpose="namespace", labels={"a": "1", "b": "2"})
    assert key_of(cloud.thrice(**change))[result] == value


def test_disabled_key_is_an_error_until_it_is_wanted(cloud: Gcp) -> None:
    known = key_of(cloud.run(purpose="namespace"))["fingerprint"]
    cloud.run(enabled=False)
    assert cloud.refused(purpose="namespace").error_id == "key_disabled"
    assert key_of(cloud.thrice(enabled=True))["fingerprint"] == known


def test_destroyed_restored_and_destroyed_for_good(cloud: Gcp) -> None:
    cloud.run(purpose="namespace")
    done = cloud.thrice(state="absent")
    assert key_of(done)["state"] == "pending_deletion" and key_of(done)["deletion_date"]
    assert "destroyed in 30 days" in done.warnings[0]
    assert cloud.refused(purpose="namespace").error_id == "key_pending_deletion"
    assert key_of(cloud.thrice(purpose="namespace", cancel_deletion=True))["state"] == "enabled"
    cloud.run(state="absent")
    cloud.service.let_time_pass(f"{RING}/cryptoKeys/key")
    assert not cloud.run(state="absent").changed
    error = cloud.refused(purpose="namespace", cancel_deletion=True)
    assert error.error_id == "key_destroyed" and "another name" in error.hint


def test_rotated_wrapper_key_goes_with_all_its_versions(cloud: Gcp) -> None:
    arn = f"{RING}/cryptoKeys/key"
    key = key_of(cloud.thrice(purpose="wrapper", rotation=True, rotation_period=30))
    assert key["rotation"] == {"enabled": True, "period": 30}
    assert key_of(cloud.run(rotation=True))["rotation"]["period"] == 30
    cloud.service.rotate(arn)
    assert cloud.run(probe=True).result["probe"] == "encrypt_decrypt"
    done = cloud.thrice(state="absent")
    assert key_of(done)["rotation"] == {"enabled": False, "period": None}
    assert {each.shown.state.name for each in cloud.service.keys[arn].versions} == {"DESTROY_SCHEDULED"}
    assert key_of(cloud.thrice(cancel_deletion=True, probe=True))["state"] == "enabled"
    assert {each.shown.state.name for each in cloud.service.keys[arn].versions} == {"ENABLED"}


@pytest.mark.parametrize("method", ["DestroyCryptoKeyVersion", "RestoreCryptoKeyVersion", "UpdateCryptoKeyVersion"])
def test_what_was_interrupted_between_two_versions_is_carried_on_with(cloud: Gcp, method: str) -> None:
    arn = f"{RING}/cryptoKeys/key"
    cloud.run(purpose="wrapper")
    cloud.service.rotate(arn)
    if method != "DestroyCryptoKeyVersion":
        cloud.run(state="absent")
    cloud.service.faults.lost[method] = 1
    asked: dict[str, Any] = {"state": "absent"} if method.startswith("Destroy") else {"cancel_deletion": True}
    assert cloud.refused(**asked).error_id == "UNAVAILABLE"
    if method == "UpdateCryptoKeyVersion":
        asked = {"enabled": True}
    assert cloud.run(**asked).changed
    wanted = "DESTROY_SCHEDULED" if method.startswith("Destroy") else "ENABLED"
    assert {each.shown.state.name for each in cloud.service.keys[arn].versions} == {wanted}


def test_rotation_is_switched_off(cloud: Gcp) -> None:
    cloud.run(purpose="wrapper", rotation=True)
    assert key_of(cloud.thrice(rotation=False))["rotation"] == {"enabled": False, "period": None}


def test_missing_ring_is_made_only_when_asked(cloud: Gcp) -> None:
    cloud.service.rings.clear()
    assert cloud.refused(purpose="namespace").error_id == "key_ring_not_found"
    assert cloud.service.calls["CreateCryptoKey"] == 0
    done = cloud.thrice(purpose="namespace", create_key_ring=True)
    assert (done.before["key_ring"], done.after["key_ring"]) == ("absent", "present")
    assert cloud.service.rings == {RING}


def test_slow_generation_is_waited_for(cloud: Gcp) -> None:
    cloud.service.faults.generation_reads = 3
    assert key_of(cloud.run(purpose="encryption"))["state"] == "enabled"
    cloud.service.faults.generation_reads = 1000
    error = cloud.refused(name="slow", purpose="namespace", wait_timeout=0.05)
    assert error.error_id == "change_not_visible" and error.retryable
    for version in cloud.service.keys[f"{RING}/cryptoKeys/slow"].versions:
        version.reads = 2
    assert not cloud.run(name="slow", purpose="namespace").changed


def test_failed_generation_says_why(cloud: Gcp) -> None:
    cloud.service.faults.generation_fails = "no HSM today"
    error = cloud.refused(purpose="namespace")
    assert error.error_id == "key_generation_failed" and "no HSM today" in error.message


def test_key_that_waits_for_its_import(cloud: Gcp) -> None:
    with cloud_keys(cloud) as keys:
        keys.create("key", "ec_p256", "hsm", {}, import_only=True)
    assert cloud.refused(purpose="namespace").error_id == "key_pending_import"
    assert not cloud.run(state="absent").changed


def cloud_keys(cloud: Gcp) -> Any:
    from contextlib import nullcontext

    from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.keys import connect

    return nullcontext(connect(cloud.params(kms_key.SPEC)))
