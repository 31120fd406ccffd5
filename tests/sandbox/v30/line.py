# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is peculiar to Canton 3 in the life of a participant's process; ``v0/line.py`` is its counterpart for Canton 2."""

from __future__ import annotations

from typing import Any

from sandbox.node.vault import NAMESPACE, PROTOCOL, SEQUENCER_AUTH
from sandbox.state import stores, synchronizers
from sandbox.v30 import mappings, seeding, services, synchronizer
from sandbox.v30.node import Node
from sandbox.wire import crypto

__all__ = ["Node", "connection_config", "early", "found", "has_topology", "initialize", "late", "ledger", "seeding"]

found = synchronizer.found
early = services.early
late = services.late
ledger = services.ledger

_KEYS = (
    ("namespace", "namespace", [NAMESPACE]),
    ("sequencer_auth", "sequencer-auth", [SEQUENCER_AUTH]),
    ("signing", "signing", [PROTOCOL]),
)


def initialize(node: Node) -> None:
    """Keys, identity and first topology of a node that does this by itself."""
    made = [node.vault.first_signing(purpose, f"{node.name}-{name}", usage) for purpose, name, usage in _KEYS]
    encryption = node.vault.first_encryption(f"{node.name}-encryption")
    namespace = crypto.fingerprint(made[0])
    node.note(uid=f"{node.name}::{namespace}")
    own = stores.authorized(node.name)
    mapping = node.messages.cls("protocol.v30.TopologyMapping")()
    mapping.namespace_delegation.namespace = namespace
    mapping.namespace_delegation.target_key.CopyFrom(made[0])
    mapping.namespace_delegation.can_sign_all_mappings.SetInParent()
    node.manager.authorize(own, mappings.ADD, mapping)
    mapping.Clear()
    mapping.owner_to_key_mapping.member = f"PAR::{node.uid}"
    for key in made[1:]:
        mapping.owner_to_key_mapping.public_keys.add(signing_public_key=key)
    mapping.owner_to_key_mapping.public_keys.add(encryption_public_key=encryption)
    node.manager.authorize(own, mappings.ADD, mapping)


def has_topology(node: Node) -> bool:
    """Whether root certificate and key mapping are there, as a node with manual identity waits for them."""
    own = stores.authorized(node.name)
    with node.db.read() as connection:
        root = any(
            mappings.is_root(row.item) for row in node.topology.heads(connection, own, mappings.NSD, node.namespace)
        )
        keys = node.topology.head(connection, own, f"{mappings.OTK} PAR::{node.uid}")
    return root and keys is not None and keys.transaction.operation == mappings.ADD


def connection_config(node: Node, entry: dict[str, Any]) -> Any:
    """The configuration with which a node of the topology file registers a synchronizer
    (docs/canton/synchronizers.md#durations-of-the-console)."""
    with node.db.read() as connection:
        url = synchronizers.url_of(connection, entry["synchronizer"])
    config = node.messages.cls("admin.participant.v30.SynchronizerConnectionConfig")()
    config.synchronizer_alias = entry["alias"]
    config.manual_connect = entry["manual_connect"]
    sequencers = config.sequencer_connections
    sequencers.sequencer_connections.add().grpc.connections.append(url)
    sequencers.sequencer_trust_threshold = 1
    sequencers.submission_request_amplification.factor = 1
    sequencers.submission_request_amplification.patience.SetInParent()
    delays = sequencers.sequencer_connection_pool_delays
    delays.min_restart_delay.FromMilliseconds(10)
    delays.max_restart_delay.FromSeconds(10)
    delays.subscription_request_delay.FromSeconds(1)
    delays.warn_validation_delay.FromSeconds(20)
    tracker = config.time_tracker
    tracker.observation_latency.FromMilliseconds(250)
    tracker.patience_duration.FromMilliseconds(500)
    tracker.min_observation_duration.FromSeconds(86_400)
    tracker.time_proof_request.initial_retry_delay.FromMilliseconds(200)
    tracker.time_proof_request.max_retry_delay.FromSeconds(5)
    tracker.time_proof_request.max_sequencing_delay.FromSeconds(10)
    return config
