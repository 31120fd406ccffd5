# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Canton 2: DARs by their hash, packages, and vetting in the Authorized store (docs/canton/canton-2.md#dars)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from networks import MakeNetwork
from sandbox_tests.canton_2 import PACKAGE_MANAGEMENT, PACKAGES, RELEASES, Net

from sandbox.daml import dars
from sandbox.v0.dar_store import dar_hash
from sandbox.v0.requests import AUTHORIZED, listed
from sandbox.wire import client
from sandbox.wire.client import CallFailed

SYSTEM = "AdminWorkflows"


def topology(release: str) -> dict[str, Any]:
    entry = {
        "release": release,
        "connections": [{"synchronizer": "one"}],
        "parties": ["Alice"],
        "dars": [
            {"name": "seeded", "version": "1.0.0", "packages": 3},
            {"name": "bare", "version": "1.0.0", "stored": False},
        ],
        "contracts": [{"count": 1, "dar": "seeded", "parties": ["Alice"]}],
    }
    return {"synchronizers": {"one": {}}, "participants": {"p": entry}}


@pytest.fixture(scope="module", params=RELEASES)
def net(request: pytest.FixtureRequest, make_network: MakeNetwork) -> Iterator[Net]:
    network = make_network(topology(request.param))
    with client.participants(network.info()) as clients:
        yield Net(request.param, network, clients)


def package_ids(payload: bytes) -> set[str]:
    return {package.package_id for package in dars.read_dar(payload).packages}


def call(net: Net, rpc: str, **request: Any) -> Any:
    return net["p"].admin(f"{PACKAGES}/{rpc}", request)


def upload(net: Net, payload: bytes, name: str = "some.dar", vet: bool = True) -> Any:
    data = base64.b64encode(payload).decode()
    return call(net, "UploadDar", data=data, filename=name, vet_all_packages=vet, synchronize_vetting=vet)


def refused(net: Net, rpc: str, **request: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call(net, rpc, **request)
    return caught.value


def names(net: Net) -> dict[str, str]:
    """hash -> name"""
    return {each["hash"]: each["name"] for each in call(net, "ListDars")["dars"]}


def vetted(net: Net, store: str) -> set[str]:
    return {
        package for result in listed(net["p"], "VettedPackages", store) for package in result["item"]["package_ids"]
    }


def test_seeded_dars(net: Net) -> None:
    (system,) = [key for key, name in names(net).items() if name == SYSTEM]
    (seeded,) = [key for key, name in names(net).items() if name == "seeded"]
    contents = call(net, "ListDarContents", dar_id=seeded)
    assert contents["main"] in contents["packages"]
    assert sorted([contents["main"], *contents["dependencies"]]) == sorted(contents["packages"])
    assert len(contents["packages"]) == 3
    sources = {p["package_id"]: p.get("source_description") for p in call(net, "ListPackages")["package_descriptions"]}
    assert {sources[package] for package in contents["packages"]} == {"seeded"}
    assert call(net, "ListPackageContents", package_id=contents["main"])["modules"] == [{"name": "Iou"}]
    of_system = set(call(net, "ListDarContents", dar_id=system)["packages"])
    for store in (AUTHORIZED, net.domain("one")):
        assert of_system | set(contents["packages"]) <= vetted(net, store)
    assert len(call(net, "ListDars", limit=1)["dars"]) == 1


def test_packages_without_their_dar(net: Net) -> None:
    (package,) = package_ids(dars.make_dar("bare", "1.0.0"))
    assert "bare" not in names(net).values()
    sources = {p["package_id"]: p.get("source_description") for p in call(net, "ListPackages")["package_descriptions"]}
    assert sources[package] is None
    assert package in vetted(net, net.domain("one"))


def test_a_dar_is_known_by_the_hash_of_its_bytes(net: Net) -> None:
    payload = dars.make_dar("twice", "1.0.0")
    repacked = payload[:-2] + b"\x01\x00!"  # the same ZIP with a comment
    assert package_ids(payload) == package_ids(repacked)
    for each, name in ((payload, "one.dar"), (repacked, "two")):
        assert upload(net, each, name) == {"success": {"hash": dar_hash(each)}}
        assert names(net)[dar_hash(each)] == name.removesuffix(".dar")
        answer = call(net, "GetDar", hash=dar_hash(each))
        assert base64.b64decode(answer["data"]) == each
    assert upload(net, payload, "other name.dar") == {"success": {"hash": dar_hash(payload)}}
    assert names(net)[dar_hash(payload)] == "one"
    failure = refused(net, "RemoveDar", dar_hash=dar_hash(payload))
    assert failure.reason == "MAIN_DAR_PACKAGE_REFERENCED_EXTERNALLY"


def test_vetting_works_while_disconnected(net: Net) -> None:
    payload = dars.make_dar("offline", "1.0.0", packages=2)
    net.disconnect("p", "one")
    upload(net, payload)
    assert package_ids(payload) <= vetted(net, AUTHORIZED)
    assert package_ids(payload).isdisjoint(vetted(net, net.domain("one")))
    net.connect("p", "one")
    call(net, "VetDar", dar_hash=dar_hash(payload), synchronize=True)
    assert package_ids(payload) <= vetted(net, net.domain("one"))


def test_the_life_of_a_dar(net: Net) -> None:
    payload = dars.make_dar("short", "1.0.0", packages=2)
    key = upload(net, payload, vet=False)["success"]["hash"]
    assert package_ids(payload).isdisjoint(vetted(net, AUTHORIZED))
    call(net, "VetDar", dar_hash=key, synchronize=True)
    assert package_ids(payload) <= vetted(net, net.domain("one"))
    main = dars.read_dar(payload).main.package_id
    assert refused(net, "RemovePackage", package_id=main).reason == "PACKAGE_OR_DAR_REMOVAL_ERROR"
    call(net, "UnvetDar", dar_hash=key)
    assert package_ids(payload).isdisjoint(vetted(net, AUTHORIZED))
    assert call(net, "RemoveDar", dar_hash=key) == {"success": {}}
    assert key not in names(net)
    for rpc, field in (("GetDar", "hash"), ("VetDar", "dar_hash"), ("ListDarContents", "dar_id")):
        failure = refused(net, rpc, **{field: key})
        assert (failure.code, failure.reason) == ("NOT_FOUND", "DAR_NOT_FOUND")


def test_what_is_used_stays(net: Net) -> None:
    for name in ("seeded", SYSTEM):
        (key,) = [key for key, known in names(net).items() if known == name]
        assert refused(net, "RemoveDar", dar_hash=key).reason == "PACKAGE_OR_DAR_REMOVAL_ERROR"


def test_other_content_under_a_version_that_is_taken(net: Net) -> None:
    """2.8 has no package upgrades, and so nothing against it."""
    upload(net, dars.make_dar("versioned", "1.0.0"))
    other = dars.make_dar("versioned", "1.0.0", salt="x")
    if net.release == "2.8":
        assert upload(net, other) == {"success": {"hash": dar_hash(other)}}
        return
    data = base64.b64encode(other).decode()
    for rpc in ("UploadDar", "ValidateDar"):
        assert refused(net, rpc, data=data, filename="x").reason == "KNOWN_DAR_VERSION"


def test_dars_that_are_none(net: Net) -> None:
    assert refused(net, "UploadDar", data=base64.b64encode(b"no zip").decode(), filename="x").reason == "INVALID_DAR"
    data = base64.b64encode(dars.make_dar("fine", "1.0.0")).decode()
    assert refused(net, "UploadDar", data=data, filename="x" * 300).reason == "INVALID_DAR_FILE_NAME"


def test_a_failure_in_a_normal_answer(net: Net) -> None:
    net.network.set("p", "upload_failure", "no")
    payload = dars.make_dar("unlucky", "1.0.0")
    assert upload(net, payload) == {"failure": {"reason": "no"}}
    assert dar_hash(payload) not in names(net)
    net.network.set("p", "upload_failure", None)


def test_the_ledger_api_uploads_and_vets(net: Net) -> None:
    payload = dars.make_dar("from-ledger", "1.0.0")
    data = base64.b64encode(payload).decode()
    ledger = net["p"].ledger
    assert ledger(f"{PACKAGE_MANAGEMENT}/ValidateDarFile", {"dar_file": data}) == {}
    assert dar_hash(payload) not in names(net)
    ledger(f"{PACKAGE_MANAGEMENT}/UploadDarFile", {"dar_file": data})
    assert names(net)[dar_hash(payload)] == "from-ledger-1.0.0"
    assert package_ids(payload) <= vetted(net, net.domain("one"))
    details = ledger(f"{PACKAGE_MANAGEMENT}/ListKnownPackages")["package_details"]
    (found,) = [each for each in details if each["package_id"] in package_ids(payload)]
    assert found["source_description"] == "from-ledger-1.0.0"
    assert int(found["package_size"]) > 0
