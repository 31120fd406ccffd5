# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PingService: proof that a participant can transact. The knob `ping_ms` is how long a ping takes."""

from __future__ import annotations

import os
import time
from typing import Any

from sandbox import crypto, dars, ids, party_view, vetting
from sandbox.errors import CantonError, field_not_set
from sandbox.node import Node
from sandbox.services.packages import parse
from sandbox.vault import PROTOCOL

_DEFAULT_MS = 200


class PingService:
    SERVICE = "com.digitalasset.canton.admin.participant.v30.PingService"

    def __init__(self, node: Node) -> None:
        self._node = node
        self._main = parse(dars.builtin_dar()).main.package_id

    def Ping(self, request: Any, context: Any) -> Any:
        """A failed ping is an answer, not an error. `ping_time` is in milliseconds."""
        if not request.target_parties:
            raise field_not_set("target_parties")
        started = time.monotonic()
        response = self._node.messages.cls("admin.participant.v30.PingResponse")()
        reason = self._obstacle(request)
        time.sleep(float(self._node.knob("ping_ms", _DEFAULT_MS)) / 1000)
        if reason:
            response.failure.reason = reason
        else:
            response.success.ping_time = round((time.monotonic() - started) * 1000)
            response.success.responder = request.target_parties[0]
        return response

    def _obstacle(self, request: Any) -> str:
        """Why the ping can't come through; empty when it can."""
        wanted = request.synchronizer_id
        candidates = [p for p in self._node.connected().values() if wanted in ("", p, ids.logical(p))]
        if not candidates:
            return f"Not connected to {ids.short(wanted) if wanted else 'any synchronizer'}"
        obstacles = [self._obstacle_on(psid, request.target_parties) for psid in candidates]
        return "" if "" in obstacles else obstacles[0]

    def _obstacle_on(self, psid: str, targets: list[str]) -> str:
        active = party_view.participants(self._node, psid)
        for uid in (self._node.uid, *targets):
            if uid not in active:
                return f"Participant {ids.short(uid)} is not active on {ids.short(psid)}"
            if self._main not in vetting.current(self._node, psid, uid, effective=True).packages:
                return f"Participant {ids.short(uid)} has not vetted {dars.PING_DAR} on {ids.short(psid)}"
        return self._signing_obstacle()

    def _signing_obstacle(self) -> str:
        """A transaction needs the protocol key: a node whose KMS refuses it cannot transact."""
        key = self._node.vault.with_usage(PROTOCOL)
        if key is None:
            return "No protocol signing key"
        data = os.urandom(34)
        try:
            signature = self._node.vault.sign(key.fingerprint, data)
        except CantonError as error:
            return f"Could not sign: {error}"
        return "" if crypto.verify(key.signing, signature, data) else "The signature does not verify"
