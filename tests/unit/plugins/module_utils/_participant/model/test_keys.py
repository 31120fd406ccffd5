# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fingerprints and names of keys."""

from __future__ import annotations

import hashlib

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model import keys

ED25519_SPKI = bytes.fromhex("302a300506032b6570032100") + bytes(range(32))


def test_ed25519_hashes_the_raw_key() -> None:
    # docs/canton/keys.md#fingerprints
    expected = "122093aa96c5554371f0d1fd471ce282f3b590ab0758f35c124924c8e3715910bbe1"
    assert keys.fingerprint("ec_curve25519", ED25519_SPKI) == expected


@pytest.mark.parametrize("spec", ["ec_p256", "ec_p384", "ec_secp256k1", "rsa_2048"])
def test_every_other_spec_hashes_the_whole_der(spec: str) -> None:
    expected = "1220" + hashlib.sha256(b"\x00\x00\x00\x0c" + b"some DER").hexdigest()
    assert keys.fingerprint(spec, b"some DER") == expected


def test_unknown_spec_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no key spec 'symmetric'; it knows ec_curve25519, ec_p256"):
        keys.fingerprint("symmetric", b"some DER")


@pytest.mark.parametrize("der", [bytes(range(32)), ED25519_SPKI[:-1], b"\x30" * 44])
def test_ed25519_refuses_what_is_not_its_spki(der: bytes) -> None:
    with pytest.raises(ValueError, match="not the DER SubjectPublicKeyInfo of an Ed25519 key"):
        keys.fingerprint("ec_curve25519", der)


def test_enum_names_go_both_ways() -> None:
    assert keys.signing_enum("ec_secp256k1") == "SIGNING_KEY_SPEC_EC_SECP256K1"
    assert keys.encryption_enum("rsa_2048") == "ENCRYPTION_KEY_SPEC_RSA_2048"
    assert all(keys.spec_of(keys.signing_enum(spec)) == spec for spec in keys.SIGNING_SPECS)
    assert all(keys.spec_of(keys.encryption_enum(spec)) == spec for spec in keys.ENCRYPTION_SPECS)
    assert keys.spec_of("SIGNING_KEY_SPEC_UNSPECIFIED") is None


def test_canton_does_not_sign_with_rsa() -> None:
    with pytest.raises(KeyError):
        keys.signing_enum("rsa_2048")


def test_what_is_imported_into_a_kms_is_generated_there_too() -> None:
    for provider in keys.KMS_PROVIDERS:
        signing = keys.generated_specs(provider, "signing")
        assert signing[0] == "ec_p256" and ("ec_curve25519" in signing) is (provider == "gcp")
        assert keys.imported_specs(provider) == (*signing, "rsa_2048")
        assert keys.generated_specs(provider, "wrapper") == ("symmetric",)
        for spec, signs in (("ec_p256", True), ("rsa_2048", False)):
            assert keys.can_import(provider, spec, signs=signs)
            assert not keys.can_import(provider, spec, signs=not signs)
