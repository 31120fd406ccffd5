# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and things that the tests of two participants speak of."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    ActiveContract,
    Host,
    Hosting,
    Key,
    Permission,
    Synchronizer,
)

OLD_NAMESPACE, NEW_NAMESPACE = "1220" + "a" * 64, "1220" + "b" * 64
OLD, NEW = f"old::{OLD_NAMESPACE}", f"new::{NEW_NAMESPACE}"
ALICE, BOB, CAROL = (f"{name}::{OLD_NAMESPACE}" for name in ("Alice", "Bob", "Carol"))
SYNC_NAMESPACE = "1220" + "c" * 64
OLD_SYNC, NEW_SYNC = f"oldsync::{SYNC_NAMESPACE}", f"newsync::{SYNC_NAMESPACE}"
PACKAGE = "pkg-main"


def synchronizer(alias: str, connected: bool = True, version: int = 35) -> Synchronizer:
    return Synchronizer(alias, f"{alias}::{SYNC_NAMESPACE}::{version}-0", connected, connected, False)


def key(fingerprint: str, spec: str = "ec_p256", purpose: str = "signing", kms_key_id: str = "") -> Key:
    return Key(fingerprint, f"key-{fingerprint[:6]}", purpose, (), spec, kms_key_id, b"public", b"der")


def hosting(party: str, *participants: str, threshold: int = 1, permission: Permission = "submission") -> Hosting:
    return Hosting(party, threshold, tuple(Host(participant, permission) for participant in participants))


def contract(identifier: str, *parties: str, on: str = OLD_SYNC, package: str = PACKAGE) -> ActiveContract:
    return ActiveContract(identifier, on, package, frozenset(parties))


def record(item: ActiveContract) -> bytes:
    values = [item.contract_id, item.synchronizer, item.package_id, sorted(item.stakeholders)]
    return json.dumps(values).encode()


def read_record(raw: bytes) -> ActiveContract:
    identifier, on, package, parties = json.loads(raw)
    return ActiveContract(identifier, on, package, frozenset(parties))


def varint(number: int) -> bytes:
    text = bytearray()
    while number > 0x7F:
        text.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(text + bytes([number]))


def snapshot(contracts: Iterable[ActiveContract]) -> bytes:
    records = (record(item) for item in contracts)
    return gzip.compress(b"".join(varint(len(raw)) + raw for raw in records), mtime=0)
