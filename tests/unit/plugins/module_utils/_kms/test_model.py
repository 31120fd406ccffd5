# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Canton needs of a key."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import Key, Requirement, pem, requirement
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import fingerprint

P256 = Key(state="enabled", spec="ec_p256", usage="sign_verify", full_name="arn:p256")


@pytest.mark.parametrize(
    ("purpose", "spec", "usage"),
    [
        ("namespace", "ec_p256", "sign_verify"),
        ("sequencer_authentication", "ec_p256", "sign_verify"),
        ("protocol", "ec_p256", "sign_verify"),
        ("encryption", "rsa_2048", "encrypt_decrypt"),
        ("wrapper", "symmetric", "encrypt_decrypt"),
    ],
)
def test_purpose_decides_spec_and_usage(purpose: str, spec: str, usage: str) -> None:
    found = requirement("aws", purpose, None, None)
    assert found is not None
    assert (found.specs[0], found.usage) == (spec, usage)


def test_purpose_takes_another_fitting_spec() -> None:
    assert requirement("aws", "namespace", "ec_p384", "sign_verify") == Requirement(
        ("ec_p384",), "sign_verify", "purpose namespace"
    )


def test_spec_alone_implies_its_usage() -> None:
    found = requirement("aws", None, "rsa_2048", None)
    assert found is not None
    assert (found.specs, found.usage) == (("rsa_2048",), "encrypt_decrypt")


def test_nothing_asked_is_no_requirement() -> None:
    assert requirement("aws", None, None, None) is None


@pytest.mark.parametrize(
    ("purpose", "spec", "usage", "error_id", "words"),
    [
        ("namespace", "rsa_2048", None, "key_spec_unfit", "Use ec_p256 or ec_p384 or ec_secp256k1"),
        ("encryption", "ec_p256", None, "key_spec_unfit", "Use rsa_2048"),
        ("protocol", None, "encrypt_decrypt", "key_usage_unfit", "has to be sign_verify"),
        (None, "ec_p256", "encrypt_decrypt", "key_usage_unfit", "are for sign_verify"),
        (None, "rsa_2048", "sign_verify", "key_usage_unfit", "are for encrypt_decrypt"),
        (None, None, "sign_verify", "key_spec_missing", "Set purpose"),
    ],
)
def test_what_canton_has_no_use_for(
    purpose: str | None, spec: str | None, usage: str | None, error_id: str, words: str
) -> None:
    with pytest.raises(CantonError) as caught:
        requirement("aws", purpose, spec, usage)
    assert caught.value.error_id == error_id
    assert words in str(caught.value)


def test_result_shows_the_public_key_in_every_form() -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    shown = replace(P256, public_key_der=der).as_result()
    assert shown["public_key_der"] == base64.b64encode(der).decode()
    assert serialization.load_pem_public_key(str(shown["public_key_pem"]).encode()) == public
    assert shown["fingerprint"] == fingerprint("ec_p256", der)


def test_pem_is_what_everyone_else_writes() -> None:
    public = rsa.generate_private_key(65537, 2048).public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    expected = public.public_bytes(serialization.Encoding.PEM, spki).decode()
    assert pem(public.public_bytes(serialization.Encoding.DER, spki)) == expected


def test_key_that_canton_does_not_know_has_no_fingerprint() -> None:
    shown = replace(P256, spec="ecc_nist_p521", public_key_der=b"der").as_result()
    assert shown["fingerprint"] is None
    assert shown["public_key_der"] == "ZGVy"
