# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Contracts and their snapshots in the dialect of Canton 2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from unit.plugins.module_utils._participant.dialects.fake_api import ALICE, BOB, DOMAIN, SECOND, UID, Node
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import ActiveContract


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
        assert refused(lambda raw=raw: node.speaker.read_record(raw)).error_id == "wrapper_version"


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


@pytest.mark.parametrize(("line", "parties"), [("2.10", [ALICE]), ("2.8", None)])
def test_purge_of_canton_2_names_the_parties_where_it_can(line: str, parties: list[str] | None) -> None:
    node = Node(line)
    node.speaker.purge_contracts("da", ["00a1"], [ALICE])
    (sent,) = node.api.requests("PurgeContracts")
    assert (sent.domain, list(sent.contract_ids), sent.ignore_already_purged) == ("da", ["00a1"], True)
    assert parties is None or list(sent.offboarded_parties) == parties
