# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target whose KMS key cannot sign: one clear message, nothing half done, and right once the key can sign again."""

from __future__ import annotations

from typing import Any

import boto3
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Sandbox, task

TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"old": {}, "new": {}},
    "participants": {
        "source": {"connections": [{"synchronizer": "old", "alias": "oldsync"}], "parties": ["Alice", "Bob"]},
        "target": {"crypto": "kms", "connections": [{"synchronizer": "new", "alias": "newsync"}]},
    },
}


def kms(net: Sandbox) -> Any:
    found = net.info()["kms"]
    return boto3.client(
        "kms",
        endpoint_url=found["endpoint"],
        region_name=found["region"],
        aws_access_key_id=found["aws_access_key_id"],
        aws_secret_access_key=found["aws_secret_access_key"],
    )


def test_disabled_namespace_key(network: StartNetwork, ansible: Ansible) -> None:
    net = network(TOPOLOGY)
    pair: dict[str, Any] = {"source": net.connection("source"), "target": net.connection("target")}
    aliases: dict[str, Any] = {"source_synchronizer": "oldsync", "target_synchronizer": "newsync"}
    steps = [
        task("participant_namespace_delegation", **pair, synchronizer="newsync"),
        task("participant_party", **pair, **aliases, wait_timeout=20),
    ]
    keys = ansible.tasks([task("participant_info", **net.connection("target"), gather=["keys"])]).results[0]["keys"]
    namespace_key = next(key["kms_key_id"] for key in keys if "namespace" in key["usage"])
    kms(net).disable_key(KeyId=namespace_key)
    refused = ansible.tasks(steps, succeeds=False)
    message = refused.failures[0]["msg"]
    assert "2 of 2 parties could not be hosted" in message
    assert "KMS key of the target cannot sign" in message and "kms:Sign" in message
    assert "Traceback" not in refused.output
    with net.client("target") as client:
        assert not client.ledger("v2.admin.PartyManagementService/ListKnownParties")["party_details"][1:]
    kms(net).enable_key(KeyId=namespace_key)
    again = ansible.tasks(steps)
    assert sorted(again.results[1]["hosted"]) == [net.party("source", name) for name in ("Alice", "Bob")]
