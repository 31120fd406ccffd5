# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The formats inside ``bytes`` fields and files, which reflection does not describe.

Every persisted Canton message is wrapped with its proto version. An ACS snapshot is a gzip of length-delimited wrapped ``ActiveContract``: in Canton
3 around one of the ledger API, in Canton 2 around a serialized contract. A dalf, a package as a DAR holds it, is an ``Archive``.

docs/canton/contracts.md#versioned-wrapper, docs/canton/contracts.md#snapshot, docs/canton/canton-2.md#snapshot-records
"""

from __future__ import annotations

import typing as t
from contextlib import contextmanager

from .._errors import CantonError
from .descriptors import Message, declare

_canton = declare(
    "ledgerops.canton.declared",
    {
        "UntypedVersionedMessage": {"data": (1, "bytes"), "version": (2, "int32")},
        "ActiveContract": {"active_contract": (1, "bytes")},
        "RepairContract": {"domain_id": (2, "string"), "contract": (3, "bytes")},
        # Versions 0, 1 and 2 of it agree in these fields.
        "SerializableContract": {"contract_id": (1, "string"), "metadata": (3, "ContractMetadata")},
        "ContractMetadata": {
            "non_maintainer_signatories": (1, "*string"),
            "non_signatory_stakeholders": (2, "*string"),
            "maintainers": (4, "*string"),
        },
        "SignedTopologyTransaction": {"transaction": (1, "bytes")},
        # Versions 0 to 3 of it agree in these fields.
        "TopologyTransaction": {"state_update": (1, "StateUpdate")},
        "StateUpdate": {"operation": (1, "int32"), "namespace_delegation": (3, "NamespaceDelegation")},
        "NamespaceDelegation": {
            "namespace": (1, "string"),
            "target_key": (2, "SigningPublicKey"),
            "is_root_delegation": (3, "int32"),
        },
        "SigningPublicKey": {"id": (1, "string")},
        "Archive": {"hash": (4, "string")},
    },
)

PROTO_VERSION = 30
V0 = (0,)
CONTRACT_VERSIONS = (0, 1, 2)  # protocol versions 3, 4 and 5, 6 and later
TRANSACTION_VERSIONS = (0, 1, 2, 3)  # protocol versions 3, 4 and 5, 6, 7


@contextmanager
def readable(what: str) -> t.Iterator[None]:
    """Bytes that cannot be parsed inside are a CantonError, which names ``what`` they should have been."""
    try:
        yield
    except CantonError:
        raise
    except Exception as exc:
        raise CantonError(f"{what} cannot be read", error_id="wrapper_unreadable") from exc


def _open(raw: bytes, what: str) -> Message:
    return _read("UntypedVersionedMessage", raw, f"The versioned wrapper around {what}")


def unwrap(raw: bytes, what: str, versions: t.Collection[int] = (PROTO_VERSION,)) -> bytes:
    """Take the inner bytes out of a versioned wrapper; ``what`` names the thing in the error."""
    message = _open(raw, what)
    if message.version not in versions:
        readable = ", ".join(map(str, versions))
        raise CantonError(
            f"{what} has proto version {message.version}; this collection reads version {readable}",
            error_id="wrapper_version",
            hint="Use a release of the collection that supports this version of Canton.",
        )
    return bytes(message.data)


def unwrap_active_contract(record: bytes) -> bytes:
    """The ledger API's serialized ``ActiveContract`` inside one record of an ACS snapshot."""
    return bytes(_read("ActiveContract", unwrap(record, "a contract record"), "A contract record").active_contract)


def unwrap_repair_contract(record: bytes) -> tuple[str, Message]:
    """Domain id and ``SerializableContract`` (id and stakeholders of it) inside one record of a snapshot of Canton 2."""
    outer = _read("RepairContract", unwrap(record, "a contract record", V0), "A contract record")
    inner = unwrap(outer.contract, "a contract", CONTRACT_VERSIONS)
    return outer.domain_id, _read("SerializableContract", inner, "A contract record")


def topology_version(signed: bytes) -> int:
    """The proto version of the transaction inside a wrapped ``SignedTopologyTransaction`` of Canton 2."""
    return int(_open(_transaction(signed), "a topology transaction").version)


def unwrap_delegation(signed: bytes) -> Message | None:
    """The ``StateUpdate`` inside a wrapped ``SignedTopologyTransaction`` of Canton 2, if it is about a delegation."""
    inner = unwrap(_transaction(signed), "a topology transaction", TRANSACTION_VERSIONS)
    update = _read("TopologyTransaction", inner, "A topology transaction").state_update
    return update if update.HasField("namespace_delegation") else None


def _transaction(signed: bytes) -> bytes:
    inner = unwrap(signed, "a stored topology transaction", V0)
    return bytes(_read("SignedTopologyTransaction", inner, "A stored topology transaction").transaction)


def package_id(dalf: bytes) -> str:
    """The id that an ``Archive`` gives its package."""
    return str(_read("Archive", dalf, "A package").hash)


def _read(name: str, raw: bytes, what: str) -> Message:
    with readable(what):
        return _canton(name).FromString(raw)
