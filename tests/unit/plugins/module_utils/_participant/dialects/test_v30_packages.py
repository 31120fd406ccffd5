# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._participant.dialects.fake_api import DOMAIN, UID, canton_3

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Dar

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
@pytest.mark.parametrize("synchronizer", ["", DOMAIN])
def test_a_dar_is_vetted_for_one_synchronizer_and_waited_for_or_only_stored(line: str, synchronizer: str) -> None:
    speaker, api = canton_3(line)
    speaker.upload_dar(b"zip", "p1", "mine", synchronizer)
    (sent,) = api.requests("UploadDar")
    (dar,) = sent.dars
    assert (dar.bytes, dar.description, dar.expected_main_package_id) == (b"zip", "mine", "p1")
    assert sent.vet_all_packages == sent.synchronize_vetting == bool(synchronizer)
    assert sent.synchronizer_id == synchronizer


@LINES
def test_vetting_is_told_of_the_very_participant(line: str) -> None:
    def row(uid: str, *packages: str) -> dict[str, Any]:
        return {"item": {"participant_uid": uid, "packages": [{"package_id": item} for item in packages]}}

    speaker, api = canton_3(line, ListVettedPackages={"results": [row(UID, "p1", "lib"), row(UID + "0", "p3")]})
    assert speaker.vetted_packages(DOMAIN, UID) == {"p1", "lib"}
    assert api.requests("ListVettedPackages")[0].base_query.store.synchronizer.id == DOMAIN
    speaker.vet_dar("p1", DOMAIN)
    (sent,) = api.requests("VetDar")
    assert (sent.main_package_id, sent.synchronize, sent.synchronizer_id) == ("p1", True, DOMAIN)
