# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of the members of a synchronizer by its topology: which one others encrypt for, which one a participant signs with
and whether it can send anything."""

from __future__ import annotations

import os
from typing import Any

from sandbox.kms.facts import KmsRefused
from sandbox.node.core import Core
from sandbox.node.vault import PROTOCOL, SEQUENCER_AUTH, Key, Vault
from sandbox.state import stores
from sandbox.state.topology_v30 import Query
from sandbox.v30.mappings import ADD, OTK
from sandbox.v30.topology import TopologyState
from sandbox.wire import crypto, ids
from sandbox.wire.errors import CantonError

_HASH_BYTES = 34


class Members:
    """The members of all synchronizers, seen by one participant. ``vault`` is its own."""

    def __init__(self, core: Core, vault: Vault, topology: TopologyState) -> None:
        self._core = core
        self._vault = vault
        self._topology = topology

    def _keys(self, psid: str, uid: str) -> list[Any]:
        """The PublicKey messages of a participant's mapping in force, in their order; empty when it has none."""
        query = Query(
            [stores.synchronizer(psid)],
            frozenset({OTK}),
            operation=ADD,
            at=ids.now(),
            namespace=ids.namespace(uid),
        )
        with self._core.db.read() as db:
            found = [row for row in self._topology.query(db, query) if row.item.member == f"PAR::{uid}"]
        return list(found[-1].item.public_keys) if found else []

    def encryption_key(self, psid: str, uid: str) -> str:
        """The fingerprint of the key that senders encrypt for: the last one of the mapping. Empty when there is none."""
        keys = [key for key in self._keys(psid, uid) if key.HasField("encryption_public_key")]
        return crypto.fingerprint(keys[-1]) if keys else ""

    def obstacle(self, psid: str) -> str:
        """Why the participant can't send anything to a synchronizer; empty when it can. One that the synchronizer does not know yet
        can: so it joins."""
        keys = self._keys(psid, self._core.uid)
        if not keys:
            return ""
        for usage in (SEQUENCER_AUTH, PROTOCOL):
            held = _held(keys, usage, self._vault)
            if held is None:
                name = "authentication" if usage == SEQUENCER_AUTH else "protocol"
                return f"KeyNotAvailable: no {name} signing key of PAR::{ids.short(self._core.uid)} in force is in the private key store"
        return self._signs(held)

    def may_send(self, psid: str, uid: str, vault: Vault) -> bool:
        """Whether a participant, which has this vault, holds the keys for it. No KMS is asked."""
        keys = self._keys(psid, uid)
        return not keys or all(_held(keys, usage, vault) is not None for usage in (SEQUENCER_AUTH, PROTOCOL))

    def _signs(self, key: Key | None) -> str:
        """Why a key gives no good signature; empty when it does. In the KMS it may be disabled or gone."""
        assert key is not None
        data = os.urandom(_HASH_BYTES)
        try:
            signature = self._vault.sign(key.fingerprint, data)
        except (CantonError, KmsRefused) as error:
            return f"Could not sign: {error}"
        return "" if crypto.verify(key.signing, signature, data) else "The signature does not verify"


def _held(keys: list[Any], usage: int, vault: Vault) -> Key | None:
    """The latest of these signing keys that a participant holds."""
    for key in reversed(keys):
        if key.HasField("signing_public_key") and usage in key.signing_public_key.usage:
            found = vault.find(crypto.fingerprint(key))
            if found is not None and found.own:
                return found
    return None
