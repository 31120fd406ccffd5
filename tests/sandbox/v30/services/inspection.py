# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ParticipantInspectionService: what is in flight. The numbers are knobs, for nothing is ever in flight here."""

from __future__ import annotations

from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.v30.node import Node


class ParticipantInspectionService(Service[Node]):
    SERVICE = "com.digitalasset.canton.admin.participant.v30.ParticipantInspectionService"

    def CountInFlight(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._node.messages.cls("admin.participant.v30.CountInFlightResponse")(
            pending_submissions=self._node.knob("pending_submissions", 0),
            pending_transactions=self._node.knob("pending_transactions", 0),
        )
