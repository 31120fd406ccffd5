# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `seed` does otherwise on a participant of Canton 2: its parties and DARs begin in the Authorized store."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from sandbox.daml.contracts import Contract
from sandbox.daml.dars import Dar
from sandbox.node import parties
from sandbox.node.parties import Spec
from sandbox.node.vault import Vault
from sandbox.state import dars_v0, package_store, party_records, stores
from sandbox.state.package_store import StoredDar
from sandbox.v0 import elements, serializable, vetting
from sandbox.v0.dispatcher import sequence
from sandbox.v0.elements import ADD, BOTH, FROM, NSD, PTP, TO, Element
from sandbox.v0.node import Node
from sandbox.wire import ids

_WAIT_SECONDS = 30.0


def upload(node: Node, wanted: Sequence[Dar], entries: Sequence[dict[str, Any]]) -> None:
    """Store and vet the DARs of these entries of the topology file.

    With ``stored: false`` only its packages are there, as after some uploads through the ledger API
    (docs/canton/canton-2.md#dars).
    """
    for dar, entry in zip(wanted, entries, strict=True):
        key = vetting.upload(node, dar, entry.get("description", dar.main.name), vets=True, synchronize=False)
        if not entry.get("stored", True):
            with node.db.write() as db:
                dars_v0.forget_bytes(db, node.name, key)
    vetting.wait_queues(node)


def dars(db: sqlite3.Connection, node: Node) -> list[StoredDar]:
    """The packages that contracts can be made of, as if each came in a DAR of its own."""
    found = package_store.packages(db, node.name)
    return [StoredDar(one.package_id, one.name, one.version, "") for one in found if not one.utility]


def contract(node: Node, made: Contract) -> Contract:
    """The contract in the form of the line."""
    return serializable.from_canton_3(node.messages, made)


def host(node: Node, wanted: Sequence[Spec]) -> None:
    """Bring the parties into the Authorized store; what others have to sign comes to the connected domains at once."""
    for spec in wanted:
        for name in spec.hosts:
            _host(node, spec, parties.await_uid(node, name))
        if spec.display_name:
            with node.db.write() as db:
                party_records.set_display_name(db, node.name, spec.party, spec.display_name)
    vetting.wait_queues(node)


def _host(node: Node, spec: Spec, uid: str) -> None:
    host_namespace = ids.namespace(uid)
    signed = (
        [(BOTH, spec.namespace)] if host_namespace == spec.namespace else [(FROM, spec.namespace), (TO, host_namespace)]
    )
    for side, namespace in signed:
        mapping = node.messages.cls("protocol.v0.PartyToParticipant")(
            side=side, party=spec.party, participant=f"PAR::{uid}", permission=spec.permission
        )
        element = Element(PTP, mapping)
        if namespace == node.namespace:
            node.manager.ensure(element)
        else:
            for domain_id in node.connected().values():
                _bring(node, domain_id, namespace, element)


def _bring(node: Node, domain_id: str, namespace: str, element: Element) -> None:
    """An element of another namespace into a domain's store; so is the root certificate of a stranger."""
    vault = parties.holder(node, namespace)
    batch = [element]
    if parties.strangers_vault(node).holds(namespace):
        key = vault.find(namespace)
        assert key is not None
        root = node.messages.cls("protocol.v0.NamespaceDelegation")(
            namespace=namespace, target_key=key.signing, is_root_delegation=True
        )
        batch.insert(0, Element(NSD, root))
    else:
        _await_root(node, domain_id, namespace)
    version = node.view.domain_protocol_version(domain_id) or node.release.protocol_versions[-1]
    with node.db.write() as db:
        store = stores.synchronizer(domain_id)
        new = [one for one in batch if not node.topology.active(db, store, one)]
        signed = [node.topology.parse(_sign(node, vault, namespace, one, version)) for one in new]
        if len(sequence(db, node.topology, domain_id, signed)) != len(signed):
            raise RuntimeError(f"{node.name}: a party of the topology file was refused")


def _sign(node: Node, vault: Vault, namespace: str, element: Element, protocol_version: int) -> bytes:
    return node.topology.sign(vault, namespace, ADD, element, protocol_version)


def _await_root(node: Node, domain_id: str, namespace: str) -> None:
    """A participant that hosts a party has to be on the domain, or its signature means nothing there."""
    deadline = time.monotonic() + _WAIT_SECONDS
    store = stores.synchronizer(domain_id)
    while True:
        with node.db.read() as db:
            rows = [row for row in node.topology.heads(db, store, NSD) if elements.is_root_certificate(row.element)]
        if any(row.item.namespace == namespace for row in rows):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{node.name}: a host of one of its parties did not come to {domain_id}")
        time.sleep(0.02)
