# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of a participant into a KMS that really imports: kms_key_material in this process, against real servers."""

from __future__ import annotations

import base64
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from networks import Served

from ansible_collections.ledgerops.canton.plugins.module_utils._connection import connection_spec, participant_of
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms import material_source, wrapping
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws import importer as aws_importer
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.modules import kms_key_material
from sandbox.kms.facts import DUMMY_CREDENTIALS
from sandbox.kms.gcp import server
from sandbox.v30.requests import VAULT
from sandbox.wire import client

TOPOLOGY = {
    "synchronizers": {"one": {"protocol_version": 35}},
    "participants": {
        "old": {"key_spec": "ec_p256", "preview_commands": True},
        "closed": {"key_spec": "ec_p256"},
        "two": {"release": "2.10", "key_spec": "ec_p256", "preview_commands": True},
    },
}
PROTOCOL = ["SIGNING_KEY_USAGE_PROTOCOL"]
Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def network(make_network: Any) -> Any:
    return make_network(TOPOLOGY)


def participant(network: Any, name: str) -> Any:
    spec = kms_key_material.SPEC
    assert "source" not in spec
    options: dict[str, Any] = dict.fromkeys(connection_spec())
    port = network.info()["participants"][name]["admin_port"]
    return participant_of(
        {**options, "endpoint": f"127.0.0.1:{port}", "timeout": 20.0, "ready_timeout": 20.0}, "source participant"
    )


def generated(network: Any, name: str, method: str, **request: Any) -> str:
    """A new key of the participant; its fingerprint."""
    with client.participants(network.info()) as nodes:
        nodes[name].admin(f"{VAULT}/Generate{method}Key", {"name": f"made-{method}-{request['key_spec']}", **request})
    keys = participant(network, name).own_keys()
    return str(keys[-1].fingerprint)


def params(served: Served, **more: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(kms_key_material.SPEC),
        "region": "eu-central-1",
        "endpoint_url": served.client.meta.endpoint_url,
        "access_key": DUMMY_CREDENTIALS["aws_access_key_id"],
        "secret_key": DUMMY_CREDENTIALS["aws_secret_access_key"],
        "alias": "canton/one",
        "wait_timeout": 10.0,
        **more,
    }


def run(served: Served, source: Any, check: bool = False, **more: Any) -> Outcome:
    return kms_key_material.ensure(params(served, **more), source, check)


def refused(*arguments: Any, **more: Any) -> CantonError:
    with pytest.raises(CantonError) as caught:
        run(*arguments, **more)
    assert caught.value.hint
    return caught.value


class Counting:
    """A participant that counts how often a private key is asked of it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.exports = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def require_live(self, _step: str) -> Any:
        return self

    def export_key_pair(self, *arguments: Any) -> Any:
        self.exports += 1
        return self._inner.export_key_pair(*arguments)


@pytest.mark.parametrize(("name", "version"), [("old", 35), ("old", 34), ("two", 5)])
def test_a_pair_is_exported_and_hidden(network: Any, name: str, version: int) -> None:
    source = participant(network, name)
    for key in source.own_keys():
        pair = source.export_key_pair(key.fingerprint, version)
        secret = bytes(pair.private_key())
        assert (pair.fingerprint, pair.purpose, pair.usage, pair.spec, pair.format) == (
            key.fingerprint,
            key.purpose,
            key.usage,
            key.spec,
            "pkcs8",
        )
        assert wrapping.public_key_of(pair.private_key()) == (key.spec, key.der)
        shown = f"{pair!r} {pair} {dataclasses.asdict(pair)} {dataclasses.astuple(pair)} {vars(pair)}"
        assert not found_in(secret, shown)
        with pytest.raises(TypeError):
            pickle.dumps(pair)
        held = pair.private_key()
        pair.wipe()
        assert held == bytearray() == pair.private_key()


def found_in(secret: bytes, text: str) -> bool:
    forms = (secret.hex(), base64.b64encode(secret).decode(), repr(secret)[2:-1], repr(list(secret))[1:-1])
    return any(form in text for form in forms)


def test_every_kind_that_canton_can_use_goes_in(network: Any, served: Served) -> None:
    source: Any = Counting(participant(network, "old"))
    kinds = {
        "namespace": {"purpose": "namespace"},
        "encryption": {"purpose": "encryption"},
        "p384": {
            "fingerprint": generated(network, "old", "Signing", key_spec="SIGNING_KEY_SPEC_EC_P384", usage=PROTOCOL)
        },
        "k1": {
            "fingerprint": generated(
                network, "old", "Signing", key_spec="SIGNING_KEY_SPEC_EC_SECP256K1", usage=PROTOCOL
            )
        },
    }
    specs: list[str] = []
    for alias, which in kinds.items():
        options: dict[str, Any] = {"alias": alias, "tags": {"host": "p1"}, "description": "imported", **which}
        predicted = run(served, source, check=True, **options)
        assert source.exports == len(specs)
        done = run(served, source, **options)
        again = run(served, source, **options)
        assert [it.changed for it in (predicted, done, again)] == [True, True, False]
        assert [it.result["imported"] for it in (predicted, done, again)] == [True, True, False]
        assert (predicted.before, predicted.after) == (done.before, done.after)
        known = {"key_id", "arn", "created", "policy", "grants", "rotation"}
        key: Any = done.result["key"]
        said: Any = predicted.result["key"]
        assert {name: said[name] for name in said if name not in known} == {
            name: key[name] for name in key if name not in known
        }
        assert again.result["key"] == key
        assert key["fingerprint"] == done.result["source_key"]["fingerprint"] == key["tags"]["canton-fingerprint"]  # type: ignore[index]
        specs.append(key["spec"])
        # AWS's side of it works
        keys = aws_importer.open_importer(params(served))._keys
        theirs = keys.find(key["arn"])
        assert theirs is not None and keys.probe(theirs) == key["usage"]
    assert specs == ["ec_p256", "rsa_2048", "ec_p384", "ec_secp256k1"]
    assert source.exports == 4


def test_keys_of_canton_2_too(network: Any, served: Served) -> None:
    source = participant(network, "two")
    done = run(served, source, purpose="namespace")
    assert done.result["source_key"]["usage"] == []  # type: ignore[index]
    assert not run(served, source, purpose="namespace").changed


@pytest.mark.parametrize("action", ["ImportKeyMaterial", "CreateAlias"])
def test_an_interrupted_run_carries_on_with_its_key(network: Any, served: Served, action: str) -> None:
    source: Any = Counting(participant(network, "old"))
    served.set("denied", [action])
    error = refused(served, source, purpose="namespace")
    assert (error.error_id, error.details["action"]) == ("AccessDeniedException", f"kms:{action}")
    (left,) = served.client.list_keys()["Keys"]
    assert served.client.list_aliases()["Aliases"] == []
    served.set("denied", [])
    predicted = run(served, source, check=True, purpose="namespace")
    done = run(served, source, purpose="namespace")
    assert predicted.after == done.after
    assert done.result["key"]["arn"] == left["KeyArn"]  # type: ignore[index]
    assert len(served.client.list_keys()["Keys"]) == 1
    assert source.exports == (1 if action == "CreateAlias" else 2)
    assert action == "CreateAlias" or "resumes" in error.hint


def test_lost_answers_make_no_second_key(network: Any, served: Served) -> None:
    source = participant(network, "old")
    served.set("throttled", {"GetParametersForImport": 1})
    served.set("answers_lost", {"CreateKey": 1, "ImportKeyMaterial": 1, "CreateAlias": 1})
    done = run(served, source, purpose="namespace")
    states = {key["KeyArn"]: served.state(key["KeyArn"]) for key in served.client.list_keys()["Keys"]}
    assert sorted(states.values()) == ["Enabled", "PendingDeletion"]
    assert states[done.result["key"]["arn"]] == "Enabled"  # type: ignore[index]
    assert not run(served, source, purpose="namespace").changed


def test_a_wrong_public_key_is_no_success(network: Any, served: Served) -> None:
    source = participant(network, "old")
    served.set("wrong_public_key", True)
    error = refused(served, source, purpose="namespace")
    assert error.error_id == "public_key_mismatch"
    assert "deleted in 7 days" in error.hint
    assert served.state(str(error.details["arn"])) == "PendingDeletion"
    assert served.client.list_aliases()["Aliases"] == []

    served.set("denied", ["ScheduleKeyDeletion"])
    error = refused(served, source, purpose="namespace")
    assert "is disabled" in error.hint
    assert served.state(str(error.details["arn"])) == "Disabled"
    # a disabled key with the mark is not taken for a good one, and nothing is made beside it
    served.set("wrong_public_key", False)
    assert refused(served, source, purpose="namespace").error_id == "key_disabled"
    served.set("denied", [])
    served.client.schedule_key_deletion(KeyId=error.details["arn"], PendingWindowInDays=7)
    assert run(served, source, purpose="namespace").changed


def test_a_run_that_ended_before_it_compared(network: Any, served: Served) -> None:
    source: Any = Counting(participant(network, "old"))
    importer = aws_importer.open_importer(params(served))
    theirs = material_source.choose(source, None, "namespace")
    goal = material_source.desired_key(source, theirs, importer)
    importer.send(importer.create(goal), source.export_key_pair(theirs.fingerprint, 35).private_key())
    served.set("wrong_public_key", True)
    assert refused(served, source, check=True, purpose="namespace").error_id == "key_differs"
    error = refused(served, source, purpose="namespace")
    assert error.error_id == "public_key_mismatch"
    assert served.state(str(error.details["arn"])) == "PendingDeletion"
    assert source.exports == 1


def test_google_takes_ed25519_as_well(network: Any) -> None:
    source: Any = Counting(participant(network, "old"))
    ed25519 = generated(network, "old", "Signing", key_spec="SIGNING_KEY_SPEC_EC_CURVE25519", usage=PROTOCOL)
    kinds = {
        "namespace": {"purpose": "namespace"},
        "ed25519": {"fingerprint": ed25519},
        "rsa": {"purpose": "encryption"},
    }
    place = {"provider": "gcp", "project": "p-1", "location": "global", "key_ring": "canton", "create_key_ring": True}
    values = {**dict.fromkeys(kms_key_material.SPEC), **place, "wait_timeout": 10.0}
    with server.served() as (service, url):
        for name, which in kinds.items():
            asked = {**values, "endpoint_url": url, "name": name, **which}
            before = source.exports
            said = kms_key_material.ensure(asked, source, True)
            done = kms_key_material.ensure(asked, source, False)
            again = kms_key_material.ensure(asked, source, False)
            assert (said.before, said.after) == (done.before, done.after) and not again.changed
            assert source.exports == before + 1
            key: Any = done.result["key"]
            theirs: Any = done.result["source_key"]
            assert (key["fingerprint"], key["key_id"], key["state"]) == (theirs["fingerprint"], name, "enabled")
            assert bool(done.warnings) == (name == "ed25519") and not again.warnings
        assert {each.versions[0].shown.name[-2:] for each in service.keys.values()} == {"/1"}


@pytest.mark.parametrize(
    ("name", "which", "error_id", "in_hint"),
    [
        ("old", {"fingerprint": "1220" + "00" * 32}, "key_unknown", "It has: 1220"),
        ("closed", {"purpose": "namespace"}, "preview_commands_off", "canton.features.enable-preview-commands = true"),
        ("old", {"alias": "no spaces", "purpose": "namespace"}, "alias_invalid", "letters"),
    ],
)
def test_bad_input(network: Any, served: Served, name: str, which: dict[str, str], error_id: str, in_hint: str) -> None:
    error = refused(served, participant(network, name), **which)
    assert error.error_id == error_id
    assert in_hint in error.hint
    assert served.client.list_keys()["Keys"] == []


def test_kinds_that_canton_cannot_use_there(network: Any, served: Served) -> None:
    source = participant(network, "closed")
    ed25519 = generated(network, "closed", "Signing", key_spec="SIGNING_KEY_SPEC_EC_CURVE25519", usage=PROTOCOL)
    ecies = generated(network, "closed", "Encryption", key_spec="ENCRYPTION_KEY_SPEC_EC_P256")
    for check in (True, False):
        for known, way_out in ((ed25519, "delegation"), (ecies, "RSA-2048")):
            error = refused(served, source, check=check, fingerprint=known)
            assert error.error_id == "key_algorithm_unfit"
            assert way_out in error.hint
        # two encryption keys by now
        assert refused(served, source, check=check, purpose="encryption").error_id == "key_ambiguous"
    assert served.client.list_keys()["Keys"] == []


def test_an_alias_of_another_key(network: Any, served: Served) -> None:
    source: Any = Counting(participant(network, "old"))
    usages = {"mine": "ECC_NIST_P256", "going": "ECC_NIST_P256", "sealed": "RSA_2048"}
    ids = {alias: served.create(spec, Origin="AWS_KMS") for alias, spec in usages.items()}
    for alias, key_id in ids.items():
        served.client.create_alias(AliasName=f"alias/{alias}", TargetKeyId=key_id)
    served.client.schedule_key_deletion(KeyId=ids["going"], PendingWindowInDays=7)
    errors = {alias: refused(served, source, alias=alias, purpose="namespace").error_id for alias in ids}
    assert errors == {"mine": "key_differs", "going": "key_pending_deletion", "sealed": "key_spec_mismatch"}
    assert source.exports == 0


def test_expired_tokens(network: Any, served: Served) -> None:
    served.set("expired_tokens", True)
    error = refused(served, participant(network, "old"), purpose="namespace")
    assert error.error_id == "ExpiredImportTokenException"
    assert "resumes" in error.hint
    assert [served.state(key["KeyId"]) for key in served.client.list_keys()["Keys"]] == ["PendingImport"]
