# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._participant.dialects.fake_api import DOMAIN, UID, canton_3

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Dar, Vetting

LINES = pytest.mark.parametrize("line", ["3.5", "3.4"])


@LINES
def test_what_is_stored(line: str) -> None:
    speaker, api = canton_3(
        line,
        ListDars={"dars": [{"main": "p1", "name": "app", "version": "1.0.0", "description": "mine"}]},
        ListPackages={
            "package_descriptions": [{"package_id": "p1", "name": "app", "version": "1"}, {"package_id": "p2"}]
        },
        GetDarContents={"packages": [{"package_id": "lib"}]},
        GetDar={"payload": b"zip"},
        ValidateDar={"main_package_id": "p1"},
    )
    assert speaker.dars() == [Dar("p1", "app", "1.0.0", "mine")]
    assert speaker.packages() == {"p1": "app 1", "p2": ""}
    assert speaker.dar_packages("p1") == {"p1", "lib"}
    assert speaker.download_dar("p1") == b"zip" and speaker.dar_main(b"zip", "app.dar") == "p1"
    assert api.requests("GetDar")[0].main_package_id == "p1"


@LINES
def test_a_dar_is_validated_for_a_synchronizer(line: str) -> None:
    speaker, api = canton_3(line)
    speaker.validate_dar(b"zip", "app", DOMAIN)
    (sent,) = api.requests("ValidateDar")
    assert (sent.data, sent.filename, sent.synchronizer_id) == (b"zip", "app", DOMAIN)
    assert api.requests("UploadDar") == []


@LINES
def test_a_dar_is_only_stored(line: str) -> None:
    speaker, api = canton_3(line)
    speaker.upload_dar(b"zip", "p1", "mine")
    (sent,) = api.requests("UploadDar")
    (dar,) = sent.dars
    assert (dar.bytes, dar.description, dar.expected_main_package_id) == (b"zip", "mine", "p1")
    assert not sent.vet_all_packages and not sent.synchronizer_id


def row(uid: str, serial: int, *packages: dict[str, Any]) -> dict[str, Any]:
    return {"context": {"serial": serial}, "item": {"participant_uid": uid, "packages": list(packages)}}


BOUNDED = {
    "package_id": "p1",
    "valid_from_inclusive": {"seconds": 5, "nanos": 7000},
    "valid_until_exclusive": {"seconds": 9},
}
P1 = Vetting("p1", 5_000_007, 9_000_000)
ROWS = [row(UID, 3, BOUNDED, {"package_id": "lib"}), row(UID + "0", 8, {"package_id": "p3"})]


@LINES
def test_vettings_of_the_very_participant(line: str) -> None:
    speaker, api = canton_3(line, ListVettedPackages={"results": ROWS})
    assert speaker.vettings(DOMAIN, UID) == {P1, Vetting("lib")}
    assert api.requests("ListVettedPackages")[0].base_query.store.synchronizer.id == DOMAIN


@LINES
def test_vetting_keeps_what_is_there(line: str) -> None:
    speaker, api = canton_3(line, ListVettedPackages={"results": ROWS})
    speaker.vet(DOMAIN, UID, {Vetting("lib", valid_until=1_500_000), Vetting("p0")})
    (sent,) = api.requests("Authorize")
    assert sent.store.synchronizer.id == DOMAIN and sent.proposal.serial == 4 and sent.must_fully_authorize
    mapping = sent.proposal.mapping.vetted_packages
    assert mapping.participant_uid == UID and [item.package_id for item in mapping.packages] == ["lib", "p0", "p1"]
    lib, p0, p1 = mapping.packages
    assert lib.valid_until_exclusive.ToMicroseconds() == 1_500_000 and not lib.HasField("valid_from_inclusive")
    assert not p0.HasField("valid_until_exclusive") and p1.valid_from_inclusive.ToMicroseconds() == 5_000_007


@LINES
def test_first_vetting(line: str) -> None:
    speaker, api = canton_3(line)
    speaker.vet(DOMAIN, UID, {P1})
    assert api.requests("Authorize")[0].proposal.serial == 1


@LINES
def test_vetting_again_writes_nothing(line: str) -> None:
    speaker, api = canton_3(line, ListVettedPackages={"results": ROWS})
    speaker.vet(DOMAIN, UID, {P1})
    assert api.requests("Authorize") == []
