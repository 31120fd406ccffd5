# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A KMS that is made up, and a participant's export."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import MARK, DesiredKey, Key
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.key_pair import KeyPair
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import fingerprint
from sandbox.wire import crypto

PUBLIC, PRIVATE = crypto.generate_signing(crypto.P256)


PRINT = fingerprint("ec_p256", PUBLIC)


class FakeKms:
    """One key at most. ``calls`` is what was done to it; ``shows`` the public key that it shows after an import."""

    provider = "KMS"
    specs: Collection[str] = ("ec_p256",)
    named_last = True

    def __init__(self, key: Key | None = None, shows: bytes = PUBLIC) -> None:
        self.key = key
        self.shows = shows
        self.name: str | None = None
        self.calls: list[str] = []
        self.sent: bytes = b""
        self.failing: dict[str, CantonError] = {}
        self.slow = 0

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.failing:
            raise self.failing[name]

    def find(self, desired: DesiredKey) -> Key | None:
        return self.key

    def mark(self, key: Key, desired: DesiredKey) -> str | None:
        return (key.tags or {}).get(MARK)

    def create(self, desired: DesiredKey) -> Key:
        self._call("create")
        self.key = Key("pending_import", desired.spec, desired.usage, tags={MARK: desired.fingerprint}, full_name="arn")
        return self.key

    def send(self, key: Key, private_key: bytearray) -> None:
        self.sent = bytes(private_key)
        self._call("send")
        self.key = replace(key, state="enabled", public_key_der=self.shows)

    def read(self, key: Key) -> Key:
        if self.slow:
            self.slow -= 1
            return key
        assert self.key is not None
        return self.key

    def discard(self, key: Key) -> str:
        self._call("discard")
        return "It is gone."

    def view(self, key: Key) -> dict[str, Any]:
        return {"name": self.name}

    def plan(self, key: Key | None, desired: DesiredKey) -> dict[str, Any]:
        return {"name": "wanted"}

    def finish(self, key: Key, now: dict[str, Any], after: dict[str, Any]) -> Key:
        self._call("finish")
        self.name = after["name"]
        return self.read(key)

    def predict(self, key: Key | None, desired: DesiredKey, after: dict[str, Any]) -> Key:
        return Key("enabled", desired.spec, desired.usage, public_key_der=desired.der)

    def warnings(self, desired: DesiredKey) -> list[str]:
        return []


class Exporting:
    """Gives the pair, and keeps it, so that a test can see whether it was wiped."""

    def __init__(self, private: bytes = PRIVATE, **more: str) -> None:
        fields: dict[str, Any] = {
            "fingerprint": PRINT,
            "purpose": "signing",
            "spec": "ec_p256",
            "format": "pkcs8",
            **more,
        }
        self._make: Callable[[], KeyPair] = lambda: KeyPair(usage=(), private=private, **fields)
        self.given: list[KeyPair] = []

    def __call__(self) -> KeyPair:
        self.given.append(self._make())
        return self.given[-1]

    @property
    def wiped(self) -> bool:
        return all(not pair.private_key() for pair in self.given)
