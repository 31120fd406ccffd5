# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key pair that a participant exported, held so that it is not shown by accident
(docs/canton/keys.md#exporting-a-key-pair, docs/canton/canton-2.md#vault)."""

from __future__ import annotations

import typing as t

from ..._api.channel import Api
from ..._api.descriptors import Message
from ..._api.wrapper import unwrap
from ..._errors import CantonError
from ..model.key_pair import PKCS8, ExportRefused, KeyPair, KeyUnknown

PREVIEW_LINE = "canton.features.enable-preview-commands = true"


def read_pair(raw: bytes, message: t.Any, versions: t.Collection[int], spec_of: t.Callable[[t.Any], str]) -> KeyPair:
    """The pair that a node exported; ``message`` is the class CryptoKeyPair of the dialect.

    ``spec_of`` tells the spec of a private key message. No error here carries bytes of it.
    """
    inner = unwrap(raw, "An exported key pair", versions)
    try:
        pair = message.FromString(inner)
    except Exception:
        raise _unreadable() from None
    which = pair.WhichOneof("pair")
    if which is None:
        raise _unreadable()
    purpose = which.partition("_")[0]
    private = getattr(pair, which).private_key
    return KeyPair(
        fingerprint=private.id,
        purpose=purpose,
        usage=_usage(private),
        spec=spec_of(private),
        format=_format(private),
        private=private.private_key,
        pair=raw,
    )


def _unreadable() -> CantonError:
    return CantonError(
        "The key pair that the participant exported cannot be read",
        error_id="wrapper_unreadable",
        hint="Use a release of the collection that supports this version of Canton.",
    )


def _usage(private: t.Any) -> tuple[str, ...]:
    field = private.DESCRIPTOR.fields_by_name.get("usage")  # Canton 2 has none, and encryption keys have none
    if field is None:
        return ()
    by_number = field.enum_type.values_by_number
    return tuple(by_number[number].name.replace("SIGNING_KEY_USAGE_", "").lower() for number in private.usage)


def _format(private: t.Any) -> str:
    value = private.DESCRIPTOR.fields_by_name["format"].enum_type.values_by_number.get(private.format)
    name = value.name.replace("CRYPTO_KEY_FORMAT_", "").lower() if value is not None else "unknown"
    # DER is what the format of private keys was called before Canton 3 gave it its exact name (docs/canton/keys.md#key-formats)
    return PKCS8 if name in ("der", "der_pkcs8_private_key_info") else name


def export_pair(admin: Api, vault: str, fingerprint: str, protocol_version: int) -> Message:
    """The ``ExportKeyPairResponse`` of the service ``vault``. Raises KeyUnknown, or ExportRefused with the reason."""
    try:
        return admin.read(vault + "ExportKeyPair", fingerprint=fingerprint, protocol_version=protocol_version)
    except CantonError as exc:
        raise _refusal(exc, admin.endpoint.label, fingerprint) from exc


def _refusal(exc: CantonError, label: str, fingerprint: str) -> CantonError:
    """The error for a refused ExportKeyPair. The node returns no error id, so its text is compared (docs/canton/keys.md#exporting-a-key-pair)."""
    text = exc.message
    if "preview is enabled" in text:
        return ExportRefused(
            f"The {label} does not export private keys: its preview commands are off",
            error_id="preview_commands_off",
            hint=f"Set {PREVIEW_LINE} in its configuration and restart it, then run again. Remove the line and restart it as "
            "soon as the keys are imported: until then everyone who can reach the admin API can read all private keys.",
        )
    if "does not support exporting" in text:
        return ExportRefused(
            f"The {label} has its keys in a KMS, which exports no private key",
            error_id="keys_in_kms",
            hint="Register these KMS keys with the new node by their ids, or migrate by delegation.",
        )
    if "no private key found" in text:
        return KeyUnknown(
            f"The {label} has no private key {fingerprint}",
            hint="Name a key that ledgerops.canton.participant_info lists, by its full fingerprint.",
        )
    return exc
