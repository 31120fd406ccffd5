# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hashes, fingerprints and key formats against vectors and against each other."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization

from sandbox.wire import crypto, definitions
from sandbox.wire.release import release

MESSAGES = definitions.messages(release("3.5"))


def test_fingerprint_of_an_ed25519_key_is_that_of_its_raw_bytes() -> None:
    raw = bytes(range(32))
    spki = bytes.fromhex("302a300506032b6570032100") + raw
    expected = "122093aa96c5554371f0d1fd471ce282f3b590ab0758f35c124924c8e3715910bbe1"
    assert crypto.signing_fingerprint(spki, crypto.ED25519) == expected
    whole = "1220794c64a1888dac3fe2b4968546e0e54abf264661585b67e6ccdb93ffcddb9030"
    assert crypto.encryption_fingerprint(spki) == whole


def test_transaction_hash_and_wrapper_match_the_vector() -> None:
    wrapped = MESSAGES.wrap(bytes.fromhex("08011001"))
    assert wrapped.hex() == "0a0408011001101e"
    expected = "122090a3ecb64bcab9ffd81a480a723ac455fdeb2b3e39c4b9770a92f9779721d544"
    assert crypto.transaction_hash(wrapped).hex() == expected
    assert MESSAGES.unwrap(wrapped).hex() == "08011001"


@pytest.mark.parametrize("spec", [crypto.ED25519, crypto.P256, crypto.P384, crypto.SECP256K1])
def test_signatures_verify_only_as_they_were_made(spec: int) -> None:
    public_der, private = crypto.generate_signing(spec)
    key = MESSAGES.cls("crypto.v30.SigningPublicKey")(public_key=public_der, key_spec=spec, format=crypto.SPKI)
    signature = MESSAGES.cls("crypto.v30.Signature")(
        signature=crypto.sign(private, spec, b"data"),
        format=crypto.signature_format(spec),
        signing_algorithm_spec=crypto.algorithm(spec),
    )
    assert crypto.public_of(private) == public_der
    assert crypto.spec_of(public_der) == spec
    assert crypto.verify(key, signature, b"data")
    assert not crypto.verify(key, signature, b"other data")
    signature.format = 1
    assert not crypto.verify(key, signature, b"data")


def test_p256_private_keys_have_the_length_of_a_real_node_s_export() -> None:
    public_der, private = crypto.generate_signing(crypto.P256)
    assert len(private) == 150
    loaded = serialization.load_der_private_key(private, password=None)
    assert crypto.spki(loaded.public_key()) == public_der
