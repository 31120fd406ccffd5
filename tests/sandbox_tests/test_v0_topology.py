# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Topology of Canton 2: who may sign, what is refused, what domains make of it, and how it is read."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from google.protobuf import json_format
from sandbox_tests.canton_2_topology import domain, each_line, eventually, opened, refused

from sandbox.v0.requests import (
    AGGREGATION,
    AUTHORIZED,
    CONNECTIVITY,
    READ,
    WRITE,
    add,
    authorize,
    delegate,
    hosting,
    import_key,
    listed,
    namespace,
    namespace_key,
    query,
)
from sandbox.wire import client, crypto, definitions
from sandbox.wire.client import Participant
from sandbox.wire.release import release

REDACTED = "An error occurred. Please contact the operator and inquire about the request"
VERSIONS = {"2.10": 3, "2.8": 1}
pytestmark = each_line


@pytest.fixture(scope="module")
def network(make_network: Any, line: str) -> Any:
    participants: dict[str, dict[str, Any]] = {
        "source": {"connections": [{"synchronizer": "old"}]},
        "target": {"crypto": "kms", "connections": [{"synchronizer": "new"}]},
        "third": {"key_spec": "ec_p256", "connections": [{"synchronizer": "new"}, {"synchronizer": "old"}]},
    }
    return make_network(
        {
            "synchronizers": {"old": {}, "new": {}},
            "participants": {name: {"release": line, **entry} for name, entry in participants.items()},
        }
    )


@pytest.fixture(scope="module")
def nodes(network: Any) -> Iterator[dict[str, Participant]]:
    with client.participants(network.info()) as clients:
        yield clients


def packed(signed: Any, line: str) -> str:
    return base64.b64encode(definitions.messages(release(line)).wrap(signed.SerializeToString(), 0)).decode()


# What a node starts with.


def test_first_topology_is_signed_and_known_to_the_domain(
    network: Any, nodes: dict[str, Participant], line: str
) -> None:
    source = nodes["source"]
    root = listed(source, "NamespaceDelegation")[0]
    assert root["item"]["namespace"] == root["target_key_fingerprint"] == namespace(source)
    assert root["item"]["is_root_delegation"]
    assert root["context"]["store"] == AUTHORIZED and root["context"]["signed_by_fingerprint"] == namespace(source)
    signed, transaction, version = opened(root["context"]["serialized"], line)
    assert version == VERSIONS[line]
    assert transaction.state_update.id and transaction.state_update.namespace_delegation.is_root_delegation
    assert signed.signature.format == 1 and len(signed.signature.signature) == 64
    public = ed25519.Ed25519PublicKey.from_public_bytes(signed.key.public_key)
    public.verify(signed.signature.signature, crypto.transaction_hash(signed.transaction))
    purposes = {
        result["item"]["public_key"].keys().__iter__().__next__() for result in listed(source, "OwnerToKeyMapping")
    }
    assert purposes == {"signing_public_key", "encryption_public_key"}
    states = listed(source, "ParticipantDomainState", domain(network, "old"))
    mine = [state["item"] for state in states if state["item"]["participant"] == source.uid]
    assert {(one["side"], one["permission"]) for one in mine} == {("To", "Submission"), ("From", "Submission")}
    stores = source.admin(f"{READ}/ListAvailableStores")["store_ids"]
    assert stores == [AUTHORIZED, domain(network, "old")]


# Delegation: the way of a migration.


def test_delegation_lets_another_key_sign_for_parties_but_not_delegate(
    network: Any, nodes: dict[str, Participant], line: str
) -> None:
    source, target = nodes["source"], nodes["target"]
    party = f"Alice::{namespace(source)}"
    missing = {"namespace": namespace(source), "fingerprint_of_authorized_key": namespace(target)}
    error = refused(lambda: authorize(source, "NamespaceDelegation", **missing))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "PUBLIC_KEY_NOT_IN_STORE")
    error = refused(lambda: authorize(target, "PartyToParticipant", **hosting(target, party)))
    assert (error.code, error.reason) == ("NOT_FOUND", "NO_APPROPRIATE_SIGNING_KEY_IN_STORE")

    certificate, delegation = delegate(source, target, line)
    error = refused(lambda: delegate(source, target, line))
    assert (error.code, error.reason) == ("ALREADY_EXISTS", "TOPOLOGY_MAPPING_ALREADY_EXISTS")

    error = refused(lambda: add(target, delegation))
    assert error.code == "INVALID_ARGUMENT" and error.text.startswith(REDACTED) and not error.reason
    add(target, certificate)
    add(target, delegation)
    for serialized in (certificate, delegation):
        error = refused(lambda serialized=serialized: add(target, serialized))  # type: ignore[misc]
        assert (error.code, error.reason) == ("ALREADY_EXISTS", "DUPLICATE_TOPOLOGY_TRANSACTION")

    authorize(target, "PartyToParticipant", **hosting(target, party))
    error = refused(lambda: authorize(target, "PartyToParticipant", **hosting(target, party)))
    assert error.reason == "TOPOLOGY_MAPPING_ALREADY_EXISTS"
    result = listed(target, "PartyToParticipant", filter_party=party)[0]
    assert result["item"] == hosting(target, party)
    assert result["context"]["signed_by_fingerprint"] == namespace(target)

    key = import_key(target, namespace_key(nodes["third"]), line)
    further = {"namespace": namespace(source), "fingerprint_of_authorized_key": key}
    error = refused(lambda: authorize(target, "NamespaceDelegation", **further))
    assert error.reason == "NO_APPROPRIATE_SIGNING_KEY_IN_STORE"
    error = refused(lambda: authorize(target, "NamespaceDelegation", signed_by=namespace(target), **further))
    assert error.code == "INVALID_ARGUMENT" and error.text.startswith(REDACTED)

    def hosts() -> Any:
        request = {"limit": 10, "filter_party": party}
        return target.admin(f"{AGGREGATION}/ListParties", request).get("results")

    permission = {"domain": domain(network, "new"), "permission": "Submission"}
    assert eventually(hosts) == [
        {"party": party, "participants": [{"participant": f"PAR::{target.uid}", "domains": [permission]}]}
    ]


def test_signatures_are_checked_on_arrival(nodes: dict[str, Participant], line: str) -> None:
    source, third = nodes["source"], nodes["third"]
    root = listed(source, "NamespaceDelegation", filter_namespace=namespace(source))[0]["context"]["serialized"]
    signed = opened(root, line)[0]
    signed.signature.signature = bytes(64)
    error = refused(lambda: add(third, packed(signed, line)))
    assert error.code == "INVALID_ARGUMENT" and error.text.startswith(REDACTED)
    signed = opened(root, line)[0]
    signed.key.public_key = bytes(32)
    assert refused(lambda: add(third, packed(signed, line))).code == "INVALID_ARGUMENT"
    error = refused(lambda: add(third, base64.b64encode(b"\xff\xff").decode()))
    assert error.reason == "PROTO_DESERIALIZATION_FAILURE"
    assert not listed(third, "NamespaceDelegation", filter_namespace=namespace(source))


# Adding and removing.


def test_removal_repeats_the_id_and_is_final(nodes: dict[str, Participant], line: str) -> None:
    third = nodes["third"]
    party = f"Gone::{namespace(third)}"
    added = authorize(third, "PartyToParticipant", **hosting(third, party))
    removed = authorize(third, "PartyToParticipant", "Remove", **hosting(third, party))
    one, other = (opened(serialized, line)[1].state_update for serialized in (added, removed))
    assert one.id == other.id and one.party_to_participant == other.party_to_participant and other.operation == 1
    assert not listed(third, "PartyToParticipant", filter_party=party)
    assert (
        len(third.admin(f"{READ}/ListPartyToParticipant", query(operation="Remove", filter_party=party))["results"])
        == 1
    )
    error = refused(lambda: authorize(third, "PartyToParticipant", "Remove", **hosting(third, party)))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "NO_CORRESPONDING_ACTIVE_TX_TO_REVOKE")
    assert refused(lambda: add(third, added)).reason == "DUPLICATE_TOPOLOGY_TRANSACTION"
    again = authorize(third, "PartyToParticipant", **hosting(third, party))
    assert opened(again, line)[1].state_update.id != one.id


def test_permission_changes_by_a_second_element_or_by_replacement(nodes: dict[str, Participant]) -> None:
    third = nodes["third"]
    party = f"Changed::{namespace(third)}"
    authorize(third, "PartyToParticipant", **hosting(third, party))
    weaker = hosting(third, party, permission="Observation")
    authorize(third, "PartyToParticipant", **weaker)
    assert len(listed(third, "PartyToParticipant", filter_party=party)) == 2
    authorize(third, "PartyToParticipant", "Remove", **weaker)
    authorize(third, "PartyToParticipant", replace_existing=True, **weaker)
    assert [one["item"] for one in listed(third, "PartyToParticipant", filter_party=party)] == [weaker]


def test_two_sides_make_one_hosting(network: Any, nodes: dict[str, Participant], line: str) -> None:
    source, third = nodes["source"], nodes["third"]
    party, old = f"Shared::{namespace(source)}", domain(network, "old")
    assert refused(lambda: authorize(third, "PartyToParticipant", **hosting(third, party, "From"))).code == "NOT_FOUND"

    def hosts() -> Any:
        request = {"limit": 10, "filter_party": party, "filter_domain": old}
        return third.admin(f"{AGGREGATION}/ListParties", request).get("results")

    authorize(third, "PartyToParticipant", **hosting(third, party, "To"))
    eventually(lambda: listed(third, "PartyToParticipant", old, filter_party=party))
    assert not hosts()
    authorize(source, "PartyToParticipant", **hosting(third, party, "From", "Observation"))
    found = eventually(hosts)
    assert found[0]["participants"] == [
        {"participant": f"PAR::{third.uid}", "domains": [{"domain": old, "permission": "Observation"}]}
    ]


def test_dangerous_removals_need_force(network: Any, nodes: dict[str, Participant], line: str) -> None:
    third = nodes["third"]
    owner = next(one for one in listed(third, "OwnerToKeyMapping") if "signing_public_key" in one["item"]["public_key"])
    mapping = {
        "key_owner": f"PAR::{third.uid}",
        "fingerprint_of_key": owner["key_fingerprint"],
        "key_purpose": "SigningKeyPurpose",
    }
    error = refused(lambda: authorize(third, "OwnerToKeyMapping", "Remove", **mapping))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "REMOVING_LAST_KEY_MUST_BE_FORCED")
    root = {"namespace": namespace(third), "fingerprint_of_authorized_key": namespace(third)}
    error = refused(lambda: authorize(third, "NamespaceDelegation", "Remove", **root))
    assert error.reason == "REMOVING_KEY_DANGLING_TRANSACTIONS_MUST_BE_FORCED"
    alien = {**mapping, "key_owner": f"PAR::{nodes['source'].uid}"}
    assert refused(lambda: authorize(third, "OwnerToKeyMapping", **alien)).reason in (
        "DANGEROUS_KEY_USE_COMMAND_REQUIRES_FORCE",
        "NO_APPROPRIATE_SIGNING_KEY_IN_STORE",
    )
    packages: dict[str, Any] = {"participant": third.uid, "package_ids": ["0" * 64]}
    error = refused(lambda: authorize(third, "VettedPackages", **packages))
    assert (error.code, error.reason) == ("NOT_FOUND", "CANNOT_VET_DUE_TO_MISSING_PACKAGES")
    authorize(third, "VettedPackages", force_change=True, **packages)
    error = refused(lambda: authorize(third, "VettedPackages", "Remove", **packages))
    assert error.reason == "DANGEROUS_VETTING_COMMANDS_REQUIRE_FORCE"
    authorize(third, "VettedPackages", "Remove", force_change=True, **packages)


def test_domain_ends_what_a_removed_delegation_authorized(
    network: Any, nodes: dict[str, Participant], line: str
) -> None:
    source, third = nodes["source"], nodes["third"]
    old = domain(network, "old")
    party = f"Orphan::{namespace(source)}"
    certificate, delegation = delegate(source, third, line)
    add(third, certificate)
    add(third, delegation)
    authorize(third, "PartyToParticipant", **hosting(third, party))
    eventually(lambda: listed(source, "PartyToParticipant", old, filter_party=party))
    mapping = {"namespace": namespace(source), "fingerprint_of_authorized_key": namespace(third)}
    authorize(source, "NamespaceDelegation", "Remove", **mapping)
    eventually(lambda: not listed(source, "PartyToParticipant", old, filter_party=party))


# Reading.


def test_base_query_selects_by_store_time_operation_and_key(
    network: Any, nodes: dict[str, Participant], line: str
) -> None:
    source = nodes["source"]

    def count(**base: Any) -> int:
        request = {"base_query": base} if base else {}
        return len(source.admin(f"{READ}/ListOwnerToKeyMapping", request).get("results", []))

    assert refused(count).reason == "PROTO_DESERIALIZATION_FAILURE"
    assert refused(lambda: count(filter_store=AUTHORIZED)).reason == "PROTO_DESERIALIZATION_FAILURE"
    assert count(filter_store=AUTHORIZED, head_state={}) == count(filter_store="Auth", head_state={}) == 2
    assert count(filter_store=AUTHORIZED, head_state={}, use_state_store=True) == 2
    assert count(filter_store="", head_state={}) > count(filter_store=domain(network, "old"), head_state={}) > 2
    assert count(filter_store="nowhere", head_state={}) == 0
    assert count(filter_store=AUTHORIZED, snapshot="2020-01-01T00:00:00Z") == 0
    assert count(filter_store=AUTHORIZED, range={"from": "2020-01-01T00:00:00Z"}) == 2
    assert count(filter_store=AUTHORIZED, head_state={}, operation="Remove", filter_operation=True) == 0
    assert count(filter_store=AUTHORIZED, head_state={}, filter_signed_key=namespace(source)[:10]) == 2
    assert count(filter_store=AUTHORIZED, head_state={}, filter_signed_key="1220ffff") == 0
    everything = source.admin(f"{READ}/ListAll", query())["result"]["items"]
    assert len(everything) >= 4 and all(opened(one["transaction"], line)[2] == VERSIONS[line] for one in everything)


def test_transactions_take_the_form_of_a_protocol_version(
    make_network: Any, nodes: dict[str, Participant], line: str
) -> None:
    if line == "2.8":
        pytest.skip("both of its protocol versions have one form")
    source, target = nodes["source"], nodes["target"]
    request = query(filter_namespace=namespace(source))
    request["base_query"]["protocol_version"] = "5"
    result = source.admin(f"{READ}/ListNamespaceDelegation", request)["results"][0]
    signed, transaction, version = opened(result["context"]["serialized"], line)
    assert version == 1 and transaction.state_update.namespace_delegation.namespace == namespace(source)
    before = opened(listed(source, "NamespaceDelegation")[0]["context"]["serialized"], line)[1]
    assert transaction.state_update.id == before.state_update.id
    key = ed25519.Ed25519PublicKey.from_public_bytes(signed.key.public_key)
    key.verify(signed.signature.signature, crypto.transaction_hash(signed.transaction))
    # The target can't sign the source's certificate anew.
    error = refused(lambda: target.admin(f"{READ}/ListNamespaceDelegation", request))
    assert error.code == "INTERNAL" and "Failed to convert" in error.text


def test_domain_refuses_what_its_own_store_does_not_authorize(
    network: Any, nodes: dict[str, Participant], line: str
) -> None:
    """The Authorized store knows a delegation; the domain has seen it go. It says nothing."""
    source, third = nodes["source"], nodes["third"]
    old, party = domain(network, "old"), f"Refused::{namespace(source)}"
    assert listed(third, "NamespaceDelegation", filter_namespace=namespace(source))
    authorize(third, "PartyToParticipant", **hosting(third, party))
    time.sleep(0.6)
    assert listed(third, "PartyToParticipant", filter_party=party)
    assert not listed(third, "PartyToParticipant", old, filter_party=party)


def test_lost_changes_are_sent_again_at_the_next_connect(network: Any, nodes: dict[str, Participant]) -> None:
    source, old = nodes["source"], domain(network, "old")
    party = f"Late::{namespace(source)}"
    network.set("source", "sequencing_ms", 5000)
    authorize(source, "PartyToParticipant", **hosting(source, party))
    source.admin(f"{CONNECTIVITY}/DisconnectDomain", {"domain_alias": "old"})
    network.set("source", "sequencing_ms", 100)
    assert not listed(source, "PartyToParticipant", old, filter_party=party)
    offline = f"Offline::{namespace(source)}"
    authorize(source, "PartyToParticipant", **hosting(source, offline))
    source.admin(f"{CONNECTIVITY}/ConnectDomain", {"domain_alias": "old"})
    for each in (party, offline):
        eventually(lambda each=each: listed(source, "PartyToParticipant", old, filter_party=each))  # type: ignore[misc]


def test_keys_of_requests_are_what_they_say(nodes: dict[str, Participant], line: str) -> None:
    key = namespace_key(nodes["third"])
    message = json_format.ParseDict(key, definitions.messages(release(line)).cls("crypto.v0.PublicKey")())
    assert message.signing_public_key.scheme == crypto.P256 and message.signing_public_key.format == 2
    assert crypto.multihash(12, message.signing_public_key.public_key).hex() == message.signing_public_key.id
    admin = hosting(nodes["third"], nodes["third"].uid)
    assert refused(lambda: authorize(nodes["third"], "PartyToParticipant", **admin)).code == "UNKNOWN"
    bad = {"side": "Both", "party": "Alice", "participant": nodes["third"].uid, "permission": "Submission"}
    error = refused(lambda: nodes["third"].admin(f"{WRITE}/AuthorizePartyToParticipant", {"authorization": {}, **bad}))
    assert error.reason == "PROTO_DESERIALIZATION_FAILURE"
