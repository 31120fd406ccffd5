# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._api.wrapper import unwrap, unwrap_active_contract
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError


def wrapped(data: bytes, version: int = 30) -> bytes:
    """``data`` is field 1 and the version field 2 of the wrapper (admin-api-3 B5)."""
    return b"\x0a" + bytes([len(data)]) + data + b"\x10" + bytes([version])


def test_unwrap() -> None:
    assert unwrap(wrapped(b"inner"), "a thing") == b"inner"


def test_contract_inside_two_wrappings() -> None:
    assert unwrap_active_contract(wrapped(b"\x0a\x03abc")) == b"abc"


@pytest.mark.parametrize(
    ("raw", "error_id", "cause"),
    [
        (wrapped(b"x", 31), "wrapper_version", "a contract record comes in proto version 31"),
        (b"\x0a\x01x", "wrapper_version", "proto version 0"),
        (b"\x0a\x7f", "wrapper_unreadable", "a contract record"),
        (wrapped(b"\xff\xff"), "wrapper_unreadable", "record cannot be read"),
    ],
)
def test_what_cannot_be_unwrapped(raw: bytes, error_id: str, cause: str) -> None:
    with pytest.raises(CantonError) as caught:
        unwrap_active_contract(raw)
    assert caught.value.error_id == error_id and cause in caught.value.message
