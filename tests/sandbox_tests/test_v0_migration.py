# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Canton 2: a whole migration to a participant with KMS keys, by hand, in its order of steps
(docs/canton/migration.md#steps-of-a-delegation, docs/canton/migration.md#canton-2-hosts-parties-while-disconnected)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from networks import MakeNetwork
from sandbox_tests.canton_2 import PACKAGES, PARTIES, RELEASES, Net

from sandbox.daml.dars import ADMIN_WORKFLOWS_DAR
from sandbox.v0.requests import add, authorize, delegate, hosting, listed, namespace
from sandbox.wire import client
from sandbox.wire.client import CallFailed

PING = "participant.admin.v0.PingService/ping"
COUNT = 40


def topology(release: str) -> dict[str, Any]:
    source = {
        "connections": [{"synchronizer": "old"}],
        "parties": ["Alice", "Bob", "Carol"],
        "dars": [{"name": "sandbox-iou", "version": "1.0.0", "packages": 2}],
        "contracts": [{"count": COUNT, "parties": ["Alice", "Bob", "Carol"], "bytes": 300}],
    }
    target = {"connections": [{"synchronizer": "new"}], "crypto": "kms"}
    old, new = (5, 7) if release == "2.10" else (4, 5)
    return {
        "synchronizers": {"old": {"protocol_version": old}, "new": {"protocol_version": new}},
        "participants": {"source": {"release": release, **source}, "target": {"release": release, **target}},
    }


@pytest.fixture(scope="module", params=RELEASES)
def net(request: pytest.FixtureRequest, make_network: MakeNetwork) -> Iterator[Net]:
    network = make_network(topology(request.param))
    with client.participants(network.info()) as clients:
        yield Net(request.param, network, clients)


def local_parties(net: Net, name: str) -> list[str]:
    """All that are hosted there but the admin party."""
    details = net[name].ledger(f"{PARTIES}/ListKnownParties")["party_details"]
    return [each["party"] for each in details if each.get("is_local") and each["party"] != net[name].uid]


def copy_dars(net: Net) -> None:
    for dar in net["source"].admin(f"{PACKAGES}/ListDars")["dars"]:
        if dar["name"] == ADMIN_WORKFLOWS_DAR:
            continue
        found = net["source"].admin(f"{PACKAGES}/GetDar", {"hash": dar["hash"]})
        request = {"data": found["data"], "filename": f"{dar['name']}.dar", "vet_all_packages": True}
        answer = net["target"].admin(f"{PACKAGES}/UploadDar", request)
        assert answer == {"success": {"hash": dar["hash"]}}


def test_migration(net: Net) -> None:
    source, target = net["source"], net["target"]
    parties = local_parties(net, "source")
    assert len(parties) == 3
    with pytest.raises(CallFailed) as caught:  # before the delegation
        authorize(target, "PartyToParticipant", **hosting(target, parties[0]))
    assert caught.value.reason == "NO_APPROPRIATE_SIGNING_KEY_IN_STORE"

    for transaction in delegate(source, target, net.release):
        add(target, transaction)
    net.disconnect("source", "old")
    net.disconnect("target", "new")
    for party in parties:
        authorize(target, "PartyToParticipant", **hosting(target, party))
    copy_dars(net)
    reference = net.active_ids("source", *parties)
    snapshot = net.export("source", parties, **net.renamed("old", "new"))
    arguments: dict[str, Any] = {"workflow_id_prefix": "migration"}
    if net.release != "2.8":
        arguments["onboarded_parties"] = parties
    net.load("target", snapshot, **arguments)
    net.network.stop_node("source")
    net.connect("target", "new")

    deadline = time.monotonic() + 20
    while sorted(local_parties(net, "target")) != sorted(parties) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sorted(local_parties(net, "target")) == sorted(parties)
    assert net.active_ids("target", *parties) == reference
    assert len(reference) == COUNT
    assert "success" in target.admin(PING, {"target_parties": [target.uid]})
    domain = net.domain("new")
    delegations = listed(target, "NamespaceDelegation", domain, filter_namespace=namespace(source))
    targets = {result["target_key_fingerprint"] for result in delegations}
    assert targets == {namespace(source), namespace(target)}
    vetted = {package for one in listed(target, "VettedPackages", domain) for package in one["item"]["package_ids"]}
    assert {
        each["template_id"]["package_id"] for a in net.active("target", *parties) for each in a["active_contracts"]
    } <= vetted
