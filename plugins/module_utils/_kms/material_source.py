# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of a participant's keys is meant, and whether it can go into a KMS at all. Asks for no private key
(docs/canton/kms.md#keys-that-can-be-imported)."""

from __future__ import annotations

import typing as t

from .._errors import CantonError
from .._participant.model.entities import Key
from .._participant.model.interface import Reader
from .._participant.model.key_pair import KeyPair
from .._participant.model.keys import serves
from . import wrapping
from .interface import Importer
from .model import ENCRYPT, SIGN, DesiredKey


def choose(participant: Reader, fingerprint: str | None, purpose: str | None) -> Key:
    """The participant's own key with this fingerprint, or its only one for this purpose. CantonError for none or several."""
    keys = participant.own_keys()
    if fingerprint:
        found = [key for key in keys if key.fingerprint == fingerprint]
        what = f"key {fingerprint}"
    else:
        namespace = participant.identity().namespace
        found = [key for key in keys if _serves(key, purpose or "", namespace)]
        what = f"{purpose} key"
    if not found:
        raise CantonError(
            f"The {participant.label} has no {what} of its own",
            error_id="key_unknown",
            hint=f"Set fingerprint to the whole fingerprint of one of its keys. It has: {_listed(keys)}.",
        )
    if len(found) > 1:
        raise CantonError(
            f"The {participant.label} has {len(found)} keys that serve as {what}",
            error_id="key_ambiguous",
            hint=f"Set fingerprint to one of: {_listed(found)}.",
        )
    return found[0]


def _serves(key: Key, purpose: str, namespace: str) -> bool:
    if purpose == "namespace":
        return key.fingerprint == namespace or (not namespace and purpose in key.usage)
    return key.fingerprint != namespace and serves(key, purpose)


def _listed(keys: t.Sequence[Key]) -> str:
    return ", ".join(f"{key.fingerprint} ({key.name or key.purpose}, {key.spec})" for key in keys) or "none"


def desired_key(participant: Reader, key: Key, importer: Importer[t.Any]) -> DesiredKey:
    """What the KMS is to have for this key. CantonError that says what to do when Canton could not use it there."""
    label = f"{key.purpose} key {key.fingerprint} of the {participant.label}"
    if key.kms_key_id:
        raise CantonError(
            f"The {label} is already in a KMS, with the id {key.kms_key_id}",
            error_id="keys_in_kms",
            hint="A KMS never exports a private key. Register this id with the new node, or migrate to a new participant by namespace delegation.",
        )
    if key.purpose == "encryption":
        _refuse_ecies(key, label, importer)
    elif key.spec not in importer.specs:
        raise _unfit(key, label, importer)
    spec = wrapping.spec_of_public(key.der)
    if spec != key.spec:
        raise CantonError(
            f"The public key of the {label} cannot be read as {key.spec}",
            error_id="key_format_unfit",
            hint="It comes from an old key store. Rotate it to a new key on the old node first, and import that.",
        )
    return DesiredKey(key.fingerprint, spec, ENCRYPT if key.purpose == "encryption" else SIGN, key.der, label)


def _refuse_ecies(key: Key, label: str, importer: Importer[t.Any]) -> None:
    if key.spec == "rsa_2048":
        return
    raise CantonError(
        f"The {label} is an ECIES key, and Canton decrypts with RSA-2048 only in {importer.provider}",
        error_id="key_algorithm_unfit",
        hint="On the old node, generate an RSA-2048 encryption key, add it to the node's owner-to-key mapping, wait until it is in "
        "force on every synchronizer, and remove the old one (ledgerops.canton.participant_key_rotation). Then import that key.",
        details={"spec": key.spec},
    )


def _unfit(key: Key, label: str, importer: Importer[t.Any]) -> CantonError:
    if key.spec != "ec_curve25519":
        return CantonError(
            f"The {label} has spec {key.spec}, which Canton can't use in {importer.provider}",
            error_id="key_algorithm_unfit",
            hint=f"These can be imported there: {', '.join(sorted(importer.specs))}.",
            details={"spec": key.spec},
        )
    return CantonError(
        f"The {label} is an Ed25519 key, which Canton can't use in {importer.provider}, imported or not",
        error_id="key_algorithm_unfit",
        hint=_ED25519_HINT,
        details={"spec": key.spec},
    )


_ED25519_HINT = (
    "A namespace key can't be rotated: migrate to a new participant by namespace delegation, which needs no import, or import it "
    "into GCP KMS, where Canton 3.4.4 and later sign with Ed25519. Any other signing key: rotate it on the old node to a P-256 "
    "key first (ledgerops.canton.participant_key_rotation), and import that."
)


def export(participant: Reader, key: Key) -> t.Callable[[], KeyPair]:
    """A function that asks the participant for the pair. Needs preview commands on the node."""

    def ask() -> KeyPair:
        node = participant.require_live("exporting a key")
        version = max(node.identity().protocol_versions, default=node.common_protocol_version)
        return node.export_key_pair(key.fingerprint, version)

    return ask
