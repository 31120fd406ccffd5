# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The identity of a participant in a file, for when the participant is stopped: fingerprints and signed topology, no secrets."""

from __future__ import annotations

import binascii
import typing as t
from dataclasses import asdict

from ..._errors import CantonError
from ..topology import delegation_file
from .initialisation import OldIdentity, OldKey

FORMAT = "ledgerops.canton identity"
VERSION = 1
Values = dict[str, t.Any]


def as_values(identity: OldIdentity) -> Values:
    return {
        "format": FORMAT,
        "version": VERSION,
        "uid": identity.uid,
        "keys": [{**asdict(key), "usage": list(key.usage)} for key in identity.keys],
        "mapped": list(identity.mapped),
        "signed": [delegation_file.encoded(raw) for raw in identity.signed],
        "sha256": delegation_file.digest(*identity.signed),
    }


def read(path: str) -> OldIdentity:
    """The identity in a file. A node verifies its signatures when it loads them."""
    values = delegation_file.read_file(path)
    if not isinstance(values, dict) or values.get("format") != FORMAT or values.get("version") != VERSION:
        raise CantonError(
            f"{path} holds no identity that this release of the collection can read",
            error_id="identity_file_foreign",
            hint="Set identity_file to a file that state recorded has written, with the same release of the collection.",
        )
    try:
        signed = tuple(delegation_file.decoded(text) for text in values["signed"])
        keys = tuple(
            OldKey(item["fingerprint"], item["purpose"], tuple(item["usage"]), item["spec"], item["name"])
            for item in values["keys"]
        )
        found = OldIdentity(values["uid"], keys, tuple(values["mapped"]), signed)
        digest = values["sha256"]
    except (KeyError, TypeError, binascii.Error, ValueError) as exc:
        raise _damaged(path) from exc
    if delegation_file.digest(*signed) != digest or not signed or not keys or "::" not in str(found.uid):
        raise _damaged(path)
    return found


def _damaged(path: str) -> CantonError:
    return CantonError(
        f"{path} is damaged",
        error_id="identity_file_damaged",
        hint="Write it again with state recorded, while the old participant still runs.",
    )
