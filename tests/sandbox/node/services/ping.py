# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PingService: proof that a participant can transact. The knob `ping_ms` is how long a ping takes."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any

from sandbox.daml import dars
from sandbox.node.services.packages import parse
from sandbox.node.services.service import N, Service
from sandbox.wire import ids
from sandbox.wire.errors import field_not_set

_DEFAULT_MS = 200


class PingService(Service[N], ABC):
    # What it runs on.
    DAR: str

    def __init__(self, node: N) -> None:
        super().__init__(node)
        self._main = parse(dars.builtin_dar(self.DAR)).main.package_id

    def Ping(self, request: Any, context: Any) -> Any:
        """A failed ping is an answer, not an error. `ping_time` is in milliseconds."""
        if not request.target_parties:
            raise field_not_set("target_parties")
        started = time.monotonic()
        response = self._cls("PingResponse")()
        reason = self._attempt(getattr(request, "synchronizer_id", ""), request.target_parties)
        time.sleep(float(self._node.knob("ping_ms", _DEFAULT_MS)) / 1000)
        if reason:
            self._fail(response.failure, reason)
        else:
            response.success.ping_time = round((time.monotonic() - started) * 1000)
            response.success.responder = request.target_parties[0]
        return response

    @abstractmethod
    def _fail(self, failure: Any, reason: str) -> None: ...

    def _attempt(self, wanted: str, targets: list[str]) -> str:
        """Why the ping can't come through; empty when it does."""
        candidates = [p for p in self._node.connected().values() if wanted in ("", p, ids.logical(p))]
        if not candidates:
            return f"Not connected to {ids.short(wanted) if wanted else 'any synchronizer'}"
        obstacles = [self._obstacle_on(psid, targets) for psid in candidates]
        if "" not in obstacles:
            return obstacles[0]
        return self._send(candidates[obstacles.index("")], targets)

    def _send(self, psid: str, targets: list[str]) -> str:
        """Send it where nothing stands in its way; why no answer comes, empty when one does."""
        return ""

    def _obstacle_on(self, psid: str, targets: list[str]) -> str:
        active = self._node.view.participants(psid)
        for uid in (self._node.uid, *targets):
            if uid not in active:
                return f"Participant {ids.short(uid)} is not active on {ids.short(psid)}"
            if self._main not in self._vetted(psid, uid):
                return f"Participant {ids.short(uid)} has not vetted {self.DAR} on {ids.short(psid)}"
        return self._signing_obstacle(psid)

    @abstractmethod
    def _vetted(self, psid: str, uid: str) -> Collection[str]:
        """What a participant has vetted on a synchronizer."""

    @abstractmethod
    def _signing_obstacle(self, psid: str) -> str:
        """A transaction needs the protocol key: a node whose KMS refuses it cannot transact."""
