# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that get their identity from participant_identity, and keys that participant_key_rotation replaces, on a KMS that imports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from networks import kms_client

from ansible_collections.ledgerops.canton.plugins.module_utils._connection import connection_spec, participant_of
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED
from ansible_collections.ledgerops.canton.plugins.modules import (
    kms_key_material,
    participant_identity,
    participant_key_rotation,
)
from sandbox.kms.facts import DUMMY_CREDENTIALS
from sandbox.v30.requests import VAULT
from sandbox.wire import client

TOPOLOGY = {
    "synchronizers": {"one": {"protocol_version": 35}, "two": {"protocol_version": 7}},
    "participants": {
        "old": {"key_spec": "ec_p256", "preview_commands": True, "connections": [{"synchronizer": "one"}]},
        "plain": {"connections": [{"synchronizer": "one"}]},
        "new": {"crypto": "kms", "identity": "manual", "connections": [{"synchronizer": "one"}]},
        "heir": {"crypto": "kms", "identity": "manual"},
        "killed": {"crypto": "kms", "identity": "manual"},
        "slow": {"crypto": "kms", "identity": "manual"},
        "slow-too": {"crypto": "kms", "identity": "manual"},
        "wrapped": {"wrapper_key": True},
        "canton-2": {"release": "2.10"},
    },
}
PURPOSES = ("namespace", "sequencer_authentication", "protocol", "encryption")


class Stage:
    def __init__(self, network: Any) -> None:
        self.network = network
        self.kms = kms_client(network, DUMMY_CREDENTIALS["aws_access_key_id"])

    def options(self, name: str) -> dict[str, Any]:
        port = self.network.info()["participants"][name]["admin_port"]
        return {
            **dict.fromkeys(connection_spec()),
            "dossier": None,
            "endpoint": f"127.0.0.1:{port}",
            "timeout": 20.0,
            "ready_timeout": 20.0,
        }

    def participant(self, name: str) -> Any:
        return participant_of(self.options(name), f"participant {name}")

    def key(self, purpose: str, **more: Any) -> str:
        """A new key in the KMS; its ARN."""
        usage = {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}
        if purpose != "encryption":
            usage = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
        return str(self.kms.create_key(**{**usage, **more})["KeyMetadata"]["Arn"])

    def new_keys(self) -> list[dict[str, Any]]:
        return [{"purpose": each, "fingerprint": None, "kms_key_id": self.key(each), "name": None} for each in PURPOSES]

    def identity(self, name: str, check: bool = False, **params: Any) -> Outcome:
        values = {**dict.fromkeys(participant_identity.SPEC), "state": "initialized", "wait_timeout": 30.0, **params}
        return participant_identity.ensure(values, self.participant(name), check)

    def rotate(self, name: str, purpose: str, check: bool = False, **params: Any) -> Outcome:
        values = {**dict.fromkeys(participant_key_rotation.SPEC), "purpose": purpose, "wait_timeout": 20.0, **params}
        return participant_key_rotation.ensure(values, self.participant(name), check)

    def material(self, name: str, fingerprint: str) -> str:
        """A key of a participant, imported into the KMS; its ARN."""
        settings = self.network.info()["kms"]
        values = {
            **dict.fromkeys(kms_key_material.SPEC),
            "region": settings["region"],
            "endpoint_url": settings["endpoint"],
            "access_key": settings["aws_access_key_id"],
            "secret_key": settings["aws_secret_access_key"],
            "alias": f"canton/{fingerprint[-12:]}",
            "fingerprint": fingerprint,
            "wait_timeout": 20.0,
        }
        outcome = kms_key_material.ensure(values, self.participant(name), False)
        key: Any = outcome.result["key"]
        return str(key["arn"])

    def mapped(self, name: str, store: str = AUTHORIZED) -> list[str]:
        node = self.participant(name)
        return [key.fingerprint for key in node.owner_keys(store, node.identity().uid)]


@pytest.fixture(scope="module")
def stage(make_network: Any) -> Stage:
    return Stage(make_network(TOPOLOGY))


def refusal(act: Any, *arguments: Any, **named: Any) -> CantonError:
    with pytest.raises(CantonError) as caught:
        act(*arguments, **named)
    assert caught.value.hint
    return caught.value


# -- a new identity ---------------------------------------------------------------------------------------------------


def test_a_new_identity(stage: Stage) -> None:
    keys = stage.new_keys()
    asked: dict[str, Any] = {"identifier": "participantNew", "keys": keys}
    predicted = stage.identity("new", check=True, **asked)
    assert predicted.changed and predicted.result["uid"] is None
    assert not stage.participant("new").own_keys()

    done = stage.identity("new", **asked)
    assert done.changed
    node = stage.participant("new")
    own = {key.kms_key_id: key for key in node.own_keys()}
    assert set(own) == {item["kms_key_id"] for item in keys}
    namespace = own[keys[0]["kms_key_id"]].fingerprint
    assert done.result["uid"] == node.identity().uid == f"participantNew::{namespace}"
    assert node.identity().initialized
    assert done.result["keys"] == {item["purpose"]: own[item["kms_key_id"]].fingerprint for item in keys}
    assert stage.mapped("new") == [own[item["kms_key_id"]].fingerprint for item in keys[1:]]
    assert [key.name for key in own.values()][:2] == [
        "participantNew-namespace",
        "participantNew-sequencer-authentication",
    ]

    again = stage.identity("new", **asked)
    assert not again.changed and again.result == done.result


def test_a_slow_node_is_waited_for_between_its_id_and_its_topology(stage: Stage) -> None:
    keys = stage.new_keys()
    stage.network.set("slow", "identified_ms", 3000)
    late = refusal(stage.identity, "slow", identifier="participantSlow", keys=keys, wait_timeout=0.5)
    assert late.error_id == "not_initialized" and "no topology services after 0.5 seconds" in str(late)
    again = refusal(stage.identity, "slow", True, identifier="participantSlow", keys=keys, wait_timeout=0.0)
    assert again.error_id == "not_initialized"
    done = stage.identity("slow", identifier="participantSlow", keys=keys)
    assert done.changed and stage.participant("slow").identity().initialized


def test_a_slow_node_gets_its_identity_in_one_run(stage: Stage) -> None:
    keys = stage.new_keys()
    stage.network.set("slow-too", "identified_ms", 2000)
    assert stage.identity("slow-too", identifier="participantSlow", keys=keys).changed
    assert stage.participant("slow-too").identity().initialized


def test_another_identity_is_refused(stage: Stage) -> None:
    keys = [
        {"purpose": each, "fingerprint": None, "kms_key_id": key.kms_key_id, "name": None}
        for each, key in zip(PURPOSES, stage.participant("new").own_keys(), strict=True)
    ]
    for check in (True, False):
        other = refusal(stage.identity, "new", check, identifier="participantOther", keys=keys)
        assert other.error_id == "other_identity" and "participantNew::" in str(other)
        moved = [*keys[:2], {**keys[2], "kms_key_id": stage.key("protocol")}, keys[3]]
        assert refusal(stage.identity, "new", check, identifier="participantNew", keys=moved).error_id == "other_keys"


def test_a_node_that_has_made_its_own_identity(stage: Stage) -> None:
    assert refusal(stage.identity, "plain", identifier="plain", keys=stage.new_keys()).error_id == "other_identity"


def test_canton_2_is_refused(stage: Stage) -> None:
    assert refusal(stage.identity, "canton-2", identifier="p", keys=stage.new_keys()).error_id == "canton_2"


# -- keys that can't be registered ------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["unknown", "disabled", "wrong usage", "pending import"])
def test_a_key_that_the_node_refuses(stage: Stage, what: str) -> None:
    """Nothing is given to the node that could not be taken back: it still waits for its identity."""
    arn = "00000000-0000-4000-8000-000000000000"
    if what != "unknown":
        origin = "EXTERNAL" if what == "pending import" else "AWS_KMS"
        arn = stage.key("encryption" if what == "wrong usage" else "namespace", Origin=origin)
    if what == "disabled":
        stage.kms.disable_key(KeyId=arn)
    keys = [{**item, "kms_key_id": arn} if item["purpose"] == "namespace" else item for item in stage.new_keys()]
    refused = refusal(stage.identity, "killed", identifier="participantKilled", keys=keys)
    assert refused.error_id == "kms_key_refused"
    assert arn in str(refused) and "namespace" in str(refused)
    assert stage.participant("killed").identity().waiting_for == "id"


def test_a_key_that_is_registered_for_something_else(stage: Stage) -> None:
    arn = stage.key("protocol")
    stage.participant("killed").register_kms_signing_key(arn, "mine", ["protocol"])
    keys = [{**item, "kms_key_id": arn} if item["purpose"] == "namespace" else item for item in stage.new_keys()]
    refused = refusal(stage.identity, "killed", identifier="participantKilled", keys=keys)
    assert refused.error_id == "registered_otherwise" and "'mine' for protocol" in str(refused)


# -- killed at each step ----------------------------------------------------------------------------------------------


class Killed(BaseException):
    """No error that anybody could handle."""


def dying(dialect: Any, word: str, written: list[str]) -> Any:
    """A method that does what it does, is noted, and is the last thing that happens."""
    real = getattr(dialect, word)

    def act(self: Any, *arguments: Any) -> Any:
        real(self, *arguments)
        written.append(word)
        raise Killed

    return act


def test_it_carries_on_from_every_step(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in front of each write and after it: each next run goes one write further, and the end is the same."""
    asked: dict[str, Any] = {"identifier": "participantKilled", "keys": stage.new_keys()}
    words = ["register_kms_signing_key", "register_kms_encryption_key", "init_id"]
    words += ["authorize_root_certificate", "authorize_owner_keys"]
    dialect = type(stage.participant("killed"))
    written: list[str] = []

    for word in words:
        monkeypatch.setattr(dialect, word, dying(dialect, word, written))
    for number in range(1, 8):
        with pytest.raises(Killed):
            stage.identity("killed", **asked)
        assert len(written) == number
    monkeypatch.undo()
    assert written == [words[0]] * 3 + words[1:]
    stage.identity("killed", **asked)
    assert not stage.identity("killed", **asked).changed
    assert stage.participant("killed").identity().initialized


# -- the identity of another node -------------------------------------------------------------------------------------


def test_the_identity_of_another_node(stage: Stage, tmp_path: Path) -> None:
    # a mapping that has a past: what it says now is signed by the newest of its keys only
    stage.rotate("old", "protocol", generate="ec_p384")
    path = str(tmp_path / "old.identity.json")
    predicted = stage.identity("old", check=True, state="recorded", identity_file=path)
    assert predicted.changed and not Path(path).exists()
    recorded = stage.identity("old", state="recorded", identity_file=path)
    assert recorded.result == predicted.result
    assert not stage.identity("old", state="recorded", identity_file=path).changed
    assert Path(path).stat().st_mode & 0o777 == 0o600
    needed: Any = recorded.result["needed"]
    assert sorted(key["purpose"] for key in needed) == sorted(PURPOSES)
    fingerprints = [key["fingerprint"] for key in needed]

    others = [
        {"purpose": None, "fingerprint": each, "kms_key_id": stage.key("protocol"), "name": None}
        for each in fingerprints
    ]
    wrong = refusal(stage.identity, "heir", identity_file=path, keys=others)
    assert wrong.error_id == "other_key"
    missing = refusal(stage.identity, "heir", identity_file=path, keys=others[:3])
    assert missing.error_id == "keys_invalid" and others[3]["fingerprint"] in str(missing)
    assert stage.participant("heir").identity().waiting_for == "id"

    keys = [{**item, "kms_key_id": stage.material("old", item["fingerprint"])} for item in others]
    source: dict[str, Any] = {"source": stage.options("old"), "keys": keys}
    assert stage.identity("heir", check=True, **source).result["uid"] == recorded.result["uid"]
    done = stage.identity("heir", identity_file=path, keys=keys)
    heir, old = stage.participant("heir"), stage.participant("old")
    assert heir.identity().uid == old.identity().uid == done.result["uid"]
    assert heir.identity().initialized
    assert stage.mapped("heir") == stage.mapped("old")
    listed = {key.fingerprint: (key.usage, key.name) for key in heir.own_keys() if key.fingerprint in fingerprints}
    assert listed == {
        key.fingerprint: (key.usage, key.name) for key in old.own_keys() if key.fingerprint in fingerprints
    }
    assert heir.signed_identity(heir.identity().uid) == old.signed_identity(old.identity().uid)
    # through the running node it is the same as through the file
    assert not stage.identity("heir", **source).changed


# -- other keys -------------------------------------------------------------------------------------------------------


def test_a_generated_key_takes_the_place_of_the_old_one(stage: Stage) -> None:
    old = stage.mapped("plain")
    predicted = stage.rotate("plain", "encryption", check=True, generate="rsa_2048")
    assert predicted.changed and predicted.result["key"] == {"fingerprint": None, "kms_key_id": None}
    assert stage.mapped("plain") == old
    done = stage.rotate("plain", "encryption", generate="rsa_2048")
    key: Any = done.result["key"]
    assert done.changed and done.result["replaced"] == predicted.result["replaced"] == old[2:]
    store = stage.network.info()["synchronizers"]["one"]["id"]
    assert stage.mapped("plain") == stage.mapped("plain", store) == [*old[:2], key["fingerprint"]]
    assert not stage.rotate("plain", "encryption", generate="rsa_2048").changed
    for purpose in ("protocol", "sequencer_authentication"):
        assert stage.rotate("plain", purpose, generate="ec_p256").changed
    assert not set(old) & set(stage.mapped("plain", store))


def test_it_carries_on_between_its_steps(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the key was generated and after the mapping got it: the same key is used, and no second one is made."""
    dialect = type(stage.participant("plain"))
    before = stage.mapped("plain")

    count = len(stage.participant("plain").own_keys())
    for word in ("generate_signing_key", "authorize_owner_keys"):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(dialect, word, dying(dialect, word, []))
            stage.rotate("plain", "protocol", generate="ec_p384")
    assert len(stage.mapped("plain")) == len(before) + 1
    stage.rotate("plain", "protocol", generate="ec_p384")
    assert len(stage.mapped("plain")) == len(before)
    assert len(stage.participant("plain").own_keys()) == count + 1


def test_a_kms_key_takes_the_place_of_another(stage: Stage) -> None:
    for purpose in ("protocol", "encryption"):
        arn = stage.key(purpose)
        done = stage.rotate("new", purpose, kms_key_id=arn)
        key: Any = done.result["key"]
        assert done.changed and key["kms_key_id"] == arn and key["fingerprint"] in stage.mapped("new")
        assert not stage.rotate("new", purpose, kms_key_id=arn).changed
    assert len(stage.mapped("new")) == 3


@pytest.mark.parametrize(
    ("name", "purpose", "params", "error_id"),
    [
        ("new", "protocol", {"generate": "ec_p256"}, "keys_in_kms"),
        ("new", "protocol", {"kms_key_id": "00000000-0000-4000-8000-000000000000"}, "kms_key_refused"),
        ("plain", "encryption", {"generate": "ec_p256"}, "key_spec_unfit"),
        ("plain", "protocol", {"generate": "rsa_2048"}, "key_spec_unfit"),
        ("canton-2", "protocol", {"generate": "ec_p256"}, "canton_2"),
    ],
)
def test_rotations_that_are_refused(
    stage: Stage, name: str, purpose: str, params: dict[str, Any], error_id: str
) -> None:
    before = [] if name == "canton-2" else stage.mapped(name)
    assert refusal(stage.rotate, name, purpose, **params).error_id == error_id
    assert name == "canton-2" or stage.mapped(name) == before


# -- envelopes, twins -------------------------------------------------------------------------------------------------


def test_what_a_key_store_is_encrypted_with(stage: Stage) -> None:
    assert stage.participant("old").wrapper_key_id() is None
    assert stage.participant("new").wrapper_key_id() is None
    node = stage.participant("wrapped")
    first = node.wrapper_key_id()
    assert stage.kms.describe_key(KeyId=first)["KeyMetadata"]["KeySpec"] == "SYMMETRIC_DEFAULT"
    disabled = stage.key("namespace")
    stage.kms.disable_key(KeyId=disabled)
    refused = {
        "00000000-0000-4000-8000-000000000000": "WRAPPER_KEY_NOT_EXIST_ERROR",
        disabled: "WRAPPER_KEY_DISABLED_OR_DELETED_ERROR",
        first: "WRAPPER_KEY_ALREADY_IN_USE_ERROR",
    }
    with client.participants(stage.network.info()) as nodes:
        for key_id, reason in refused.items():
            with pytest.raises(client.CallFailed) as caught:
                nodes["wrapped"].admin(f"{VAULT}/RotateWrapperKey", {"new_wrapper_key_id": key_id})
            assert caught.value.reason == reason
        nodes["wrapped"].admin(f"{VAULT}/RotateWrapperKey", {})
        listed = nodes["wrapped"].admin(f"{VAULT}/ListMyKeys")["private_keys_metadata"]
    assert node.wrapper_key_id() not in (first, None)
    assert {entry["wrapper_key_id"] for entry in listed} == {node.wrapper_key_id()}


def test_two_nodes_of_one_identity(stage: Stage) -> None:
    """After the identity was taken over: only one of them can be connected."""
    heir, old = stage.participant("heir"), stage.participant("old")
    url = stage.network.info()["synchronizers"]["one"]["sequencer_url"]
    heir.register("one", [url], b"", True)
    with pytest.raises(CantonError) as caught:
        heir.connect("one")
    assert caught.value.error_id == "FAILED_TO_CONNECT_TO_SEQUENCERS"
    old.disconnect("one")
    heir.connect("one")
    store = stage.network.info()["synchronizers"]["one"]["id"]
    assert stage.mapped("heir", store) == stage.mapped("old")
    with pytest.raises(CantonError):
        old.connect("one")
