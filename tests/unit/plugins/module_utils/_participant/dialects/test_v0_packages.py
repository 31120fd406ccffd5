# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DARs and vetting in the dialect of Canton 2."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._participant.dialects.fake_api import DOMAIN, UID, Node, vetting
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Dar,
    Vetting,
)

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
    error = refused(lambda: store(GetDar={"name": "app"}).speaker.download_dar("p1"))
    assert error.error_id == "dar_without_content" and "files" in error.hint
    assert refused(lambda: store().speaker.download_dar("p9")).error_id == "DAR_NOT_FOUND"


@pytest.mark.parametrize(("description", "filename"), [("app", "app.dar"), ("app.dar", "app.dar"), ("", "p1.dar")])
def test_upload(description: str, filename: str) -> None:
    node = Node(UploadDar={"success": {"hash": "1220h1"}})
    node.speaker.upload_dar(b"zip", "p1", description)
    (sent,) = node.api.requests("UploadDar")
    assert (sent.filename, sent.data, sent.vet_all_packages) == (filename, b"zip", False)


def test_validation() -> None:
    node = Node()
    node.speaker.validate_dar(b"zip", "app", DOMAIN)
    (sent,) = node.api.requests("ValidateDar")
    assert (sent.data, sent.filename) == (b"zip", "app")


@pytest.mark.parametrize(("answer", "cause"), [({"failure": {"reason": "too old"}}, "too old"), ({}, "no reason")])
def test_refusal_that_comes_as_an_answer(answer: Any, cause: str) -> None:
    with pytest.raises(CantonError, match=cause) as caught:
        Node(UploadDar=answer).speaker.upload_dar(b"zip", "p1", "app")
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
    assert node.speaker.vettings(DOMAIN, UID) == {Vetting("p1"), Vetting("lib"), Vetting("p2")}
    assert node.speaker.vettings(AUTHORIZED, UID) == {Vetting("p4")}
    node.speaker.vet(DOMAIN, UID, {Vetting("p4"), Vetting("p2"), Vetting("p1")})
    node.speaker.vet(DOMAIN, UID, {Vetting("p4")})
    (sent,) = node.api.requests("AuthorizeVettedPackages")
    assert (sent.participant, list(sent.package_ids)) == (UID, ["p1", "p2"])
    assert sent.authorization.force_change
