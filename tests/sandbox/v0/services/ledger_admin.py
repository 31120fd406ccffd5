# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, identity providers and parties of ledger API v1: the rules of v2 under other names."""

from __future__ import annotations

import time
from typing import Any

from sandbox.node.services import idp, parties, users
from sandbox.state import party_records
from sandbox.v0.elements import BOTH, PTP, SUBMISSION, Element
from sandbox.v0.node import Node
from sandbox.wire.errors import CantonError

_ALLOCATION_SECONDS = 30.0


class UserManagementService(users.UserManagementService):
    SERVICE = "com.daml.ledger.api.v1.admin.UserManagementService"
    MOVED = "UpdateUserIdentityProviderResponse"


class IdentityProviderConfigService(idp.IdentityProviderConfigService):
    SERVICE = "com.daml.ledger.api.v1.admin.IdentityProviderConfigService"


class PartyManagementService(parties.PartyManagementService[Node]):
    SERVICE = "com.daml.ledger.api.v1.admin.PartyManagementService"
    MOVED = "UpdatePartyIdentityProviderResponse"

    def _details(self, party: str, is_local: bool, record: Any) -> Any:
        details = super()._details(party, is_local, record)
        with self._node.db.read() as db:
            details.display_name = party_records.display_names(db, self._node.name).get(party, "")
        return details

    def AllocateParty(self, request: Any, context: Any) -> Any:
        answer = super().AllocateParty(request, context)
        if request.display_name:
            party = answer.party_details.party
            with self._node.db.write() as db:
                party_records.set_display_name(db, self._node.name, party, request.display_name)
            answer.party_details.display_name = request.display_name
        return answer

    def _synchronizer(self, wanted: str) -> str:
        """A party comes to all domains, so none has to be chosen."""
        if not self._node.connected():
            raise CantonError(
                "PARTY_ALLOCATION_WITHOUT_CONNECTED_DOMAIN",
                "Cannot allocate a party without being connected to a domain",
            )
        return ""

    def _host(self, psid: str, party: str) -> None:
        host = self._node.messages.cls("protocol.v0.PartyToParticipant")(
            side=BOTH, party=party, participant=f"PAR::{self._node.uid}", permission=SUBMISSION
        )
        self._node.manager.ensure(Element(PTP, host))
        deadline = time.monotonic() + _ALLOCATION_SECONDS
        while party not in self._node.view.known_parties():
            if time.monotonic() > deadline:
                raise CantonError("REQUEST_TIME_OUT", f"Party {party} did not come to a domain in time")
            time.sleep(0.02)
