# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dialect of Canton 2: status, domains, keys and topology."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._participant.dialects import fake_api
from unit.plugins.module_utils._participant.dialects.fake_api import (
    ALICE,
    BOB,
    DOMAIN,
    NAMESPACE,
    OTHER,
    SECOND,
    UID,
    Node,
    as_api,
    delegation,
    hosting,
    row,
    vetting,
)
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import (
    CantonError,
    MappingExists,
    TransactionExists,
    Unreachable,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v0 import V0
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Delegation,
    Key,
    Synchronizer,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import ED25519_SPKI_PREFIX

THERE = f"there::{OTHER}"
AT = Synchronizer("da", DOMAIN, True, True, False)
FAILED = CantonError("refused", error_id="DOMAIN_IS_NOT_AVAILABLE", retryable=True)


def status(*versions: int, active: bool = True) -> dict[str, Any]:
    common = {"uid": UID, "version": "2.10.4"}
    return {"status": {"common_status": common, "active": active, "supported_protocol_versions": versions}}


def connected(*ids: str) -> dict[str, Any]:
    return {"connected_domains": [{"domain_alias": item[:2], "domain_id": item, "healthy": True} for item in ids]}


def configured(*configs: dict[str, Any]) -> dict[str, Any]:
    return {"results": [{"config": config} for config in configs]}


# -- identity ---------------------------------------------------------------------------------------------------------


def test_identity() -> None:
    found = Node(ParticipantStatus=status(5, 7)).speaker.identity()
    assert (found.uid, found.version, found.protocol_versions) == (UID, "2.10.4", (5, 7))
    assert found.initialized and found.active
    assert not Node(ParticipantStatus=status(active=False)).speaker.identity().active


def test_identity_of_2_8() -> None:
    found = Node("2.8", Status={"success": {"id": UID, "active": True}}).speaker.identity()
    assert (found.uid, found.version, found.protocol_versions) == (UID, "2.8", ())
    assert found.initialized and found.active


@pytest.mark.parametrize("line", ["2.10", "2.8"])
@pytest.mark.parametrize(("component", "in_memory"), [("memory_storage", True), ("db-storage", False)])
def test_storage(line: str, component: str, in_memory: bool) -> None:
    components = [{"name": "sequencer-client", "ok": {}}, {"name": component, "ok": {}}]
    common = {"uid": UID, "components": components}
    old = {"success": {"id": UID, "components": components}}
    node = Node(line, ParticipantStatus={"status": {"common_status": common}}, Status=old)
    assert node.speaker.in_memory() is in_memory


@pytest.mark.parametrize("line", ["2.10", "2.8"])
@pytest.mark.parametrize(("has_id", "waiting_for"), [(False, "id"), (True, "initialization")])
def test_identity_of_a_node_that_is_not_ready(line: str, has_id: bool, waiting_for: str) -> None:
    node = Node(
        line,
        ParticipantStatus={"unavailable": {"active": True}},
        Status={"not_initialized": {"active": True}},
        GetId={"initialized": has_id},
    )
    found = node.speaker.identity()
    assert (found.initialized, found.active, found.waiting_for) == (False, True, waiting_for)


def test_status_that_failed() -> None:
    with pytest.raises(CantonError, match="out of order"):
        Node(ParticipantStatus={"failure": {"error_message": "out of order"}}).speaker.identity()


def test_node_that_is_starting() -> None:
    rpc = "com.digitalasset.canton.participant.admin.v0.PackageService/ListDars"
    node = Node(Status={"success": {"id": UID, "active": True}})
    assert node.api.starting("com.digitalasset.canton.health.admin.v0.StatusService/Status") is False
    assert node.api.starting(rpc) is False
    node.api.services = frozenset(["com.digitalasset.canton.health.admin.v0.StatusService"])
    assert node.api.starting(rpc) is True
    node.api.answers["Status"] = {"not_initialized": {"active": True}}
    assert refused(lambda: node.api.starting(rpc)).error_id == "not_initialized"


# -- domains ----------------------------------------------------------------------------------------------------------


def domains(*configs: dict[str, Any], stores: tuple[str, ...] = (), **answers: Any) -> Node:
    given: dict[str, Any] = {
        "ListConfiguredDomains": configured(*configs),
        "ListAvailableStores": {"store_ids": ["Authorized", *stores]},
        "GetDomainId": FAILED,
    }
    return Node(**{**given, **answers})


def ids(node: Node) -> dict[str, str]:
    return {item.alias: item.physical_id for item in node.speaker.synchronizers()}


def test_connected_domain() -> None:
    node = domains({"domain_alias": "da", "manual_connect": True}, ListConnectedDomains=connected(DOMAIN))
    assert node.speaker.synchronizers() == [Synchronizer("da", DOMAIN, True, True, True)]
    assert node.speaker.synchronizers()[0].id == DOMAIN and not node.api.requests("GetDomainId")


def test_id_of_a_disconnected_domain() -> None:
    da, db = {"domain_alias": "da"}, {"domain_alias": "db"}
    assert ids(domains({**da, "domain_id": DOMAIN}, stores=(DOMAIN,))) == {"da": DOMAIN}
    assert ids(domains(da, stores=(DOMAIN,))) == {"da": DOMAIN}
    assert ids(domains(da, db, stores=(DOMAIN, SECOND))) == {"da": "", "db": ""}
    assert ids(domains(da, db, stores=(DOMAIN, SECOND), ListConnectedDomains=connected(DOMAIN))) == {
        "da": DOMAIN,
        "db": SECOND,
    }
    asked = domains(
        da,
        db,
        stores=(DOMAIN, SECOND),
        GetDomainId=lambda request: {"domain_id": DOMAIN if request.domain_alias == "da" else SECOND},
    )
    assert ids(asked) == ids(asked) == {"da": DOMAIN, "db": SECOND}
    assert len(asked.api.requests("GetDomainId")) == 2


def test_domain_that_was_never_connected_has_no_id() -> None:
    da, db = {"domain_alias": "da"}, {"domain_alias": "db"}
    told: dict[str, Any] = {"GetDomainId": {"domain_id": SECOND}}
    assert ids(domains({**db, "domain_id": SECOND}, stores=(DOMAIN,))) == {"db": ""}
    assert ids(domains(db, **told)) == {"db": ""}
    # A store that another domain left behind is not taken for that of one which says who it is.
    assert ids(domains(db, stores=(DOMAIN,), **told)) == {"db": ""}
    assert ids(domains(da, db, stores=(DOMAIN,), ListConnectedDomains=connected(DOMAIN), **told)) == {
        "da": DOMAIN,
        "db": "",
    }


def test_node_that_went_away_is_no_silent_domain() -> None:
    gone = Unreachable("gone")
    with pytest.raises(CantonError, match="gone"):
        ids(domains({"domain_alias": "da"}, stores=(DOMAIN,), GetDomainId=gone))


@pytest.mark.parametrize(
    ("form", "supported", "version"),
    [(0, (5, 7), 3), (1, (5, 7), 5), (1, (4, 5), None), (1, (), None), (2, (), 6), (3, (5, 7), 7), (4, (5, 7), None)],
)
def test_protocol_version(form: int, supported: tuple[int, ...], version: int | None) -> None:
    node = Node(ParticipantStatus=status(*supported))
    node.rows(
        "ListOwnerToKeyMapping",
        row(DOMAIN, {"key_owner": "PAR::" + UID}, node.transaction(form)),
        row(DOMAIN, {"key_owner": "PAR::" + UID}, node.transaction(form)),
        row(DOMAIN, {"key_owner": "MED::" + UID}, node.transaction(0)),
        row(SECOND, {"key_owner": "PAR::" + UID}, node.transaction(2)),
    )
    assert node.speaker.protocol_version(AT) == version


@pytest.mark.parametrize(("form", "version"), [(0, 3), (1, 5), (2, 6), (3, 7), (4, None)])
def test_what_topology_has_to_be_written_for(form: int, version: int | None) -> None:
    node = Node(ParticipantStatus=status(4, 5, 7))
    node.rows("ListOwnerToKeyMapping", row(DOMAIN, {"key_owner": "PAR::" + UID}, node.transaction(form)))
    assert node.speaker.written_for(AT) == version


def test_delegations_are_asked_for_in_that_form() -> None:
    node = Node()
    node.rows("ListNamespaceDelegation")
    node.speaker.signed_delegations(AUTHORIZED, NAMESPACE)
    node.speaker.signed_delegations(AUTHORIZED, NAMESPACE, written_for=5)
    asked = [request.base_query for request in node.api.requests("ListNamespaceDelegation")]
    assert [query.protocol_version.value for query in asked] == ["", "5"]
    assert not asked[0].HasField("protocol_version")


def test_protocol_version_that_nothing_tells() -> None:
    node = Node(ParticipantStatus=status(5, 7))
    node.rows("ListOwnerToKeyMapping")
    assert node.speaker.protocol_version(AT) is None
    assert node.speaker.protocol_version(Synchronizer("da", "", False, False, False)) is None


def test_proof_store() -> None:
    config = {"domain_alias": "da"}
    assert domains(config, ListConnectedDomains=connected(DOMAIN)).speaker.hosting_store(DOMAIN) == DOMAIN
    assert domains(config, stores=(DOMAIN,)).speaker.hosting_store(DOMAIN) == AUTHORIZED


def published_node(**missing: bool) -> Node:
    """A node whose domain has all of its own store, less what is ``missing``."""
    known = [{"party": party, "is_local": not missing.get("ledger")} for party in (ALICE, BOB)]
    node = Node(ListKnownParties={"party_details": known})
    stores = {kind: ["Authorized"] if missing.get(kind) else ["Authorized", DOMAIN] for kind in ("p", "d", "v")}
    others = hosting(DOMAIN, ALICE, THERE)
    node.rows(
        "ListPartyToParticipant",
        *(hosting(store, party, UID) for party in (ALICE, BOB) for store in stores["p"]),
        others,
    )
    node.rows("ListNamespaceDelegation", *(delegation(store, OTHER, NAMESPACE) for store in stores["d"]))
    node.rows("ListVettedPackages", *(vetting(store, UID, "pkg") for store in stores["v"]))
    return node


def test_topology_is_published() -> None:
    assert published_node().speaker.topology_published(DOMAIN)


@pytest.mark.parametrize("missing", ["p", "d", "v", "ledger"])
def test_topology_is_not_published(missing: str) -> None:
    node = published_node(**{missing: True})
    assert not node.speaker.topology_published(DOMAIN)
    without_ledger = V0(as_api(node.api), None)
    assert without_ledger.topology_published(DOMAIN) is (missing == "ledger")


def test_connect() -> None:
    node = Node(ConnectDomain={"connected_successfully": True})
    node.speaker.connect("da")
    assert node.api.requests("ConnectDomain")[0].domain_alias == "da"
    assert refused(lambda: Node().speaker.connect("da")).error_id == "not_connected"


@pytest.mark.parametrize("answer", [{"connected_successfully": False}, FAILED])
def test_service_agreement(answer: Any) -> None:
    agreement = {"id": "1", "text": "long"}
    node = Node(ConnectDomain=answer, GetAgreement={"agreement": agreement})
    error = refused(lambda: node.speaker.connect("da"))
    assert error.error_id == "agreement_not_accepted" and "AcceptAgreement" in error.hint
    node.api.answers["GetAgreement"] = {"agreement": agreement, "accepted": True}
    assert refused(lambda: node.speaker.connect("da")).error_id in ("not_connected", "DOMAIN_IS_NOT_AVAILABLE")


def test_manual_connect_keeps_the_rest_of_the_configuration() -> None:
    node = domains({"domain_alias": "da", "priority": 7}, {"domain_alias": "db"})
    node.speaker.set_manual_connect("da", True)
    sent = node.api.requests("ModifyDomain")[0].modify
    assert (sent.domain_alias, sent.priority, sent.manual_connect) == ("da", 7, True)
    assert refused(lambda: node.speaker.set_manual_connect("dc", True)).error_id == "unknown_alias"


def test_register() -> None:
    node = Node()
    node.speaker.register("da", ["https://da:443"], b"pem", True)
    sent = node.api.requests("RegisterDomain")[0].add
    connection = sent.sequencerConnections[0].grpc
    assert (sent.domain_alias, sent.manual_connect, sent.domain_id) == ("da", True, "")
    assert connection.connections == ["https://da:443"] and connection.transportSecurity
    assert connection.customTrustCertificates.value == b"pem"
    assert sent.timeTracker.minObservationDuration.seconds == 86_400
    assert node.api.requests("ModifyDomain") == []


def test_a_registered_domain_is_not_connected_by_the_way() -> None:
    node = Node(ListConfiguredDomains={"results": [{"config": {"domain_alias": "da", "manual_connect": True}}]})
    node.speaker.register("da", ["https://da:443"], b"", False)
    assert node.api.requests("RegisterDomain")[0].add.manual_connect
    changed = node.api.requests("ModifyDomain")[0].modify
    assert (changed.domain_alias, changed.manual_connect) == ("da", False)


# -- keys and delegations ---------------------------------------------------------------------------------------------


def signing(identifier: str, scheme: str = "EcDsaP256", form: str = "Der", data: bytes = b"spki") -> dict[str, Any]:
    key = {"id": identifier, "format": form, "public_key": data, "scheme": scheme}
    return {"public_key": {"signing_public_key": key}, "name": "a key"}


def own(*keys: dict[str, Any]) -> list[Key]:
    listed = {"private_keys_metadata": [{"public_key_with_name": key, "wrapper_key_id": "w"} for key in keys]}
    return Node(ListMyKeys=listed).speaker.own_keys()


def test_keys() -> None:
    rsa = {"id": "1220ee", "format": "Der", "public_key": b"rsa", "scheme": "Rsa2048OaepSha256"}
    found = own(
        signing("1220aa"),
        signing("1220bb", "Ed25519", "Raw", b"r" * 32),
        signing("1220cc", "Sm2", "Tink"),
        {"public_key": {"encryption_public_key": rsa}, "name": "e"},
    )
    shown = [(key.fingerprint, key.purpose, key.spec, key.der, key.kms_key_id) for key in found]
    assert shown == [
        ("1220aa", "signing", "ec_p256", b"spki", ""),
        ("1220bb", "signing", "ec_curve25519", ED25519_SPKI_PREFIX + b"r" * 32, ""),
        ("1220cc", "signing", "sm2", b"", ""),
        ("1220ee", "encryption", "rsa_2048", b"rsa", ""),
    ]
    assert {key.wrapper_key_id for key in found} == {"w"}


@pytest.mark.parametrize(("listed", "imports"), [([], 1), ([OTHER], 0), ([OTHER + "ff"], 1)])
def test_delegation_is_signed_for_a_key_that_the_node_knows(listed: list[str], imports: int) -> None:
    key = own(signing(OTHER))[0]
    node = Node(ListPublicKeys={"public_keys": [signing(item) for item in listed]})
    node.speaker.authorize_delegation(NAMESPACE, key)
    assert [request.public_key for request in node.api.requests("ImportPublicKey")] == [key.public_key] * imports
    sent = node.api.requests("AuthorizeNamespaceDelegation")[0]
    assert (sent.namespace, sent.fingerprint_of_authorized_key) == (NAMESPACE, OTHER)
    assert not sent.is_root_delegation and sent.authorization.change == 0


def test_what_is_there_is_done() -> None:
    key = own(signing(OTHER))[0]
    there = Node(
        AuthorizeNamespaceDelegation=MappingExists("there"), AddSignedTopologyTransaction=TransactionExists("there")
    )
    there.speaker.authorize_delegation(NAMESPACE, key)
    there.speaker.add_transactions(DOMAIN, [b"one", b"two"])
    assert [request.serialized for request in there.api.requests("AddSignedTopologyTransaction")] == [b"one", b"two"]


def test_what_is_refused_is_told() -> None:
    key = own(signing(OTHER))[0]
    no = CantonError("no", error_id="NO_APPROPRIATE_SIGNING_KEY_IN_STORE")
    node = Node(AuthorizeNamespaceDelegation=no, AddSignedTopologyTransaction=no)
    with pytest.raises(CantonError, match="no"):
        node.speaker.authorize_delegation(NAMESPACE, key)
    with pytest.raises(CantonError, match="no"):
        node.speaker.add_transactions(DOMAIN, [b"one", b"two"])
    assert len(node.api.requests("AddSignedTopologyTransaction")) == 1


def test_delegations_of_one_store_and_one_namespace() -> None:
    node = Node()
    node.rows(
        "ListNamespaceDelegation",
        delegation("Authorized", NAMESPACE, NAMESPACE, root=True, serialized=b"root"),
        delegation("Authorized", NAMESPACE, OTHER, serialized=b"delegated"),
        delegation("Authorized", OTHER, OTHER, root=True),
        delegation("Authorized-too", NAMESPACE, "1220ff"),
        delegation(DOMAIN, NAMESPACE, "1220dd"),
    )
    root = Delegation(NAMESPACE, NAMESPACE, "all", 0)
    delegated = Delegation(NAMESPACE, OTHER, "all_but_namespace_delegations", 0)
    assert node.speaker.delegations(AUTHORIZED, NAMESPACE) == [root, delegated]
    assert [item.signed for item in node.speaker.signed_delegations(AUTHORIZED, NAMESPACE)] == [b"root", b"delegated"]
    assert node.speaker.signed_delegations(AUTHORIZED, NAMESPACE, removed=True) == []
    assert [item.target for item in node.speaker.delegations(DOMAIN, NAMESPACE)] == ["1220dd"]
    assert [request.base_query.use_state_store for request in node.api.requests("ListNamespaceDelegation")] == [
        False,
        False,
        True,
    ]


def test_display_name() -> None:
    node = Node()
    node.speaker.set_display_name(ALICE, "Alice & Sons")
    sent = node.api.requests("setPartyDisplayName")[0]
    assert (sent.party_id, sent.display_name) == (ALICE, "Alice & Sons")


def test_canton_2_lists_the_removals_that_it_signed() -> None:
    row = fake_api.delegation("Authorized", NAMESPACE, OTHER, serialized=b"signed removal")
    node = Node(ListNamespaceDelegation={"results": [row]})
    node.speaker.remove_delegation(NAMESPACE, Key(OTHER, "", "signing", (), "ec_p256", "", b"", b""))
    (sent,) = node.api.requests("AuthorizeNamespaceDelegation")
    assert (sent.authorization.change, sent.fingerprint_of_authorized_key) == (1, OTHER)
    assert [item.signed for item in node.speaker.delegation_removals("authorized", NAMESPACE, 5)] == [b"signed removal"]
    query = node.api.requests("ListNamespaceDelegation")[0].base_query
    assert (query.operation, query.filter_operation, query.protocol_version.value) == (1, True, "5")


@pytest.mark.parametrize(
    ("answer", "success", "millis"), [({"success": {"ping_time": 40, "responder": OTHER}}, True, 40), ({}, False, 0)]
)
def test_ping(answer: Any, success: bool, millis: int) -> None:
    node = Node(ping=answer)
    pong = node.speaker.ping(UID, DOMAIN, 5)
    assert (pong.success, pong.millis, bool(pong.reason)) == (success, millis, not success)
    sent = node.api.requests("ping")[0]
    assert list(sent.target_parties) == [UID] and sent.timeout_milliseconds == 5000
