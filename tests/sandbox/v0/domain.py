# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A domain as participants see it: a name, a sequencer's address and a topology store. One node plays all its parts."""

from __future__ import annotations

import sqlite3
from typing import Any

from sandbox.state import stores, synchronizers
from sandbox.state.store import Store
from sandbox.v0 import elements
from sandbox.v0.dispatcher import sequence
from sandbox.v0.elements import ADD, BOTH, FROM, SUBMISSION, Element
from sandbox.v0.topology import Topology, Transaction
from sandbox.v0.vault import Vault
from sandbox.wire import ids
from sandbox.wire.definitions import Messages

_JCE = {"crypto": "jce", "key_spec": "ed25519"}
_ORDINARY = 1


class Domain:
    """What the domain's own key signs."""

    def __init__(self, name: str, store: Store, messages: Messages) -> None:
        self._messages = messages
        self._vault = Vault(f"synchronizer:{name}", _JCE, store, messages)
        self._topology = Topology(messages)

    def new_key(self, suffix: str) -> Any:
        return self._vault.generate_signing(suffix, [])

    def message(self, name: str, **fields: Any) -> Any:
        return self._messages.cls(f"protocol.v0.{name}")(**fields)

    def signed(self, namespace: str, kind: str, item: Any, protocol_version: int) -> Transaction:
        operation = elements.REPLACE if kind == elements.PARAMETERS else ADD
        data = self._topology.sign(self._vault, namespace, operation, Element(kind, item), protocol_version)
        return self._topology.parse(data)

    def found(self, connection: sqlite3.Connection, domain_id: str, key: Any, protocol_version: int) -> None:
        """The genesis topology: one signing key for the domain manager, the sequencer and the mediator."""
        namespace = ids.namespace(domain_id)
        root = self.message("NamespaceDelegation", namespace=namespace, target_key=key, is_root_delegation=True)
        parts: list[tuple[str, Any]] = [(elements.NSD, root)]
        signing = self.new_key("domain-signing")
        for code in ("DOM", "SEQ", "MED"):
            owner = self.message("OwnerToKeyMapping", key_owner=f"{code}::{domain_id}")
            owner.public_key.signing_public_key.CopyFrom(signing)
            parts.append((elements.OTK, owner))
        mediator = self.message("MediatorDomainState", side=BOTH, domain=domain_id, mediator=domain_id)
        parts.append((elements.MEDIATOR, mediator))
        form = self.parameters_form(protocol_version)
        parts.append((elements.PARAMETERS, self._messages.cls(f"{form}.DomainParametersChange")(domain=domain_id)))
        store, now = stores.synchronizer(domain_id), ids.now()
        for kind, item in parts:
            one = self.signed(namespace, kind, item, protocol_version)
            self._topology.check(connection, store, one)
            self._topology.put(connection, store, one, now, now)

    @staticmethod
    def parameters_form(protocol_version: int) -> str:
        """The package of the dynamic parameters of a protocol version."""
        return "protocol.v1" if protocol_version < 6 else "protocol.v2"

    def permit(self, connection: sqlite3.Connection, domain_id: str, participant: str) -> None:
        """The domain's side of a participant's state; every participant is welcome, once."""
        store = stores.synchronizer(domain_id)
        for row in self._topology.heads(connection, store, elements.STATE):
            if row.item.side != elements.TO and row.item.participant == participant:
                return
        state = self.message(
            "ParticipantState",
            side=FROM,
            domain=domain_id,
            participant=participant,
            permission=SUBMISSION,
            trust_level=_ORDINARY,
        )
        version = synchronizers.protocol_version(connection, domain_id)
        assert version is not None
        one = self.signed(ids.namespace(domain_id), elements.STATE, state, version)
        sequence(connection, self._topology, domain_id, [one])


def found(store: Store, messages: Messages, name: str, number: int, protocol_version: int, url: str) -> str:
    """Make a domain with its genesis topology; returns its id."""
    domain = Domain(name, store, messages)
    with store.write() as connection:
        key = domain.new_key(f"{name}-namespace")
        domain_id = f"{name}::{key.id}"
        domain.found(connection, domain_id, key, protocol_version)
        synchronizers.add(connection, name, domain_id, f"SEQ::{domain_id}", url, protocol_version)
    return domain_id
