# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DARs that the target lacks are checked by the target itself."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.module_utils._participant.preflight.support import look_at
from unit.plugins.refusals import refused
from unit.plugins.samples import NEW_SYNC, PACKAGE, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import (
    Busy,
    CantonError,
    DarWithoutContent,
    MessageTooLarge,
    NotOffered,
)


def target(**values: Any) -> Fake:
    return new_participant(**{"hosted": {}, "dar_contents": {}, "known": [synchronizer("newsync")], **values})


def test_what_the_target_lacks_is_validated() -> None:
    there = target()
    assert look_at(old_participant(), there) == []
    assert there.validated == [(PACKAGE.encode(), "app", NEW_SYNC)]


@pytest.mark.parametrize(
    "values",
    [
        {"known": [synchronizer("newsync", connected=False)]},
        {"dar_contents": old_participant().dar_contents},
    ],
)
def test_what_need_not_or_cannot_be_validated(values: dict[str, Any]) -> None:
    there = target(**values)
    assert look_at(old_participant(), there) == [] and there.validated == []


def test_excluded() -> None:
    there = target()
    look_at(old_participant(), there, exclude_dars=["app"])
    assert there.validated == []


@pytest.mark.parametrize(
    ("error", "identifier", "cause", "remedy"),
    [
        (MessageTooLarge("too large"), "dar_too_large", "DAR app 1.0.0 has 0.0 MiB", "max-inbound-message-size"),
        (CantonError("no upgrade", "X"), "dar_refused", "The target refuses DAR app 1.0.0: no upgrade", "exclude"),
    ],
)
def test_refused(error: CantonError, identifier: str, cause: str, remedy: str) -> None:
    (found,) = look_at(old_participant(), target(dar_error=error))
    assert (found.id, found.severity) == (identifier, "error")
    assert cause in found.message and remedy in found.remedy


def test_release_that_cannot_validate() -> None:
    assert look_at(old_participant(), target(dar_error=NotOffered("no such RPC"))) == []


def test_busy_node_is_no_finding() -> None:
    assert (
        refused(lambda: look_at(old_participant(), target(dar_error=Busy("later", "OVERLOADED")))).error_id
        == "OVERLOADED"
    )


def test_dar_without_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(_self: Fake, _main: str) -> bytes:
        raise DarWithoutContent("has no file")

    monkeypatch.setattr(Fake, "download_dar", download)
    (found,) = look_at(old_participant(), target())
    assert (found.id, found.message) == ("dar_without_content", "has no file") and "files" in found.remedy
