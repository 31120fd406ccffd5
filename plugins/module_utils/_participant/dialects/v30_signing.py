# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Canton 3: topology transactions that others sign too, outside of the node or on another one
(docs/canton/topology.md#signing-for-others)."""

from __future__ import annotations

import typing as t

from ..._api.descriptors import Message
from ..._api.wrapper import readable, unwrap
from ..._errors import CantonError
from ..model.entities import AUTHORIZED, Signature, Unsigned
from ..model.keys import transaction_hash
from .v30_messages import ADD, PROTOCOL, SLOW_SECONDS, WRITE, Node, store_id

ALIEN_MEMBER = "FORCE_FLAG_ALIEN_MEMBER"


class Signing(Node):
    def _generate(self, mapping: dict[str, t.Any], change: str = ADD, store: str = AUTHORIZED) -> Unsigned:
        """The transaction for a mapping, with the next serial of the store. The hash is computed, never believed."""
        proposal = {"operation": change, "mapping": mapping, "store": store_id(store)}
        answer = self.admin.fresh(WRITE + "GenerateTransactions", proposals=[proposal])
        raw = bytes(answer.generated_transactions[0].serialized_transaction)
        return Unsigned(raw, transaction_hash(raw))

    def _content(self, unsigned: Unsigned) -> Message:
        """The TopologyTransaction that an unsigned one says."""
        with readable("A topology transaction from the node"):
            inner = unwrap(unsigned.transaction, "a topology transaction")
            return self.admin.message(PROTOCOL + "TopologyTransaction").FromString(inner)

    def _other_content(self) -> CantonError:
        return CantonError(
            f"The {self.label} prepared another topology transaction than the requested one",
            error_id="other_transaction",
            hint="Nothing was signed. Check whether another run changes the same mapping, then run again.",
        )

    def with_signatures(self, unsigned: Unsigned, signatures: t.Sequence[Signature]) -> bytes:
        signed = self.admin.message(PROTOCOL + "SignedTopologyTransaction")(
            transaction=unsigned.transaction,
            signatures=[
                {
                    "format": item.format,
                    "signature": item.data,
                    "signed_by": item.signed_by,
                    "signing_algorithm_spec": item.algorithm,
                }
                for item in signatures
            ],
        )
        return bytes(signed.SerializeToString())

    def sign_transactions(self, signed: t.Sequence[bytes], signed_by: t.Sequence[str] = ()) -> list[bytes]:
        signed_class = self.admin.message(PROTOCOL + "SignedTopologyTransaction")
        answer = self.admin.fresh(
            WRITE + "SignTransactions",
            deadline=SLOW_SECONDS,
            transactions=[signed_class.FromString(raw) for raw in signed],
            signed_by=list(signed_by),
            store=store_id(AUTHORIZED),
        )
        return [item.SerializeToString() for item in answer.transactions]

    def add_transactions(
        self, store: str, signed: t.Sequence[bytes], wait_seconds: int = 0, alien_member: bool = False
    ) -> None:
        """See docs/canton/topology.md#signatures-on-transactions, docs/canton/topology.md#waiting-for-the-effect and
        docs/canton/topology.md#mappings-that-a-participant-refuses."""
        signed_class = self.admin.message(PROTOCOL + "SignedTopologyTransaction")
        waiting: dict[str, t.Any] = {"wait_to_become_effective": {"seconds": wait_seconds}} if wait_seconds else {}
        self.admin.repeatable(
            WRITE + "AddTransactions",
            deadline=wait_seconds + 10.0 if wait_seconds else None,
            transactions=[signed_class.FromString(raw) for raw in signed],
            force_changes=[ALIEN_MEMBER] if alien_member else [],
            store=store_id(store),
            **waiting,
        )
