# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parties of the topology file: properly signed mappings in the synchronizers' stores."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from sandbox.node.node import Node
from sandbox.node.vault import NAMESPACE, Vault
from sandbox.state import participants
from sandbox.wire import ids

OWN = "own"
OTHER = "other"
_WAIT_SECONDS = 30.0
_PERMISSIONS = {"submission": 1, "confirmation": 2, "observation": 3}


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
            row = participants.get(db, name)
        if row and row["uid"]:
            return str(row["uid"])
        time.sleep(0.02)
    raise TimeoutError(f"{node.name}: participant {name}, which is to host one of its parties, has no identity")


def vault_of(node: Node, name: str) -> Vault:
    with node.db.read() as db:
        config = participants.config(db, name)
    assert config is not None
    return type(node.vault)(name, config, node.db, node.messages)


def holder(node: Node, namespace: str) -> Vault:
    """Who has the root key of a namespace: the stranger or a participant."""
    stranger = strangers_vault(node)
    if stranger.holds(namespace):
        return stranger
    with node.db.read() as db:
        rows = participants.everyone(db)
    return vault_of(node, next(row["name"] for row in rows if ids.namespace(row["uid"]) == namespace))
