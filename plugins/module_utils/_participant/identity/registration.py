# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registration of KMS keys on a node: what it has of them, what may be registered, and the call, proven by the node's own list.

A node takes a registration once. A second one with another name or usage it refuses without a reason, and one with another id of the
same key it accepts and forgets (docs/canton/keys.md#registering-a-kms-key). So what can be compared is compared before.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ..._errors import CantonError, ConnectionFailed
from ..._waiting import wait_for
from ..model.entities import Key
from ..model.interface import Canton3, Participant
from ..model.keys import PROOF_OF_OWNERSHIP, PURPOSES, serves

MAX_KMS_KEY_ID = 300  # characters (docs/canton/keys.md#registering-a-kms-key)
LISTED_SECONDS = 30.0  # a node lists what it has registered at once, unless a read lags behind
STORED_ONCE = (
    "Existing public key"  # how the text of the refusal begins (docs/canton/keys.md#a-public-key-is-stored-once)
)


@dataclass(frozen=True)
class Wanted:
    """One KMS key that the node is to register. ``fingerprint`` is empty where any key will do."""

    purpose: str
    kms_key_id: str
    name: str
    usage: tuple[str, ...]
    fingerprint: str = ""


def require_canton_3(participant: Participant) -> Canton3:
    node = participant.as_canton_3()
    if node is None:
        raise CantonError(
            f"The {participant.label} runs Canton 2, for which this collection does not manage identity and keys",
            error_id="canton_2",
            hint="Set init.auto-init so that the node creates its keys in the KMS itself, and migrate with method delegation.",
        )
    return node


def name_of(purpose: str, kms_key_id: str) -> str:
    """The name of a key that got none: a node takes 300 characters."""
    return f"{purpose}-{kms_key_id}"[-300:]


def registered(own: t.Iterable[Key], wanted: Wanted) -> Key | None:
    """The key of the vault that is this KMS key. By fingerprint where it is known: a KMS key has more than one name."""
    for key in own:
        if wanted.fingerprint and key.fingerprint == wanted.fingerprint and key.kms_key_id:
            return key
        if not wanted.fingerprint and key.kms_key_id == wanted.kms_key_id:
            return key
    return None


def desired(
    participant: Canton3, purpose: str, kms_key_id: str, name: str | None, fingerprint: str
) -> tuple[Wanted, Key | None]:
    """The registration of a KMS key on a running node, and the key if it is registered already. Changes nothing.

    The name and the usages are those under which the node stores the public key, if it does: others it refuses. ``fingerprint`` is
    empty when it is not known; then less can be refused here.
    """
    if not 0 < len(kms_key_id) <= MAX_KMS_KEY_ID:
        raise CantonError(
            f"The kms_key_id has {len(kms_key_id)} characters",
            error_id="kms_key_id_invalid",
            hint=f"Set the id of a KMS key, 1 to {MAX_KMS_KEY_ID} characters.",
        )
    wanted = Wanted(purpose, kms_key_id, name or name_of(purpose, kms_key_id), PURPOSES[purpose], fingerprint)
    own = participant.own_keys()
    found = registered(own, wanted)
    if found is None and fingerprint and any(key.fingerprint == fingerprint for key in own):
        raise CantonError(
            f"The {participant.label} holds the private key of {fingerprint} in its own store",
            error_id="key_held_by_node",
            hint="Register the KMS key on the node after its crypto provider is kms: then it no longer uses its own store.",
            details={"fingerprint": fingerprint},
        )
    if found is not None:
        _refuse_other_id(participant, wanted, found)
    stored = found or next((key for key in participant.public_keys() if key.fingerprint == fingerprint), None)
    if stored is None:
        return wanted, None
    if name not in (None, stored.name) or not serves(stored, purpose):
        raise _stored_otherwise(participant, stored)
    usage = tuple(word for word in stored.usage if word != PROOF_OF_OWNERSHIP)
    return replace(wanted, name=stored.name, usage=usage or wanted.usage), found


def _stored_otherwise(participant: Canton3, stored: Key) -> CantonError:
    usage = " and ".join(word for word in stored.usage if word != PROOF_OF_OWNERSHIP) or stored.purpose
    return CantonError(
        f"The {participant.label} stores the public key {stored.fingerprint} as {stored.name!r} for {usage}, and registers it by no "
        "other name and for nothing else",
        error_id="stored_otherwise",
        hint=f"Leave name out, or set it to {stored.name!r}, and set purpose to what the key is for.",
        details={"fingerprint": stored.fingerprint, "name": stored.name, "usage": list(stored.usage)},
    )


def refuse_other_key(participant: Canton3, item: Wanted, fingerprint: str, consequence: str = "") -> None:
    """Refuse a KMS key whose fingerprint is not the one that is wanted; ``consequence`` is what did not happen."""
    if item.fingerprint and fingerprint != item.fingerprint:
        raise CantonError(
            f"KMS key {item.kms_key_id} is not the {item.purpose} key that the {participant.label} is to get: its fingerprint is "
            f"{fingerprint}, not {item.fingerprint}",
            error_id="other_key",
            hint=f"Set kms_key_id to the KMS key with this public key (kms_key_material imports a key). {consequence}".strip(),
            details={"kms_key_id": item.kms_key_id, "fingerprint": fingerprint},
        )


def _refuse_other_id(participant: Canton3, item: Wanted, key: Key) -> None:
    if key.kms_key_id != item.kms_key_id:
        raise CantonError(
            f"The {participant.label} knows the key {key.fingerprint} as KMS key {key.kms_key_id}, not as {item.kms_key_id}",
            error_id="registered_with_other_id",
            hint="A node answers OK to another id for the same key and keeps the old one. Set kms_key_id to the id that it has; after "
            "a move to another KMS, use a key of its own there.",
            details={"fingerprint": key.fingerprint, "kms_key_id": key.kms_key_id},
        )


def register(participant: Canton3, item: Wanted, consequence: str = "") -> Key:
    """The KMS key as a key of the node, registered if it is not yet; with the requested usages."""
    key = registered(participant.own_keys(), item)
    if key is None:
        key = _send_registration(participant, item, consequence)
    _check_usage(participant, item, key)
    return key


def _send_registration(participant: Canton3, item: Wanted, consequence: str) -> Key:
    try:
        if item.usage:
            answer = participant.register_kms_signing_key(item.kms_key_id, item.name, item.usage)
        else:
            answer = participant.register_kms_encryption_key(item.kms_key_id, item.name)
    except ConnectionFailed:
        raise
    except CantonError as exc:
        raise _refused(participant, item, exc) from exc
    refuse_other_key(participant, item, answer.fingerprint, consequence)
    known = replace(item, fingerprint=answer.fingerprint)
    _reached, shown = wait_for(lambda: registered(participant.own_keys(), known), LISTED_SECONDS)
    if shown is None:
        raise CantonError(
            f"The {participant.label} registered KMS key {item.kms_key_id} but does not list it",
            error_id="kms_key_not_listed",
            hint="Run again. If this fails again, check the node's log.",
        )
    _refuse_other_id(participant, item, shown)
    return shown


def _refused(participant: Canton3, item: Wanted, exc: CantonError) -> CantonError:
    """The node returns no reason: its error is redacted, or a bare text about its key store
    (docs/canton/keys.md#registering-a-kms-key, docs/canton/keys.md#a-public-key-is-stored-once)."""
    details: dict[str, object] = {"kms_key_id": item.kms_key_id, "purpose": item.purpose}
    if STORED_ONCE in exc.message:
        return CantonError(
            f"The {participant.label} stores the public key of KMS key {item.kms_key_id} under another name than {item.name!r}, or for "
            f"another purpose ({exc.message})",
            error_id="stored_otherwise",
            hint="Register it with the name and the purpose that the node has for this key: participant_kms_key finds the name when it "
            "may read the key in the KMS.",
            details=details,
        )
    return CantonError(
        f"The {participant.label} refused to register KMS key {item.kms_key_id} as {item.purpose} key ({exc.message})",
        error_id="kms_key_refused",
        hint="Check that the node uses a KMS (crypto.provider = kms) of the key's account and region, that the key exists, is "
        f"enabled and is for {'signing (P-256, P-384 or secp256k1)' if item.usage else 'decryption (RSA-2048)'}, that the node may "
        "describe it and get its public key, and that the node has not registered it with another name or usage. The node's log has the reason.",
        details=details,
    )


def _check_usage(participant: Canton3, item: Wanted, key: Key) -> None:
    own, wanted = (tuple(sorted(set(usage) - {PROOF_OF_OWNERSHIP})) for usage in (key.usage, item.usage))
    if own != wanted:
        raise CantonError(
            f"The {participant.label} knows KMS key {item.kms_key_id} as {key.name!r} for {' and '.join(own) or 'encryption'}, not for "
            f"{item.purpose}",
            error_id="registered_otherwise",
            hint="A key is registered once, with its usages. Use another KMS key for this purpose, or begin with an empty database.",
            details={"kms_key_id": item.kms_key_id, "usage": list(own)},
        )
