# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, identity providers and parties of the ledger API of Canton 3."""

from __future__ import annotations

from sandbox.node.services import idp, parties, users
from sandbox.state import stores
from sandbox.v30.mappings import ADD
from sandbox.v30.node import Node
from sandbox.wire import ids
from sandbox.wire.errors import CantonError

_WAIT_SECONDS = 30.0


class UserManagementService(users.UserManagementService):
    SERVICE = "com.daml.ledger.api.v2.admin.UserManagementService"
    MOVED = "UpdateUserIdentityProviderIdResponse"


class IdentityProviderConfigService(idp.IdentityProviderConfigService):
    SERVICE = "com.daml.ledger.api.v2.admin.IdentityProviderConfigService"


class PartyManagementService(parties.PartyManagementService[Node]):
    SERVICE = "com.daml.ledger.api.v2.admin.PartyManagementService"
    MOVED = "UpdatePartyIdentityProviderIdResponse"

    def _synchronizer(self, wanted: str) -> str:
        connected = list(self._node.connected().values())
        if not connected:
            raise CantonError(
                "PARTY_ALLOCATION_WITHOUT_CONNECTED_SYNCHRONIZER",
                "Cannot allocate a party without being connected to a synchronizer",
            )
        fitting = [psid for psid in connected if wanted in ("", psid, ids.logical(psid))]
        if len(fitting) != 1:
            raise CantonError(
                "PARTY_ALLOCATION_CANNOT_DETERMINE_SYNCHRONIZER",
                f"Cannot determine the synchronizer to allocate the party on; candidates: {len(fitting)}",
            )
        return fitting[0]

    def _host(self, psid: str, party: str) -> None:
        mapping = self._node.messages.cls("protocol.v30.TopologyMapping")()
        hosting = mapping.party_to_participant
        hosting.party, hosting.threshold = party, 1
        hosting.participants.add(participant_uid=self._node.uid, permission=1)
        self._node.manager.authorize(stores.synchronizer(psid), ADD, mapping, wait=_WAIT_SECONDS)
