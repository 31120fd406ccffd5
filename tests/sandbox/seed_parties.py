# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parties of the topology file: properly signed mappings in the synchronizers' stores."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox import crypto, dispatcher, ids, mappings, topology_state
from sandbox.mappings import ADD, NSD
from sandbox.node import Node
from sandbox.vault import NAMESPACE, Vault

OWN = "own"
OTHER = "other"
_WAIT_SECONDS = 30.0
_PERMISSIONS = {"submission": 1, "confirmation": 2, "observation": 3}

# Signs a transaction hash for one namespace.
_Signer = Callable[[bytes], Any]


@dataclass(frozen=True)
class Spec:
    """One party. `namespace` is that of the party; `hosts` are names of participants."""

    party: str
    namespace: str
    hosts: tuple[str, ...]
    permission: int = 1
    threshold: int = 1
    display_name: str = ""
    annotations: dict[str, str] = field(default_factory=dict)


def party_id(node: Node, name: str) -> str:
    """A name of the topology file as a whole id: of the node's own namespace unless it has one."""
    return name if "::" in name else f"{name}::{node.namespace}"


def specs(node: Node) -> list[Spec]:
    """The parties that a participant's entry lists: names, `{count, prefix}` for many (prefix0, prefix1, …) or
    `{id, namespace, hosts, threshold, permission, annotations}`; namespace is `own`, another participant's name, or
    `other` for one whose key nobody in the network has."""
    found: list[Spec] = []
    for entry in node.config.get("parties") or []:
        if isinstance(entry, str):
            found.append(Spec(party_id(node, entry), node.namespace, (node.name,)))
        elif "count" in entry:
            found += [_single(node, entry, f"{entry['prefix']}{i}", node.namespace) for i in range(entry["count"])]
        else:
            found.append(_single(node, entry, entry["id"], _namespace(node, entry.get("namespace", OWN))))
    return found


def _single(node: Node, entry: dict[str, Any], name: str, namespace: str) -> Spec:
    return Spec(
        party=f"{name}::{namespace}",
        namespace=namespace,
        hosts=tuple(entry.get("hosts") or [node.name]),
        permission=_PERMISSIONS[entry.get("permission", "submission")],
        threshold=entry.get("threshold", 1),
        display_name=entry.get("display_name", ""),
        annotations=entry.get("annotations") or {},
    )


def _namespace(node: Node, name: str) -> str:
    if name == OWN:
        return node.namespace
    if name == OTHER:
        return _stranger(node)
    return ids.namespace(await_uid(node, name))


def _stranger(node: Node) -> str:
    """The namespace of a key that is kept apart from all vaults; the same one each time it is asked for."""
    vault = strangers_vault(node)
    if not any(vault.all_keys()):
        vault.generate_signing("stranger", [NAMESPACE])
    return next(key.fingerprint for key in vault.all_keys())


def strangers_vault(node: Node) -> Vault:
    config = {"crypto": "jce", "key_spec": "ed25519"}
    return type(node.vault)(f"stranger:{node.name}", config, node.db, node.messages)


def await_uid(node: Node, name: str) -> str:
    """The uid of another participant, which may still be starting."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        with node.db.read() as db:
            row = db.execute("SELECT uid FROM participants WHERE name = ? AND uid <> ''", (name,)).fetchone()
        if row:
            return str(row["uid"])
        time.sleep(0.02)
    raise TimeoutError(f"{node.name}: participant {name}, which is to host one of its parties, has no identity")


def host(node: Node, wanted: list[Spec]) -> None:
    """Bring the parties into the store of every synchronizer that the node is connected to, and wait until they are in
    effect. What is there already stays."""
    for psid in node.connected().values():
        store = topology_state.synchronizer(psid)
        signers = _signers(node, wanted)
        for name in sorted({name for spec in wanted for name in spec.hosts}):
            _await_root(node, store, ids.namespace(await_uid(node, name)))
        batch = _root_certificates(node, store, wanted, signers)
        batch += [each for spec in wanted if (each := _mapping(node, store, spec, signers)) is not None]
        with node.db.write() as db:
            added = dispatcher.sequence(db, node, psid, batch)
        if len(added) != len(batch):
            raise RuntimeError(f"{node.name}: {len(batch) - len(added)} parties of the topology file were refused")
    time.sleep(topology_state.EPSILON / 1_000_000)


def _signers(node: Node, wanted: list[Spec]) -> dict[str, _Signer]:
    """For each namespace that has to sign."""
    found = {node.namespace: _signer(node.vault, node.namespace)}
    for spec in wanted:
        for name in spec.hosts:
            namespace = ids.namespace(await_uid(node, name))
            found.setdefault(namespace, _signer(_vault_of(node, name), namespace))
        if spec.namespace not in found:
            found[spec.namespace] = _signer(holder(node, spec.namespace), spec.namespace)
    return found


def _signer(vault: Vault, namespace: str) -> _Signer:
    return lambda data: vault.sign(namespace, data)


def _vault_of(node: Node, name: str) -> Vault:
    with node.db.read() as db:
        row = db.execute("SELECT config FROM participants WHERE name = ?", (name,)).fetchone()
    return type(node.vault)(name, json.loads(row["config"]), node.db, node.messages)


def holder(node: Node, namespace: str) -> Vault:
    """Who has the root key of a namespace: the stranger or a participant."""
    stranger = strangers_vault(node)
    if stranger.holds(namespace):
        return stranger
    with node.db.read() as db:
        rows = db.execute("SELECT name, uid FROM participants").fetchall()
    return _vault_of(node, next(row["name"] for row in rows if ids.namespace(row["uid"]) == namespace))


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


def _root_certificates(node: Node, store: str, wanted: list[Spec], signers: dict[str, _Signer]) -> list[Any]:
    """Root certificates of party namespaces that the synchronizer does not know."""
    missing = {spec.namespace for spec in wanted if not _has_root(node, store, spec.namespace)}
    return [_root_certificate(node, namespace, signers[namespace]) for namespace in sorted(missing)]


def _root_certificate(node: Node, namespace: str, signer: _Signer) -> Any:
    key = holder(node, namespace).find(namespace)
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
        hosting.participants.add(participant_uid=await_uid(node, name), permission=spec.permission)
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
