# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the parts of the v0 dialect have in common: names, small messages, and the rows of topology stores."""

from __future__ import annotations

import typing as t

from ..._api.channel import Api
from ..._api.descriptors import Message
from ..model.entities import AUTHORIZED, Delegation, Key, Permission, Restriction
from ..model.keys import ED25519_SPKI_PREFIX
from .node import LedgerAdmin

CANTON = "com.digitalasset.canton."
PARTICIPANT = CANTON + "participant.admin.v0."
LEDGER = "com.daml.ledger.api.v1."
TOPOLOGY = CANTON + "topology.admin.v0."
VAULT = CANTON + "crypto.admin.v0.VaultService/"
STATUS = PARTICIPANT + "ParticipantStatusService/ParticipantStatus"
OLD_STATUS = CANTON + "health.admin.v0.StatusService/Status"
CONNECTIVITY = PARTICIPANT + "DomainConnectivityService/"
PACKAGES = PARTICIPANT + "PackageService/"
REPAIR = PARTICIPANT + "ParticipantRepairService/"
IN_FLIGHT = PARTICIPANT + "InspectionService/CountInFlight"
IDENTITY = TOPOLOGY + "InitializationService/GetId"
READ = TOPOLOGY + "TopologyManagerReadService/"
WRITE = TOPOLOGY + "TopologyManagerWriteService/"

SLOW_SECONDS = 300.0  # calls that wait for a domain, as in Canton 3

AUTHORIZED_STORE = "Authorized"  # its name in the API
MEMBER_PREFIX = "PAR::"
PERMISSIONS: dict[int, Permission] = {
    1: "submission",
    2: "confirmation",
    3: "observation",
}  # the weaker, the higher; 4 is none at all
BOTH, FROM, TO = 1, 2, 3
ADD = 0
# Proto version of a topology transaction to the protocol versions that write it (docs/canton/canton-2.md#versions-of-messages)
PROTOCOL_VERSIONS = {0: (3,), 1: (4, 5), 2: (6,), 3: (7,)}
RAW, DER = 3, 2
SPECS = {
    "Ed25519": "ec_curve25519",
    "EcDsaP256": "ec_p256",
    "EcDsaP384": "ec_p384",
    "EciesP256HkdfHmacSha256Aes128Gcm": "ec_p256",
    "EciesP256HmacSha256Aes128Cbc": "ec_p256",
    "Rsa2048OaepSha256": "rsa_2048",
}


def bare_uid(member: str) -> str:
    """The uid of a participant, which is also written as a member ``PAR::uid`` (docs/canton/canton-2.md#ids-of-domains-and-members)."""
    return member[len(MEMBER_PREFIX) :] if member.startswith(MEMBER_PREFIX) else member


def delegation_of(row: Message) -> Delegation:
    return Delegation(row.item.namespace, row.target_key_fingerprint, restriction_of(row.item), 0)


def restriction_of(item: Message) -> Restriction:
    return "all" if item.is_root_delegation else "all_but_namespace_delegations"


def key_of(public: Message, name: str, wrapper_key_id: str = "") -> Key:
    """A key as the vault lists it; ``der`` is empty for one in Tink's own format. The API does not report whether it is in a KMS."""
    signing = public.WhichOneof("key") == "signing_public_key"
    inner = public.signing_public_key if signing else public.encryption_public_key
    return Key(
        fingerprint=inner.id,
        name=name,
        purpose="signing" if signing else "encryption",
        usage=(),
        spec=spec_name(inner),
        kms_key_id="",
        public_key=public.SerializeToString(),
        der=_der(inner.format, inner.public_key),
        wrapper_key_id=wrapper_key_id,
    )


def spec_name(key: Message) -> str:
    """Our name of a public or private key's spec, or the scheme's own in lower case."""
    value = key.DESCRIPTOR.fields_by_name["scheme"].enum_type.values_by_number.get(key.scheme)
    scheme = value.name if value is not None else "unknown"
    return SPECS.get(scheme, scheme.lower())


def _der(form: int, data: bytes) -> bytes:
    if form == RAW:  # Ed25519
        return ED25519_SPKI_PREFIX + data
    return data if form == DER else b""


class Node(LedgerAdmin):
    LEDGER = LEDGER

    def __init__(self, admin: Api, ledger: Api | None) -> None:
        super().__init__(admin, ledger)
        self._known_uid = ""

    def _uid(self) -> str:
        if not self._known_uid:
            self._known_uid = bare_uid(self.admin.read(IDENTITY).unique_identifier)
        return self._known_uid

    def _list(
        self, method: str, store: str, written_for: int | None = None, operation: str = "Add", **filters: t.Any
    ) -> list[Message]:
        """Rows of one kind of mapping that are in force in one store, or their removals; every filter is a prefix, that of the store too."""
        name = AUTHORIZED_STORE if store == AUTHORIZED else store
        query: dict[str, t.Any] = {
            "filter_store": name,
            "use_state_store": store != AUTHORIZED,
            "operation": operation,
            "filter_operation": True,
            "head_state": {},
        }
        if written_for is not None:
            query["protocol_version"] = {"value": str(written_for)}
        rows = self.admin.read(READ + method, base_query=query, **filters).results
        return [row for row in rows if row.context.store == name]
