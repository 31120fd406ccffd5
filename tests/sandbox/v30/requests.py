# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that tests of the sandbox send again and again, as dictionaries for ``client``."""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf import json_format

from sandbox.v30 import mappings
from sandbox.wire import definitions
from sandbox.wire.client import Participant
from sandbox.wire.release import release

READ = "topology.admin.v30.TopologyManagerReadService"
WRITE = "topology.admin.v30.TopologyManagerWriteService"
VAULT = "crypto.admin.v30.VaultService"
CONNECTIVITY = "admin.participant.v30.SynchronizerConnectivityService"
IDENTITY = "topology.admin.v30.IdentityInitializationService"
STATUS = "admin.participant.v30.ParticipantStatusService/ParticipantStatus"
AUTHORIZED: dict[str, Any] = {"authorized": {}}
ADD, REMOVE = "TOPOLOGY_CHANGE_OP_ADD_REPLACE", "TOPOLOGY_CHANGE_OP_REMOVE"


def on(synchronizer_id: str) -> dict[str, Any]:
    """The store of a synchronizer."""
    return {"synchronizer": {"id": synchronizer_id}}


def query(store: dict[str, Any] | None = None, operation: str = ADD, **more: Any) -> dict[str, Any]:
    """A request with a base query on the present state; ``more`` are further fields of the request."""
    base: dict[str, Any] = {"operation": operation, "head_state": {}}
    if "proposals" in more:
        base["proposals"] = more.pop("proposals")
    if store is not None:
        base["store"] = store
    return {"base_query": base, **more}


def host(uid: str, permission: str = "SUBMISSION", onboarding: bool = False) -> dict[str, Any]:
    entry: dict[str, Any] = {"participant_uid": uid, "permission": f"PARTICIPANT_PERMISSION_{permission}"}
    if onboarding:
        entry["onboarding"] = {}
    return entry


def hosting(party: str, *hosts: dict[str, Any], threshold: int = 1) -> dict[str, Any]:
    """A party mapping."""
    return {"party_to_participant": {"party": party, "threshold": threshold, "participants": list(hosts)}}


def delegation(namespace: str, key: dict[str, Any], restriction: str = "can_sign_all_but_namespace_delegations") -> Any:
    return {"namespace_delegation": {"namespace": namespace, "target_key": key, restriction: {}}}


def change(mapping: dict[str, Any], store: dict[str, Any], operation: str = ADD, **more: Any) -> dict[str, Any]:
    """A request to Authorize; fully authorised unless ``must_fully_authorize`` says otherwise."""
    proposal = {"change": operation, "mapping": mapping, "serial": more.pop("serial", 0)}
    return {"proposal": proposal, "must_fully_authorize": True, "store": store, **more}


def namespace_key(participant: Participant) -> dict[str, Any]:
    """The SigningPublicKey of a participant's namespace."""
    keys = participant.admin(f"{VAULT}/ListMyKeys", {"filters": {"usage": ["SIGNING_KEY_USAGE_NAMESPACE"]}})
    key: dict[str, Any] = keys["private_keys_metadata"][0]["public_key_with_name"]["public_key"]["signing_public_key"]
    return key


def signed_delegations(participant: Participant, operation: str = ADD) -> list[dict[str, Any]]:
    """The signed namespace delegations in a participant's own store, in their order."""
    # ListAllV2 could ask for the one kind, but only 3.5 has it; and only 3.5 knows the codes lsu and scs.
    others = sorted(set(mappings.SHORT_CODES) - {"nsd", "lsu", "scs"})
    request = query(AUTHORIZED, operation, exclude_mappings=others)
    listed = participant.admin(f"{READ}/ListAll", request)["result"].get("items", [])
    return [unwrap(item["transaction"]) for item in listed]


def unwrap(item: str) -> dict[str, Any]:
    """The SignedTopologyTransaction of a listed item."""
    messages = definitions.messages(release("3.5"))
    data = messages.unwrap(base64.b64decode(item))
    signed = messages.cls("protocol.v30.SignedTopologyTransaction").FromString(data)
    return json_format.MessageToDict(signed, preserving_proto_field_name=True)


def namespace(uid: str) -> str:
    return uid.partition("::")[2]
