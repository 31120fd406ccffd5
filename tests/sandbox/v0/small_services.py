# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small admin services of Canton 2 around contracts and parties: inspection, limits, ping, display names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import grpc
from google.protobuf import empty_pb2

from sandbox import connections, contracts, party_view, topology_state
from sandbox.errors import BareError
from sandbox.node import Node
from sandbox.services import ping
from sandbox.v0 import keys, offsets
from sandbox.v0.dar_store import SYSTEM_DAR
from sandbox.v0.elements import OTK
from sandbox.vault import Key

SCHEMA = """
CREATE TABLE IF NOT EXISTS party_display_name (
  participant TEXT NOT NULL,
  party TEXT NOT NULL,
  display_name TEXT NOT NULL,
  PRIMARY KEY (participant, party)
);
"""


class _Service:
    def __init__(self, node: Node) -> None:
        self._node = node

    def _cls(self, name: str) -> Any:
        return self._node.messages.cls(f"participant.admin.v0.{name}")


class InspectionService(_Service):
    """LookupTransactionDomain and LookupOffsetByTime are not played: UNIMPLEMENTED. The numbers in flight are knobs, for
    nothing is ever in flight here."""

    SERVICE = "com.digitalasset.canton.participant.admin.v0.InspectionService"

    def LookupContractDomain(self, request: Any, context: Any) -> Any:
        """contract id -> alias of the domain on which it is active; others are left out."""
        response = self._cls("LookupContractDomain.Response")()
        with self._node.db.read() as db:
            for text in request.contract_id:
                contract_id = contracts.parse_contract_id(text)
                found = contracts.status(db, self._node.name, contract_id) if contract_id else None
                if found and found[0] == "active":
                    response.results[text] = self._node.v0.alias_of(found[2]) or ""
        return response

    def LookupOffsetByIndex(self, request: Any, context: Any) -> Any:
        """The offset of the n-th event; the first one has index 1."""
        with self._node.db.read() as db:
            end = contracts.ledger_end(db, self._node.name)
        if not 1 <= request.index <= end:
            raise BareError(grpc.StatusCode.INVALID_ARGUMENT, f"Index {request.index} is not between 1 and {end}")
        return self._cls("LookupOffsetByIndex.Response")(offset=offsets.text(request.index))

    def CountInFlight(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            if request.domain_id not in connections.known(db, self._node.name):
                raise BareError(grpc.StatusCode.INVALID_ARGUMENT, f"Not connected to {request.domain_id}")
        return self._cls("CountInFlight.Response")(
            pending_submissions=self._node.knob("pending_submissions", 0),
            pending_transactions=self._node.knob("pending_transactions", 0),
        )


class ResourceManagementService(_Service):
    """Limits are kept and shown, not enforced."""

    SERVICE = "com.digitalasset.canton.participant.admin.v0.ResourceManagementService"

    def UpdateResourceLimits(self, request: Any, context: Any) -> Any:
        data = request.SerializeToString()
        with self._node.db.write() as db:
            db.execute("INSERT OR REPLACE INTO resource_limits VALUES (?,?)", (self._node.name, data))
        return empty_pb2.Empty()

    def GetResourceLimits(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            row = db.execute("SELECT limits FROM resource_limits WHERE node=?", (self._node.name,)).fetchone()
        return self._cls("ResourceLimits").FromString(row["limits"] if row else b"")


class PingService(ping.PingService):
    SERVICE = "com.digitalasset.canton.participant.admin.v0.PingService"
    PACKAGE = "participant.admin.v0"
    DAR = SYSTEM_DAR

    def ping(self, request: Any, context: Any) -> Any:
        return self.Ping(request, context)

    def _fail(self, failure: Any, reason: str) -> None:
        """Canton 2 does not say why."""
        failure.SetInParent()
        self._node.log.info("ping failed: %s", reason)

    def _vetted(self, psid: str, uid: str) -> Collection[str]:
        with self._node.db.read() as db:
            return self._node.v0.vetted(db, topology_state.synchronizer(psid), uid)

    def _protocol_key(self) -> Key | None:
        """Keys have no usages: the one that the topology says this participant signs with."""
        node = self._node
        with node.db.read() as db:
            for row in node.v0.topology.heads(db, topology_state.authorized(node.name), OTK):
                if row.item.key_owner == f"PAR::{node.uid}" and row.item.public_key.HasField("signing_public_key"):
                    return node.vault.find(row.item.public_key.signing_public_key.id)
        return None

    def _verifies(self, key: Key, signature: Any, data: bytes) -> bool:
        return keys.verify(key.signing, signature, data)


def set_display_name(node: Node, party: str, display_name: str) -> None:
    with node.db.write() as db:
        db.execute("INSERT OR REPLACE INTO party_display_name VALUES (?, ?, ?)", (node.name, party, display_name))


def display_names(node: Node) -> dict[str, str]:
    with node.db.read() as db:
        rows = db.execute("SELECT party, display_name FROM party_display_name WHERE participant = ?", (node.name,))
        return {row[0]: row[1] for row in rows}


class PartyNameManagementService(_Service):
    SERVICE = "com.digitalasset.canton.participant.admin.v0.PartyNameManagementService"

    def setPartyDisplayName(self, request: Any, context: Any) -> Any:
        if request.party_id not in party_view.known_parties(self._node):
            raise BareError(grpc.StatusCode.INVALID_ARGUMENT, f"party {request.party_id} is unknown")
        set_display_name(self._node, request.party_id, request.display_name)
        return self._cls("SetPartyDisplayNameResponse")()
