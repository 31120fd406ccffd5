# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import (
    CantonError,
    DarWithoutContent,
    DependencyMissing,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (CantonError("It failed"), "It failed"),
        (CantonError("It failed", "some_id"), "It failed [some_id]"),
        (CantonError("It failed", "some_id", "Do this."), "It failed [some_id]. Do this."),
        (CantonError("It failed", "", "Do this."), "It failed. Do this."),
        (CantonError("It failed (BAD_ID)", "BAD_ID", "Do this."), "It failed (BAD_ID). Do this."),
        (CantonError("It failed.", "", "Do this."), "It failed. Do this."),
    ],
)
def test_text_for_people(error: CantonError, text: str) -> None:
    assert str(error) == text


def test_restated_error_is_the_same_in_other_words() -> None:
    error = DarWithoutContent("There is no file")
    error.retryable, error.details = True, {"dar": "a"}
    again = error.restated("2 DARs have no file", number=2)
    assert isinstance(again, DarWithoutContent) and again.retryable
    assert (again.message, again.error_id, again.hint) == ("2 DARs have no file", "dar_without_content", error.hint)
    assert again.details == {"dar": "a", "number": 2} and error.details == {"dar": "a"}
    assert again.restated(hint="Do this.").args == ("2 DARs have no file",)


def test_missing_library() -> None:
    error = DependencyMissing("grpcio", "No module named 'grpc'")
    assert error.error_id == "dependency_missing" and error.library == "grpcio"
    assert "grpcio" in error.message and "No module named 'grpc'" in error.message
    assert "pip install grpcio" in error.hint and "ansible_python_interpreter" in error.hint
