# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Canton needs of a key in a KMS, and what every provider's key has. Speaks to no KMS."""

from __future__ import annotations

import base64
import textwrap
import typing as t
from dataclasses import dataclass

from .._errors import CantonError
from .._participant.model.keys import KEY_SPECS, KMS_KEYS, PURPOSES, fingerprint, generated_specs

View = dict[str, t.Any]
Params = t.Mapping[str, t.Any]

SIGN = "sign_verify"
ENCRYPT = "encrypt_decrypt"
# A participant needs a wrapper key only when its own key store is encrypted with it.
KMS_PURPOSES = (*PURPOSES, "wrapper")
# The tag or label with the fingerprint, that every key made for an import has.
MARK = "canton-fingerprint"
PENDING_IMPORT = "pending_import"
PENDING_DELETION = "pending_deletion"


@dataclass(frozen=True)
class Requirement:
    """The specs that a key may have, best first, and its usage; ``label`` names the purpose in messages."""

    specs: tuple[str, ...]
    usage: str
    label: str

    def is_met_by(self, key: Key) -> bool:
        return key.spec in self.specs and key.usage == self.usage


@dataclass(frozen=True)
class DesiredKey:
    """The key that a KMS is to have after an import: what the participant lists of it. ``der`` is its SubjectPublicKeyInfo."""

    fingerprint: str
    spec: str
    usage: str
    der: bytes
    label: str  # in words, for messages


@dataclass(frozen=True)
class Rotation:
    """Every how many days a symmetric key gets new material by itself; None for never."""

    period: int | None

    def as_result(self) -> dict[str, object]:
        return {"enabled": self.period is not None, "period": self.period}


NO_ROTATION = Rotation(None)


@dataclass(frozen=True)
class Key:
    """One key as a KMS shows it. It never has private material.

    ``spec``, ``usage`` and ``state`` are this collection's words where it has one, else the provider's in lower case. ``full_name`` is the ARN or the
    resource name. ``tags`` are labels in GCP. What these credentials may not read is None, and ``notes`` then says so; ``policy`` and ``rotation``
    are None when they were not read, too.
    """

    state: str
    spec: str
    usage: str
    tags: dict[str, str] | None = None
    key_id: str | None = None
    full_name: str | None = None
    origin: str | None = None
    created: str | None = None
    deletion_date: str | None = None
    public_key_der: bytes | None = None
    managed_by_provider: bool = False
    policy: dict[str, t.Any] | None = None
    rotation: Rotation | None = None
    notes: tuple[str, ...] = ()

    # What the provider calls the full name, in details of errors
    NAME: t.ClassVar[str] = "name"

    @property
    def is_pending_deletion(self) -> bool:
        return self.state == PENDING_DELETION

    def details(self, **more: object) -> dict[str, object]:
        """For errors: which key it is, for machines."""
        return {self.NAME: self.full_name, **more}

    def as_result(self) -> dict[str, object]:
        """The return value ``key`` of the modules, with the same names for every provider."""
        der = self.public_key_der
        return {
            "key_id": self.key_id,
            "arn": None,
            "state": self.state,
            "spec": self.spec,
            "usage": self.usage,
            "description": "",
            "aliases": None,
            "tags": None,
            "origin": self.origin,
            "multi_region": False,
            "primary_region": None,
            "replicas": [],
            "policy": self.policy,
            "grants": None,
            "rotation": None if self.rotation is None else self.rotation.as_result(),
            "created": self.created,
            "deletion_date": self.deletion_date,
            "public_key_pem": None if der is None else pem(der),
            "public_key_der": None if der is None else base64.b64encode(der).decode("ascii"),
            "fingerprint": fingerprint(self.spec, der) if der is not None and self.spec in KEY_SPECS else None,
        }


def usage_of(spec: str) -> str:
    """The only usage that Canton makes of a spec in a KMS (docs/canton/kms.md#keys-of-a-node-in-a-kms)."""
    return SIGN if KMS_KEYS[spec].use == "signing" else ENCRYPT


def requirement(provider: str, purpose: str | None, spec: str | None, usage: str | None) -> Requirement | None:
    """What the options demand of a key, or None when they demand nothing. Raises CantonError for what Canton can't use."""
    if spec and provider not in KMS_KEYS[spec].generated_by:
        raise CantonError(
            f"Canton can't use Ed25519 keys of {provider.upper()} KMS",
            error_id="key_spec_unfit",
            hint="Leave spec out, or choose ec_p256. In GCP KMS, Canton signs with Ed25519 from 3.4.4 on.",
        )
    if spec and usage and usage != usage_of(spec):
        raise CantonError(
            f"Canton can't use a key of spec {spec} with usage {usage}",
            error_id="key_usage_unfit",
            hint=f"Keys of spec {spec} are for {usage_of(spec)}; leave usage out, or set purpose.",
        )
    if purpose:
        return _for_purpose(provider, purpose, spec, usage)
    if spec:
        return Requirement((spec,), usage_of(spec), f"spec {spec}")
    if usage:
        raise CantonError(
            f"usage {usage} alone does not determine the spec of the key",
            error_id="key_spec_missing",
            hint="Set purpose, or spec with usage.",
        )
    return None


def _for_purpose(provider: str, purpose: str, spec: str | None, usage: str | None) -> Requirement:
    fit = generated_specs(provider, purpose if purpose in ("encryption", "wrapper") else "signing")
    if spec and spec not in fit:
        raise CantonError(
            f"A key of spec {spec} can't serve Canton as {purpose} key",
            error_id="key_spec_unfit",
            hint=f"Use {' or '.join(fit)}, or leave spec out.",
        )
    if usage and usage != usage_of(fit[0]):
        raise CantonError(
            f"A key of usage {usage} can't serve Canton as {purpose} key",
            error_id="key_usage_unfit",
            hint=f"It has to be {usage_of(fit[0])}; leave usage out.",
        )
    return Requirement((spec,) if spec else fit, usage_of(fit[0]), f"purpose {purpose}")


def probed_usage(key: Key, *, works: bool) -> str:
    """The usage that a probe has proven. Raises CantonError when the key does not work."""
    if not works:
        raise CantonError(
            f"Key {key.full_name} returned an incorrect result ({key.usage})",
            error_id="probe_failed",
            hint="Don't give this key to a node. Check that endpoint_url is the address of the KMS that the node will use.",
        )
    return key.usage


def pem(der: bytes) -> str:
    """A DER SubjectPublicKeyInfo in PEM, with a line end at the end."""
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode("ascii"), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"
