# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_key and kms_key_info against a KMS of Google inside the test process."""

from __future__ import annotations

import base64
import builtins
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from unit.plugins.modules.gcp_support import NODE, PLACE, RING, Gcp, gcp_in_process, key_of

from ansible_collections.ledgerops.canton.plugins.module_utils import _connection
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp import errors as gcp_errors
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import fingerprint
from ansible_collections.ledgerops.canton.plugins.modules import kms_key, kms_key_info

PURPOSES = {
    "namespace": ("ec_p256", "sign_verify", "EC_SIGN_P256_SHA256"),
    "sequencer_authentication": ("ec_p256", "sign_verify", "EC_SIGN_P256_SHA256"),
    "protocol": ("ec_p256", "sign_verify", "EC_SIGN_P256_SHA256"),
    "encryption": ("rsa_2048", "encrypt_decrypt", "RSA_DECRYPT_OAEP_2048_SHA256"),
    "wrapper": ("symmetric", "encrypt_decrypt", "GOOGLE_SYMMETRIC_ENCRYPTION"),
}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gcp]:
    with gcp_in_process(monkeypatch) as found:
        yield found


@pytest.mark.parametrize("purpose", PURPOSES)
def test_key_of_each_purpose(cloud: Gcp, purpose: str) -> None:
    done = cloud.thrice(purpose=purpose, labels={"n": 1}, probe=True)
    key = key_of(done)
    assert done.before == {"state": "absent", "key_ring": "present"}
    assert (key["spec"], key["usage"], key["algorithm"]) == PURPOSES[purpose]
    assert (key["state"], key["labels"], key["protection_level"]) == ("enabled", {"n": "1"}, "hsm")
    assert (key["key_id"], key["resource_name"]) == ("key", f"{RING}/cryptoKeys/key")
    assert (key["arn"], key["tags"], key["aliases"], key["destroy_scheduled_duration"]) == (None, None, None, 30)
    assert done.result["probe"] == PURPOSES[purpose][1]
    if purpose == "wrapper":
        assert (key["public_key_pem"], key["fingerprint"]) == (None, None)
    else:
        der = base64.b64decode(key["public_key_der"])
        assert key["fingerprint"] == fingerprint(key["spec"], der)
        assert key["public_key_pem"].startswith("-----BEGIN PUBLIC KEY-----\n")


@pytest.mark.parametrize("spec", ["ec_p384", "ec_secp256k1", "ec_curve25519"])
def test_other_signing_keys(cloud: Gcp, spec: str) -> None:
    done = cloud.run(spec=spec, purpose="namespace", probe=True)
    assert (key_of(done)["spec"], done.result["probe"]) == (spec, "sign_verify")
    assert bool(done.warnings) == (spec == "ec_curve25519")
    assert not cloud.run(purpose="protocol").changed


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


def test_absent_key_needs_nothing(cloud: Gcp) -> None:
    outcome = cloud.run(state="absent")
    assert (outcome.changed, outcome.result["key"]) == (False, None)


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


def test_check_mode_knows_no_public_key_of_a_new_key(cloud: Gcp) -> None:
    key = key_of(cloud.run(check=True, purpose="namespace", probe=True))
    assert key["resource_name"] == f"{RING}/cryptoKeys/key"
    assert (key["public_key_pem"], key["fingerprint"], key["created"]) == (None, None, None)


# -- policies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "roles"),
    [
        ("namespace", ["publicKeyViewer", "signer", "viewer"]),
        ("encryption", ["cryptoKeyDecrypter", "publicKeyViewer", "viewer"]),
        ("wrapper", ["cryptoKeyEncrypterDecrypter", "viewer"]),
    ],
)
def test_policy_of_least_privilege(cloud: Gcp, purpose: str, roles: list[str]) -> None:
    done = cloud.thrice(purpose=purpose, node_principals=[NODE])
    assert done.after["policy"] == [{"role": f"roles/cloudkms.{role}", "members": [NODE]} for role in roles]
    policy: Any = key_of(done)["policy"]
    assert {each["role"] for each in policy["bindings"]} == {f"roles/cloudkms.{role}" for role in roles}
    assert cloud.thrice(node_principals=[]).after["policy"] == []


def test_policy_counts_by_what_it_means(cloud: Gcp) -> None:
    other = "user:a@example.com"
    once = {"expression": 'request.time < timestamp("2030-01-01T00:00:00Z")', "title": "until 2030"}
    bindings: list[dict[str, Any]] = [
        {"role": "roles/cloudkms.signer", "members": [NODE, other]},
        {"role": "roles/cloudkms.viewer", "members": [NODE], "condition": once},
    ]
    cloud.thrice(purpose="namespace", policy=json.dumps({"bindings": bindings}))
    same = [
        {"role": "roles/cloudkms.viewer", "members": [NODE], "condition": {**once, "title": "other words"}},
        {"role": "roles/cloudkms.signer", "members": ["user:A@Example.com"]},
        {"role": "roles/cloudkms.signer", "members": [NODE]},
        {"role": "roles/cloudkms.admin", "members": []},
    ]
    assert not cloud.run(policy={"version": 3, "bindings": same}).changed
    always = [{name: part for name, part in each.items() if name != "condition"} for each in bindings]
    assert cloud.run(check=True, policy={"bindings": always}).changed
    without = [{**each, "members": [NODE]} for each in bindings]
    assert cloud.run(policy={"bindings": without}).changed


def test_policy_that_somebody_changes_meanwhile_is_not_overwritten(cloud: Gcp) -> None:
    cloud.run(purpose="namespace")
    cloud.service.faults.concurrent_policy_changes = 1
    error = cloud.refused(node_principals=[NODE])
    assert error.error_id == "ABORTED" and error.retryable and "run again" in error.hint
    assert cloud.run(node_principals=[NODE]).changed


@pytest.mark.parametrize(
    "policy",
    [
        "{",
        "[]",
        {"Statement": []},
        {"bindings": {}},
        {"bindings": [{"members": []}]},
        {"bindings": [{"role": "signer", "members": []}]},
        {"bindings": [{"role": "roles/cloudkms.signer", "members": NODE}]},
        {"bindings": [{"role": "roles/cloudkms.signer", "members": ["node@example.com"]}]},
        {"bindings": [{"role": "roles/cloudkms.signer", "members": [], "condition": {"title": "t"}}]},
        {"bindings": [{"role": "roles/cloudkms.signer", "members": [], "effect": "deny"}]},
    ],
)
def test_malformed_policy_is_an_error_before_anything_is_asked(cloud: Gcp, policy: Any) -> None:
    assert cloud.refused(purpose="namespace", policy=policy).error_id == "policy_malformed"
    assert not cloud.service.calls


def test_policy_that_google_refuses(cloud: Gcp) -> None:
    error = cloud.refused(purpose="namespace", node_principals=["serviceAccount:nobody@p-1.iam.gserviceaccount.com"])
    assert error.error_id == "INVALID_ARGUMENT" and "does not exist" in error.message


# -- what goes wrong --------------------------------------------------------------------------------------------------


def denied_calls() -> list[tuple[str, dict[str, Any]]]:
    return [
        ("cryptoKeys.get", {"purpose": "namespace"}),
        ("cryptoKeyVersions.get", {}),
        ("cryptoKeyVersions.viewPublicKey", {}),
        ("cryptoKeyVersions.useToSign", {"probe": True}),
        ("cryptoKeyVersions.update", {"enabled": False}),
        ("cryptoKeyVersions.destroy", {"state": "absent"}),
        ("cryptoKeys.update", {"labels": {"a": "1"}}),
        ("cryptoKeys.getIamPolicy", {"node_principals": [NODE]}),
        ("cryptoKeys.setIamPolicy", {"node_principals": [NODE]}),
        ("cryptoKeys.create", {"name": "other", "purpose": "namespace"}),
        ("keyRings.get", {"name": "other", "purpose": "namespace"}),
        ("keyRings.create", {"name": "k", "key_ring": "other", "purpose": "namespace", "create_key_ring": True}),
    ]


@pytest.mark.parametrize(("permission", "asked"), denied_calls())
def test_missing_permission_is_named(cloud: Gcp, permission: str, asked: dict[str, Any]) -> None:
    cloud.run(purpose="namespace")
    cloud.service.faults.denied = {permission}
    error = cloud.refused(**asked)
    assert error.error_id == "PERMISSION_DENIED"
    assert error.details["action"] == f"cloudkms.{permission}" and f"cloudkms.{permission}" in error.hint
    cloud.service.faults.denied = set()
    assert cloud.run(**asked)


def test_throttling_passes_or_is_told(cloud: Gcp) -> None:
    cloud.service.faults.throttled.update(GetCryptoKey=2, CreateCryptoKey=1)
    cloud.run(purpose="namespace")
    cloud.service.faults.throttled.update(GetCryptoKey=100)
    error = cloud.refused(purpose="namespace")
    assert error.error_id == "RESOURCE_EXHAUSTED" and error.retryable and "lower forks" in error.hint


def test_creation_whose_answer_is_lost_is_carried_on_with(cloud: Gcp) -> None:
    cloud.service.faults.lost["CreateCryptoKey"] = 1
    assert cloud.refused(purpose="namespace").retryable
    assert key_of(cloud.run(purpose="namespace"))["state"] == "enabled"
    assert cloud.service.calls["CreateCryptoKey"] == 1


def test_wrong_location(cloud: Gcp) -> None:
    for location in ("eu-central-1", "europe-west33"):
        error = cloud.refused(purpose="namespace", location=location)
        assert error.error_id == "location_unknown" and "europe-west3" in error.hint


def test_refused_credentials_and_an_api_that_is_off(cloud: Gcp) -> None:
    cloud.service.faults.unauthenticated = True
    assert "credentials_file" in cloud.refused(purpose="namespace").hint
    cloud.service.faults.unauthenticated, cloud.service.faults.api_off = False, True
    assert "gcloud services enable" in cloud.refused(purpose="namespace").hint


def test_credentials_that_give_no_token() -> None:
    text = "Getting metadata from plugin failed with error: ('invalid_grant', 'Token has been expired or revoked.')"
    error = gcp_errors.refused("GetCryptoKey", "UNAVAILABLE", text)
    assert error.error_id == "RefreshError" and "log in again" in error.hint and not error.retryable


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


def test_damaged_and_wrong_answers(cloud: Gcp) -> None:
    cloud.run(purpose="namespace")
    cloud.service.faults.damaged = True
    assert cloud.refused().error_id == "answer_damaged"
    cloud.service.faults.damaged, cloud.service.faults.wrong_answers = False, True
    assert cloud.refused(probe=True).error_id == "probe_failed"
    cloud.service.faults.wrong_answers, cloud.service.faults.wrong_public_key = False, True
    assert cloud.refused(probe=True).error_id == "probe_failed"


@pytest.mark.parametrize(
    "known_as", ["key", f"{RING}/cryptoKeys/key/cryptoKeyVersions/1", f"{RING}/cryptoKeys/key", None]
)
def test_key_that_a_participant_lists_is_not_destroyed(
    cloud: Gcp, monkeypatch: pytest.MonkeyPatch, known_as: str | None
) -> None:
    der = base64.b64decode(key_of(cloud.run(purpose="namespace"))["public_key_der"])
    listed = SimpleNamespace(kms_key_id=known_as, wrapper_key_id=None, der=b"" if known_as else der)
    node = SimpleNamespace(identity=lambda: SimpleNamespace(uid="node::1220"), own_keys=lambda: [listed])
    monkeypatch.setattr(_connection, "participant_of", lambda _options, _label: node)
    for check in (True, False):
        error = cloud.refused(check=check, state="absent", in_use_by=[{}])
        assert error.error_id == "key_in_use" and "node::1220" in error.message
    assert cloud.service.calls["DestroyCryptoKeyVersion"] == 0
    assert cloud.run(state="absent", in_use_by=[{}], force=True).changed


@pytest.mark.parametrize(
    ("asked", "error_id"),
    [
        ({"purpose": "namespace", "spec": "rsa_2048"}, "key_spec_unfit"),
        ({"purpose": "namespace", "usage": "encrypt_decrypt"}, "key_usage_unfit"),
        ({"usage": "sign_verify"}, "key_spec_missing"),
        ({}, "key_spec_missing"),
        ({"spec": "ec_secp256k1", "protection_level": "software"}, "protection_level_unfit"),
        ({"purpose": "namespace", "rotation": True}, "rotation_unfit"),
        ({"purpose": "wrapper", "rotation_period": 3}, "value_invalid"),
        ({"purpose": "wrapper", "rotation": True, "rotation_period": 0}, "value_invalid"),
        ({"purpose": "namespace", "destroy_scheduled_duration": 121}, "value_invalid"),
        ({"purpose": "namespace", "labels": {"Upper": "x"}}, "label_invalid"),
        ({"purpose": "namespace", "labels": {"x": "Y"}}, "label_invalid"),
        ({"purpose": "namespace", "labels": {f"l{number}": "" for number in range(65)}}, "label_invalid"),
        ({"purpose": "namespace", "name": "a/b"}, "name_invalid"),
        ({"purpose": "namespace", "project": "projects/p"}, "name_invalid"),
        ({"purpose": "namespace", "probe": True, "enabled": False}, "value_invalid"),
        ({"purpose": "namespace", "node_principals": ["node"]}, "policy_malformed"),
        ({"purpose": "namespace", "endpoint_url": "http://example.com"}, "endpoint_invalid"),
        ({"purpose": "namespace", "endpoint_url": "cloudkms.googleapis.com"}, "endpoint_invalid"),
        ({"purpose": "namespace", "endpoint_url": "https://example.com:port"}, "endpoint_invalid"),
        ({"purpose": "namespace", "endpoint_url": "https://user:word@example.com"}, "endpoint_invalid"),
        ({"purpose": "namespace", "alias": "a", "description": "b"}, "option_unfit"),
    ],
)
def test_what_can_not_be_is_refused_before_anything_changes(cloud: Gcp, asked: dict[str, Any], error_id: str) -> None:
    assert cloud.refused(**asked).error_id == error_id
    assert not cloud.writes({})


def test_options_of_the_other_provider_are_named(cloud: Gcp) -> None:
    assert "alias, pending_window are options of AWS" in cloud.refused(alias="a", pending_window=7).message
    theirs: dict[str, Any] = {"provider": "aws", "alias": "a", "name": None, "endpoint_url": None}
    error = cloud.refused(**theirs, purpose="namespace")
    assert error.message.startswith("key_ring, location, project are options of GCP")
    place: dict[str, Any] = dict.fromkeys(("project", "location", "key_ring"))
    assert "Ed25519" in cloud.refused(**theirs, **place, spec="ec_curve25519").message


def test_no_credentials(cloud: Gcp, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    error = cloud.refused(purpose="namespace", endpoint_url=None)
    assert error.error_id == "DefaultCredentialsError" and "credentials_file" in error.hint
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    for path in (broken, tmp_path / "none.json"):
        error = cloud.refused(purpose="namespace", endpoint_url="https://127.0.0.1:1", credentials_file=str(path))
        assert "credentials_file" in error.hint


def test_library_that_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    real = builtins.__import__

    def without_google(name: str, *arguments: Any, **more: Any) -> Any:
        if name.startswith("google.cloud"):
            raise ImportError("No module named 'google.cloud'")
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without_google)
    for module, more in ((kms_key, {"name": "k", "purpose": "namespace"}), (kms_key_info, {})):
        with patch_module_args({**PLACE, **more}), pytest.raises(SystemExit):
            module.main()
        values = json.loads(capsys.readouterr().out)
        assert values["error_id"] == "dependency_missing" and "pip install google-cloud-kms" in values["msg"]


def test_module_asks_for_the_place_of_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    with patch_module_args({"provider": "gcp", "project": "p"}), pytest.raises(SystemExit):
        kms_key.main()
    assert "location, key_ring, name" in json.loads(capsys.readouterr().out)["msg"]


# -- kms_key_info -----------------------------------------------------------------------------------------------------


def found_by(outcome: Any) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = outcome.result["keys"]
    return shown


def test_named_keys_come_in_their_order(cloud: Gcp) -> None:
    for name in ("a", "b"):
        cloud.run(name=name, purpose="namespace")
    outcome = cloud.info(names=["b", "none", "a"])
    assert [key["key_id"] for key in found_by(outcome)] == ["b", "a"]
    assert outcome.result["missing"] == ["none"] and not outcome.changed
    assert found_by(outcome)[0]["policy"] == {"version": 1, "bindings": []}


def test_all_keys_with_a_label(cloud: Gcp) -> None:
    cloud.run(name="a", purpose="wrapper", labels={"participant": "p1", "x": "y"})
    cloud.run(name="b", purpose="namespace", labels={"participant": "p2"})
    assert [key["key_id"] for key in found_by(cloud.info(labels={"participant": "p1"}))] == ["a"]
    assert len(found_by(cloud.info())) == 2


def test_keys_that_are_not_for_canton_are_shown_as_they_are(cloud: Gcp) -> None:
    cloud.service.add_foreign(RING, "mac", "MAC", "HMAC_SHA256")
    (key,) = found_by(cloud.info())
    assert (key["spec"], key["usage"], key["public_key_pem"]) == ("hmac_sha256", "mac", None)
    assert cloud.refused(name="mac", purpose="namespace").error_id == "key_spec_mismatch"
    assert cloud.refused(name="mac", probe=True).error_id == "key_spec_unfit"


def test_what_may_not_be_read_is_told(cloud: Gcp) -> None:
    cloud.run(name="a", purpose="namespace")
    cloud.service.faults.denied = {"cryptoKeys.getIamPolicy"}
    outcome = cloud.info()
    assert found_by(outcome)[0]["policy"] is None and "cloudkms.cryptoKeys.getIamPolicy" in outcome.warnings[0]
    cloud.service.faults.denied = {"cryptoKeyVersions.viewPublicKey"}
    outcome = cloud.info()
    assert found_by(outcome) == [] and "viewPublicKey" in outcome.warnings[0]
    with pytest.raises(CantonError, match="viewPublicKey"):
        cloud.info(names=["a"])
    with pytest.raises(CantonError, match="tags is an option of AWS"):
        cloud.info(tags={"a": "b"})
