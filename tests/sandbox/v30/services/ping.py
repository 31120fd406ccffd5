# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PingService of Canton 3."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sandbox.daml import dars
from sandbox.node.services import ping
from sandbox.node.vault import PROTOCOL, Key
from sandbox.v30 import vetting
from sandbox.v30.node import Node
from sandbox.wire import crypto


class PingService(ping.PingService[Node]):
    SERVICE = "com.digitalasset.canton.admin.participant.v30.PingService"
    DAR = dars.PING_DAR

    def _fail(self, failure: Any, reason: str) -> None:
        failure.reason = reason

    def _vetted(self, psid: str, uid: str) -> Collection[str]:
        return vetting.current(self._node, psid, uid, effective=True).packages

    def _protocol_key(self) -> Key | None:
        return self._node.vault.with_usage(PROTOCOL)

    def _verifies(self, key: Key, signature: Any, data: bytes) -> bool:
        return crypto.verify(key.signing, signature, data)
