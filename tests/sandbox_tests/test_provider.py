# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The crypto provider is a matter of the configuration at the start; keys of the other one stay and count for nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from networks import MakeNetwork, playing
from sandbox_tests import canton_3
from sandbox_tests.in_place import TOPOLOGY, USAGES, Node

from sandbox.cli.control import NetworkError
from sandbox.cli.main import main
from sandbox.v30.requests import READ, VAULT

CURVE = copy.deepcopy(TOPOLOGY)
CURVE["participants"]["old"]["key_spec"] = "ec_p256"


@pytest.fixture
def old(make_network: MakeNetwork, line: str) -> Node:
    return Node(make_network(playing(CURVE, line)), "old")


def state(node: Node) -> dict[str, Any]:
    """What must not change when the provider does."""
    with node.open() as client:
        users = client.ledger("com.daml.ledger.api.v2.admin.UserManagementService/ListUsers")["users"]
        return {
            "uid": node.uid,
            "contracts": canton_3.active_ids(client),
            "end": canton_3.ledger_end(client),
            "users": [user["id"] for user in users],
            "synchronizers": client.admin(f"{READ}/ListAvailableStores").get("store_ids"),
            "mapping": node.mapping({"authorized": {}}),
            "public": node.public_keys(),
        }


def imported(node: Node) -> dict[str, str]:
    """name -> id of the KMS key with the same private key, for all keys of the node."""
    return {name: node.imported(public) for name, public in node.public_keys().items()}


def registered(node: Node, ids: dict[str, str]) -> None:
    for name, key_id in ids.items():
        node.register(purpose(name), key_id, name)


def purpose(name: str) -> str:
    return {"old-namespace": "namespace", "old-sequencer-auth": "authentication", "old-signing": "signing"}.get(
        name, "encryption"
    )


def test_a_node_starts_with_the_other_provider_on_its_own_database(old: Node) -> None:
    ids = imported(old)
    listed = old.own_keys()
    before = state(old)
    old.disconnect()
    old.network.set("old", "crypto", "kms")
    assert len(old.own_keys()) == 4, "a running node has read its configuration already"
    old.restart()
    assert old.network.info()["participants"]["old"]["crypto"] == "kms"
    assert state(old) == before
    assert old.own_keys() == []
    registered(old, ids)
    assert [each["kms_key_id"] for each in old.own_keys()] == list(ids.values())
    old.connect()
    assert "success" in old.ping()
    old.restart()
    assert [each["kms_key_id"] for each in old.own_keys()] == list(ids.values())
    old.restart(crypto="jce")
    assert old.own_keys() == listed
    old.connect()
    assert "success" in old.ping()
    assert old.network.delete_private_keys("old") == 4
    assert old.network.delete_private_keys("old") == 0
    old.restart()
    assert old.own_keys() == []
    old.connect()
    assert "KeyNotAvailable" in old.ping()["failure"]["reason"]
    old.restart(crypto="kms")
    old.connect()
    assert "success" in old.ping()


def test_a_key_keeps_its_name_and_its_first_id(old: Node) -> None:
    ids = imported(old)
    public = old.public_keys()
    again = old.imported(public["old-signing"])
    old.restart(crypto="kms")
    request = {"kms_key_id": ids["old-signing"], "usage": [USAGES["signing"]]}
    for name in ("another name", ""):
        error = old.refused(f"{VAULT}/RegisterKmsSigningKey", {**request, "name": name})
        assert error.code == "INTERNAL"
        assert error.text.startswith("Existing public key for ") and error.text.endswith(
            " is different than inserted key"
        )
    error = old.refused(
        f"{VAULT}/RegisterKmsEncryptionKey", {"kms_key_id": ids["old-encryption"], "name": "another name"}
    )
    assert error.text.endswith(" is different than inserted key")
    wrong_usage = {**request, "name": "old-signing", "usage": [USAGES["authentication"]]}
    assert old.refused(f"{VAULT}/RegisterKmsSigningKey", wrong_usage).code == "INTERNAL"
    assert old.own_keys() == []
    assert old.register("signing", ids["old-signing"], "old-signing") == public["old-signing"]
    assert old.register("encryption", ids["old-encryption"], "old-encryption") == public["old-encryption"]
    assert old.register("signing", again, "old-signing") == public["old-signing"]
    assert [each["kms_key_id"] for each in old.own_keys()] == [ids["old-signing"], ids["old-encryption"]]


def test_deleting_a_key_of_a_kms_node_deletes_it_in_the_kms(old: Node) -> None:
    ids = imported(old)
    old.restart(crypto="kms")
    old.register("signing", ids["old-signing"], "old-signing")
    (listed,) = old.own_keys()
    fingerprint = next(iter(old.fingerprints(listed)))
    old.admin(f"{VAULT}/DeleteKeyPair", {"fingerprint": fingerprint})
    assert old.own_keys() == []
    assert "old-signing" not in old.public_keys()
    metadata = old.kms.describe_key(KeyId=ids["old-signing"])["KeyMetadata"]
    assert metadata["KeyState"] == "PendingDeletion"


def test_the_commands_of_it(old: Node, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["sandbox", *arguments, "--state", str(old.network.state)])
        return main()

    assert run("delete-private-keys", "nobody") == 1
    assert run("delete-private-keys", "old") == 0
    assert capsys.readouterr().out == "4\n"
    assert old.own_keys() == []
    assert run("set", "old", "crypto=paper") == 1
    assert "'paper' is none of jce, kms" in capsys.readouterr().err
    assert run("set", "old", "preview_commands=7") == 1
    assert run("set", "nobody", "crypto=kms") == 1
    assert run("set", "old", "crypto=kms") == 0
    assert run("set", "old", "ping_ms=1") == 0
    assert old.network.store.knob("old", "crypto", None) == "kms"


def test_regions_of_the_kms_are_a_matter_of_the_start_too(old: Node) -> None:
    ids = imported(old)
    old.restart(crypto="kms", kms_region="us-east-1")
    request = {"kms_key_id": ids["old-signing"], "usage": [USAGES["signing"]], "name": "old-signing"}
    assert old.refused(f"{VAULT}/RegisterKmsSigningKey", request).code == "INTERNAL"
    old.restart(kms_region="")
    old.admin(f"{VAULT}/RegisterKmsSigningKey", request)


def test_canton_2_keeps_its_provider(make_network: MakeNetwork) -> None:
    topology = {"synchronizers": {"one": {}}, "participants": {"two": {"release": "2.10"}}}
    network = make_network(topology)
    with pytest.raises(NetworkError, match=r"the crypto of a participant of Canton 2\.10 can't be changed"):
        network.set("two", "crypto", "kms")


def test_a_database_reopened_keeps_the_provider(make_network: MakeNetwork, line: str) -> None:
    network = make_network(playing({**TOPOLOGY, "kms": {}}, line))
    node = Node.without_kms(network, "old")
    node.restart(crypto="kms")
    assert node.own_keys() == []
    network.stop()
    network.start()
    assert network.info()["kms"]["pid"]
    assert node.own_keys() == []
