# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One participant with its own database goes onto a KMS, to the KMS of another region, and back to keys of its own: by the key
modules and three restarts. Its contracts stay, and it transacts after each."""

from __future__ import annotations

from typing import Any

import pytest
from networks import kms_client
from wire.stage import ALL, MAPPED, Stage, item

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED
from ansible_collections.ledgerops.canton.plugins.modules import (
    kms_key,
    participant_key_mapping,
    participant_kms_delegation,
    participant_kms_key,
)
from sandbox.kms.facts import DUMMY_CREDENTIALS
from sandbox.kms.gcp.server import served as gcp_served


def topology(line: str) -> dict[str, Any]:
    manual = {"release": line, "connections": [{"synchronizer": "one", "manual_connect": True}]}
    return {
        "synchronizers": {"one": {"protocol_version": 35 if line == "3.5" else 34}},
        "kms": {"always": True},
        "participants": {
            "old": {**manual, "parties": ["Alice"]},
            "to-google": manual,
            "peer": {"release": line, "connections": [{"synchronizer": "one"}], "parties": ["Bob"]},
        },
    }


PURPOSES = ("namespace", *MAPPED)
OTHER_REGION = "us-east-1"


class InPlace(Stage):
    def key_in(self, region: str, purpose: str) -> str:
        client = kms_client(self.network, DUMMY_CREDENTIALS["aws_access_key_id"], region)
        usage = {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}
        if purpose != "encryption":
            usage = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
        return str(client.create_key(**usage)["KeyMetadata"]["Arn"])

    def prepare(self, region: str) -> tuple[dict[str, str], list[dict[str, Any]]]:
        """Keys in the KMS of a region; delegation and mapping while the participant serves. The ARNs, and the new mapping."""
        arns = {purpose: self.key_in(region, purpose) for purpose in PURPOSES}
        place: dict[str, Any] = {"region": region}
        self.run(participant_kms_delegation, "old", kms_key_id=arns["namespace"], restriction=ALL, **place)
        keys = [item(arns[purpose], purpose=purpose) for purpose in MAPPED]
        done = self.thrice(participant_key_mapping, "old", keys=keys, **place)
        mapping: Any = done.result["mapping"]
        return arns, mapping[: len(MAPPED)]

    def cut(self, mapping: list[dict[str, Any]], **more: Any) -> None:
        keys = [item(fingerprint=key["fingerprint"]) for key in mapping]
        self.thrice(participant_key_mapping, "old", kms=False, keys=keys, other_keys="remove", **more)

    def restart(self, name: str = "old", **settings: Any) -> None:
        self.participant(name).disconnect("one")
        self.network.stop_node(name)
        for key, value in settings.items():
            self.network.set(name, key, value)
        self.network.start_node(name)

    def register(self, region: str, arns: dict[str, str]) -> None:
        for purpose, arn in arns.items():
            self.thrice(participant_kms_key, "old", region=region, kms_key_id=arn, purpose=purpose)

    def ping(self, name: str = "old") -> bool:
        peer = self.participant("peer").identity().uid
        return bool(self.participant(name).ping(peer, self.store, 20).success)


@pytest.fixture(scope="module", params=["3.5", "3.4"])
def stage(request: Any, make_network: Any) -> InPlace:
    return InPlace(make_network(topology(request.param)))


def test_onto_a_kms_to_another_and_back(stage: InPlace) -> None:
    uid = stage.participant("old").identity().uid
    region = stage.aws["region"]

    arns, mapping = stage.prepare(region)
    assert stage.ping(), "it serves with its old keys, which come last"
    stage.cut(mapping)
    stage.restart(crypto="kms")
    assert stage.participant("old").own_keys() == [], "no private key, and none registered"
    stage.register(region, arns)
    stage.participant("old").connect("one")
    assert stage.ping() and stage.participant("old").identity().uid == uid

    second, mapping = stage.prepare(OTHER_REGION)
    assert stage.ping()
    stage.cut(mapping)
    stage.restart(kms_region=OTHER_REGION)
    stage.register(OTHER_REGION, second)
    stage.participant("old").connect("one")
    assert stage.ping()

    # back: the new keys sign on the node, the namespace through the KMS, and another participant hands it over
    stage.restart(crypto="jce")
    node = stage.participant("old")
    fresh = [
        node.generate_signing_key("a", "ec_p256", ["sequencer_authentication"]),
        node.generate_signing_key("p", "ec_p256", ["protocol"]),
        node.generate_encryption_key("e", "rsa_2048"),
    ]
    done = stage.thrice(
        participant_key_mapping,
        "old",
        keys=[item(fingerprint=key.fingerprint) for key in fresh],
        other_keys="remove",
        namespace_kms_key_id=second["namespace"],
        region=OTHER_REGION,
        broadcast_by=stage.options("peer"),
    )
    assert set(done.after) == {AUTHORIZED, "one"}
    stage.participant("old").connect("one")
    assert stage.ping() and stage.participant("old").identity().uid == uid


def test_onto_a_kms_of_google(stage: InPlace) -> None:
    """Where names are short, and an Ed25519 key signs for the namespace."""
    ring = "projects/p-1/locations/europe-west3/keyRings/canton"
    with gcp_served() as (service, url):
        service.rings.add(ring)
        place = {"provider": "gcp", "project": "p-1", "location": "europe-west3", "key_ring": "canton"}
        options: dict[str, Any] = {"kms": False, **place, "endpoint_url": url}
        for purpose in PURPOSES:
            spec = {"namespace": "ec_curve25519"}.get(purpose)
            values = {name: option.get("default") for name, option in kms_key.SPEC.items()}
            kms_key.ensure(
                {**values, **place, "endpoint_url": url, "name": purpose, "purpose": purpose, "spec": spec}, False
            )
        stage.thrice(participant_kms_delegation, "to-google", **options, kms_key_id="namespace")
        keys = [item(purpose, purpose=purpose) for purpose in MAPPED]
        stage.thrice(participant_key_mapping, "to-google", **options, keys=keys)
        assert stage.ping("to-google")
        stage.thrice(participant_key_mapping, "to-google", **options, keys=keys, other_keys="remove")
        stage.restart("to-google", crypto="kms", kms_provider="gcp", kms_endpoint=url, kms_ring=ring)
        for purpose in PURPOSES:
            stage.thrice(participant_kms_key, "to-google", **options, kms_key_id=purpose, purpose=purpose)
        stage.participant("to-google").connect("one")
        assert stage.ping("to-google")
        # the namespace key of the KMS signs what the node writes
        mapping = stage.mapped("to-google")
        done = stage.thrice(
            participant_key_mapping, "to-google", **options, keys=[item(fingerprint=each) for each in mapping[::-1]]
        )
        assert mapping[::-1] == stage.mapped("to-google", stage.store, "peer") and len(done.result["signed_by"]) == 1  # type: ignore[arg-type]
