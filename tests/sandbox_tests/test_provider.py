# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The crypto provider is a matter of the configuration at the start; keys of the other one stay and count for nothing."""

from __future__ import annotations

import base64
import copy
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from networks import MakeNetwork, playing
from sandbox_tests import canton_3
from sandbox_tests.in_place import SPKI, TOPOLOGY, USAGES, Node

from sandbox.cli import live
from sandbox.cli.control import NetworkError
from sandbox.cli.main import main
from sandbox.kms.facts import KMS
from sandbox.kms.gcp.client import Kms
from sandbox.kms.gcp.keys import State
from sandbox.kms.gcp.server import served
from sandbox.v30.requests import READ, VAULT
from sandbox.wire import crypto

CURVE = copy.deepcopy(TOPOLOGY)
CURVE["participants"]["old"]["key_spec"] = "ec_p256"


@pytest.fixture
def old(make_short_network: MakeNetwork, line: str) -> Node:
    return Node(make_short_network(playing(CURVE, line)), "old")


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


def test_a_default_node_on_gcp(make_short_network: MakeNetwork, line: str) -> None:
    """Google's KMS takes Ed25519 keys; the ECIES key is replaced before by one that was born there."""
    old = Node.without_kms(make_short_network(playing({**TOPOLOGY, "kms": {}}, line)), "old")
    ring = "projects/p/locations/global/keyRings/canton"
    with served() as (service, url):
        service.rings.add(ring)
        gcp = Kms(url, ring)
        ids = {}
        for name, public in old.public_keys().items():
            if "signing_public_key" in public:
                ids[name] = gcp.create_signing(crypto.ED25519, name)
                (version,) = service.keys[f"{ring}/cryptoKeys/{ids[name]}"].versions
                version.material = serialization.load_der_private_key(old.private_key(public), None)
        born = gcp.create_encryption("encryption")
        der = base64.b64encode(gcp.public_key(born, "ENCRYPT_DECRYPT")).decode()
        key = {"format": SPKI, "public_key": der, "key_spec": "ENCRYPTION_KEY_SPEC_RSA_2048"}
        signing = [each for each in old.mapping({"authorized": {}}) if "signing_public_key" in each]
        old.authorize(old.owner_mapping([*signing, {"encryption_public_key": key}]))
        before = state(old)
        old.disconnect()
        old.restart(crypto="kms", kms_provider="gcp", kms_endpoint=url, kms_ring=ring)
        assert old.network.info()["kms"] is None
        registered(old, ids)
        old.register("encryption", born, "born")
        assert [each["kms_key_id"] for each in old.own_keys()] == [*ids.values(), born]
        old.connect()
        assert "success" in old.ping()
        assert live.create(old.network.state, "old", ["Alice"])
        generated = old.admin(f"{VAULT}/GenerateSigningKey", {"name": "made", "usage": [USAGES["signing"]]})
        assert generated["public_key"]["key_spec"] == "SIGNING_KEY_SPEC_EC_P256"
        (listed,) = old.own_keys(name="made")
        old.admin(f"{VAULT}/DeleteKeyPair", {"fingerprint": old.fingerprints(listed)[0]})
        assert gcp.state(listed["kms_key_id"]) == "DESTROY_SCHEDULED"
        missing = {"kms_key_id": "nothing", "name": "x", "usage": [USAGES["signing"]]}
        assert old.refused(f"{VAULT}/RegisterKmsSigningKey", missing).code == "INTERNAL"
        service.keys[f"{ring}/cryptoKeys/{ids['old-signing']}"].versions[0].shown.state = State.DISABLED
        assert "Could not sign" in old.ping()["failure"]["reason"]
        assert set(state(old)["contracts"]) > set(before["contracts"])


def test_canton_2_keeps_its_provider(make_short_network: MakeNetwork) -> None:
    topology = {"synchronizers": {"one": {}}, "participants": {"two": {"release": "2.10"}}}
    network = make_short_network(topology)
    with pytest.raises(NetworkError, match=r"the crypto of a participant of Canton 2\.10 can't be changed"):
        network.set("two", "crypto", "kms")


def test_a_database_reopened_keeps_the_provider(make_short_network: MakeNetwork, line: str) -> None:
    network = make_short_network(playing({**TOPOLOGY, "kms": {}}, line))
    node = Node.without_kms(network, "old")
    node.restart(crypto="kms")
    assert node.own_keys() == []
    network.stop()
    network.start()
    assert network.info()["kms"]["pid"]
    assert node.own_keys() == []


def last_line(node: Node) -> str:
    return str((node.network.state / "logs" / f"{node.name}.log").read_text().splitlines()[-1])


def test_a_start_that_fails(old: Node) -> None:
    old.network.stop_node("old")
    old.network.set("old", "startup_error", "no such database")
    for _attempt in range(2):
        with pytest.raises(NetworkError, match="old ended while it started"):
            old.network.start_node("old")
        assert last_line(old).endswith("startup failed: no such database")
        assert (old.phase, old.serves()) == ("failed", False)
    old.network.set("old", "startup_error", None)
    old.network.start_node("old")
    assert re.search(r"ready: old::.* started in \d+ ms$", (old.network.state / "logs" / "old.log").read_text(), re.M)
    assert old.serves()


def test_a_kms_that_can_not_be_reached_at_the_start(old: Node) -> None:
    ids = imported(old)
    old.network.stop_node("old")
    old.network.set("old", "crypto", "kms")
    old.network.kill_node(KMS)
    with pytest.raises(NetworkError, match="old ended while it started"):
        old.network.start_node("old")
    assert "startup failed: the KMS at http://127.0.0.1:" in last_line(old)
    old.network.set("old", "crypto", "jce")
    old.network.start_node("old")
    assert len(old.own_keys()) == 4, "without the KMS it is the old node again"
    old.network.stop_node("old")
    old.network.start_node(KMS)
    old.network.set("old", "crypto", "kms")
    old.network.start_node("old")
    registered(old, ids)
    old.network.stop_node("old")
    old.network.set("old", "kms_endpoint", "http://127.0.0.1:1")
    with pytest.raises(NetworkError):
        old.network.start_node("old")
    assert "the KMS at http://127.0.0.1:1 can't be reached" in last_line(old)
