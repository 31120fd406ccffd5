# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is peculiar to Canton 2 in the life of a participant's process; ``sandbox/v30.py`` is its counterpart."""

from __future__ import annotations

from typing import Any

from sandbox import topology_state
from sandbox.node import Node
from sandbox.v0 import elements, services
from sandbox.v0.connecting import Connector
from sandbox.v0.dispatcher import Dispatcher
from sandbox.v0.elements import ADD, Element
from sandbox.v0.vault import Vault
from sandbox.v0.view import View

early = services.early
late = services.late
ledger = services.ledger


def equip(node: Node) -> None:
    """Give the node its helpers."""
    node.v0 = View(node)
    node.vault = Vault(node.name, node.config, node.db, node.messages)
    node.dispatcher = Dispatcher(node, node.v0.topology)
    node.connector = Connector(node, node.v0)


def initialize(node: Node) -> None:
    """Keys, identity and first topology of a node that does this by itself."""
    namespace, signing = (_signing_key(node, purpose) for purpose in ("namespace", "signing"))
    encryption = _encryption_key(node)
    with node.db.write() as connection:
        connection.execute("UPDATE participants SET uid=? WHERE name=?", (f"{node.name}::{namespace.id}", node.name))
    messages = node.messages
    root = messages.cls("protocol.v0.NamespaceDelegation")(
        namespace=namespace.id, target_key=namespace, is_root_delegation=True
    )
    node.v0.manager.authorize(ADD, Element(elements.NSD, root))
    public_key = messages.cls("crypto.v0.PublicKey")
    for key in (public_key(signing_public_key=signing), public_key(encryption_public_key=encryption)):
        owner = messages.cls("protocol.v0.OwnerToKeyMapping")(key_owner=f"PAR::{node.uid}", public_key=key)
        node.v0.manager.authorize(ADD, Element(elements.OTK, owner))


def _signing_key(node: Node, purpose: str) -> Any:
    given, name = node.config["kms_keys"], f"{node.name}-{purpose}"
    if given == "auto" or not node.vault.uses_kms:
        return node.vault.generate_signing(name, [])
    return node.vault.register_signing(given[purpose], name, [])


def _encryption_key(node: Node) -> Any:
    given, name = node.config["kms_keys"], f"{node.name}-encryption"
    if given == "auto" or not node.vault.uses_kms:
        return node.vault.generate_encryption(name)
    return node.vault.register_encryption(given["encryption"], name)


def has_topology(node: Node) -> bool:
    """Whether a root certificate and keys of both purposes are there, as a node with manual identity waits for them."""
    own, topology = topology_state.authorized(node.name), node.v0.topology
    with node.db.read() as connection:
        root = any(
            elements.is_root_certificate(row.element) and row.item.namespace == node.namespace
            for row in topology.heads(connection, own, elements.NSD)
        )
        purposes = {
            row.item.public_key.WhichOneof("key")
            for row in topology.heads(connection, own, elements.OTK)
            if row.item.key_owner == f"PAR::{node.uid}"
        }
    return root and len(purposes) == 2


def connection_config(node: Node, entry: dict[str, Any]) -> Any:
    """The configuration with which a node of the topology file registers a domain."""
    with node.db.read() as connection:
        row = connection.execute("SELECT url FROM synchronizers WHERE name=?", (entry["synchronizer"],)).fetchone()
    config = node.messages.cls("participant.admin.v0.DomainConnectionConfig")()
    config.domain_alias = entry["alias"]
    config.manual_connect = entry["manual_connect"]
    config.sequencerConnections.add(alias="DefaultSequencer").grpc.connections.append(row["url"])
    config.sequencerTrustThreshold = 1
    tracker = config.timeTracker
    tracker.observationLatency.FromMilliseconds(250)
    tracker.patienceDuration.FromMilliseconds(500)
    tracker.minObservationDuration.FromSeconds(86_400)
    tracker.timeProofRequest.initialRetryDelay.FromMilliseconds(200)
    tracker.timeProofRequest.maxRetryDelay.FromSeconds(5)
    tracker.timeProofRequest.maxSequencingDelay.FromSeconds(10)
    return config
