# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the parts of the v30 dialect have in common: names, small messages, and topology as it is written and stored."""

from __future__ import annotations

import typing as t
from contextlib import suppress

from ..._api.descriptors import Message
from ..._api.wrapper import unwrap
from ..._errors import MappingExists
from ..model.entities import AUTHORIZED, Key, Permission, Restriction, WaitingFor
from ..model.keys import fingerprint, spec_of
from .node import LedgerAdmin

PARTICIPANT = "com.digitalasset.canton.admin.participant.v30."
TOPOLOGY = "com.digitalasset.canton.topology.admin.v30."
VAULT = "com.digitalasset.canton.crypto.admin.v30.VaultService/"
CRYPTO = "com.digitalasset.canton.crypto.v30."
PROTOCOL = "com.digitalasset.canton.protocol.v30."
LEDGER = "com.daml.ledger.api.v2."
STATUS = PARTICIPANT + "ParticipantStatusService/ParticipantStatus"
CONNECTIVITY = PARTICIPANT + "SynchronizerConnectivityService/"
PACKAGES = PARTICIPANT + "PackageService/"
REPAIR = PARTICIPANT + "ParticipantRepairService/"
PARTIES = PARTICIPANT + "PartyManagementService/"
READ = TOPOLOGY + "TopologyManagerReadService/"
WRITE = TOPOLOGY + "TopologyManagerWriteService/"
FETCH_TIME = "com.digitalasset.canton.time.admin.v30.SynchronizerTimeService/FetchTime"

# Calls that wait for a synchronizer: its own time-outs are minutes (docs/canton/synchronizers.md#connecting).
SLOW_SECONDS = 300.0
FETCH_TIME_SECONDS = 10.0
ANY_AGE_SECONDS = 30 * 24 * 3600

ADD = "TOPOLOGY_CHANGE_OP_ADD_REPLACE"
REMOVE = "TOPOLOGY_CHANGE_OP_REMOVE"
ADD_NUMBER = 1
REMOVE_NUMBER = 2
PERMISSIONS: dict[int, Permission] = {0: "unspecified", 1: "submission", 2: "confirmation", 3: "observation"}
WAITING_FOR: dict[int, WaitingFor] = {0: "", 1: "id", 2: "node_topology", 3: "initialization"}
RESTRICTIONS: dict[str, Restriction] = {
    "can_sign_all_mappings": "all",
    "can_sign_all_but_namespace_delegations": "all_but_namespace_delegations",
    "can_sign_specific_mapings": "specific",
}


def store_id(store: str) -> dict[str, t.Any]:
    """The StoreId message of a store name."""
    return {"authorized": {}} if store == AUTHORIZED else {"synchronizer": {"id": store}}


def query(store: str, proposals: bool = False, operation: str = ADD) -> dict[str, t.Any]:
    """The BaseQuery message for what a store has now."""
    return {"store": store_id(store), "operation": operation, "head_state": {}, "proposals": proposals}


def key_of(public: Message, name: str, kms_key_id: str, wrapper_key_id: str = "") -> Key:
    """A ``PublicKey`` message as a Key; its fingerprint is computed, never trusted."""
    signing = public.WhichOneof("key") == "signing_public_key"
    inner = public.signing_public_key if signing else public.encryption_public_key
    usage: tuple[str, ...] = ()
    if signing:
        by_number = inner.DESCRIPTOR.fields_by_name["usage"].enum_type.values_by_number
        usage = tuple(by_number[number].name.replace("SIGNING_KEY_USAGE_", "").lower() for number in inner.usage)
    spec = spec_name(inner)
    return Key(
        fingerprint=fingerprint(spec, inner.public_key),
        name=name,
        purpose="signing" if signing else "encryption",
        usage=usage,
        spec=spec,
        kms_key_id=kms_key_id,
        public_key=public.SerializeToString(),
        der=inner.public_key,
        wrapper_key_id=wrapper_key_id,
    )


def spec_name(key: Message) -> str:
    """Our name of a key's spec. One that is newer than this code is fingerprinted like every other but Ed25519 (docs/canton/keys.md#fingerprints)."""
    value = key.DESCRIPTOR.fields_by_name["key_spec"].enum_type.values_by_number.get(key.key_spec)
    return (spec_of(value.name) if value is not None else None) or "ec_p256"


def snapshot_requests(
    chunks: t.Iterable[bytes], first: dict[str, t.Any], later: dict[str, t.Any]
) -> t.Iterator[dict[str, t.Any]]:
    """A snapshot as the messages of an upload, with its arguments in the first message and in the later ones."""
    arguments = first
    for chunk in chunks:
        yield {"acs_snapshot": chunk, **arguments}
        arguments = later


class Node(LedgerAdmin):
    LEDGER = LEDGER

    def _authorize(self, mapping: dict[str, t.Any], change: str = ADD) -> None:
        """Sign a mapping into the node's own store with its own keys, which have to suffice."""
        self.admin.write(
            WRITE + "Authorize",
            proposal={"change": change, "mapping": mapping},
            must_fully_authorize=True,
            store=store_id(AUTHORIZED),
        )

    def _authorize_again(self, mapping: dict[str, t.Any], change: str = ADD) -> None:
        """The same; that it is there already is no error."""
        with suppress(MappingExists):
            self._authorize(mapping, change)

    def _stored(self, base_query: dict[str, t.Any], namespace: str) -> t.Iterator[tuple[Message, Message, bytes]]:
        """Stored transactions: the signed one, what it says, and its bytes (docs/canton/topology.md#lists-carry-no-signatures)."""
        answer = self.admin.read(READ + "ListAll", base_query=base_query, filter_namespace=namespace)
        signed_class = self.admin.message(PROTOCOL + "SignedTopologyTransaction")
        transaction_class = self.admin.message(PROTOCOL + "TopologyTransaction")
        for item in answer.result.items:
            raw = unwrap(item.transaction, "a stored topology transaction")
            signed = signed_class.FromString(raw)
            yield signed, transaction_class.FromString(unwrap(signed.transaction, "a topology transaction")), raw
