# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target whose KMS key cannot sign: one clear message, nothing half done, and right once the key can sign again."""

from __future__ import annotations

import base64
from typing import Any

import boto3
import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Sandbox, task
from playbook.observe import ROOT
from playbook.releases import Pair

from sandbox.v30.requests import namespace

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


def namespace_key(net: Sandbox) -> str:
    """The KMS's id of the key that the target's namespace rests on; only Canton 3 would tell."""
    with net.client("target") as client:
        (root,) = [each[1] for each in client.delegations(None, {namespace(client.uid)}) if each[2] == ROOT]
    public = base64.b64decode(root)
    keys = [each["KeyId"] for each in kms(net).list_keys()["Keys"]]
    return next(str(key) for key in keys if kms(net).get_public_key(KeyId=key)["PublicKey"] == public)


@pytest.mark.capability("Refusals with cause and remedy")
def test_disabled_namespace_key(network: StartNetwork, ansible: Ansible, pair: Pair) -> None:
    net = network(pair.topology(TOPOLOGY))
    both: dict[str, Any] = {"source": net.connection("source"), "target": net.connection("target")}
    aliases: dict[str, Any] = {"source_synchronizer": "oldsync", "target_synchronizer": "newsync"}
    steps = [
        task("participant_namespace_delegation", **both, synchronizer="newsync"),
        task("participant_party", **both, **aliases, wait_timeout=20),
    ]
    key = namespace_key(net)
    kms(net).disable_key(KeyId=key)
    refused = ansible.tasks(steps, succeeds=False)
    message = refused.failures[0]["msg"]
    assert "2 of 2 parties could not be hosted" in message
    assert "the target's KMS key can sign" in message and "kms:Sign" in message
    assert "Traceback" not in refused.output
    with net.client("target") as client:
        assert not client.known_parties()[1:]
    kms(net).enable_key(KeyId=key)
    again = ansible.tasks(steps)
    assert sorted(again.results[1]["hosted"]) == [net.party("source", name) for name in ("Alice", "Bob")]
