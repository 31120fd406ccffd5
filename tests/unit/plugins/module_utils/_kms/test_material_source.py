# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which key of a participant is imported, and which cannot be."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from unit.plugins.module_utils._kms.support import FakeKms

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms import material_source
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model import entities
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import PURPOSES, fingerprint
from sandbox.wire import crypto


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
