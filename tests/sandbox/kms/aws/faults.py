# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the KMS that tests switch on while it runs: the knobs of ``kms`` (README.md)."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

from sandbox.kms.aws import rules
from sandbox.kms.facts import KMS, POWERLESS_ACCESS_KEY_ID
from sandbox.state.store import Store

Answer = dict[str, Any]


class Drop(Exception):
    """The connection is closed without an answer."""


class Faults:
    """Reads its knobs at every call. Without a network's file in ``state`` there are none."""

    def __init__(self, state: Path) -> None:
        path = state / "network.db"
        self._store = Store(path) if path.exists() else None

    def _knob(self, key: str, default: Any) -> Any:
        value = default if self._store is None else self._store.knob(KMS, key, default)
        return default if value is None else value

    def _strikes(self, key: str, action: str) -> bool:
        return self._store is not None and self._store.strikes(KMS, key, action)

    def before(self, action: str, access_key: str) -> Answer | None:
        """What is answered instead of carrying the call out; slow answers wait here."""
        slow = self._knob("slow_ms", {})
        time.sleep(slow.get(action, slow.get("*", 0)) / 1000)
        if access_key == POWERLESS_ACCESS_KEY_ID or action in self._knob("denied", []):
            text = f"User: arn:aws:iam::sandbox:user/{access_key} is not authorized to perform: kms:{action}"
            return {"__type": "AccessDeniedException", "message": text}
        if self._strikes("throttled", action):
            return {"__type": "ThrottlingException", "message": "Rate exceeded"}
        return None

    def after(self, action: str) -> None:
        """Raises ``Drop`` when the answer is to be lost, although the call was carried out."""
        if self._strikes("answers_lost", action):
            raise Drop

    def alter(self, action: str, request: Answer, answer: Answer) -> None:
        """Wrong answers: a public key that is not the key's, an import token that has expired."""
        if action == "GetPublicKey" and self._knob("wrong_public_key", False):
            answer["PublicKey"] = base64.b64encode(rules.other_public_key(answer["KeySpec"])).decode()
        if action == "GetParametersForImport" and self._knob("expired_tokens", False):
            rules.expire_token(request["KeyId"])
