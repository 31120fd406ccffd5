# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key into a KMS, with a KMS that is made up: the order, and what is refused. The real one is in tests/wire."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Collection
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

from ansible_collections.ledgerops.canton.plugins.module_utils import _waiting
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms import material_source, wrapping
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.material import Imported, import_key
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import MARK, DesiredKey, Key
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model import entities
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.key_pair import KeyPair
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import PURPOSES, fingerprint
from sandbox import crypto

PUBLIC, PRIVATE = crypto.generate_signing(crypto.P256)
OTHER_PUBLIC, OTHER = crypto.generate_signing(crypto.P256)
PRINT = fingerprint("ec_p256", PUBLIC)
DESIRED = DesiredKey(PRINT, "ec_p256", "sign_verify", PUBLIC, "signing key")
DENIED = CantonError("denied", "AccessDeniedException", "Allow it.")


class FakeKms:
    """One key at most. ``calls`` is what was done to it; ``shows`` the public key that it shows after an import."""

    provider = "KMS"
    specs: Collection[str] = ("ec_p256",)
    named_last = True

    def __init__(self, key: Key | None = None, shows: bytes = PUBLIC) -> None:
        self.key = key
        self.shows = shows
        self.name: str | None = None
        self.calls: list[str] = []
        self.sent: bytes = b""
        self.failing: dict[str, CantonError] = {}
        self.slow = 0

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.failing:
            raise self.failing[name]

    def find(self, desired: DesiredKey) -> Key | None:
        return self.key

    def mark(self, key: Key, desired: DesiredKey) -> str | None:
        return (key.tags or {}).get(MARK)

    def create(self, desired: DesiredKey) -> Key:
        self._call("create")
        self.key = Key("pending_import", desired.spec, desired.usage, tags={MARK: desired.fingerprint}, full_name="arn")
        return self.key

    def send(self, key: Key, private_key: bytearray) -> None:
        self.sent = bytes(private_key)
        self._call("send")
        self.key = replace(key, state="enabled", public_key_der=self.shows)

    def read(self, key: Key) -> Key:
        if self.slow:
            self.slow -= 1
            return key
        assert self.key is not None
        return self.key

    def discard(self, key: Key) -> str:
        self._call("discard")
        return "It is gone."

    def view(self, key: Key) -> dict[str, Any]:
        return {"name": self.name}

    def plan(self, key: Key | None, desired: DesiredKey) -> dict[str, Any]:
        return {"name": "wanted"}

    def finish(self, key: Key, now: dict[str, Any], after: dict[str, Any]) -> Key:
        self._call("finish")
        self.name = after["name"]
        return self.read(key)

    def predict(self, key: Key | None, desired: DesiredKey, after: dict[str, Any]) -> Key:
        return Key("enabled", desired.spec, desired.usage, public_key_der=desired.der)

    def warnings(self, desired: DesiredKey) -> list[str]:
        return []


class Exporting:
    """Gives the pair, and keeps it, so that a test can see whether it was wiped."""

    def __init__(self, private: bytes = PRIVATE, **more: str) -> None:
        fields = {"fingerprint": PRINT, "purpose": "signing", "spec": "ec_p256", "format": "pkcs8", **more}
        self._make: Callable[[], KeyPair] = lambda: KeyPair(usage=(), private=private, **fields)
        self.given: list[KeyPair] = []

    def __call__(self) -> KeyPair:
        self.given.append(self._make())
        return self.given[-1]

    @property
    def wiped(self) -> bool:
        return all(not pair.private_key() for pair in self.given)


def go(kms: FakeKms, export: Any = None, check: bool = False, timeout: float = 5.0) -> Imported:
    return import_key(kms, DESIRED, export or Exporting(), timeout=timeout, check=check)


def refused(kms: FakeKms, export: Any = None, check: bool = False, timeout: float = 5.0) -> CantonError:
    with pytest.raises(CantonError) as caught:
        go(kms, export, check, timeout)
    error = caught.value
    assert error.hint
    for secret in (PRIVATE, OTHER):
        assert secret.hex() not in f"{error!s} {error.details} {error.__cause__!r} {error.__context__!r}"
    return error


def existing(state: str = "enabled", der: bytes | None = PUBLIC, mark: str | None = PRINT, **more: Any) -> Key:
    tags = {} if mark is None else {MARK: mark}
    return replace(Key(state, "ec_p256", "sign_verify", tags=tags, full_name="arn", public_key_der=der), **more)


def test_the_order_and_no_second_time() -> None:
    kms, export = FakeKms(), Exporting()
    said, done = go(kms, export, check=True), go(kms, export)
    assert kms.calls == ["create", "send", "finish"]
    assert (said.before, said.after, said.imported) == (done.before, done.after, True) and done.imported
    assert kms.sent == PRIVATE
    assert export.wiped and len(export.given) == 1
    again = go(kms, export)
    assert again.before == again.after and not again.imported
    assert len(export.given) == 1 and len(kms.calls) == 3


def test_a_refused_export_leaves_no_key() -> None:
    def off() -> KeyPair:
        raise CantonError("off", "preview_commands_off", "Switch it on.")

    kms = FakeKms()
    assert refused(kms, off).error_id == "preview_commands_off"
    assert kms.calls == []


@pytest.mark.parametrize(
    ("export", "error_id"),
    [
        (Exporting(OTHER), "exported_key_differs"),
        (Exporting(PRIVATE, fingerprint="1220"), "exported_key_differs"),
        (Exporting(PRIVATE, format="raw"), "key_format_unfit"),
        (Exporting(b"no key"), "key_unreadable"),
    ],
)
def test_an_export_that_is_not_the_key_is_never_sent(export: Exporting, error_id: str) -> None:
    kms = FakeKms()
    assert refused(kms, export).error_id == error_id
    assert kms.calls == [] and export.wiped


@pytest.mark.parametrize("step", ["create", "send", "finish"])
def test_what_is_left_when_it_is_interrupted(step: str) -> None:
    kms, export = FakeKms(), Exporting()
    kms.failing[step] = DENIED
    error = refused(kms, export)
    assert error.error_id == "AccessDeniedException"
    assert export.wiped
    assert ("resumes" in error.hint) is (step == "send")
    kms.failing.clear()
    assert go(kms, export).imported is (step != "finish")
    assert kms.calls.count("create") == (2 if step == "create" else 1)
    assert kms.name == "wanted"


def test_an_import_whose_answer_was_lost() -> None:
    class Lost(FakeKms):
        def send(self, key: Key, private_key: bytearray) -> None:
            super().send(key, private_key)
            raise CantonError("lost", "ReadTimeoutError", "Look at the network.")

    kms = Lost()
    assert go(kms).key.state == "enabled"


def test_a_wrong_public_key_is_discarded_and_gets_no_name() -> None:
    kms, export = FakeKms(shows=OTHER_PUBLIC), Exporting()
    error = refused(kms, export)
    assert error.error_id == "public_key_mismatch"
    assert "It is gone." in error.hint
    assert kms.calls == ["create", "send", "discard"] and kms.name is None and export.wiped


@pytest.mark.parametrize(
    ("key", "error_id"),
    [
        (existing(der=OTHER_PUBLIC, mark=None), "key_differs"),
        (existing("pending_import", None, "1220" + "cd" * 32), "key_differs"),
        (existing(spec="ec_p384"), "key_spec_mismatch"),
        (existing(usage="encrypt_decrypt"), "key_spec_mismatch"),
        (existing("disabled"), "key_disabled"),
        (existing("pending_deletion"), "key_pending_deletion"),
        (existing("unavailable"), "key_unavailable"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_a_key_that_cannot_be_it_is_left_alone(key: Key, error_id: str, check: bool) -> None:
    kms, export = FakeKms(key), Exporting()
    assert refused(kms, export, check=check).error_id == error_id
    assert kms.calls == [] and export.given == []


def test_a_marked_key_with_other_material_goes() -> None:
    kms = FakeKms(existing(der=OTHER_PUBLIC))
    assert refused(kms, check=True).error_id == "key_differs"
    assert kms.calls == []
    assert refused(kms).error_id == "public_key_mismatch"
    assert kms.calls == ["discard"]


def test_a_slow_kms_is_waited_for_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_waiting, "FIRST_PAUSE_SECONDS", 0.001)
    kms = FakeKms()
    kms.slow = 3
    assert go(kms).key.state == "enabled"
    kms = FakeKms()
    kms.slow = 10_000
    error = refused(kms, timeout=0.01)
    assert error.error_id == "change_not_visible" and error.retryable


def test_wrapping_is_what_a_kms_unwraps() -> None:
    from cryptography.hazmat.primitives import hashes, keywrap
    from cryptography.hazmat.primitives.asymmetric import padding

    public, private = crypto.generate_encryption(crypto.ENC_RSA2048)
    outer: Any = load_der_private_key(private, None)
    first, second = (wrapping.wrap(public, bytearray(PRIVATE)) for _time in range(2))
    assert first != second
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    once = outer.decrypt(first[:256], oaep)
    assert keywrap.aes_key_unwrap_with_padding(once, first[256:]) == PRIVATE
    with pytest.raises(CantonError) as caught:
        wrapping.wrap(PUBLIC, bytearray(PRIVATE))
    assert caught.value.error_id == "wrapping_failed"


# -- which key --------------------------------------------------------------------------------------------------------


def held(spec: str = "ec_p256", purpose: str = "signing", **more: Any) -> entities.Key:
    made = {"ec_curve25519": crypto.ED25519, "ec_p256": crypto.P256, "ec_secp256k1": crypto.SECP256K1}
    der = crypto.generate_signing(made.get(spec, crypto.P256))[0]
    if spec == "rsa_2048":
        der = crypto.generate_encryption(crypto.ENC_RSA2048)[0]
    fields: dict[str, Any] = {
        "name": "a",
        "usage": ("protocol",),
        "kms_key_id": "",
        "public_key": b"",
        "der": der,
        **more,
    }
    return entities.Key(fingerprint=fingerprint(spec, der), purpose=purpose, spec=spec, **fields)


def node(*keys: entities.Key, namespace: str = "", versions: tuple[int, ...] = (), major: int = 3) -> Any:
    known = SimpleNamespace(namespace=namespace, protocol_versions=versions)
    asked: list[Any] = []
    found: Any = SimpleNamespace(
        label="source participant",
        common_protocol_version={2: 5, 3: 34}[major],
        own_keys=lambda: list(keys),
        identity=lambda: known,
        asked=asked,
        export_key_pair=lambda *arguments: asked.append(arguments),
        require_live=lambda _step: found,
    )
    return found


def test_choosing() -> None:
    root, proto, auth = held(usage=("namespace",)), held(), held(usage=("sequencer_authentication",))
    sealed, anything = held("rsa_2048", "encryption", usage=()), held(usage=())
    source = node(root, proto, auth, sealed, namespace=root.fingerprint)
    chosen = {purpose: material_source.choose(source, None, purpose) for purpose in PURPOSES}
    assert chosen == {"namespace": root, "protocol": proto, "sequencer_authentication": auth, "encryption": sealed}
    assert material_source.choose(source, auth.fingerprint, None) is auth

    cases = [
        (node(root, namespace=root.fingerprint), None, "protocol", "key_unknown"),
        (source, "1220", None, "key_unknown"),
        (node(proto, anything), None, "protocol", "key_ambiguous"),
    ]
    for found, known, purpose, error_id in cases:
        with pytest.raises(CantonError) as caught:
            material_source.choose(found, known, purpose)
        assert caught.value.error_id == error_id
        assert found.own_keys()[0].fingerprint in caught.value.hint


@pytest.mark.parametrize(
    ("key", "error_id", "way_out"),
    [
        (held("ec_curve25519"), "key_algorithm_unfit", ["delegation", "GCP", "participant_key_rotation"]),
        (held("ec_p256", "encryption"), "key_algorithm_unfit", ["RSA-2048", "old node"]),
        (held("ec_secp256k1"), "key_algorithm_unfit", ["ec_p256"]),
        (held(kms_key_id="arn:key"), "keys_in_kms", ["delegation"]),
        (held(der=b""), "key_format_unfit", ["Rotate"]),
    ],
)
def test_keys_that_cannot_go(key: entities.Key, error_id: str, way_out: list[str]) -> None:
    with pytest.raises(CantonError) as caught:
        material_source.desired_key(node(key), key, FakeKms())
    assert caught.value.error_id == error_id
    assert all(word in caught.value.hint for word in way_out)


@pytest.mark.parametrize(("versions", "major", "asked"), [((34, 35), 3, 35), ((), 3, 34), ((), 2, 5), ((5, 7), 2, 7)])
def test_a_protocol_version_that_the_node_has(versions: tuple[int, ...], major: int, asked: int) -> None:
    key = held()
    source = node(key, versions=versions, major=major)
    material_source.export(source, key)()
    assert source.asked == [(key.fingerprint, asked)]


def test_a_process_with_a_secret_dumps_no_core_and_traces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_TRACE", "all")
    monkeypatch.setenv("GRPC_VERBOSITY", "debug")
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        wrapping.keep_secrets_in_memory()
        assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limits)
    assert not {"GRPC_TRACE", "GRPC_VERBOSITY"} & set(os.environ)
