# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node with an empty database and an old identity gets the history of the identity when it connects for the first time."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from networks import MakeNetwork, playing
from sandbox_tests import canton_3
from sandbox_tests.in_place import DAR, Node, fingerprint

from sandbox.cli import live
from sandbox.cli.control import NetworkError
from sandbox.daml import dars
from sandbox.v30 import mappings
from sandbox.v30.requests import (
    AUTHORIZED,
    CONNECTIVITY,
    IDENTITY,
    READ,
    VAULT,
    WRITE,
    namespace,
    query,
    unwrap,
)
from sandbox.wire.client import CallFailed

TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"one": {}},
    "participants": {
        "old": {
            "connections": [{"synchronizer": "one"}],
            "preview_commands": True,
            "parties": ["Alice"],
            "dars": [DAR],
            "contracts": [{"parties": ["Alice"], "count": 4, "archived": 1}],
        },
        "heir": {"identity": "manual"},
        "peer": {"connections": [{"synchronizer": "one"}], "parties": ["Carol"], "dars": [DAR]},
    },
}
TEXTS = (
    "LOCAL_VERDICT_CREATES_EXISTING_CONTRACTS",
    "with failed activeness check is approved",
    "crashing the node to recover from invalid state",
)


@pytest.fixture
def network(make_short_network: MakeNetwork, line: str) -> Any:
    return make_short_network(playing(TOPOLOGY, line))


def inherited(old: Node, heir: Node) -> None:
    """The heir gets keys and topology of the old node, which stops, and registers its synchronizer."""
    for public in old.public_keys().values():
        request = {"fingerprint": fingerprint(public), "protocol_version": 34}
        pair = old.admin(f"{VAULT}/ExportKeyPair", request)["key_pair"]
        heir.admin(f"{VAULT}/ImportKeyPair", {"key_pair": pair, "name": fingerprint(public)[-8:]})
    others = sorted(set(mappings.SHORT_CODES) - {"nsd", "otk", "lsu", "scs"})
    listed = old.admin(f"{READ}/ListAll", query(AUTHORIZED, exclude_mappings=others))["result"]["items"]
    registered = old.admin(f"{CONNECTIVITY}/ListRegisteredSynchronizers")["results"][0]["config"]
    old.network.stop_node("old")
    heir.admin(f"{IDENTITY}/InitId", {"identifier": "old", "namespace": namespace(old.uid)})
    signed = [unwrap(item["transaction"]) for item in listed]
    heir.admin(f"{WRITE}/AddTransactions", {"transactions": signed, "store": AUTHORIZED})
    heir.await_phase("ready")
    request = {"config": registered, "synchronizer_connection": 2, "sequencer_connection_validation": 3}
    heir.admin(f"{CONNECTIVITY}/RegisterSynchronizer", request)


def contracts(node: Node) -> list[str]:
    with node.open() as client:
        return canton_3.active_ids(client)


def exported(old: Node) -> list[dict[str, Any]]:
    with old.open() as client:
        request = {"ledger_offset": canton_3.ledger_end(client), "party_ids": [f"Alice::{namespace(old.uid)}"]}
        chunks = client.admin(f"{canton_3.REPAIR}/ExportAcs", request)
    return [{"acs_snapshot": each["chunk"]} for each in chunks]


def imported(heir: Node, snapshot: list[dict[str, Any]]) -> None:
    synchronizer = heir.network.info()["synchronizers"]["one"]["id"]
    more = {"contract_import_mode": canton_3.ACCEPT, "synchronizer_id": synchronizer, "workflow_id_prefix": "moved"}
    if heir.network.info()["participants"]["heir"]["release"] == "3.4":
        more.pop("synchronizer_id")
    heir.admin(f"{canton_3.REPAIR}/ImportAcs", [{**more, **each} for each in snapshot])


def test_connecting_alone_brings_the_contracts_back(network: Any) -> None:
    old, heir = Node.without_kms(network, "old"), Node.without_kms(network, "heir")
    live.create(network.state, "old", ["Alice"], ["Carol"])
    before = contracts(old)
    assert len(before) == 4
    inherited(old, heir)
    missed = live.create(network.state, "peer", ["Carol"], [f"Alice::{namespace(old.uid)}"])
    assert contracts(heir) == []
    heir.connect()
    assert sorted(contracts(heir)) == sorted([*before, *missed])
    assert "success" in heir.ping()
    network.stop_node("heir")
    network.start_node("heir")
    assert sorted(contracts(heir)) == sorted([*before, *missed])


def test_imported_contracts_end_it_at_every_start(network: Any) -> None:
    old, heir = Node.without_kms(network, "old"), Node.without_kms(network, "heir")
    snapshot = exported(old)
    inherited(old, heir)
    with_dar(heir)
    imported(heir, snapshot)
    assert len(contracts(heir)) == 3
    with pytest.raises(CallFailed) as caught:
        heir.connect()
    assert caught.value.code == "UNAVAILABLE"
    for _attempt in range(2):
        heir.await_phase("crashed")
        log = (Path(network.state) / "logs" / "heir.log").read_text()
        assert all(text in log.splitlines()[-1] for text in TEXTS)
        with pytest.raises(NetworkError, match="heir ended while it started"):
            network.start_node("heir")


def with_dar(heir: Node) -> None:
    """What was uploaded to the old node, for the import."""
    data = dars.make_dar(DAR["name"], DAR["version"], 1, ["Iou:Iou"], "")
    request = {"dars": [{"bytes": base64.b64encode(data).decode()}]}
    heir.admin("admin.participant.v30.PackageService/UploadDar", request)
