# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is peculiar to Canton 2 in the life of a participant's process; ``v30/line.py`` is its counterpart."""

from __future__ import annotations

from typing import Any

from sandbox.state import stores, synchronizers
from sandbox.v0 import domain, elements, seeding, services
from sandbox.v0.elements import ADD, Element
from sandbox.v0.node import Node

__all__ = ["Node", "connection_config", "early", "found", "has_topology", "initialize", "late", "ledger", "seeding"]

found = domain.found
early = services.early
late = services.late
ledger = services.ledger


def initialize(node: Node) -> None:
    """Keys, identity and first topology of a node that does this by itself."""
    namespace, signing = (
        node.vault.first_signing(purpose, f"{node.name}-{purpose}", []) for purpose in ("namespace", "signing")
    )
    encryption = node.vault.first_encryption(f"{node.name}-encryption")
    node.note(uid=f"{node.name}::{namespace.id}")
    messages = node.messages
    root = messages.cls("protocol.v0.NamespaceDelegation")(
        namespace=namespace.id, target_key=namespace, is_root_delegation=True
    )
    node.manager.authorize(ADD, Element(elements.NSD, root))
    public_key = messages.cls("crypto.v0.PublicKey")
    for key in (public_key(signing_public_key=signing), public_key(encryption_public_key=encryption)):
        owner = messages.cls("protocol.v0.OwnerToKeyMapping")(key_owner=f"PAR::{node.uid}", public_key=key)
        node.manager.authorize(ADD, Element(elements.OTK, owner))


def has_topology(node: Node) -> bool:
    """Whether a root certificate and keys of both purposes are there, as a node with manual identity waits for them."""
    own, topology = stores.authorized(node.name), node.topology
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
        url = synchronizers.url_of(connection, entry["synchronizer"])
    config = node.messages.cls("participant.admin.v0.DomainConnectionConfig")()
    config.domain_alias = entry["alias"]
    config.manual_connect = entry["manual_connect"]
    config.sequencerConnections.add(alias="DefaultSequencer").grpc.connections.append(url)
    config.sequencerTrustThreshold = 1
    tracker = config.timeTracker
    tracker.observationLatency.FromMilliseconds(250)
    tracker.patienceDuration.FromMilliseconds(500)
    tracker.minObservationDuration.FromSeconds(86_400)
    tracker.timeProofRequest.initialRetryDelay.FromMilliseconds(200)
    tracker.timeProofRequest.maxRetryDelay.FromSeconds(5)
    tracker.timeProofRequest.maxSequencingDelay.FromSeconds(10)
    return config
