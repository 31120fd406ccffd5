# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_key and kms_key_info through real ansible-playbook, against a KMS endpoint on the loopback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from moto.server import ThreadedMotoServer
from playbook.kms_playbook import ACCESS_KEY, SECRET_KEY, Playbook

from sandbox.kms.gcp.server import served

ANSIBLE_PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
PURPOSES = ["namespace", "sequencer_authentication", "protocol", "encryption", "wrapper"]
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def endpoint_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def playbook(tmp_path: Path, endpoint_url: str) -> Playbook:
    return Playbook(tmp_path, endpoint_url)


def kms_key(**options: Any) -> dict[str, Any]:
    return {"ledgerops.canton.kms_key": options}


def kms_key_info(**options: Any) -> dict[str, Any]:
    return {"ledgerops.canton.kms_key_info": options}


def test_check_run_and_run_again(playbook: Playbook) -> None:
    create = {
        **kms_key(alias="run/{{ item }}", purpose="{{ item }}", tags={"host": "p1"}, probe=True),
        "loop": PURPOSES,
    }
    (predicted,) = playbook.run(create, flags=("--check", "--diff"))
    assert '+    "spec": "ec_p256"' in playbook.output
    (none_yet,) = playbook.run(kms_key_info(tags={"host": "p1"}))
    assert none_yet["keys"] == []

    (made,) = playbook.run(create, flags=("--diff",))
    assert [item["changed"] for item in made["results"]] == [True] * len(PURPOSES)
    assert [item["diff"] for item in made["results"]] == [item["diff"] for item in predicted["results"]]
    assert [set(item["key"]) for item in made["results"]] == [set(item["key"]) for item in predicted["results"]]
    assert [item["probe"] for item in made["results"]] == ["sign_verify"] * 3 + ["encrypt_decrypt"] * 2
    for item in made["results"][:4]:
        assert item["key"]["fingerprint"].startswith("1220")
        assert load_pem_public_key(item["key"]["public_key_pem"].encode())

    again, info = playbook.run(create, kms_key_info(names=[f"alias/run/{purpose}" for purpose in PURPOSES]))
    assert [item["changed"] for item in again["results"]] == [False] * len(PURPOSES)
    assert [item["key"] for item in again["results"]] == [item["key"] for item in made["results"]]
    for shown, item in zip(info["keys"], made["results"], strict=True):
        # kms_key reads of these only what it is asked to set
        assert shown["policy"] and shown["grants"] == []
        assert {**shown, "policy": None, "grants": None, "rotation": None} == item["key"]
    assert info["changed"] is False


def test_changes_deletion_and_return(playbook: Playbook) -> None:
    alias = "change/namespace"
    results = playbook.run(
        kms_key(alias=alias, purpose="namespace", tags={"a": "1"}),
        kms_key(alias=alias, description="changed", tags={"b": "2"}, enabled=False),
        kms_key(alias=alias, description="changed", tags={"b": "2"}, enabled=False),
        kms_key(alias=alias, state="absent", pending_window=7),
        kms_key(alias=alias, state="absent", pending_window=7),
        kms_key(alias=alias, purpose="namespace", cancel_deletion=True, probe=True),
        flags=("--diff",),
    )
    assert [result["changed"] for result in results] == [True, True, False, True, False, True]
    assert results[1]["diff"]["before"]["tags"] == {"a": "1"}
    assert results[1]["diff"]["after"]["tags"] == {"b": "2"}
    assert [result["key"]["state"] for result in results[1:]] == [
        "disabled",
        "disabled",
        "pending_deletion",
        "pending_deletion",
        "enabled",
    ]
    assert results[5]["key"]["arn"] == results[0]["key"]["arn"]
    assert results[5]["probe"] == "sign_verify"


def test_policy_grants_rotation_regions_and_aliases(playbook: Playbook) -> None:
    role = "arn:aws:iam::123456789012:role/"
    everything: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "kms:*"}
    wrapper = kms_key(
        alias="all/wrapper",
        purpose="wrapper",
        sts_endpoint_url=playbook.defaults["endpoint_url"],
        node_principals=[f"{role}canton"],
        grants=[{"name": "backup", "grantee_principal": f"{role}backup", "operations": ["Decrypt", "DescribeKey"]}],
        purge_grants=True,
        rotation=True,
        replicas=["eu-west-1"],
    )
    (predicted,) = playbook.run(wrapper, flags=("--check", "--diff"))
    made, again, signing, moved, malformed, locked, waits = playbook.run(
        wrapper,
        wrapper,
        kms_key(alias="all/signing", purpose="protocol", policy={"Statement": [{**everything, "Resource": "*"}]}),
        kms_key(alias="all/wrapper", key_id="{{ result_0.key.arn }}", alias_move=True),
        {**kms_key(alias="all/other", purpose="protocol", policy={"Statement": [everything]}), "ignore_errors": True},
        {
            **kms_key(
                alias="all/other",
                purpose="protocol",
                policy='{"Statement": {"Effect": "Allow", "Resource": "*", "Action": "kms:Sign", "Principal": "*"}}',
            ),
            "ignore_errors": True,
        },
        kms_key(alias="all/wrapper", state="absent", purge_replicas=True, pending_window=7),
        flags=("--diff",),
    )
    assert predicted["diff"] == made["diff"]
    assert set(predicted["key"]) == set(made["key"])
    assert (made["changed"], again["changed"], moved["changed"]) == (True, False, False)
    assert made["key"]["policy"]["Statement"][1]["Action"] == ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"]
    assert [(grant["name"], grant["operations"]) for grant in made["key"]["grants"]] == [
        ("backup", ["Decrypt", "DescribeKey"])
    ]
    assert made["key"]["rotation"] == {"enabled": True, "period": 365}
    assert [replica["region"] for replica in made["key"]["replicas"]] == ["eu-west-1"]
    assert signing["key"]["policy"]["Statement"][0]["Principal"] == {"AWS": "123456789012"}
    assert (malformed["error_id"], locked["error_id"]) == ("policy_malformed", "policy_locks_out")
    assert "statement 1 needs Resource or NotResource" in malformed["msg"]
    assert waits["diff"]["after"]["replicas"] == {"eu-west-1": "pending_deletion"}


def test_bad_input_gets_one_clear_message_each(playbook: Playbook) -> None:
    alias = "bad/namespace"
    nobody = {"access_key": "{{ omit }}", "secret_key": "{{ omit }}"}
    cases = {
        "key_spec_mismatch": kms_key(alias=alias, purpose="encryption"),
        "key_spec_unfit": kms_key(alias="bad/other", purpose="encryption", spec="ec_p256"),
        "key_spec_missing": kms_key(alias="bad/other"),
        "key_not_found": kms_key(key_id=UNKNOWN_ID, purpose="namespace"),
        "region_mismatch": kms_key(key_id=f"arn:aws:kms:us-east-1:111122223333:key/{UNKNOWN_ID}"),
        "alias_invalid": kms_key(alias="no spaces please", purpose="namespace"),
        "NoCredentialsError": kms_key(alias=alias, **nobody),
        "ProfileNotFound": kms_key(alias=alias, profile="nobody", **nobody),
        "NoRegionError": kms_key(alias=alias, region="{{ omit }}"),
        "endpoint_invalid": kms_key(alias=alias, endpoint_url="kms.example.com"),
        "EndpointConnectionError": kms_key_info(names=[UNKNOWN_ID], endpoint_url="http://127.0.0.1:1"),
    }
    failing = [{**task, "ignore_errors": True} for task in cases.values()]
    made, disabled, *results, info = playbook.run(
        kms_key(alias=alias, purpose="namespace", enabled=False),
        {**kms_key(alias=alias, purpose="namespace"), "ignore_errors": True},
        *failing,
        kms_key_info(names=[f"alias/{alias}", "alias/bad/other"]),
    )
    assert made["key"]["state"] == "disabled"
    assert disabled["error_id"] == "key_disabled"
    assert [result.get("error_id") for result in results] == list(cases)
    for result in [disabled, *results]:
        assert result["failed"]
        assert result["hint"] in result["msg"]
        assert result["hint"]
    assert "Traceback" not in playbook.output
    assert info["missing"] == ["alias/bad/other"]
    assert [key["state"] for key in info["keys"]] == ["disabled"]


def test_credentials_are_nowhere_in_the_output(playbook: Playbook) -> None:
    playbook.run(
        kms_key(alias="quiet/namespace", purpose="namespace"),
        {**kms_key(alias="quiet/namespace", purpose="encryption"), "ignore_errors": True},
        flags=("-vvvv", "--diff"),
    )
    assert "quiet/namespace" in playbook.output
    assert SECRET_KEY not in playbook.output
    assert ACCESS_KEY not in playbook.output


def test_keys_in_gcp(tmp_path: Path) -> None:
    node = "serviceAccount:node@p-1.iam.gserviceaccount.com"
    key = {
        "name": "p1-{{ item }}",
        "purpose": "{{ item }}",
        "create_key_ring": True,
        "node_principals": [node],
        "probe": True,
    }
    purposes = ["encryption", "protocol"]
    several: dict[str, Any] = {**kms_key(**key), "loop": purposes}
    failing = {"failed_when": False}
    with served() as (_service, url):
        play = Playbook(tmp_path, url)
        play.defaults = {
            "provider": "gcp",
            "project": "p-1",
            "location": "global",
            "key_ring": "r",
            "endpoint_url": url,
        }
        predicted, made, again, found, foreign, gone, deleted = play.run(
            {**several, "check_mode": True},
            several,
            several,
            kms_key_info(),
            {**kms_key(name="p1-protocol", alias="a"), **failing},
            {**kms_key(name="none"), **failing},
            {**kms_key(name="p1-protocol", state="absent")},
            flags=("--diff",),
        )
        assert predicted["results"][0]["diff"] == made["results"][0]["diff"]
        assert predicted["results"][0]["diff"]["after"]["key_ring"] == "present"
        assert made["changed"] and not again["changed"]
        keys = {each["key_id"]: each for each in found["keys"]}
        assert list(keys) == sorted(f"p1-{purpose}" for purpose in purposes)
        for each in made["results"]:
            shown = keys[each["key"]["key_id"]]
            assert shown["fingerprint"] == each["key"]["fingerprint"] and shown["state"] == "enabled"
            assert {tuple(binding["members"]) for binding in shown["policy"]["bindings"]} == {(node,)}
        assert foreign["error_id"] == "option_unfit" and gone["error_id"] == "key_spec_missing"
        assert deleted["key"]["state"] == "pending_deletion" and "destroyed in 30 days" in play.output
