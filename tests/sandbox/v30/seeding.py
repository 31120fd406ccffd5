# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the topology file wants a participant of Canton 3 to begin with; ``v0/seeding.py`` is its counterpart for Canton 2."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any

from sandbox.daml.contracts import Contract
from sandbox.daml.dars import Dar
from sandbox.node import parties
from sandbox.node.parties import Spec
from sandbox.node.vault import Vault
from sandbox.state import package_store, stores
from sandbox.state.package_store import StoredDar
from sandbox.v30 import mappings, vetting
from sandbox.v30.dispatcher import sequence
from sandbox.v30.mappings import ADD, NSD
from sandbox.v30.node import Node
from sandbox.wire import crypto, ids

_WAIT_SECONDS = 30.0

# Signs a transaction hash for one namespace.
_Signer = Callable[[bytes], Any]


def upload(node: Node, wanted: Sequence[Dar], entries: Sequence[dict[str, Any]]) -> None:
    """Store and vet the DARs of these entries of the topology file."""
    with node.db.write() as db:
        for dar, entry in zip(wanted, entries, strict=True):
            package_store.add_dar(db, node.name, dar, entry.get("description", dar.main.name), ids.now())
    packages = [package.package_id for dar in wanted for package in dar.packages]
    for psid in node.connected().values():
        _wait_for_system_vetting(node, psid)
        vetting.vet(node, psid, packages, wait=True)


def _wait_for_system_vetting(node: Node, psid: str) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while vetting.current(node, psid, effective=True).mapping is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{node.name} did not vet its system packages on {psid}")
        time.sleep(0.02)


def dars(db: sqlite3.Connection, node: Node) -> list[StoredDar]:
    """What contracts can be made of."""
    return package_store.dars(db, node.name)


def contract(_node: Node, made: Contract) -> Contract:
    """The contract in the form of the line."""
    return made


def host(node: Node, wanted: Sequence[Spec]) -> None:
    """Bring the parties into the store of every synchronizer that the node is connected to, and wait until they are in
    effect. What is there already stays."""
    for psid in node.connected().values():
        store = stores.synchronizer(psid)
        signers = _signers(node, wanted)
        for name in sorted({name for spec in wanted for name in spec.hosts}):
            _await_root(node, store, ids.namespace(parties.await_uid(node, name)))
        batch = _root_certificates(node, store, wanted, signers)
        batch += [each for spec in wanted if (each := _mapping(node, store, spec, signers)) is not None]
        with node.db.write() as db:
            added = sequence(db, node.topology, psid, batch, node.log)
        if len(added) != len(batch):
            raise RuntimeError(f"{node.name}: {len(batch) - len(added)} parties of the topology file were refused")
    time.sleep(stores.EPSILON / 1_000_000)


def _signers(node: Node, wanted: Sequence[Spec]) -> dict[str, _Signer]:
    """For each namespace that has to sign."""
    found = {node.namespace: _signer(node.vault, node.namespace)}
    for spec in wanted:
        for name in spec.hosts:
            namespace = ids.namespace(parties.await_uid(node, name))
            found.setdefault(namespace, _signer(parties.vault_of(node, name), namespace))
        if spec.namespace not in found:
            found[spec.namespace] = _signer(parties.holder(node, spec.namespace), spec.namespace)
    return found


def _signer(vault: Vault, namespace: str) -> _Signer:
    return lambda data: vault.sign(namespace, data)


def _await_root(node: Node, store: str, namespace: str) -> None:
    """A participant that hosts a party has to be on the synchronizer, or its signature means nothing there."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while not _has_root(node, store, namespace):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{node.name}: a host of one of its parties did not come to {store}")
        time.sleep(0.02)


def _has_root(node: Node, store: str, namespace: str) -> bool:
    with node.db.read() as db:
        return any(mappings.is_root(row.item) for row in node.topology.heads(db, store, NSD, namespace))


def _root_certificates(node: Node, store: str, wanted: Sequence[Spec], signers: dict[str, _Signer]) -> list[Any]:
    """Root certificates of party namespaces that the synchronizer does not know."""
    missing = {spec.namespace for spec in wanted if not _has_root(node, store, spec.namespace)}
    return [_root_certificate(node, namespace, signers[namespace]) for namespace in sorted(missing)]


def _root_certificate(node: Node, namespace: str, signer: _Signer) -> Any:
    key = parties.holder(node, namespace).find(namespace)
    assert key is not None
    mapping = node.messages.cls("protocol.v30.TopologyMapping")()
    delegation = mapping.namespace_delegation
    delegation.namespace = namespace
    delegation.target_key.CopyFrom(key.signing)
    delegation.can_sign_all_mappings.SetInParent()
    return _sign(node, mapping, [signer])


def _mapping(node: Node, store: str, spec: Spec, signers: dict[str, _Signer]) -> Any | None:
    """The signed mapping of a party; None when the synchronizer has one."""
    mapping = node.messages.cls("protocol.v30.TopologyMapping")()
    hosting = mapping.party_to_participant
    hosting.party, hosting.threshold = spec.party, spec.threshold
    for name in spec.hosts:
        hosting.participants.add(participant_uid=parties.await_uid(node, name), permission=spec.permission)
    with node.db.read() as db:
        if node.topology.head(db, store, mappings.unique_key(mapping)) is not None:
            return None
    namespaces = dict.fromkeys([spec.namespace, *(ids.namespace(h.participant_uid) for h in hosting.participants)])
    return _sign(node, mapping, [signers[namespace] for namespace in namespaces])


def _sign(node: Node, mapping: Any, by: list[_Signer]) -> Any:
    raw = node.topology.build(ADD, 1, mapping)
    data = crypto.transaction_hash(raw)
    return node.messages.cls("protocol.v30.SignedTopologyTransaction")(
        transaction=raw, signatures=[sign(data) for sign in by]
    )
