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
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import (
    Key,
    Requirement,
    check_fits,
    pem,
    requirement,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import fingerprint

P256 = Key(state="enabled", spec="ec_p256", usage="sign_verify", arn="arn:p256")


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
    found = requirement(purpose, None, None)
    assert found is not None
    assert (found.specs[0], found.usage) == (spec, usage)


def test_purpose_takes_another_fitting_spec() -> None:
    assert requirement("namespace", "ec_p384", "sign_verify") == Requirement(
        ("ec_p384",), "sign_verify", "purpose namespace"
    )


def test_spec_alone_implies_its_usage() -> None:
    found = requirement(None, "rsa_2048", None)
    assert found is not None
    assert (found.specs, found.usage) == (("rsa_2048",), "encrypt_decrypt")


def test_nothing_asked_is_no_requirement() -> None:
    assert requirement(None, None, None) is None
    check_fits(None, P256)


@pytest.mark.parametrize(
    ("purpose", "spec", "usage", "error_id", "words"),
    [
        ("namespace", "rsa_2048", None, "key_spec_unfit", "Use ec_p256 or ec_p384 or ec_secp256k1"),
        ("encryption", "ec_p256", None, "key_spec_unfit", "Use rsa_2048"),
        ("protocol", None, "encrypt_decrypt", "key_usage_unfit", "has to be sign_verify"),
        (None, "ec_p256", "encrypt_decrypt", "key_usage_unfit", "are for sign_verify"),
        (None, "rsa_2048", "sign_verify", "key_usage_unfit", "are for encrypt_decrypt"),
        (None, None, "sign_verify", "key_spec_missing", "Name a purpose"),
    ],
)
def test_what_canton_has_no_use_for(
    purpose: str | None, spec: str | None, usage: str | None, error_id: str, words: str
) -> None:
    with pytest.raises(CantonError) as caught:
        requirement(purpose, spec, usage)
    assert caught.value.error_id == error_id
    assert words in str(caught.value)


def test_purpose_accepts_an_existing_key_of_each_fitting_spec() -> None:
    for spec in ("ec_p256", "ec_p384", "ec_secp256k1"):
        check_fits(requirement("namespace", None, None), replace(P256, spec=spec))


def test_wrong_spec_is_an_error_that_says_both() -> None:
    with pytest.raises(CantonError) as caught:
        check_fits(requirement("encryption", None, None), P256)
    assert caught.value.error_id == "key_spec_mismatch"
    assert "arn:p256 has spec ec_p256 and usage sign_verify" in str(caught.value)
    assert "purpose encryption needs rsa_2048 with encrypt_decrypt" in str(caught.value)


def test_right_spec_with_wrong_usage_is_an_error() -> None:
    with pytest.raises(CantonError, match="key_spec_mismatch"):
        check_fits(requirement("namespace", None, None), replace(P256, usage="key_agreement"))


def test_ed25519_key_is_refused_with_the_reason() -> None:
    with pytest.raises(CantonError, match="Canton can't use Ed25519 keys of AWS KMS"):
        check_fits(requirement("namespace", None, None), replace(P256, spec="ec_curve25519"))


def test_result_shows_the_public_key_in_every_form() -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    shown = replace(P256, public_key_der=der, aliases=("alias/b", "alias/a")).as_result()
    assert shown["public_key_der"] == base64.b64encode(der).decode()
    assert serialization.load_pem_public_key(str(shown["public_key_pem"]).encode()) == public
    assert shown["fingerprint"] == fingerprint("ec_p256", der)
    assert shown["aliases"] == ["alias/a", "alias/b"]


def test_pem_is_what_everyone_else_writes() -> None:
    public = rsa.generate_private_key(65537, 2048).public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    expected = public.public_bytes(serialization.Encoding.PEM, spki).decode()
    assert pem(public.public_bytes(serialization.Encoding.DER, spki)) == expected


def test_key_that_canton_does_not_know_has_no_fingerprint() -> None:
    shown = replace(P256, spec="ecc_nist_p521", public_key_der=b"der").as_result()
    assert shown["fingerprint"] is None
    assert shown["public_key_der"] == "ZGVy"
