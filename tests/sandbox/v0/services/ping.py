# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PingService of Canton 2."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from sandbox.daml import dars
from sandbox.node.services import ping
from sandbox.node.vault import Key
from sandbox.state import stores
from sandbox.v0 import keys
from sandbox.v0.elements import OTK
from sandbox.v0.node import Node
from sandbox.wire.errors import CantonError


class PingService(ping.PingService[Node]):
    SERVICE = "com.digitalasset.canton.participant.admin.v0.PingService"
    DAR = dars.ADMIN_WORKFLOWS_DAR

    def ping(self, request: Any, context: Any) -> Any:
        return self.Ping(request, context)

    def _fail(self, failure: Any, reason: str) -> None:
        """Canton 2 does not say why."""
        failure.SetInParent()
        self._node.log.info("ping failed: %s", reason)

    def _vetted(self, psid: str, uid: str) -> Collection[str]:
        return self._node.view.vetted(psid, uid)

    def _protocol_key(self) -> Key | None:
        """Keys have no usages: the one that the topology says this participant signs with."""
        node = self._node
        with node.db.read() as db:
            for row in node.topology.heads(db, stores.authorized(node.name), OTK):
                if row.item.key_owner == f"PAR::{node.uid}" and row.item.public_key.HasField("signing_public_key"):
                    return node.vault.find(row.item.public_key.signing_public_key.id)
        return None

    def _signing_obstacle(self, psid: str) -> str:
        key = self._protocol_key()
        if key is None:
            return "No protocol signing key"
        data = os.urandom(34)
        try:
            signature = self._node.vault.sign(key.fingerprint, data)
        except CantonError as error:
            return f"Could not sign: {error}"
        return "" if keys.verify(key.signing, signature, data) else "The signature does not verify"
