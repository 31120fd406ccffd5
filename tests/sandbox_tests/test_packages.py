# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DARs, packages and vetting through both APIs (docs/canton/packages.md#stored-and-vetted)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from networks import MakeNetwork, playing

from sandbox.daml import dars
from sandbox.v30.requests import CONNECTIVITY, READ, WRITE, change, on, query
from sandbox.wire import client
from sandbox.wire.client import CallFailed, Participant

WAITING = {"wait_to_become_effective": "10s"}
PACKAGES = "admin.participant.v30.PackageService"
TOPOLOGY = {
    "synchronizers": {"one": {}, "two": {}},
    "participants": {
        "p": {
            "connections": [{"synchronizer": "one"}, {"synchronizer": "two"}],
            "parties": ["Alice"],
            "dars": [{"name": "seeded", "version": "1.0.0", "packages": 3}],
            "contracts": [{"count": 1, "dar": "seeded", "parties": ["Alice"]}],
        }
    },
}


def dar(name: str, version: str = "1.0.0", **more: Any) -> bytes:
    return dars.make_dar(name, version, **more)


def main_id(payload: bytes) -> str:
    return dars.read_dar(payload).main.package_id


class Net:
    def __init__(self, participant: Participant, synchronizers: dict[str, Any]) -> None:
        self.p = participant
        self.one, self.two = synchronizers["one"]["id"], synchronizers["two"]["id"]

    def upload(self, payload: bytes, **more: Any) -> Any:
        data = {"bytes": base64.b64encode(payload).decode(), **more.pop("data", {})}
        return self.p.admin(f"{PACKAGES}/UploadDar", {"dars": [data], **more})

    def upload_and_vet(self, payload: bytes, synchronizer: str) -> Any:
        more = {"vet_all_packages": True, "synchronize_vetting": True, "synchronizer_id": synchronizer}
        return self.upload(payload, **more)

    def vetted(self, synchronizer: str) -> tuple[set[str], int]:
        answer = self.p.admin(f"{READ}/ListVettedPackages", query(on(synchronizer)))
        (result,) = answer["results"]
        return {each["package_id"] for each in result["item"]["packages"]}, result["context"]["serial"]

    def listed(self) -> dict[str, str]:
        return {each["name"]: each["main"] for each in self.p.admin(f"{PACKAGES}/ListDars")["dars"]}


@pytest.fixture(scope="module")
def running(make_network: MakeNetwork, line: str) -> Iterator[Net]:
    info = make_network(playing(TOPOLOGY, line)).info()
    with client.participants(info) as clients:
        yield Net(clients["p"], info["synchronizers"])


@pytest.fixture
def net(running: Net) -> Net:
    running.p.admin(f"{CONNECTIVITY}/ReconnectSynchronizers", {"ignore_failures": False})
    return running


def refused(call: Any, *arguments: Any, **more: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call(*arguments, **more)
    return caught.value


def test_seeded_dars_are_stored_and_vetted_everywhere(net: Net) -> None:
    assert list(net.listed()) == [dars.PING_DAR, "seeded"]
    contents = net.p.admin(f"{PACKAGES}/GetDarContents", {"main_package_id": net.listed()["seeded"]})
    ids = {each["package_id"] for each in contents["packages"]}
    assert len(ids) == 3
    assert ids < net.vetted(net.one)[0]
    assert ids < net.vetted(net.two)[0]


def test_a_dar_comes_back_as_it_was(net: Net) -> None:
    payload = dar("back", packages=2)
    assert net.upload(payload, data={"description": "mine"}) == {"dar_ids": [main_id(payload)]}
    answer = net.p.admin(f"{PACKAGES}/GetDar", {"main_package_id": main_id(payload)})
    assert base64.b64decode(answer["payload"]) == payload
    expected = {"main": main_id(payload), "name": "back", "version": "1.0.0", "description": "mine"}
    assert answer["data"] == expected
    assert refused(net.p.admin, f"{PACKAGES}/GetDar", {"main_package_id": "0" * 64}).reason == "DAR_NOT_FOUND"


def test_storing_is_not_vetting(net: Net) -> None:
    payload = dar("stored")
    before = net.vetted(net.one)
    net.upload(payload)
    assert net.vetted(net.one) == before
    net.p.admin(
        f"{PACKAGES}/VetDar", {"main_package_id": main_id(payload), "synchronizer_id": net.one, "synchronize": True}
    )
    assert net.vetted(net.one) == (before[0] | {main_id(payload)}, before[1] + 1)
    assert main_id(payload) not in net.vetted(net.two)[0]


def test_vetting_again_writes_nothing(net: Net) -> None:
    payload = dar("twice")
    net.upload_and_vet(payload, net.one)
    vetted = net.vetted(net.one)
    net.upload_and_vet(payload, net.one)
    assert net.vetted(net.one) == vetted


def test_unvetting(net: Net) -> None:
    payload = dar("unvetted")
    net.upload_and_vet(payload, net.two)
    net.p.admin(f"{PACKAGES}/UnvetDar", {"main_package_id": main_id(payload), "synchronizer_id": net.two})
    assert main_id(payload) not in net.vetted(net.two)[0]


def test_vetting_package_by_package_with_bounds(net: Net) -> None:
    payload = dar("bounded", packages=2)
    net.upload(payload)
    before, serial = net.vetted(net.two)
    bounds = {"valid_from_inclusive": "2020-01-01T00:00:00Z", "valid_until_exclusive": "2021-01-01T00:00:00.000001Z"}
    kept = [{"package_id": each} for each in sorted(before)]
    packages = [*kept, {"package_id": main_id(payload), **bounds}]
    mapping = {"vetted_packages": {"participant_uid": net.p.uid, "packages": packages}}
    wrong = refused(net.p.admin, f"{WRITE}/Authorize", change(mapping, on(net.two), serial=serial))
    assert wrong.reason == "TOPOLOGY_SERIAL_MISMATCH"
    net.p.admin(f"{WRITE}/Authorize", change(mapping, on(net.two), serial=serial + 1, **WAITING))
    (result,) = net.p.admin(f"{READ}/ListVettedPackages", query(on(net.two)))["results"]
    assert result["item"]["packages"] == packages
    unknown = {"vetted_packages": {"participant_uid": net.p.uid, "packages": [*packages, {"package_id": "0" * 64}]}}
    error = refused(net.p.admin, f"{WRITE}/Authorize", change(unknown, on(net.two)))
    assert error.reason == "TOPOLOGY_CANNOT_VET_DUE_TO_MISSING_PACKAGES"


def test_which_synchronizer_to_vet_on(net: Net) -> None:
    payload = dar("where")
    ambiguous = refused(net.upload, payload, vet_all_packages=True)
    assert (ambiguous.code, ambiguous.reason) == (
        "FAILED_PRECONDITION",
        "PACKAGE_SERVICE_CANNOT_AUTODETECT_SYNCHRONIZER",
    )
    net.p.admin(f"{CONNECTIVITY}/DisconnectSynchronizer", {"synchronizer_alias": "two"})
    away = refused(net.upload_and_vet, payload, net.two)
    assert away.reason == "PACKAGE_SERVICE_NOT_CONNECTED_TO_SYNCHRONIZER"
    net.p.admin(f"{CONNECTIVITY}/DisconnectAllSynchronizers")
    assert refused(net.upload, payload, vet_all_packages=True).reason == ambiguous.reason
    assert "where" not in net.listed()
    net.upload(payload)
    assert "where" in net.listed()


def test_other_content_under_a_known_version(net: Net) -> None:
    net.upload(dar("versioned"))
    other = dar("versioned", salt="other")
    assert refused(net.upload, other).reason == "KNOWN_PACKAGE_VERSION"
    request = {"data": base64.b64encode(other).decode(), "filename": "x.dar"}
    assert refused(net.p.admin, f"{PACKAGES}/ValidateDar", request).reason == "KNOWN_PACKAGE_VERSION"
    net.upload(dar("versioned", "1.1.0"))


def test_an_unexpected_main_package(net: Net) -> None:
    failure = refused(net.upload, dar("expected"), data={"expected_main_package_id": "1" * 64})
    assert failure.reason == "MAIN_PACKAGE_IN_DAR_DOES_NOT_MATCH_EXPECTED"
    assert "expected" not in net.listed()


def test_removal(net: Net) -> None:
    def remove(main: str) -> Any:
        return net.p.admin(f"{PACKAGES}/RemoveDar", {"main_package_id": main})

    payload = dar("removed")
    net.upload_and_vet(payload, net.one)
    assert "vetted" in refused(remove, main_id(payload)).text
    net.p.admin(f"{PACKAGES}/UnvetDar", {"main_package_id": main_id(payload), "synchronizer_id": net.one})
    remove(main_id(payload))
    assert "removed" not in net.listed()
    assert refused(remove, main_id(payload)).reason == "DAR_NOT_FOUND"
    assert "in-use" in refused(remove, net.listed()["seeded"]).text


def test_packages_of_both_apis(net: Net) -> None:
    listed = net.p.admin(f"{PACKAGES}/ListPackages")["package_descriptions"]
    ids = [each["package_id"] for each in listed]
    assert net.p.ledger("v2.PackageService/ListPackages")["package_ids"] == ids
    known = net.p.ledger("v2.admin.PackageManagementService/ListKnownPackages")["package_details"]
    assert [(each["package_id"], int(each["package_size"])) for each in known] == [
        (each["package_id"], each["size"]) for each in listed
    ]
    seeded = net.p.admin(f"{PACKAGES}/ListPackages", {"filter_name": "seeded", "limit": 2})["package_descriptions"]
    assert [each["name"] for each in seeded] == ["seeded", "seeded-dependency-1"]
    request = {"package_id": seeded[0]["package_id"]}
    assert net.p.admin(f"{PACKAGES}/GetPackageContents", request)["modules"] == [{"name": "Iou"}]
    references = net.p.admin(f"{PACKAGES}/GetPackageReferences", {"package_id": seeded[1]["package_id"]})
    assert [each["name"] for each in references["dars"]] == ["seeded"]
    assert net.p.ledger("v2.PackageService/GetPackageStatus", request)["package_status"] == "PACKAGE_STATUS_REGISTERED"
    assert net.p.ledger("v2.PackageService/GetPackageStatus", {"package_id": "0" * 64}) == {}


def test_vetting_through_the_ledger_api(net: Net) -> None:
    payload = dar("ledger")
    upload = {
        "dar_file": base64.b64encode(payload).decode(),
        "synchronizer_id": net.one,
        "vetting_change": "VETTING_CHANGE_DONT_VET_ANY_PACKAGES",
    }
    net.p.ledger("v2.admin.PackageManagementService/UploadDarFile", upload)
    request = {
        "changes": [{"vet": {"packages": [{"package_name": "ledger"}]}}],
        "synchronizer_id": net.one,
        "dry_run": True,
    }
    update = "v2.admin.PackageManagementService/UpdateVettedPackages"
    net.p.ledger(update, request)
    assert main_id(payload) not in net.vetted(net.one)[0]
    answer = net.p.ledger(update, {**request, "dry_run": False})
    assert "ledger" in {each.get("package_name") for each in answer["new_vetted_packages"]["packages"]}
    assert main_id(payload) in net.vetted(net.one)[0]
    wanted = {
        "package_metadata_filter": {"package_name_prefixes": ["ledger"]},
        "topology_state_filter": {"synchronizer_ids": [net.one]},
    }
    (found,) = net.p.ledger("v2.PackageService/ListVettedPackages", wanted)["vetted_packages"]
    assert [each["package_id"] for each in found["packages"]] == [main_id(payload)]
    request["changes"] = [{"unvet": {"packages": [{"package_name": "nothing"}]}}]
    assert refused(net.p.ledger, update, request).reason == "UNRESOLVED_VETTING_REFERENCE"
