# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Canton needs of a key in a KMS, and what such a key looks like to this collection. Speaks to no KMS."""

from __future__ import annotations

import base64
import re
import textwrap
import typing as t
from dataclasses import dataclass

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.model import Replica
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import (
    KEY_SPECS,
    fingerprint,
    generated_specs,
)

if t.TYPE_CHECKING:
    from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.model import Grant


SIGN = "sign_verify"
ENCRYPT = "encrypt_decrypt"
# The only usage that Canton makes of each spec in a KMS (docs/canton/kms.md#keys-of-a-node-in-a-kms).
USAGE_OF_SPEC = {"ec_p256": SIGN, "ec_p384": SIGN, "ec_secp256k1": SIGN, "rsa_2048": ENCRYPT, "symmetric": ENCRYPT}
# Of several specs the first one is what Canton itself creates (docs/canton/kms.md#keys-of-a-node-in-a-kms).
SPECS_OF_PURPOSE = {
    **dict.fromkeys(("namespace", "sequencer_authentication", "protocol"), generated_specs("aws", "signing")),
    "encryption": ("rsa_2048",),
    "wrapper": ("symmetric",),
}


@dataclass(frozen=True)
class Requirement:
    """The specs that will do, best first, and the usage; ``label`` says for what, in words."""

    specs: tuple[str, ...]
    usage: str
    label: str


@dataclass(frozen=True)
class Rotation:
    """Whether a symmetric key gets new material by itself, and every how many days."""

    enabled: bool
    period: int | None = None

    def as_result(self) -> dict[str, object]:
        return {"enabled": self.enabled, "period": self.period}


@dataclass(frozen=True)
class Key:
    """One key as a KMS shows it. No private material, ever.

    ``spec``, ``usage`` and ``state`` are this collection's words where it has one, else the provider's in lower case.
    ``tags`` and ``aliases`` are None when these credentials may not list them; ``notes`` then says so.
    ``policy``, ``grants`` and ``rotation`` are None when nobody asked for them too, or when there is no such thing.
    ``primary_region`` is None, and there are no ``replicas``, for a key of one region.
    """

    state: str
    spec: str
    usage: str
    description: str = ""
    tags: dict[str, str] | None = None
    aliases: tuple[str, ...] | None = None
    key_id: str | None = None
    arn: str | None = None
    origin: str | None = None
    multi_region: bool = False
    created: str | None = None
    deletion_date: str | None = None
    public_key_der: bytes | None = None
    managed_by_provider: bool = False
    policy: dict[str, t.Any] | None = None
    grants: tuple[Grant, ...] | None = None
    rotation: Rotation | None = None
    primary_region: str | None = None
    replicas: tuple[Replica, ...] = ()
    notes: tuple[str, ...] = ()

    def as_result(self) -> dict[str, object]:
        """The return value ``key`` of the modules; None stands for what isn't there or can't be known or read."""
        der = self.public_key_der
        return {
            "key_id": self.key_id,
            "arn": self.arn,
            "state": self.state,
            "spec": self.spec,
            "usage": self.usage,
            "description": self.description,
            "aliases": None if self.aliases is None else sorted(self.aliases),
            "tags": self.tags,
            "origin": self.origin,
            "multi_region": self.multi_region,
            "primary_region": self.primary_region,
            "replicas": [{"region": each.region, "arn": each.arn} for each in self.replicas],
            "policy": self.policy,
            "grants": None if self.grants is None else [each.as_result() for each in self.grants],
            "rotation": None if self.rotation is None else self.rotation.as_result(),
            "created": self.created,
            "deletion_date": self.deletion_date,
            "public_key_pem": None if der is None else pem(der),
            "public_key_der": None if der is None else base64.b64encode(der).decode("ascii"),
            "fingerprint": fingerprint(self.spec, der) if der is not None and self.spec in KEY_SPECS else None,
        }


def requirement(purpose: str | None, spec: str | None, usage: str | None) -> Requirement | None:
    """What is asked of a key in AWS KMS, see ``requirement_by``."""
    return requirement_by(SPECS_OF_PURPOSE, USAGE_OF_SPEC, purpose, spec, usage)


def requirement_by(
    specs: t.Mapping[str, tuple[str, ...]],
    usages: t.Mapping[str, str],
    purpose: str | None,
    spec: str | None,
    usage: str | None,
) -> Requirement | None:
    """What is asked of a key, or None when nothing is. Raises CantonError for what Canton has no use for.

    ``specs`` and ``usages`` are what Canton uses of the provider's KMS: specs by purpose, usage by spec.
    """
    if spec and usage and usage != usages[spec]:
        raise CantonError(
            f"Canton has no use for a key of spec {spec} with usage {usage}",
            error_id="key_usage_unfit",
            hint=f"Keys of spec {spec} are for {usages[spec]}; leave usage out, or name a purpose.",
        )
    if purpose:
        return _for_purpose(purpose, spec, usage, specs, usages)
    if spec:
        return Requirement((spec,), usages[spec], f"spec {spec}")
    if usage:
        raise CantonError(
            f"usage {usage} alone doesn't say which key is wanted",
            error_id="key_spec_missing",
            hint="Name a purpose, or a spec with the usage.",
        )
    return None


def _for_purpose(
    purpose: str,
    spec: str | None,
    usage: str | None,
    specs: t.Mapping[str, tuple[str, ...]],
    usages: t.Mapping[str, str],
) -> Requirement:
    fit = specs[purpose]
    if spec and spec not in fit:
        raise CantonError(
            f"A key of spec {spec} can't serve Canton as {purpose} key",
            error_id="key_spec_unfit",
            hint=f"Use {' or '.join(fit)}, or leave spec out.",
        )
    if usage and usage != usages[fit[0]]:
        raise CantonError(
            f"A key of usage {usage} can't serve Canton as {purpose} key",
            error_id="key_usage_unfit",
            hint=f"It has to be {usages[fit[0]]}; leave usage out.",
        )
    return Requirement((spec,) if spec else fit, usages[fit[0]], f"purpose {purpose}")


def check_probe(params: t.Mapping[str, t.Any]) -> None:
    """Raise CantonError when the options want a key proven that they take out of use."""
    if params["probe"] and (params["enabled"] is False or params["state"] == "absent"):
        raise CantonError(
            "A key that is to be disabled or deleted can't be probed",
            "value_invalid",
            "Set probe to false, or leave the key enabled.",
        )


def proven(key: Key, good: bool) -> str:
    """The usage that a probe has proven. Raises CantonError when it has not."""
    if not good:
        raise CantonError(
            f"Key {key.arn} answers, but what it answers is wrong ({key.usage})",
            error_id="probe_failed",
            hint="Don't give this key to a node. Check that endpoint_url leads to the KMS which the node will use.",
        )
    return key.usage


def check_fits(wanted: Requirement | None, key: Key) -> None:
    """Raise CantonError when the key that is there isn't what is asked: spec and usage of a key never change."""
    if wanted is None or (key.spec in wanted.specs and key.usage == wanted.usage):
        return
    reason = " Canton can't use Ed25519 keys of AWS KMS at all." if key.spec == "ec_curve25519" else ""
    raise CantonError(
        f"Key {key.arn} has spec {key.spec} and usage {key.usage}, but {wanted.label} needs "
        f"{' or '.join(wanted.specs)} with {wanted.usage}",
        error_id="key_spec_mismatch",
        hint=f"Spec and usage of a key never change.{reason} Choose another alias or key_id, or ask for what "
        "the key is.",
        details={"arn": key.arn, "spec": key.spec, "usage": key.usage},
    )


def snake(word: str) -> str:
    """A provider's ``PendingDeletion`` as ``pending_deletion``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower()


def pem(der: bytes) -> str:
    """A DER SubjectPublicKeyInfo in PEM, with a line end at the end."""
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode("ascii"), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"
