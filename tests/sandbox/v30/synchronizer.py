# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A synchronizer as participants see it: a name, a sequencer's address and a topology store."""

from __future__ import annotations

import sqlite3
from typing import Any

from sandbox.node.vault import NAMESPACE, PROTOCOL, SEQUENCER_AUTH, Vault
from sandbox.state import stores, synchronizers
from sandbox.state.store import Store
from sandbox.v30.mappings import ADD
from sandbox.v30.topology import TopologyState
from sandbox.wire import crypto, ids
from sandbox.wire.definitions import Messages

_JCE = {"crypto": "jce", "key_spec": "ed25519"}
_OPEN = 1
_SECONDS = {
    "confirmation_response_timeout": 30,
    "mediator_reaction_timeout": 30,
    "assignment_exclusivity_timeout": 60,
    "ledger_time_record_time_tolerance": 60,
    "reconciliation_interval": 1800,
    "mediator_deduplication_timeout": 172_800,
    "sequencer_aggregate_submission_timeout": 300,
    "preparation_time_record_time_tolerance": 86_400,
}


class _Founder:
    """Signs what a synchronizer starts with."""

    def __init__(self, connection: sqlite3.Connection, psid: str, messages: Messages) -> None:
        self._connection = connection
        self._store = stores.synchronizer(psid)
        self._messages = messages
        self._topology = TopologyState(messages)
        self.mapping = messages.cls("protocol.v30.TopologyMapping")

    def add(self, mapping: Any, vault: Vault, keys: list[str]) -> None:
        raw = self._topology.build(ADD, 1, mapping)
        signed = self._messages.cls("protocol.v30.SignedTopologyTransaction")(transaction=raw)
        signed.signatures.extend(vault.sign(key, crypto.transaction_hash(raw)) for key in keys)
        now = ids.now()
        self._topology.add(self._connection, self._store, signed, now, now, full=True)

    def root(self, vault: Vault, namespace: str) -> None:
        mapping = self.mapping()
        delegation = mapping.namespace_delegation
        delegation.namespace = namespace
        key = vault.find(namespace)
        assert key is not None
        delegation.target_key.CopyFrom(key.signing)
        delegation.can_sign_all_mappings.SetInParent()
        self.add(mapping, vault, [namespace])

    def member(self, vault: Vault, code: str, identifier: str) -> str:
        """A new sequencer or mediator with its own namespace; its uid."""
        namespace = _new_namespace(vault, identifier)
        keys = [
            vault.generate_signing(f"{identifier}-sequencer-auth", [SEQUENCER_AUTH]),
            vault.generate_signing(f"{identifier}-signing", [PROTOCOL]),
        ]
        self.root(vault, namespace)
        mapping = self.mapping()
        mapping.owner_to_key_mapping.member = f"{code}::{identifier}::{namespace}"
        for key in keys:
            mapping.owner_to_key_mapping.public_keys.add(signing_public_key=key)
        self.add(mapping, vault, [namespace, *map(crypto.fingerprint, keys)])
        return f"{identifier}::{namespace}"


def _new_namespace(vault: Vault, identifier: str) -> str:
    return crypto.fingerprint(vault.generate_signing(f"{identifier}-namespace", [NAMESPACE]))


def found(store: Store, messages: Messages, name: str, number: int, protocol_version: int, url: str) -> str:
    """Make a synchronizer with its genesis topology; returns its physical id."""
    vault = Vault(f"synchronizer:{name}", _JCE, store, messages)
    with store.write() as connection:
        namespace = _new_namespace(vault, name)
        logical = f"{name}::{namespace}"
        psid = f"{logical}::{protocol_version}-0"
        founder = _Founder(connection, psid, messages)
        founder.root(vault, namespace)
        sequencer = founder.member(vault, "SEQ", f"sequencer{number}")
        mediator = founder.member(vault, "MED", f"mediator{number}")
        founder.add(_parameters(founder.mapping(), logical), vault, [namespace])
        group = founder.mapping()
        state = group.mediator_synchronizer_state
        state.synchronizer_id, state.threshold = logical, 1
        state.active.append(mediator)
        founder.add(group, vault, [namespace])
        group = founder.mapping()
        sequencers = group.sequencer_synchronizer_state
        sequencers.synchronizer_id, sequencers.threshold = logical, 1
        sequencers.active.append(sequencer)
        founder.add(group, vault, [namespace])
        synchronizers.add(connection, name, psid, f"SEQ::{sequencer}", url, protocol_version)
    return psid


def _parameters(mapping: Any, logical: str) -> Any:
    state = mapping.synchronizer_parameters_state
    state.synchronizer_id = logical
    parameters = state.synchronizer_parameters
    for field, seconds in _SECONDS.items():
        getattr(parameters, field).FromSeconds(seconds)
    parameters.max_request_size = 10 * 1024 * 1024
    parameters.onboarding_restriction = _OPEN
    parameters.participant_synchronizer_limits.confirmation_requests_max_rate = 1_000_000
    return mapping
