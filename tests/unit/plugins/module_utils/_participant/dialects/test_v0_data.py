# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dialect of Canton 2: packages, contracts, and what the ledger API keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from unit.plugins.module_utils._participant.dialects.fake_api import (
    ALICE,
    BOB,
    DOMAIN,
    OTHER,
    SECOND,
    UID,
    Node,
    vetting,
)

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    ActiveContract,
    Dar,
)

# -- packages ---------------------------------------------------------------------------------------------------------

CONTENTS: dict[str, dict[str, Any]] = {
    "1220h1": {"main": "p1", "packages": ["p1", "lib"], "dependencies": ["std"]},
    "1220h2": {"main": "p2", "packages": ["p2"]},
    "1220h3": {"main": "p1", "packages": ["p1"]},
}


def store(**answers: Any) -> Node:
    dars = [{"hash": "1220h1", "name": "app"}, {"hash": "1220h2", "name": "AdminWorkflows"}]
    return Node(
        ListDars={"dars": [*dars, {"hash": "1220h3", "name": "app-again"}]},
        ListDarContents=lambda request: CONTENTS[request.dar_id],
        **answers,
    )


def test_dars_by_main_package() -> None:
    node = store()
    assert node.speaker.dars() == [Dar("p1", "app", "", "app"), Dar("p2", "AdminWorkflows", "", "AdminWorkflows")]
    assert [dar.builtin for dar in node.speaker.dars()] == [False, True]
    assert node.speaker.dar_packages("p1") == {"p1", "lib", "std"}


def test_download_asks_for_the_file_by_its_hash() -> None:
    node = store(GetDar={"data": b"zip", "name": "app"})
    assert node.speaker.download_dar("p1") == b"zip"
    assert node.api.requests("GetDar")[0].hash == "1220h1"


def test_dar_without_its_file() -> None:
    with pytest.raises(CantonError) as caught:
        store(GetDar={"name": "app"}).speaker.download_dar("p1")
    assert caught.value.error_id == "dar_without_content" and "files" in caught.value.hint
    with pytest.raises(CantonError) as caught:
        store().speaker.download_dar("p9")
    assert caught.value.error_id == "DAR_NOT_FOUND"


@pytest.mark.parametrize(("description", "filename"), [("app", "app.dar"), ("app.dar", "app.dar"), ("", "p1.dar")])
def test_upload(description: str, filename: str) -> None:
    node = Node(UploadDar={"success": {"hash": "1220h1"}})
    node.speaker.upload_dar(b"zip", "p1", description, DOMAIN)
    node.speaker.upload_dar(b"zip", "p1", description, "")
    vetted, stored = node.api.requests("UploadDar")
    assert (vetted.filename, vetted.data, vetted.vet_all_packages, vetted.synchronize_vetting) == (
        filename,
        b"zip",
        True,
        True,
    )
    assert not stored.vet_all_packages and not stored.synchronize_vetting


@pytest.mark.parametrize(("answer", "cause"), [({"failure": {"reason": "too old"}}, "too old"), ({}, "no reason")])
def test_refusal_that_comes_as_an_answer(answer: Any, cause: str) -> None:
    with pytest.raises(CantonError, match=cause) as caught:
        Node(UploadDar=answer).speaker.upload_dar(b"zip", "p1", "app", DOMAIN)
    assert caught.value.error_id == "dar_refused"


def test_vetting() -> None:
    node = store()
    node.rows(
        "ListVettedPackages",
        vetting(DOMAIN, UID, "p1", "lib"),
        vetting(DOMAIN, UID, "p2"),
        vetting(DOMAIN, UID + "0", "p3"),
        vetting("Authorized", UID, "p4"),
    )
    assert node.speaker.vetted_packages(DOMAIN, UID) == {"p1", "lib", "p2"}
    assert node.speaker.vetted_packages(AUTHORIZED, UID) == {"p4"}
    node.speaker.vet_dar("p1", DOMAIN)
    assert node.api.requests("VetDar")[0].dar_hash == "1220h1" and node.api.requests("VetDar")[0].synchronize


# -- contracts --------------------------------------------------------------------------------------------------------


def created(identifier: str, *signatories: str, observers: tuple[str, ...] = ()) -> dict[str, Any]:
    template = {"package_id": "p1", "entity_name": "Iou"}
    return {"contract_id": identifier, "template_id": template, "signatories": signatories, "observers": observers}


def test_ledger_end_is_what_the_last_answer_carries() -> None:
    node = Node(GetActiveContracts=[{"active_contracts": [created("00", UID)]}, {"offset": "00000a"}])
    assert node.speaker.ledger_end() == "00000a"
    assert list(node.api.requests("GetActiveContracts")[0].filter.filters_by_party) == [UID]


def test_active_contracts() -> None:
    node = Node(
        GetActiveContracts=[
            {"active_contracts": [created("00a", ALICE, observers=(BOB,)), created("00b", BOB)]},
            {"active_contracts": [{**created("00c", ALICE), "contract_key": {"text": "secret"}}]},
            {"offset": "00000a"},
        ]
    )
    found = list(node.speaker.active_contracts((party for party in (ALICE, BOB)), "000009"))
    assert found[0] == ActiveContract("00a", "", "p1", frozenset({ALICE, BOB}))
    assert [(item.contract_id, item.has_key) for item in found] == [("00a", False), ("00b", False), ("00c", True)]
    assert "secret" not in repr(found)
    sent = node.api.requests("GetActiveContracts")[0]
    assert set(sent.filter.filters_by_party) == {ALICE, BOB} and sent.active_at_offset == "000009"


@pytest.mark.parametrize(("parties", "offset"), [([], "000009"), ([ALICE], "")])
def test_no_contracts_of_nobody_or_at_the_beginning(parties: list[str], offset: str) -> None:
    node = Node(GetActiveContracts=[{"active_contracts": [created("00a", ALICE)]}])
    assert list(node.speaker.active_contracts(parties, offset)) == [] and node.api.asked == []


@pytest.mark.parametrize("version", [0, 1, 2])
def test_record_of_a_snapshot(version: int) -> None:
    node = Node()
    message = node.messages.cls(f"protocol.v{version}.SerializableContract")
    contract = message(contract_id="00a", raw_contract_instance=b"secret")
    contract.metadata.non_maintainer_signatories.append(ALICE)
    contract.metadata.maintainers.append(UID)
    contract.metadata.non_signatory_stakeholders.append(BOB)
    record = node.messages.cls("participant.admin.v0.ActiveContract")(
        protocol_version=5, domain_id=DOMAIN, contract=node.messages.wrap(contract.SerializeToString(), version)
    )
    found = node.speaker.read_record(node.messages.wrap(record.SerializeToString(), 0))
    assert found == ActiveContract("00a", DOMAIN, "", frozenset({ALICE, UID, BOB}))


def test_record_of_an_unknown_version() -> None:
    node = Node()
    record = node.messages.cls("participant.admin.v0.ActiveContract")(contract=node.messages.wrap(b"", 3))
    for raw in (node.messages.wrap(b"", 30), node.messages.wrap(record.SerializeToString(), 0)):
        with pytest.raises(CantonError) as caught:
            node.speaker.read_record(raw)
        assert caught.value.error_id == "wrapper_version"


def test_export() -> None:
    node = Node(ExportAcs=[{"chunk": b"one"}, {"chunk": b"two"}])
    assert list(node.speaker.export_contracts([ALICE], "000009", {DOMAIN: SECOND}, 7)) == [b"one", b"two"]
    sent = node.api.requests("ExportAcs")[0]
    target = sent.contract_domain_renames[DOMAIN]
    assert (list(sent.parties), target.domain_id, target.protocol_version) == ([ALICE], SECOND, 7)
    assert sent.filter_domain_id == "" and not sent.HasField("timestamp")


def test_export_for_an_unknown_protocol_version() -> None:
    node = Node()
    with pytest.raises(CantonError) as caught:
        list(node.speaker.export_contracts([ALICE], "000009", {DOMAIN: SECOND}, None))
    assert caught.value.error_id == "protocol_version_unknown" and "target_protocol_version" in caught.value.hint
    assert node.api.asked == []


@pytest.mark.parametrize("line", ["2.10", "2.8"])
def test_import_repeats_its_arguments(line: str) -> None:
    node = Node(line)
    node.speaker.import_contracts(iter([b"one", b"two"]), DOMAIN, "prefix", [ALICE, BOB])
    sent = node.api.requests("ImportAcs")
    assert [(item.acs_snapshot, item.workflow_id_prefix) for item in sent] == [(b"one", "prefix"), (b"two", "prefix")]
    if line == "2.10":
        assert all(item.onboarded_parties == [ALICE, BOB] for item in sent)


def test_import_passes_on_what_stops_its_source() -> None:
    def broken() -> Iterator[bytes]:
        yield b"one"
        raise CantonError("the source stopped")

    with pytest.raises(CantonError, match="the source stopped"):
        Node().speaker.import_contracts(broken(), DOMAIN, "prefix", [ALICE])


def test_in_flight() -> None:
    counted = Node(CountInFlight={"pending_submissions": 2, "pending_transactions": 3})
    assert counted.speaker.in_flight(DOMAIN) == 5
    assert counted.api.requests("CountInFlight")[0].domain_id == DOMAIN
    assert Node("2.8").speaker.in_flight(DOMAIN) is None


@pytest.mark.parametrize(
    ("answer", "success", "millis"), [({"success": {"ping_time": 40, "responder": OTHER}}, True, 40), ({}, False, 0)]
)
def test_ping(answer: Any, success: bool, millis: int) -> None:
    node = Node(ping=answer)
    pong = node.speaker.ping(UID, DOMAIN, 5)
    assert (pong.success, pong.millis, bool(pong.reason)) == (success, millis, not success)
    sent = node.api.requests("ping")[0]
    assert list(sent.target_parties) == [UID] and sent.timeout_milliseconds == 5000


# -- the ledger API's own ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("line", "parties"), [("2.10", [ALICE]), ("2.8", None)])
def test_purge_of_canton_2_names_the_parties_where_it_can(line: str, parties: list[str] | None) -> None:
    node = Node(line)
    node.speaker.purge_contracts("da", ["00a1"], [ALICE])
    (sent,) = node.api.requests("PurgeContracts")
    assert (sent.domain, list(sent.contract_ids), sent.ignore_already_purged) == ("da", ["00a1"], True)
    assert parties is None or list(sent.offboarded_parties) == parties
