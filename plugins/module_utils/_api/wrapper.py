# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The formats that travel inside ``bytes`` fields, which reflection does not know.

Every persisted Canton message is wrapped with its proto version (admin-api-3 B5), and an ACS snapshot is a gzip of
length-delimited wrapped ``ActiveContract`` (part F).
"""

from __future__ import annotations

from ansible_collections.ledgerops.canton.plugins.module_utils._api.descriptors import declare
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError

_canton = declare(
    "ledgerops.canton.declared",
    {
        "UntypedVersionedMessage": {"data": (1, "bytes"), "version": (2, "int32")},
        "ActiveContract": {"active_contract": (1, "bytes")},
    },
)

PROTO_VERSION = 30


def unwrap(raw: bytes, what: str) -> bytes:
    """Take the inner bytes out of a versioned wrapper; ``what`` names the thing in the error."""
    try:
        message = _canton("UntypedVersionedMessage").FromString(raw)
    except Exception as exc:
        raise CantonError(f"The versioned wrapper around {what} cannot be read", error_id="wrapper_unreadable") from exc
    if message.version != PROTO_VERSION:
        raise CantonError(
            f"{what} comes in proto version {message.version}; this collection reads version {PROTO_VERSION}",
            error_id="wrapper_version",
            hint="Use a release of the collection that knows this version of Canton.",
        )
    return bytes(message.data)


def unwrap_active_contract(record: bytes) -> bytes:
    """The ledger API's serialized ``ActiveContract`` inside one record of an ACS snapshot."""
    inner = unwrap(record, "a contract record")
    try:
        return bytes(_canton("ActiveContract").FromString(inner).active_contract)
    except Exception as exc:
        raise CantonError("A contract record cannot be read", error_id="wrapper_unreadable") from exc
