# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a key in GCP KMS looks like to this collection, and which keys Canton can use there. Speaks to no KMS.

A key of GCP has versions. Canton 3.4 and 3.5 sign and decrypt with version 1 and no other, so that version is the key here;
only a wrapper key, which the KMS itself leads to the right version, may have several.

docs/canton/kms-gcp.md#version-1, docs/canton/kms-gcp.md#names-of-a-wrapper-key
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ..._errors import CantonError
from ..model import ENCRYPT, PENDING_DELETION, SIGN, Key

ED25519 = "ec_curve25519"
# Our words and GCP's. RSA has several algorithms for one spec: Canton decrypts with this one only.
ALGORITHMS = {
    "ec_p256": "EC_SIGN_P256_SHA256",
    "ec_p384": "EC_SIGN_P384_SHA384",
    "ec_secp256k1": "EC_SIGN_SECP256K1_SHA256",
    ED25519: "EC_SIGN_ED25519",
    "rsa_2048": "RSA_DECRYPT_OAEP_2048_SHA256",
    "symmetric": "GOOGLE_SYMMETRIC_ENCRYPTION",
}
_SPECS = {theirs: ours for ours, theirs in ALGORITHMS.items()}
_USAGES = {"ASYMMETRIC_SIGN": SIGN, "ASYMMETRIC_DECRYPT": ENCRYPT, "ENCRYPT_DECRYPT": ENCRYPT}
# AWS's words for the same states, where it has one: roles read them.
_STATES = {"DESTROY_SCHEDULED": PENDING_DELETION}
PROTECTION_LEVELS = ("hsm", "software")

GENERATING = "pending_generation"
DESTROYED = "destroyed"
IMPORT_FAILED = "import_failed"

DAY = 24 * 3600
_ID = re.compile(r"[a-zA-Z0-9_-]{1,63}")
_PROJECT = re.compile(r"[a-z0-9.:-]{1,100}")
_LOCATION = re.compile(r"[a-z0-9-]{1,63}")
LABEL_LENGTH = 63
_LABEL_NAME = re.compile(r"[^\W\d_][\w-]{0,62}")
_LABEL_VALUE = re.compile(r"[\w-]{0,63}")

ED25519_NOTE = "Canton signs with Ed25519 keys of GCP KMS from 3.4.4 on; older nodes refuse them."


@dataclass(frozen=True)
class Ring:
    """Where keys are: a key ring of a project in a location."""

    project: str
    location: str
    key_ring: str

    @property
    def parent(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def path(self) -> str:
        return f"{self.parent}/keyRings/{self.key_ring}"

    def key(self, name: str) -> str:
        return f"{self.path}/cryptoKeys/{name}"


@dataclass(frozen=True)
class Version:
    """One version of a key: its number and its state, in our words."""

    number: int
    state: str


@dataclass(frozen=True)
class GcpKey(Key):
    """A ``Key`` of GCP. ``full_name`` is the resource name, and ``tags`` are the labels.

    ``versions`` are those that the key is made of: the first one, or all of a symmetric key; none before an import.
    ``destroy_days`` is how long a version waits for its destruction. ``failure`` is why a generation or an import failed.
    """

    protection_level: str = ""
    algorithm: str = ""
    destroy_days: int | None = None
    versions: tuple[Version, ...] = ()
    failure: str = ""

    NAME = "resource_name"

    def as_result(self) -> dict[str, object]:
        return {
            **super().as_result(),
            "resource_name": self.full_name,
            "labels": self.tags,
            "protection_level": self.protection_level,
            "algorithm": self.algorithm,
            "destroy_scheduled_duration": self.destroy_days,
        }


def ring(project: str, location: str, key_ring: str) -> Ring:
    """The ring that the options name. Raises CantonError for what can't be such a name."""
    _check("project", project, _PROJECT, "It is the project's id, such as my-project-1.")
    _check(
        "location", location, _LOCATION, "It is a region such as europe-west3, a multi-region such as eur4, or global."
    )
    _check("key_ring", key_ring, _ID, "Use up to 63 letters, digits, and the signs _ - only.")
    return Ring(project, location, key_ring)


def key_name(text: str) -> str:
    """The name of a key inside its ring. Raises CantonError for what can't be one: a whole resource name is none."""
    return _check(
        "name", text, _ID, "Use up to 63 letters, digits, and the signs _ - only, without what is in front of it."
    )


def _check(option: str, text: str, form: re.Pattern[str], hint: str) -> str:
    if not form.fullmatch(text):
        raise CantonError(f"{text!r} can't be the {option} of a key in GCP KMS", "name_invalid", hint)
    return text


def spec_of(algorithm: str) -> str:
    return _SPECS.get(algorithm, algorithm.lower())


def usage_of(purpose: str) -> str:
    return _USAGES.get(purpose, purpose.lower())


def state_of(state: str) -> str:
    return _STATES.get(state, state.lower())


def purpose_of(spec: str) -> str:
    """GCP's word for what a key of this spec is for."""
    if spec == "symmetric":
        return "ENCRYPT_DECRYPT"
    return "ASYMMETRIC_DECRYPT" if spec == "rsa_2048" else "ASYMMETRIC_SIGN"


def check_protection(spec: str, protection_level: str) -> None:
    """Raise CantonError for a key that GCP can't generate."""
    if spec == "ec_secp256k1" and protection_level != "hsm":
        raise CantonError(
            "GCP KMS has keys on the curve secp256k1 with protection level hsm only",
            error_id="protection_level_unfit",
            hint="Leave protection_level out, or choose another spec.",
        )


def days(seconds: float) -> int:
    """Whole days, rounded up, so that a part of a day is never shown as none."""
    return int(-(-seconds // DAY))


def labels(option: t.Mapping[str, t.Any] | None) -> dict[str, str] | None:
    """Labels as GCP accepts them. Raises CantonError for those that it refuses."""
    if option is None:
        return None
    texts = {str(name): str(value) for name, value in option.items()}
    for name, value in texts.items():
        small = name == name.lower() and value == value.lower()
        if not (small and _LABEL_NAME.fullmatch(name) and _LABEL_VALUE.fullmatch(value)):
            raise CantonError(
                f"GCP refuses the label {name!r} with the value {value!r}",
                error_id="label_invalid",
                hint="Use lower-case letters, digits, and the signs _ - only, 63 at most, and begin the name with a letter.",
            )
    if len(texts) > 64:
        raise CantonError(f"There are {len(texts)} labels", "label_invalid", "Set 64 at most.")
    return texts
