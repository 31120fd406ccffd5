# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to participants of Canton 2 that tests of the sandbox send again and again, as dictionaries for ``client``."""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf import json_format

from sandbox.wire import definitions
from sandbox.wire.client import Participant
from sandbox.wire.release import release

READ = "topology.admin.v0.TopologyManagerReadService"
WRITE = "topology.admin.v0.TopologyManagerWriteService"
AGGREGATION = "topology.admin.v0.TopologyAggregationService"
VAULT = "crypto.admin.v0.VaultService"
CONNECTIVITY = "participant.admin.v0.DomainConnectivityService"
IDENTITY = "topology.admin.v0.InitializationService"
STATUS = "participant.admin.v0.ParticipantStatusService/ParticipantStatus"
OLD_STATUS = "health.admin.v0.StatusService/Status"
AUTHORIZED = "Authorized"


def query(store: str = AUTHORIZED, operation: str = "Add", **more: Any) -> dict[str, Any]:
    """A request with a base query on the present state; ``more`` are further fields of the request."""
    base = {"filter_store": store, "head_state": {}, "operation": operation, "filter_operation": True}
    return {"base_query": base, **more}


def listed(node: Participant, kind: str, store: str = AUTHORIZED, **more: Any) -> list[dict[str, Any]]:
    """The results of ``List<kind>``: what is added and in force."""
    results: list[dict[str, Any]] = node.admin(f"{READ}/List{kind}", query(store, **more)).get("results", [])
    return results


def authorize(node: Participant, kind: str, change: str = "Add", **fields: Any) -> str:
    """``Authorize<kind>``; the signed transaction. ``signed_by``, ``force_change`` and ``replace_existing`` go where they
    belong."""
    data: dict[str, Any] = {"change": change}
    for name in ("signed_by", "force_change", "replace_existing"):
        if name in fields:
            data[name] = fields.pop(name)
    answer = node.admin(f"{WRITE}/Authorize{kind}", {"authorization": data, **fields})
    return str(answer["serialized"])


def add(participant: Participant, serialized: str) -> None:
    participant.admin(f"{WRITE}/AddSignedTopologyTransaction", {"serialized": serialized})


def hosting(participant: Participant, party: str, side: str = "Both", permission: str = "Submission") -> dict[str, Any]:
    """The fields of a party's hosting on a participant."""
    return {"side": side, "party": party, "participant": f"PAR::{participant.uid}", "permission": permission}


def namespace(participant: Participant) -> str:
    return participant.uid.partition("::")[2]


def namespace_key(participant: Participant) -> dict[str, Any]:
    """The PublicKey of a participant's namespace."""
    keys = participant.admin(f"{VAULT}/ListMyKeys", {"filter_fingerprint": namespace(participant)})
    key: dict[str, Any] = keys["private_keys_metadata"][0]["public_key_with_name"]["public_key"]
    return key


def import_key(participant: Participant, key: dict[str, Any], line: str, name: str = "") -> str:
    """Make a PublicKey known to a participant; its fingerprint."""
    message = json_format.ParseDict(key, definitions.messages(release(line)).cls("crypto.v0.PublicKey")())
    data = base64.b64encode(message.SerializeToString()).decode()
    answer = participant.admin(f"{VAULT}/ImportPublicKey", {"public_key": data, "name": name})
    return str(answer["fingerprint"])


def delegate(source: Participant, target: Participant, line: str, root: bool = False) -> tuple[str, str]:
    """Delegate the namespace of one to the key of the other: root certificate and delegation, to be added in this order."""
    fingerprint = import_key(source, namespace_key(target), line)
    delegation = authorize(
        source,
        "NamespaceDelegation",
        namespace=namespace(source),
        fingerprint_of_authorized_key=fingerprint,
        is_root_delegation=root,
    )
    certificates = [
        result["context"]["serialized"]
        for result in listed(source, "NamespaceDelegation", filter_namespace=namespace(source))
        if result["target_key_fingerprint"] == namespace(source)
    ]
    return certificates[0], delegation
