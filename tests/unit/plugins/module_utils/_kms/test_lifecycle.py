# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is checked, planned and awaited alike for keys of all providers."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms import lifecycle
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import NO_ROTATION, Key, Rotation


def key(state: str, **more: Any) -> Key:
    return Key(state, "symmetric", "encrypt_decrypt", full_name="key/1", **more)


@pytest.mark.parametrize(
    ("existing", "rotation", "period", "planned"),
    [
        (None, True, None, 90),
        (None, True, 30, 30),
        (Rotation(30), True, None, 30),
        (Rotation(30), None, None, 30),
        (Rotation(30), False, None, None),
        (None, None, None, None),
    ],
)
def test_rotation(existing: Rotation | None, rotation: bool | None, period: int | None, planned: int | None) -> None:
    for found in [key("enabled", rotation=existing)] + ([] if existing else [None]):
        assert lifecycle.planned_rotation(found, rotation, period, 90).period == planned
    assert NO_ROTATION.as_result() == {"enabled": False, "period": None}


@pytest.mark.parametrize(
    ("state", "hint", "retryable"), [("creating", "Wait.", True), ("destroyed", "Choose another key.", False)]
)
def test_state_that_no_node_can_use(state: str, hint: str, retryable: bool) -> None:
    params = {"enabled": None, "cancel_deletion": False}
    with pytest.raises(CantonError, match=f"its state is {state}") as caught:
        lifecycle.planned_state(key(state), params, {"creating": "Wait."})
    error = caught.value
    assert (error.error_id, error.hint, error.retryable) == (f"key_{state}", hint, retryable)
    assert error.details == {"name": "key/1"}


def test_day_of_a_deletion_is_told_where_it_is_fixed() -> None:
    params = {"enabled": None, "cancel_deletion": False}
    for date, words in (("2026-01-31T09:30:00Z", "on 2026-01-31T09:30:00Z"), (None, "not fixed yet")):
        with pytest.raises(CantonError, match=words):
            lifecycle.planned_state(key("pending_deletion", deletion_date=date), params, {})
    assert lifecycle.planned_state(key("pending_deletion"), {**params, "cancel_deletion": True}, {}) == "enabled"


def test_change_that_never_shows() -> None:
    assert lifecycle.await_change(lambda: 1, bool, 0.0, "It is not there") == 1
    with pytest.raises(CantonError, match="It is not there after 0 seconds") as caught:
        lifecycle.await_change(lambda: 0, bool, 0.0, "It is not there", arn="a")
    assert caught.value.retryable and caught.value.details == {"arn": "a"}
